// SPDX-License-Identifier: GPL-2.0-only
/*
 * For how long the locks of a window are held at most, whoever holds them: by /proc/lock_stat, of a
 * kernel that keeps it (7.2-locks). Times have its bookkeeping in them, for one driver as for another.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define LOCKS_STAT "/proc/lock_stat"
#define LOCKS_COPY (64 * MiB)
/* Of more faults, one has an interrupt in each round. */
#define LOCKS_FAULT (256 * MiB)
#define LOCKS_TOUCH (32 * KiB)
/* Fields of a lock's line: how often it was taken, and the longest time of all, in microseconds. */
#define LOCKS_TAKEN 8
#define LOCKS_MAX   10

/*
 * The round that held it least counts, as interrupts only make it longer; the one that held it most is
 * printed, too.
 */
#define LOCKS_ROUNDS 7

/* A driver's own are one: which there are is the driver's choice. */
enum { LOCKS_MEMORY, LOCKS_MMAP, LOCKS_OWN, LOCKS };

static const char *const locks_names[LOCKS] = {"memory_lock", "mmap_lock", "own-lock"};

/* What the kernel calls them. */
static const struct {
	int lock;
	const char *class;
} locks_known[] = {
	{LOCKS_MEMORY, "&vdev->memory_lock"}, {LOCKS_MMAP, "&mm->mmap_lock"},
	{LOCKS_OWN, "&cdev->gate"},	      {LOCKS_OWN, "&cdev->table_lock"},
	{LOCKS_OWN, "&nvdev->remap_lock"},
};

/* What is done to the window, with a mapping of it. */
struct locks_job {
	const struct bench *b;
	int index;
	uint64_t off;
	char *buf, *map;
	uint64_t mapped;
	size_t skew;
};

/* An operation, and what goes before and after it, which does not count. */
struct locks_op {
	const char *name;
	uint64_t size;
	void (*before)(struct locks_job *job), (*run)(struct locks_job *job),
		(*after)(struct locks_job *job);
};

/*
 * "  &vdev->memory_lock-R:  0  0 ...": how long at most, in ns; negative: the line is of another
 * class, or the lock was not taken.
 */
static double locks_held(const char *line, const char *class)
{
	const char *colon = strrchr(line, ':');
	size_t n = strlen(class);
	double field = -1;
	char *next;

	line += strspn(line, " ");
	if (!colon || strncmp(line, class, n))
		return -1;
	/* Shared and exclusive, or one of both. */
	if (line + n != colon && strncmp(line + n, "-R:", 3) && strncmp(line + n, "-W:", 3))
		return -1;
	for (int i = 1; i <= LOCKS_MAX; i++) {
		field = strtod(colon + 1, &next);
		if (next == colon + 1 || (i == LOCKS_TAKEN && !field))
			return -1;
		colon = next - 1;
	}
	return field * 1000;
}

/* How long each lock was held at most since the statistics were cleared, or -1. */
static void locks_read(double held[LOCKS])
{
	FILE *f = fopen(LOCKS_STAT, "re");
	char line[512];

	OK(f, LOCKS_STAT ": open: a kernel that keeps lock statistics is wanted");
	for (size_t i = 0; i < LOCKS; i++)
		held[i] = -1;
	while (fgets(line, sizeof(line), f))
		for (size_t i = 0; i < ARRAY_LEN(locks_known); i++) {
			double ns = locks_held(line, locks_known[i].class);
			double *longest = &held[locks_known[i].lock];

			*longest = ns > *longest ? ns : *longest;
		}
	fclose(f);
}

static void locks_run(struct locks_job *job, const struct locks_op *op)
{
	double held[LOCKS], least[LOCKS] = {-1, -1, -1}, most[LOCKS] = {-1, -1, -1};

	for (int round = 0; round < LOCKS_ROUNDS; round++) {
		if (op->before)
			op->before(job);
		/* What was freed before is not this operation's to clear away. */
		usleep(100 * 1000);
		EQ(util_write(LOCKS_STAT, "0"), 0, LOCKS_STAT ": clear: errno");
		op->run(job);
		locks_read(held);
		if (op->after)
			op->after(job);
		for (size_t i = 0; i < LOCKS; i++) {
			/* In a round that did not take it there is nothing to hold. */
			if (held[i] < 0)
				continue;
			least[i] = least[i] >= 0 && least[i] < held[i] ? least[i] : held[i];
			most[i] = most[i] > held[i] ? most[i] : held[i];
		}
	}
	OK(least[LOCKS_MEMORY] >= 0, "%s: " LOCKS_STAT ": memory_lock was never taken", op->name);
	for (size_t i = 0; i < LOCKS; i++)
		if (least[i] >= 0)
			bench_print_hold(job->b, locks_names[i], op->name, op->size, least[i],
					 most[i]);
}

