// SPDX-License-Identifier: GPL-2.0-only
/* Simulated GPUs: configfs says which there are, debugfs is their device's side. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bind/bind.h"
#include "core/error.h"
#include "core/holders.h"
#include "core/module.h"
#include "core/out.h"
#include "core/sys.h"
#include "verbs/verbs.h"

#define MODULE	  "cohgpu-sim"
#define CONFIGFS  "/sys/kernel/config"
#define CONFIG	  CONFIGFS "/cohgpu"
#define DEBUGFS	  "/sys/kernel/debug"
#define DEBUG	  DEBUGFS "/cohgpu"
#define NAMES_MAX 64

/* In the order of the table in docs/simulator.md. */
static const struct {
	const char *name, *values, *what;
} sim_faults[] = {
	{"ready", "1", "memory may be touched, from now on"},
	{"training", "normal, stuck-c2c, stuck-hbm, stuck, manual", "how the next training goes"},
	{"training_ms", "milliseconds", "how long the next training takes"},
	{"train", "1", "the training ends now, and well"},
	{"untrain", "1", "readiness is lost, until train or a reset"},
	{"cxl_allowance", "0 to 7", "the time that a CXL part allows itself, as its code"},
	{"ras_events", "0", "forget the accesses that came too early"},
	{"flr", "normal, slow, refused", "how the next function-level reset goes"},
	{"flr_ms", "milliseconds", "how long a slow one takes"},
	{"dead", "0, 1", "config space reads all-ones"},
	{"unplug", "1", "it is taken off its bus"},
	{"aer", "correctable, uncorrectable, fatal", "it reports such an error"},
	{"poison", "an offset in its memory", "the kernel is told that this page is bad"},
	{"reset_after_ms", "milliseconds", "it is reset after so long, from outside VFIO"},
};

#define FAULTS (sizeof(sim_faults) / sizeof(*sim_faults))

static const char *config_file(const char *name, const char *file)
{
	static char path[2][160];
	static unsigned int next;
	char *buf = path[next++ % 2];

	snprintf(buf, sizeof(path[0]), CONFIG "/%.48s/%s", name, file);
	return buf;
}

static struct json_object *describe(const char *name)
{
	struct json_object *one = json_object_new_object();
	char preset[32] = "", bdf[GPU_ADDRESS] = "";
	uint64_t enabled = 0, size = 0, ready = 0;
	bool known = !sys_u64(&ready, DEBUG "/%.48s/ready", name);

	sys_line(preset, sizeof(preset), "%s", config_file(name, "preset"));
	sys_line(bdf, sizeof(bdf), "%s", config_file(name, "bdf"));
	sys_u64(&enabled, "%s", config_file(name, "enable"));
	sys_u64(&size, "%s", config_file(name, "mem_size"));
	out_text(one, "name", name);
	out_text(one, "preset", preset);
	out_text(one, "address", bdf[0] ? bdf : NULL);
	out_number(one, "memory", size);
	out_bool(one, "enabled", enabled);
	out_object(one, "ready", known ? json_object_new_boolean(ready) : NULL);
	return one;
}

/* The folders below configfs; its files are the module's own. */
static unsigned int sim_names(char names[NAMES_MAX][64])
{
	char **all = sys_names(CONFIG);
	unsigned int count = 0;

	for (char **name = all; name && *name && count < NAMES_MAX; name++)
		if (strlen(*name) < sizeof(names[0]) && sys_exists(config_file(*name, "enable")))
			strcpy(names[count++], *name);
	sys_names_free(all);
	return count;
}

static int sim_load(void)
{
	if (sys_exists(CONFIG))
		return EXIT_OK;
	if (geteuid() && !sys_is_tree()) {
		complain(MODULE, "load", "only root may");
		return EXIT_FAILED;
	}
	if (!sys_is_tree()) {
		module_load(MODULE);
		/* A system without systemd may have mounted neither. */
		if (!sys_exists(CONFIG))
			mount("configfs", CONFIGFS, "configfs", 0, NULL);
		if (!sys_exists(DEBUG))
			mount("debugfs", DEBUGFS, "debugfs", 0, NULL);
	}
	if (sys_exists(CONFIG))
		return EXIT_OK;
	if (!module_known(MODULE)) {
		complain(MODULE, "load", "kernel %s has no such module", sys_release());
		advise("it is in the package cohgpu-sim-dkms, and for virtual machines");
	} else {
		complain(MODULE, "load", "the kernel refused it");
		advise("its log says why: dmesg | tail; beside real GPUs it needs force=1");
	}
	return EXIT_FAILED;
}

