// SPDX-License-Identifier: GPL-2.0-only
/*
 * A GPU is put on its bus and taken off again.
 *
 * Its memory has to be RAM that the kernel does not know (mem= hides it), and
 * that nothing else claims: it is claimed in /proc/iomem. That there is RAM at
 * all is asked of the device tree where that tells, because on arm64 an access
 * to nothing takes the machine down; and then tried.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/mm.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/sizes.h>

#include "sim.h"

/* Settings of all GPUs, and who is enabled. */
DEFINE_MUTEX(sim_lock);

/* The enabled ones, under sim_lock. */
static LIST_HEAD(sim_gpus);

/* Where the next GPU's memory goes. */
u64 sim_enable_next_base(void)
{
	u64 base = SIM_MEM_BASE;
	struct sim_gpu *gpu;

	lockdep_assert_held(&sim_lock);

	list_for_each_entry(gpu, &sim_gpus, list)
		base = max_t(u64, base, ALIGN(gpu->mem_base + sim_span(gpu),
					      SZ_512M));
	return base;
}

/* How far from @at the device tree says that memory goes; all if it is mute. */
static u64 sim_enable_memory_from(u64 at)
{
	struct device_node *node;
	struct resource part;
	bool mute = true;
	u64 end = at;
	int i;

	for_each_node_by_type(node, "memory") {
		for (i = 0; !of_address_to_resource(node, i, &part); i++) {
			mute = false;
			if (part.start <= at && at <= part.end)
				end = part.end + 1;
		}
	}
	return mute ? U64_MAX : end;
}

static int sim_enable_refuse(struct sim_gpu *gpu, int ret, const char *rule)
{
	pr_err("%s: mem_base %#llx, mem_size %#llx: enable: must %s\n",
	       sim_name(gpu), gpu->mem_base, gpu->mem_size, rule);
	return ret;
}

static int sim_enable_claim(struct sim_gpu *gpu)
{
	u64 at = gpu->mem_base, end, next;
	struct sim_gpu *other;

	if (check_add_overflow(gpu->mem_base, sim_span(gpu), &end) ||
	    !PAGE_ALIGNED(gpu->mem_base) || !PAGE_ALIGNED(gpu->mem_size))
		return sim_enable_refuse(gpu, -EINVAL,
					 "be whole pages below 2^64");
	list_for_each_entry(other, &sim_gpus, list) {
		if (gpu->mem_base < other->mem_base + sim_span(other) &&
		    other->mem_base < end) {
			pr_err("%s: mem_base %#llx, mem_size %#llx: enable: overlaps the memory of %s\n",
			       sim_name(gpu), gpu->mem_base, gpu->mem_size,
			       sim_name(other));
			return -EBUSY;
		}
	}
	if (region_intersects(gpu->mem_base, sim_span(gpu),
			      IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) !=
		    REGION_DISJOINT ||
	    pfn_valid(gpu->mem_base >> PAGE_SHIFT) ||
	    pfn_valid((end - 1) >> PAGE_SHIFT))
		return sim_enable_refuse(gpu, -EBUSY,
					 "be RAM that mem= hides, not the kernel's");
	for (; at < end; at = next) {
		next = sim_enable_memory_from(at);
		if (next == at)
			return sim_enable_refuse(gpu, -ENXIO,
						 "be memory that the machine has");
	}

	gpu->resource = (struct resource){
		.name = "cohgpu-sim",
		.start = gpu->mem_base,
		.end = gpu->mem_base + sim_window(gpu) - 1,
		.flags = IORESOURCE_MEM,
	};
	if (request_resource(&iomem_resource, &gpu->resource))
		return sim_enable_refuse(gpu, -EBUSY,
					 "be claimed by nobody in /proc/iomem");
	return 0;
}

static void sim_enable_set(struct sim_gpu *gpu, bool enabled)
{
	lockdep_assert_held(&sim_lock);

	down_write(&gpu->alive);
	gpu->enabled = enabled;
	up_write(&gpu->alive);
}

int sim_enable(struct sim_gpu *gpu)
{
	struct pci_dev *stock;
	int ret;

	lockdep_assert_held(&sim_lock);

	if (gpu->enabled)
		return 0;
	stock = sim_bus_find_stock(gpu);
	if (IS_ERR(stock))
		return PTR_ERR(stock);
	strscpy(gpu->bdf, pci_name(stock), sizeof(gpu->bdf));
	if (!gpu->mem_base_set)
		gpu->mem_base = sim_enable_next_base();

	ret = sim_enable_claim(gpu);
	if (ret)
		goto out_put;
	ret = sim_memory_start(gpu);
	if (ret)
		goto out_release;
	ret = sim_nvlink_start(gpu);
	if (ret)
		goto out_memory;
	ret = sim_bus_join(gpu, stock);
	stock = NULL;
	if (ret)
		goto out_nvlink;
	ret = sim_nvlink_join(gpu);
	if (ret)
		goto out_leave;
	list_add_tail(&gpu->list, &sim_gpus);
	sim_enable_set(gpu, true);
	pr_info("%s: %s at %s, memory %#llx + %#llx\n", sim_name(gpu),
		gpu->preset->name, gpu->bdf, gpu->mem_base, gpu->mem_size);
	return 0;

out_leave:
	sim_bus_leave(gpu);
out_nvlink:
	sim_nvlink_stop(gpu);
out_memory:
	sim_memory_stop(gpu);
out_release:
	release_resource(&gpu->resource);
out_put:
	pci_dev_put(stock);
	return ret;
}

/* Waits until a driver that has the device lets it go. */
void sim_disable(struct sim_gpu *gpu)
{
	lockdep_assert_held(&sim_lock);

	if (!gpu->enabled)
		return;
	sim_enable_set(gpu, false);
	cancel_delayed_work_sync(&gpu->reset_work);
	cancel_work_sync(&gpu->unplug_work);
	sim_nvlink_leave(gpu);
	sim_bus_leave(gpu);
	list_del(&gpu->list);
	sim_nvlink_stop(gpu);
	sim_memory_stop(gpu);
	release_resource(&gpu->resource);
}
