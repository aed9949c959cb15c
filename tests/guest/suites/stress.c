// SPDX-License-Identifier: GPL-2.0-only
/*
 * G4, G10 and G11 all at once: readers, writers and faulters at work while memory enable is toggled,
 * the device reset by every path, mappings made, split and unmade, BARs written, buffers faulted in
 * from the window itself and from a userfaultfd that answers late, and a process with the device
 * open killed. Nobody may hang, and no byte may be wrong.
 *
 * An *actor* is a thread that takes *turns* of one kind until the time is over. Each owns an *area*
 * of device memory, which no other actor writes, and knows what must be in it: what a call said was
 * done is there, and nothing else changed. A turn may be refused, with -EIO or SIGBUS; it may not
 * fail in another way. In the end every actor must have been served, or the test has shown nothing;
 * on a slow machine some get through only when the *disturbers*, of memory enable and by resets, have
 * become calm.
 *
 * COHGPU_STRESS_SECONDS overrides how long it takes.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sibling.h"

#define ST_AREA	  (256 * KiB)
#define ST_STUCK  40 /* seconds without a turn; the longest one holds a buffer for four */
#define ST_CALMED 80 /* seconds in the calm, at most, until everybody was served enough */

struct st_actor {
	const char *name;
	void (*turn)(struct st_actor *a);
	int window;
	uint64_t at; /* its area, in device memory */
	volatile uint64_t done, refused;
	uint64_t random;
	unsigned char *want, *buf; /* the area as it must be; ST_AREA bytes to work with */
	int uffd;
	volatile uint64_t seed; /* of what comes late */
	volatile bool over;
};

static struct gpu gpu;
static struct vfio_dev sibling; /* of the GPU whose bus can be reset */
static unsigned int st_least;	/* turns of each that must be served */
static volatile enum { ST_DISTURB, ST_CALM, ST_STOP } * st_phase;

static uint64_t st_random(struct st_actor *a, uint64_t below)
{
	a->random ^= a->random << 13;
	a->random ^= a->random >> 7;
	a->random ^= a->random << 17;
	return a->random % below;
}

static void st_pause(struct st_actor *a, unsigned int least_ms, unsigned int most_ms)
{
	ktap_sleep((double)(least_ms + st_random(a, most_ms - least_ms + 1)) / 1000);
}

/* Where its area is in its window. */
static uint64_t st_area(const struct st_actor *a)
{
	return a->at - gpu_window(&gpu, a->window);
}

/* What the device has in an area. Waits for stores of ours that are under way. */
static void st_device(const struct st_actor *a, void *bytes)
{
	__sync_synchronize();
	sim_mem_read(gpu.name, a->at, bytes, ST_AREA);
}

static void st_check(struct st_actor *a)
{
	st_device(a, a->buf);
	BYTES(a->buf, a->want, ST_AREA, "%s: its area, seen from the device", a->name);
}

/* A transfer came back: bytes done, -EIO, or what else this actor may meet. */
static bool st_served(struct st_actor *a, ssize_t r, size_t n, int also)
{
	OK((r > 0 && r <= (ssize_t)n) || r == -EIO || (also && r == also),
	   "%s: transfer of %zu: got %zd", a->name, n, r);
	if (r < 0)
		a->refused++;
	else
		a->done++;
	return r > 0;
}

/* Loads and stores that may raise SIGBUS, in any thread. */
static _Thread_local sigjmp_buf st_jump;

static void st_bus(int sig)
{
	(void)sig;
	siglongjmp(st_jump, 1);
}

static void st_catch(void)
{
	struct sigaction sa = {.sa_handler = st_bus, .sa_flags = SA_NODEFER};

	sigaction(SIGBUS, &sa, NULL);
}

static bool st_touch(struct st_actor *a, volatile uint64_t *at, uint64_t *value, bool store)
{
	if (sigsetjmp(st_jump, 0)) {
		a->refused++;
		return false;
	}
	if (store)
		*at = *value;
	else
		*value = *at;
	a->done++;
	return true;
}

