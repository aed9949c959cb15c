// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO variant driver for NVIDIA GPUs whose memory the CPU shares coherently:
 * GH200, GB200, GB300.
 *
 * To user space such a GPU has one or two BARs that no hardware decodes: usemem
 * (BAR4, cached) and, where the GPU needs it, resmem (BAR2, uncached). The data
 * takes one way: firmware -> split -> windows -> (config space, region info,
 * read and write, faults). A GPU whose memory is not there is plain vfio-pci.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "grace/grace.h"

static int nvgrace_open(struct vfio_device *core_vdev)
{
	struct nvgrace_device *nvdev = to_nvgrace_device(core_vdev);
	int ret;

	ret = vfio_pci_core_enable(&nvdev->coherent.core);
	if (ret)
		return ret;

	ret = nvgrace_ready_open(nvdev);
	if (ret) {
		vfio_pci_core_disable(&nvdev->coherent.core);
		return ret;
	}

	nvgrace_config_reset(nvdev);
	coherent_open(&nvdev->coherent);
	vfio_pci_core_finish_enable(&nvdev->coherent.core);
	return 0;
}

static void nvgrace_close(struct vfio_device *core_vdev)
{
	struct nvgrace_device *nvdev = to_nvgrace_device(core_vdev);

	coherent_close(&nvdev->coherent);
	nvgrace_ready_close(nvdev);
	vfio_pci_core_close_device(core_vdev);
}

static bool nvgrace_is_config(struct nvgrace_device *nvdev, loff_t pos)
{
	return nvdev->firmware.present &&
	       VFIO_PCI_OFFSET_TO_INDEX(pos) == VFIO_PCI_CONFIG_REGION_INDEX;
}

/* Guests read and write config space all the time: no more calls than it takes. */
static __always_inline ssize_t nvgrace_config_rw(struct nvgrace_device *nvdev,
						 char __user *buf, size_t count,
						 loff_t *ppos, bool write)
{
	struct coherent_device *cdev = &nvdev->coherent;

	if (!nvgrace_config_beside(*ppos & VFIO_PCI_OFFSET_MASK, count))
		return nvgrace_config_pieces(nvdev, buf, count, ppos, write);

	/* By a sibling's hot reset, perhaps. */
	coherent_woken(cdev);
	if (write)
		return coherent_config_write(cdev, buf, count, ppos);
	return vfio_pci_core_read(&cdev->core.vdev, buf, count, ppos);
}

static ssize_t nvgrace_read(struct vfio_device *core_vdev, char __user *buf,
			    size_t count, loff_t *ppos)
{
	struct nvgrace_device *nvdev = to_nvgrace_device(core_vdev);

	if (nvgrace_is_config(nvdev, *ppos))
		return nvgrace_config_rw(nvdev, buf, count, ppos, false);
	return coherent_read(core_vdev, buf, count, ppos);
}

static ssize_t nvgrace_write(struct vfio_device *core_vdev,
			     const char __user *buf, size_t count, loff_t *ppos)
{
	struct nvgrace_device *nvdev = to_nvgrace_device(core_vdev);

	if (nvgrace_is_config(nvdev, *ppos))
		return nvgrace_config_rw(nvdev, (char __user *)buf, count, ppos,
					 true);
	return coherent_write(core_vdev, buf, count, ppos);
}

static const struct vfio_device_ops nvgrace_ops = {
	.name = "nvgrace-gpu-vfio-pci",
	.init = coherent_init_dev,
	.release = coherent_release_dev,
	.open_device = nvgrace_open,
	.close_device = nvgrace_close,
	.ioctl = coherent_ioctl,
	COMPAT_OPS_REGION_INFO(coherent_region_info_caps)
	.device_feature = coherent_feature,
	.read = nvgrace_read,
	.write = nvgrace_write,
	.mmap = coherent_mmap,
	.request = vfio_pci_core_request,
	.match = vfio_pci_core_match,
	COMPAT_OPS_TOKEN
	COMPAT_OPS_IOMMUFD
	COMPAT_OPS_PASID
};

static int nvgrace_add_windows(struct nvgrace_device *nvdev,
			       struct pci_dev *pdev)
{
	int ret;

