// SPDX-License-Identifier: GPL-2.0-only
/*
 * configfs: a directory makes a GPU, its attributes say which, `enable` puts it
 * on the bus. All of it is guarded by sim_lock. Attributes other than `enable`
 * cannot be written while the GPU is enabled.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/ctype.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "sim.h"

#define SIM_IO_BYTES 256

static struct sim_gpu *sim_to_gpu(struct config_item *item)
{
	return container_of(item, struct sim_gpu, item);
}

static void sim_control_log(struct sim_gpu *gpu, const char *attr,
			    const char *page, const char *rule)
{
	pr_err("%s: %s %.*s: set: must be %s\n", sim_name(gpu), attr,
	       min_t(int, strcspn(page, "\n"), 32), page, rule);
}

static int sim_control_refuse(struct sim_gpu *gpu, const char *attr,
			      const char *page, const char *rule)
{
	sim_control_log(gpu, attr, page, rule);
	return -EINVAL;
}

static int sim_control_bytes(const char *page, u64 *value)
{
	u64 bytes;
	char *end;

	if (!isdigit(*page))
		return -EINVAL;
	bytes = memparse(page, &end);
	if (*end && *end != '\n')
		return -EINVAL;
	*value = bytes;
	return 0;
}

/*
 * An attribute: sim_control_get_NAME() prints it, sim_control_set_NAME() takes
 * it; both under sim_lock.
 */
#define SIM_ATTR(name)                                                        \
static ssize_t sim_control_##name##_show(struct config_item *item,            \
					 char *page)                          \
{                                                                             \
	ssize_t ret;                                                          \
									      \
	mutex_lock(&sim_lock);                                                \
	ret = sim_control_get_##name(sim_to_gpu(item), page);                 \
	mutex_unlock(&sim_lock);                                              \
	return ret;                                                           \
}                                                                             \
									      \