static void st_rw(struct st_actor *a)
{
	size_t n = 1 + st_random(a, ST_AREA), off = st_random(a, ST_AREA - n + 1);
	ssize_t r;

	ktap_fill(a->buf, n, st_random(a, UINT64_MAX));
	r = vfio_write(&gpu.vfio, a->window, st_area(a) + off, a->buf, n);
	if (st_served(a, r, n, 0))
		memcpy(a->want + off, a->buf, r);
	n = 1 + st_random(a, ST_AREA);
	off = st_random(a, ST_AREA - n + 1);
	r = vfio_read(&gpu.vfio, a->window, st_area(a) + off, a->buf, n);
	if (st_served(a, r, n, 0))
		BYTES(a->buf, a->want + off, r, "%s: read back", a->name);
	if (!st_random(a, 8))
		st_check(a);
}

static void st_fault(struct st_actor *a)
{
	volatile uint64_t *map = vfio_map(&gpu.vfio, a->window, st_area(a), ST_AREA);

	for (int i = 0; i < 32; i++) {
		size_t at = st_random(a, ST_AREA / 8);
		uint64_t value = st_random(a, UINT64_MAX);
		bool store = st_random(a, 2);

		if (!st_touch(a, map + at, &value, store))
			continue;
		if (store)
			memcpy(a->want + 8 * at, &value, 8);
		else
			BYTES(&value, a->want + 8 * at, 8, "%s: load", a->name);
	}
	munmap((void *)map, ST_AREA);
	if (!st_random(a, 8))
		st_check(a);
}

/* One half of its area is the buffer of a transfer of the other half. */
static void st_self(struct st_actor *a)
{
	const size_t half = ST_AREA / 2, n = 1 + st_random(a, half);
	bool write = st_random(a, 2);
	void *map = vfio_map(&gpu.vfio, a->window, st_area(a) + half, half);
	ssize_t r = write ? vfio_write(&gpu.vfio, a->window, st_area(a), map, n)
			  : vfio_read(&gpu.vfio, a->window, st_area(a), map, n);

	munmap(map, half);
	if (st_served(a, r, n, -EFAULT) && r == (ssize_t)n) {
		memcpy(a->want + (write ? 0 : half), a->want + (write ? half : 0), n);
		st_check(a);
	}
	/* Of a copy that broke off, some bytes may have come that the count does not have. */
	st_device(a, a->want);
	ktap_fill(a->buf, half, a->random);
	r = vfio_write(&gpu.vfio, a->window, st_area(a) + half, a->buf, half);
	if (st_served(a, r, half, 0))
		memcpy(a->want + half, a->buf, r);
}

/* Whole window mapped, cut to pieces, one of them read-only. */
static void st_map(struct st_actor *a)
{
	size_t size = gpu_window_size(&gpu, a->window) & ~(util_page() - 1);
	uint64_t at = st_area(a) + 8 * st_random(a, ST_AREA / 8), value;
	char *map = vfio_map(&gpu.vfio, a->window, 0, size);

	for (int i = 0; i < 8; i++)
		st_touch(a, (void *)(map + 8 * st_random(a, size / 8)), &value, false);
	EQ(munmap(map + size / 2, size / 4), 0, "%s: munmap of a part", a->name);
	EQ(mprotect(map, size / 4, PROT_READ), 0, "%s: mprotect of a part", a->name);
	if (st_touch(a, (void *)(map + at), &value, false))
		BYTES(&value, a->want + (at - st_area(a)), 8, "%s: load", a->name);
	/* Not in one call: the gap may be somebody else's by now. */
	EQ(munmap(map, size / 2), 0, "%s: munmap", a->name);
	EQ(munmap(map + size / 2 + size / 4, size - size / 2 - size / 4), 0, "%s: munmap", a->name);
}

