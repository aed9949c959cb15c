// SPDX-License-Identifier: GPL-2.0-only
/* spec/grace.md section 2, "read and write without mmap": boundaries, counts, positions, the tail. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpu.h"

static struct gpu gpu;

static const int rw_windows[] = {VFIO_USEMEM, VFIO_RESMEM};

static void rw_ones(const void *buf, size_t n, const char *what)
{
	const unsigned char *p = buf;

	for (size_t i = 0; i < n; i++)
		if (p[i] != 0xff)
			ktap_fail("%s: byte %zu of %zu: expected 0xff, got 0x%02x", what, i, n,
				  p[i]);
}

/* Places worth a look in a window: starts, page and block edges, middle, end. */
static size_t rw_places(const struct gpu *g, int index, size_t n, uint64_t *place)
{
	uint64_t size = gpu_window_size(g, index), page = util_page();
	const uint64_t all[] = {
		0,	  1,	    page - 1,		64 * KiB - 3, 2 * MiB - 5,
		size / 2, size / 4, size - 2 * MiB - 7, size - page,  size - n,
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		place[i] = all[i] + n > size ? size - n : all[i];
	return ARRAY_LEN(all);
}

static void rw_agrees(const char *preset)
{
	enum { N = 3 * 4096 + 5 };
	static unsigned char out[N], in[N];
	uint64_t place[16];

	gpu_open_preset(&gpu, preset);
	for (size_t w = 0; w < ARRAY_LEN(rw_windows); w++) {
		int index = rw_windows[w];
		size_t n = rw_places(&gpu, index, N, place);

		for (size_t i = 0; i < n; i++) {
			uint64_t at = gpu_window(&gpu, index) + place[i];

			ktap_fill(out, N, place[i] + index);
			vfio_put(&gpu.vfio, index, place[i], out, N);
			sim_mem_read(gpu.name, at, in, N);
			BYTES(in, out, N, "region %d + 0x%llx on the device's side", index,
			      (unsigned long long)place[i]);
			ktap_fill(out, N, ~place[i]);
			sim_mem_write(gpu.name, at, out, N);
			vfio_get(&gpu.vfio, index, place[i], in, N);
			BYTES(in, out, N, "region %d + 0x%llx read back", index,
			      (unsigned long long)place[i]);
		}
	}
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events");
}

static void agrees_with_device(void)
{
	rw_agrees("tiny");
}

static void agrees_with_device_96g(void)
{
	rw_agrees("gh200-96");
}

/* Every start modulo 8 and every length to 40, in both windows. */
static void widths_and_alignments(void)
{
	unsigned char image[128], got[64], data[64];

	gpu_tiny(&gpu);
	for (size_t w = 0; w < ARRAY_LEN(rw_windows); w++) {
		int index = rw_windows[w];
		uint64_t at = gpu_window(&gpu, index);

		ktap_fill(image, sizeof(image), 77);
		sim_mem_write(gpu.name, at, image, sizeof(image));
		for (int start = 16; start < 24; start++) {
			for (int len = 1; len <= 40; len++) {
				memset(got, 0xcc, sizeof(got));
				vfio_get(&gpu.vfio, index, start, got, len);
				BYTES(got, image + start, len, "region %d: read of %d at %d", index,
				      len, start);
				EQ(got[len], 0xcc, "region %d: byte behind a read of %d at %d",
				   index, len, start);
				ktap_fill(data, len, start * 64 + len);
				memcpy(image + start, data, len);
				vfio_put(&gpu.vfio, index, start, data, len);
				vfio_get(&gpu.vfio, index, 0, got, sizeof(got));
				BYTES(got, image, sizeof(got), "region %d: write of %d at %d",
				      index, len, start);
			}
		}
		sim_mem_read(gpu.name, at, got, sizeof(got));
		BYTES(got, image, sizeof(got), "region %d: device's side", index);
	}
}

/* Reads that cross the end of the memory go on with 0xff. */
static void window_end_read(void)
{
	static const size_t lens[] = {2, 8, 16, 100, 8192, 200000};
	int index = (int)ktap_arg();
	unsigned char *want, *got;
	uint64_t size;

	gpu_open(&gpu, &gpu_tails);
	size = gpu_window_size(&gpu, index);
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		for (size_t before = 1; before < lens[i]; before += 1 + lens[i] / 5) {
			size_t n = lens[i];

			want = malloc(n);
			got = calloc(1, n);
			ktap_fill(want, before, n + before);
			memset(want + before, 0xff, n - before);
			sim_mem_write(gpu.name, gpu_window(&gpu, index) + size - before, want,
				      before);
			EQ(vfio_read(&gpu.vfio, index, size - before, got, n), n,
			   "read of %zu, %zu of them memory: count", n, before);
			BYTES(got, want, n, "read of %zu, %zu of them memory", n, before);
			free(want);
			free(got);
		}
	}
}

