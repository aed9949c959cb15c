/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions of a POWER9 kernel, as it declares them, or did. */
#ifndef COHGPU_SIM_PLATFORM_H
#define COHGPU_SIM_PLATFORM_H

#include <linux/types.h>

struct mm_iommu_table_group_mem_t;
struct mm_struct;
struct pci_dev;

int pnv_npu2_map_lpar_dev(struct pci_dev *gpdev, unsigned int lpid,
			  unsigned long msr);
int pnv_npu2_unmap_lpar_dev(struct pci_dev *gpdev);

#ifndef CONFIG_SPAPR_TCE_IOMMU
long mm_iommu_newdev(struct mm_struct *mm, unsigned long ua,
		     unsigned long entries, unsigned long dev_hpa,
		     struct mm_iommu_table_group_mem_t **pmem);
long mm_iommu_put(struct mm_struct *mm,
		  struct mm_iommu_table_group_mem_t *mem);
struct mm_iommu_table_group_mem_t *
mm_iommu_lookup(struct mm_struct *mm, unsigned long ua, unsigned long size);
bool mm_iommu_is_devmem(struct mm_struct *mm, unsigned long hpa,
			unsigned int pageshift, unsigned long *size);
#endif

#endif /* COHGPU_SIM_PLATFORM_H */
