// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/holders.h"
#include "core/sys.h"

#define HOST_FILES "/dev/nvidia"
#define VFIO_FILES "/dev/vfio/"
#define HOST_MINOR "Device Minor:"
#define DRM_FILES  4

static bool holder_matches(const char *path, const char *const *files)
{
	for (; *files; files++) {
		size_t length = strcspn(*files, "*");

		if (!strncmp(path, *files, length) && ((*files)[length] || !path[length]))
			return true;
	}
	return false;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);

	return length > tail && !strcmp(text + length - tail, end);
}

/* "0::/system.slice/nvidia-persistenced.service": the last unit, of systemd's own hierarchy. */
static void holder_read_unit(struct holder *holder)
{
	char path[64], *text, *lines = NULL, *parts = NULL;

	holder->unit[0] = 0;
	snprintf(path, sizeof(path), "/proc/%.15s/cgroup", holder->pid);
	text = sys_slurp(path, NULL);
	for (char *line = text ? strtok_r(text, "\n", &lines) : NULL; line;
	     line = strtok_r(NULL, "\n", &lines)) {
		if (strncmp(line, "0::", 3) && strncmp(line, "1:name=systemd:", 15))
			continue;
		for (char *part = strtok_r(line, "/", &parts); part;
		     part = strtok_r(NULL, "/", &parts))
			if (ends_with(part, ".service") || ends_with(part, ".scope"))
				snprintf(holder->unit, sizeof(holder->unit), "%s", part);
	}
	free(text);
}

static bool holder_is(struct holder *holder, const char *pid, const char *const *files)
{
	char path[64], target[PATH_MAX];
	char **names;
	bool holds = false;

	snprintf(path, sizeof(path), "/proc/%.15s/fd", pid);
	names = sys_names(path);
	for (char **name = names; name && *name && !holds; name++) {
		ssize_t length =
			readlink(sys_path("%s/%s", path, *name), target, sizeof(target) - 1);

		target[length < 0 ? 0 : length] = 0;
		holds = holder_matches(target, files);
	}
	sys_names_free(names);
	if (!holds)
		return false;
	snprintf(holder->pid, sizeof(holder->pid), "%.15s", pid);
	snprintf(holder->file, sizeof(holder->file), "%.63s", target);
	if (sys_line(holder->command, sizeof(holder->command), "/proc/%.15s/comm", pid))
		strcpy(holder->command, "a process");
	holder_read_unit(holder);
	return true;
}

bool holder_has(const char *pid, const char *const *files)
{
	struct holder holder;

	return holder_is(&holder, pid, files);
}

const char *holders_text(char buf[HOLDER_TEXT], const struct holder *holders, size_t count)
{
	const struct holder *first = &holders[0];
	char more[32] = "";

	if (count > 1)
		snprintf(more, sizeof(more), ", and %zu more", count - 1);
	snprintf(buf, HOLDER_TEXT, "%s (%s%s%s) holds %s%s", first->command, first->pid,
		 first->unit[0] ? ", " : "", first->unit, first->file, more);
	return buf;
}

/* To stop a scope is to kill what is in it: a session, a VM. */
static bool holder_is_service(const struct holder *holder)
{
	return ends_with(holder->unit, ".service");
}

/* As a whole or not at all: half a name may be another's. */
static void append(char *text, size_t size, const char *before, const char *what)
{
	size_t used = strlen(text);

	if (used + strlen(before) + strlen(what) < size)
		snprintf(text + used, size - used, "%s%s", used ? before : "", what);
}

static bool unit_is_new(const struct holder *holders, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (!strcmp(holders[i].unit, holders[at].unit))
			return false;
	return true;
}

/* What ends it: services by their names, once each, the rest by what it is. */
void holders_fix(char *buf, size_t size, const struct holder *holders, size_t count)
{
	char services[128] = "", others[96] = "", one[64];

	for (size_t i = 0; i < count; i++) {
		const struct holder *h = &holders[i];

		snprintf(one, sizeof(one), "%.31s (%.15s)", h->command, h->pid);
		if (!holder_is_service(h))
			append(others, sizeof(others), ", ", one);
		else if (unit_is_new(holders, i))
			append(services, sizeof(services), " ", h->unit);
	}
	snprintf(buf, size, "%s%s%s%s%s", services[0] ? "systemctl stop " : "", services,
		 services[0] && others[0] ? "; " : "", others[0] ? "end " : "", others);
}

void holders_complain(const struct holder *holders, size_t count, const char *object,
		      const char *action)
{
	char text[HOLDER_TEXT];

	complain(object, action, "in use: %s", holders_text(text, holders, count));
	holders_fix(text, sizeof(text), holders, count);
	advise("%s", text);
}

size_t holder_list(struct holder *holders, size_t room, const char *const *files)
{
	char **pids = sys_names("/proc");
	size_t count = 0;

	for (char **pid = pids; pid && *pid && count < room; pid++)
		count += isdigit((unsigned char)**pid) && holder_is(&holders[count], *pid, files);
	sys_names_free(pids);
	return count;
}

bool holder_find(struct holder *holder, const char *const *files)
{
	return holder_list(holder, 1, files);
}

bool holder_of_device(struct holder *holder, const char *address)
{
	char by_group[64] = "-", by_device[64] = "-", path[96], group[32];
	const char *files[] = {by_group, by_device, NULL};
	char **names;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", address);
	names = sys_names(path);
	if (names && names[0])
		snprintf(by_device, sizeof(by_device), VFIO_FILES "devices/%.32s", names[0]);
	sys_names_free(names);
	if (!sys_link(group, sizeof(group), "/sys/bus/pci/devices/%s/iommu_group", address))
		snprintf(by_group, sizeof(by_group), VFIO_FILES "%s", group);
	return holder_find(holder, files);
}

/* /dev/nvidiaN of a GPU, where the driver says it; else the file is left as it is. */
static void host_file(char *file, size_t size, const char *address)
{
	char path[96];
	char *text, *at;

	snprintf(path, sizeof(path), "/proc/driver/nvidia/gpus/%.15s/information", address);
	text = sys_slurp(path, NULL);
	at = text ? strstr(text, HOST_MINOR) : NULL;
	if (at) {
		at += strlen(HOST_MINOR);
		at += strspn(at, " \t");
	}
	if (at && isdigit((unsigned char)*at))
		snprintf(file, size, HOST_FILES "%ld", strtol(at, NULL, 10));
	free(text);
}

/* Whatever the driver, what draws or computes through DRM has one of these open. */
size_t holders_of_host(struct holder *holders, size_t room, const char *address)
{
	char own[32] = HOST_FILES "*", drm[DRM_FILES][64], path[96];
	const char *files[DRM_FILES + 2] = {own};
	char **names;
	int count = 1;

	host_file(own, sizeof(own), address);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.15s/drm", address);
	names = sys_names(path);
	for (char **name = names; name && *name && count <= DRM_FILES; name++, count++) {
		snprintf(drm[count - 1], sizeof(drm[0]), "/dev/dri/%.48s", *name);
		files[count] = drm[count - 1];
	}
	sys_names_free(names);
	return holder_list(holders, room, files);
}

bool holder_of_host(struct holder *holder, const char *address)
{
	return holders_of_host(holder, 1, address);
}

bool holder_sees_all(void)
{
	return sys_is_tree() || !geteuid();
}