/* Writes that cross it: the tail's bytes are dropped and counted, and harm nobody. */
static void window_end_write(void)
{
	static const size_t lens[] = {2, 8, 16, 100, 8192, 200000};
	int index = (int)ktap_arg();
	unsigned char beyond[4096], was[4096], *data, *got;
	uint64_t size, end;

	gpu_open(&gpu, &gpu_tails);
	size = gpu_window_size(&gpu, index);
	end = gpu_window(&gpu, index) + size;
	ktap_fill(was, sizeof(was), 99);
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		for (size_t before = 1; before < lens[i]; before += 1 + lens[i] / 5) {
			size_t n = lens[i];

			data = malloc(n);
			got = malloc(n);
			ktap_fill(data, n, n * before);
			/* Behind usemem lies resmem. */
			if (end < gpu.mem_size)
				sim_mem_write(gpu.name, end, was, sizeof(was));
			EQ(vfio_write(&gpu.vfio, index, size - before, data, n), n,
			   "write of %zu, %zu of them memory: count", n, before);
			sim_mem_read(gpu.name, end - before, got, before);
			BYTES(got, data, before, "write of %zu, %zu of them memory", n, before);
			if (end < gpu.mem_size) {
				sim_mem_read(gpu.name, end, beyond, sizeof(beyond));
				BYTES(beyond, was, sizeof(was), "memory behind the window");
			}
			free(data);
			free(got);
		}
	}
}

static void tail_only(void)
{
	static unsigned char buf[70000];

	gpu_open(&gpu, &gpu_tails);
	for (size_t w = 0; w < ARRAY_LEN(rw_windows); w++) {
		int index = rw_windows[w];
		uint64_t window = gpu_window_size(&gpu, index);
		uint64_t bar = gpu.vfio.region[index].size;
		const uint64_t at[] = {window, window + 1, (window + bar) / 2, bar - sizeof(buf)};

		for (size_t i = 0; i < ARRAY_LEN(at); i++) {
			memset(buf, 0, sizeof(buf));
			vfio_get(&gpu.vfio, index, at[i], buf, sizeof(buf));
			rw_ones(buf, sizeof(buf), "tail");
			memset(buf, 0, sizeof(buf));
			vfio_put(&gpu.vfio, index, at[i], buf, sizeof(buf));
			vfio_get(&gpu.vfio, index, at[i], buf, 9);
			rw_ones(buf, 9, "tail after a write");
		}
	}
}

