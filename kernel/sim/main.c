// SPDX-License-Identifier: GPL-2.0-only
/*
 * cohgpu-sim: simulated coherent GPUs, for machines that have none.
 *
 * A test module: it makes a stock PCI function of QEMU look like a GPU whose
 * memory is RAM that the kernel was told not to use. It knows no driver.
 * docs/simulator.md is the user's guide.
 *
 *	control.c	configfs: which GPU, and when
 *	preset.c	the machines that can be played
 *	enable.c	puts a GPU on its bus and takes it off
 *	bus.c		the bus's config accessors, and scans
 *	persona.c	config space
 *	firmware.c	properties on the function
 *	nvlink.c	a V100's bridges, and the nodes that tie them together
 *	device.c	trainings and resets
 *	memory.c	device memory, its device's side, early writes
 *	ras.c		early mappings
 *	aer.c		errors reported through the root port
 *	faults.c	debugfs: faults on demand
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/module.h>

#include "sim.h"

static bool force;
module_param(force, bool, 0444);
MODULE_PARM_DESC(force, "load even beside real GPUs of the same kind");

static const struct pci_device_id sim_real[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_NVIDIA, 0x2342) },
	{ PCI_DEVICE(PCI_VENDOR_ID_NVIDIA, 0x2345) },
	{ PCI_DEVICE(PCI_VENDOR_ID_NVIDIA, 0x2348) },
	{ PCI_DEVICE(PCI_VENDOR_ID_NVIDIA, 0x2941) },
	{ PCI_DEVICE(PCI_VENDOR_ID_NVIDIA, 0x31c2) },
	{ PCI_DEVICE(PCI_VENDOR_ID_NVIDIA, 0x1db1) },
	{ PCI_DEVICE(PCI_VENDOR_ID_NVIDIA, 0x1db5) },
	{}
};

static int __init sim_init(void)
{
	int ret;

	if (pci_dev_present(sim_real) && !force) {
		pr_err("load: there is a real GPU of a kind that is simulated; force=1 loads beside it\n");
		return -EBUSY;
	}

	ret = sim_firmware_init();
	if (ret)
		return ret;
	sim_ras_init();
	sim_faults_init();
	ret = sim_control_init();
	if (ret) {
		sim_faults_exit();
		sim_ras_exit();
		sim_firmware_exit();
	}
	return ret;
}

/* Directories in configfs hold the module, so no GPU is enabled any more. */
static void __exit sim_exit(void)
{
	sim_control_exit();
	sim_faults_exit();
	sim_ras_exit();
	sim_firmware_exit();
	sim_bus_exit();
}

module_init(sim_init);
module_exit(sim_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The cohgpu authors");
MODULE_DESCRIPTION("Simulated GPUs with CPU-coherent memory");
MODULE_VERSION(COHGPU_VERSION);
MODULE_INFO(test, "Y");
