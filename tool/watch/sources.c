// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "core/sys.h"
#include "watch/watch.h"

#define LOG	      "/dev/kmsg"
#define UEVENT_SIZE   8192
#define LOG_RECORD    8192
#define FROM_KERNEL   1
#define FAILURE	      "Memory failure: 0x"
#define FAILURE_DONE  "recovery action for"
#define FAILURE_OTHER "memory outside kernel control"

int watch_open_uevents(struct watch *w)
{
	struct sockaddr_nl here = {.nl_family = AF_NETLINK, .nl_groups = FROM_KERNEL};
	int fd, ret;

	/* A tree has no kernel to tell of it. */
	if (sys_is_tree())
		return -ENOTSUP;
	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&here, sizeof(here))) {
		ret = -errno;
		close(fd);
		return ret;
	}
	w->uevents = fd;
	return 0;
}

/* A uevent is strings one after the other; the value of one that begins with key. */
static const char *uevent_value(const char *buf, size_t size, const char *key)
{
	size_t length = strlen(key);

	for (const char *at = buf; at < buf + size; at += strlen(at) + 1)
		if (!strncmp(at, key, length))
			return at + length;
	return NULL;
}

static bool take_uevent(struct watch *w, const char *buf, size_t size)
{
	const char *subsystem = uevent_value(buf, size, "SUBSYSTEM=");
	const char *address = uevent_value(buf, size, "PCI_SLOT_NAME=");
	const char *recovery = uevent_value(buf, size, "ERROR_EVENT=");

	if (!subsystem || strcmp(subsystem, "pci"))
		return false;
	for (size_t i = 0; address && recovery && i < w->count; i++)
		if (!strcmp(w->gpu[i].gpu.address, address))
			w->tell(w, address, EVENT_RECOVERY, NULL, recovery);
	return true;
}

bool watch_take_uevents(struct watch *w)
{
	static char buf[UEVENT_SIZE];
	struct sockaddr_nl from = {0};
	socklen_t length = sizeof(from);
	bool any = false;
	ssize_t got;

	while (w->uevents >= 0 && ((got = recvfrom(w->uevents, buf, sizeof(buf) - 1, 0,
						   (struct sockaddr *)&from, &length)) > 0 ||
				   (got < 0 && errno == ENOBUFS))) {
		/* What was lost may have been ours; what a program sends is not the kernel's. */
		if (got < 0) {
			any = true;
			continue;
		}
		buf[got] = 0;
		if (!from.nl_pid && take_uevent(w, buf, got))
			any = true;
		length = sizeof(from);
	}
	return any;
}

int watch_open_log(struct watch *w)
{
	w->log = open(sys_path(LOG), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (w->log < 0)
		return -errno;
	/* What was before is no event. */
	lseek(w->log, 0, SEEK_END);
	return 0;
}

static bool holds(const struct gpu_memory *m, uint64_t address)
{
	return (m->usemem_base && address - m->usemem_base < m->usemem) ||
	       (m->resmem_base && address - m->resmem_base < m->resmem);
}

/* Memory of the host fails too: that is not told, but where no GPU's place is known. */
static void take_failure(struct watch *w, uint64_t address)
{
	const char *gpu = NULL;
	bool all_known = true;
	char text[24];

	for (size_t i = 0; i < w->count; i++) {
		const struct gpu *one = &w->gpu[i].gpu;

		all_known &= one->memory.usemem_base != 0;
		if (holds(&one->memory, address))
			gpu = one->address;
	}
	snprintf(text, sizeof(text), "%#llx", (unsigned long long)address);
	if (gpu || !all_known)
		w->tell(w, gpu, EVENT_POISON, NULL, text);
}

static void take_line(struct watch *w, const char *line)
{
	const char *at = strstr(line, FAILURE);

	if (at && (strstr(at, FAILURE_DONE) || strstr(at, FAILURE_OTHER)))
		take_failure(w, strtoull(at + strlen(FAILURE), NULL, 16) * sysconf(_SC_PAGESIZE));
}

/* A record a read; a file that stands in for the log gives several lines. */
void watch_take_log(struct watch *w)
{
	static char buf[LOG_RECORD];
	ssize_t got;

	while (w->log >= 0 &&
	       ((got = read(w->log, buf, sizeof(buf) - 1)) > 0 || (got < 0 && errno == EPIPE))) {
		char *save = NULL;

		/* The kernel says more than we read: what was lost may have been ours. */
		if (got < 0)
			fprintf(stderr, "note: the kernel's log ran over, failed memory may have "
					"been missed\n");
		buf[got < 0 ? 0 : got] = 0;
		for (char *line = strtok_r(buf, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save))
			take_line(w, line);
	}
}
