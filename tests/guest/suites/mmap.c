// SPDX-License-Identifier: GPL-2.0-only
/* spec/grace.md section 2, "mmap": rules, bounds, flags, and that the bytes are the device's. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gpu.h"
#include "trace.h"

static struct gpu gpu;

static const int map_windows[] = {VFIO_USEMEM, VFIO_RESMEM};

/* Write through @p and look at the device's side; write there and look through @p. */
static void map_agrees(volatile void *p, uint64_t dev, const char *what)
{
	uint64_t out = ktap_random(), in = 0;

	EQ(vfio_touch_write(p, out), 0, "%s: signal at a store", what);
	sim_mem_read(gpu.name, dev, &in, 8);
	EQ(in, out, "%s: stored through the mapping, on the device's side", what);
	out = ktap_random();
	sim_mem_write(gpu.name, dev, &out, 8);
	EQ(vfio_touch_read(p, &in), 0, "%s: signal at a load", what);
	EQ(in, out, "%s: written on the device's side, through the mapping", what);
}

static void G1_private(void)
{
	size_t page = util_page();

	gpu_tiny(&gpu);
	for (size_t w = 0; w < ARRAY_LEN(map_windows); w++) {
		int index = map_windows[w];

		EQ(vfio_map_errno(&gpu.vfio, index, 0, page, PROT_READ, MAP_PRIVATE), EINVAL,
		   "region %d: MAP_PRIVATE, PROT_READ", index);
		EQ(vfio_map_errno(&gpu.vfio, index, 0, page, PROT_READ | PROT_WRITE, MAP_PRIVATE),
		   EINVAL, "region %d: MAP_PRIVATE, PROT_READ | PROT_WRITE", index);
		EQ(vfio_map_errno(&gpu.vfio, index, 0, page, PROT_READ, MAP_SHARED), 0,
		   "region %d: MAP_SHARED", index);
	}
}

static void bounds(void)
{
	size_t page = util_page();

	gpu_open(&gpu, &gpu_tails);
	for (size_t w = 0; w < ARRAY_LEN(map_windows); w++) {
		int index = map_windows[w];
		uint64_t end = gpu_window_size(&gpu, index);
		uint64_t bar = gpu.vfio.region[index].size;
		const struct {
			uint64_t off, len;
			int err;
		} t[] = {
			{0, page, 0},
			{0, end, 0},
			{end - page, page, 0},
			{page, end - page, 0},
			{end, page, EINVAL},
			{end - page, 2 * page, EINVAL},
			{0, end + page, EINVAL},
			{page, end, EINVAL},
			{bar - page, page, EINVAL},
			{bar, page, EINVAL},
			{0, bar, EINVAL},
			{0, 2 * bar, EINVAL},
			{TiB - page, page, EINVAL},
			/* Runs out of the region's terabyte. */
			{TiB - page, 2 * page, EINVAL},
			{TiB - page, 2 * GiB, EINVAL},
		};

		for (size_t i = 0; i < ARRAY_LEN(t); i++)
			EQ(vfio_map_errno(&gpu.vfio, index, t[i].off, t[i].len,
					  PROT_READ | PROT_WRITE, MAP_SHARED),
			   t[i].err, "region %d: mmap of 0x%llx at 0x%llx: errno", index,
			   (unsigned long long)t[i].len, (unsigned long long)t[i].off);
	}
}

/* A last page that is memory only in part is not mapped. */
static void partial_last_page(void)
{
	const struct gpu_want w = {.preset = "tiny",
				   .mem_size = "1600M",

				   .prop_size = "0x60000800"};
	size_t page = util_page();

	gpu_open(&gpu, &w);
	EQ(vfio_map_errno(&gpu.vfio, VFIO_RESMEM, GiB - page, page, PROT_READ, MAP_SHARED), 0,
	   "last whole page");
	EQ(vfio_map_errno(&gpu.vfio, VFIO_RESMEM, GiB, page, PROT_READ, MAP_SHARED), EINVAL,
	   "page in part");
	EQ(vfio_map_errno(&gpu.vfio, VFIO_RESMEM, GiB - page, 2 * page, PROT_READ, MAP_SHARED),
	   EINVAL, "last whole page and the one in part");
}

