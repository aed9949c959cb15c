// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ready.h"
#include "core/sys.h"

#define LOG	       "/dev/kmsg"
#define LOG_RECORD     8192
#define LOG_LINE       " %s: coherent memory "
#define LOG_FAILED     "not ready "
#define LOG_OVER       "ready after all"
#define COMMAND_OFFSET 4
#define COMMAND_MEMORY 2

/* The registers that hold 0xFF when the link and the memory are trained. */
#define READY_C2C  0x1498
#define READY_HBM  0x200BC
#define READY_DONE 0xFF
#define READY_SIZE 0x21000

/* What a record says of the memory of this GPU, if that begins so; else NULL. */
static const char *record_says(const char *record, const char *address, const char *what)
{
	char words[64];
	const char *at;

	snprintf(words, sizeof(words), LOG_LINE, address);
	at = strstr(record, words);
	at = at ? at + strlen(words) : NULL;
	return at && !strncmp(at, what, strlen(what)) ? at : NULL;
}

const char *ready_reason(const char *record, const char *address)
{
	return record_says(record, address, LOG_FAILED);
}

const char *ready_when(char buf[32], const char *record)
{
	uint64_t microseconds;

	buf[0] = 0;
	if (sscanf(record, "%*u,%*u,%" SCNu64, &microseconds) == 1)
		snprintf(buf, 32, "%" PRIu64 ".%06" PRIu64, microseconds / 1000000,
			 microseconds % 1000000);
	return buf;
}

/* A record a read; a file that stands in for the log gives many, and may end within one. */
int ready_record(char *record, size_t size, const char *address)
{
	char buf[LOG_RECORD];
	size_t have = 0;
	int fd, ret = -ENOENT;
	ssize_t got;

	sys_ask(LOG);
	fd = open(sys_path(LOG), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((got = read(fd, buf + have, sizeof(buf) - 1 - have)) > 0 ||
	       (got < 0 && errno == EPIPE)) {
		char *line = buf, *end;

		have += got < 0 ? 0 : got;
		buf[have] = 0;
		while ((end = strchr(line, '\n'))) {
			*end = 0;
			if (ready_reason(line, address)) {
				snprintf(record, size, "%s", line);
				ret = 0;
			} else if (record_says(line, address, LOG_OVER)) {
				ret = -ENOENT;
			}
			line = end + 1;
		}
		have -= line - buf;
		/* What is longer than any record, or is no text, is none. */
		have = have < sizeof(buf) / 2 ? have : 0;
		memmove(buf, line, have);
	}
	close(fd);
	return ret;
}

static bool is_awake(const struct gpu *gpu)
{
	size_t size = 0;
	char *config = sys_slurp(gpu_file(gpu, "config"), &size);
	bool awake = config && size > COMMAND_OFFSET && config[COMMAND_OFFSET] & COMMAND_MEMORY &&
		     !strcmp(gpu->power_state, "D0");

	free(config);
	return awake;
}

bool ready_registers(char *buf, size_t size, const struct gpu *gpu)
{
	uint32_t c2c, hbm;
	struct stat st;
	char *bar;
	int fd;

	if (gpu->model->family != GPU_GRACE || !is_awake(gpu))
		return false;
	fd = open(sys_path("%s", gpu_file(gpu, "resource0")), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bar = fstat(fd, &st) || st.st_size < READY_SIZE
		      ? MAP_FAILED
		      : mmap(NULL, READY_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (bar == MAP_FAILED)
		return false;
	c2c = *(volatile uint32_t *)(bar + READY_C2C);
	hbm = *(volatile uint32_t *)(bar + READY_HBM);
	munmap(bar, READY_SIZE);
	snprintf(buf, size, "C2C %#x%s, HBM %#x%s", c2c, c2c == READY_DONE ? " (done)" : "", hbm,
		 hbm == READY_DONE ? " (done)" : "");
	return true;
}
