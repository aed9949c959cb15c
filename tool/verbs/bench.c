// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast a GPU's memory is to be had by a VMM: time to map a window, to take its faults, to read
 * and write it by the CPU and by system calls, and to map it for DMA. Bytes are written as they
 * were read, so that nothing in the memory changes but by the reset that opening a device is.
 *
 * A part of each window is measured, --size bytes from its start. Its faults say how large the
 * entries are that the kernel makes: one a page for small ones, few for huge ones.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "core/error.h"
#include "core/out.h"
#include "core/ready.h"
#include "plan/plan.h"
#include "verbs/verbs.h"
#include "vfio/client.h"
#include "vfio/uapi.h"

#define DEFAULT_SIZE "64M"
#define CHUNK	     (1UL << 20)
#define BAR_WIDTH    30
#define WHAT_WIDTH   26
#define BAR_AROUND   (9 + WHAT_WIDTH) /* "[] 100% ", and a column that stays free */

struct bench_window {
	const struct client *client;
	const struct client_region *region;
	const char *name;
	char *at;	/* where it is mapped */
	uint64_t size;	/* what is measured of it */
	uint64_t whole; /* all of the area */
	bool dma;	/* the IOMMU has it */
	bool lost;	/* a touch of it has failed: nothing that needs pages can work */
};

/* One measurement. */
struct bench_result {
	double seconds;
	uint64_t bytes;
	uint64_t faults;
	const char *why; /* not measured; NULL: it was */
};

static sigjmp_buf bench_lost;

