// SPDX-License-Identifier: GPL-2.0-only
#include "kills.h"

#include <pthread.h>
#include <sys/mman.h>

#include "counts.h"
#include "ktap.h"
#include "util.h"

static const struct kills *kills;

/* What busy clients have begun and what they were given, of each kind. */
static struct kills_tally {
	volatile int ready;
	double calm; /* seconds without a reset */
	struct kills_kind {
		volatile unsigned long begun, done;
	} read, write, fault, reset;
} * kills_tally;

/* Short transfers, of which some are over when the kill comes, and long ones, which are not. */
static void kills_transfer(uint64_t i, bool put)
{
	static unsigned char buf[2][4 * MiB];
	size_t n = i & 2 ? sizeof(buf[0]) : 64 * KiB;
	int index = kills->region[i & 1];
	uint64_t at = i * 7 * MiB % (400 * MiB);
	struct kills_kind *kind = put ? &kills_tally->write : &kills_tally->read;
	ssize_t r;

	kind->begun++;
	r = put ? vfio_write(kills->vfio, index, at, buf[1], n)
		: vfio_read(kills->vfio, index, at, buf[0], n);
	kind->done += r == (ssize_t)n;
}

static void *kills_reader(void *arg)
{
	(void)arg;
	for (uint64_t i = 0;; i++)
		kills_transfer(i, false);
	return NULL;
}

static void *kills_writer(void *arg)
{
	(void)arg;
	for (uint64_t i = 0;; i++)
		kills_transfer(i, true);
	return NULL;
}

static void *kills_resetter(void *arg)
{
	(void)arg;
	for (;;) {
		ktap_sleep(kills_tally->calm);
		kills_tally->reset.begun++;
		if (!vfio_reset(kills->vfio))
			kills_tally->reset.done++;
		kills->enable();
	}
	return NULL;
}

/* Does everything at once until it is killed. */
static void kills_busy(void *arg)
{
	pthread_t thread;

	(void)arg;
	vfio_open(kills->vfio, kills->bdf);
	kills->enable();
	pthread_create(&thread, NULL, kills_reader, NULL);
	pthread_create(&thread, NULL, kills_writer, NULL);
	pthread_create(&thread, NULL, kills_resetter, NULL);
	kills_tally->ready = 1;
	for (uint64_t i = 0;; i++) {
		volatile char *p = kills->map(64 * MiB);

		for (uint64_t at = 0; at < 64 * MiB; at += 4 * MiB) {
			kills_tally->fault.begun++;
			if (!vfio_touch_write(p + (at + i * 4096) % (64 * MiB), i))
				kills_tally->fault.done++;
		}
		munmap((void *)(uintptr_t)p, 64 * MiB);
	}
}

/* Some of each kind were given what they asked for, and some were cut off. */
static void kills_tell(int rounds, double worst)
{
	const struct kills_tally *t = kills_tally;

	ktap_diag(
		"%d kills, the slowest took %.3f s; served of begun: %lu of %lu reads, %lu of %lu "
		"writes, %lu of %lu stores, %lu of %lu resets",
		rounds, worst, t->read.done, t->read.begun, t->write.done, t->write.begun,
		t->fault.done, t->fault.begun, t->reset.done, t->reset.begun);
	OK(t->read.done && t->write.done && t->fault.done && t->reset.done,
	   "a kind that was never served");
	OK(t->read.begun > t->read.done && t->write.begun > t->write.done &&
		   t->fault.begun > t->fault.done && t->reset.begun > t->reset.done,
	   "a kind in whose middle nobody was killed");
}

/* Until each kind was served once more. */
static void kills_await_all(void)
{
	const struct kills_tally was = *kills_tally;
	double end = ktap_now() + 20;

	while (ktap_now() < end && (kills_tally->read.done == was.read.done ||
				    kills_tally->write.done == was.write.done ||
				    kills_tally->fault.done == was.fault.done ||
				    kills_tally->reset.done == was.reset.done))
		ktap_sleep(0.002);
}

/* Until one is in the middle of it: all that were cut off before, @lost, never end. */
static void kills_await_middle(const struct kills_kind *kind, unsigned long lost)
{
	double end = ktap_now() + 20;

	while (ktap_now() < end && kind->begun - kind->done <= lost)
		ktap_sleep(0.002);
}

/* Start one, wait for a moment of round @i, and kill it: how long that took. */
static double kills_round(int i, double unit)
{
	struct kills_tally *t = kills_tally;
	/* What is over soonest, first: few rounds do not reach the last. */
	struct kills_kind *const kinds[] = {&t->fault, &t->reset, &t->read, &t->write};
	struct kills_kind *kind = i % 2 ? kinds[i / 2 % 4] : NULL;
	unsigned long lost = kind ? kind->begun - kind->done : 0;
	double start;
	pid_t pid;

	t->ready = 0;
	t->calm = (double)(i % 3 + 1) * unit;
	pid = ktap_spawn(kills_busy, NULL);
	EQ(ktap_await(&t->ready, 1, 20), 1, "round %d: client began", i);
	/* A reset takes a tenth of a second: most clients do not see the end of one. */
	if (i % 5 == 0)
		kills_await_all();
	if (kind)
		kills_await_middle(kind, lost);
	else
		ktap_sleep((double)(ktap_random() % 40) / 30 * unit);
	start = ktap_now();
	ktap_kill(pid, 20, "busy client");
	return ktap_now() - start;
}

/* The first two rounds warm the kernel up. */
#define KILLS_WARM 2

void kills_random(const struct kills *k)
{
	const double unit = ktap_sanitized() ? 0.3 : 0.03;
	int rounds = !ktap_brief() ? 200 : ktap_sanitized() ? 6 : 10;
	struct counts before;
	double worst = 0;

	kills = k;
	kills_tally = ktap_shared(sizeof(*kills_tally));
	for (int i = 0; i < rounds; i++) {
		double seconds = kills_round(i, unit);

		if (seconds > worst)
			worst = seconds;
		k->next();
		if (i == KILLS_WARM - 1)
			counts_take(&before);
	}
	kills_tell(rounds, worst);
	counts_same(&before, rounds - KILLS_WARM, COUNTS_NOISE_LARGE);
}