static void start_middle_end(void)
{
	size_t page = util_page();

	gpu_open_preset(&gpu, ktap_arg() ? "gh200-96" : "tiny");
	for (size_t w = 0; w < ARRAY_LEN(map_windows); w++) {
		int index = map_windows[w];
		uint64_t size = gpu_window_size(&gpu, index);
		const uint64_t at[] = {0, page, 2 * MiB - 8, size / 2, size - page, size - 8};
		char *p = vfio_map(&gpu.vfio, index, 0, size);

		for (size_t i = 0; i < ARRAY_LEN(at); i++) {
			char what[64];

			snprintf(what, sizeof(what), "region %d + 0x%llx", index,
				 (unsigned long long)at[i]);
			map_agrees(p + at[i], gpu_window(&gpu, index) + at[i], what);
		}
		EQ(munmap(p, size), 0, "munmap");
	}
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events");
}

/* The line "VmFlags:" of the mapping at @p, without its newline; returns where it lies in its file. */
static unsigned long long map_flags(const void *p, char *line, int size)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long long pos = 0;
	bool mine = false;
	char start[32];

	OK(f, "/proc/self/smaps");
	snprintf(start, sizeof(start), "%lx-", (unsigned long)(uintptr_t)p);
	while (fgets(line, size, f)) {
		if (!strncmp(line, start, strlen(start))) {
			mine = true;
			sscanf(line, "%*s %*s %llx", &pos);
		}
		if (mine && !strncmp(line, "VmFlags:", 8))
			break;
	}
	OK(!feof(f), "%p: no VmFlags line for the mapping", p);
	fclose(f);
	line[strcspn(line, "\n")] = 0;
	return pos;
}

static void flags(void)
{
	static const char *const want[] = {" sh", " io", " pf", " de", " dd"};

	gpu_tiny(&gpu);
	for (size_t w = 0; w < ARRAY_LEN(map_windows); w++) {
		int index = map_windows[w];
		uint64_t off = 3 * util_page();
		unsigned long long pos;
		char line[512];
		void *p = vfio_map(&gpu.vfio, index, off, 4 * util_page());

		vfio_touch_read(p, NULL);
		pos = map_flags(p, line, sizeof(line));
		for (size_t i = 0; i < ARRAY_LEN(want); i++)
			OK(strstr(line, want[i]), "region %d: expected flag '%s', got '%s'", index,
			   want[i] + 1, line);
		/*
		 * The core zaps by region offset. Where it does not (6.1), bit 57
		 * keeps the offset clear of the core's physical page numbers.
		 */
		pos &= (1ULL << 57) - 1;
		EQ(pos, gpu.vfio.region[index].offset + off, "region %d: offset of the mapping",
		   index);
	}
}

/*
 * A guest may map resmem write-combining only where the kernel finds
 * VM_ALLOW_ANY_UNCACHED, the one flag of these mappings that smaps has no name for.
 */
static void uncached_as_guests_like(void)
{
	char line[512];

	if (ktap_kernel("6.1"))
		ktap_skip("this kernel has no such flag");
	gpu_tiny(&gpu);
	map_flags(vfio_map(&gpu.vfio, VFIO_RESMEM, 0, util_page()), line, sizeof(line));
	OK(strstr(line, " ??"), "resmem: no VM_ALLOW_ANY_UNCACHED in '%s'", line);
	map_flags(vfio_map(&gpu.vfio, VFIO_USEMEM, 0, util_page()), line, sizeof(line));
	OK(!strstr(line, " ??"), "usemem: a flag that only uncached memory wants in '%s'", line);
}

