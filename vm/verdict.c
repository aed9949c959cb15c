// SPDX-License-Identifier: GPL-2.0-only
/*
 * What no suite can say about itself: reports in the kernel's log, taint, and
 * memory that does not come back when our modules are gone.
 */
#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Any of these in a line that the kernel wrote is red. */
static const char *const verdict_reports[] = {
	"WARNING:",
	"BUG:",
	"Oops:",
	"kernel BUG at",
	"Unable to handle kernel",
	"general protection fault",
	"Internal error:",
	"KASAN:",
	"UBSAN:",
	"KFENCE:",
	"refcount_t:",
	"suspected memory leaks",
	"possible circular locking",
	"possible recursive locking",
	"inconsistent lock state",
	"suspicious RCU usage",
	"rcu: INFO:",
	"INFO: task ",
	"soft lockup",
	"sleeping function called",
	"scheduling while atomic",
	"list_add corruption",
	"list_del corruption",
	"Bad page",
	": bad p",
	"nobody cared",
	"cannot create duplicate",
	"use-after-free",
	"Call trace:",
	"Call Trace:",
};

static int verdict_log = -1;

static bool verdict_is_report(const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(verdict_reports) / sizeof(*verdict_reports); i++)
		if (strstr(text, verdict_reports[i]))
			return true;
	return false;
}

/* One record is "priority,sequence,time,flags;text\n more\n". */
static bool verdict_record(const char *where, char *record)
{
	char *text = strchr(record, ';'), *end;

	/* Facility 0 is the kernel; anything else was written by user space. */
	if (!text || strtoul(record, NULL, 10) >> 3)
		return false;
	end = strchr(++text, '\n');
	if (end)
		*end = '\0';
	if (!verdict_is_report(text))
		return false;
	init_result("@problem %s kernel log: %s", where, text);
	return true;
}

bool init_scan_log(const char *where)
{
	bool reported = false;
	char record[8192];
	ssize_t n;

	if (verdict_log < 0)
		verdict_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	for (;;) {
		n = read(verdict_log, record, sizeof(record) - 1);
		if (n < 0 && errno == EPIPE)
			init_result("@problem %s kernel log: overrun, records were lost", where);
		else if (n <= 0)
			break;
		else {
			record[n] = '\0';
			reported |= verdict_record(where, record);
		}
	}
	if (n < 0 && errno != EAGAIN)
		init_result("@problem %s kernel log: read: %s", where, strerror(errno));
	return reported;
}

/*
 * Leaks. The figures move by themselves (caches, per-CPU lists), so each has a
 * slack; what has an identity, a mapping of device memory, has none. 7.x counts the
 * page tables of its own mappings too, which it never gives back.
 */
static struct verdict_count {
	const char *key; /* in /proc/meminfo */
	int sign;	 /* +1: must not grow, -1: must not shrink */
	long slack_kib;
	long slack_7_kib; /* the same for 7.x, if it is another */
	long before;
} verdict_counts[] = {
	{"MemAvailable:", -1, 24576, 0, 0}, {"SUnreclaim:", 1, 6144, 0, 0},
	{"PageTables:", 1, 512, 3072, 0},   {"VmallocUsed:", 1, 1024, 0, 0},
	{"Percpu:", 1, 512, 0, 0},
};

#define VERDICT_DEVICE_MEMORY 0x100000000ULL
#define VERDICT_MAPPINGS      256

static unsigned long long verdict_mapped[VERDICT_MAPPINGS];
static int verdict_nmapped;

/*
 * Free pages on the CPUs' own lists, in KiB. The kernel counts them as used, and
 * there may be as many of them as it keeps free: tens of MiB with huge pages.
 */
static long verdict_listed(void)
{
	const long page = sysconf(_SC_PAGESIZE) / 1024;
	long pages, sum = 0;
	char line[256];
	FILE *f = fopen("/proc/zoneinfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %ld", &pages) == 1)
			sum += pages * page;
	if (f)
		fclose(f);
	return sum;
}

