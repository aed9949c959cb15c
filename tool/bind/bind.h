/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handing a GPU to VFIO, and giving it back.
 *
 * A transaction is a list of functions: the GPU, and what belongs to it. For each there is a record
 * below /run/cohgpu of what it was before: driver, driver_override, and the rule that --persist
 * makes. The record is on disk before the first step, and is written anew before each further one,
 * so that at whatever moment the tool ends, restore() has what it needs. It looks at what is, not
 * at what was done, and so may be interrupted and repeated itself.
 */
#ifndef COHGPU_BIND_H
#define COHGPU_BIND_H

#include "core/gpu.h"

#define BIND_MEMBERS (1 + GPU_BRIDGES)

struct bind_record {
	char address[GPU_ADDRESS];
	char gpu[GPU_ADDRESS];	  /* whose transaction it was part of */
	char driver[64];	  /* before; "" none, "?" not known: let the kernel choose */
	char driver_override[64]; /* before; "" none */
	char target[64];
	char step[16]; /* the one that was about to be made; "done" after the last */
};

/* What to do with one function. */
struct bind_member {
	struct bind_record record;
	/* Before this transaction, which need not be the first since the record was made. */
	char now[64]; /* driver that is bound; "" none */
	char now_override[64];
	bool had_record, had_rule;
	bool touched;
};

struct bind_plan {
	struct bind_member member[BIND_MEMBERS];
	int count;
	bool persist;
};

/* How a transaction tells of its steps; and may ask it to end, by returning false. */
typedef bool (*bind_step_fn)(const char *address, const char *what, const char *path,
			     const char *text);

/* record.c: 0 or -errno; -ENOENT when there is none. */
int record_read(struct bind_record *record, const char *address);
int record_write(const struct bind_record *record);
int record_remove(const char *address);
/* The udev rule of --persist. */
bool rule_exists(const char *address);
int rule_write(const char *address, const char *driver);
int rule_remove(const char *address);
const char *rule_path(const char *address);

/* target.c: any spelling of a driver's name made the right one, loading it; or false. */
bool target_resolve(char *driver, size_t size, const char *given, bool may_load);
/* By any of its names, with what it depends on; whether it did is seen in what it brings. */
void module_load(const char *name);
void target_best(char *driver, size_t size, const char *address);

/* All of these complain; exit codes. */
int bind_prepare(struct bind_plan *plan, const struct gpu *gpu, const char *driver, bool dry);
int bind_check(const struct bind_plan *plan, const struct gpu *gpu);
int bind_run(struct bind_plan *plan, bool dry, bind_step_fn step);
/* The way back from a bind_run() that failed, to where it began. */
int bind_back(const struct bind_plan *plan, bind_step_fn step);
/* Makes undone what there is a record of for the GPU; EXIT_NOTHING when there is none. */
int bind_undo(const struct gpu *gpu, bool dry, bind_step_fn step);

#endif
