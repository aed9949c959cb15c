// SPDX-License-Identifier: GPL-2.0-only
/*
 * configfs: a directory makes a GPU, its attributes say which, `enable` puts it
 * on the bus. Attributes other than `enable` are refused while it is there.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/property.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "sim.h"

#define SIM_STOCK_VENDOR 0x1af4
#define SIM_STOCK_DEVICE 0x1110
#define SIM_MEM_BASE SZ_4G

static struct sim_gpu *sim_to_gpu(struct config_item *item)
{
	return container_of(to_config_group(item), struct sim_gpu, group);
}

static const char *sim_name(struct sim_gpu *gpu)
{
	return config_item_name(&gpu->group.cg_item);
}

static bool sim_function_fits(struct pci_dev *pdev)
{
	return pdev->vendor == SIM_STOCK_VENDOR &&
	       pdev->device == SIM_STOCK_DEVICE && pdev->bus->self &&
	       !pdev->dev.driver && pdev->bus->ops->read != sim_persona_read;
}

/* The function that @gpu names, or the first that fits; with a reference. */
static struct pci_dev *sim_function(struct sim_gpu *gpu)
{
	unsigned int domain, bus, slot, function;
	struct pci_dev *pdev = NULL;

	if (!gpu->bdf[0]) {
		while ((pdev = pci_get_device(SIM_STOCK_VENDOR,
					      SIM_STOCK_DEVICE, pdev))) {
			if (sim_function_fits(pdev))
				return pdev;
		}
		pr_err("%s: enable: no free function %04x:%04x behind a root port\n",
		       sim_name(gpu), SIM_STOCK_VENDOR, SIM_STOCK_DEVICE);
		return NULL;
	}

	if (sscanf(gpu->bdf, "%x:%x:%x.%x", &domain, &bus, &slot,
		   &function) == 4)
		pdev = pci_get_domain_bus_and_slot(domain, bus,
						   PCI_DEVFN(slot, function));
	if (pdev && sim_function_fits(pdev))
		return pdev;
	pr_err("%s: bdf %s: enable: must be a %04x:%04x behind a root port, with no driver\n",
	       sim_name(gpu), gpu->bdf, SIM_STOCK_VENDOR, SIM_STOCK_DEVICE);
	pci_dev_put(pdev);
	return NULL;
}

static int sim_place_memory(struct sim_gpu *gpu)
{
	struct sim_gpu *other;

	lockdep_assert_held(&sim_gpus_lock);

	if (!gpu->mem_size)
		gpu->mem_size = gpu->preset->mem_size;
	if (!gpu->mem_base) {
		gpu->mem_base = SIM_MEM_BASE;
		list_for_each_entry(other, &sim_gpus, list)
			gpu->mem_base = max_t(u64, gpu->mem_base,
					      ALIGN(other->mem_base +
						    other->mem_size, SZ_512M));
	}
	if (!PAGE_ALIGNED(gpu->mem_base) || !PAGE_ALIGNED(gpu->mem_size) ||
	    gpu->mem_base + gpu->mem_size < gpu->mem_base) {
		pr_err("%s: mem_base %#llx, mem_size %#llx: enable: must be whole pages below 2^64\n",
		       sim_name(gpu), gpu->mem_base, gpu->mem_size);
		return -EINVAL;
	}
	if (region_intersects(gpu->mem_base, gpu->mem_size,
			      IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) !=
	    REGION_DISJOINT) {
		pr_err("%s: mem_base %#llx, mem_size %#llx: enable: must be RAM hidden by mem=, this is the kernel's\n",
		       sim_name(gpu), gpu->mem_base, gpu->mem_size);
		return -EBUSY;
	}
	list_for_each_entry(other, &sim_gpus, list) {
		if (gpu->mem_base < other->mem_base + other->mem_size &&
		    other->mem_base < gpu->mem_base + gpu->mem_size) {
			pr_err("%s: mem_base %#llx, mem_size %#llx: enable: overlaps the memory of %s\n",
			       sim_name(gpu), gpu->mem_base, gpu->mem_size,
			       sim_name(other));
			return -EBUSY;
		}
	}
	return 0;
}