static void bench_signal(int number)
{
	siglongjmp(bench_lost, number);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t faults_so_far(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

/* The mapping itself; filling it is the faults' time. */
static void measure_map(struct bench_window *w, struct bench_result *r)
{
	double start = now();

	w->at = mmap(NULL, w->whole, PROT_READ | PROT_WRITE, MAP_SHARED, w->client->device,
		     w->region->offset + w->region->area[0].offset);
	r->seconds = now() - start;
	r->bytes = w->whole;
	if (w->at != MAP_FAILED)
		return;
	w->at = NULL;
	r->why = "it cannot be mapped";
}

static void measure_fault(struct bench_window *w, struct bench_result *r)
{
	uint64_t before = faults_so_far(), page = sysconf(_SC_PAGESIZE);
	double start = now();

	for (uint64_t at = 0; at < w->size; at += page)
		(void)*(volatile char *)(w->at + at);
	r->seconds = now() - start;
	r->faults = faults_so_far() - before;
	r->bytes = w->size;
}

/* Reads, and writes back what it read; one of both is what takes the time. */
static void copy_all(struct bench_window *w, struct bench_result *r, bool write)
{
	static char chunk[CHUNK];
	double start;

	for (uint64_t at = 0; at < w->size; at += CHUNK) {
		size_t n = w->size - at < CHUNK ? w->size - at : CHUNK;

		start = now();
		memcpy(chunk, w->at + at, n);
		if (write) {
			start = now();
			memcpy(w->at + at, chunk, n);
		}
		r->seconds += now() - start;
		r->bytes += n;
	}
}

static void measure_read(struct bench_window *w, struct bench_result *r)
{
	copy_all(w, r, false);
}

static void measure_write(struct bench_window *w, struct bench_result *r)
{
	copy_all(w, r, true);
}

static void call_all(struct bench_window *w, struct bench_result *r, bool write)
{
	static char chunk[CHUNK];
	uint64_t base = w->region->offset + w->region->area[0].offset;
	double start;

	for (uint64_t at = 0; at < w->size; at += CHUNK) {
		size_t n = w->size - at < CHUNK ? w->size - at : CHUNK;
		ssize_t done;

		start = now();
		done = pread(w->client->device, chunk, n, base + at);
		if (write && done == (ssize_t)n) {
			start = now();
			done = pwrite(w->client->device, chunk, n, base + at);
		}
		r->seconds += now() - start;
		r->bytes += n;
		if (done != (ssize_t)n) {
			r->why = "the call fails: memory is off, or failed there";
			return;
		}
	}
}

static void measure_pread(struct bench_window *w, struct bench_result *r)
{
	call_all(w, r, false);
}

static void measure_pwrite(struct bench_window *w, struct bench_result *r)
{
	call_all(w, r, true);
}

static const char *dma_trouble(const struct client *c, int error)
{
	if (c->group < 0)
		return "an iommufd takes a dma-buf only, since Linux 6.19";
	if (error == -EOPNOTSUPP)
		return "on POWER a guest's firmware makes the windows";
	if (error == -ENOMEM)
		return "RLIMIT_MEMLOCK is too small: see cohgpu doctor --check memlock";
	return "the IOMMU does not take it";
}

static void measure_dma_map(struct bench_window *w, struct bench_result *r)
{
	double start = now();
	int ret = client_dma_map(w->client, w->region, w->region->area[0].offset, w->at, w->size);

	r->seconds = now() - start;
	r->bytes = w->size;
	w->dma = !ret;
	if (ret)
		r->why = dma_trouble(w->client, ret);
}

static void measure_dma_unmap(struct bench_window *w, struct bench_result *r)
{
	double start = now();
	/* To unmap what is not there is no error to every IOMMU. */
	int ret = w->dma ? client_dma_unmap(w->client, w->size) : 0;

	r->seconds = now() - start;
	r->bytes = w->size;
	if (!w->dma || ret)
		r->why = w->dma ? "the IOMMU does not give it back" : "it was not mapped";
	w->dma = false;
}

static void measure_unmap(struct bench_window *w, struct bench_result *r)
{
	double start = now();

	munmap(w->at, w->whole);
	w->at = NULL;
	r->seconds = now() - start;
	r->bytes = w->whole;
}

struct bench_measure {
	const char *name;
	void (*run)(struct bench_window *w, struct bench_result *r);
	bool per_fault; /* its rate is time a fault, not bytes a second */
	bool whole;	/* of the whole window: bytes a second would say nothing */
};

/* In this order: what is mapped by one is used by the next. */
static const struct bench_measure bench_measures[] = {
	{"map", measure_map, false, true},	    {"fault", measure_fault, true, false},
	{"read", measure_read, false, false},	    {"write", measure_write, false, false},
	{"pread", measure_pread, false, false},	    {"pwrite", measure_pwrite, false, false},
	{"dma-map", measure_dma_map, false, false}, {"dma-unmap", measure_dma_unmap, false, false},
	{"unmap", measure_unmap, false, true},
};

#define MEASURES (sizeof(bench_measures) / sizeof(*bench_measures))

/* On a terminal only: a log has no use for it. */
static void progress(unsigned int done, unsigned int all, const char *what)
{
	unsigned int columns = out_columns(STDERR_FILENO), width = BAR_WIDTH, full;

	if (!isatty(STDERR_FILENO))
		return;
	/* A line that breaks cannot be written over. */
	if (columns < BAR_WIDTH + BAR_AROUND)
		width = columns > BAR_AROUND ? columns - BAR_AROUND : 1;
	full = done * width / all;
	fprintf(stderr, "\r[");
	for (unsigned int i = 0; i < width; i++)
		fputc(i < full ? '#' : '.', stderr);
	fprintf(stderr, "] %3u%% %-*s", done * 100 / all, WHAT_WIDTH, what);
	if (done == all)
		fprintf(stderr, "\r%*s\r", (int)(width + BAR_AROUND - 1), "");
	fflush(stderr);
}

static void add_result(struct json_object *results, const struct bench_window *w,
		       const struct bench_measure *m, const struct bench_result *r)
{
	struct json_object *one = json_object_new_object();
	bool rate = !r->why && !m->whole && !m->per_fault && r->seconds > 0;

	out_text(one, "window", w->name);
	out_text(one, "operation", m->name);
	out_number(one, "bytes", r->bytes);
	out_object(one, "seconds", r->why ? NULL : json_object_new_double(r->seconds));
	out_object(one, "faults",
		   r->why || !m->per_fault ? NULL : json_object_new_uint64(r->faults));
	out_object(one, "bytes_per_second",
		   rate ? json_object_new_uint64((uint64_t)((double)r->bytes / r->seconds)) : NULL);
	out_text(one, "not_measured", r->why);
	json_object_array_add(results, one);
}

static void measure(struct bench_window *w, const struct bench_measure *m, struct bench_result *r)
{
	/* What a reset or a failed page does to a load or a store. */
	if (sigsetjmp(bench_lost, 1)) {
		r->why = "the memory went away: SIGBUS";
		w->lost = true;
	} else if (!w->at && m->run != measure_map) {
		r->why = "it is not mapped";
	} else if (w->lost && m->run == measure_dma_map) {
		/* The kernel would have to touch it too: no IOMMU is to blame. */
		r->why = "the memory went away: SIGBUS";
	} else {
		m->run(w, r);
	}
}

static void measure_window(struct json_object *results, struct bench_window *w, unsigned int *done,
			   unsigned int all)
{
	char what[64];

	for (size_t i = 0; i < MEASURES; i++) {
		struct bench_result r = {0};

		snprintf(what, sizeof(what), "%s: %s", w->name, bench_measures[i].name);
		progress(*done, all, what);
		measure(w, &bench_measures[i], &r);
		add_result(results, w, &bench_measures[i], &r);
		++*done;
	}
	progress(*done, all, "");
}

/* What of a device shows GPU memory. */
static unsigned int find_windows(struct bench_window *windows, const struct client *c,
				 enum gpu_family family, uint64_t size)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < c->regions; i++) {
		const struct client_region *r = &c->region[i];
		enum client_content content = client_content(r, family);
		struct bench_window *w = &windows[count];

		if (content == CLIENT_OTHER || content == CLIENT_ATSD || !r->areas)
			continue;
		*w = (struct bench_window){
			.client = c, .region = r, .name = client_content_name(content)};
		w->whole = r->area[0].size;
		w->size = size < w->whole ? size : w->whole;
		count++;
	}
	return count;
}