/* Mappings whose virtual and physical addresses agree modulo nothing but a page. */
static void non_congruent(void)
{
	size_t page = util_page(), len = 6 * MiB;

	gpu_tiny(&gpu);
	for (size_t w = 0; w < ARRAY_LEN(map_windows); w++) {
		static const struct {
			unsigned int va, off; /* pages */
		} t[] = {{0, 0}, {1, 0}, {0, 1}, {3, 3}, {5, 2}};
		int index = map_windows[w];

		for (size_t i = 0; i < ARRAY_LEN(t); i++) {
			uint64_t off = 4 * MiB + t[i].off * page;
			char *p = vfio_map_aligned(&gpu.vfio, index, off, len, 2 * MiB,
						   t[i].va * page);
			uint64_t *image = malloc(len), *in = malloc(len);

			ktap_fill(image, len, i + 1);
			for (size_t k = 0; k < len; k += page)
				*(volatile uint64_t *)(p + k) = image[k / 8];
			sim_mem_read(gpu.name, gpu_window(&gpu, index) + off, in, len);
			for (size_t k = 0; k < len; k += page)
				EQ(in[k / 8], image[k / 8],
				   "region %d, address %u and offset %u pages off: page %zu", index,
				   t[i].va, t[i].off, k / page);
			free(image);
			free(in);
			munmap(p, len);
		}
	}
}

static void split_and_protect(void)
{
	size_t page = util_page(), len = 8 * MiB;
	uint64_t value;
	char *p;

	gpu_tiny(&gpu);
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, len);
	for (size_t k = 0; k < len; k += page)
		*(volatile uint64_t *)(p + k) = k;
	EQ(munmap(p + 3 * page, page), 0, "munmap of one page");
	EQ(munmap(p + 4 * MiB, MiB), 0, "munmap of a MiB");
	EQ(vfio_touch_read(p + 3 * page, &value), SIGSEGV, "unmapped page");
	EQ(vfio_touch_read(p + 4 * MiB + 8, &value), SIGSEGV, "unmapped MiB");
	map_agrees(p + 2 * page, 2 * page, "page before the hole");
	map_agrees(p + 4 * page, 4 * page, "page behind the hole");
	map_agrees(p + 5 * MiB, 5 * MiB, "behind the big hole");
	EQ(mprotect(p + 6 * MiB, MiB, PROT_READ), 0, "mprotect");
	EQ(vfio_touch_read(p + 6 * MiB, &value), 0, "load from a read-only part");
	EQ(value, 6 * MiB, "read-only part");
	EQ(vfio_touch_write(p + 6 * MiB, 1), SIGSEGV, "store to a read-only part");
	EQ(mprotect(p + 6 * MiB, MiB, PROT_READ | PROT_WRITE), 0, "mprotect back");
	map_agrees(p + 6 * MiB, 6 * MiB, "writable again");
}

static void map_child(void *arg)
{
	volatile uint64_t *p = arg;

	/* One page the parent has touched, one that nobody has. */
	if (p[0] != 0x1111 || p[util_page() / 8] != 0x2222)
		ktap_fail("child: expected 0x1111 and 0x2222, got 0x%llx and 0x%llx",
			  (unsigned long long)p[0], (unsigned long long)p[util_page() / 8]);
	p[1] = 0x3333;
	p[util_page() / 4] = 0x4444;
}

static void forked(void)
{
	size_t page = util_page();
	uint64_t value = 0x2222;
	volatile uint64_t *p;

	gpu_tiny(&gpu);
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, 4 * MiB);
	p[0] = 0x1111;
	sim_mem_write(gpu.name, page, &value, 8);
	ktap_join_ok(ktap_spawn(map_child, (void *)(uintptr_t)p), 20, "child");
	EQ(p[1], 0x3333, "child's store to a touched page");
	EQ(p[page / 4], 0x4444, "child's store to a fresh page");
	sim_mem_read(gpu.name, 2 * page, &value, 8);
	EQ(value, 0x4444, "child's store on the device's side");
	map_agrees(p, 0, "parent afterwards");
}

static void remapped(void)
{
	size_t page = util_page(), len = 4 * MiB;
	char *p, *q, *room;

	gpu_tiny(&gpu);
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 2 * MiB, len);
	*(volatile uint64_t *)p = 0x77;
	q = mremap(p, len, len + page, MREMAP_MAYMOVE);
	OK(q == MAP_FAILED, "mremap that grows: expected failure, got %p", (void *)q);
	EQ(errno, EFAULT, "mremap that grows: errno");
	room = mmap(NULL, 2 * len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	q = mremap(p, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, room + page);
	OK(q == room + page, "mremap that moves: expected %p, got %p (%s)", (void *)(room + page),
	   (void *)q, strerror(errno));
	EQ(*(volatile uint64_t *)q, 0x77, "moved");
	map_agrees(q, 2 * MiB, "moved, first page");
	map_agrees(q + len - 8, 2 * MiB + len - 8, "moved, last word");
	p = mremap(q, len, MiB, 0);
	OK(p == q, "mremap that shrinks: %s", strerror(errno));
	map_agrees(p + MiB - 8, 3 * MiB - 8, "shrunk, last word");
	EQ(vfio_touch_read(p + MiB, NULL), SIGSEGV, "behind the shrunk mapping");
}