/* What a page of the late buffer is given. */
static void st_page(const struct st_actor *a, size_t nr, void *page)
{
	ktap_fill(page, util_page(), a->seed + nr);
}

/* Answers the faults on a buffer, each after a while, until the actor is over. */
static void *st_answer(void *arg)
{
	struct st_actor *a = arg;
	struct st_actor own = {.random = 0x5eed};
	struct pollfd p = {.fd = a->uffd, .events = POLLIN};
	unsigned char *page = malloc(util_page());

	while (!a->over) {
		struct uffdio_copy copy = {.src = (uintptr_t)page, .len = util_page()};
		struct uffd_msg msg;

		if (poll(&p, 1, 50) != 1 || read(a->uffd, &msg, sizeof(msg)) != sizeof(msg))
			continue;
		st_pause(&own, 200, 2000);
		copy.dst = msg.arg.pagefault.address & ~(util_page() - 1);
		st_page(a, (copy.dst - (uintptr_t)a->buf) / util_page(), page);
		OK(!ioctl(a->uffd, UFFDIO_COPY, &copy) || errno == EEXIST, "%s: UFFDIO_COPY: %s",
		   a->name, strerror(errno));
	}
	free(page);
	return NULL;
}

static void st_uffd_open(struct st_actor *a)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register reg = {.mode = UFFDIO_REGISTER_MODE_MISSING};

	a->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	OK(a->uffd >= 0, "userfaultfd: %s", strerror(errno));
	EQ(ioctl(a->uffd, UFFDIO_API, &api), 0, "UFFDIO_API");
	a->buf = mmap(NULL, ST_AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (uintptr_t)a->buf;
	reg.range.len = ST_AREA;
	EQ(ioctl(a->uffd, UFFDIO_REGISTER, &reg), 0, "UFFDIO_REGISTER");
}

/* Two pages of a buffer that come late, others each time. */
static void st_late(struct st_actor *a)
{
	size_t n = 2 * util_page();
	bool write = st_random(a, 2);
	unsigned char *late = malloc(n);
	ssize_t r;

	a->seed = st_random(a, UINT64_MAX);
	for (size_t i = 0; i < 2; i++)
		st_page(a, i, late + i * util_page());
	r = write ? vfio_write(&gpu.vfio, a->window, st_area(a), a->buf, n)
		  : vfio_read(&gpu.vfio, a->window, st_area(a), a->buf, n);
	if (st_served(a, r, n, 0)) {
		if (write)
			memcpy(a->want, late, r);
		BYTES(a->buf, a->want, r, "%s: late buffer", a->name);
	}
	free(late);
	EQ(madvise(a->buf, ST_AREA, MADV_DONTNEED), 0, "madvise");
}

/* All of a BAR at once, by several: what is read is what one of them wrote, or a reset. */
static void st_bar(struct st_actor *a)
{
	static const uint64_t values[] = {0x5555555555555555, 0xaaaaaaaaaaaaaaaa};
	uint64_t mask = ~(gpu.vfio.region[VFIO_USEMEM].size - 1), got;
	uint64_t put = values[st_random(a, 2)];

	vfio_put(&gpu.vfio, VFIO_CONFIG, PCI_BASE_ADDRESS_4, &put, 8);
	vfio_get(&gpu.vfio, VFIO_CONFIG, PCI_BASE_ADDRESS_4, &got, 8);
	OK(got == 0xc || got == ((values[0] & mask) | 0xc) || got == ((values[1] & mask) | 0xc),
	   "%s: torn: 0x%llx", a->name, (unsigned long long)got);
	a->done++;
	st_pause(a, 0, 2);
}

/* The only one that writes the command register, so that nobody's read-modify-write is lost. */
static void st_toggle(struct st_actor *a)
{
	if (*st_phase == ST_CALM) {
		vfio_memory_enable(&gpu.vfio, true);
		st_pause(a, 50, 100);
		return;
	}
	vfio_memory_enable(&gpu.vfio, false);
	st_pause(a, 0, 3);
	vfio_memory_enable(&gpu.vfio, true);
	a->done++;
	st_pause(a, 10, 50);
}

