// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <string.h>

#include "watch/watch.h"

static void label(FILE *f, const char *key, const char *value)
{
	fprintf(f, "%s=\"", key);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			fputc('\\', f);
		if (*value == '\n')
			fputs("\\n", f);
		else
			fputc(*value, f);
	}
	fputc('"', f);
}

static void head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP cohgpu_%s %s\n# TYPE cohgpu_%s %s\n", name, help, name, type);
}

static void sample(FILE *f, const char *name, const struct watch_gpu *g, const char *key,
		   const char *value, uint64_t number)
{
	fprintf(f, "cohgpu_%s{", name);
	label(f, "gpu", g->gpu.address);
	if (key) {
		fputc(',', f);
		label(f, key, value);
	}
	fprintf(f, "} %" PRIu64 "\n", number);
}

static void metric_info(FILE *f, const struct watch_gpu *g)
{
	fputs("cohgpu_info{", f);
	label(f, "gpu", g->gpu.address);
	fputc(',', f);
	label(f, "name", g->gpu.name);
	fputc(',', f);
	label(f, "driver", g->gpu.driver);
	fputc(',', f);
	label(f, "power_state", g->gpu.power_state);
	fputs("} 1\n", f);
}

static void metric_present(FILE *f, const struct watch_gpu *g)
{
	sample(f, "present", g, NULL, NULL, !g->gone);
}

static void metric_ok(FILE *f, const struct watch_gpu *g)
{
	char why[256];

	sample(f, "ok", g, NULL, NULL,
	       !g->gone && gpu_fit(&g->gpu, why, sizeof(why)) != FIT_FAILED);
}

static void metric_ready(FILE *f, const struct watch_gpu *g)
{
	if (g->gpu.memory.source == GPU_MEMORY_DRIVER && strcmp(g->gpu.memory.ready, "unknown"))
		sample(f, "memory_ready", g, NULL, NULL, !strcmp(g->gpu.memory.ready, "yes"));
}

static void metric_bytes(FILE *f, const struct watch_gpu *g)
{
	if (g->gpu.memory.source != GPU_MEMORY_DRIVER)
		return;
	sample(f, "memory_bytes", g, "window", "usemem", g->gpu.memory.usemem);
	sample(f, "memory_bytes", g, "window", "resmem", g->gpu.memory.resmem);
}

static void metric_resets(FILE *f, const struct watch_gpu *g)
{
	if (g->gpu.memory.source == GPU_MEMORY_DRIVER)
		sample(f, "resets_total", g, NULL, NULL, g->gpu.memory.resets);
}

static void metric_aer(FILE *f, const struct watch_gpu *g)
{
	sample(f, "aer_errors_total", g, "severity", "correctable", g->aer[WATCH_CORRECTABLE]);
	sample(f, "aer_errors_total", g, "severity", "nonfatal", g->aer[WATCH_NONFATAL]);
	sample(f, "aer_errors_total", g, "severity", "fatal", g->aer[WATCH_FATAL]);
}

static void metric_poison(FILE *f, const struct watch_gpu *g)
{
	sample(f, "poisoned_pages_total", g, NULL, NULL, g->poisoned);
}

static void metric_events(FILE *f, const struct watch_gpu *g)
{
	for (int event = 0; event < EVENTS; event++)
		sample(f, "events_total", g, "event", watch_event_names[event], g->count[event]);
}

static const struct {
	const char *name, *type, *help;
	void (*print)(FILE *f, const struct watch_gpu *g);
} metrics[] = {
	{"info", "gauge", "What a GPU is, and what has it.", metric_info},
	{"present", "gauge", "1 while it is on its bus.", metric_present},
	{"ok", "gauge", "1 while it is fit to be given to a guest.", metric_ok},
	{"memory_ready", "gauge",
	 "1: trained, 0: not; missing: nobody looked since the last reset.", metric_ready},
	{"memory_bytes", "gauge", "Memory that a window shows.", metric_bytes},
	{"resets_total", "counter", "Resets since its driver was bound.", metric_resets},
	{"aer_errors_total", "counter", "PCIe errors that it reported.", metric_aer},
	{"poisoned_pages_total", "counter", "Pages that failed, since the watch began.",
	 metric_poison},
	{"events_total", "counter", "Events, since the watch began.", metric_events},
};

/* All of one metric stand together, as the format wants it. */
void watch_metrics(FILE *f, const struct watch *w)
{
	for (size_t m = 0; m < sizeof(metrics) / sizeof(*metrics); m++) {
		head(f, metrics[m].name, metrics[m].type, metrics[m].help);
		for (size_t i = 0; i < w->count; i++)
			metrics[m].print(f, &w->gpu[i]);
	}
}
