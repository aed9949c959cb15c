# SPDX-License-Identifier: GPL-2.0-only
# What compat.h and a module outside the tree have, as a kernel of its own has it.
/^MODULE_VERSION\(/d
s/COHERENT_EXPORT\((.*)\)/EXPORT_SYMBOL_NS_GPL(\1, "VFIO_COHERENT")/
s/\bCOHERENT_NAMESPACE\b/"VFIO_COHERENT"/

# Nothing is missing that an option does not tell.
/sizeof\(COMPAT_MISSING\)/{
	N
	d
}

# The core's inode has no physical page numbers.
/^\tvma->vm_pgoff \+= COMPAT_PGOFF_BYTES/d
/COMPAT_PGOFF_BYTES \+ offset \+$/{
	N
	s/COMPAT_PGOFF_BYTES \+ offset \+\n\t+ +/offset + /
}

# Huge entries, where the architecture has them.
s,^#include COMPAT_PFN_HEADER$,#include <linux/huge_mm.h>,
s/COMPAT_ANY_UNCACHED/VM_ALLOW_ANY_UNCACHED/
s/COMPAT_INSERT_HUGE\(/coherent_mmap_insert_huge(/
s/^\tCOMPAT_HUGE_FAULT\((.*)\)$/#ifdef CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP\n\t.huge_fault = \1,\n#endif/
/^static vm_fault_t coherent_mmap_insert_large\(/i\
static vm_fault_t coherent_mmap_insert_huge(struct vm_fault *vmf,\
					    unsigned long pfn,\
					    unsigned int order)\
{\
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP\
	if (order == PMD_ORDER)\
		return vmf_insert_pfn_pmd(vmf, pfn, false);\
#endif\
#ifdef CONFIG_ARCH_SUPPORTS_PUD_PFNMAP\
	if (order == PUD_ORDER)\
		return vmf_insert_pfn_pud(vmf, pfn, false);\
#endif\
	return VM_FAULT_FALLBACK;\
}\


# Here set_pte_at() checks what it does by what modules cannot have.
s/^#ifdef CONFIG_ARM64$/#if defined(CONFIG_ARM64) \&\& !defined(CONFIG_DEBUG_VM)/

# Operations of a device.
s/COMPAT_CORE_REGION_INFO\(/vfio_pci_ioctl_get_region_info(/
s/^\tCOMPAT_OPS_REGION_INFO\((.*)\)$/\t.get_region_info_caps = \1,/
s/^\tCOMPAT_OPS_TOKEN$/\t.match_token_uuid = vfio_pci_core_match_token_uuid,/
s/^\tCOMPAT_OPS_IOMMUFD$/\t.bind_iommufd = vfio_iommufd_physical_bind,\
\t.unbind_iommufd = vfio_iommufd_physical_unbind,\
\t.attach_ioas = vfio_iommufd_physical_attach_ioas,\
\t.detach_ioas = vfio_iommufd_physical_detach_ioas,/
s/^\tCOMPAT_OPS_PASID$/\t.pasid_attach_ioas = vfio_iommufd_physical_pasid_attach_ioas,\
\t.pasid_detach_ioas = vfio_iommufd_physical_pasid_detach_ioas,/

# What newer kernels write so.
s/\bkzalloc\(sizeof\(([^()]+)\), GFP_KERNEL\)/kzalloc_obj(\1)/
s/\bkzalloc\(sizeof\(([^()]+)\), (GFP_\w+)\)/kzalloc_obj(\1, \2)/
