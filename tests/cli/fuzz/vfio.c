// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel that answers VFIO's calls with anything: each answer, and the config space, is the next
 * bytes of the input. probe looks at such a device, by its group or by its own node; it may complain
 * of what it likes.
 *
 * COHGPU_SYSROOT is a tree with a GPU in it that has both.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vfio.h>

static const uint8_t *at, *end;

/* Zeroes when there is no more. */
static void take(void *buf, size_t size)
{
	size_t have = (size_t)(end - at) < size ? (size_t)(end - at) : size;

	memset(buf, 0, size);
	memcpy(buf, at, have);
	at += have;
}

static uint8_t take_byte(void)
{
	uint8_t byte;

	take(&byte, 1);
	return byte;
}

/* All but the head, which says how much room there is, as the kernel may fill it. */
static void answer(void *arg, uint32_t head)
{
	uint32_t room = *(uint32_t *)arg;

	take((char *)arg + head, room > head ? room - head : 0);
}

static int wild_region(struct vfio_region_info *info)
{
	struct vfio_region_info_cap_sparse_mmap areas = {
		.header = {.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP, .version = 1},
	};
	uint32_t room = info->argsz, index = info->index;

	answer(info, sizeof(info->argsz));
	info->index = index;
	/* Half of them begin their capabilities where it can be, and with areas. */
	if (take_byte() & 1 && room > sizeof(*info) + sizeof(areas)) {
		info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
		info->cap_offset = sizeof(*info);
		areas.nr_areas = take_byte() & 31;
		memcpy(info + 1, &areas, sizeof(areas));
	}
	/* It asks for more room once; what it says then must not be believed. */
	if (room > sizeof(*info))
		info->argsz = take_byte() ? ~0U : room;
	else
		info->argsz = room + (take_byte() & 0xff);
	return 0;
}

static int wild_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	(void)fd;
	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (take_byte() == 0xee) {
		errno = take_byte() & 1 ? EINVAL : EIO;
		return -1;
	}
	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		answer(arg, sizeof(uint32_t));
		/* A device of 4 billion regions takes its time, and no more than that. */
		((struct vfio_device_info *)arg)->num_regions &= 63;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return wild_region(arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		answer(arg, sizeof(uint32_t));
		return 0;
	case VFIO_GROUP_GET_STATUS:
		((struct vfio_group_status *)arg)->flags = VFIO_GROUP_FLAGS_VIABLE;
		return 0;
	case VFIO_GROUP_GET_DEVICE_FD:
		return open("/dev/null", O_RDONLY);
	}
	return 0;
}

static int wild_open(const char *path, int flags)
{
	(void)path;
	(void)flags;
	return open("/dev/null", O_RDONLY);
}

static ssize_t wild_pread(int fd, void *buf, size_t size, off_t offset)
{
	(void)fd;
	(void)offset;
	take(buf, size);
	return size >> (take_byte() & 15);
}

#define ioctl(fd, request, ...) wild_ioctl(fd, request, ##__VA_ARGS__)
#define open(path, flags)	wild_open(path, flags)
#define pread			wild_pread
#include "vfio/client.c"

#include "core/verbs.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return getenv("COHGPU_SYSROOT") && freopen("/dev/null", "w", stdout) ? 0 : 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *words[] = {"--by", "group", "all", "--json"};
	struct call call;
	int status;

	if (size < 1)
		return -1;
	at = data + 1;
	end = data + size;
	words[1] = data[0] & 1 ? "group" : "iommufd";
	status = verb_parse(&call, verb_find("probe"), data[0] & 2 ? 4 : 3, words);
	if (!status)
		status = call.verb->run(&call);
	if (status != EXIT_OK && status != EXIT_FAILED)
		abort();
	return 0;
}
