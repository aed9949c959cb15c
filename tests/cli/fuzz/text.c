// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tool reads without a tree around it: the first byte of an input chooses a parser, the
 * rest is what that reads. Each answer is held against what it may be at all, or against a second
 * way to get at it.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ready.h"
#include "core/size.h"

/* For their static parts. */
#include "doctor/guest.c"
#include "watch/sources.c"

#define TEXT 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool right)
{
	if (!right)
		abort();
}

/* What is chosen was in the text, and no line of fewer wildcards that matches was passed over. */
static void try_alias(char *text, size_t size)
{
	static const struct alias_id id = {0x10de, 0x2342, 0x10de, 0x16eb, 0x030200};
	char all[TEXT + 1], module[64] = "";

	(void)size;
	strcpy(all, text);
	if (!alias_best_in(text, &id, module, sizeof(module)))
		must(!module[0]);
	else
		must(module[0] && strlen(module) < sizeof(module) && strstr(all, module));
}

/* By long double, which has 64 bits to be right with. */
static void try_size(char *text, size_t size)
{
	uint64_t bytes = size_in(text, "M");
	char *end;

	(void)size;
	must(bytes <= SIZE_LIMIT);
	if (!bytes)
		return;
	must(isdigit((unsigned char)*text));
	must(bytes >= strtoull(text, &end, 10));
	must(bytes % strtoull(text, &end, 10) == 0);
}

static void try_address(char *text, size_t size)
{
	int domain = 0, bus = 0, slot = 0, function = 0, d, b, s, f;
	char again[32];

	(void)size;
	if (!gpu_parse_address(text, &domain, &bus, &slot, &function))
		return;
	must(domain >= -1 && domain <= 0xfffff && bus >= 0 && bus <= 0xff && slot >= 0 &&
	     slot < 32 && function >= 0 && function < 8);
	snprintf(again, sizeof(again), "%04x:%02x:%02x.%x", domain < 0 ? 0 : domain, bus, slot,
		 function);
	must(gpu_parse_address(again, &d, &b, &s, &f) && d == (domain < 0 ? 0 : domain) &&
	     b == bus && s == slot && f == function);
}

static void try_ready(char *text, size_t size)
{
	const char *reason = ready_reason(text, "0009:01:00.0");
	char when[32];

	must(!reason || (reason > text && reason < text + size));
	must(strlen(ready_when(when, text)) < sizeof(when));
}

static struct {
	unsigned int events, poisoned;
} heard;

static void hear(struct watch *w, const char *gpu, enum watch_event event, const char *from,
		 const char *to)
{
	(void)w;
	(void)from;
	must(event < EVENTS && to && (!gpu || !strcmp(gpu, "0009:01:00.0")));
	heard.events++;
	heard.poisoned += event == EVENT_POISON;
}

static void watch_text(struct watch *w)
{
	static struct watch_gpu gpu;

	memset(&gpu, 0, sizeof(gpu));
	strcpy(gpu.gpu.address, "0009:01:00.0");
	gpu.gpu.memory.usemem_base = 0x420000000000;
	gpu.gpu.memory.usemem = 95ULL << 30;
	memset(w, 0, sizeof(*w));
	w->gpu = &gpu;
	w->count = 1;
	w->tell = hear;
	memset(&heard, 0, sizeof(heard));
}

static void try_log(char *text, size_t size)
{
	struct watch w;

	(void)size;
	watch_text(&w);
	take_line(&w, text);
	must(heard.events <= 1 && (!heard.events || strstr(text, FAILURE)));
}

static void try_uevent(char *text, size_t size)
{
	struct watch w;
	bool pci;

	watch_text(&w);
	pci = take_uevent(&w, text, size);
	must(heard.events <= 1 && (pci || !heard.events) && !heard.poisoned);
}

/* An entry has 32 bytes at least, and not both byte orders are right but where they are the same. */
static void try_srat(char *text, size_t size)
{
	struct gpu gpu = {.address = "0009:01:02.0"};
	unsigned char *srat = malloc(size + 1);
	unsigned int right, swapped;

	/* In a room of its own size, so that a byte too far is seen. */
	memcpy(srat, text, size + 1);
	right = count_initiators(srat, size, &gpu, false);
	swapped = count_initiators(srat, size, &gpu, true);
	must((right + swapped) * 32UL <= size);
	free(srat);
}

/* In a room of its own size, so that a byte too far is seen. */
static void try_config(char *text, size_t size)
{
	struct config config = {malloc(size ? size : 1), size};
	unsigned int at, vendor = 0x10de;

	memcpy(config.bytes, text, size);
	at = config_capability(&config, CAP_ATS);
	must(!at || (at >= CONFIG_BASIC && at + 8 <= size && config.bytes[at] == CAP_ATS));
	at = config_dvsec(&config, vendor, 3);
	must(!at ||
	     (at >= CONFIG_BASIC && at + 10 <= size && config_word(&config, at + 4) == vendor));
	must(!size || !config_word(&config, size - 1));
	config_free(&config);
}

static void (*const parsers[])(char *text, size_t size) = {
	try_alias, try_size, try_address, try_ready, try_log, try_uevent, try_srat, try_config,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[TEXT + 1];

	if (size < 1 || size > TEXT)
		return -1;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = 0;
	parsers[data[0] % (sizeof(parsers) / sizeof(*parsers))](text, size - 1);
	return 0;
}