static long verdict_meminfo(const char *key)
{
	char line[256];
	long value = -1;
	FILE *f = fopen("/proc/meminfo", "re");

	while (f && value < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			value = strtol(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return strcmp(key, "MemAvailable:") ? value : value + verdict_listed();
}

static bool verdict_known(unsigned long long phys)
{
	int i;

	for (i = 0; i < verdict_nmapped; i++)
		if (verdict_mapped[i] == phys)
			return true;
	return false;
}

/* Kernel mappings of physical addresses from 4 GiB on: remember them, or report new ones. */
static void verdict_mappings(bool report)
{
	char line[512], *p;
	unsigned long long phys;
	FILE *f = fopen("/proc/vmallocinfo", "re");

	while (f && fgets(line, sizeof(line), f)) {
		p = strstr(line, "phys=");
		if (!p)
			continue;
		phys = strtoull(p + 5, NULL, 16);
		if (phys < VERDICT_DEVICE_MEMORY)
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (report && !verdict_known(phys))
			init_result("@problem leak kernel mapping left: %s", line);
		else if (!report && verdict_nmapped < VERDICT_MAPPINGS)
			verdict_mapped[verdict_nmapped++] = phys;
	}
	if (f)
		fclose(f);
}

static void verdict_settle(void)
{
	/* Memory that RCU or a workqueue gives back late. */
	usleep(300000);
	init_write("/proc/sys/vm/drop_caches", "3");
	init_write("/proc/sys/vm/compact_memory", "1");
	usleep(100000);
}

void init_leaks_before(void)
{
	size_t i;

	verdict_settle();
	for (i = 0; i < sizeof(verdict_counts) / sizeof(*verdict_counts); i++)
		verdict_counts[i].before = verdict_meminfo(verdict_counts[i].key);
	verdict_mappings(false);
}

/* The kernel's own search: each object that nobody points at, so that it can be looked into. */
static void verdict_kmemleak(void)
{
	FILE *f = fopen("/sys/kernel/debug/kmemleak", "r+");
	unsigned int objects = 0;
	char line[256];

	/* Twice: what is young at the first is not told of. */
	for (int i = 0; f && i < 2; i++) {
		sleep(i ? 6 : 0);
		if (fputs("scan", f) < 0 || fflush(f)) {
			fclose(f);
			f = NULL;
		}
	}
	if (!f) {
		init_result("@problem leak kmemleak: scan: %s", strerror(errno));
		return;
	}
	rewind(f);
	for (int i = 0; fgets(line, sizeof(line), f); i++) {
		line[strcspn(line, "\n")] = '\0';
		objects += !strncmp(line, "unreferenced object", 19);
		if (i < 200)
			init_result("# %s", line);
	}
	fclose(f);
	if (objects)
		init_result("@problem leak kmemleak: %u objects that nobody points at", objects);
}

void init_leaks_after(void)
{
	/* Sanitizers keep freed memory for a while: there, kmemleak judges. */
	bool judged = !access("/sys/kernel/debug/kmemleak", W_OK);
	/* QEMU, and page tables for all of a BAR, leave more on the kernel's lists of free pages. */
	const int guests = *init_env("COHGPU_GUESTS", "") || *init_env("COHGPU_INNER", "") ? 3 : 1;
	struct verdict_count *c;
	const bool is_7 = !strncmp(init_env("COHGPU_KERNEL", ""), "7.", 2);
	long after, grown, slack;
	size_t i;

	verdict_settle();
	for (i = 0; i < sizeof(verdict_counts) / sizeof(*verdict_counts); i++) {
		c = &verdict_counts[i];
		after = verdict_meminfo(c->key);
		grown = (after - c->before) * c->sign;
		slack = is_7 && c->slack_7_kib ? c->slack_7_kib : c->slack_kib;
		init_result("# %s %ld KiB before, %ld KiB after", c->key, c->before, after);
		if (grown > slack * guests && !judged)
			init_result("@problem leak %s went from %ld to %ld KiB", c->key, c->before,
				    after);
	}
	verdict_mappings(true);
	if (judged)
		verdict_kmemleak();
}

/*
 * Out-of-tree (12), unsigned (13), test module (18): ours; an overridden ACPI
 * table (8) is the ACPI lane's. Everything else is a report.
 */
void init_taint(void)
{
	const unsigned long acpi = strcmp(init_env("COHGPU_ACPI", "0"), "1") ? 0 : 1UL << 8;
	const unsigned long expected = 1UL << 12 | 1UL << 13 | 1UL << 18 | acpi;
	char text[32] = "";
	unsigned long taint;
	int fd = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0) {
		init_result("@problem taint cannot be read");
	} else {
		taint = strtoul(text, NULL, 10);
		if (taint & ~expected)
			init_result("@problem taint kernel is tainted: %#lx", taint);
	}
	if (fd >= 0)
		close(fd);
}
