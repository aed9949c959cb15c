// SPDX-License-Identifier: GPL-2.0-only
/*
 * cohgpu-sim: simulated coherent GPUs, for machines that have none.
 *
 * A test module: it makes a stock PCI function look like a GPU whose memory is
 * RAM that the kernel was told not to use. It knows no driver.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/module.h>

#include "sim.h"

DEFINE_MUTEX(sim_gpus_lock); /* guards sim_gpus */
LIST_HEAD(sim_gpus);
struct dentry *sim_debugfs;

static bool force;
module_param(force, bool, 0444);
MODULE_PARM_DESC(force, "load even beside real GPUs of the same kind");

static const struct pci_device_id sim_real[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_NVIDIA, 0x2342) },
	{ PCI_DEVICE(PCI_VENDOR_ID_NVIDIA, 0x2345) },
	{ PCI_DEVICE(PCI_VENDOR_ID_NVIDIA, 0x2348) },
	{ PCI_DEVICE(PCI_VENDOR_ID_NVIDIA, 0x2941) },
	{ PCI_DEVICE(PCI_VENDOR_ID_NVIDIA, 0x31c2) },
	{}
};

static int __init sim_init(void)
{
	int ret;

	if (pci_dev_present(sim_real) && !force) {
		pr_err("load: there is a real GPU of the kind that is simulated; force=1 to load beside it\n");
		return -EBUSY;
	}

	sim_debugfs = debugfs_create_dir("cohgpu", NULL);
	config_group_init(&sim_subsystem.su_group);
	ret = configfs_register_subsystem(&sim_subsystem);
	if (ret)
		debugfs_remove_recursive(sim_debugfs);
	return ret;
}

static void __exit sim_exit(void)
{
	configfs_unregister_subsystem(&sim_subsystem);
	debugfs_remove_recursive(sim_debugfs);
}

module_init(sim_init);
module_exit(sim_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The cohgpu authors");
MODULE_DESCRIPTION("Simulated GPUs with CPU-coherent memory");
MODULE_INFO(test, "Y");
