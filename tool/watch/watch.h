/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happens to GPUs, as events. Of binding, hotplug and error recovery the kernel tells by
 * uevents, of failed memory by its log; all else is in attributes that nothing announces, which are
 * read at an interval: of several changes within one, what is seen is the last. A uevent brings the
 * next reading forward.
 */
#ifndef COHGPU_WATCH_H
#define COHGPU_WATCH_H

#include <stdio.h>

#include "core/gpu.h"

enum watch_aer {
	WATCH_CORRECTABLE,
	WATCH_NONFATAL,
	WATCH_FATAL,
	WATCH_AER,
};

enum watch_event {
	EVENT_CAME,
	EVENT_GONE,
	EVENT_DRIVER,
	EVENT_MEMORY,
	EVENT_RESET,
	EVENT_READY,
	EVENT_POWER,
	EVENT_AER_CORRECTABLE,
	EVENT_AER_NONFATAL,
	EVENT_AER_FATAL,
	EVENT_RECOVERY,
	EVENT_POISON,
	EVENTS,
};

struct watch_gpu {
	struct gpu gpu;
	bool gone;
	uint64_t aer[WATCH_AER];
	uint64_t poisoned;	/* since the watch began */
	uint64_t count[EVENTS]; /* as well */
};

struct watch;
/* Either of from and to may be NULL; gpu too, for what no known GPU's is. */
typedef void (*watch_fn)(struct watch *watch, const char *gpu, enum watch_event event,
			 const char *from, const char *to);

struct watch {
	struct watch_gpu *gpu;
	size_t count;
	bool all;	  /* also GPUs that come later */
	char *places;	  /* functions on the bus: other ones have it scanned again, */
	bool unsettled;	  /* and once more after it: one may have been half there */
	int uevents, log; /* -1: not to be had */
	watch_fn tell;
	void *owner;
};

extern const char *const watch_event_names[EVENTS];

/* state.c: takes the set's GPUs. */
bool watch_begin(struct watch *w, const struct gpu_set *set, bool all, watch_fn tell);
void watch_look(struct watch *w);
void watch_end(struct watch *w);
void watch_count(struct watch *w, const char *address, enum watch_event event);

/* sources.c: 0 or -errno of each; both are optional. */
int watch_open_uevents(struct watch *w);
int watch_open_log(struct watch *w);
/* Takes what has come; true when it concerns PCI functions. */
bool watch_take_uevents(struct watch *w);
void watch_take_log(struct watch *w);

/* prometheus.c: the state, as node_exporter's textfile collector reads it. */
void watch_metrics(FILE *file, const struct watch *w);

#endif
