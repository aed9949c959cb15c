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
	char *rule;	     /* its rule; NULL none */
	char old_target[64]; /* of the record that there was */
	bool had_record;
	bool loads; /* its driver is not loaded yet, and there is a module of that name */
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
/*
 * The udev rule of --persist: when the function comes, at a boot or by hotplug, no other driver is
 * to take it, and the whole bind is made again, by this program.
 */
bool rule_exists(const char *address);
/* What is in it, to be freed; NULL: there is none. */
char *rule_read(const char *address);
/* For a record's function, which is part of a GPU that driver is for. */
int rule_write(const struct bind_record *record, const char *driver);
/* As rule_read() had it; NULL: none. */
int rule_put(const char *address, const char *text);
const char *rule_path(const char *address);
const char *record_path(const char *address);
/* Addresses that have a record or a rule, as sys_names() has its names. */
char **record_addresses(void);

/* target.c: any spelling of a driver's name made the right one; false without such a driver. */
bool target_loaded(char *driver, size_t size, const char *given);
/* The name that it will have when its module, which is known, is loaded. */
bool target_expected(char *driver, size_t size, const char *given);
/* Loads it if it is not. */
bool target_load(char *driver, size_t size, const char *given);
/* By any of its names, with what it depends on; whether it did is seen in what it brings. */
void module_load(const char *name);
void target_best(char *driver, size_t size, const char *address);

/* check.c: whoever uses a function, or would be hung by taking it from its driver. */
int check_not_used(const char *address, const char *driver, const char *action);
int bind_check(const struct bind_plan *plan, const struct gpu *gpu);

/* All of these complain; exit codes. */
int bind_prepare(struct bind_plan *plan, const struct gpu *gpu, const char *driver);
void bind_free(struct bind_plan *plan);
/* Drivers that are not loaded; they stay loaded, whatever comes. */
int bind_load(struct bind_plan *plan, bool dry, bind_step_fn step);
int bind_run(struct bind_plan *plan, bool dry, bind_step_fn step);
/* The way back from a bind_run() that failed, to where it began. */
int bind_back(const struct bind_plan *plan, bind_step_fn step);
/* Makes undone what there is a record of for the GPU; EXIT_NOTHING when there is none. */
int bind_undo(const struct gpu *gpu, bool dry, bind_step_fn step);

/*
 * forget.c: forgets records and rules of functions that are no more: of the GPU that word names in
 * full, or with "all" of every one. Nothing else is changed. EXIT_NOTHING when there are none.
 */
int bind_forget(const char *word, bool dry, bind_step_fn step);
/* Whether there are any that bind_forget() would forget. */
bool bind_is_gone(const char *word);

/* others.c: what else is in the groups of these, into the array; and said, where it is in the way. */
struct json_object;
void bind_others(struct json_object *others, const struct gpu_set *set, bool quiet);

#endif
