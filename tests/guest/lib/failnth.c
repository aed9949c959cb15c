// SPDX-License-Identifier: GPL-2.0-only
#include "failnth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "pci.h"
#include "util.h"

#define FAIL_NTH     "/proc/thread-self/fail-nth"
#define FAIL_DEBUGFS "/sys/kernel/debug/"
/* In the quick round only each so many-th allocation fails, after the first. */
#define QUICK_STRIDE 25
#define QUICK_ALL    10
#define LIMIT	     20000

static void injection_set(const char *file, const char *format, unsigned long long value)
{
	static const char *const attr[] = {"failslab", "fail_page_alloc", "fail_usercopy"};
	char path[128], text[32];

	for (size_t i = 0; i < ARRAY_LEN(attr); i++) {
		snprintf(path, sizeof(path), FAIL_DEBUGFS "%s/%s", attr[i], file);
		snprintf(text, sizeof(text), format, value);
		EQ(util_write(path, text), 0, "%s: errno", path);
	}
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
	injection_set("stacktrace-depth", "%llu", 32);
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
	util_write(FAIL_DEBUGFS "fail_page_alloc/min-order", "0");
	injection_set("verbose", "%llu", 0);
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

void failnth_every(const struct failnth *op)
{
	unsigned int stride = ktap_quick() ? QUICK_STRIDE : 1;
	unsigned int n, failed = 0;
	int fd, err;

	injection_on();
	injection_spares(op->spares);
	fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	OK(fd >= 0, FAIL_NTH ": %s", strerror(errno));
	for (n = 1; n < LIMIT; n += n < QUICK_ALL ? 1 : stride) {
		bool injected;

		op->prepare();
		injected = run_failing(op, fd, n, &err);
		op->undo();
		failed += err != 0;
		if (!injected)
			break;
		op->prepare();
		err = op->run();
		op->undo();
		EQ(err, 0, "once more, after failure %u: errno", n);
	}
	OK(n < LIMIT, "there is no end to it");
	OK(n > 1 || op->may_need_nothing, "nothing was injected");
	EQ(err, 0, "without a failure: errno");
	ktap_diag("%u places to fail%s, %u errors", n - 1,
		  stride > 1 ? " at most, some of them tried" : "", failed);
}

int failnth_bind(const char *bdf)
{
	static char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/bind", pci_driver_name());
	return util_write(path, bdf);
}
