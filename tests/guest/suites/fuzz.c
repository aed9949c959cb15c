// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fuzzer of the device's file, guided by KCOV (lib/fuzz.h tells what it calls).
 *
 * A *worker* opens the device and runs programs until the time is over: new ones, and changed ones of
 * the *corpus*, to which those come that have run an edge of our modules which none before has. The
 * case watches it, and has what the worker was doing when it says that something is wrong, dies, or
 * hangs. The kernel's reports are looked for after each program. What failed is written as lines
 * that COHGPU_FUZZ_PROGRAM takes, the latest program last.
 *
 *   COHGPU_FUZZ_SECONDS   how long, of each case
 *   COHGPU_FUZZ_SEED      where random numbers begin; printed by each run
 *   COHGPU_FUZZ_PROGRAM   run only this, programs with a slash between them
 *   COHGPU_FUZZ_BLIND=1   the kernel has no KCOV: go on without a guide
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "gpu.h"
#include "kcov.h"
#include "nvlink.h"

#define FZ_CORPUS  4096
#define FZ_HISTORY 4
#define FZ_STUCK   100 /* seconds for one program; resets that fail take long */
#define FZ_REOPEN  400 /* programs */

/* What the worker and the case share. */
struct fz_shared {
	volatile uint64_t runs, operations;
	volatile bool opened;
	uint64_t served[FZ_KINDS];
	struct kcov_seen seen;
	uint32_t kept;
	struct fz_program history[FZ_HISTORY]; /* run N is in N % FZ_HISTORY */
	struct fz_program corpus[FZ_CORPUS];
	float took[FZ_CORPUS];
};

static struct fz_shared *shared;
static struct fz_device device;
static struct gpu gpu;
static struct nvlink nv;
static struct fz_thread *threads[2];
static struct kcov kcovs[2];
static struct fz_model *model;
static uint64_t state;

/* The second thread sleeps between programs of two. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool there;
	const struct fz_program *work;
} second = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, NULL};

static bool fz_guided(void)
{
	return !getenv("COHGPU_FUZZ_BLIND");
}

static double fz_seconds(void)
{
	const char *own = getenv("COHGPU_FUZZ_SECONDS");

	if (own)
		return atof(own);
	return ktap_quick() ? 30 : 60;
}

static void fz_learn_window(int region, uint64_t length, uint64_t at)
{
	struct fz_window *w = &device.window[device.windows++];

	*w = (struct fz_window){.region = region, .length = length, .memory = length, .device = at};
	w->size = device.vfio.region[region].size;
}

/* usemem is half a GiB, resmem ends in the middle of a page. */
static void fz_open_gh200(void)
{
	const struct gpu_want w = {
		.preset = "tiny", .mem_size = "1600M", .prop_size = "0x60001808"};

	gpu_open(&gpu, &w);
	device.vfio = gpu.vfio;
	fz_learn_window(VFIO_USEMEM, 512 * MiB, 0);
	fz_learn_window(VFIO_RESMEM, 0x60001808 - 512 * MiB, 512 * MiB);
	device.bars = device.sees = true;
	device.sim = gpu.name;
}

/* Its bus can be reset; by an iommufd, so that exported memory can be mapped. What is small is soon mapped. */
static void fz_open_gb200(void)
{
	const struct gpu_want w = {.preset = "gb200", .mem_size = "200M"};

	if (util_exists("/dev/iommu"))
		setenv("COHGPU_IOMMU", "iommufd", 1);
	gpu_open(&gpu, &w);
	device.vfio = gpu.vfio;
	fz_learn_window(VFIO_USEMEM, 200 * MiB, 0);
	device.bars = device.sees = true;
	device.sim = gpu.name;
}

static void fz_open_v100(void)
{
	const struct nvlink_want w = {0};

	nvlink_suite();
	nvlink_open(&nv, &w);
	device.vfio = nv.gpu.vfio;
	fz_learn_window(VFIO_SPECIAL, NVLINK_WINDOW, 0);
	device.window[0].memory = nv.gpu.mem_size;
	device.window[0].picky = true;
	device.untrains = device.sees = true;
	device.sim = nv.gpu.name;
}

static void fz_open_bridge(void)
{
	fz_open_v100();
	device.windows = 0;
	device.vfio = nv.bridge[0];
	fz_learn_window(VFIO_SPECIAL, NVLINK_ATSD, 0);
	device.window[0].registers = device.window[0].picky = true;
	device.untrains = device.sees = false;
}

static void (*const fz_opens[])(void) = {fz_open_gh200, fz_open_gb200, fz_open_v100,
					 fz_open_bridge};

static void fz_reopen(void)
{
	struct vfio_dev *v = &device.vfio;
	char bdf[PCI_BDF_SIZE];

	memcpy(bdf, v->bdf, sizeof(bdf));
	vfio_close(v);
	vfio_open(v, bdf);
	fz_model_forget_all(model);
}

