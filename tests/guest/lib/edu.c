// SPDX-License-Identifier: GPL-2.0-only
#include "edu.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ktap.h"
#include "sim.h"

#define EDU_ID	   0x010000ed
#define EDU_BUFFER 0x40000
#define EDU_SRC	   0x80
#define EDU_DST	   0x88
#define EDU_COUNT  0x90
#define EDU_DMA	   0x98
#define EDU_START  1
#define EDU_TO_RAM 2

void edu_bind(char *bdf)
{
	OK(pci_find(0x1234, 0x11e8, NULL, bdf), "no edu function in this machine");
	pci_bind(bdf, "vfio-pci");
}

void edu_enable(const struct vfio_dev *edu)
{
	vfio_cfg_set16(edu, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

void edu_open(struct vfio_dev *edu, int container)
{
	char path[64];

	memset(edu, 0, sizeof(*edu));
	edu->container = -1;
	edu_bind(edu->bdf);
	snprintf(path, sizeof(path), "/dev/vfio/%d", pci_iommu_group(edu->bdf));
	edu->group = open(path, O_RDWR | O_CLOEXEC);
	OK(edu->group >= 0, "%s: %s", path, strerror(errno));
	EQ(ioctl(edu->group, VFIO_GROUP_SET_CONTAINER, &container), 0,
	   "edu in another's container");
	edu->fd = ioctl(edu->group, VFIO_GROUP_GET_DEVICE_FD, edu->bdf);
	OK(edu->fd >= 0, "edu: open: %s", strerror(errno));
	for (int i = 0; i < VFIO_REGIONS; i++)
		vfio_region_info(edu, i, &edu->region[i]);
	edu_enable(edu);
}

/* QEMU gives this device's registers the byte order of the machine that it was built for. */
static uint32_t edu_order(const struct vfio_dev *edu, uint32_t value)
{
	uint32_t id;

	vfio_get(edu, VFIO_PCI_BAR0_REGION_INDEX, 0, &id, sizeof(id));
	return le32toh(id) == EDU_ID ? htole32(value) : htobe32(value);
}

static void edu_set(const struct vfio_dev *edu, uint64_t reg, uint32_t value)
{
	value = edu_order(edu, value);
	vfio_put(edu, VFIO_PCI_BAR0_REGION_INDEX, reg, &value, sizeof(value));
}

void edu_copy(const struct vfio_dev *edu, uint32_t iova, uint32_t count, bool to_ram)
{
	const uint32_t start = edu_order(edu, EDU_START);
	uint32_t busy = start;

	edu_set(edu, EDU_SRC, to_ram ? EDU_BUFFER : iova);
	edu_set(edu, EDU_DST, to_ram ? iova : EDU_BUFFER);
	edu_set(edu, EDU_COUNT, count);
	edu_set(edu, EDU_DMA, EDU_START | (to_ram ? EDU_TO_RAM : 0));
	for (int i = 0; i < 500 && busy & start; i++) {
		ktap_sleep(0.01);
		vfio_get(edu, VFIO_PCI_BAR0_REGION_INDEX, EDU_DMA, &busy, sizeof(busy));
	}
	EQ(busy & start, 0, "edu does not come to an end");
}

void edu_must_not_arrive(const struct vfio_dev *edu, uint32_t iova, const char *gpu, uint64_t dev,
			 const char *what)
{
	static unsigned char before[EDU_COPY], after[EDU_COPY];

	ktap_fill(before, sizeof(before), ktap_random());
	sim_mem_write(gpu, dev, before, sizeof(before));
	edu_copy(edu, iova, sizeof(before), true);
	sim_mem_read(gpu, dev, after, sizeof(after));
	BYTES(after, before, sizeof(after), "%s", what);
}
