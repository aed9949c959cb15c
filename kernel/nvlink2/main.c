// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO variant driver for NVIDIA Tesla V100 SXM2 in POWER9 machines: for the
 * GPU, and for the bridges at the host's ends of its NVLinks.
 *
 * To user space a GPU has one more region, its memory, and a bridge has one
 * more, its ATSD register; both carry capabilities that say which belong
 * together. The data takes one way: firmware -> window -> (region info, read
 * and write, faults). A function that firmware says nothing of is plain
 * vfio-pci.
 */
#include <linux/module.h>
#include <linux/pci.h>

#include "nvlink2/nvlink2.h"

#define NVLINK2_BRIDGE_ID 0x04ea

static int nvlink2_open(struct vfio_device *core_vdev)
{
	struct nvlink2_device *nvdev = to_nvlink2_device(core_vdev);
	struct vfio_pci_core_device *core = &nvdev->coherent.core;
	int ret;

	ret = nvlink2_gpu_claim(nvdev);
	if (ret)
		return ret;
	ret = nvlink2_prereg_open(nvdev);
	if (ret)
		return ret;
	ret = vfio_pci_core_enable(core);
	if (ret)
		return ret;
	ret = coherent_register_regions(&nvdev->coherent);
	if (ret)
		goto out_disable;
	ret = nvlink2_gpu_open(nvdev);
	if (ret)
		goto out_disable;

	coherent_open(&nvdev->coherent);
	vfio_pci_core_finish_enable(core);
	return 0;

out_disable:
	vfio_pci_core_disable(core);
	return ret;
}

static void nvlink2_close(struct vfio_device *core_vdev)
{
	struct nvlink2_device *nvdev = to_nvlink2_device(core_vdev);

	coherent_close(&nvdev->coherent);
	/* Resets it: until then it may translate addresses of its guest. */
	vfio_pci_core_close_device(core_vdev);
	nvlink2_gpu_close(nvdev);
}

static void nvlink2_release(struct vfio_device *core_vdev)
{
	nvlink2_gpu_release(to_nvlink2_device(core_vdev));
	coherent_release_dev(core_vdev);
}

static const struct vfio_device_ops nvlink2_ops = {
	.name = "nvlink2-vfio-pci",
	.init = coherent_init_dev,
	.release = nvlink2_release,
	.open_device = nvlink2_open,
	.close_device = nvlink2_close,
	.ioctl = coherent_ioctl,
	COMPAT_OPS_REGION_INFO(coherent_region_info_caps)
	.device_feature = coherent_feature,
	.read = coherent_read,
	.write = coherent_write,
	.mmap = coherent_mmap,
	.request = vfio_pci_core_request,
	.match = vfio_pci_core_match,
	COMPAT_OPS_TOKEN
	COMPAT_OPS_IOMMUFD
	COMPAT_OPS_PASID
};

static int nvlink2_add_region(struct nvlink2_device *nvdev)
{
	const struct nvlink2_firmware *fw = &nvdev->firmware;

	nvdev->coherent.ops = &coherent_ready_always;
	switch (fw->side) {
	case NVLINK2_GPU:
		if (!fw->size)
			return 0;
		return coherent_add_region(&nvdev->coherent,
					   &nvlink2_gpu_region, fw->base,
					   fw->size);
	case NVLINK2_BRIDGE:
		return coherent_add_region(&nvdev->coherent,
					   &nvlink2_bridge_region, fw->base,
					   fw->size);
	default:
		return 0;
	}
}

static void nvlink2_announce(struct pci_dev *pdev,
			     const struct nvlink2_firmware *fw)
{
	switch (fw->side) {
	case NVLINK2_PLAIN:
		pci_warn(pdev, "NVLink not exposed, the function is plain vfio-pci: %s\n",
			 fw->why);
		break;
	case NVLINK2_GPU:
		if (fw->size)
			pci_info(pdev, "GPU memory: window of %llu GiB\n",
				 fw->size >> 30);
		else
			pci_warn(pdev, "GPU memory: none\n");
		break;
	case NVLINK2_BRIDGE:
		pci_info(pdev, "NVLink bridge: %s ATSD register\n",
			 fw->size ? "with" : "without");
		break;
	}
}

static bool nvlink2_knows(const struct pci_dev *pdev)
{
	return pdev->vendor == PCI_VENDOR_ID_NVIDIA ||
	       (pdev->vendor == PCI_VENDOR_ID_IBM &&
		pdev->device == NVLINK2_BRIDGE_ID);
}

static int nvlink2_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct nvlink2_device *nvdev;
	int ret;

	if (!nvlink2_knows(pdev)) {
		pci_err(pdev, "%04x:%04x: bind: must be a GPU of NVIDIA's, or a bridge %04x:%04x\n",
			pdev->vendor, pdev->device, PCI_VENDOR_ID_IBM,
			NVLINK2_BRIDGE_ID);
		return -ENODEV;
	}

	nvdev = vfio_alloc_device(nvlink2_device, coherent.core.vdev,
				  &pdev->dev, &nvlink2_ops);
	if (IS_ERR(nvdev))
		return PTR_ERR(nvdev);
	dev_set_drvdata(&pdev->dev, &nvdev->coherent.core);

	nvlink2_firmware_read(pdev, &nvdev->firmware);
	ret = nvlink2_add_region(nvdev);
	if (ret)
		goto out_put;
	ret = vfio_pci_core_register_device(&nvdev->coherent.core);
	if (ret)
		goto out_put;
	nvlink2_announce(pdev, &nvdev->firmware);
	return 0;

out_put:
	vfio_put_device(&nvdev->coherent.core.vdev);
	return ret;
}

static const struct pci_error_handlers nvlink2_error_handlers = {
	.error_detected = coherent_pci_error_detected,
	.slot_reset = coherent_pci_slot_reset,
	.resume = coherent_pci_resume,
	.reset_prepare = coherent_pci_reset_prepare,
	.reset_done = coherent_pci_reset_done,
};

static const struct pci_device_id nvlink2_table[] = {
	/* Tesla V100 SXM2 16GB */
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_VENDOR_ID_NVIDIA, 0x1db1) },
	/* Tesla V100 SXM2 32GB */
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_VENDOR_ID_NVIDIA, 0x1db5) },
	/* A link of POWER9's NPU */
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_VENDOR_ID_IBM,
					  NVLINK2_BRIDGE_ID) },
	{}
};
MODULE_DEVICE_TABLE(pci, nvlink2_table);

static struct pci_driver nvlink2_driver = {
	.name = "nvlink2_vfio_pci",
	.id_table = nvlink2_table,
	.probe = nvlink2_probe,
	.remove = coherent_pci_remove,
	.sriov_configure = coherent_pci_sriov_configure,
	.err_handler = &nvlink2_error_handlers,
	.driver_managed_dma = true,
};

static int __init nvlink2_init(void)
{
	return pci_register_driver(&nvlink2_driver);
}

static void __exit nvlink2_exit(void)
{
	pci_unregister_driver(&nvlink2_driver);
	nvlink2_prereg_exit();
}

module_init(nvlink2_init);
module_exit(nvlink2_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The cohgpu authors");
MODULE_DESCRIPTION("VFIO driver for Tesla V100 GPUs and their NVLink2 bridges");
MODULE_VERSION(COHGPU_VERSION);
MODULE_IMPORT_NS(COHERENT_NAMESPACE);
