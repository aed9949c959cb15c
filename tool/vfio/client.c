// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "core/error.h"
#include "core/holders.h"
#include "core/sys.h"
#include "vfio/client.h"
#include "vfio/uapi.h"

/* Above every reserved range below 4 GiB, and in each IOMMU's reach. */
#define CLIENT_IOVA (1ULL << 32)

/* Notes what is about to be asked, so that a complaint can name it. */
static int ask(struct client *c, int fd, const char *name, unsigned long request, void *arg)
{
	int ret;

	c->at = name;
	ret = ioctl(fd, request, arg);
	return ret < 0 ? -errno : ret;
}

#define ASK(c, fd, request, arg) ask(c, fd, #request, request, arg)

static int open_node(struct client *c, const char *path)
{
	int fd;

	c->at = path;
	fd = open(sys_path("%s", path), O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The name of the device's own node, by the only entry of its folder vfio-dev. */
static bool device_node(char *path, size_t size, const char *address)
{
	char folder[96];
	char **names;
	bool found;

	snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%s/vfio-dev", address);
	names = sys_names(folder);
	found = names && names[0];
	if (found)
		snprintf(path, size, "/dev/vfio/devices/%.32s", names[0]);
	sys_names_free(names);
	return found && sys_exists(path) && sys_exists("/dev/iommu");
}

static int open_by_iommufd(struct client *c)
{
	struct uapi_bind bind = {.argsz = sizeof(bind)};
	struct uapi_attach attach = {.argsz = sizeof(attach)};
	struct uapi_alloc alloc = {.size = sizeof(alloc)};
	char path[64] = "/dev/vfio/devices";
	int ret;

	device_node(path, sizeof(path), c->address);
	c->container = ret = open_node(c, "/dev/iommu");
	if (ret < 0)
		return ret;
	c->device = ret = open_node(c, path);
	/* The path is gone when this is said. */
	c->at = "the open of its node";
	if (ret < 0)
		return ret;
	bind.iommufd = c->container;
	ret = ask(c, c->device, "VFIO_DEVICE_BIND_IOMMUFD", UAPI_BIND_IOMMUFD, &bind);
	if (!ret)
		ret = ask(c, c->container, "IOMMU_IOAS_ALLOC", UAPI_IOAS_ALLOC, &alloc);
	c->ioas = attach.ioas = alloc.ioas;
	if (!ret)
		ret = ask(c, c->device, "VFIO_DEVICE_ATTACH_IOMMUFD_PT", UAPI_ATTACH, &attach);
	return ret;
}

/* POWER has a container of its own kind. */
static uint32_t container_kind(int container)
{
	if (ioctl(container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) > 0)
		return VFIO_TYPE1v2_IOMMU;
	return VFIO_SPAPR_TCE_v2_IOMMU;
}

static int open_by_group(struct client *c, int group)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};
	char path[32];
	int ret;

	c->container = ret = open_node(c, "/dev/vfio/vfio");
	if (ret < 0)
		return ret;
	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	c->group = ret = open_node(c, path);
	c->at = "the open of its group's node";
	if (ret < 0)
		return ret;
	ret = ASK(c, c->group, VFIO_GROUP_GET_STATUS, &status);
	if (!ret && !(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
		c->at = NULL;
		return -EPERM;
	}
	if (!ret)
		ret = ASK(c, c->group, VFIO_GROUP_SET_CONTAINER, &c->container);
	c->iommu = container_kind(c->container);
	if (!ret)
		ret = ASK(c, c->container, VFIO_SET_IOMMU, (void *)(uintptr_t)c->iommu);
	if (ret)
		return ret;
	c->device = ret = ASK(c, c->group, VFIO_GROUP_GET_DEVICE_FD, c->address);
	return ret < 0 ? ret : 0;
}

static void take_areas(struct client_region *r, const struct vfio_region_info_cap_sparse_mmap *cap,
		       size_t room)
{
	r->areas = 0;
	for (uint32_t i = 0; i < cap->nr_areas && i < CLIENT_AREAS &&
			     sizeof(*cap) + (i + 1) * sizeof(cap->areas[0]) <= room;
	     i++)
		r->area[r->areas++] =
			(struct client_area){cap->areas[i].offset, cap->areas[i].size};
}

static void take_capability(struct client_region *r, const struct vfio_info_cap_header *cap,
			    size_t room)
{
	const struct vfio_region_info_cap_type *type = (const void *)cap;
	const struct vfio_region_info_cap_nvlink2_ssatgt *target = (const void *)cap;
	const struct vfio_region_info_cap_nvlink2_lnkspd *speed = (const void *)cap;

	if (cap->id == VFIO_REGION_INFO_CAP_SPARSE_MMAP &&
	    room >= sizeof(struct vfio_region_info_cap_sparse_mmap)) {
		take_areas(r, (const void *)cap, room);
	} else if (cap->id == VFIO_REGION_INFO_CAP_TYPE && room >= sizeof(*type)) {
		r->type = type->type;
		r->subtype = type->subtype;
	} else if (cap->id == VFIO_REGION_INFO_CAP_NVLINK2_SSATGT && room >= sizeof(*target)) {
		r->has_target = true;
		r->target = target->tgt;
	} else if (cap->id == VFIO_REGION_INFO_CAP_NVLINK2_LNKSPD && room >= sizeof(*speed)) {
		r->speed = speed->link_speed;
	}
}

/* The answer's length is known after it was asked for once. */
static int read_region(struct client *c, uint32_t index)
{
	struct vfio_region_info first = {.argsz = sizeof(first), .index = index}, *info;
	struct client_region *r = &c->region[c->regions];
	size_t room = 0, at;
	int ret = ASK(c, c->device, VFIO_DEVICE_GET_REGION_INFO, &first);

	/* VGA's is refused where there is none. */
	if (ret == -EINVAL)
		return 0;
	if (ret)
		return ret;
	room = first.argsz > sizeof(first) ? first.argsz : sizeof(first);
	info = calloc(1, room);
	if (!info)
		return -ENOMEM;
	info->argsz = room;
	info->index = index;
	ret = ASK(c, c->device, VFIO_DEVICE_GET_REGION_INFO, info);
	*r = (struct client_region){
		.index = index, .flags = info->flags, .size = info->size, .offset = info->offset};
	if (r->flags & VFIO_REGION_INFO_FLAG_MMAP) {
		r->areas = 1;
		r->area[0] = (struct client_area){0, r->size};
	}
	at = !ret && r->flags & VFIO_REGION_INFO_FLAG_CAPS ? info->cap_offset : 0;
	/* Each lies behind the one before, or a loop would be followed for ever; and as C has it. */
	while (at >= sizeof(*info) && at % _Alignof(struct vfio_region_sparse_mmap_area) == 0 &&
	       at + sizeof(struct vfio_info_cap_header) <= room) {
		const struct vfio_info_cap_header *cap = (const void *)((char *)info + at);

		take_capability(r, cap, room - at);
		at = cap->next > at ? cap->next : 0;
	}
	free(info);
	if (!ret && r->size)
		c->regions++;
	return ret;
}

static int read_device(struct client *c)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};
	int ret = ASK(c, c->device, VFIO_DEVICE_GET_INFO, &info);

	c->flags = info.flags;
	c->irqs = info.num_irqs;
	for (uint32_t i = 0; !ret && i < info.num_regions && c->regions < CLIENT_REGIONS; i++)
		ret = read_region(c, i);
	return ret;
}

