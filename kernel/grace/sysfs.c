// SPDX-License-Identifier: GPL-2.0-only
/*
 * coherent_memory/ on the PCI device tells tools what became of the memory, in
 * every case: a GPU without its memory looks perfect otherwise.
 */
#include <linux/module.h>
#include <linux/sysfs.h>

#include "grace/grace.h"

static struct nvgrace_device *nvgrace_sysfs_to(struct device *dev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(dev);

	return to_nvgrace_device(&core->vdev);
}

static ssize_t state_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	const struct nvgrace_firmware *fw = &nvgrace_sysfs_to(dev)->firmware;

	return sysfs_emit(buf, "%s\n", fw->present ? "present" : fw->why);
}
static DEVICE_ATTR_RO(state);

static ssize_t ready_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct nvgrace_device *nvdev = nvgrace_sysfs_to(dev);
	const char *word = "unknown";

	if (!nvdev->firmware.present)
		return sysfs_emit(buf, "no\n");
	switch (coherent_ready_now(&nvdev->coherent)) {
	case COHERENT_READY_YES:
		word = "yes";
		break;
	case COHERENT_READY_FAILED:
		word = "failed";
		break;
	default:
		break;
	}
	return sysfs_emit(buf, "%s\n", word);
}
static DEVICE_ATTR_RO(ready);

static ssize_t reset_generation_show(struct device *dev,
				     struct device_attribute *attr, char *buf)
{
	struct nvgrace_device *nvdev = nvgrace_sysfs_to(dev);

	return sysfs_emit(buf, "%llu\n",
			  coherent_ready_generation(&nvdev->coherent));
}
static DEVICE_ATTR_RO(reset_generation);

static ssize_t resets_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct nvgrace_device *nvdev = nvgrace_sysfs_to(dev);

	return sysfs_emit(buf, "%llu\n", coherent_resets(&nvdev->coherent));
}
static DEVICE_ATTR_RO(resets);

#define NVGRACE_SYSFS_WINDOW(name, part)                                      \
static ssize_t name##_offset_show(struct device *dev,                         \
				  struct device_attribute *attr, char *buf)   \
{                                                                             \
	struct nvgrace_device *nvdev = nvgrace_sysfs_to(dev);                 \
	u64 offset = nvdev->split.part.length ?                               \
		     nvdev->split.part.base - nvdev->firmware.base : 0;       \
									      \
	return sysfs_emit(buf, "%llu\n", offset);                             \
}                                                                             \
static DEVICE_ATTR_RO(name##_offset);                                         \
									      \
static ssize_t name##_length_show(struct device *dev,                         \
				  struct device_attribute *attr, char *buf)   \
{                                                                             \
	return sysfs_emit(buf, "%llu\n",                                      \
			  nvgrace_sysfs_to(dev)->split.part.length);          \
}                                                                             \
static DEVICE_ATTR_RO(name##_length);                                         \
									      \
static ssize_t name##_base_show(struct device *dev,                           \
				struct device_attribute *attr, char *buf)     \
{                                                                             \
	return sysfs_emit(buf, "%#llx\n",                                     \
			  nvgrace_sysfs_to(dev)->split.part.base);            \
}                                                                             \
static DEVICE_ATTR_ADMIN_RO(name##_base)

NVGRACE_SYSFS_WINDOW(usemem, head);
NVGRACE_SYSFS_WINDOW(resmem, tail);

static struct attribute *nvgrace_sysfs_attrs[] = {
	&dev_attr_state.attr,
	&dev_attr_ready.attr,
	&dev_attr_reset_generation.attr,
	&dev_attr_resets.attr,
	&dev_attr_usemem_offset.attr,
	&dev_attr_usemem_length.attr,
	&dev_attr_usemem_base.attr,
	&dev_attr_resmem_offset.attr,
	&dev_attr_resmem_length.attr,
	&dev_attr_resmem_base.attr,
	NULL
};

static const struct attribute_group nvgrace_sysfs_group = {
	.name = "coherent_memory",
	.attrs = nvgrace_sysfs_attrs,
};

const struct attribute_group *nvgrace_sysfs_groups[] = {
	&nvgrace_sysfs_group,
	NULL
};
