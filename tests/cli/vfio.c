// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VFIO devices of a hand-made tree, preloaded. A device is a file without a name, whose bytes
 * are those of its regions, so that read, write and mmap are the kernel's own; what is played here
 * is the nodes below dev/ and the calls. The tree says what a device has, in vfio/ADDRESS, a line a
 * region: index, flags, size, sparse area, vendor type, subtype, NVLink2 target, its speed.
 *
 * VFIO_AT=N       call N, counted from 1, fails with EIO
 * VFIO_STEPS=F    the number of calls is left in file F
 * VFIO_KERNEL=old has no iommufd and no dma-buf
 * VFIO_LOST=1     what is mapped cannot be touched
 * VFIO_DEAD=1     nor can it be read: what is not config space fails with EIO
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/vfio.h>

#define FDS	     1024
#define REGIONS	     16
#define SHIFT	     40
#define BIND	     _IO(VFIO_TYPE, VFIO_BASE + 18)
#define ATTACH	     _IO(VFIO_TYPE, VFIO_BASE + 19)
#define DMA_BUF	     11
#define CAPABILITIES 256

enum kind { OTHER, CONTAINER, GROUP, DEVICE, IOMMUFD };

struct region {
	unsigned int index, flags, type, subtype, speed;
	uint64_t size, area, target;
};

static enum kind kinds[FDS];
static struct region regions[REGIONS];
static int count, calls;

static const char *setting(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

static bool fails(void)
{
	FILE *file;

	calls++;
	if (*setting("VFIO_STEPS") && (file = fopen(setting("VFIO_STEPS"), "w"))) {
		fprintf(file, "%d\n", calls);
		fclose(file);
	}
	if (calls != atoi(setting("VFIO_AT")))
		return false;
	errno = EIO;
	return true;
}

static int node(enum kind kind)
{
	int fd = syscall(SYS_memfd_create, "vfio", MFD_CLOEXEC);

	if (fd >= 0 && fd < FDS)
		kinds[fd] = kind;
	return fd;
}

static void take_regions(const char *address)
{
	char path[PATH_MAX], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/vfio/%s", setting("COHGPU_SYSROOT"), address);
	file = fopen(path, "r");
	for (count = 0; file && count < REGIONS && fgets(line, sizeof(line), file);) {
		struct region *r = &regions[count];

		memset(r, 0, sizeof(*r));
		if (sscanf(line, "%u %x %lx %lx %x %u %lx %u", &r->index, &r->flags, &r->size,
			   &r->area, &r->type, &r->subtype, &r->target, &r->speed) >= 3)
			count++;
	}
	if (file)
		fclose(file);
}

/* Its config space is the one that sysfs shows. */
static int device(const char *address)
{
	int fd = node(DEVICE), from;
	char path[PATH_MAX], bytes[4096] = {0};

	take_regions(address);
	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/config", setting("COHGPU_SYSROOT"),
		 address);
	from = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
	if (from >= 0) {
		syscall(SYS_read, from, bytes, sizeof(bytes));
		syscall(SYS_close, from);
	}
	if (ftruncate(fd, (uint64_t)REGIONS << SHIFT) ||
	    pwrite(fd, bytes, sizeof(bytes), (uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << SHIFT) !=
		    sizeof(bytes))
		abort();
	return fd;
}

/* vfioN belongs to the device that has it in its folder vfio-dev: the first one of the tree. */
static int device_by_node(const char *name)
{
	char command[PATH_MAX + 128], address[32] = "";
	FILE *pipe;

	snprintf(command, sizeof(command),
		 "LD_PRELOAD= ; cd '%s/sys/bus/pci/devices' && set -- */vfio-dev/%s && echo "
		 "\"${1%%%%/*}\"",
		 setting("COHGPU_SYSROOT"), name);
	pipe = popen(command, "r");
	if (pipe && fgets(address, sizeof(address), pipe))
		address[strcspn(address, "\n")] = 0;
	if (pipe)
		pclose(pipe);
	return device(address);
}

/* The tool has large files: the names that end so are the ones it calls. */
int open64(const char *path, int flags, ...)
{
	const char *root = setting("COHGPU_SYSROOT"), *at = path;
	va_list args;
	int mode;

	va_start(args, flags);
	mode = va_arg(args, int);
	va_end(args);
	if (*root && !strncmp(path, root, strlen(root)))
		at += strlen(root);
	if (strncmp(at, "/dev/vfio/", 10) && strcmp(at, "/dev/iommu"))
		return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (fails())
		return -1;
	if (!strcmp(at, "/dev/iommu"))
		return node(IOMMUFD);
	if (!strcmp(at, "/dev/vfio/vfio"))
		return node(CONTAINER);
	if (!strncmp(at, "/dev/vfio/devices/", 18))
		return device_by_node(at + 18);
	return node(GROUP);
}

/* Puts a capability behind the last one; the place of the next. */
static unsigned int add(void *info, unsigned int *last, unsigned int at, const void *cap,
			size_t size)
{
	struct vfio_info_cap_header *before = (void *)((char *)info + *last);

	memcpy((char *)info + at, cap, size);
	if (*last)
		before->next = at;
	*last = at;
	return at + ((size + 7) & ~7U);
}

static void capabilities(struct vfio_region_info *info, const struct region *r)
{
	unsigned char room[CAPABILITIES] = {0};
	struct vfio_region_info *whole = (void *)room;
	unsigned int at = sizeof(*info), last = 0;
	struct {
		struct vfio_region_info_cap_sparse_mmap cap;
		struct vfio_region_sparse_mmap_area area;
	} sparse = {{{VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, 0}, 1, 0}, {0, r->area}};
	struct vfio_region_info_cap_type type = {
		{VFIO_REGION_INFO_CAP_TYPE, 1, 0}, r->type, r->subtype};
	struct vfio_region_info_cap_nvlink2_ssatgt target = {
		{VFIO_REGION_INFO_CAP_NVLINK2_SSATGT, 1, 0}, r->target};
	struct vfio_region_info_cap_nvlink2_lnkspd speed = {
		{VFIO_REGION_INFO_CAP_NVLINK2_LNKSPD, 1, 0}, r->speed, 0};
	uint32_t argsz = info->argsz;

	*whole = *info;
	if (r->area)
		at = add(room, &last, at, &sparse, sizeof(sparse));
	if (r->type)
		at = add(room, &last, at, &type, sizeof(type));
	if (r->target)
		at = add(room, &last, at, &target, sizeof(target));
	if (r->speed)
		at = add(room, &last, at, &speed, sizeof(speed));
	if (!last)
		return;
	whole->argsz = at;
	whole->flags |= VFIO_REGION_INFO_FLAG_CAPS;
	whole->cap_offset = argsz >= at ? sizeof(*info) : 0;
	memcpy(info, room, argsz >= at ? at : sizeof(*info));
}

static int region_info(struct vfio_region_info *info)
{
	for (int i = 0; i < count; i++) {
		if (regions[i].index != info->index)
			continue;
		info->flags = regions[i].flags;
		info->size = regions[i].size;
		info->offset = (uint64_t)info->index << SHIFT;
		capabilities(info, &regions[i]);
		return 0;
	}
	if (info->index == VFIO_PCI_VGA_REGION_INDEX) {
		errno = EINVAL;
		return -1;
	}
	info->flags = info->size = 0;
	return 0;
}

static int device_call(unsigned long request, void *arg)
{
	static const unsigned int irqs[] = {1, 4, 0, 1, 1};
	struct vfio_device_info *info = arg;
	struct vfio_irq_info *irq = arg;
	struct vfio_device_feature *feature = arg;

	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		info->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
		info->num_irqs = VFIO_PCI_NUM_IRQS;
		info->num_regions = VFIO_PCI_NUM_REGIONS;
		for (int i = 0; i < count; i++)
			if (regions[i].index >= info->num_regions)
				info->num_regions = regions[i].index + 1;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		irq->count = irqs[irq->index];
		return 0;
	case VFIO_DEVICE_FEATURE:
		if ((feature->flags & VFIO_DEVICE_FEATURE_MASK) != DMA_BUF ||
		    !strcmp(setting("VFIO_KERNEL"), "old")) {
			errno = ENOTTY;
			return -1;
		}
		return feature->flags & VFIO_DEVICE_FEATURE_PROBE ? 0 : node(OTHER);
	case BIND:
	case ATTACH:
		return 0;
	}
	errno = ENOTTY;
	return -1;
}