/* Where a mapping was, there is nothing any more: not for a moment, be its entries of 1 GiB. */
static void moved_leaves_nothing(void)
{
	size_t page = util_page(), len = 2 * GiB;
	int stale = 0;
	char *p, *q, *room;

	gpu_open_preset(&gpu, "gh200-96");
	for (int i = 0; i < 20; i++) {
		p = vfio_map_aligned(&gpu.vfio, VFIO_USEMEM, 0, len, GiB, 0);
		*(volatile uint64_t *)p = i;
		*(volatile uint64_t *)(p + GiB) = i;
		room = mmap(NULL, len + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		q = mremap(p, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, room + i % 2 * page);
		stale += vfio_touch_read(p, NULL) != SIGSEGV;
		stale += vfio_touch_read(p + GiB, NULL) != SIGSEGV;
		OK(q == room + i % 2 * page, "mremap: %s", strerror(errno));
		EQ(*(volatile uint64_t *)(q + GiB), i, "moved");
		munmap(room, len + page);
	}
	EQ(stale, 0, "words of 40 that could be read where the mapping was");
}

static void outlives_the_file(void)
{
	uint64_t value = 0x1234, in;
	volatile uint64_t *p;

	gpu_tiny(&gpu);
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, util_page());
	sim_mem_write(gpu.name, 8, &value, 8);
	vfio_close(&gpu.vfio);
	EQ(vfio_touch_read(p + 1, &in), 0, "signal at a load after close()");
	EQ(in, value, "load after close()");
}

static void two_mappings_one_page(void)
{
	volatile uint64_t *p, *q;

	gpu_tiny(&gpu);
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, 4 * MiB);
	q = vfio_map(&gpu.vfio, VFIO_USEMEM, 2 * MiB, 4 * MiB);
	p[2 * MiB / 8] = 0xabc;
	EQ(q[0], 0xabc, "second mapping");
	q[1] = 0xdef;
	EQ(p[2 * MiB / 8 + 1], 0xdef, "first mapping");
}

/* Places all over 95 GiB, in no order, through one mapping. */
static void many_places_in_95_GiB(void)
{
	const uint64_t size = 95 * GiB;
	int n = ktap_quick() ? 200 : 2000;
	uint64_t *at = calloc(n, sizeof(*at)), *value = calloc(n, sizeof(*value)), in;
	char *p;

	gpu_open_preset(&gpu, "gh200-96");
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, size);
	for (int i = 0; i < n; i++) {
		/* Each in a stripe of its own, so that none meets another. */
		at[i] = (size / n * i + ktap_random() % (size / n - 8)) & ~7ULL;
		value[i] = ktap_random();
	}
	for (int i = 0; i < n; i++) {
		int k = (int)((uint64_t)i * 7919 % n);

		*(volatile uint64_t *)(p + at[k]) = value[k];
	}
	for (int i = 0; i < n; i++) {
		sim_mem_read(gpu.name, at[i], &in, 8);
		EQ(in, value[i], "device's side of 0x%llx", (unsigned long long)at[i]);
	}
	ktap_diag("%d places of 95 GiB, %lld KiB of page tables", n,
		  util_field("/proc/self/status", "VmPTE"));
}

/* A load every @step bytes; the faults that it took. */
static long map_walk(const char *p, size_t len, size_t step)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	for (size_t k = 0; k < len; k += step)
		*(volatile const char *)(p + k);
	getrusage(RUSAGE_SELF, &after);
	return after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt;
}

