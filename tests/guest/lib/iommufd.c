// SPDX-License-Identifier: GPL-2.0-only
#include "iommufd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define VFIO_BIND_IOMMUFD    _IO(VFIO_TYPE, VFIO_BASE + 18)
#define VFIO_ATTACH_IOAS     _IO(VFIO_TYPE, VFIO_BASE + 19)
#define VFIO_DETACH_IOAS     _IO(VFIO_TYPE, VFIO_BASE + 20)
#define VFIO_FEATURE_DMA_BUF 11
#define VFIO_BIND_FLAG_TOKEN 1
#define VFIO_FLAG_PASID	     1

#define IOMMUFD_IO(nr)	_IO(';', nr)
#define IOMMU_ALLOC	IOMMUFD_IO(0x81)
#define IOMMU_UNMAP	IOMMUFD_IO(0x86)
#define IOMMU_MAP_FILE	IOMMUFD_IO(0x8f)
#define IOMMU_FIXED	1
#define IOMMU_WRITEABLE 2
#define IOMMU_READABLE	4

struct bind_iommufd {
	uint32_t argsz, flags;
	int32_t iommufd;
	uint32_t devid;
	uint64_t token;
};

struct attach_ioas {
	uint32_t argsz, flags, id, pasid;
};

struct detach_ioas {
	uint32_t argsz, flags, pasid;
};

struct ioas_alloc {
	uint32_t size, flags, id;
};

struct ioas_map_file {
	uint32_t size, flags, ioas;
	int32_t fd;
	uint64_t start, length, iova;
};

struct ioas_unmap {
	uint32_t size, ioas;
	uint64_t iova, length;
};

struct dma_buf {
	struct vfio_device_feature feature;
	uint32_t index, open_flags, flags, n;
	struct iommufd_range ranges[];
};

/* The only entry of the device's vfio-dev folder is the name of its node. */
static int cdev_open(const char *bdf)
{
	char path[300];
	struct dirent *e;
	int fd = -1;
	DIR *d;

	pci_path(path, sizeof(path), bdf, "vfio-dev");
	d = opendir(path);
	if (!d)
		return -1;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s", e->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		break;
	}
	closedir(d);
	return fd;
}

/* The device's node, bound to the iommufd; 0 or errno. */
static int iommufd_bind(struct vfio_dev *v, int iommufd)
{
	struct bind_iommufd bind = {.argsz = offsetof(struct bind_iommufd, token),
				    .iommufd = iommufd};

	v->fd = cdev_open(v->bdf);
	if (v->fd < 0)
		return errno;
	return ioctl(v->fd, VFIO_BIND_IOMMUFD, &bind) ? errno : 0;
}

static int iommufd_attach(struct vfio_dev *v, uint32_t ioas)
{
	struct attach_ioas attach = {.argsz = offsetof(struct attach_ioas, pasid), .id = ioas};

	v->ioas = ioas;
	return ioctl(v->fd, VFIO_ATTACH_IOAS, &attach) ? errno : 0;
}

int iommufd_open(struct vfio_dev *v, const char *bdf)
{
	struct ioas_alloc alloc = {.size = sizeof(alloc)};
	int err;

	memset(v, 0, sizeof(*v));
	snprintf(v->bdf, sizeof(v->bdf), "%s", bdf);
	v->group = -1;
	v->fd = -1;
	v->container = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (v->container < 0)
		return errno;
	err = iommufd_bind(v, v->container);
	if (!err && ioctl(v->container, IOMMU_ALLOC, &alloc))
		err = errno;
	if (!err)
		err = iommufd_attach(v, alloc.id);
	if (err)
		vfio_close(v);
	return err;
}

int iommufd_open_token(struct vfio_dev *v, const char *bdf, const void *token)
{
	struct bind_iommufd bind = {
		.argsz = sizeof(bind),
		.flags = VFIO_BIND_FLAG_TOKEN,
		.token = (uintptr_t)token,
	};
	int err = 0;

	snprintf(v->bdf, sizeof(v->bdf), "%s", bdf);
	v->group = -1;
	v->container = bind.iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	v->fd = cdev_open(bdf);
	if (v->container < 0 || v->fd < 0 || ioctl(v->fd, VFIO_BIND_IOMMUFD, &bind))
		err = errno;
	vfio_close(v);
	return err;
}

int iommufd_attach_pasid(const struct vfio_dev *v, uint32_t pasid)
{
	struct attach_ioas attach = {
		.argsz = sizeof(attach), .flags = VFIO_FLAG_PASID, .id = v->ioas, .pasid = pasid};

	return ioctl(v->fd, VFIO_ATTACH_IOAS, &attach) ? errno : 0;
}

int iommufd_detach_pasid(const struct vfio_dev *v, uint32_t pasid)
{
	struct detach_ioas detach = {
		.argsz = sizeof(detach), .flags = VFIO_FLAG_PASID, .pasid = pasid};

	return ioctl(v->fd, VFIO_DETACH_IOAS, &detach) ? errno : 0;
}

int iommufd_join(struct vfio_dev *v, const struct vfio_dev *other)
{
	int err = iommufd_bind(v, other->container);

	return err ? err : iommufd_attach(v, other->ioas);
}

int iommufd_map_file(const struct vfio_dev *v, int file, uint64_t start, uint64_t length,
		     uint64_t iova)
{
	struct ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_FIXED | IOMMU_WRITEABLE | IOMMU_READABLE,
		.ioas = v->ioas,
		.fd = file,
		.start = start,
		.length = length,
		.iova = iova,
	};

	return ioctl(v->container, IOMMU_MAP_FILE, &map) ? errno : 0;
}

int iommufd_unmap(const struct vfio_dev *v, uint64_t iova, uint64_t length)
{
	struct ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas = v->ioas, .iova = iova, .length = length};

	return ioctl(v->container, IOMMU_UNMAP, &unmap) ? errno : 0;
}

int iommufd_export(const struct vfio_dev *v, int index, const struct iommufd_range *ranges,
		   size_t n)
{
	size_t size = sizeof(struct dma_buf) + n * sizeof(*ranges);
	struct dma_buf *arg = calloc(1, size);
	int fd;

	if (!arg)
		return -ENOMEM;
	arg->feature.argsz = size;
	arg->feature.flags = VFIO_DEVICE_FEATURE_GET | VFIO_FEATURE_DMA_BUF;
	arg->index = index;
	arg->open_flags = O_RDWR | O_CLOEXEC;
	arg->n = n;
	memcpy(arg->ranges, ranges, n * sizeof(*ranges));
	fd = ioctl(v->fd, VFIO_DEVICE_FEATURE, arg);
	if (fd < 0)
		fd = -errno;
	free(arg);
	return fd;
}
