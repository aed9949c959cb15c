// SPDX-License-Identifier: GPL-2.0-only
#include "bench.h"

#include <stdlib.h>
#include <time.h>

static double bench_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void bench_open(struct bench *b)
{
	vfio_open(&b->gpu->vfio, b->gpu->bdf);
	vfio_memory_enable(&b->gpu->vfio, true);
	if (b->power)
		sim_train(b->gpu->name);
}

void bench_start(struct bench_cost *cost)
{
	cost->from = bench_profile_start();
	cost->elapsed = bench_clock(CLOCK_MONOTONIC_RAW);
	cost->cpu = bench_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void bench_stop(struct bench_cost *cost)
{
	cost->cpu = bench_clock(CLOCK_PROCESS_CPUTIME_ID) - cost->cpu;
	cost->elapsed = bench_clock(CLOCK_MONOTONIC_RAW) - cost->elapsed;
	cost->to = bench_profile_stop();
}

void bench_add(struct bench_cost *sum, const struct bench_cost *more)
{
	sum->elapsed += more->elapsed;
	sum->cpu += more->cpu;
	sum->to = more->to;
}

static int bench_cheaper(const void *a, const void *b)
{
	const struct bench_cost *x = a, *y = b;

	return (x->cpu > y->cpu) - (x->cpu < y->cpu);
}

struct bench_cost bench_middle(struct bench_cost *costs, int n)
{
	qsort(costs, n, sizeof(*costs), bench_cheaper);
	return costs[(n - 1) / 2];
}

/* What the middle one of its rounds takes, by the operation. */
static struct bench_cost bench_rounds(const struct bench_op *op, void (*fn)(void *), void *arg)
{
	struct bench_cost costs[BENCH_ROUNDS];

	for (int round = 0; round < op->rounds; round++) {
		bench_start(&costs[round]);
		for (int i = 0; i < op->times; i++)
			fn(arg);
		bench_stop(&costs[round]);
		costs[round].elapsed /= op->times;
		costs[round].cpu /= op->times;
	}
	return bench_middle(costs, op->rounds);
}

void bench_run(const struct bench *b, const struct bench_op *op, void (*fn)(void *), void *arg)
{
	struct bench_cost cost;
	size_t first;

	/* What happens once only is not what the operation costs. */
	fn(arg);
	first = bench_profile_count();
	do
		cost = bench_rounds(op, fn, arg);
	while (!bench_profile_enough(bench_profile_count() - first));
	cost.from = first;
	cost.to = bench_profile_count();
	bench_print(b, op->name, op->size, &cost);
}

void bench_print(const struct bench *b, const char *op, uint64_t size,
		 const struct bench_cost *cost)
{
	printf("cost %s %llu %s %.1f %.1f\n", op, (unsigned long long)size, b->who, cost->elapsed,
	       cost->cpu);
	bench_profile_print(b, op, size, cost);
}

void bench_print_bytes(const struct bench *b, const char *op, uint64_t size, long long bytes)
{
	printf("bytes %s %llu %s %lld\n", op, (unsigned long long)size, b->who, bytes);
}

void bench_print_hold(const struct bench *b, const char *lock, const char *op, uint64_t size,
		      double least, double most)
{
	printf("hold %s:%s %llu %s %.0f %.0f\n", lock, op, (unsigned long long)size, b->who, least,
	       most);
}