/* A reset may be refused while another is under way; GH200's bus is never reset. */
static void st_reset(struct st_actor *a)
{
	int err = 0;

	if (*st_phase == ST_CALM) {
		st_pause(a, 50, 100);
		return;
	}
	switch (st_random(a, 4)) {
	case 0:
		err = vfio_reset(&gpu.vfio);
		break;
	case 1:
		err = vfio_hot_reset(&gpu.vfio);
		break;
	case 2:
		vfio_flr(&gpu.vfio);
		break;
	default:
		vfio_power(&gpu.vfio, 3);
		st_pause(a, 0, 5);
		vfio_power(&gpu.vfio, 0);
	}
	OK(!err || err == EAGAIN || err == EBUSY || err == ENODEV, "%s: %s", a->name,
	   strerror(err));
	if (err)
		a->refused++;
	else
		a->done++;
	st_pause(a, 100, 400);
}

static void st_reset_outside(struct st_actor *a)
{
	int err;

	if (*st_phase == ST_CALM) {
		st_pause(a, 50, 100);
		return;
	}
	err = pci_reset(gpu.bdf);
	OK(!err || err == EAGAIN, "%s: %s", a->name, strerror(err));
	a->done += !err;
	a->refused += !!err;
	st_pause(a, 300, 900);
}

/*
 * The sibling asks for a reset of the bus. That takes a moment in which nobody has the GPU's locks, for
 * which some have to wait until it is calm.
 */
static void st_reset_sibling(struct st_actor *a)
{
	const double end = ktap_now() + 2;
	int err;

	if (*st_phase == ST_CALM && a->done) {
		st_pause(a, 50, 100);
		return;
	}
	do {
		err = vfio_hot_reset_by(&sibling, gpu.vfio.group);
		if (err)
			st_pause(a, 0, 2);
	} while ((err == EBUSY || err == EAGAIN) && ktap_now() < end);
	OK(!err || err == EBUSY || err == EAGAIN, "%s: %s", a->name, strerror(err));
	a->done += !err;
	a->refused += !!err;
	st_pause(a, 200, 800);
}

/* That of a GH200 is never reset, whoever asks. */
static void st_reset_bus(struct st_actor *a)
{
	int err;

	if (sibling.fd > 0) {
		st_reset_sibling(a);
		return;
	}
	err = vfio_hot_reset(&gpu.vfio);
	OK(err == ENODEV || err == EBUSY || err == EAGAIN, "%s: errno %d", a->name, err);
	a->done += err == ENODEV;
	a->refused += err != ENODEV;
	st_pause(a, 200, 800);
}

/* How long memory trains: less than until the next reset as a rule, now and then more. */
static void st_train(struct st_actor *a)
{
	static const char *const ms[] = {"3", "3", "30", "600"};

	sim_fault(gpu.name, "training_ms", *st_phase == ST_CALM ? "3" : ms[st_random(a, 4)]);
	a->done++;
	st_pause(a, 100, 500);
}

static void *st_act(void *arg)
{
	struct st_actor *a = arg;
	pthread_t answer;

	a->random = 0x9e3779b97f4a7c15 ^ (uintptr_t)a ^ (uint64_t)getpid() << 32;
	a->want = malloc(ST_AREA);
	if (a->turn == st_late)
		st_uffd_open(a);
	else
		a->buf = malloc(ST_AREA);
	OK(a->want && a->buf, "%s: memory", a->name);
	st_device(a, a->want);
	a->over = false;
	if (a->turn == st_late)
		pthread_create(&answer, NULL, st_answer, a);
	while (*st_phase != ST_STOP)
		a->turn(a);
	a->over = true;
	if (a->turn == st_late) {
		pthread_join(answer, NULL);
		close(a->uffd);
	}
	return NULL;
}