static int sim_add_properties(struct sim_gpu *gpu)
{
	u64 base = gpu->prop_base.set ? gpu->prop_base.value : gpu->mem_base;
	u64 size = gpu->prop_size.set ? gpu->prop_size.value : gpu->mem_size;
	struct property_entry entries[3] = {};
	unsigned int n = 0;

	if (gpu->properties != SIM_PROPS_SWNODE)
		return 0;
	if (!gpu->prop_base.absent)
		entries[n++] = PROPERTY_ENTRY_U64("nvidia,gpu-mem-base-pa",
						  base);
	if (!gpu->prop_size.absent)
		entries[n++] = PROPERTY_ENTRY_U64("nvidia,gpu-mem-size", size);
	return n ? device_create_managed_software_node(&gpu->pdev->dev, entries,
						       NULL) : 0;
}

/* The stock function goes, the bus looks again, and finds what @ops show. */
static int sim_rescan(struct sim_gpu *gpu)
{
	lockdep_assert_held(&gpu->mutex);

	if (gpu->pdev) {
		pci_stop_and_remove_bus_device(gpu->pdev);
		pci_dev_put(gpu->pdev);
		gpu->pdev = NULL;
	}
	pci_scan_slot(gpu->bus, gpu->devfn);
	gpu->pdev = pci_get_slot(gpu->bus, gpu->devfn);
	if (!gpu->pdev)
		return -ENODEV;
	pci_assign_unassigned_bus_resources(gpu->bus);
	return 0;
}

static void sim_leave_bus(struct sim_gpu *gpu)
{
	if (gpu->pdev)
		pci_stop_and_remove_bus_device(gpu->pdev);
	pci_dev_put(gpu->pdev);
	gpu->pdev = NULL;
	pci_bus_set_ops(gpu->bus, gpu->stock);
	pci_scan_slot(gpu->bus, gpu->devfn);
	pci_assign_unassigned_bus_resources(gpu->bus);
	pci_bus_add_devices(gpu->bus);
}

static int sim_join_bus(struct sim_gpu *gpu)
{
	int ret;

	snprintf(gpu->bdf, sizeof(gpu->bdf), "%s", pci_name(gpu->pdev));
	gpu->bus = gpu->pdev->bus;
	gpu->devfn = gpu->pdev->devfn;
	sim_persona_make(gpu);

	pci_stop_and_remove_bus_device(gpu->pdev);
	pci_dev_put(gpu->pdev);
	gpu->pdev = NULL;
	gpu->ops = *gpu->bus->ops;
	gpu->ops.read = sim_persona_read;
	gpu->ops.write = sim_persona_write;
	gpu->stock = pci_bus_set_ops(gpu->bus, &gpu->ops);

	ret = sim_rescan(gpu);
	if (!ret)
		ret = sim_add_properties(gpu);
	if (!ret)
		ret = sim_device_start(gpu);
	if (ret) {
		sim_device_stop(gpu);
		sim_leave_bus(gpu);
		return ret;
	}
	pci_bus_add_devices(gpu->bus);
	return 0;
}

int sim_enable(struct sim_gpu *gpu)
{
	int ret;

	lockdep_assert_held(&gpu->mutex);

	gpu->pdev = sim_function(gpu);
	if (!gpu->pdev)
		return -ENODEV;

	mutex_lock(&sim_gpus_lock);
	ret = sim_place_memory(gpu);
	if (!ret)
		list_add_tail(&gpu->list, &sim_gpus);
	mutex_unlock(&sim_gpus_lock);
	if (ret)
		goto out_put;

	ret = sim_memory_start(gpu);
	if (ret)
		goto out_list;
	pci_lock_rescan_remove();
	ret = sim_join_bus(gpu);
	pci_unlock_rescan_remove();
	if (ret)
		goto out_memory;

	gpu->enabled = true;
	sim_faults_add(gpu);
	pr_info("%s: %s at %s, memory %#llx + %#llx\n", sim_name(gpu),
		gpu->preset->name, gpu->bdf, gpu->mem_base, gpu->mem_size);
	return 0;

out_memory:
	sim_memory_stop(gpu);
out_list:
	mutex_lock(&sim_gpus_lock);
	list_del(&gpu->list);
	mutex_unlock(&sim_gpus_lock);
out_put:
	pci_dev_put(gpu->pdev);
	gpu->pdev = NULL;
	return ret;
}