static void bar_end(void)
{
	unsigned char buf[256];
	const bool tails = ktap_arg();

	if (tails)
		gpu_open(&gpu, &gpu_tails);
	else
		gpu_tiny(&gpu);
	for (size_t w = 0; w < ARRAY_LEN(rw_windows); w++) {
		int index = rw_windows[w];
		uint64_t bar = gpu.vfio.region[index].size;

		for (size_t left = 1; left <= 64; left++) {
			unsigned char want[64];

			memset(want, 0xff, sizeof(want));
			if (!tails) {
				ktap_fill(want, left, left);
				EQ(vfio_write(&gpu.vfio, index, bar - left, want, left), left,
				   "region %d: write of the last %zu", index, left);
			} else {
				memset(buf, 0, sizeof(buf));
				EQ(vfio_write(&gpu.vfio, index, bar - left, buf, sizeof(buf)), left,
				   "region %d: write over the end, %zu before it", index, left);
			}
			memset(buf, 0x11, sizeof(buf));
			EQ(vfio_read(&gpu.vfio, index, bar - left, buf, sizeof(buf)), left,
			   "region %d: read over the end, %zu before it", index, left);
			BYTES(buf, want, left, "region %d: last %zu bytes", index, left);
			EQ(buf[left], 0x11, "region %d: byte behind the last %zu", index, left);
		}
	}
}

static void beyond_bar_end(void)
{
	static const uint64_t beyond[] = {0, 1, 8, 4096, GiB, TiB / 2};
	unsigned char buf[64] = {0};

	gpu_open(&gpu, &gpu_tails);
	for (size_t w = 0; w < ARRAY_LEN(rw_windows); w++) {
		int index = rw_windows[w];
		uint64_t bar = gpu.vfio.region[index].size;

		for (size_t i = 0; i < ARRAY_LEN(beyond); i++) {
			unsigned long long at = bar + beyond[i];

			EQ(vfio_read(&gpu.vfio, index, at, buf, 8), -EINVAL,
			   "region %d: read at 0x%llx", index, at);
			EQ(vfio_write(&gpu.vfio, index, at, buf, 8), -EINVAL,
			   "region %d: write at 0x%llx", index, at);
			EQ(vfio_read(&gpu.vfio, index, at, buf, 0), -EINVAL,
			   "region %d: read of 0 at 0x%llx", index, at);
		}
	}
}

static void zero_count(void)
{
	unsigned char byte = 0x42;

	gpu_open(&gpu, &gpu_tails);
	for (size_t w = 0; w < ARRAY_LEN(rw_windows); w++) {
		int index = rw_windows[w];
		uint64_t window = gpu_window_size(&gpu, index);
		const uint64_t at[] = {0, 5, window - 1, window, gpu.vfio.region[index].size - 1};

		for (size_t i = 0; i < ARRAY_LEN(at); i++) {
			EQ(vfio_read(&gpu.vfio, index, at[i], &byte, 0), 0, "read of 0");
			EQ(vfio_write(&gpu.vfio, index, at[i], &byte, 0), 0, "write of 0");
		}
	}
	EQ(byte, 0x42, "buffer");
}

/* Segments over the memory's end and into the tail; each starts where the one before ended. */
static void rw_vectored(int index, bool put)
{
	static const size_t cut[][3] = {{8, 8, 8}, {4096, 4096, 8192}, {5, 13, 7000}};
	static unsigned char data[20000], want[20000], got[20000];

	gpu_open(&gpu, &gpu_tails);
	for (size_t i = 0; i < ARRAY_LEN(cut); i++) {
		size_t total = cut[i][0] + cut[i][1] + cut[i][2];
		uint64_t window = gpu_window_size(&gpu, index), dev = gpu_window(&gpu, index);
		/* In the middle, ending with the memory, over its end, in the tail. */
		const uint64_t at[] = {window / 2 + 3, window - total, window - cut[i][0] - 1,
				       window + 64};

		for (size_t p = 0; p < ARRAY_LEN(at); p++) {
			size_t mem = at[p] >= window	      ? 0
				     : at[p] + total > window ? window - at[p]
							      : total;
			struct iovec iov[3];
			size_t off = 0;

			ktap_fill(data, total, i * 8 + p);
			memset(got, 0, sizeof(got));
			memcpy(want, data, mem);
			memset(want + mem, 0xff, total - mem);
			for (int k = 0; k < 3; k++) {
				iov[k].iov_base = (put ? data : got) + off;
				iov[k].iov_len = cut[i][k];
				off += cut[i][k];
			}
			if (put) {
				EQ(vfio_writev(&gpu.vfio, index, at[p], iov, 3), total,
				   "pwritev of %zu, %zu memory: count", total, mem);
				if (mem)
					sim_mem_read(gpu.name, dev + at[p], got, mem);
				BYTES(got, data, mem, "pwritev of %zu, %zu memory", total, mem);
			} else {
				if (mem)
					sim_mem_write(gpu.name, dev + at[p], data, mem);
				EQ(vfio_readv(&gpu.vfio, index, at[p], iov, 3), total,
				   "preadv of %zu, %zu memory: count", total, mem);
				BYTES(got, want, total, "preadv of %zu, %zu memory", total, mem);
			}
		}
	}
}

