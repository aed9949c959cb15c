// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ktap.h"
#include "trace.h"
#include "util.h"
#include "vfio.h"

#define TRACE_FS   "/sys/kernel/tracing"
#define TRACE_HERE TRACE_FS "/instances/suite"

#define TRACE_PROBES TRACE_FS "/kprobe_events"
#define TRACE_PROBE  "suite/probe"

void trace_stop(void)
{
	rmdir(TRACE_HERE);
	/* Most have none. */
	util_write(TRACE_PROBES, "-:" TRACE_PROBE);
}

static void trace_mount(void)
{
	if (!util_exists(TRACE_FS "/instances") && mount("tracefs", TRACE_FS, "tracefs", 0, NULL) &&
	    errno != EBUSY)
		ktap_fail("tracefs: mount: %s", strerror(errno));
}

static void trace_enable(const char *event)
{
	char path[256];
	int err;

	if (mkdir(TRACE_HERE, 0700) && errno != EEXIST)
		ktap_fail("%s: make: %s", TRACE_HERE, strerror(errno));
	snprintf(path, sizeof(path), TRACE_HERE "/events/%s/enable", event);
	err = util_write(path, "1");
	if (err)
		ktap_fail("tracepoint %s: enable: %s", event, strerror(err));
}

void trace_start(const char *event)
{
	trace_mount();
	trace_stop();
	trace_enable(event);
}

void trace_probe(const char *function_and_arguments)
{
	char text[256];

	trace_mount();
	trace_stop();
	snprintf(text, sizeof(text), "p:" TRACE_PROBE " %s", function_and_arguments);
	EQ(util_write(TRACE_PROBES, text), 0, "probe %s: errno", function_and_arguments);
	trace_enable(TRACE_PROBE);
}

static bool trace_has_all(const char *line, const char *const words[])
{
	for (int i = 0; words[i]; i++)
		if (!strstr(line, words[i]))
			return false;
	return true;
}

int trace_lines(const char *const words[], char *line, size_t size)
{
	FILE *f = fopen(TRACE_HERE "/trace", "re");
	char text[512];
	int n = 0;

	OK(f, TRACE_HERE "/trace: open: %s", strerror(errno));
	line[0] = 0;
	while (fgets(text, sizeof(text), f)) {
		const char *own = strstr(text, ": ");

		if (text[0] == '#' || !own || !trace_has_all(text, words))
			continue;
		n++;
		snprintf(line, size, "%s", own + 2);
		line[strcspn(line, "\n")] = 0;
	}
	fclose(f);
	return n;
}

unsigned long long trace_number(const char *line, const char *key)
{
	char word[64];
	const char *at;

	snprintf(word, sizeof(word), " %s ", key);
	at = strstr(line, word);
	OK(at, "no %s in: %s", key, line);
	return strtoull(at + strlen(word), NULL, 0);
}

/* How an entry of the architecture's page tables says how the CPU caches. */
static const struct trace_cache {
	const char *arch;
	unsigned long mask, back, combining, uncached;
} trace_cache[] = {
	{"amd64", 0x98, 0x00, 0x08, 0x10},
	{"arm64", 0x1c, 0x00, 0x08, 0x0c},
};

const char *trace_cache_mode(const void *p)
{
	const char *const words[] = {"prot=", NULL};
	const char *arch = getenv("COHGPU_ARCH");
	unsigned long bits;
	char line[256];
	size_t i = 0;

	while (arch && i < ARRAY_LEN(trace_cache) && strcmp(arch, trace_cache[i].arch))
		i++;
	if (!arch || i == ARRAY_LEN(trace_cache))
		ktap_skip("page tables of this architecture are not read here");
	trace_probe("vmf_insert_pfn_prot prot=$arg4:x64");
	EQ(vfio_touch_read(p, NULL), 0, "load");
	OK(trace_lines(words, line, sizeof(line)) > 0, "no page was inserted");
	trace_stop();
	bits = strtoul(strstr(line, words[0]) + strlen(words[0]), NULL, 16) & trace_cache[i].mask;
	if (bits == trace_cache[i].back)
		return "write-back";
	if (bits == trace_cache[i].combining)
		return "write-combining";
	OK(bits == trace_cache[i].uncached, "expected one of three modes, got %#lx", bits);
	return "uncached";
}

size_t trace_huge(void)
{
	const char *arch = getenv("COHGPU_ARCH");
	char size[32] = "0";

	/* Since 6.12, on these. */
	if (ktap_kernel("6.1") || !arch || (strcmp(arch, "amd64") && strcmp(arch, "arm64")))
		return 0;
	EQ(util_read("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", size, sizeof(size)), 0,
	   "hpage_pmd_size");
	return strtoull(size, NULL, 0);
}