static void locks_get(struct locks_job *job)
{
	vfio_get(&job->b->gpu->vfio, job->index, job->off, job->buf, LOCKS_COPY);
}

static void locks_put(struct locks_job *job)
{
	vfio_put(&job->b->gpu->vfio, job->index, job->off, job->buf, LOCKS_COPY);
}

static void locks_map(struct locks_job *job)
{
	job->map = vfio_map_aligned(&job->b->gpu->vfio, job->b->window, 0, job->mapped, GiB,
				    job->skew);
	for (uint64_t off = 0; off < job->mapped; off += LOCKS_TOUCH)
		(void)*(volatile uint32_t *)(job->map + off);
}

static void locks_unmap(struct locks_job *job)
{
	munmap(job->map, job->mapped);
}

static void locks_disable(struct locks_job *job)
{
	vfio_memory_enable(&job->b->gpu->vfio, false);
}

static void locks_enable_unmap(struct locks_job *job)
{
	vfio_memory_enable(&job->b->gpu->vfio, true);
	locks_unmap(job);
}

static void locks_reset(struct locks_job *job)
{
	EQ(vfio_reset(&job->b->gpu->vfio), 0, "reset");
}

static void locks_copies(const struct bench *b)
{
	const struct {
		struct locks_op op;
		int index;
		uint64_t off;
	} copies[] = {
		/* What is written to the tail goes nowhere, and needs no lock. */
		{{"read-usemem", LOCKS_COPY, .run = locks_get}, VFIO_USEMEM, 0},
		{{"write-usemem", LOCKS_COPY, .run = locks_put}, VFIO_USEMEM, 0},
		{{"read-resmem", LOCKS_COPY, .run = locks_get}, VFIO_RESMEM, 0},
		{{"write-resmem", LOCKS_COPY, .run = locks_put}, VFIO_RESMEM, 0},
		{{"read-tail", LOCKS_COPY, .run = locks_get}, VFIO_USEMEM, b->size},
	};
	struct locks_job job = {.b = b, .buf = vfio_buffer(LOCKS_COPY)};

	/* So that none of the faults is the buffer's. */
	memset(job.buf, 0x5a, LOCKS_COPY);
	for (size_t i = 0; i < ARRAY_LEN(copies); i++) {
		job.index = copies[i].index;
		job.off = copies[i].off;
		/* A window of 64 GiB, say, fills its BAR. */
		if (job.off + LOCKS_COPY > b->gpu->vfio.region[job.index].size)
			continue;
		locks_run(&job, &copies[i].op);
	}
	munmap(job.buf, LOCKS_COPY);
}

static void locks_maps(const struct bench *b, bool congruent)
{
	struct locks_job job = {
		.b = b,
		.mapped = b->part < LOCKS_FAULT ? b->part : LOCKS_FAULT,
		.skew = congruent ? 0 : util_page(),
	};

	locks_run(&job, &(struct locks_op){congruent ? "touch-congruent-32K" : "touch-askew-32K",
					   job.mapped, NULL, locks_map, locks_unmap});
	job.mapped = b->part;
	locks_run(&job,
		  &(struct locks_op){congruent ? "zap-congruent-32K" : "zap-askew-32K", job.mapped,
				     locks_map, locks_disable, locks_enable_unmap});
}

void bench_locks(struct bench *b)
{
	struct locks_job job = {.b = b};

	bench_open(b);
	locks_copies(b);
	locks_maps(b, true);
	locks_maps(b, false);
	locks_run(&job, &(struct locks_op){"reset", .run = locks_reset});
	vfio_close(&b->gpu->vfio);
}
