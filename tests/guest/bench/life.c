// SPDX-License-Identifier: GPL-2.0-only
/* Open, close, reset. All of them wait for the function; what counts is what the CPU does. */
#include "bench.h"

static void life_cycle(void *arg)
{
	struct gpu *gpu = arg;

	vfio_open(&gpu->vfio, gpu->bdf);
	vfio_close(&gpu->vfio);
}

static void life_reset(void *arg)
{
	struct gpu *gpu = arg;

	EQ(vfio_reset(&gpu->vfio), 0, "reset");
}

void bench_life(struct bench *b)
{
	bench_run(b, &(struct bench_op){"open-close", 0, 1, 10}, life_cycle, b->gpu);
	bench_open(b);
	bench_run(b, &(struct bench_op){"reset", 0, 1, 10}, life_reset, b->gpu);
	vfio_close(&b->gpu->vfio);
}
