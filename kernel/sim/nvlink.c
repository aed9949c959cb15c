// SPDX-License-Identifier: GPL-2.0-only
/*
 * A V100 on POWER9's NVLink2: the GPU, a bridge for each link, and what
 * firmware says of them, as it is on an AC922:
 *
 *	GPU      ibm,npu                 its bridges
 *	bridge   ibm,gpu                 its GPU
 *	         memory-region           a node whose `reg` is the window
 *	         ibm,device-tgt-addr     the window in the GPUs' own routing
 *	         ibm,nvlink-speed
 *	         ibm,nvlink              a node with ibm,npu-link-index
 *	host     ibm,mmio-atsd           the bridges' parent: ATSD registers
 *
 * A bridge is played on a stock function of its own, the first that is free
 * after the GPU's. The window is larger than the memory in it. Host bridge and
 * link nodes' parent are the NPU's: npu.c.
 *
 * The nodes point at each other in circles, so they are made and registered
 * together, before the functions come, and hung on the functions as these are
 * added to their buses.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/property.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "sim.h"

#define SIM_LINKS_MAX 3
#define SIM_LINK_SPEED 9
#define SIM_LINK_PROPERTIES 6
#define SIM_NODES (2 + 2 * SIM_LINKS_MAX)
#define SIM_NODE_NAME 32

/* What a GPU's own routing adds to an address. */
#define SIM_TARGET BIT_ULL(46)

static const struct sim_preset sim_nvlink_bridge = {
	.name = "npu-link",
	.vendor = PCI_VENDOR_ID_IBM,
	.device = 0x04ea,
	.class = PCI_CLASS_BRIDGE_OTHER,
	.links = 1,
	.bar0_size = SZ_64K,
};

/**
 * struct sim_nvlink_link - a link
 * @bridge: the function at its host's end
 * @node: the bridge's
 * @link_node: the link's own
 * @entries: of @node
 * @link_entries: of @link_node
 * @to_link: reference from @node to @link_node
 * @name: of @node
 * @link_name: of @link_node
 */
struct sim_nvlink_link {
	struct sim_gpu *bridge;
	struct software_node node;
	struct software_node link_node;
	struct property_entry entries[SIM_LINK_PROPERTIES + 1];
	struct property_entry link_entries[2];
	struct software_node_ref_args to_link;
	char name[SIM_NODE_NAME];
	char link_name[SIM_NODE_NAME];
};

/**
 * struct sim_nvlink - a GPU's surroundings
 * @gpu: the GPU
 * @npu: what its links go to
 * @links: its links, as many as @gpu says
 * @memory: node of the window
 * @node: the GPU's node
 * @memory_entries: of @memory
 * @entries: of @node
 * @to_gpu: reference to @node
 * @to_memory: reference to @memory
 * @to_bridges: references to the bridges' nodes
 * @reg: the window
 * @nodes: all of them
 * @name: of @node
 * @memory_name: of @memory
 */
struct sim_nvlink {
	struct sim_gpu *gpu;
	struct sim_npu *npu;
	struct sim_nvlink_link links[SIM_LINKS_MAX];
	struct software_node memory;
	struct software_node node;
	struct property_entry memory_entries[2];
	struct property_entry entries[2];
	struct software_node_ref_args to_gpu;
	struct software_node_ref_args to_memory;
	struct software_node_ref_args to_bridges[SIM_LINKS_MAX];
	u64 reg[2];
	const struct software_node *nodes[SIM_NODES + 1];
	char name[SIM_NODE_NAME];
	char memory_name[SIM_NODE_NAME];
};

/* Is @name one of the words that firmware leaves out? */
static bool sim_nvlink_lacks(struct sim_gpu *gpu, const char *name)
{
	size_t length = strlen(name);
	const char *at = gpu->without;

	while ((at = strstr(at, name))) {
		if ((at == gpu->without || at[-1] == ' ') &&
		    (!at[length] || at[length] == ' '))
			return true;
		at += length;
	}
	return false;
}

/* Add a property, unless firmware leaves it out. */
void sim_nvlink_entry(struct sim_gpu *gpu, struct property_entry *list,
		      struct property_entry entry)
{
	if (sim_nvlink_lacks(gpu, entry.name))
		return;
	while (list->name)
		list++;
	*list = entry;
}