void sim_disable(struct sim_gpu *gpu)
{
	lockdep_assert_held(&gpu->mutex);

	if (!gpu->enabled)
		return;
	gpu->enabled = false;
	debugfs_remove_recursive(gpu->debugfs);
	cancel_delayed_work_sync(&gpu->reset_work);
	pci_lock_rescan_remove();
	if (gpu->pdev)
		pci_stop_and_remove_bus_device(gpu->pdev);
	sim_device_stop(gpu);
	sim_leave_bus(gpu);
	pci_unlock_rescan_remove();
	sim_memory_stop(gpu);
	mutex_lock(&sim_gpus_lock);
	list_del(&gpu->list);
	mutex_unlock(&sim_gpus_lock);
}

/* Everything but `enable` is set before the GPU exists. */
static int sim_begin(struct sim_gpu *gpu, const char *attr)
{
	mutex_lock(&gpu->mutex);
	if (!gpu->enabled)
		return 0;
	mutex_unlock(&gpu->mutex);
	pr_err("%s: %s: set: must be disabled first\n", sim_name(gpu), attr);
	return -EBUSY;
}

static ssize_t sim_refuse(struct sim_gpu *gpu, const char *attr,
			  const char *page, const char *rule)
{
	mutex_unlock(&gpu->mutex);
	pr_err("%s: %s %.32s: set: must be %s\n", sim_name(gpu), attr, page,
	       rule);
	return -EINVAL;
}

static ssize_t sim_end(struct sim_gpu *gpu, size_t count)
{
	mutex_unlock(&gpu->mutex);
	return count;
}

static int sim_parse_bytes(const char *page, u64 *value)
{
	char *end;

	if (!isdigit(*page))
		return -EINVAL;
	*value = memparse(page, &end);
	return *end && *end != '\n' ? -EINVAL : 0;
}

static ssize_t sim_bdf_show(struct config_item *item, char *page)
{
	return sprintf(page, "%s\n", sim_to_gpu(item)->bdf);
}

static ssize_t sim_bdf_store(struct config_item *item, const char *page,
			     size_t count)
{
	struct sim_gpu *gpu = sim_to_gpu(item);
	unsigned int part;
	char rest;

	if (sim_begin(gpu, "bdf"))
		return -EBUSY;
	if (sscanf(page, "%x:%x:%x.%x%c", &part, &part, &part, &part,
		   &rest) < 4 || strlen(page) > 13)
		return sim_refuse(gpu, "bdf", page, "an address such as 0000:01:00.0");
	strscpy(gpu->bdf, page, sizeof(gpu->bdf));
	gpu->bdf[strcspn(gpu->bdf, "\n")] = 0;
	return sim_end(gpu, count);
}
CONFIGFS_ATTR(sim_, bdf);

static ssize_t sim_preset_show(struct config_item *item, char *page)
{
	return sprintf(page, "%s\n", sim_to_gpu(item)->preset->name);
}

static ssize_t sim_preset_store(struct config_item *item, const char *page,
				size_t count)
{
	struct sim_gpu *gpu = sim_to_gpu(item);
	const struct sim_preset *preset = sim_preset_find(page);

	if (sim_begin(gpu, "preset"))
		return -EBUSY;
	if (!preset)
		return sim_refuse(gpu, "preset", page,
				  "one that `features` lists");
	gpu->preset = preset;
	gpu->device = preset->device;
	gpu->mem_size = 0;
	return sim_end(gpu, count);
}
CONFIGFS_ATTR(sim_, preset);

#define SIM_ATTR_U64(field)                                                   \
static ssize_t sim_##field##_show(struct config_item *item, char *page)       \
{                                                                             \
	return sprintf(page, "%#llx\n", (u64)sim_to_gpu(item)->field);        \
}                                                                             \
									      \
