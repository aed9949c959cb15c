// SPDX-License-Identifier: GPL-2.0-only
#include "vfio.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "iommufd.h"
#include "ktap.h"
#include "util.h"

int vfio_region_info(const struct vfio_dev *v, uint32_t index, struct vfio_region *r)
{
	struct vfio_region_info probe = {.argsz = sizeof(probe), .index = index};
	struct vfio_region_info *info;
	uint32_t next;
	int err = 0;

	memset(r, 0, sizeof(*r));
	if (ioctl(v->fd, VFIO_DEVICE_GET_REGION_INFO, &probe))
		return errno;
	info = calloc(1, probe.argsz);
	if (!info)
		return ENOMEM;
	info->argsz = probe.argsz;
	info->index = index;
	if (ioctl(v->fd, VFIO_DEVICE_GET_REGION_INFO, info)) {
		err = errno;
		goto out;
	}
	r->flags = info->flags;
	r->size = info->size;
	r->offset = info->offset;
	next = info->flags & VFIO_REGION_INFO_FLAG_CAPS ? info->cap_offset : 0;
	while (next && next + sizeof(struct vfio_info_cap_header) <= info->argsz) {
		struct vfio_info_cap_header *cap = (void *)((char *)info + next);

		r->caps++;
		if (cap->id == VFIO_REGION_INFO_CAP_SPARSE_MMAP) {
			struct vfio_region_info_cap_sparse_mmap *s = (void *)cap;

			r->sparse = true;
			r->sparse_version = cap->version;
			r->areas = s->nr_areas;
			if (s->nr_areas) {
				r->area_offset = s->areas[0].offset;
				r->area_size = s->areas[0].size;
			}
		}
		next = cap->next;
	}
out:
	free(info);
	return err;
}

/* POWER has a container of its own kind. -1: the kernel does not say, see errno. */
static int vfio_iommu(int container)
{
	int type1 = ioctl(container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU);

	if (type1 < 0)
		return -1;
	return type1 ? VFIO_TYPE1v2_IOMMU : VFIO_SPAPR_TCE_v2_IOMMU;
}

static int vfio_group_open(struct vfio_dev *v, const char *bdf)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};
	int group, type, err;
	char path[64];

	memset(v, 0, sizeof(*v));
	snprintf(v->bdf, sizeof(v->bdf), "%s", bdf);
	v->group = -1;
	v->fd = -1;
	v->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (v->container < 0)
		return errno;
	group = pci_iommu_group(bdf);
	if (group < 0)
		goto fail;
	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	v->group = open(path, O_RDWR | O_CLOEXEC);
	if (v->group < 0)
		goto fail;
	if (ioctl(v->group, VFIO_GROUP_GET_STATUS, &status))
		goto fail;
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
		errno = EPERM;
		goto fail;
	}
	if (ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container))
		goto fail;
	type = vfio_iommu(v->container);
	if (type < 0 || ioctl(v->container, VFIO_SET_IOMMU, type))
		goto fail;
	v->fd = ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	if (v->fd < 0)
		goto fail;
	return 0;
fail:
	err = errno;
	vfio_close(v);
	return err;
}

static void vfio_regions(struct vfio_dev *v)
{
	for (int i = 0; i < VFIO_REGIONS; i++)
		vfio_region_info(v, i, &v->region[i]);
}

bool vfio_by_iommufd(void)
{
	const char *iommu = getenv("COHGPU_IOMMU");

	return iommu && !strcmp(iommu, "iommufd");
}

int vfio_try_open(struct vfio_dev *v, const char *bdf)
{
	int err = vfio_by_iommufd() ? iommufd_open(v, bdf) : vfio_group_open(v, bdf);

	if (!err)
		vfio_regions(v);
	return err;
}

void vfio_open_beside(struct vfio_dev *v, const char *bdf, const struct vfio_dev *other)
{
	int err = 0;

	memset(v, 0, sizeof(*v));
	snprintf(v->bdf, sizeof(v->bdf), "%s", bdf);
	v->group = v->container = -1;
	if (other->group < 0) {
		err = iommufd_join(v, other);
	} else {
		v->fd = ioctl(other->group, VFIO_GROUP_GET_DEVICE_FD, bdf);
		err = v->fd < 0 ? errno : 0;
	}
	if (err)
		ktap_fail("%s: opening the device beside %s: %s", bdf, other->bdf, strerror(err));
	vfio_regions(v);
}

void vfio_open(struct vfio_dev *v, const char *bdf)
{
	int err = vfio_try_open(v, bdf);

	if (err)
		ktap_fail("%s: opening the device through VFIO: %s", bdf, strerror(err));
}

void vfio_close(struct vfio_dev *v)
{
	if (v->fd >= 0)
		close(v->fd);
	if (v->group >= 0)
		close(v->group);
	if (v->container >= 0)
		close(v->container);
	v->fd = v->group = v->container = -1;
}

