/* SPDX-License-Identifier: GPL-2.0-only */
/* NVIDIA Grace Hopper and Grace Blackwell GPUs for VFIO. */
#ifndef NVGRACE_H
#define NVGRACE_H

#include <linux/pci.h>

#include "coherent/coherent.h"

/* Region indices in whose place the windows stand. */
#define NVGRACE_RESMEM VFIO_PCI_BAR2_REGION_INDEX
#define NVGRACE_USEMEM VFIO_PCI_BAR4_REGION_INDEX

/**
 * struct nvgrace_firmware - what firmware and device say of the memory
 * @present: there is memory to show
 * @why: if not, why; a sentence without its stop
 * @base: physical address of its first byte
 * @size: bytes
 * @mig_bug: the guest's driver needs an uncached window
 */
struct nvgrace_firmware {
	bool present;
	const char *why;
	u64 base;
	u64 size;
	bool mig_bug;
};

/**
 * struct nvgrace_device - one GPU
 * @coherent: the VFIO device and its windows; must come first
 * @firmware: as read at probe
 * @split: how the memory became windows
 * @bar_lock: guards both emulated BARs and what was in them; nothing nests inside
 * @resmem_bar: emulated BAR2, if there is a resmem window
 * @usemem_bar: emulated BAR4
 * @resmem_before, @usemem_before: their addresses before the last reset
 * @registers: BAR0, mapped while the device is open, if readiness is there
 * @cxl_dvsec: offset of the CXL device DVSEC in config space; 0: none, and
 *	       readiness is in BAR0
 * @last_c2c: what the C2C link's register said when last looked at
 * @last_hbm: the same of HBM training
 * @last_range: the same of the CXL DVSEC, with the time that it allows
 */
struct nvgrace_device {
	struct coherent_device coherent;
	struct nvgrace_firmware firmware;
	struct coherent_split split;
	spinlock_t bar_lock;
	struct coherent_bar resmem_bar;
	struct coherent_bar usemem_bar;
	u64 resmem_before;
	u64 usemem_before;
	void __iomem *registers;
	u16 cxl_dvsec;
	u32 last_c2c;
	u32 last_hbm;
	u32 last_range;
};

static inline struct nvgrace_device *
to_nvgrace_device(struct vfio_device *core_vdev)
{
	return container_of(core_vdev, struct nvgrace_device,
			    coherent.core.vdev);
}

/* firmware.c */
int nvgrace_firmware_read(struct pci_dev *pdev, struct nvgrace_firmware *fw);
int nvgrace_firmware_split(struct pci_dev *pdev,
			   const struct nvgrace_firmware *fw,
			   struct coherent_split *split);

/* ready.c */
int nvgrace_ready_probe(struct nvgrace_device *nvdev, struct pci_dev *pdev);
int nvgrace_ready_open(struct nvgrace_device *nvdev);
void nvgrace_ready_close(struct nvgrace_device *nvdev);

/* config.c */
void nvgrace_config_init(struct nvgrace_device *nvdev);
void nvgrace_config_reset(struct nvgrace_device *nvdev);
void nvgrace_config_undo_reset(struct nvgrace_device *nvdev);
ssize_t nvgrace_config_pieces(struct nvgrace_device *nvdev, char __user *buf,
			      size_t count, loff_t *ppos, bool write);

/* Are no bytes of @count at @offset of an emulated register, as of most accesses? */
static inline bool nvgrace_config_beside(u64 offset, size_t count)
{
	return offset >= PCI_BASE_ADDRESS_4 + COHERENT_BAR_BYTES ||
	       offset + count <= PCI_BASE_ADDRESS_2;
}

/* sysfs.c */
extern const struct attribute_group *nvgrace_sysfs_groups[];

#endif /* NVGRACE_H */
