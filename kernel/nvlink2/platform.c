// SPDX-License-Identifier: GPL-2.0-only
/*
 * What only the machine's kernel can do, as far as the one that runs can.
 *
 * The functions have the names that Linux had them under while it supported
 * these machines (5.0 to 5.12), or still has. They are looked up when needed,
 * so that the driver loads on every kernel, and whoever offers them by these
 * names is taken: the kernel, a module that brings them back, or a simulator.
 */
#include <linux/module.h>
#include <linux/mutex.h>

#include "nvlink2/nvlink2.h"

/* Guards all below. */
static DEFINE_MUTEX(nvlink2_platform_lock);
static struct nvlink2_platform nvlink2_platform;
static unsigned int nvlink2_platform_users;

static const struct {
	const char *name;
	size_t at;
} nvlink2_platform_symbols[] = {
	{ "pnv_npu2_map_lpar_dev", offsetof(struct nvlink2_platform, map_lpar) },
	{ "pnv_npu2_unmap_lpar_dev",
	  offsetof(struct nvlink2_platform, unmap_lpar) },
	{ "mm_iommu_newdev", offsetof(struct nvlink2_platform, newdev) },
	{ "mm_iommu_put", offsetof(struct nvlink2_platform, put) },
	{ "mm_iommu_lookup", offsetof(struct nvlink2_platform, lookup) },
	{ "mm_iommu_is_devmem", offsetof(struct nvlink2_platform, is_devmem) },
	{ "kvm_get_kvm_safe", offsetof(struct nvlink2_platform, kvm_get) },
	{ "kvm_put_kvm", offsetof(struct nvlink2_platform, kvm_put) },
};

static void **nvlink2_platform_slot(unsigned int i)
{
	return (void *)&nvlink2_platform + nvlink2_platform_symbols[i].at;
}

/*
 * What there is; it stays until nvlink2_platform_put(). What was missing may
 * have come since.
 */
const struct nvlink2_platform *nvlink2_platform_get(void)
{
	unsigned int i;

	mutex_lock(&nvlink2_platform_lock);
	for (i = 0; i < ARRAY_SIZE(nvlink2_platform_symbols); i++) {
		void **slot = nvlink2_platform_slot(i);

		if (!*slot)
			*slot = __symbol_get(nvlink2_platform_symbols[i].name);
	}
	nvlink2_platform_users++;
	mutex_unlock(&nvlink2_platform_lock);
	return &nvlink2_platform;
}

void nvlink2_platform_put(void)
{
	unsigned int i;

	mutex_lock(&nvlink2_platform_lock);
	nvlink2_platform_users--;
	for (i = 0; !nvlink2_platform_users &&
	     i < ARRAY_SIZE(nvlink2_platform_symbols); i++) {
		if (*nvlink2_platform_slot(i))
			__symbol_put(nvlink2_platform_symbols[i].name);
		*nvlink2_platform_slot(i) = NULL;
	}
	mutex_unlock(&nvlink2_platform_lock);
}

#ifdef CONFIG_KVM_BOOK3S_HV_POSSIBLE
#include <linux/kvm_host.h>

/* The guest's number in the hardware; 0 is the host's. */
unsigned int nvlink2_platform_lpid(struct kvm *kvm)
{
	return kvm->arch.lpid;
}
#else
/* Guests have no such numbers here: only a simulated platform is told one. */
unsigned int nvlink2_platform_lpid(struct kvm *kvm)
{
	return 1;
}
#endif