static void *fz_second(void *arg)
{
	if (fz_guided())
		kcov_enable(&kcovs[1]);
	pthread_mutex_lock(&second.lock);
	second.there = true;
	pthread_cond_signal(&second.changed);
	for (;;) {
		while (!second.work)
			pthread_cond_wait(&second.changed, &second.lock);
		pthread_mutex_unlock(&second.lock);
		fz_run(threads[1], second.work, 1, NULL);
		fz_tidy(threads[1]);
		pthread_mutex_lock(&second.lock);
		second.work = NULL;
		pthread_cond_signal(&second.changed);
	}
	return arg;
}

static void fz_start_second(void)
{
	pthread_t thread;

	pthread_mutex_lock(&second.lock);
	EQ(pthread_create(&thread, NULL, fz_second, NULL), 0, "thread");
	while (!second.there)
		pthread_cond_wait(&second.changed, &second.lock);
	pthread_mutex_unlock(&second.lock);
}

/* A program of two threads. */
static void fz_run_both(const struct fz_program *p)
{
	pthread_mutex_lock(&second.lock);
	second.work = p;
	pthread_cond_signal(&second.changed);
	pthread_mutex_unlock(&second.lock);
	fz_run(threads[0], p, 0, NULL);
	pthread_mutex_lock(&second.lock);
	while (second.work)
		pthread_cond_wait(&second.changed, &second.lock);
	pthread_mutex_unlock(&second.lock);
	fz_model_forget_all(model);
}