/* To those who are not allowed to, another advice is of no use. */
static void advise_of(int error, const char *advice)
{
	bool may = error != EACCES && error != EPERM;

	if (!may || advice)
		advise("%s", may ? advice : "only root may");
}

static int sim_write(const char *name, const char *action, const char *file, const char *text)
{
	int ret = sys_write(config_file(name, file), text);

	if (!ret)
		return EXIT_OK;
	complain(name, action, "%s %s: %s", file, text, strerror(-ret));
	advise_of(-ret, "the kernel's log says which rule: dmesg | grep cohgpu | tail -n 1");
	return EXIT_FAILED;
}

static void first_free(char *name, size_t size)
{
	for (int i = 0; i < NAMES_MAX; i++) {
		snprintf(name, size, "gpu%d", i);
		if (!sys_exists(config_file(name, "enable")))
			return;
	}
}

static int sim_add(const struct call *call, struct json_object *gpus)
{
	char name[48];
	int status = sim_load(), ret;

	if (status)
		return status;
	first_free(name, sizeof(name));
	if (call_has(call, OPT_NAME))
		snprintf(name, sizeof(name), "%s", call->option[OPT_NAME]);
	if (!name[0] || name[0] == '.' || strchr(name, '/')) {
		complain(name, "add", "no name of a folder");
		return EXIT_USAGE;
	}
	if (mkdir(sys_path(CONFIG "/%s", name), 0755)) {
		ret = errno;
		complain(name, "add", "%s", strerror(ret));
		advise_of(ret, NULL);
		return EXIT_FAILED;
	}
	if (call_has(call, OPT_PRESET))
		status = sim_write(name, "add", "preset", call->option[OPT_PRESET]);
	if (!status && call_has(call, OPT_BDF))
		status = sim_write(name, "add", "bdf", call->option[OPT_BDF]);
	if (!status)
		status = sim_write(name, "add", "enable", "1");
	if (!status)
		json_object_array_add(gpus, describe(name));
	/* One that could not be made is none. */
	else if (rmdir(sys_path(CONFIG "/%s", name)))
		complain(name, "undo", "%s", strerror(errno));
	return status;
}

/* By its name, or by the address it has. */
static bool sim_find(char *name, size_t size, const char *word)
{
	char names[NAMES_MAX][64], bdf[GPU_ADDRESS];
	unsigned int count = sim_names(names);

	for (unsigned int i = 0; i < count; i++) {
		if (sys_line(bdf, sizeof(bdf), "%s", config_file(names[i], "bdf")))
			bdf[0] = 0;
		if (strcmp(names[i], word) && strcmp(bdf, word))
			continue;
		snprintf(name, size, "%.63s", names[i]);
		return true;
	}
	complain(word, "find", "no simulated GPU has this name or address");
	advise("see: cohgpu sim list");
	return false;
}

static int sim_fault(const struct call *call, struct json_object *gpus)
{
	char name[64], path[160], takes[160];
	const char *fault, *value;
	size_t i;
	int ret;

	if (call->count != 4) {
		complain("sim fault", "parse", "needs NAME FAULT VALUE");
		return EXIT_USAGE;
	}
	fault = call->words[2];
	value = call->words[3];
	for (i = 0; i < FAULTS && strcmp(sim_faults[i].name, fault); i++)
		;
	if (i == FAULTS) {
		complain(fault, "find", "no such fault");
		advise("see: man cohgpu-sim");
		return EXIT_USAGE;
	}
	/* The kernel takes it, and does nothing. */
	if (!*value) {
		complain(fault, "parse", "its VALUE is empty: %s", sim_faults[i].values);
		return EXIT_USAGE;
	}
	if (!sim_find(name, sizeof(name), call->words[1]))
		return EXIT_UNKNOWN;
	snprintf(path, sizeof(path), DEBUG "/%.48s/%s", name, fault);
	ret = sys_write(path, value);
	if (ret) {
		complain(name, "fault", "%s %s: %s", fault, value, strerror(-ret));
		snprintf(takes, sizeof(takes), "%s takes: %s", fault, sim_faults[i].values);
		advise_of(-ret, takes);
		return EXIT_FAILED;
	}
	json_object_array_add(gpus, describe(name));
	return EXIT_OK;
}

