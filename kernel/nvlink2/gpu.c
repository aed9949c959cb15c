// SPDX-License-Identifier: GPL-2.0-only
/*
 * The GPU's side: its memory in a device-specific region, and the guest whose
 * addresses it may translate.
 *
 * The memory comes to life when the guest's driver trains the links. Until then
 * nothing may touch it, prefetching included: it is mapped where user space
 * faults, and by the kernel for the length of one copy.
 *
 * A GPU walks its guest's page tables through the nest MMU, which has to know
 * the guest: for any of its processes, in the state that their code runs in. It
 * is told when the device is opened, and told the contrary when it is closed
 * and reset; in between the guest cannot go, so that its number is nobody
 * else's. A GPU for which that fails does not open before it has worked, nor does
 * it when it was unbound meanwhile: what is known of the guest then outlives the
 * device, by the GPU's address.
 */
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "nvlink2/nvlink2.h"

#define CREATE_TRACE_POINTS
#include "nvlink2/trace.h"

/* Machine state that accesses are made in: data relocation, problem state. */
#define NVLINK2_MSR_DR BIT(4)
#define NVLINK2_MSR_PR BIT(14)

/**
 * struct nvlink2_guest - a guest that a GPU is mapped to
 * @node: in nvlink2_gpu_orphans, while no device has it
 * @gpu: address of the GPU
 * @kvm: the guest, with a reference
 *
 * Each holds a reference to the platform, and an orphan one to this module.
 */
struct nvlink2_guest {
	struct list_head node;
	char gpu[32];
	struct kvm *kvm;
};

static DEFINE_MUTEX(nvlink2_gpu_orphans_lock);
static LIST_HEAD(nvlink2_gpu_orphans);

/* What a device that went could not take from this GPU. */
static void nvlink2_gpu_adopt(struct nvlink2_device *nvdev)
{
	struct pci_dev *pdev = nvdev->coherent.core.pdev;
	struct nvlink2_guest *guest;

	mutex_lock(&nvlink2_gpu_orphans_lock);
	list_for_each_entry(guest, &nvlink2_gpu_orphans, node) {
		if (strcmp(guest->gpu, pci_name(pdev)))
			continue;
		list_del(&guest->node);
		nvdev->guest = guest;
		/* The device has another one. */
		module_put(THIS_MODULE);
		break;
	}
	mutex_unlock(&nvlink2_gpu_orphans_lock);
}

static void nvlink2_gpu_abandon(struct nvlink2_device *nvdev)
{
	mutex_lock(&nvlink2_gpu_orphans_lock);
	__module_get(THIS_MODULE);
	list_add_tail(&nvdev->guest->node, &nvlink2_gpu_orphans);
	nvdev->guest = NULL;
	mutex_unlock(&nvlink2_gpu_orphans_lock);
}

static int nvlink2_gpu_map_lpar(struct nvlink2_device *nvdev,
				struct nvlink2_guest *guest,
				const struct nvlink2_platform *platform)
{
	struct kvm *kvm = guest->kvm;
	struct pci_dev *pdev = nvdev->coherent.core.pdev;
	unsigned int lpid = nvlink2_platform_lpid(kvm);
	int ret;

	if (!platform->map_lpar || !platform->unmap_lpar) {
		dev_err_ratelimited(&pdev->dev, "open with a guest: must have a kernel that can map it to the GPU; this one has no pnv_npu2_map_lpar_dev() and pnv_npu2_unmap_lpar_dev()\n");
		return -EOPNOTSUPP;
	}
	if (!lpid) {
		dev_err_ratelimited(&pdev->dev, "open with a guest: must be one that the hardware runs, with an LPID\n");
		return -EOPNOTSUPP;
	}
	if (!platform->kvm_get || !platform->kvm_put || !platform->kvm_get(kvm))
		return -ENOENT;

	ret = platform->map_lpar(pdev, lpid, NVLINK2_MSR_DR | NVLINK2_MSR_PR);
	trace_nvlink2_lpar_map(nvdev, lpid, ret);
	if (ret) {
		dev_err_ratelimited(&pdev->dev, "open with a guest: map LPID %u: error %d\n",
				    lpid, ret);
		platform->kvm_put(kvm);
	}
	return ret;
}