#define ACTOR(label, fn, region, area)                                                             \
	{                                                                                          \
		.name = (label), .turn = (fn), .window = (region), .at = (area)                    \
	}

/*
 * In the case's process. The areas in odd places lie across the boundaries of large pages, where
 * the simulator looks whether memory is touched before it is ready.
 */
static const struct st_actor st_inside[] = {
	ACTOR("read and write, usemem", st_rw, VFIO_USEMEM, 0),
	ACTOR("read and write, resmem", st_rw, VFIO_RESMEM, 512 * MiB),
	ACTOR("fault, usemem", st_fault, VFIO_USEMEM, 192 * MiB - ST_AREA / 2),
	ACTOR("fault, resmem", st_fault, VFIO_RESMEM, 576 * MiB - ST_AREA / 2),
	ACTOR("copy into itself, usemem", st_self, VFIO_USEMEM, 384 * MiB - ST_AREA / 2),
	ACTOR("copy into itself, resmem", st_self, VFIO_RESMEM, 768 * MiB - ST_AREA / 2),
	ACTOR("map and split", st_map, VFIO_USEMEM, 32 * MiB),
	ACTOR("late buffer", st_late, VFIO_USEMEM, 40 * MiB),
	ACTOR("BAR", st_bar, VFIO_USEMEM, 48 * MiB),
	ACTOR("memory enable", st_toggle, VFIO_USEMEM, 48 * MiB),
	ACTOR("resets", st_reset, VFIO_USEMEM, 48 * MiB),
	ACTOR("resets from outside", st_reset_outside, VFIO_USEMEM, 48 * MiB),
	ACTOR("resets of the bus", st_reset_bus, VFIO_USEMEM, 48 * MiB),
	ACTOR("training", st_train, VFIO_USEMEM, 48 * MiB),
};

/* In a process with its own mappings, which is killed now and then. */
static const struct st_actor st_victims[] = {
	ACTOR("victim's read and write", st_rw, VFIO_USEMEM, 64 * MiB),
	ACTOR("victim's fault", st_fault, VFIO_USEMEM, 72 * MiB - ST_AREA / 2),
	ACTOR("victim's BAR", st_bar, VFIO_USEMEM, 48 * MiB),
};

#define ST_INSIDE ARRAY_LEN(st_inside)
#define ST_ALL	  (ST_INSIDE + ARRAY_LEN(st_victims))

static void st_start(struct st_actor *actors, size_t n, pthread_t *threads)
{
	for (size_t i = 0; i < n; i++)
		EQ(pthread_create(&threads[i], NULL, st_act, &actors[i]), 0, "thread");
}

static void st_victim(void *arg)
{
	pthread_t threads[ARRAY_LEN(st_victims)];

	st_start(arg, ARRAY_LEN(st_victims), threads);
	for (size_t i = 0; i < ARRAY_LEN(st_victims); i++)
		pthread_join(threads[i], NULL);
}

static double st_seconds(void)
{
	const char *own = getenv("COHGPU_STRESS_SECONDS");

	if (own)
		return atof(own);
	return ktap_quick() || ktap_peer() ? 10 : 60;
}

static bool st_all_served(const struct st_actor *actors)
{
	for (size_t i = 0; i < ST_ALL; i++) {
		if (actors[i].done < st_least)
			return false;
	}
	return true;
}

/* Nobody may go without a turn for long. */
static void st_moved(const struct st_actor *a, uint64_t *turns, double *moved)
{
	uint64_t now = a->done + a->refused;

	if (now != *turns)
		*moved = ktap_now();
	*turns = now;
	OK(ktap_now() - *moved < ST_STUCK, "%s: no turn for %d s", a->name, ST_STUCK);
}

