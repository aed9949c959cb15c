// SPDX-License-Identifier: GPL-2.0-only
#include "failnth.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "modules.h"
#include "pci.h"
#include "util.h"

#define FAIL_NTH     "/proc/thread-self/fail-nth"
#define FAIL_DEBUGFS "/sys/kernel/debug/"
/* The most callers of an allocation that the kernel looks at. */
#define DEPTH 32
#define LIMIT 20000

/* What can fail. */
static const char *const kinds[] = {"failslab", "fail_page_alloc", "fail_usercopy"};

static void injection_set_of(const char *kind, const char *file, const char *format,
			     unsigned long long value)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), FAIL_DEBUGFS "%s/%s", kind, file);
	snprintf(text, sizeof(text), format, value);
	EQ(util_write(path, text), 0, "%s: errno", path);
}

static void injection_set(const char *file, const char *format, unsigned long long value)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		injection_set_of(kinds[i], file, format, value);
}

/* Nothing fails in this function, nor in what it calls; NULL: in none. */
static void injection_spares(const char *function)
{
	unsigned long long at, start = 0, end = ~0ULL;
	char name[128];
	FILE *f = fopen("/proc/kallsyms", "r");

	OK(f, "/proc/kallsyms: %s", strerror(errno));
	while (function && fscanf(f, "%llx %*c %127s%*[^\n]", &at, name) == 2)
		if (!strcmp(name, function))
			start = at;
	OK(start || !function, "%s: not in /proc/kallsyms", function);
	rewind(f);
	while (start && fscanf(f, "%llx %*c %127s%*[^\n]", &at, name) == 2)
		if (at > start && at < end)
			end = at;
	fclose(f);
	injection_set("reject-start", "0x%llx", start);
	injection_set("reject-end", "0x%llx", start ? end : 0);
}

static bool is_ours(const struct module_text *text)
{
	static const char *const ours[] = {"vfio_coherent", "nvgrace_gpu_vfio_pci",
					   "nvlink2_vfio_pci", "cohgpu_sim", "cohgpu_sim_power"};

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (!strcmp(text->name, ours[i]))
			return true;
	return false;
}

/* Leaves the text of our modules; neighbours are one. How many. */
static int text_of_ours(struct module_text text[MODULES_MAX])
{
	const int n = modules_read(text);
	bool neighbour = false;
	int spans = 0;

	for (int i = 0; i < n; i++) {
		const bool ours = is_ours(&text[i]);

		if (ours && neighbour)
			text[spans - 1].end = text[i].end;
		else if (ours)
			text[spans++] = text[i];
		neighbour = ours;
	}
	OK(spans, "/proc/modules: none of ours");
	return spans;
}

/* Only what has them among so many callers fails. */
static void injection_requires(const struct module_text *text, unsigned int depth)
{
	injection_set("require-start", "0x%llx", text->start);
	injection_set("require-end", "0x%llx", text->end);
	injection_set("stacktrace-depth", "%llu", depth);
}

/*
 * Sanitizers allocate for themselves, and now and then more than that. Nobody would miss it, but where
 * it comes and goes the places behind it move, and one that counting is about to reach may slip by.
 */
static void injection_spares_sanitizers(void)
{
	DIR *dir = opendir("/sys/kernel/slab");
	const struct dirent *e;
	char path[512];

	OK(dir, "/sys/kernel/slab: %s", strerror(errno));
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.' || strstr(e->d_name, "kmemleak") ||
		    strstr(e->d_name, "debug_objects"))
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/failslab", e->d_name);
		EQ(util_write(path, "1"), 0, "%s: errno", path);
	}
	closedir(dir);
	EQ(util_write(FAIL_DEBUGFS "failslab/cache-filter", "Y"), 0, "cache-filter: errno");
}

/*
 * What fails: objects and copies, or pages. Those are also wanted now and then for more objects, so they
 * are not counted together.
 */
enum what {
	OBJECTS,
	PAGES,
};

