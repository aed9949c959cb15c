// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys.h"
#include "core/text.h"
#include "watch/watch.h"

#define DEVICES "/sys/bus/pci/devices"

const char *const watch_event_names[EVENTS] = {
	[EVENT_CAME] = "came",
	[EVENT_GONE] = "gone",
	[EVENT_DRIVER] = "driver",
	[EVENT_MEMORY] = "memory",
	[EVENT_RESET] = "reset",
	[EVENT_READY] = "readiness",
	[EVENT_POWER] = "power",
	[EVENT_AER_CORRECTABLE] = "aer-correctable",
	[EVENT_AER_NONFATAL] = "aer-nonfatal",
	[EVENT_AER_FATAL] = "aer-fatal",
	[EVENT_RECOVERY] = "recovery",
	[EVENT_POISON] = "poison",
};

/* The file has a line an error, and one with the sum. */
static uint64_t aer_total(const struct gpu *gpu, enum watch_aer kind)
{
	static const struct {
		const char *file, *line;
	} kinds[WATCH_AER] = {
		[WATCH_CORRECTABLE] = {"aer_dev_correctable", "TOTAL_ERR_COR "},
		[WATCH_NONFATAL] = {"aer_dev_nonfatal", "TOTAL_ERR_NONFATAL "},
		[WATCH_FATAL] = {"aer_dev_fatal", "TOTAL_ERR_FATAL "},
	};
	char *text = sys_slurp(gpu_file(gpu, kinds[kind].file), NULL);
	char *line = text ? strstr(text, kinds[kind].line) : NULL;
	uint64_t total = line ? strtoull(line + strlen(kinds[kind].line), NULL, 10) : 0;

	free(text);
	return total;
}

static void read_aer(struct watch_gpu *g)
{
	for (int kind = 0; kind < WATCH_AER; kind++)
		g->aer[kind] = aer_total(&g->gpu, kind);
}

/* The functions on the bus, by name: one that goes while another comes leaves their number. */
static char *read_places(void)
{
	char **names = sys_names(DEVICES);
	char *places = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&places, &size);

	for (char **name = names; f && name && *name; name++)
		fprintf(f, "%s ", *name);
	if (f)
		fclose(f);
	sys_names_free(names);
	return places;
}

static struct watch_gpu *find(struct watch *w, const char *address)
{
	for (size_t i = 0; i < w->count; i++)
		if (!strcmp(w->gpu[i].gpu.address, address))
			return &w->gpu[i];
	return NULL;
}

static struct watch_gpu *add(struct watch *w, const struct gpu *gpu)
{
	struct watch_gpu *more = realloc(w->gpu, (w->count + 1) * sizeof(*more)), *g;

	if (!more)
		return NULL;
	w->gpu = more;
	g = &w->gpu[w->count++];
	memset(g, 0, sizeof(*g));
	g->gpu = *gpu;
	read_aer(g);
	return g;
}

bool watch_begin(struct watch *w, const struct gpu_set *set, bool all, watch_fn tell)
{
	memset(w, 0, sizeof(*w));
	w->uevents = w->log = -1;
	w->tell = tell;
	w->all = all;
	w->places = read_places();
	for (size_t i = 0; i < set->count; i++)
		if (!add(w, &set->gpu[i]))
			return false;
	return true;
}

void watch_end(struct watch *w)
{
	free(w->gpu);
	w->gpu = NULL;
	free(w->places);
	w->places = NULL;
	w->count = 0;
}

void watch_count(struct watch *w, const char *address, enum watch_event event)
{
	struct watch_gpu *g = find(w, address);

	if (!g)
		return;
	g->count[event]++;
	g->poisoned += event == EVENT_POISON;
}

static void tell_text(struct watch *w, const char *address, enum watch_event event,
		      const char *from, const char *to)
{
	if (strcmp(from, to))
		w->tell(w, address, event, text_or_null(from), text_or_null(to));
}

static void tell_number(struct watch *w, const char *address, enum watch_event event, uint64_t from,
			uint64_t to)
{
	char a[24], b[24];

	snprintf(a, sizeof(a), "%" PRIu64, from);
	snprintf(b, sizeof(b), "%" PRIu64, to);
	if (from != to)
		w->tell(w, address, event, a, b);
}

static void compare(struct watch *w, const struct watch_gpu *old, const struct watch_gpu *new)
{
	const struct gpu *a = &old->gpu, *b = &new->gpu;

	tell_text(w, b->address, EVENT_DRIVER, a->driver, b->driver);
	tell_text(w, b->address, EVENT_MEMORY, a->memory.state, b->memory.state);
	/* Another driver has counters of its own. */
	if (a->memory.source == b->memory.source && !strcmp(a->driver, b->driver))
		tell_number(w, b->address, EVENT_RESET, a->memory.resets, b->memory.resets);
	if (b->memory.source == GPU_MEMORY_DRIVER || a->memory.source == GPU_MEMORY_DRIVER)
		tell_text(w, b->address, EVENT_READY, a->memory.ready, b->memory.ready);
	tell_text(w, b->address, EVENT_POWER, a->power_state, b->power_state);
	for (int kind = 0; kind < WATCH_AER; kind++)
		tell_number(w, b->address, EVENT_AER_CORRECTABLE + kind, old->aer[kind],
			    new->aer[kind]);
}

static void look_at(struct watch *w, struct watch_gpu *g)
{
	struct watch_gpu old = *g;
	bool there = gpu_refresh(&g->gpu);

	if (there)
		read_aer(g);
	/* What is read while it goes is no state that it was in. */
	there = there && sys_exists(gpu_file(&g->gpu, "vendor"));
	if (!there)
		*g = old;
	g->gone = !there;
	if (there && !old.gone)
		compare(w, &old, g);
	else if (there != !old.gone)
		w->tell(w, g->gpu.address, there ? EVENT_CAME : EVENT_GONE, NULL, NULL);
}

/* Other functions: which GPUs there are is asked anew. */
static void look_for_more(struct watch *w)
{
	char *places = w->all ? read_places() : NULL;
	struct gpu_set set;
	bool changed;

	if (!places)
		return;
	changed = !w->places || strcmp(places, w->places);
	free(w->places);
	w->places = places;
	if (!changed && !w->unsettled)
		return;
	w->unsettled = changed;
	gpu_scan(&set);
	for (size_t i = 0; i < set.count; i++)
		if (!find(w, set.gpu[i].address) && add(w, &set.gpu[i]))
			w->tell(w, set.gpu[i].address, EVENT_CAME, NULL, NULL);
	gpu_free(&set);
}

void watch_look(struct watch *w)
{
	for (size_t i = 0; i < w->count; i++)
		look_at(w, &w->gpu[i]);
	look_for_more(w);
}