static void st_watch(const struct st_actor *actors, double seconds, pid_t *victim)
{
	double end = ktap_now() + seconds, moved[ST_ALL], kill_at = ktap_now() + 2;
	uint64_t turns[ST_ALL] = {0};

	for (size_t i = 0; i < ST_ALL; i++)
		moved[i] = ktap_now();
	while (ktap_now() < end) {
		ktap_sleep(0.2);
		for (size_t i = 0; i < ST_ALL; i++)
			st_moved(&actors[i], &turns[i], &moved[i]);
		if (ktap_now() > kill_at) {
			ktap_kill(*victim, 20, "victim");
			*victim = ktap_spawn(st_victim, (void *)(actors + ST_INSIDE));
			kill_at = ktap_now() + 2;
		}
	}
	*st_phase = ST_CALM;
	while (!st_all_served(actors) && ktap_now() < end + ST_CALMED)
		ktap_sleep(0.2);
	if (ktap_now() > end + 1)
		ktap_diag("served in the calm: some, within %.0f s", ktap_now() - end);
}

/* What everybody says was done is what the device has. */
static void st_settle(struct st_actor *actors)
{
	uint64_t value = 0xc0de;

	vfio_power(&gpu.vfio, 0);
	EQ(vfio_reset(&gpu.vfio), 0, "VFIO_DEVICE_RESET afterwards: errno");
	vfio_memory_enable(&gpu.vfio, true);
	for (size_t i = 0; i < ST_ALL; i++) {
		ktap_diag("%s: %llu done, %llu refused", actors[i].name,
			  (unsigned long long)actors[i].done,
			  (unsigned long long)actors[i].refused);
		OK(actors[i].done >= st_least, "%s: served %llu times, want %u at least",
		   actors[i].name, (unsigned long long)actors[i].done, st_least);
		if (i < ST_INSIDE)
			st_check(&actors[i]);
	}
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events");
	vfio_put(&gpu.vfio, VFIO_USEMEM, 0, &value, 8);
}

static void everything_at_once(void)
{
	const bool gb200 = ktap_arg();
	const struct gpu_want tiny = {.preset = "tiny", .scrub = "0"},
			      kind = gb200 ? sibling_want("gb200") : tiny;
	struct st_actor *actors = ktap_shared(ST_ALL * sizeof(*actors));
	pthread_t threads[ST_INSIDE];
	struct timespec late;
	pid_t victim;

	if (gb200)
		sibling_bind();
	gpu_open(&gpu, &kind);
	if (gb200)
		sibling_open(&sibling, &gpu);
	sim_fault(gpu.name, "training_ms", "3");
	st_catch();
	st_phase = ktap_shared(sizeof(*st_phase));
	memcpy(actors, st_inside, sizeof(st_inside));
	memcpy(actors + ST_INSIDE, st_victims, sizeof(st_victims));
	for (unsigned int i = 0; gb200 && i < ST_ALL; i++)
		actors[i].window = VFIO_USEMEM;
	victim = ktap_spawn(st_victim, actors + ST_INSIDE);
	st_start(actors, ST_INSIDE, threads);
	st_watch(actors, st_seconds(), &victim);
	*st_phase = ST_STOP;
	clock_gettime(CLOCK_REALTIME, &late);
	late.tv_sec += ST_STUCK;
	for (size_t i = 0; i < ST_INSIDE; i++)
		EQ(pthread_timedjoin_np(threads[i], NULL, &late), 0, "%s: does not end",
		   actors[i].name);
	ktap_join_ok(victim, ST_STUCK, "victim");
	st_settle(actors);
}

static struct ktap_case cases[] = {
	KTAP_CASE_ARG("gh200", everything_at_once, 0),
	/* Its bus can be reset; it has no resmem. */
	KTAP_CASE_ARG("gb200", everything_at_once, 1),
};

int main(int argc, char **argv)
{
	st_least = st_seconds() < 60 ? 1 : 5;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cases[i].timeout = 2 * ST_STUCK + ST_CALMED + (unsigned int)st_seconds();
	return ktap_main("stress", cases, ARRAY_LEN(cases), sibling_cleanup, argc, argv);
}
