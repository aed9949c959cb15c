// SPDX-License-Identifier: GPL-2.0-only
/* What is left of a GPU that was taken out of the machine: its records, and the rules for it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind/bind.h"
#include "core/error.h"
#include "core/sys.h"

/* A rule names the GPU that it binds, a record the one that it was part of. */
static bool belongs_to(const char *address, const char *gpu)
{
	struct bind_record record;
	char wanted[32], *rule;
	bool belongs;

	if (!strcmp(address, gpu) || !strcmp(gpu, "all"))
		return true;
	if (!record_read(&record, address))
		return !strcmp(record.gpu, gpu);
	snprintf(wanted, sizeof(wanted), " bind %.15s ", gpu);
	rule = rule_read(address);
	belongs = rule && strstr(rule, wanted);
	free(rule);
	return belongs;
}

static int forget_one(const char *address, bool dry, bind_step_fn step)
{
	bool rule = rule_exists(address), record = sys_exists(record_path(address));
	int ret = 0;

	if (rule && !step(address, "unpersist", rule_path(address), ""))
		return EXIT_FAILED;
	if (record && !step(address, "forget", record_path(address), ""))
		return EXIT_FAILED;
	if (!dry)
		ret = rule_put(address, NULL);
	if (!dry && !ret)
		ret = record_remove(address);
	if (!ret)
		return EXIT_OK;
	complain(address, "forget", "%s", strerror(-ret));
	return EXIT_FAILED;
}

/* What is on record, and no more in the machine. */
static bool is_left(const char *address, const char *word)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.15s", address);
	return !sys_exists(path) && belongs_to(address, word);
}

bool bind_is_gone(const char *word)
{
	char **addresses = record_addresses();
	bool gone = false;

	for (char **at = addresses; at && *at && !gone; at++)
		gone = is_left(*at, word);
	sys_names_free(addresses);
	return gone;
}

int bind_forget(const char *word, bool dry, bind_step_fn step)
{
	char **addresses = record_addresses();
	int status = EXIT_NOTHING;

	for (char **at = addresses; at && *at && status != EXIT_FAILED; at++)
		if (is_left(*at, word))
			status = forget_one(*at, dry, step);
	sys_names_free(addresses);
	return status;
}