static int group_call(unsigned long request, void *arg)
{
	struct vfio_group_status *status = arg;

	if (request == VFIO_GROUP_GET_STATUS)
		status->flags = *setting("VFIO_SHARED") ? 0 : VFIO_GROUP_FLAGS_VIABLE;
	if (request == VFIO_GROUP_GET_DEVICE_FD)
		return device(arg);
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	enum kind kind = fd >= 0 && fd < FDS ? kinds[fd] : OTHER;
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (kind == OTHER)
		return syscall(SYS_ioctl, fd, request, arg);
	if (fails())
		return -1;
	switch (kind) {
	case DEVICE:
		return device_call(request, arg);
	case GROUP:
		return group_call(request, arg);
	case CONTAINER:
		return request == VFIO_CHECK_EXTENSION ? arg == (void *)VFIO_TYPE1v2_IOMMU : 0;
	default:
		return 0;
	}
}

int close(int fd)
{
	if (fd >= 0 && fd < FDS)
		kinds[fd] = OTHER;
	return syscall(SYS_close, fd);
}

ssize_t pread64(int fd, void *buf, size_t size, off_t offset)
{
	bool dead = fd >= 0 && fd < FDS && kinds[fd] == DEVICE && *setting("VFIO_DEAD");

	if (dead && offset >> SHIFT != VFIO_PCI_CONFIG_REGION_INDEX) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pread64, fd, buf, size, offset);
}

/* Memory that went away is a mapping behind the file's end. */
void *mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	bool lost = fd >= 0 && fd < FDS && kinds[fd] == DEVICE &&
		    (*setting("VFIO_LOST") || *setting("VFIO_DEAD"));

	if (lost)
		offset = (off_t)REGIONS << SHIFT;
	return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}
