/* SPDX-License-Identifier: GPL-2.0-only */
/* NVIDIA Tesla V100 on NVLink2, and the bridges of POWER9 that lead to it. */
#ifndef NVLINK2_H
#define NVLINK2_H

#include <linux/pci.h>

#include "coherent/coherent.h"

/**
 * enum nvlink2_side - what a function is, by its firmware
 * @NVLINK2_PLAIN: nothing that NVLink concerns
 * @NVLINK2_GPU: the GPU
 * @NVLINK2_BRIDGE: one link to a GPU, at the host's end
 */
enum nvlink2_side {
	NVLINK2_PLAIN,
	NVLINK2_GPU,
	NVLINK2_BRIDGE,
};

/**
 * struct nvlink2_firmware - what firmware says of a function
 * @side: what it is
 * @why: if it is plain, why; a sentence without its stop
 * @has_tgt: @tgt is known
 * @tgt: compressed system address of the GPU's memory
 * @has_speed: @speed is known
 * @speed: of the link
 * @base: physical address of the GPU's memory, or of the bridge's ATSD register
 * @size: bytes of either, 0: there is none
 */
struct nvlink2_firmware {
	enum nvlink2_side side;
	const char *why;
	bool has_tgt;
	u64 tgt;
	bool has_speed;
	u32 speed;
	u64 base;
	u64 size;
};

/**
 * struct nvlink2_device - a GPU or a bridge
 * @coherent: the VFIO device and its window; must come first
 * @firmware: as read at probe
 * @guest: the guest that the GPU was given to, while the device is open, and
 *	   after that until it could be taken from it; NULL: none
 */
struct nvlink2_device {
	struct coherent_device coherent;
	struct nvlink2_firmware firmware;
	struct nvlink2_guest *guest;
};

struct mm_iommu_table_group_mem_t;

/**
 * struct nvlink2_platform - what only the machine's kernel can do
 * @map_lpar: let the GPU translate addresses of a guest
 * @unmap_lpar: undo @map_lpar
 * @newdev: let a range of user addresses be a target of DMA that is device
 *	    memory; on POWER the IOMMU takes only what is registered
 * @put: undo @newdev; -EBUSY while the IOMMU has some of it mapped. Who else
 *	 registered it keeps it
 * @lookup: the registration that a range of user addresses is in, NULL: none
 * @is_devmem: is it such memory? The IOMMU's code asks at every mapping
 * @kvm_get: take a reference to a guest, unless it is going
 * @kvm_put: give it back
 *
 * What the kernel lacks is NULL.
 */
struct nvlink2_platform {
	int (*map_lpar)(struct pci_dev *gpu, unsigned int lpid,
			unsigned long msr);
	int (*unmap_lpar)(struct pci_dev *gpu);
	long (*newdev)(struct mm_struct *mm, unsigned long start,
		       unsigned long pages, unsigned long base,
		       struct mm_iommu_table_group_mem_t **mem);
	long (*put)(struct mm_struct *mm,
		    struct mm_iommu_table_group_mem_t *mem);
	struct mm_iommu_table_group_mem_t *(*lookup)(struct mm_struct *mm,
						     unsigned long start,
						     unsigned long size);
	bool (*is_devmem)(struct mm_struct *mm, unsigned long base,
			  unsigned int page_shift, unsigned long *size);
	bool (*kvm_get)(struct kvm *kvm);
	void (*kvm_put)(struct kvm *kvm);
};

static inline struct nvlink2_device *
to_nvlink2_device(struct vfio_device *core_vdev)
{
	return container_of(core_vdev, struct nvlink2_device,
			    coherent.core.vdev);
}

/* firmware.c */
void nvlink2_firmware_read(struct pci_dev *pdev, struct nvlink2_firmware *fw);

/* gpu.c */
extern const struct coherent_region nvlink2_gpu_region;
int nvlink2_gpu_claim(struct nvlink2_device *nvdev);
int nvlink2_gpu_open(struct nvlink2_device *nvdev);
void nvlink2_gpu_close(struct nvlink2_device *nvdev);
void nvlink2_gpu_release(struct nvlink2_device *nvdev);

/* bridge.c */
extern const struct coherent_region nvlink2_bridge_region;

/* prereg.c */
int nvlink2_prereg_map(struct coherent_window *window,
		       struct vm_area_struct *vma, phys_addr_t base);
void nvlink2_prereg_copy(struct coherent_window *window,
			 struct vm_area_struct *vma, phys_addr_t base);
void nvlink2_prereg_unmap(struct coherent_window *window,
			  struct vm_area_struct *vma);
int nvlink2_prereg_open(struct nvlink2_device *nvdev);
void nvlink2_prereg_exit(void);

/* platform.c */
const struct nvlink2_platform *nvlink2_platform_get(void);
void nvlink2_platform_put(void);
unsigned int nvlink2_platform_lpid(struct kvm *kvm);

#endif /* NVLINK2_H */