static void G3_preadv(void)
{
	rw_vectored((int)ktap_arg(), false);
}

static void G3_pwritev(void)
{
	rw_vectored((int)ktap_arg(), true);
}

/* The file position: read() and readv() go on where they ended, in the first region. */
static void position_moves_by_count(void)
{
	unsigned char want[64], a[16], b[16], c[16];
	struct iovec iov[2] = {{b, 16}, {c, 16}};

	gpu_tiny(&gpu);
	vfio_get(&gpu.vfio, 0, 0, want, sizeof(want));
	EQ(read(gpu.vfio.fd, a, 16), 16, "read");
	EQ(readv(gpu.vfio.fd, iov, 2), 32, "readv");
	BYTES(a, want, 16, "read at position 0");
	BYTES(b, want + 16, 16, "readv at position 16");
	BYTES(c, want + 32, 16, "second segment of readv");
}

static void G12_tail_64M(void)
{
	const size_t n = 64 * MiB;
	double start, tail, memory;
	unsigned char *buf;

	gpu_open_preset(&gpu, "gh200-96");
	buf = vfio_buffer(n);
	start = ktap_now();
	vfio_get(&gpu.vfio, VFIO_USEMEM, 0, buf, n);
	memory = ktap_now() - start;
	memset(buf, 0, 2 * MiB);
	start = ktap_now();
	vfio_get(&gpu.vfio, VFIO_USEMEM, 100 * GiB, buf, n);
	tail = ktap_now() - start;
	rw_ones(buf, 2 * MiB, "tail");
	ktap_diag("64 MiB of tail: %.3f s; of memory: %.3f s", tail, memory);
}

/* As a debugger that dumps a BAR does: in calls as long as the kernel lets them be. */
static void G12_tail_8G(void)
{
	const size_t call = 2 * GiB - 64 * KiB;
	/* The in-tree driver does it byte by byte: nobody need wait for all of them. */
	const uint64_t size = (ktap_peer() ? 1 : 8) * GiB;
	unsigned char *buf;
	double start;

	gpu_open_preset(&gpu, "gh200-96");
	buf = vfio_buffer(call + 64 * KiB);
	start = ktap_now();
	for (uint64_t at = 0; at < size; at += call) {
		memset(buf, 0, 2 * MiB);
		vfio_get(&gpu.vfio, VFIO_USEMEM, 96 * GiB + at, buf,
			 at + call < size ? call : size - at);
		rw_ones(buf, 256 * KiB, "tail");
	}
	ktap_diag("%llu GiB of tail: %.1f s", (unsigned long long)(size / GiB), ktap_now() - start);
}

struct rw_long {
	uint64_t off;
	uint64_t size;
	volatile int started;
	void *buf;
	int index;
	bool put;
};

/* In calls as long as the kernel lets them be, over and over until it is killed. */
static void rw_long(void *arg)
{
	struct rw_long *l = arg;
	const size_t call = 2 * GiB - 64 * KiB;
	uint64_t done = 0;

	l->started = 1;
	for (;;) {
		uint64_t at = l->off + done % l->size;
		size_t n = at + call > l->off + l->size ? l->off + l->size - at : call;
		ssize_t r = l->put ? vfio_write(&gpu.vfio, l->index, at, l->buf, n)
				   : vfio_read(&gpu.vfio, l->index, at, l->buf, n);

		if (r <= 0)
			ktap_fail("long transfer at 0x%llx: %zd", (unsigned long long)at, r);
		done += r;
	}
}