static ssize_t sim_##field##_store(struct config_item *item,                  \
				   const char *page, size_t count)            \
{                                                                             \
	struct sim_gpu *gpu = sim_to_gpu(item);                               \
	u64 value;                                                            \
									      \
	if (sim_begin(gpu, #field))                                           \
		return -EBUSY;                                                \
	if (sim_parse_bytes(page, &value) ||                                  \
	    value != (typeof(gpu->field))value)                               \
		return sim_refuse(gpu, #field, page, "a number");             \
	gpu->field = value;                                                   \
	return sim_end(gpu, count);                                           \
}                                                                             \
CONFIGFS_ATTR(sim_, field)

SIM_ATTR_U64(mem_base);
SIM_ATTR_U64(mem_size);
SIM_ATTR_U64(vendor);
SIM_ATTR_U64(device);
SIM_ATTR_U64(scrub);
SIM_ATTR_U64(training_ms);

#define SIM_ATTR_VALUE(field)                                                 \
static ssize_t sim_##field##_show(struct config_item *item, char *page)       \
{                                                                             \
	const struct sim_value *claim = &sim_to_gpu(item)->field;             \
									      \
	if (claim->absent)                                                    \
		return sprintf(page, "absent\n");                             \
	if (!claim->set)                                                      \
		return sprintf(page, "true\n");                               \
	return sprintf(page, "%#llx\n", claim->value);                        \
}                                                                             \
									      \
static ssize_t sim_##field##_store(struct config_item *item,                  \
				   const char *page, size_t count)            \
{                                                                             \
	struct sim_gpu *gpu = sim_to_gpu(item);                               \
	struct sim_value claim = {};                                          \
									      \
	if (sim_begin(gpu, #field))                                           \
		return -EBUSY;                                                \
	if (sysfs_streq(page, "absent"))                                      \
		claim.absent = true;                                          \
	else if (!sim_parse_bytes(page, &claim.value))                        \
		claim.set = true;                                             \
	else if (!sysfs_streq(page, "true"))                                  \
		return sim_refuse(gpu, #field, page,                          \
				  "a number, `true` or `absent`");            \
	gpu->field = claim;                                                   \
	return sim_end(gpu, count);                                           \
}                                                                             \
CONFIGFS_ATTR(sim_, field)

SIM_ATTR_VALUE(prop_base);
SIM_ATTR_VALUE(prop_size);

static const char *const sim_properties_names[] = {
	[SIM_PROPS_SWNODE] = "swnode",
	[SIM_PROPS_FIRMWARE] = "firmware",
	[SIM_PROPS_NONE] = "none",
};

static ssize_t sim_properties_show(struct config_item *item, char *page)
{
	return sprintf(page, "%s\n",
		       sim_properties_names[sim_to_gpu(item)->properties]);
}

static ssize_t sim_properties_store(struct config_item *item, const char *page,
				    size_t count)
{
	struct sim_gpu *gpu = sim_to_gpu(item);
	int i = sysfs_match_string(sim_properties_names, page);

	if (sim_begin(gpu, "properties"))
		return -EBUSY;
	if (i < 0)
		return sim_refuse(gpu, "properties", page,
				  "swnode, firmware or none");
	gpu->properties = i;
	return sim_end(gpu, count);
}
CONFIGFS_ATTR(sim_, properties);

static ssize_t sim_bar0_size_show(struct config_item *item, char *page)
{
	struct sim_gpu *gpu = sim_to_gpu(item);

	if (gpu->bar0 == SIM_BAR0_IO)
		return sprintf(page, "io\n");
	return sprintf(page, "%#x\n", gpu->bar0_size);
}

static ssize_t sim_bar0_size_store(struct config_item *item, const char *page,
				   size_t count)
{
	struct sim_gpu *gpu = sim_to_gpu(item);
	enum sim_bar0 kind = SIM_BAR0_MEMORY;
	u64 size = SZ_16M;

	if (sim_begin(gpu, "bar0_size"))
		return -EBUSY;
	if (sysfs_streq(page, "io"))
		kind = SIM_BAR0_IO;
	else if (sim_parse_bytes(page, &size) ||
		 (size && (!is_power_of_2(size) || size < SZ_4K ||
			   size > SZ_16M)))
		return sim_refuse(gpu, "bar0_size", page,
				  "0, io, or a power of two from 4K to 16M");
	else if (!size)
		kind = SIM_BAR0_NONE;
	gpu->bar0 = kind;
	gpu->bar0_size = size;
	return sim_end(gpu, count);
}
CONFIGFS_ATTR(sim_, bar0_size);

static ssize_t sim_enable_show(struct config_item *item, char *page)
{
	return sprintf(page, "%d\n", sim_to_gpu(item)->enabled);
}

static ssize_t sim_enable_store(struct config_item *item, const char *page,
				size_t count)
{
	struct sim_gpu *gpu = sim_to_gpu(item);
	bool enable;
	int ret;

	ret = kstrtobool(page, &enable);
	if (ret)
		return ret;
	mutex_lock(&gpu->mutex);
	if (enable && !gpu->enabled)
		ret = sim_enable(gpu);
	else if (!enable)
		sim_disable(gpu);
	mutex_unlock(&gpu->mutex);
	return ret ?: count;
}
CONFIGFS_ATTR(sim_, enable);

static struct configfs_attribute *sim_attrs[] = {
	&sim_attr_bdf,
	&sim_attr_preset,
	&sim_attr_mem_base,
	&sim_attr_mem_size,
	&sim_attr_vendor,
	&sim_attr_device,
	&sim_attr_scrub,
	&sim_attr_training_ms,
	&sim_attr_prop_base,
	&sim_attr_prop_size,
	&sim_attr_properties,
	&sim_attr_bar0_size,
	&sim_attr_enable,
	NULL
};

static void sim_release(struct config_item *item)
{
	struct sim_gpu *gpu = sim_to_gpu(item);

	mutex_lock(&gpu->mutex);
	sim_disable(gpu);
	mutex_unlock(&gpu->mutex);
	mutex_destroy(&gpu->mutex);
	kfree(gpu);
}

static struct configfs_item_operations sim_item_ops = {
	.release = sim_release,
};

static const struct config_item_type sim_type = {
	.ct_item_ops = &sim_item_ops,
	.ct_attrs = sim_attrs,
	.ct_owner = THIS_MODULE,
};

static struct config_group *sim_make(struct config_group *group,
				     const char *name)
{
	struct sim_gpu *gpu = kzalloc(sizeof(*gpu), GFP_KERNEL);

	if (!gpu)
		return ERR_PTR(-ENOMEM);
	mutex_init(&gpu->mutex);
	sim_device_init(gpu);
	gpu->preset = sim_preset_default();
	gpu->vendor = PCI_VENDOR_ID_NVIDIA;
	gpu->device = gpu->preset->device;
	gpu->bar0_size = SZ_16M;
	config_group_init_type_name(&gpu->group, name, &sim_type);
	return &gpu->group;
}

static struct configfs_group_operations sim_group_ops = {
	.make_group = sim_make,
};

static ssize_t sim_features_show(struct config_item *item, char *page)
{
	return sprintf(page, "gh200-96 gh200-144 gb200 gb300 cxl tiny memory training flr dead unplug reset_after ras_events acpi\n");
}
CONFIGFS_ATTR_RO(sim_, features);

static struct configfs_attribute *sim_root_attrs[] = {
	&sim_attr_features,
	NULL
};

static const struct config_item_type sim_root_type = {
	.ct_group_ops = &sim_group_ops,
	.ct_attrs = sim_root_attrs,
	.ct_owner = THIS_MODULE,
};

struct configfs_subsystem sim_subsystem = {
	.su_group = {
		.cg_item = {
			.ci_namebuf = "cohgpu",
			.ci_type = &sim_root_type,
		},
	},
	.su_mutex = __MUTEX_INITIALIZER(sim_subsystem.su_mutex),
};
