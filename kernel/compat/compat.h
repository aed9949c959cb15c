/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Force-included into every source: what the probes found, and stand-ins for
 * what a kernel does not have, so that the code below never asks. Only macros
 * stand here, and no kernel header is included: sources may still define
 * pr_fmt and the like first.
 */
#ifndef COHGPU_COMPAT_H
#define COHGPU_COMPAT_H

#include "probed.h"

/* Symbol namespaces became strings in 6.13. */
#ifdef COHGPU_HAVE_BARE_NAMESPACE
#define COHERENT_NAMESPACE VFIO_COHERENT
#else
#define COHERENT_NAMESPACE "VFIO_COHERENT"
#endif
#define COHERENT_EXPORT(symbol) EXPORT_SYMBOL_NS_GPL(symbol, COHERENT_NAMESPACE)

/* The software node that a reference points at. */
#ifdef COHGPU_HAVE_REFERENCE_SWNODE
#define COMPAT_REFERENCE_NODE(ref) ((ref)->swnode)
#else
#define COMPAT_REFERENCE_NODE(ref) ((ref)->node)
#endif

#ifndef COHGPU_HAVE_VM_FLAGS_SET
#define vm_flags_set(vma, flags) ((vma)->vm_flags |= (flags))
#endif

/* What lets a guest map uncached memory as it likes, not as a device's registers. */
#ifdef COHGPU_HAVE_ANY_UNCACHED
#define COMPAT_ANY_UNCACHED VM_ALLOW_ANY_UNCACHED
#else
#define COMPAT_ANY_UNCACHED 0
#endif

/*
 * Without an inode for each device, the core keeps physical page numbers in
 * vm_pgoff: ours then stay clear of those, 2^57 bytes up.
 */
#ifdef COHGPU_HAVE_CORE_INODE
#define COMPAT_PGOFF_BYTES 0ULL
#else
#define COMPAT_PGOFF_BYTES (1ULL << 57)
#endif

/* Huge entries of page frames without struct page, since 6.12. */
#if defined(COHGPU_HAVE_INSERT_HUGE_PFN_T) && \
	defined(CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP)
#define COMPAT_HUGE_FAULT(function) .huge_fault = function,
#define COMPAT_HUGE_PFN(pfn) __pfn_to_pfn_t(pfn, PFN_DEV)
#define COMPAT_PFN_HEADER "linux/pfn_t.h"
#elif defined(COHGPU_HAVE_INSERT_HUGE_PFN) && \
	defined(CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP)
#define COMPAT_HUGE_FAULT(function) .huge_fault = function,
#define COMPAT_HUGE_PFN(pfn) (pfn)
#else
#define COMPAT_HUGE_FAULT(function)
#endif
#ifndef COMPAT_PFN_HEADER
#define COMPAT_PFN_HEADER "linux/pfn.h"
#endif
#if defined(COMPAT_HUGE_PFN) && defined(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP)
#define COMPAT_INSERT_PMD(vmf, pfn, order)                                    \
	((order) == PMD_ORDER ?                                               \
		 vmf_insert_pfn_pmd(vmf, COMPAT_HUGE_PFN(pfn), false) :       \
		 VM_FAULT_FALLBACK)
#else
#define COMPAT_INSERT_PMD(vmf, pfn, order) VM_FAULT_FALLBACK
#endif
#if defined(COMPAT_HUGE_PFN) && defined(CONFIG_ARCH_SUPPORTS_PUD_PFNMAP)
#define COMPAT_INSERT_HUGE(vmf, pfn, order)                                   \
	((order) == PUD_ORDER ?                                               \
		 vmf_insert_pfn_pud(vmf, COMPAT_HUGE_PFN(pfn), false) :       \
		 COMPAT_INSERT_PMD(vmf, pfn, order))
#else
#define COMPAT_INSERT_HUGE(vmf, pfn, order) COMPAT_INSERT_PMD(vmf, pfn, order)
#endif

#ifdef COHGPU_HAVE_LINUX_UNALIGNED
#define COMPAT_UNALIGNED_HEADER "linux/unaligned.h"
#else
#define COMPAT_UNALIGNED_HEADER "asm/unaligned.h"
#endif

/* Operations that a vfio_device_ops has or has not. */
#ifdef COHGPU_HAVE_REGION_INFO_CAPS
#define COMPAT_OPS_REGION_INFO(function) .get_region_info_caps = function,
#define COMPAT_CORE_REGION_INFO(vdev, info, caps)                             \
	vfio_pci_ioctl_get_region_info(vdev, info, caps)
#else
#define COMPAT_OPS_REGION_INFO(function)
#define COMPAT_CORE_REGION_INFO(vdev, info, caps) (-ENOTTY)
#endif
#ifdef COHGPU_HAVE_MATCH_TOKEN_UUID
#define COMPAT_OPS_TOKEN .match_token_uuid = vfio_pci_core_match_token_uuid,
#else
#define COMPAT_OPS_TOKEN
#endif
#ifdef COHGPU_HAVE_IOMMUFD
#define COMPAT_OPS_IOMMUFD                                                    \
	.bind_iommufd = vfio_iommufd_physical_bind,                           \
	.unbind_iommufd = vfio_iommufd_physical_unbind,                       \
	.attach_ioas = vfio_iommufd_physical_attach_ioas,                     \
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
#else
#define COMPAT_OPS_IOMMUFD
#endif
#ifdef COHGPU_HAVE_IOMMUFD_PASID
#define COMPAT_OPS_PASID                                                      \
	.pasid_attach_ioas = vfio_iommufd_physical_pasid_attach_ioas,         \
	.pasid_detach_ioas = vfio_iommufd_physical_pasid_detach_ioas,
#else
#define COMPAT_OPS_PASID
#endif

/* What a user of this kernel goes without, said once at load. */
#ifdef COMPAT_HUGE_PFN
#define COMPAT_MISSING_HUGE ""
#else
#define COMPAT_MISSING_HUGE " huge-mappings"
#endif
#ifdef COHGPU_HAVE_IOMMUFD
#define COMPAT_MISSING_IOMMUFD ""
#else
#define COMPAT_MISSING_IOMMUFD " iommufd"
#endif
#ifdef COHGPU_HAVE_IOMMUFD_PASID
#define COMPAT_MISSING_PASID ""
#else
#define COMPAT_MISSING_PASID " pasid"
#endif
#ifdef COHGPU_HAVE_DMABUF_PHYS
#define COMPAT_MISSING_DMABUF ""
#else
#define COMPAT_MISSING_DMABUF " dma-buf"
#endif
#ifdef COHGPU_HAVE_PFN_ADDRESS_SPACE
#define COMPAT_MISSING_POISON ""
#else
#define COMPAT_MISSING_POISON " memory-failure"
#endif
#ifdef COHGPU_HAVE_ANY_UNCACHED
#define COMPAT_MISSING_UNCACHED ""
#else
#define COMPAT_MISSING_UNCACHED " guests-write-combining"
#endif
#define COMPAT_MISSING                                                        \
	COMPAT_MISSING_HUGE COMPAT_MISSING_IOMMUFD COMPAT_MISSING_PASID       \
	COMPAT_MISSING_DMABUF COMPAT_MISSING_POISON COMPAT_MISSING_UNCACHED

#endif /* COHGPU_COMPAT_H */
