// SPDX-License-Identifier: GPL-2.0-only
/* The record of what was, and the rule that makes a binding last. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "bind/bind.h"
#include "core/out.h"
#include "core/sys.h"

#define RECORDS "/run/cohgpu"
#define RULES	"/etc/udev/rules.d"
#define VERSION 1
#define PROGRAM "/usr/bin/cohgpu"

const char *record_path(const char *address)
{
	static char path[64];

	snprintf(path, sizeof(path), RECORDS "/%.15s.json", address);
	return path;
}

static void record_get(struct json_object *object, const char *key, char *buf, size_t size)
{
	snprintf(buf, size, "%s", out_get_text(object, key, ""));
}

int record_read(struct bind_record *record, const char *address)
{
	char *text = sys_slurp(record_path(address), NULL);
	struct json_object *object;
	int ret = 0;

	memset(record, 0, sizeof(*record));
	if (!text)
		return -ENOENT;
	object = json_tokener_parse(text);
	free(text);
	record_get(object, "address", record->address, sizeof(record->address));
	record_get(object, "gpu", record->gpu, sizeof(record->gpu));
	record_get(object, "driver", record->driver, sizeof(record->driver));
	record_get(object, "driver_override", record->driver_override,
		   sizeof(record->driver_override));
	record_get(object, "target", record->target, sizeof(record->target));
	record_get(object, "step", record->step, sizeof(record->step));
	if (out_get_number(object, "version") != VERSION || strcmp(record->address, address))
		ret = -EINVAL;
	json_object_put(object);
	return ret;
}

int record_write(const struct bind_record *record)
{
	struct json_object *object = json_object_new_object();
	int ret = sys_make_folder(RECORDS);

	out_number(object, "version", VERSION);
	out_text(object, "address", record->address);
	out_text(object, "gpu", record->gpu);
	out_text(object, "driver", record->driver);
	out_text(object, "driver_override", record->driver_override);
	out_text(object, "target", record->target);
	out_text(object, "step", record->step);
	if (!ret)
		ret = sys_replace(record_path(record->address),
				  json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
	json_object_put(object);
	return ret;
}

/* One that a kill left half-written goes too. */
static int remove_both(const char *path)
{
	char fresh[128];

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	sys_remove(fresh);
	return sys_remove(path);
}

int record_remove(const char *address)
{
	return remove_both(record_path(address));
}

const char *rule_path(const char *address)
{
	static char path[96];

	snprintf(path, sizeof(path), RULES "/90-cohgpu-%.15s.rules", address);
	return path;
}

bool rule_exists(const char *address)
{
	return sys_exists(rule_path(address));
}

char *rule_read(const char *address)
{
	return sys_slurp(rule_path(address), NULL);
}

/* This program, as udev is to find it: where it is, unless that has what rules give a meaning. */
static void program_path(char *path, size_t size)
{
	ssize_t length = sys_is_tree() ? -1 : readlink("/proc/self/exe", path, size - 1);

	path[length < 0 ? 0 : length] = 0;
	if (!path[0] || strpbrk(path, " \t\"'\\$%"))
		snprintf(path, size, "%s", PROGRAM);
}

int rule_write(const struct bind_record *record, const char *driver)
{
	char text[1024], program[256];

	program_path(program, sizeof(program));
	snprintf(text, sizeof(text),
		 "# Made by: cohgpu bind --persist. Removed by: cohgpu restore %s\n"
		 "ACTION==\"add\", SUBSYSTEM==\"pci\", KERNEL==\"%s\", TEST==\"%s\", "
		 "ATTR{driver_override}=\"%s\", RUN+=\"%s bind %s --driver %s --wait 60\"\n",
		 record->gpu, record->address, program, record->target, program, record->gpu,
		 driver);
	return rule_put(record->address, text);
}

int rule_put(const char *address, const char *text)
{
	int ret = text ? sys_make_folder(RULES) : 0;

	if (!text)
		return remove_both(rule_path(address));
	return ret ? ret : sys_replace(rule_path(address), text);
}

/* The address in a file's name between these two; "" when it has another name. */
static void address_in(char *address, const char *name, const char *before, const char *after)
{
	size_t begin = strlen(before), length = strlen(name), end = strlen(after);

	address[0] = 0;
	if (length > begin + end && length - begin - end < GPU_ADDRESS &&
	    !strncmp(name, before, begin) && !strcmp(name + length - end, after))
		snprintf(address, GPU_ADDRESS, "%.*s", (int)(length - begin - end), name + begin);
}

char **record_addresses(void)
{
	static const char *const kinds[][3] = {{RECORDS, "", ".json"},
					       {RULES, "90-cohgpu-", ".rules"}};
	char **all = calloc(1, sizeof(*all)), **more;
	size_t count = 0;

	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		char **names = sys_names(kinds[k][0]), address[GPU_ADDRESS];

		for (char **name = names; name && *name; name++) {
			address_in(address, *name, kinds[k][1], kinds[k][2]);
			for (size_t i = 0; i < count; i++)
				if (!strcmp(all[i], address))
					address[0] = 0;
			more = address[0] ? realloc(all, (count + 2) * sizeof(*all)) : NULL;
			if (!more)
				continue;
			all = more;
			all[count++] = strdup(address);
			all[count] = NULL;
		}
		sys_names_free(names);
	}
	return all;
}
