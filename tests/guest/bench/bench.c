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

void bench_start(struct bench_cost *cost)
{
	cost->elapsed = bench_clock(CLOCK_MONOTONIC_RAW);
	cost->cpu = bench_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void bench_stop(struct bench_cost *cost)
{
	cost->cpu = bench_clock(CLOCK_PROCESS_CPUTIME_ID) - cost->cpu;
	cost->elapsed = bench_clock(CLOCK_MONOTONIC_RAW) - cost->elapsed;
}

void bench_add(struct bench_cost *sum, const struct bench_cost *more)
{
	sum->elapsed += more->elapsed;
	sum->cpu += more->cpu;
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

void bench_run(const struct bench *b, const struct bench_op *op, void (*fn)(void *), void *arg)
{
	struct bench_cost costs[BENCH_ROUNDS], middle;

	/* What happens once only is not what the operation costs. */
	fn(arg);
	for (int round = 0; round < op->rounds; round++) {
		bench_start(&costs[round]);
		for (int i = 0; i < op->times; i++)
			fn(arg);
		bench_stop(&costs[round]);
		costs[round].elapsed /= op->times;
		costs[round].cpu /= op->times;
	}
	middle = bench_middle(costs, op->rounds);
	bench_print(b, op->name, op->size, &middle);
}

void bench_print(const struct bench *b, const char *op, uint64_t size,
		 const struct bench_cost *cost)
{
	printf("cost %s %llu %s %.1f %.1f\n", op, (unsigned long long)size, b->who, cost->elapsed,
	       cost->cpu);
}

void bench_print_bytes(const struct bench *b, const char *op, uint64_t size, long long bytes)
{
	printf("bytes %s %llu %s %lld\n", op, (unsigned long long)size, b->who, bytes);
}

void bench_print_no(const struct bench *b, const char *op, uint64_t size, const char *reason)
{
	printf("no %s %llu %s %s\n", op, (unsigned long long)size, b->who, reason);
}