static ssize_t sim_control_##name##_store(struct config_item *item,           \
					  const char *page, size_t count)     \
{                                                                             \
	struct sim_gpu *gpu = sim_to_gpu(item);                               \
	ssize_t ret;                                                          \
									      \
	mutex_lock(&sim_lock);                                                \
	if (gpu->enabled && strcmp(#name, "enable")) {                        \
		sim_control_log(gpu, #name, page, "disabled first");          \
		ret = -EBUSY;                                                 \
	} else {                                                              \
		ret = sim_control_set_##name(gpu, page);                      \
	}                                                                     \
	mutex_unlock(&sim_lock);                                              \
	return ret ?: count;                                                  \
}                                                                             \
CONFIGFS_ATTR(sim_control_, name)

static ssize_t sim_control_get_bdf(struct sim_gpu *gpu, char *page)
{
	return sysfs_emit(page, "%s\n", gpu->bdf);
}

static ssize_t sim_control_set_bdf(struct sim_gpu *gpu, const char *page)
{
	size_t length = strcspn(page, "\n");
	unsigned int part;
	int taken = 0;

	if (!length) {
		gpu->bdf_set = false;
		gpu->bdf[0] = 0;
		return 0;
	}
	sscanf(page, "%x:%x:%x.%x%n", &part, &part, &part, &part, &taken);
	if (taken != length || length >= sizeof(gpu->bdf))
		return sim_control_refuse(gpu, "bdf", page,
					  "an address such as 0000:01:00.0");
	memcpy(gpu->bdf, page, length);
	gpu->bdf[length] = 0;
	gpu->bdf_set = true;
	return 0;
}
SIM_ATTR(bdf);

/* What comes with a preset can be changed afterwards. */
static void sim_control_use(struct sim_gpu *gpu,
			    const struct sim_preset *preset)
{
	gpu->preset = preset;
	gpu->vendor = preset->vendor;
	gpu->device = preset->device;
	gpu->mem_size = preset->mem_size;
	gpu->bar0 = SIM_BAR0_MEMORY;
	gpu->bar0_size = preset->bar0_size;
	gpu->scrub = preset->scrub;
	gpu->training = preset->training;
	gpu->links = preset->links;
	gpu->first_link = 0;
	gpu->npu_number = SIM_NPU_OWN;
	gpu->atsd = SIM_ATSD_MAX;
	gpu->without[0] = 0;
}

static ssize_t sim_control_get_preset(struct sim_gpu *gpu, char *page)
{
	return sysfs_emit(page, "%s\n", gpu->preset->name);
}

static ssize_t sim_control_set_preset(struct sim_gpu *gpu, const char *page)
{
	const struct sim_preset *preset = sim_preset_find(page);

	if (!preset)
		return sim_control_refuse(gpu, "preset", page,
					  "one that `features` lists");
	sim_control_use(gpu, preset);
	return 0;
}
SIM_ATTR(preset);

static ssize_t sim_control_get_mem_base(struct sim_gpu *gpu, char *page)
{
	u64 base = gpu->mem_base;

	if (!gpu->enabled && !gpu->mem_base_set)
		base = sim_enable_next_base();
	return sysfs_emit(page, "%#llx\n", base);
}

/* 0 is never RAM that is free, so it means: behind the others'. */
static ssize_t sim_control_set_mem_base(struct sim_gpu *gpu, const char *page)
{
	if (sim_control_bytes(page, &gpu->mem_base))
		return sim_control_refuse(gpu, "mem_base", page, "an address");
	gpu->mem_base_set = gpu->mem_base;
	return 0;
}
SIM_ATTR(mem_base);

static ssize_t sim_control_get_mem_size(struct sim_gpu *gpu, char *page)
{
	return sysfs_emit(page, "%#llx\n", gpu->mem_size);
}

static ssize_t sim_control_set_mem_size(struct sim_gpu *gpu, const char *page)
{
	u64 size;

	if (sim_control_bytes(page, &size))
		return sim_control_refuse(gpu, "mem_size", page,
					  "a number of bytes; K, M and G are known");
	gpu->mem_size = size ?: gpu->preset->mem_size;
	return 0;
}
SIM_ATTR(mem_size);

static ssize_t sim_control_set_id(struct sim_gpu *gpu, const char *attr,
				  u16 *id, const char *page)
{
	u16 value;

	if (kstrtou16(page, 0, &value) || value == U16_MAX)
		return sim_control_refuse(gpu, attr, page,
					  "a number below 0xffff");
	*id = value;
	return 0;
}

static ssize_t sim_control_get_vendor(struct sim_gpu *gpu, char *page)
{
	return sysfs_emit(page, "%#06x\n", gpu->vendor);
}

static ssize_t sim_control_set_vendor(struct sim_gpu *gpu, const char *page)
{
	return sim_control_set_id(gpu, "vendor", &gpu->vendor, page);
}
SIM_ATTR(vendor);

static ssize_t sim_control_get_device(struct sim_gpu *gpu, char *page)
{
	return sysfs_emit(page, "%#06x\n", gpu->device);
}

static ssize_t sim_control_set_device(struct sim_gpu *gpu, const char *page)
{
	return sim_control_set_id(gpu, "device", &gpu->device, page);
}
SIM_ATTR(device);

static const char *const sim_control_scrub[] = {
	[SIM_SCRUB_NONE] = "0",
	[SIM_SCRUB_PARTS] = "1",
	[SIM_SCRUB_ALL] = "all",
};

static ssize_t sim_control_get_scrub(struct sim_gpu *gpu, char *page)
{
	return sysfs_emit(page, "%s\n", sim_control_scrub[gpu->scrub]);
}

static ssize_t sim_control_set_scrub(struct sim_gpu *gpu, const char *page)
{
	int i = sysfs_match_string(sim_control_scrub, page);

	if (i < 0)
		return sim_control_refuse(gpu, "scrub", page, "0, 1 or all");
	gpu->scrub = i;
	return 0;
}
SIM_ATTR(scrub);

static ssize_t sim_control_set_count(struct sim_gpu *gpu, const char *attr,
				     u32 *count, u32 max, const char *page)
{
	u32 value;

	if (!gpu->preset->links)
		return sim_control_refuse(gpu, attr, page,
					  "of a preset on NVLink");
	if (kstrtou32(page, 0, &value) || value > max)
		return sim_control_refuse(gpu, attr, page,
					  "a number that the preset allows");
	*count = value;
	return 0;
}

static ssize_t sim_control_get_links(struct sim_gpu *gpu, char *page)
{
	return sysfs_emit(page, "%u\n", gpu->links);
}

static ssize_t sim_control_set_links(struct sim_gpu *gpu, const char *page)
{
	return sim_control_set_count(gpu, "links", &gpu->links,
				     gpu->preset->links, page);
}
SIM_ATTR(links);

static ssize_t sim_control_get_first_link(struct sim_gpu *gpu, char *page)
{
	return sysfs_emit(page, "%u\n", gpu->first_link);
}

static ssize_t sim_control_set_first_link(struct sim_gpu *gpu,
					  const char *page)
{
	return sim_control_set_count(gpu, "first_link", &gpu->first_link,
				     SIM_ATSD_MAX, page);
}
SIM_ATTR(first_link);

static ssize_t sim_control_get_npu(struct sim_gpu *gpu, char *page)
{
	if (gpu->npu_number == SIM_NPU_OWN)
		return sysfs_emit(page, "own\n");
	return sysfs_emit(page, "%u\n", gpu->npu_number);
}

static ssize_t sim_control_set_npu(struct sim_gpu *gpu, const char *page)
{
	if (gpu->preset->links && sysfs_streq(page, "own")) {
		gpu->npu_number = SIM_NPU_OWN;
		return 0;
	}
	return sim_control_set_count(gpu, "npu", &gpu->npu_number, SIM_NPU_MAX,
				     page);
}
SIM_ATTR(npu);

static ssize_t sim_control_get_atsd(struct sim_gpu *gpu, char *page)
{
	return sysfs_emit(page, "%u\n", gpu->atsd);
}

static ssize_t sim_control_set_atsd(struct sim_gpu *gpu, const char *page)
{
	return sim_control_set_count(gpu, "atsd", &gpu->atsd, SIM_ATSD_MAX,
				     page);
}
SIM_ATTR(atsd);

static ssize_t sim_control_get_without(struct sim_gpu *gpu, char *page)
{
	return sysfs_emit(page, "%s\n", gpu->without);
}

static ssize_t sim_control_set_without(struct sim_gpu *gpu, const char *page)
{
	if (strlen(page) >= sizeof(gpu->without))
		return sim_control_refuse(gpu, "without", page,
					  "a shorter list of names");
	strscpy(gpu->without, page, sizeof(gpu->without));
	strim(gpu->without);
	return 0;
}
SIM_ATTR(without);

static ssize_t sim_control_get_training_ms(struct sim_gpu *gpu, char *page)
{
	return sysfs_emit(page, "%u\n", READ_ONCE(gpu->training_ms));
}

static ssize_t sim_control_set_training_ms(struct sim_gpu *gpu,
					   const char *page)
{
	u32 value;

	if (kstrtou32(page, 0, &value) || value > SIM_MS_MAX)
		return sim_control_refuse(gpu, "training_ms", page,
					  "milliseconds, at most ten minutes");
	WRITE_ONCE(gpu->training_ms, value);
	return 0;
}
SIM_ATTR(training_ms);

static ssize_t sim_control_get_claim(const struct sim_claim *claim, char *page)
{
	if (claim->absent)
		return sysfs_emit(page, "absent\n");
	if (!claim->set)
		return sysfs_emit(page, "true\n");
	return sysfs_emit(page, "%#llx\n", claim->value);
}

static ssize_t sim_control_set_claim(struct sim_gpu *gpu, const char *attr,
				     struct sim_claim *to, const char *page)
{
	struct sim_claim claim = {};

	if (sysfs_streq(page, "absent"))
		claim.absent = true;
	else if (!sim_control_bytes(page, &claim.value))
		claim.set = true;
	else if (!sysfs_streq(page, "true"))
		return sim_control_refuse(gpu, attr, page,
					  "a number, `true` or `absent`");
	*to = claim;
	return 0;
}

/* An attribute that is such a claim. */
#define SIM_CLAIM_ATTR(what)                                                  \
static ssize_t sim_control_get_prop_##what(struct sim_gpu *gpu, char *page)   \
{                                                                             \
	return sim_control_get_claim(&gpu->prop_##what, page);                \
}                                                                             \
									      \
static ssize_t sim_control_set_prop_##what(struct sim_gpu *gpu,               \
					   const char *page)                  \
{                                                                             \
	return sim_control_set_claim(gpu, "prop_" #what, &gpu->prop_##what,   \
				     page);                                   \
}                                                                             \
SIM_ATTR(prop_##what)

SIM_CLAIM_ATTR(base);
SIM_CLAIM_ATTR(size);
SIM_CLAIM_ATTR(atsd);

static const char *const sim_control_properties[] = {
	[SIM_PROPS_SWNODE] = "swnode",
	[SIM_PROPS_FIRMWARE] = "firmware",
	[SIM_PROPS_NONE] = "none",
};

static ssize_t sim_control_get_properties(struct sim_gpu *gpu, char *page)
{
	return sysfs_emit(page, "%s\n",
			  sim_control_properties[gpu->properties]);
}

static ssize_t sim_control_set_properties(struct sim_gpu *gpu,
					  const char *page)
{
	int i = sysfs_match_string(sim_control_properties, page);

	if (i < 0)
		return sim_control_refuse(gpu, "properties", page,
					  "swnode, firmware or none");
	gpu->properties = i;
	return 0;
}
SIM_ATTR(properties);

static ssize_t sim_control_get_bar0_size(struct sim_gpu *gpu, char *page)
{
	switch (gpu->bar0) {
	case SIM_BAR0_IO:
		return sysfs_emit(page, "io\n");
	case SIM_BAR0_NONE:
		return sysfs_emit(page, "0\n");
	default:
		return sysfs_emit(page, "%#x\n", gpu->bar0_size);
	}
}

static ssize_t sim_control_set_bar0_size(struct sim_gpu *gpu, const char *page)
{
	u64 size;

	if (sysfs_streq(page, "io")) {
		gpu->bar0 = SIM_BAR0_IO;
		gpu->bar0_size = SIM_IO_BYTES;
		return 0;
	}
	if (sim_control_bytes(page, &size) ||
	    (size && (!is_power_of_2(size) || size < SZ_4K || size > SZ_1G)))
		return sim_control_refuse(gpu, "bar0_size", page,
					  "0, io, or a power of two from 4K to 1G");
	gpu->bar0 = size ? SIM_BAR0_MEMORY : SIM_BAR0_NONE;
	gpu->bar0_size = size;
	return 0;
}
SIM_ATTR(bar0_size);

static ssize_t sim_control_get_enable(struct sim_gpu *gpu, char *page)
{
	return sysfs_emit(page, "%d\n", gpu->enabled);
}

static ssize_t sim_control_set_enable(struct sim_gpu *gpu, const char *page)
{
	bool enable;

	if (kstrtobool(page, &enable))
		return sim_control_refuse(gpu, "enable", page, "0 or 1");
	if (enable)
		return sim_enable(gpu);
	sim_disable(gpu);
	return 0;
}
SIM_ATTR(enable);

static struct configfs_attribute *sim_control_attrs[] = {
	&sim_control_attr_bdf,
	&sim_control_attr_preset,
	&sim_control_attr_mem_base,
	&sim_control_attr_mem_size,
	&sim_control_attr_vendor,
	&sim_control_attr_device,
	&sim_control_attr_bar0_size,
	&sim_control_attr_properties,
	&sim_control_attr_prop_base,
	&sim_control_attr_prop_size,
	&sim_control_attr_prop_atsd,
	&sim_control_attr_scrub,
	&sim_control_attr_training_ms,
	&sim_control_attr_links,
	&sim_control_attr_first_link,
	&sim_control_attr_npu,
	&sim_control_attr_atsd,
	&sim_control_attr_without,
	&sim_control_attr_enable,
	NULL
};

static void sim_control_release(struct config_item *item)
{
	kfree(sim_to_gpu(item));
}

static struct configfs_item_operations sim_control_item_ops = {
	.release = sim_control_release,
};

static const struct config_item_type sim_control_type = {
	.ct_item_ops = &sim_control_item_ops,
	.ct_attrs = sim_control_attrs,
	.ct_owner = THIS_MODULE,
};

static struct config_item *sim_control_make(struct config_group *group,
					    const char *name)
{
	struct sim_gpu *gpu;

	gpu = kzalloc(sizeof(*gpu), GFP_KERNEL);
	if (!gpu)
		return ERR_PTR(-ENOMEM);
	sim_device_init(gpu);
	sim_control_use(gpu, &sim_presets[0]);
	config_item_init_type_name(&gpu->item, name, &sim_control_type);
	sim_faults_add(gpu);
	return &gpu->item;
}

/* The directory goes, and the GPU with it. */
static void sim_control_drop(struct config_group *group,
			     struct config_item *item)
{
	struct sim_gpu *gpu = sim_to_gpu(item);

	mutex_lock(&sim_lock);
	sim_disable(gpu);
	sim_bus_unpin();
	mutex_unlock(&sim_lock);
	sim_faults_remove(gpu);
	config_item_put(item);
}

static struct configfs_group_operations sim_control_group_ops = {
	.make_item = sim_control_make,
	.drop_item = sim_control_drop,
};

static ssize_t sim_control_features_show(struct config_item *item, char *page)
{
	const struct sim_preset *preset;
	int at = 0;

	for (preset = sim_presets; preset->name; preset++)
		at += sysfs_emit_at(page, at, "%s ", preset->name);
	at += sysfs_emit_at(page, at,
			    "swnode firmware memory training flr hot pm dead unplug reset_after scrub ras_events nvlink");
	if (sim_ras_sees_mappings())
		at += sysfs_emit_at(page, at, " ras_mappings");
	if (SIM_AER)
		at += sysfs_emit_at(page, at, " aer");
	if (IS_ENABLED(CONFIG_MEMORY_FAILURE))
		at += sysfs_emit_at(page, at, " poison");
	return at + sysfs_emit_at(page, at, "\n");
}
CONFIGFS_ATTR_RO(sim_control_, features);

static struct configfs_attribute *sim_control_root_attrs[] = {
	&sim_control_attr_features,
	NULL
};

static const struct config_item_type sim_control_root_type = {
	.ct_group_ops = &sim_control_group_ops,
	.ct_attrs = sim_control_root_attrs,
	.ct_owner = THIS_MODULE,
};

static struct configfs_subsystem sim_control_subsystem = {
	.su_group = {
		.cg_item = {
			.ci_namebuf = "cohgpu",
			.ci_type = &sim_control_root_type,
		},
	},
	.su_mutex = __MUTEX_INITIALIZER(sim_control_subsystem.su_mutex),
};

int sim_control_init(void)
{
	config_group_init(&sim_control_subsystem.su_group);
	return configfs_register_subsystem(&sim_control_subsystem);
}

void sim_control_exit(void)
{
	configfs_unregister_subsystem(&sim_control_subsystem);
}