static off_t vfio_pos(const struct vfio_dev *v, int index, uint64_t off)
{
	return (off_t)(v->region[index].offset + off);
}

void *vfio_buffer(size_t size)
{
	const size_t unit = 2 * MiB;
	int fd = memfd_create("buffer", MFD_CLOEXEC);
	char *base =
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	OK(fd >= 0 && !ftruncate(fd, unit) && base != MAP_FAILED, "buffer");
	for (size_t at = 0; at < size; at += unit)
		OK(mmap(base + at, unit, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) !=
			   MAP_FAILED,
		   "buffer's piece");
	close(fd);
	return base;
}

ssize_t vfio_read(const struct vfio_dev *v, int index, uint64_t off, void *buf, size_t n)
{
	ssize_t r = pread(v->fd, buf, n, vfio_pos(v, index, off));

	return r < 0 ? -errno : r;
}

ssize_t vfio_write(const struct vfio_dev *v, int index, uint64_t off, const void *buf, size_t n)
{
	ssize_t r = pwrite(v->fd, buf, n, vfio_pos(v, index, off));

	return r < 0 ? -errno : r;
}

ssize_t vfio_readv(const struct vfio_dev *v, int index, uint64_t off, const struct iovec *iov,
		   int n)
{
	ssize_t r = preadv(v->fd, iov, n, vfio_pos(v, index, off));

	return r < 0 ? -errno : r;
}

ssize_t vfio_writev(const struct vfio_dev *v, int index, uint64_t off, const struct iovec *iov,
		    int n)
{
	ssize_t r = pwritev(v->fd, iov, n, vfio_pos(v, index, off));

	return r < 0 ? -errno : r;
}

void vfio_get(const struct vfio_dev *v, int index, uint64_t off, void *buf, size_t n)
{
	ssize_t r = vfio_read(v, index, off, buf, n);

	if (r != (ssize_t)n)
		ktap_fail("%s: read of %zu at region %d + 0x%llx: expected %zu, got %zd (%s)",
			  v->bdf, n, index, (unsigned long long)off, n, r,
			  r < 0 ? strerror((int)-r) : "short");
}

void vfio_put(const struct vfio_dev *v, int index, uint64_t off, const void *buf, size_t n)
{
	ssize_t r = vfio_write(v, index, off, buf, n);

	if (r != (ssize_t)n)
		ktap_fail("%s: write of %zu at region %d + 0x%llx: expected %zu, got %zd (%s)",
			  v->bdf, n, index, (unsigned long long)off, n, r,
			  r < 0 ? strerror((int)-r) : "short");
}

uint8_t vfio_cfg8(const struct vfio_dev *v, unsigned int off)
{
	uint8_t x;

	vfio_get(v, VFIO_CONFIG, off, &x, sizeof(x));
	return x;
}

uint16_t vfio_cfg16(const struct vfio_dev *v, unsigned int off)
{
	uint16_t x;

	vfio_get(v, VFIO_CONFIG, off, &x, sizeof(x));
	return le16toh(x);
}

uint32_t vfio_cfg32(const struct vfio_dev *v, unsigned int off)
{
	uint32_t x;

	vfio_get(v, VFIO_CONFIG, off, &x, sizeof(x));
	return le32toh(x);
}

uint64_t vfio_cfg64(const struct vfio_dev *v, unsigned int off)
{
	return vfio_cfg32(v, off) | (uint64_t)vfio_cfg32(v, off + 4) << 32;
}

void vfio_cfg_set16(const struct vfio_dev *v, unsigned int off, uint16_t value)
{
	value = htole16(value);
	vfio_put(v, VFIO_CONFIG, off, &value, sizeof(value));
}

void vfio_cfg_set32(const struct vfio_dev *v, unsigned int off, uint32_t value)
{
	value = htole32(value);
	vfio_put(v, VFIO_CONFIG, off, &value, sizeof(value));
}

void vfio_cfg_set64(const struct vfio_dev *v, unsigned int off, uint64_t value)
{
	vfio_cfg_set32(v, off, (uint32_t)value);
	vfio_cfg_set32(v, off + 4, (uint32_t)(value >> 32));
}

unsigned int vfio_find_cap(const struct vfio_dev *v, uint8_t id)
{
	unsigned int pos = vfio_cfg8(v, PCI_CAPABILITY_LIST);

	for (int i = 0; pos >= 0x40 && i < 48; i++) {
		if (vfio_cfg8(v, pos + PCI_CAP_LIST_ID) == id)
			return pos;
		pos = vfio_cfg8(v, pos + PCI_CAP_LIST_NEXT) & ~3u;
	}
	return 0;
}