static bool answers(const struct bench_window *w, uint64_t at)
{
	uint64_t base = w->region->offset + w->region->area[0].offset;
	char byte;

	return pread(w->client->device, &byte, 1, base + at) == 1;
}

/* With why, as far as it is known: by the registers while they can be seen, or by the log. */
static void complain_not_ready(const struct gpu *gpu)
{
	char record[READY_TEXT + 64], registers[64];

	if (!ready_record(record, sizeof(record), gpu->address))
		complain(gpu->address, "measure", "%s", ready_reason(record, gpu->address));
	else if (ready_registers(registers, sizeof(registers), gpu))
		complain(gpu->address, "measure", "not ready in the time allowed: %s", registers);
	else
		complain(gpu->address, "measure", "not ready in the time allowed");
	advise("reset it (echo 1 > /sys/bus/pci/devices/%s/reset), or power the machine off and on",
	       gpu->address);
}

/*
 * The first access waits until the GPU says that its memory is trained. It is made before anything
 * is measured: no time has the wait in it, and a GPU that is not ready is told from one that is
 * slow. A failed page is no such GPU, so both ends of the window count.
 */
static int wait_until_ready(const struct bench_window *w, const struct gpu *gpu, unsigned int all)
{
	struct gpu now = *gpu;
	int error;

	progress(0, all, "waiting until it is ready");
	if (answers(w, 0) || answers(w, w->whole - 1))
		return EXIT_OK;
	error = errno;
	progress(all, all, "");
	if (gpu_refresh(&now) && !strcmp(now.memory.ready, "failed")) {
		complain_not_ready(&now);
		return EXIT_FAILED;
	}
	complain(gpu->address, "measure", "%s does not answer: %s", w->name, strerror(error));
	advise("is it ready? See: cohgpu doctor %s", gpu->address);
	return EXIT_FAILED;
}

/* Windows are few: what is larger or has more is no GPU of these kinds. */
static int bench_gpu(struct json_object *gpus, const struct gpu *gpu, uint64_t size, const char *by)
{
	struct bench_window windows[CLIENT_REGIONS];
	struct json_object *one, *results;
	unsigned int count, done = 0;
	struct client c;
	int status = client_open(&c, gpu->address, gpu->group, by);
	int ret;

	if (status)
		return status;
	count = find_windows(windows, &c, gpu->model->family, size);
	ret = client_memory_enable(&c);
	if (!count || ret) {
		complain(gpu->address, "measure", "%s",
			 count ? strerror(-ret) : "no region shows its memory");
		advise("see: cohgpu doctor %s", gpu->address);
		client_close(&c);
		return EXIT_FAILED;
	}
	for (unsigned int i = 0; i < count && !status; i++)
		status = wait_until_ready(&windows[i], gpu, count * MEASURES);
	if (status) {
		client_close(&c);
		return status;
	}
	one = json_object_new_object();
	out_text(one, "address", gpu->address);
	out_text(one, "driver", gpu->driver);
	out_text(one, "opened_by", c.by);
	out_number(one, "page_size", sysconf(_SC_PAGESIZE));
	results = out_array(one, "results");
	for (unsigned int i = 0; i < count; i++)
		measure_window(results, &windows[i], &done, count * MEASURES);
	json_object_array_add(gpus, one);
	client_close(&c);
	return EXIT_OK;
}

