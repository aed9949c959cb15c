/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Measurements of one driver. In a VM whose clock counts instructions (vm/run --icount) the figures
 * are instructions; elsewhere they are nanoseconds.
 *
 * A figure is a line on stdout, for bench/table:
 *
 *	cost OPERATION SIZE DRIVER ELAPSED CPU	of one operation, in all and by this process
 *	bytes OPERATION SIZE DRIVER BYTES	of page tables
 *	hold LOCK:OPERATION SIZE DRIVER NS NS	for which it holds that lock at most, in the round
 *						where that was shortest, and where it was longest
 *	where OPERATION SIZE DRIVER PERCENT FUNCTION	of its instructions; with BENCH_PERIOD
 */
#ifndef BENCH_H
#define BENCH_H

#include "nvlink.h"

struct bench {
	const char *who; /* ours, peer or vfio */
	bool quick;
	bool power;    /* a V100, else a GH200 */
	int window;    /* the region that shows the memory */
	uint64_t size; /* of which there is so much */
	uint64_t part; /* and of which so much is mapped where the whole takes minutes to emulate */
	struct nvlink nvlink;
	struct gpu *gpu;
};

/* The GPU opened, its memory there and ready. */
void bench_open(struct bench *b);

#define BENCH_ROUNDS 15

struct bench_cost {
	double elapsed, cpu;
	size_t from, to; /* samples of where the CPU was meanwhile */
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
void bench_print_hold(const struct bench *b, const char *lock, const char *op, uint64_t size,
		      double least, double most);

/*
 * The longest time for which this process holds its mmap_lock, which all its faults and mappings go
 * through; by the kernel's own tracepoints. A stock kernel does not tell it of other locks; for those
 * is the question locks, on a kernel that keeps lock statistics.
 */
void bench_hold_start(void);
void bench_hold_stop(const struct bench *b, const char *op, uint64_t size);

/*
 * Where the CPU is between bench_start() and bench_stop(): with the variable BENCH_PERIOD, every so
 * many nanoseconds (the kernel takes no less than 10,000) its function is noted. The figures of such
 * a run have the noting in them. What was noted is numbered, and start and stop return the number.
 */
void bench_profile_open(void);
size_t bench_profile_start(void);
size_t bench_profile_stop(void);
size_t bench_profile_count(void);
bool bench_profile_enough(size_t samples);
void bench_profile_print(const struct bench *b, const char *op, uint64_t size,
			 const struct bench_cost *cost);

/* The questions. */
void bench_config(struct bench *b);
void bench_rw(struct bench *b);
void bench_maps(struct bench *b);
void bench_dma(struct bench *b);
void bench_life(struct bench *b);
void bench_locks(struct bench *b);

#endif