static void sim_nvlink_fill_link(struct sim_nvlink *nvlink, unsigned int i)
{
	struct sim_nvlink_link *link = &nvlink->links[i];
	struct sim_gpu *gpu = nvlink->gpu;
	unsigned int index = gpu->first_link + i;

	snprintf(link->name, sizeof(link->name), "pci@%u", index);
	snprintf(link->link_name, sizeof(link->link_name), "link@%u", index);
	sim_nvlink_entry(gpu, link->link_entries,
			 PROPERTY_ENTRY_U32("ibm,npu-link-index", index));
	link->link_node.name = link->link_name;
	link->link_node.properties = link->link_entries;
	link->link_node.parent = sim_npu_adapter(nvlink->npu);
	link->to_link = SOFTWARE_NODE_REFERENCE(&link->link_node);

	sim_nvlink_entry(gpu, link->entries,
			 PROPERTY_ENTRY_REF_ARRAY_LEN("ibm,gpu",
						      &nvlink->to_gpu, 1));
	sim_nvlink_entry(gpu, link->entries,
			 PROPERTY_ENTRY_REF_ARRAY_LEN("memory-region",
						      &nvlink->to_memory, 1));
	sim_nvlink_entry(gpu, link->entries,
			 PROPERTY_ENTRY_REF_ARRAY_LEN("ibm,nvlink",
						      &link->to_link, 1));
	sim_nvlink_entry(gpu, link->entries,
			 PROPERTY_ENTRY_U64("ibm,device-tgt-addr",
					    SIM_TARGET | gpu->mem_base));
	sim_nvlink_entry(gpu, link->entries,
			 PROPERTY_ENTRY_U32("ibm,nvlink-speed",
					    SIM_LINK_SPEED));
	link->node.name = link->name;
	link->node.properties = link->entries;
	link->node.parent = sim_npu_host(nvlink->npu);
	nvlink->to_bridges[i] = SOFTWARE_NODE_REFERENCE(&link->node);
}

static void sim_nvlink_fill(struct sim_nvlink *nvlink)
{
	struct sim_gpu *gpu = nvlink->gpu;
	unsigned int i, n = 0;

	nvlink->reg[0] = sim_claimed(&gpu->prop_base, gpu->mem_base);
	nvlink->reg[1] = sim_claimed(&gpu->prop_size, gpu->preset->window);
	snprintf(nvlink->name, sizeof(nvlink->name), "gpu@%llx",
		 gpu->mem_base);
	snprintf(nvlink->memory_name, sizeof(nvlink->memory_name),
		 "memory@%llx", gpu->mem_base);

	nvlink->to_gpu = SOFTWARE_NODE_REFERENCE(&nvlink->node);
	nvlink->to_memory = SOFTWARE_NODE_REFERENCE(&nvlink->memory);
	for (i = 0; i < gpu->links; i++)
		sim_nvlink_fill_link(nvlink, i);

	if (!gpu->prop_base.absent && !gpu->prop_size.absent)
		sim_nvlink_entry(gpu, nvlink->memory_entries,
				 PROPERTY_ENTRY_U64_ARRAY_LEN("reg",
							      nvlink->reg, 2));
	sim_nvlink_entry(gpu, nvlink->entries,
			 PROPERTY_ENTRY_REF_ARRAY_LEN("ibm,npu",
						      nvlink->to_bridges,
						      gpu->links));
	nvlink->memory.name = nvlink->memory_name;
	nvlink->memory.properties = nvlink->memory_entries;
	nvlink->node.name = nvlink->name;
	nvlink->node.properties = nvlink->entries;

	nvlink->nodes[n++] = &nvlink->memory;
	nvlink->nodes[n++] = &nvlink->node;
	for (i = 0; i < gpu->links; i++) {
		nvlink->nodes[n++] = &nvlink->links[i].link_node;
		nvlink->nodes[n++] = &nvlink->links[i].node;
	}
}

/* Before the GPU comes: what its firmware will say. */
int sim_nvlink_start(struct sim_gpu *gpu)
{
	struct sim_nvlink *nvlink;
	int ret;

	lockdep_assert_held(&sim_lock);

	if (!gpu->links)
		return 0;
	nvlink = kzalloc(sizeof(*nvlink), GFP_KERNEL);
	if (!nvlink)
		return -ENOMEM;
	nvlink->gpu = gpu;
	nvlink->npu = sim_npu_get(gpu);
	if (IS_ERR(nvlink->npu)) {
		ret = PTR_ERR(nvlink->npu);
		goto out_free;
	}
	sim_nvlink_fill(nvlink);
	ret = sim_tree_register(nvlink->nodes);
	if (ret)
		goto out_npu;
	gpu->nvlink = nvlink;
	return 0;

out_npu:
	sim_npu_put(nvlink->npu, gpu);
out_free:
	kfree(nvlink);
	return ret;
}