static void injection_of(enum what what)
{
	static const char *const others[] = {"failslab", "fail_usercopy"};

	injection_set_of("fail_page_alloc", "min-order", "%llu", what == PAGES ? 0 : 64);
	/* Only what is called by nobody's text: nothing is. */
	for (size_t i = 0; what == PAGES && i < ARRAY_LEN(others); i++) {
		injection_set_of(others[i], "require-start", "0x%llx", 1);
		injection_set_of(others[i], "require-end", "0x%llx", 1);
	}
}

static void injection_on(void)
{
	static const char *const off[] = {"failslab/ignore-gfp-wait",
					  "fail_page_alloc/ignore-gfp-wait",
					  "fail_page_alloc/ignore-gfp-highmem"};
	char path[128];

	if (!util_exists(FAIL_NTH))
		ktap_skip("this kernel is not built to fail");
	for (size_t i = 0; i < ARRAY_LEN(off); i++) {
		snprintf(path, sizeof(path), FAIL_DEBUGFS "%s", off[i]);
		EQ(util_write(path, "N"), 0, "%s: errno", path);
	}
	injection_set("verbose", "%llu", 0);
	injection_spares_sanitizers();
}

/* Run it with the @n-th failing; true if there was an n-th. */
static bool run_failing(const struct failnth *op, int fd, unsigned int n, int *err)
{
	char text[16];
	ssize_t got;

	snprintf(text, sizeof(text), "%u", n);
	EQ(pwrite(fd, text, strlen(text), 0), (ssize_t)strlen(text), "arm");
	*err = op->run();
	/* An error here is the failure, which the operation left over. */
	got = pread(fd, text, sizeof(text) - 1, 0);
	if (got < 0)
		return false;
	text[got] = 0;
	if (!strtoul(text, NULL, 0))
		return true;
	/* Here it may fail yet. */
	if (pwrite(fd, "0", 1, 0) != 1)
		EQ(pwrite(fd, "0", 1, 0), 1, "disarm");
	return false;
}

/* No memory, or a buffer that cannot be copied: that, or bytes done of more, is what went wrong. */
static bool is_clean(int err)
{
	return err == ENOMEM || err == EFAULT || err == FAILNTH_SHORT;
}

/* As it is meant: nothing fails. */
static void run_sound(const struct failnth *op, unsigned int n)
{
	int err;

	op->prepare();
	err = op->run();
	if (op->check)
		op->check(err);
	op->undo();
	EQ(err, 0, "once more, after failure %u: errno", n);
}

/*
 * How many there were to fail. In quick rounds that it works afterwards shows in the runs that come
 * next: one that does not gets to no later place, and does not succeed in the end.
 */
static unsigned int run_all(const struct failnth *op, int fd, enum what what)
{
	unsigned int n, failures = 0, errors = 0;
	bool injected = true;
	int err = 0;

	injection_of(what);
	for (n = 1; injected && n < LIMIT; n++) {
		op->prepare();
		injected = run_failing(op, fd, n, &err);
		if (op->check)
			op->check(err);
		op->undo();
		OK(!injected || !err || is_clean(err), "failure %u: %s", n, strerror(err));
		failures += injected;
		errors += injected && err;
		if (injected && !ktap_quick())
			run_sound(op, n);
	}
	OK(!injected, "there is no end to it");
	EQ(err, 0, "without a failure: errno");
	ktap_diag("%u places to fail%s, %u errors", failures,
		  what == PAGES ? " for want of pages" : "", errors);
	return failures;
}

void failnth_every(const struct failnth *op)
{
	struct module_text text[MODULES_MAX] = {{.end = ~0ULL}};
	unsigned int failures = 0;
	int fd, spans = 1;

	injection_on();
	injection_spares(op->spares);
	fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	OK(fd >= 0, FAIL_NTH ": %s", strerror(errno));
	/* Loads what it needs. */
	run_sound(op, 0);
	if (ktap_quick() && !op->kernel_too)
		spans = text_of_ours(text);
	for (int i = 0; i < spans; i++) {
		injection_requires(&text[i], ktap_quick() && op->depth ? op->depth : DEPTH);
		failures += run_all(op, fd, OBJECTS) + run_all(op, fd, PAGES);
	}
	OK(failures || op->may_need_nothing, "nothing was injected");
}

int failnth_bind(const char *bdf)
{
	static char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/bind", pci_driver_name());
	return util_write(path, bdf);
}
