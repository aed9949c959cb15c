// SPDX-License-Identifier: GPL-2.0-only
/*
 * read() and write() of the windows by buffers that are not there, or not all of them: what was
 * done is counted, each byte of it is right, and nothing is left behind.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "gpu.h"

static struct gpu gpu;

static const int buffer_windows[] = {VFIO_USEMEM, VFIO_RESMEM};

/* Two mapped parts, the second one gone: @have bytes are there. */
static unsigned char *buffer_cliff(size_t have)
{
	size_t page = util_page(), size = (have + page - 1) / page * page;
	unsigned char *map = mmap(NULL, size + 16 * page, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	OK(map != MAP_FAILED && !munmap(map + size, 16 * page), "mmap");
	return map + size - have;
}

/* What a copy says it did, of @have bytes; the processor's copy may be a cache line short. */
static void buffer_nearly(ssize_t r, size_t have, const char *what)
{
	OK(r > 0 && r <= (ssize_t)have && r + 64 > (ssize_t)have,
	   "%s with %zu bytes mapped: expected as many, got %zd", what, have, r);
}

/* A fault part-way: the bytes done so far, and they are right. */
static void faulting(void)
{
	static const size_t have[] = {1, 8, 4096, 100000, 1 << 20};
	static unsigned char got[1 << 20], before[1 << 20];
	int index = (int)ktap_arg();
	uint64_t at = 2 * MiB;

	gpu_tiny(&gpu);
	for (size_t i = 0; i < ARRAY_LEN(have); i++) {
		uint64_t dev = gpu_window(&gpu, index) + at;
		unsigned char *cliff = buffer_cliff(have[i]);
		ssize_t r;

		ktap_fill(before, have[i], i);
		sim_mem_write(gpu.name, dev, before, have[i]);
		r = vfio_read(&gpu.vfio, index, at, cliff, have[i] + 16);
		buffer_nearly(r, have[i], "read");
		BYTES(cliff, before, r, "read with %zu bytes mapped", have[i]);

		ktap_fill(cliff, have[i], i + 100);
		r = vfio_write(&gpu.vfio, index, at, cliff, have[i] + 16);
		buffer_nearly(r, have[i], "write");
		sim_mem_read(gpu.name, dev, got, have[i]);
		BYTES(got, cliff, r, "write with %zu bytes mapped", have[i]);
	}
}

/* A page now and then, and more of them at a time the farther on. */
static void buffer_punch(unsigned char *buf, size_t n)
{
	size_t page = util_page();

	for (size_t at = page, hole = page; at + hole < n; at += 2 * hole + 3 * page) {
		EQ(madvise(buf + at, hole, MADV_DONTNEED), 0, "madvise");
		hole += page;
	}
}

/* A buffer of which pieces are there and pieces are not: each byte goes once, to its place. */
static void patchy(void)
{
	static unsigned char other[3 * MiB];
	const size_t n = sizeof(other) - 12345;
	unsigned char *buf = mmap(NULL, sizeof(other), PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int index = (int)ktap_arg();
	uint64_t dev;

	OK(buf != MAP_FAILED, "buffer");
	gpu_tiny(&gpu);
	dev = gpu_window(&gpu, index);
	ktap_fill(other, n, 1);
	sim_mem_write(gpu.name, dev, other, n);
	ktap_fill(buf, n, 2);
	buffer_punch(buf, n);
	EQ(vfio_read(&gpu.vfio, index, 0, buf, n), (ssize_t)n, "read");
	BYTES(buf, other, n, "read into pieces");

	ktap_fill(buf, n, 3);
	buffer_punch(buf, n);
	EQ(vfio_write(&gpu.vfio, index, 0, buf, n), (ssize_t)n, "write");
	sim_mem_read(gpu.name, dev, other, n);
	BYTES(other, buf, n, "write of pieces, and of zeroes between");
	munmap(buf, sizeof(other));
}

/* The same where the memory ends: ones that were given count. */
static void faulting_tail(void)
{
	static const size_t have[] = {1, 4096, 100000};
	static unsigned char ones[100000];

	gpu_open(&gpu, &gpu_tails);
	memset(ones, 0xff, sizeof(ones));
	for (size_t w = 0; w < ARRAY_LEN(buffer_windows); w++) {
		for (size_t i = 0; i < ARRAY_LEN(have); i++) {
			unsigned char *cliff = buffer_cliff(have[i]);
			uint64_t end = gpu_window_size(&gpu, buffer_windows[w]);
			ssize_t r =
				vfio_read(&gpu.vfio, buffer_windows[w], end, cliff, have[i] + 16);

			buffer_nearly(r, have[i], "read of the tail");
			BYTES(cliff, ones, r, "tail with %zu bytes mapped", have[i]);
		}
	}
}

/* And where the buffer ends just there: all of the memory was read, and nothing of the tail. */
static void faulting_at_the_tail(void)
{
	static unsigned char want[4096];

	gpu_open(&gpu, &gpu_tails);
	for (size_t w = 0; w < ARRAY_LEN(buffer_windows); w++) {
		int index = buffer_windows[w];
		uint64_t end = gpu_window_size(&gpu, index);
		unsigned char *cliff = buffer_cliff(sizeof(want));

		ktap_fill(want, sizeof(want), w + 50);
		sim_mem_write(gpu.name, gpu_window(&gpu, index) + end - sizeof(want), want,
			      sizeof(want));
		EQ(vfio_read(&gpu.vfio, index, end - sizeof(want), cliff, sizeof(want) + 16),
		   (ssize_t)sizeof(want), "region %d: read up to the tail", index);
		BYTES(cliff, want, sizeof(want), "region %d: memory before the tail", index);
		EQ(vfio_read(&gpu.vfio, index, end, cliff + sizeof(want), 16), -EFAULT,
		   "region %d: read of the tail", index);
	}
}

static void faulting_at_once(void)
{
	unsigned char was[64], got[64], *cliff = buffer_cliff(0);

	gpu_open(&gpu, &gpu_tails);
	for (size_t w = 0; w < ARRAY_LEN(buffer_windows); w++) {
		int index = buffer_windows[w];
		uint64_t dev = gpu_window(&gpu, index);

		ktap_fill(was, sizeof(was), w);
		sim_mem_write(gpu.name, dev, was, sizeof(was));
		EQ(vfio_read(&gpu.vfio, index, 0, cliff, 32), -EFAULT, "read");
		EQ(vfio_write(&gpu.vfio, index, 0, cliff, 32), -EFAULT, "write");
		EQ(vfio_read(&gpu.vfio, index, gpu_window_size(&gpu, index), cliff, 32), -EFAULT,
		   "read of the tail");
		sim_mem_read(gpu.name, dev, got, sizeof(got));
		BYTES(got, was, sizeof(was), "memory after a write that faulted");
	}
}

/* Errors on the way give back what they took. */
static void failing_leaves_nothing(void)
{
	const size_t n = 64 * KiB;
	unsigned char *cliff = buffer_cliff(0);
	long long before, after;

	gpu_tiny(&gpu);
	before = util_field("/proc/meminfo", "SUnreclaim");
	for (int i = 0; i < 200; i++) {
		EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, cliff, n), -EFAULT, "read");
		EQ(vfio_write(&gpu.vfio, VFIO_USEMEM, 0, cliff, n), -EFAULT, "write");
	}
	/* KASAN keeps what was freed for a while; there kmemleak judges, in the end. */
	if (ktap_sanitized())
		return;
	after = util_field("/proc/meminfo", "SUnreclaim");
	OK(after - before < 4096, "SUnreclaim: %lld KiB before, %lld after", before, after);
}

static const struct ktap_case cases[] = {
	KTAP_CASE_ARG("faulting_usemem", faulting, VFIO_USEMEM),
	KTAP_CASE_ARG("faulting_resmem", faulting, VFIO_RESMEM),
	KTAP_CASE(faulting_tail),
	KTAP_CASE(faulting_at_the_tail),
	KTAP_CASE(faulting_at_once),
	KTAP_CASE_ARG("patchy_usemem", patchy, VFIO_USEMEM),
	KTAP_CASE_ARG("patchy_resmem", patchy, VFIO_RESMEM),
	KTAP_CASE(failing_leaves_nothing),
};

int main(int argc, char **argv)
{
	return ktap_main("buffers", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