	ret = nvgrace_firmware_split(pdev, &nvdev->firmware, &nvdev->split);
	if (ret)
		return ret;
	ret = nvgrace_ready_probe(nvdev, pdev);
	if (ret)
		return ret;
	ret = coherent_add_window(&nvdev->coherent, NVGRACE_USEMEM,
				  COHERENT_CACHED, &nvdev->split.head);
	if (ret || !nvdev->split.tail.length)
		return ret;
	return coherent_add_window(&nvdev->coherent, NVGRACE_RESMEM,
				   COHERENT_WRITECOMBINE, &nvdev->split.tail);
}

static void nvgrace_announce(struct nvgrace_device *nvdev,
			     struct pci_dev *pdev)
{
	const struct coherent_split *split = &nvdev->split;

	if (!nvdev->firmware.present)
		pci_warn(pdev, "coherent memory not exposed, the GPU is plain vfio-pci: %s\n",
			 nvdev->firmware.why);
	else if (split->tail.length)
		pci_info(pdev, "coherent memory: usemem %llu MiB in BAR4, resmem %llu MiB in BAR2\n",
			 split->head.length >> 20, split->tail.length >> 20);
	else
		pci_info(pdev, "coherent memory: usemem %llu MiB in BAR4\n",
			 split->head.length >> 20);
}

static int nvgrace_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct nvgrace_device *nvdev;
	int ret;

	if (pdev->vendor != PCI_VENDOR_ID_NVIDIA) {
		pci_err(pdev, "vendor %#06x: bind: must be NVIDIA's, %#06x\n",
			pdev->vendor, PCI_VENDOR_ID_NVIDIA);
		return -ENODEV;
	}

	nvdev = vfio_alloc_device(nvgrace_device, coherent.core.vdev,
				  &pdev->dev, &nvgrace_ops);
	if (IS_ERR(nvdev))
		return PTR_ERR(nvdev);
	dev_set_drvdata(&pdev->dev, &nvdev->coherent.core);

	ret = nvgrace_firmware_read(pdev, &nvdev->firmware);
	if (ret)
		goto out_put;
	if (nvdev->firmware.present) {
		ret = nvgrace_add_windows(nvdev, pdev);
		if (ret)
			goto out_put;
	}
	nvgrace_config_init(nvdev);

	ret = vfio_pci_core_register_device(&nvdev->coherent.core);
	if (ret)
		goto out_put;
	nvgrace_announce(nvdev, pdev);
	return 0;

out_put:
	vfio_put_device(&nvdev->coherent.core.vdev);
	return ret;
}

static const struct pci_error_handlers nvgrace_error_handlers = {
	.error_detected = coherent_pci_error_detected,
	.slot_reset = coherent_pci_slot_reset,
	.resume = coherent_pci_resume,
	.reset_prepare = coherent_pci_reset_prepare,
	.reset_done = coherent_pci_reset_done,
};

static const struct pci_device_id nvgrace_table[] = {
	/* GH200 120GB */
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_VENDOR_ID_NVIDIA, 0x2342) },
	/* GH200 480GB */
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_VENDOR_ID_NVIDIA, 0x2345) },
	/* GH200 144G HBM3e */
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_VENDOR_ID_NVIDIA, 0x2348) },
	/* GB200 */
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_VENDOR_ID_NVIDIA, 0x2941) },
	/* GB300 */
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_VENDOR_ID_NVIDIA, 0x31c2) },
	{}
};
MODULE_DEVICE_TABLE(pci, nvgrace_table);

static struct pci_driver nvgrace_driver = {
	.name = "nvgrace_gpu_vfio_pci",
	.id_table = nvgrace_table,
	.probe = nvgrace_probe,
	.remove = coherent_pci_remove,
	.sriov_configure = coherent_pci_sriov_configure,
	.err_handler = &nvgrace_error_handlers,
	.driver_managed_dma = true,
	.dev_groups = nvgrace_sysfs_groups,
};
module_pci_driver(nvgrace_driver);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The cohgpu authors");
MODULE_DESCRIPTION("VFIO driver for NVIDIA GPUs with CPU-coherent memory");
MODULE_VERSION(COHGPU_VERSION);
MODULE_IMPORT_NS(COHERENT_NAMESPACE);