/* When all functions are gone. */
void sim_nvlink_stop(struct sim_gpu *gpu)
{
	if (!gpu->nvlink)
		return;
	sim_tree_unregister(gpu->nvlink->nodes);
	sim_npu_put(gpu->nvlink->npu, gpu);
	kfree(gpu->nvlink);
	gpu->nvlink = NULL;
}

static void sim_nvlink_bridge_release(struct config_item *item)
{
	kfree(container_of(item, struct sim_gpu, item));
}

static struct configfs_item_operations sim_nvlink_bridge_ops = {
	.release = sim_nvlink_bridge_release,
};

/* A bridge is in no directory: the GPU that it leads to makes it. */
static const struct config_item_type sim_nvlink_bridge_type = {
	.ct_item_ops = &sim_nvlink_bridge_ops,
};

static struct sim_gpu *sim_nvlink_make_bridge(struct sim_gpu *gpu,
					      unsigned int i)
{
	struct sim_gpu *bridge = kzalloc(sizeof(*bridge), GFP_KERNEL);

	if (!bridge)
		return NULL;
	sim_device_init(bridge);
	bridge->preset = &sim_nvlink_bridge;
	bridge->vendor = sim_nvlink_bridge.vendor;
	bridge->device = sim_nvlink_bridge.device;
	bridge->bar0_size = sim_nvlink_bridge.bar0_size;
	bridge->properties = gpu->properties;
	bridge->nvlink = gpu->nvlink;
	config_item_init_type_name(&bridge->item, "link",
				   &sim_nvlink_bridge_type);
	config_item_set_name(&bridge->item, "%s-link%u", sim_name(gpu), i);
	return bridge;
}

static int sim_nvlink_join_bridge(struct sim_gpu *gpu, unsigned int i)
{
	struct sim_gpu *bridge = sim_nvlink_make_bridge(gpu, i);
	struct pci_dev *stock;
	int ret;

	if (!bridge)
		return -ENOMEM;
	stock = sim_bus_find_stock(bridge);
	if (IS_ERR(stock)) {
		config_item_put(&bridge->item);
		return PTR_ERR(stock);
	}
	strscpy(bridge->bdf, pci_name(stock), sizeof(bridge->bdf));
	gpu->nvlink->links[i].bridge = bridge;
	ret = sim_bus_join(bridge, stock);
	if (ret) {
		gpu->nvlink->links[i].bridge = NULL;
		config_item_put(&bridge->item);
		return ret;
	}
	pr_info("%s: NVLink bridge at %s\n", sim_name(bridge), bridge->bdf);
	return 0;
}

/* The GPU is there: its bridges come. */
int sim_nvlink_join(struct sim_gpu *gpu)
{
	unsigned int i;
	int ret = 0;

	lockdep_assert_held(&sim_lock);

	for (i = 0; gpu->nvlink && i < gpu->links && !ret; i++)
		ret = sim_nvlink_join_bridge(gpu, i);
	if (ret)
		sim_nvlink_leave(gpu);
	return ret;
}

/* The bridges go, before their GPU. */
void sim_nvlink_leave(struct sim_gpu *gpu)
{
	unsigned int i;

	lockdep_assert_held(&sim_lock);

	for (i = 0; gpu->nvlink && i < gpu->links; i++) {
		struct sim_gpu *bridge = gpu->nvlink->links[i].bridge;

		if (!bridge)
			continue;
		sim_bus_leave(bridge);
		gpu->nvlink->links[i].bridge = NULL;
		config_item_put(&bridge->item);
	}
}

/* A function of ours is being added: the GPU, or a bridge. */
void sim_nvlink_describe(struct sim_gpu *gpu, struct device *dev)
{
	struct sim_nvlink *nvlink = gpu->nvlink;
	const struct software_node *node = &nvlink->node;
	unsigned int i;
	int ret;

	for (i = 0; i < nvlink->gpu->links; i++) {
		if (nvlink->links[i].bridge == gpu)
			node = &nvlink->links[i].node;
	}
	ret = sim_tree_hang(dev, node);
	if (ret)
		pr_err("%s: properties: add to %s: error %d\n", sim_name(gpu),
		       dev_name(dev), ret);
}

void sim_nvlink_undescribe(struct device *dev)
{
	sim_tree_unhang(dev);
}
