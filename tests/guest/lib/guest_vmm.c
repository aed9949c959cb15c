// SPDX-License-Identifier: GPL-2.0-only
/* What QEMU says while it has a guest: its messages, and what it was asked to trace. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "guest.h"

static FILE *guest_vmm_open(const char *life)
{
	char path[128];
	FILE *f;

	guest_path(path, sizeof(path), life, "qemu");
	f = fopen(path, "re");
	OK(f, "%s: %s", path, strerror(errno));
	return f;
}

/* Before the event there may be a process and a time: "1234@1234.5678:". */
static bool guest_is_event(const char *line, const char *event)
{
	size_t len = strlen(line), n = strlen(event);

	return len >= n && !strcmp(line + len - n, event) && (len == n || line[len - n - 1] == ':');
}

bool guest_traced(const char *life, const char *event)
{
	FILE *f = guest_vmm_open(life);
	bool found = false;
	char line[512];

	while (!found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		found = guest_is_event(line, event);
	}
	fclose(f);
	return found;
}

bool guest_vmm_said(const char *life, const char *const words[])
{
	FILE *f = guest_vmm_open(life);
	bool said = false;
	char line[512];

	while (!said && fgets(line, sizeof(line), f)) {
		said = true;
		for (int i = 0; words[i] && said; i++)
			said = strstr(line, words[i]);
	}
	fclose(f);
	return said;
}

bool guest_memory_added(const char *life, uint64_t bytes)
{
	static const char event[] = "region_add [ram] ";
	FILE *f = guest_vmm_open(life);
	char line[512], *at;
	uint64_t first, last;
	bool added = false;

	while (!added && fgets(line, sizeof(line), f)) {
		at = strstr(line, event);
		added = at &&
			sscanf(at + strlen(event), "%" SCNx64 " - %" SCNx64, &first, &last) == 2 &&
			last - first + 1 == bytes;
	}
	fclose(f);
	return added;
}