static void rw_kill(uint64_t off, uint64_t size, int index, bool put, const char *what)
{
	struct rw_long *l = ktap_shared(sizeof(*l));
	double start;
	pid_t pid;

	*l = (struct rw_long){.off = off, .size = size, .index = index, .put = put};
	l->buf = vfio_buffer(2 * GiB);
	pid = ktap_spawn(rw_long, l);
	EQ(ktap_await(&l->started, 1, 10), 1, "%s: started", what);
	ktap_sleep(0.2);
	start = ktap_now();
	ktap_kill(pid, 10, what);
	ktap_diag("%s: gone %.3f s after SIGKILL", what, ktap_now() - start);
}

static void G12_kill_in_tail_read(void)
{
	gpu_open_preset(&gpu, "gh200-96");
	rw_kill(96 * GiB, 8 * GiB, VFIO_USEMEM, false, "read of the tail");
}

static void G12_kill_in_tail_write(void)
{
	gpu_open_preset(&gpu, "gh200-96");
	rw_kill(96 * GiB, 8 * GiB, VFIO_USEMEM, true, "write to the tail");
}

/* The same few MiB of memory again and again: the VM's host need not back more. */
static void kill_in_memory_read(void)
{
	int index = (int)ktap_arg();

	gpu_open_preset(&gpu, "gh200-96");
	rw_kill(0, 512 * MiB, index, false, "read of memory");
	/* The next client, and the next access, find everything in order. */
	vfio_close(&gpu.vfio);
	vfio_open(&gpu.vfio, gpu.bdf);
	vfio_memory_enable(&gpu.vfio, true);
	vfio_get(&gpu.vfio, index, 0, &(uint64_t){0}, 8);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(agrees_with_device),
	KTAP_CASE(widths_and_alignments),
	KTAP_CASE(position_moves_by_count),
	KTAP_CASE_ARG("bar_end_without_tail", bar_end, 0),
	KTAP_CASE_ARG("bar_end_with_tail", bar_end, 1),
	KTAP_CASE_ARG("window_end_read_usemem", window_end_read, VFIO_USEMEM),
	KTAP_CASE_ARG("window_end_read_resmem", window_end_read, VFIO_RESMEM),
	KTAP_CASE_ARG("window_end_write_usemem", window_end_write, VFIO_USEMEM),
	KTAP_CASE_ARG("window_end_write_resmem", window_end_write, VFIO_RESMEM),
	KTAP_CASE(tail_only),
	KTAP_CASE(beyond_bar_end),
	KTAP_CASE(zero_count),
	KTAP_CASE_ARG("G3_preadv_usemem", G3_preadv, VFIO_USEMEM),
	KTAP_CASE_ARG("G3_preadv_resmem", G3_preadv, VFIO_RESMEM),
	KTAP_CASE_ARG("G3_pwritev_usemem", G3_pwritev, VFIO_USEMEM),
	KTAP_CASE_ARG("G3_pwritev_resmem", G3_pwritev, VFIO_RESMEM),
	KTAP_CASE(agrees_with_device_96g),
	KTAP_CASE(G12_tail_64M),
	KTAP_CASE_FULL("G12_tail_8G", G12_tail_8G, 0, 180),
	KTAP_CASE_SLOW(G12_kill_in_tail_read, 180),
	KTAP_CASE_SLOW(G12_kill_in_tail_write, 180),
	KTAP_CASE_ARG_SLOW("kill_in_memory_read_usemem", kill_in_memory_read, VFIO_USEMEM, 120),
	KTAP_CASE_ARG_SLOW("kill_in_memory_read_resmem", kill_in_memory_read, VFIO_RESMEM, 120),
};

int main(int argc, char **argv)
{
	return ktap_main("rw", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
