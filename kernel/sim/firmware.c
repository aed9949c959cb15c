// SPDX-License-Identifier: GPL-2.0-only
/*
 * What firmware tells of the GPU: two properties on its PCI function. (What it
 * tells of a GPU on NVLink: nvlink.c.)
 *
 * Real machines have them in ACPI. Here a software node carries them, hung on
 * the function when it is added to its bus: a notifier does that, so that they
 * are there before a driver is, and are there again after someone removed the
 * function and scanned the bus. The kernel takes them away with the device.
 * `properties` = firmware leaves the function to what ACPI or the device tree
 * really say, and none to nothing. What they do say goes before any software
 * node, so a function that they describe plays no other part.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/notifier.h>
#include <linux/property.h>

#include "sim.h"

#define SIM_PROP_BASE "nvidia,gpu-mem-base-pa"
#define SIM_PROP_SIZE "nvidia,gpu-mem-size"

/* Asked of a stock function: does the machine's own firmware describe it? */
bool sim_firmware_tells(struct device *dev)
{
	return device_property_present(dev, SIM_PROP_BASE) ||
	       device_property_present(dev, SIM_PROP_SIZE);
}

static void sim_firmware_add(struct sim_gpu *gpu, struct device *dev)
{
	u64 base = sim_claimed(&gpu->prop_base, gpu->mem_base);
	u64 size = sim_claimed(&gpu->prop_size, gpu->mem_size);
	struct property_entry entries[3] = {};
	unsigned int n = 0;
	int ret;

	if (gpu->properties != SIM_PROPS_SWNODE)
		return;
	if (gpu->nvlink) {
		sim_nvlink_describe(gpu, dev);
		return;
	}
	if (!gpu->prop_base.absent)
		entries[n++] = PROPERTY_ENTRY_U64(SIM_PROP_BASE, base);
	if (!gpu->prop_size.absent)
		entries[n++] = PROPERTY_ENTRY_U64(SIM_PROP_SIZE, size);
	if (!n)
		return;
	ret = device_create_managed_software_node(dev, entries, NULL);
	if (ret)
		pr_err("%s: properties: add to %s: error %d\n", sim_name(gpu),
		       dev_name(dev), ret);
}

/* Functions come and go under pci_rescan_remove_lock. */
static int sim_firmware_notify(struct notifier_block *nb, unsigned long action,
			       void *data)
{
	struct device *dev = data;
	struct sim_gpu *gpu;

	if (action != BUS_NOTIFY_ADD_DEVICE && action != BUS_NOTIFY_DEL_DEVICE)
		return NOTIFY_DONE;
	gpu = sim_bus_gpu_of(to_pci_dev(dev));
	if (gpu && action == BUS_NOTIFY_ADD_DEVICE)
		sim_firmware_add(gpu, dev);
	else if (gpu && gpu->nvlink)
		sim_nvlink_undescribe(dev);
	return NOTIFY_OK;
}

static struct notifier_block sim_firmware_notifier = {
	.notifier_call = sim_firmware_notify,
};

int sim_firmware_init(void)
{
	return bus_register_notifier(&pci_bus_type, &sim_firmware_notifier);
}

void sim_firmware_exit(void)
{
	bus_unregister_notifier(&pci_bus_type, &sim_firmware_notifier);
}