/* Faults must give many pages, or 96 GiB take 25 million of them: two for a page table. */
static void faults_come_in_batches(void)
{
	size_t page = util_page(), len = 64 * MiB;
	long faults;
	char *p;

	gpu_tiny(&gpu);
	p = vfio_map_aligned(&gpu.vfio, VFIO_USEMEM, 0, len, GiB, page);
	faults = map_walk(p, len, page);
	ktap_diag("%zu pages, %ld faults", len / page, faults);
	OK(faults <= (long)(len / page / 200), "expected at most %zu faults for %zu pages, got %ld",
	   len / page / 200, len / page, faults);
	munmap(p, len);
	/* Every second table: who walks is given more. */
	for (size_t at = 0; at < len; at += 4 * MiB) {
		p = vfio_map_aligned(&gpu.vfio, VFIO_USEMEM, at, 2 * MiB, GiB, page);
		faults = map_walk(p, 2 * MiB, page);
		OK(faults <= 6, "expected at most 6 faults for 2 MiB, got %ld", faults);
		munmap(p, 2 * MiB);
	}
}

/* Who walks through page tables is given those ahead: less than a fault for two of them. */
static void walks_fault_less(void)
{
	size_t len = 64 * MiB, most = len / (2 * MiB) / 2 + 4;
	long faults;
	char *p;

	gpu_tiny(&gpu);
	p = vfio_map_aligned(&gpu.vfio, VFIO_USEMEM, 0, len, GiB, util_page());
	faults = map_walk(p, len, 32 * KiB);
	ktap_diag("%zu MiB, %ld faults", (size_t)(len / MiB), faults);
	OK(faults <= (long)most, "expected at most %zu faults for 64 MiB, got %ld", most, faults);
}

/*
 * What comes in ahead of a walk is the window's, allows no more than the mapping does, and ends with
 * it, wherever that is in a page table: beyond there is somebody else's memory.
 */
