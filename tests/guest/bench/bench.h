/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Measurements of one driver. In a VM whose clock counts instructions (vm/run --icount) the figures
 * are instructions; elsewhere they are nanoseconds.
 *
 * A figure is a line on stdout, for bench/table:
 *
 *	cost OPERATION SIZE DRIVER ELAPSED CPU	of one operation, in all and by this process
 *	bytes OPERATION SIZE DRIVER BYTES	of page tables
 *	hold OPERATION SIZE DRIVER NS		for which it holds mmap_lock at most
 *	no OPERATION SIZE DRIVER REASON		not to be had of this driver
 */
#ifndef BENCH_H
#define BENCH_H

#include "gpu.h"

struct bench {
	const char *who; /* ours, peer or vfio */
	bool quick;
	struct gpu gpu;
};

#define BENCH_ROUNDS 15

struct bench_cost {
	double elapsed, cpu;
};

struct bench_op {
	const char *name;
	uint64_t size;
	int times;  /* that a round runs it */
	int rounds; /* at most BENCH_ROUNDS, of which the middle one counts: some have interrupts */
};

/* What it takes from bench_start() to bench_stop(). */
void bench_start(struct bench_cost *cost);
void bench_stop(struct bench_cost *cost);
void bench_add(struct bench_cost *sum, const struct bench_cost *more);
/* The middle one of so many, which it sorts. */
struct bench_cost bench_middle(struct bench_cost *costs, int n);
/* Runs and prints an operation. */
void bench_run(const struct bench *b, const struct bench_op *op, void (*fn)(void *), void *arg);

void bench_print(const struct bench *b, const char *op, uint64_t size,
		 const struct bench_cost *cost);
void bench_print_bytes(const struct bench *b, const char *op, uint64_t size, long long bytes);
void bench_print_no(const struct bench *b, const char *op, uint64_t size, const char *reason);

/*
 * The longest time for which this process holds its mmap_lock, which all its faults and mappings go
 * through; by the kernel's own tracepoints. A stock kernel does not tell it of other locks.
 */
void bench_hold_start(void);
void bench_hold_stop(const struct bench *b, const char *op, uint64_t size);

/* The questions. */
void bench_config(struct bench *b);
void bench_rw(struct bench *b);
void bench_maps(struct bench *b);
void bench_dma(struct bench *b);
void bench_life(struct bench *b);

#endif