/* Taking one away waits for the driver, and that for who has it open: without end. */
static int remove_one(const char *name, struct json_object *gpus)
{
	struct json_object *one = describe(name);
	const char *address = out_get_text(one, "address", "");
	struct holder holder;
	int status = EXIT_OK, ret;

	if (address[0] && holder_of_device(&holder, address)) {
		holders_complain(&holder, 1, name, "remove");
		status = EXIT_FAILED;
	}
	if (!status && json_object_get_boolean(out_get(one, "enabled")))
		status = sim_write(name, "remove", "enable", "0");
	if (!status && rmdir(sys_path(CONFIG "/%s", name))) {
		ret = errno;
		complain(name, "remove", "%s", strerror(ret));
		advise_of(ret, NULL);
		status = EXIT_FAILED;
	}
	if (status) {
		json_object_put(one);
		return status;
	}
	/* As it was, and is no more. */
	out_bool(one, "enabled", false);
	out_object(one, "ready", NULL);
	json_object_array_add(gpus, one);
	return EXIT_OK;
}

static int sim_none(const char *action)
{
	complain(CONFIG, action,
		 sys_exists(CONFIG) ? "no simulated GPU" : "the simulator is not loaded");
	advise("make one: cohgpu sim add");
	return EXIT_NOTHING;
}

/* Of the words, each name once, before anything is done; an exit code. */
static int sim_select(const struct call *call, char names[NAMES_MAX][64], unsigned int *count)
{
	char all[NAMES_MAX][64], name[64];
	unsigned int there = sim_names(all), i;

	*count = 0;
	for (int w = 1; w < call->count; w++) {
		bool every = !strcmp(call->words[w], "all");

		if (every && !there)
			return sim_none("remove");
		if (!every && !sim_find(name, sizeof(name), call->words[w]))
			return EXIT_UNKNOWN;
		if (every) {
			memcpy(names, all, sizeof(all));
			*count = there;
			continue;
		}
		for (i = 0; i < *count && strcmp(names[i], name); i++)
			;
		if (i == *count)
			strcpy(names[(*count)++], name);
	}
	return EXIT_OK;
}

static int sim_remove(const struct call *call, struct json_object *gpus)
{
	char names[NAMES_MAX][64];
	unsigned int count;
	int status;

	if (call->count < 2) {
		complain("sim remove", "parse", "needs names, or all");
		return EXIT_USAGE;
	}
	status = sim_select(call, names, &count);
	for (unsigned int i = 0; i < count && !status; i++)
		status = remove_one(names[i], gpus);
	return status;
}

static int sim_list(const struct call *call, struct json_object *gpus)
{
	char names[NAMES_MAX][64];
	unsigned int count = sim_names(names);

	(void)call;
	for (unsigned int i = 0; i < count; i++)
		json_object_array_add(gpus, describe(names[i]));
	if (count)
		return EXIT_OK;
	return sim_none("list");
}

static const struct out_column sim_columns[] = {
	{"NAME", "name", false, false},	      {"PRESET", "preset", false, false},
	{"ADDRESS", "address", false, false}, {"MEMORY", "memory", true, true},
	{"ENABLED", "enabled", false, false}, {"READY", "ready", false, false},
};

static void print_removed(struct json_object *gpus)
{
	for (size_t i = 0; i < json_object_array_length(gpus); i++) {
		struct json_object *one = json_object_array_get_idx(gpus, i);

		printf("%s: removed, a %s at %s\n", out_get_text(one, "name", ""),
		       out_get_text(one, "preset", ""), out_get_text(one, "address", "no address"));
	}
}

static const struct {
	const char *word;
	int (*run)(const struct call *call, struct json_object *gpus);
	int max; /* words */
} sim_actions[] = {
	{"add", sim_add, 1},
	{"list", sim_list, 1},
	{"fault", sim_fault, 4},
	{"remove", sim_remove, NAMES_MAX},
};

int run_sim(const struct call *call)
{
	struct json_object *object = out_new(call), *gpus;
	int status = EXIT_USAGE;

	out_text(object, "action", call->words[0]);
	gpus = out_array(object, "gpus");
	for (size_t i = 0; i < sizeof(sim_actions) / sizeof(*sim_actions); i++) {
		if (strcmp(call->words[0], sim_actions[i].word))
			continue;
		if (call->count <= sim_actions[i].max)
			status = sim_actions[i].run(call, gpus);
		else
			complain(call->words[sim_actions[i].max], "parse", "one word too many");
	}
	if (call_has(call, OPT_JSON))
		out_json(object, status);
	else if (!strcmp(call->words[0], "remove"))
		print_removed(gpus);
	else if (json_object_array_length(gpus))
		out_table(gpus, sim_columns, sizeof(sim_columns) / sizeof(*sim_columns));
	json_object_put(object);
	return status;
}

void manual_sim(void)
{
	puts(".Sh FAULTS\n.Bl -tag -width Ds");
	for (size_t i = 0; i < FAULTS; i++)
		printf(".It Cm %s Ar %s\n%s.\n", sim_faults[i].name, sim_faults[i].values,
		       sim_faults[i].what);
	puts(".El");
}
