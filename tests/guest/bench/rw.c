// SPDX-License-Identifier: GPL-2.0-only
/* read() and write() of the windows, and of the rest of BAR4 behind its window, the tail. */
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

struct rw_job {
	const struct vfio_dev *dev;
	int index;
	uint64_t off;
	size_t count;
	bool write;
	char *buf;
};

static void rw_do(void *arg)
{
	const struct rw_job *job = arg;

	if (job->write)
		vfio_put(job->dev, job->index, job->off, job->buf, job->count);
	else
		vfio_get(job->dev, job->index, job->off, job->buf, job->count);
}

static void rw_size(struct bench *b, struct rw_job *job, const char *where)
{
	struct bench_op op = {.size = job->count, .times = 1, .rounds = 3};
	char name[32];

	if (job->count <= 64 * KiB) {
		op.times = job->count < 64 * KiB ? 50 : 5;
		op.rounds = 10;
	}
	snprintf(name, sizeof(name), "%s-%s", job->write ? "write" : "read", where);
	op.name = name;
	bench_run(b, &op, rw_do, job);
}

void bench_rw(struct bench *b)
{
	static const size_t sizes[] = {4, 4 * KiB, 64 * KiB, MiB, 16 * MiB, 64 * MiB};
	const struct {
		const char *name;
		int index;
		uint64_t off;
	} places[] = {
		{b->power ? "ram" : "usemem", b->window, 0},
		{"resmem", VFIO_RESMEM, 0},
		{"tail", VFIO_USEMEM, b->size},
	};
	struct rw_job job = {.dev = &b->gpu->vfio, .buf = vfio_buffer(64 * MiB)};

	/* So that none of the faults is the buffer's. */
	memset(job.buf, 0x5a, 64 * MiB);
	bench_open(b);
	for (size_t p = 0; p < (b->power ? 1 : ARRAY_LEN(places)); p++) {
		job.index = places[p].index;
		job.off = places[p].off;
		/* A window of 64 GiB, say, fills its BAR. */
		if (job.off + 64 * MiB > b->gpu->vfio.region[job.index].size)
			continue;
		for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
			if (b->quick && sizes[s] > MiB)
				continue;
			job.count = sizes[s];
			for (int write = 0; write < 2; write++) {
				job.write = write;
				rw_size(b, &job, places[p].name);
			}
		}
	}
	vfio_close(&b->gpu->vfio);
	munmap(job.buf, 64 * MiB);
}