unsigned int vfio_cap(const struct vfio_dev *v, uint8_t id)
{
	unsigned int pos = vfio_find_cap(v, id);

	if (!pos)
		ktap_fail("%s: no PCI capability 0x%02x", v->bdf, id);
	return pos;
}

void vfio_memory_enable(const struct vfio_dev *v, bool on)
{
	uint16_t cmd = vfio_cfg16(v, PCI_COMMAND);

	cmd = on ? cmd | PCI_COMMAND_MEMORY : cmd & ~PCI_COMMAND_MEMORY;
	vfio_cfg_set16(v, PCI_COMMAND, cmd);
}

void vfio_power(const struct vfio_dev *v, unsigned int dstate)
{
	unsigned int reg = vfio_cap(v, PCI_CAP_ID_PM) + PCI_PM_CTRL;
	uint16_t ctrl = vfio_cfg16(v, reg);

	ctrl = (ctrl & ~(PCI_PM_CTRL_STATE_MASK | PCI_PM_CTRL_PME_STATUS)) | dstate;
	vfio_cfg_set16(v, reg, ctrl);
}

int vfio_reset(const struct vfio_dev *v)
{
	return ioctl(v->fd, VFIO_DEVICE_RESET) ? errno : 0;
}

int vfio_set_feature(const struct vfio_dev *v, uint32_t what)
{
	struct vfio_device_feature f = {.argsz = sizeof(f),
					.flags = VFIO_DEVICE_FEATURE_SET | what};

	return ioctl(v->fd, VFIO_DEVICE_FEATURE, &f) ? errno : 0;
}

int vfio_hot_reset_by(const struct vfio_dev *v, int group)
{
	struct {
		struct vfio_pci_hot_reset h;
		int32_t group;
	} r = {.h = {.argsz = sizeof(r), .count = group >= 0}, .group = group};

	return ioctl(v->fd, VFIO_DEVICE_PCI_HOT_RESET, &r) ? errno : 0;
}

int vfio_hot_reset(const struct vfio_dev *v)
{
	return vfio_hot_reset_by(v, v->group);
}

void vfio_flr(const struct vfio_dev *v)
{
	unsigned int reg = vfio_cap(v, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;

	vfio_cfg_set16(v, reg, vfio_cfg16(v, reg) | PCI_EXP_DEVCTL_BCR_FLR);
}

void *vfio_map(const struct vfio_dev *v, int index, uint64_t off, size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, vfio_pos(v, index, off));

	if (p == MAP_FAILED)
		ktap_fail("%s: mmap of %zu at region %d + 0x%llx: %s", v->bdf, n, index,
			  (unsigned long long)off, strerror(errno));
	return p;
}

void *vfio_map_aligned(const struct vfio_dev *v, int index, uint64_t off, size_t n, size_t align,
		       size_t skew)
{
	char *room = mmap(NULL, n + 2 * align, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *at = (char *)(((uintptr_t)room + align - 1) & ~(align - 1)) + skew;
	void *p;

	OK(room != MAP_FAILED, "%s: room for %zu", v->bdf, n + 2 * align);
	munmap(room, n + 2 * align);
	p = mmap(at, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, v->fd,
		 vfio_pos(v, index, off));
	OK(p == at, "%s: mmap of %zu at region %d + 0x%llx: %s", v->bdf, n, index,
	   (unsigned long long)off, strerror(errno));
	return p;
}

int vfio_map_errno(const struct vfio_dev *v, int index, uint64_t off, size_t n, int prot, int flags)
{
	void *p = mmap(NULL, n, prot, flags, v->fd, vfio_pos(v, index, off));

	if (p == MAP_FAILED)
		return errno;
	munmap(p, n);
	return 0;
}

static _Thread_local sigjmp_buf vfio_touch_jump;

static void vfio_touch_signal(int sig)
{
	siglongjmp(vfio_touch_jump, sig);
}

static int vfio_touch(volatile void *p, uint64_t *value, bool store)
{
	struct sigaction sa = {.sa_handler = vfio_touch_signal, .sa_flags = SA_NODEFER};
	struct sigaction bus, segv;
	int sig;

	sigaction(SIGBUS, &sa, &bus);
	sigaction(SIGSEGV, &sa, &segv);
	sig = sigsetjmp(vfio_touch_jump, 1);
	if (!sig) {
		if (store)
			*(volatile uint64_t *)p = *value;
		else
			*value = *(volatile uint64_t *)p;
	}
	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	return sig;
}

int vfio_touch_read(const volatile void *p, uint64_t *value)
{
	uint64_t dummy;

	return vfio_touch((volatile void *)(uintptr_t)p, value ? value : &dummy, false);
}

int vfio_touch_write(volatile void *p, uint64_t value)
{
	return vfio_touch(p, &value, true);
}