static void walks_end_with_the_mapping(void)
{
	size_t page = util_page(), room = 64 * MiB, before = 2 * MiB;
	uint64_t value, out;

	gpu_tiny(&gpu);
	for (size_t len = 22 * MiB - 3 * page; len <= 22 * MiB + page; len += page) {
		uint64_t off = 5 * page;
		char *all = mmap(NULL, room, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		char *at = (char *)(((uintptr_t)all + 2 * before) & ~(2 * MiB - 1)) + page;
		char *p = mmap(at, len, PROT_READ, MAP_SHARED | MAP_FIXED, gpu.vfio.fd,
			       gpu.vfio.region[VFIO_USEMEM].offset + off);

		OK(all != MAP_FAILED && p == at, "mmap: %s", strerror(errno));
		for (uint64_t k = 0; k < len + 8 * MiB; k += 2 * MiB) {
			out = (len << 32) + k + 1;
			sim_mem_write(gpu.name, off + k, &out, 8);
		}
		map_walk(p, len - 4 * MiB, 32 * KiB);
		for (uint64_t k = 0; k < len; k += 2 * MiB) {
			EQ(vfio_touch_read(p + k, &value), 0, "%zu bytes + 0x%llx: signal", len,
			   (unsigned long long)k);
			EQ(value, (len << 32) + k + 1, "%zu bytes + 0x%llx", len,
			   (unsigned long long)k);
			EQ(vfio_touch_write(p + k, 1), SIGSEGV, "%zu bytes + 0x%llx: store", len,
			   (unsigned long long)k);
		}
		for (char *other = p + len; other < p + len + 8 * MiB; other += page)
			OK(!*(volatile uint64_t *)other, "%zu bytes: 0x%zx behind is the window's",
			   len, (size_t)(other - p - len));
		munmap(all, room);
	}
}

/* What comes in with a page that was touched allows no more than the mapping does. */
static void neighbours_allow_no_more(void)
{
	size_t page = util_page(), len = 16 * page;
	uint64_t image[16], value;
	char *p;

	gpu_tiny(&gpu);
	for (size_t w = 0; w < ARRAY_LEN(map_windows); w++) {
		int index = map_windows[w];

		for (int i = 0; i < 16; i++) {
			image[i] = ktap_random();
			sim_mem_write(gpu.name, gpu_window(&gpu, index) + i * page, &image[i], 8);
		}
		p = mmap(NULL, len, PROT_READ, MAP_SHARED, gpu.vfio.fd,
			 gpu.vfio.region[index].offset);
		OK(p != MAP_FAILED, "region %d: mmap: %s", index, strerror(errno));
		EQ(vfio_touch_read(p + 7 * page, &value), 0, "region %d: load", index);
		for (int i = 0; i < 16; i++) {
			EQ(vfio_touch_write(p + i * page, 1), SIGSEGV,
			   "region %d: store to page %d", index, i);
			EQ(vfio_touch_read(p + i * page, &value), 0, "region %d: load of page %d",
			   index, i);
			EQ(value, image[i], "region %d: page %d", index, i);
		}
		munmap(p, len);
	}
}

static void real_bar0(void)
{
	uint32_t want, got;
	char *p;

	gpu_tiny(&gpu);
	p = vfio_map(&gpu.vfio, 0, 0, gpu.vfio.region[0].size);
	vfio_get(&gpu.vfio, 0, 0x1498, &want, 4);
	got = *(volatile uint32_t *)(p + 0x1498);
	EQ(got, want, "BAR0 + 0x1498 through its mapping");
	EQ(got, 0xff, "C2C link ready");
	EQ(*(volatile uint32_t *)(p + 0x200bc), 0xff, "HBM training done");
}

/* How the CPU maps the windows, by the account that x86 keeps. */
static void cache_attributes(void)
{
	const char *arch = getenv("COHGPU_ARCH");

	if (!arch || strcmp(arch, "amd64"))
		ktap_skip("only x86 keeps a list of them");
	/* Where the kernel has no vmap_pfn(), as compiled here, that of the simulator came first. */
	if (ktap_kernel("7.2"))
		ktap_skip("the simulator's mapping of the same pages decides");
	gpu_tiny(&gpu);
	for (size_t w = 0; w < ARRAY_LEN(map_windows); w++)
		vfio_get(&gpu.vfio, map_windows[w], 0, &(uint64_t){0}, 8);
	OK(util_memtype(gpu.mem_base, "write-back"), "usemem is not mapped write-back");
	OK(util_memtype(gpu.mem_base + gpu_window(&gpu, VFIO_RESMEM), "write-combining"),
	   "resmem is not mapped write-combining");
}

/* The same of user space's mappings, by what the driver asks the kernel for. */
static void cache_attributes_of_users(void)
{
	static const char *const want[] = {"write-back", "write-combining"};

	gpu_tiny(&gpu);
	for (size_t w = 0; w < ARRAY_LEN(map_windows); w++) {
		void *p = vfio_map(&gpu.vfio, map_windows[w], 0, util_page());
		const char *mode = trace_cache_mode(p);

		OK(!strcmp(mode, want[w]), "region %d: expected %s, got %s", map_windows[w],
		   want[w], mode);
	}
}

static const struct ktap_case cases[] = {
	KTAP_CASE(G1_private),
	KTAP_CASE_ARG("data_agrees", start_middle_end, 0),
	KTAP_CASE(flags),
	KTAP_CASE(uncached_as_guests_like),
	KTAP_CASE(cache_attributes),
	KTAP_CASE(cache_attributes_of_users),
	KTAP_CASE_SLOW(non_congruent, 120),
	KTAP_CASE(split_and_protect),
	KTAP_CASE(forked),
	KTAP_CASE(remapped),
	KTAP_CASE(moved_leaves_nothing),
	KTAP_CASE(outlives_the_file),
	KTAP_CASE(two_mappings_one_page),
	KTAP_CASE(faults_come_in_batches),
	KTAP_CASE(walks_fault_less),
	KTAP_CASE_SLOW(walks_end_with_the_mapping, 120),
	KTAP_CASE(neighbours_allow_no_more),
	KTAP_CASE(real_bar0),
	KTAP_CASE(bounds),
	KTAP_CASE(partial_last_page),
	KTAP_CASE_ARG_SLOW("data_agrees_95_GiB", start_middle_end, 1, 180),
	KTAP_CASE_SLOW(many_places_in_95_GiB, 180),
};

int main(int argc, char **argv)
{
	return ktap_main("mmap", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