/* A device that is open has a VM: what it is in use by says more than EBUSY does. */
static int check_unused(const struct client *c)
{
	struct holder holder;

	if (!holder_of_device(&holder, c->address))
		return EXIT_OK;
	holders_complain(&holder, 1, c->address, "open");
	advise("a device is one program's at a time, and to open it is to reset it");
	return EXIT_FAILED;
}

int client_open(struct client *c, const char *address, int group, const char *by)
{
	char path[64];
	int ret;

	memset(c, 0, sizeof(*c));
	snprintf(c->address, sizeof(c->address), "%s", address);
	c->device = c->group = c->container = -1;
	c->by = by ? by : device_node(path, sizeof(path), address) ? "iommufd" : "group";
	if (check_unused(c))
		return EXIT_FAILED;
	ret = strcmp(c->by, "iommufd") ? open_by_group(c, group) : open_by_iommufd(c);
	if (!ret)
		ret = read_device(c);
	if (!ret)
		return EXIT_OK;
	if (!c->at)
		complain(address, "open", "another function of group %d has a host's driver",
			 group);
	else
		complain(address, "open", "by %s, at %s: %s", c->by, c->at, strerror(-ret));
	if (!c->at)
		advise("see: cohgpu doctor --check iommu-group");
	else if (ret == -EACCES || (ret == -EPERM && geteuid()))
		advise("only root may, or whom the node in /dev/vfio belongs to");
	else
		advise("is it bound to a VFIO driver? See: cohgpu status %s", address);
	client_close(c);
	return EXIT_FAILED;
}

void client_close(struct client *c)
{
	if (c->device >= 0)
		close(c->device);
	if (c->group >= 0)
		close(c->group);
	if (c->container >= 0)
		close(c->container);
	c->device = c->group = c->container = -1;
}

enum client_content client_content(const struct client_region *r, enum gpu_family family)
{
	bool window = family == GPU_GRACE && r->flags & VFIO_REGION_INFO_FLAG_CAPS && r->areas;
	uint32_t vendor = r->type & VFIO_REGION_TYPE_PCI_VENDOR_MASK;