static void time_text(char *buf, size_t size, double seconds)
{
	if (seconds < 1e-3)
		snprintf(buf, size, "%.1f us", seconds * 1e6);
	else if (seconds < 1)
		snprintf(buf, size, "%.1f ms", seconds * 1e3);
	else
		snprintf(buf, size, "%.2f s", seconds);
}

static const struct out_column bench_columns[] = {
	{"WINDOW", "window", false, false}, {"OPERATION", "operation", false, false},
	{"BYTES", "bytes", true, true},	    {"TIME", "time", false, true},
	{"RATE", "rate", false, true},	    {"NOTE", "note", false, false},
};

static struct json_object *view(struct json_object *result)
{
	struct json_object *row = json_object_new_object(), *seconds = out_get(result, "seconds");
	uint64_t faults = out_get_number(result, "faults"), rate;
	double time = seconds ? json_object_get_double(seconds) : 0;
	char text[64], size[32];

	out_text(row, "window", out_get_text(result, "window", ""));
	out_text(row, "operation", out_get_text(result, "operation", ""));
	out_number(row, "bytes", out_get_number(result, "bytes"));
	time_text(text, sizeof(text), time);
	out_text(row, "time", seconds ? text : NULL);
	rate = out_get_number(result, "bytes_per_second");
	snprintf(text, sizeof(text), "%s/s", out_size(size, rate));
	if (faults)
		time_text(text, sizeof(text), time / (double)faults);
	out_text(row, "rate", rate || faults ? text : NULL);
	snprintf(text, sizeof(text), "%" PRIu64 " fault%s, of %s%s", faults, faults == 1 ? "" : "s",
		 faults ? out_size(size, out_get_number(result, "bytes") / faults) : "",
		 faults == 1 ? "" : " each");
	out_text(row, "note",
		 faults ? text
			: out_get_text(result, "not_measured",
				       out_get(result, "faults") ? "no faults: it was filled when "
								   "it was mapped"
								 : NULL));
	return row;
}

static void print_gpu(struct json_object *gpu)
{
	struct json_object *results = out_get(gpu, "results"), *rows = json_object_new_array();

	printf("%s%s%s  %s, opened by %s\n", out_colour(OUT_BOLD), out_get_text(gpu, "address", ""),
	       out_colour(OUT_PLAIN), out_get_text(gpu, "driver", ""),
	       out_get_text(gpu, "opened_by", ""));
	for (size_t i = 0; i < json_object_array_length(results); i++)
		json_object_array_add(rows, view(json_object_array_get_idx(results, i)));
	out_table(rows, bench_columns, sizeof(bench_columns) / sizeof(*bench_columns));
	json_object_put(rows);
}

int run_bench(const struct call *call)
{
	struct json_object *object = out_new(call), *gpus = out_array(object, "gpus");
	const char *text = call_has(call, OPT_SIZE) ? call->option[OPT_SIZE] : DEFAULT_SIZE;
	uint64_t size = plan_size(text) & ~(uint64_t)(sysconf(_SC_PAGESIZE) - 1);
	struct sigaction action = {.sa_handler = bench_signal}, before;
	struct gpu_set set;
	int status;

	gpu_scan(&set);
	status = gpu_select(&set, call->words, call->count);
	if (!size) {
		complain(text, "parse", "no size from a page to below 16T (like 64M)");
		status = EXIT_USAGE;
	}
	sigaction(SIGBUS, &action, &before);
	for (size_t i = 0; i < set.count && !status; i++)
		status = bench_gpu(gpus, &set.gpu[i], size, call->option[OPT_BY]);
	sigaction(SIGBUS, &before, NULL);
	if (call_has(call, OPT_JSON))
		out_json(object, status);
	else
		for (size_t i = 0; i < json_object_array_length(gpus); i++)
			print_gpu(json_object_array_get_idx(gpus, i));
	gpu_free(&set);
	json_object_put(object);
	return status;
}