/* True: the GPU is no guest's, and what was taken for its guest is given back. */
static bool nvlink2_gpu_unmap_lpar(struct nvlink2_device *nvdev)
{
	const struct nvlink2_platform *platform;
	struct pci_dev *pdev = nvdev->coherent.core.pdev;
	unsigned int lpid;
	int ret;

	if (!nvdev->guest)
		return true;
	platform = nvlink2_platform_get();
	lpid = nvlink2_platform_lpid(nvdev->guest->kvm);
	ret = platform->unmap_lpar(pdev);
	trace_nvlink2_lpar_unmap(nvdev, lpid, ret);
	if (ret) {
		dev_err_ratelimited(&pdev->dev, "unmap LPID %u: error %d: the GPU stays its guest's\n",
				    lpid, ret);
	} else {
		platform->kvm_put(nvdev->guest->kvm);
		kfree(nvdev->guest);
		nvdev->guest = NULL;
		/* What was taken at open. */
		nvlink2_platform_put();
	}
	nvlink2_platform_put();
	return !ret;
}

/* Before anything: who opens a GPU must not have one that is another's. */
int nvlink2_gpu_claim(struct nvlink2_device *nvdev)
{
	if (!nvdev->guest)
		nvlink2_gpu_adopt(nvdev);
	return nvlink2_gpu_unmap_lpar(nvdev) ? 0 : -EBUSY;
}

/* Without a guest there is nothing to do, and nothing is needed. */
int nvlink2_gpu_open(struct nvlink2_device *nvdev)
{
	struct kvm *kvm = nvdev->coherent.core.vdev.kvm;
	struct nvlink2_guest *guest;
	int ret;

	if (nvdev->firmware.side != NVLINK2_GPU || !kvm)
		return 0;
	guest = kzalloc(sizeof(*guest), GFP_KERNEL_ACCOUNT);
	if (!guest)
		return -ENOMEM;
	strscpy(guest->gpu, pci_name(nvdev->coherent.core.pdev),
		sizeof(guest->gpu));
	guest->kvm = kvm;
	ret = nvlink2_gpu_map_lpar(nvdev, guest, nvlink2_platform_get());
	if (!ret) {
		nvdev->guest = guest;
		return 0;
	}
	nvlink2_platform_put();
	kfree(guest);
	return ret;
}

/* The GPU was reset and does nothing any more. */
void nvlink2_gpu_close(struct nvlink2_device *nvdev)
{
	nvlink2_gpu_unmap_lpar(nvdev);
}

/*
 * The device goes. If its guest cannot be taken away even now, what holds the
 * guest's number stays, so that nobody else gets that number, until the GPU is
 * bound again, and opened.
 */
void nvlink2_gpu_release(struct nvlink2_device *nvdev)
{
	if (nvlink2_gpu_unmap_lpar(nvdev))
		return;
	pci_err(nvdev->coherent.core.pdev,
		"LPID %u: kept until the GPU is opened and gives it up\n",
		nvlink2_platform_lpid(nvdev->guest->kvm));
	nvlink2_gpu_abandon(nvdev);
}

static int nvlink2_gpu_add_capability(struct coherent_window *window,
				      struct vfio_info_cap *caps)
{
	struct nvlink2_device *nvdev =
		to_nvlink2_device(&window->cdev->core.vdev);
	struct vfio_region_info_cap_nvlink2_ssatgt target = {
		.header.id = VFIO_REGION_INFO_CAP_NVLINK2_SSATGT,
		.header.version = 1,
		.tgt = nvdev->firmware.tgt,
	};

	if (!nvdev->firmware.has_tgt)
		return 0;
	return vfio_info_add_capability(caps, &target.header, sizeof(target));
}

const struct coherent_region nvlink2_gpu_region = {
	.type = VFIO_REGION_TYPE_PCI_VENDOR_TYPE | PCI_VENDOR_ID_NVIDIA,
	.subtype = VFIO_REGION_SUBTYPE_NVIDIA_NVLINK2_RAM,
	.cache = COHERENT_CACHED,
	.brief = true,
	.add_capability = nvlink2_gpu_add_capability,
	.map = nvlink2_prereg_map,
	.copy = nvlink2_prereg_copy,
	.unmap = nvlink2_prereg_unmap,
};