	if (window && r->index == VFIO_PCI_BAR4_REGION_INDEX)
		return CLIENT_USEMEM;
	if (window && r->index == VFIO_PCI_BAR2_REGION_INDEX)
		return CLIENT_RESMEM;
	if (vendor == UAPI_VENDOR_NVIDIA && r->subtype == UAPI_NVLINK2_RAM)
		return CLIENT_RAM;
	if (vendor == UAPI_VENDOR_IBM && r->subtype == UAPI_NVLINK2_ATSD)
		return CLIENT_ATSD;
	return CLIENT_OTHER;
}

const char *client_content_name(enum client_content content)
{
	static const char *const names[] = {
		[CLIENT_USEMEM] = "usemem",
		[CLIENT_RESMEM] = "resmem",
		[CLIENT_RAM] = "GPU memory",
		[CLIENT_ATSD] = "ATSD registers",
	};

	return names[content];
}

unsigned int client_irqs(const struct client *c, uint32_t index)
{
	struct vfio_irq_info info = {.argsz = sizeof(info), .index = index};

	return ioctl(c->device, VFIO_DEVICE_GET_IRQ_INFO, &info) ? 0 : info.count;
}

bool client_feature(const struct client *c, uint32_t flags, uint32_t feature)
{
	struct vfio_device_feature ask_for = {
		.argsz = sizeof(ask_for),
		.flags = VFIO_DEVICE_FEATURE_PROBE | flags | feature,
	};

	return !ioctl(c->device, VFIO_DEVICE_FEATURE, &ask_for);
}

ssize_t client_read(const struct client *c, const struct client_region *r, uint64_t offset,
		    void *buf, size_t size)
{
	ssize_t got = pread(c->device, buf, size, r->offset + offset);

	return got < 0 ? -errno : got;
}

int client_memory_enable(const struct client *c)
{
	const struct client_region *config = NULL;
	uint16_t command;

	for (unsigned int i = 0; i < c->regions; i++)
		if (c->region[i].index == VFIO_PCI_CONFIG_REGION_INDEX)
			config = &c->region[i];
	if (!config)
		return -ENXIO;
	if (client_read(c, config, PCI_COMMAND, &command, sizeof(command)) != sizeof(command))
		return -EIO;
	command |= PCI_COMMAND_MEMORY;
	if (pwrite(c->device, &command, sizeof(command), config->offset + PCI_COMMAND) !=
	    sizeof(command))
		return -EIO;
	return 0;
}

/* An iommufd takes no addresses of a PFN mapping, only a dma-buf: since Linux 6.19. */
static int map_dma_buf(const struct client *c, const struct client_region *r, uint64_t offset,
		       uint64_t size)
{
	struct uapi_dma_buf export = {
		.argsz = sizeof(export),
		.flags = VFIO_DEVICE_FEATURE_GET | UAPI_DMA_BUF,
		.index = r->index,
		.open_flags = O_RDWR | O_CLOEXEC,
		.count = 1,
		.offset = offset,
		.length = size,
	};
	struct uapi_map_file map = {
		.size = sizeof(map),
		.flags = UAPI_MAP_FIXED | UAPI_MAP_READ | UAPI_MAP_WRITE,
		.ioas = c->ioas,
		.length = size,
		.iova = CLIENT_IOVA,
	};
	int ret;

	map.fd = ioctl(c->device, VFIO_DEVICE_FEATURE, &export);
	if (map.fd < 0)
		return -errno;
	ret = ioctl(c->container, UAPI_IOAS_MAP_FILE, &map) ? -errno : 0;
	close(map.fd);
	return ret;
}

int client_dma_map(const struct client *c, const struct client_region *r, uint64_t offset,
		   void *mapped, uint64_t size)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)mapped,
		.iova = CLIENT_IOVA,
		.size = size,
	};

	if (c->group < 0)
		return map_dma_buf(c, r, offset, size);
	/* There a VMM maps through windows that a guest's firmware makes. */
	if (c->iommu != VFIO_TYPE1v2_IOMMU)
		return -EOPNOTSUPP;
	return ioctl(c->container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

int client_dma_unmap(const struct client *c, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = CLIENT_IOVA, .size = size};
	struct uapi_unmap ioas = {
		.size = sizeof(ioas), .ioas = c->ioas, .iova = CLIENT_IOVA, .length = size};

	if (c->group < 0)
		return ioctl(c->container, UAPI_IOAS_UNMAP, &ioas) ? -errno : 0;
	return ioctl(c->container, VFIO_IOMMU_UNMAP_DMA, &unmap) ? -errno : 0;
}