/* Every report of the kernel ends with a trace of calls. */
static void fz_look_at_log(void)
{
	static int log = -1;
	char record[8192];
	ssize_t n;

	if (log < 0) {
		log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		OK(log >= 0 && lseek(log, 0, SEEK_END) >= 0, "/dev/kmsg: %s", strerror(errno));
	}
	while ((n = read(log, record, sizeof(record) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		if (n < 0)
			continue;
		record[n] = 0;
		/* Facility 0 is the kernel. */
		if (strtoul(record, NULL, 10) >> 3 == 0 && strcasestr(record, "call trace:"))
			ktap_fail("the kernel reports something, see its log");
	}
}

/* How many edges were new. */
static uint32_t fz_execute(const struct fz_program *p)
{
	bool two = false;
	uint32_t fresh = 0;

	shared->history[shared->runs % FZ_HISTORY] = *p;
	for (uint32_t i = 0; i < p->n; i++)
		two = two || p->op[i].thread;
	fz_wake(&device);
	for (int i = 0; i < 2 && fz_guided(); i++)
		kcov_clear(&kcovs[i]);
	if (two)
		fz_run_both(p);
	else
		fz_run(threads[0], p, 0, model);
	for (int i = 0; i < 1 + two && fz_guided(); i++)
		fresh += kcov_collect(&kcovs[i], &shared->seen);
	if (!two)
		fz_model_registers(model);
	fz_tidy(threads[0]);
	fz_model_asleep(model, false);
	if (shared->runs % 8 == 0)
		fz_model_device(model, fz_random(&state));
	fz_look_at_log();
	shared->operations += p->n;
	shared->runs++;
	return fresh;
}

/* Of two, the one that is faster. */
static const struct fz_program *fz_kept(void)
{
	uint32_t a = fz_random(&state) % shared->kept, b = fz_random(&state) % shared->kept;

	return &shared->corpus[shared->took[a] < shared->took[b] ? a : b];
}

static void fz_next(struct fz_program *p)
{
	if (!shared->kept || fz_random(&state) % 5 == 0) {
		fz_generate(p, &state);
	} else {
		*p = *fz_kept();
		if (fz_random(&state) % 4 == 0)
			fz_splice(p, fz_kept(), &state);
		fz_mutate(p, &state);
	}
	fz_pace(p, fz_random(&state) % 8 == 0, &state);
}

static void fz_keep(const struct fz_program *p, double took)
{
	uint32_t at = shared->kept < FZ_CORPUS ? shared->kept++ : fz_random(&state) % FZ_CORPUS;

	shared->corpus[at] = *p;
	shared->took[at] = (float)took;
}

static void fz_run_seeds(void)
{
	struct fz_program p;

	for (const char *const *seed = fz_seeds; *seed; seed++) {
		double begin = ktap_now();

		OK(fz_parse(&p, *seed), "not a program: %s", *seed);
		fz_execute(&p);
		fz_keep(&p, ktap_now() - begin);
	}
}

static void fz_replay(const char *programs)
{
	struct fz_program p;

	while (*programs) {
		programs = fz_parse(&p, programs);
		OK(programs, "COHGPU_FUZZ_PROGRAM: not a program");
		fz_execute(&p);
		programs += *programs == '/';
	}
}

static void fz_worker(void *arg)
{
	const char *own = getenv("COHGPU_FUZZ_PROGRAM");
	double begin, end;

	(void)arg;
	fz_opens[ktap_arg()]();
	device.pm = vfio_find_cap(&device.vfio, PCI_CAP_ID_PM);
	device.express = vfio_find_cap(&device.vfio, PCI_CAP_ID_EXP);
	model = fz_model_new(&device);
	kcov_find_modules();
	for (int i = 0; i < 2; i++)
		threads[i] = fz_thread_new(&device, shared->served);
	if (fz_guided())
		kcov_enable(&kcovs[0]);
	fz_start_second();
	fz_look_at_log();
	shared->opened = true;
	end = ktap_now() + fz_seconds();
	if (own)
		fz_replay(own);
	else
		fz_run_seeds();
	while (!own && ktap_now() < end) {
		struct fz_program p;

		fz_next(&p);
		begin = ktap_now();
		if (fz_execute(&p))
			fz_keep(&p, ktap_now() - begin);
		if (shared->runs % FZ_REOPEN == 0)
			fz_reopen();
	}
	fz_wake(&device);
	_exit(0);
}

/* The last programs, as one line for each of which the last is what went wrong. */
static void fz_tell(void)
{
	uint64_t runs = shared->runs, first = runs >= FZ_HISTORY ? runs - FZ_HISTORY + 1 : 0;
	char line[FZ_LINE];

	for (uint64_t i = first; i <= runs; i++) {
		fz_print(&shared->history[i % FZ_HISTORY], line, sizeof(line));
		/* A diagnostic has no room for more. */
		for (size_t at = 0; at < strlen(line); at += 600)
			ktap_diag("%s %" PRIu64 ": %.600s", at ? " and" : "program", i, line + at);
	}
}

static uint64_t fz_seed(void)
{
	const char *own = getenv("COHGPU_FUZZ_SEED");

	return own ? strtoull(own, NULL, 0) : 1;
}

static void fz_numbers(double seconds)
{
	char text[600];
	size_t at = 0;

	ktap_diag("%" PRIu64 " executions, %.0f a second, %" PRIu64
		  " operations; corpus %u, %u edges, %u places",
		  shared->runs, (double)shared->runs / seconds, shared->operations, shared->kept,
		  shared->seen.edges, shared->seen.places);
	text[0] = 0;
	for (unsigned int i = 0; i < FZ_KINDS && at < sizeof(text); i++)
		at += snprintf(text + at, sizeof(text) - at, " %s %" PRIu64, fz_name(i),
			       shared->served[i]);
	ktap_diag("served:%s", text);
}

static void fuzz(void)
{
	/* The others some of these devices refuse, or they take their time. */
	static const enum fz_kind must[] = {FZ_READ,  FZ_WRITE, FZ_READV,  FZ_WRITEV, FZ_MMAP,
					    FZ_LOAD,  FZ_STORE, FZ_MUNMAP, FZ_FORK,   FZ_ENABLE,
					    FZ_RESET, FZ_INFO,	FZ_IRQS,   FZ_FEATURE};
	double start, moved = ktap_now();
	int status = -1;
	uint64_t runs = 0;
	pid_t worker;

	OK(kcov_there() || !fz_guided(), "this kernel has no KCOV, nor is COHGPU_FUZZ_BLIND set");
	EQ(util_page(), 4096, "bytes of a page, as the programs have it");
	shared = ktap_shared(sizeof(*shared));
	state = fz_seed() + ktap_arg();
	ktap_diag("seed %" PRIu64, fz_seed());
	worker = ktap_spawn(fz_worker, NULL);
	for (start = ktap_now(); status == -1 && ktap_now() < moved + FZ_STUCK;) {
		status = ktap_join(worker, 0.2);
		if (!shared->opened)
			start = ktap_now();
		if (shared->runs != runs)
			moved = ktap_now();
		runs = shared->runs;
	}
	fz_numbers(ktap_now() - start);
	if (status)
		fz_tell();
	OK(status != -1, "the worker hangs");
	EQ(status, 0, "the worker's wait status");
	OK(shared->runs, "nothing was run");
	OK(shared->seen.edges || !fz_guided(), "no edge of our modules was seen");
	for (size_t i = 0; i < ARRAY_LEN(must) && !getenv("COHGPU_FUZZ_PROGRAM"); i++)
		OK(shared->served[must[i]], "%s: never served", fz_name(must[i]));
}

static const struct ktap_case cases[] = {
	KTAP_CASE_ARG_SLOW("gh200", fuzz, 0, 900),
	KTAP_CASE_ARG_SLOW("gb200", fuzz, 1, 900),
	KTAP_CASE_ARG_SLOW("v100", fuzz, 2, 900),
	KTAP_CASE_ARG_SLOW("bridge", fuzz, 3, 900),
};

int main(int argc, char **argv)
{
	return ktap_main("fuzz", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
