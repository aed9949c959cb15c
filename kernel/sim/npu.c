// SPDX-License-Identifier: GPL-2.0-only
/*
 * The NPU: POWER9's host adapter for NVLink, one a processor. The bridges of
 * all GPUs on it have one host bridge, whose node lists the ATSD registers in
 * `ibm,mmio-atsd`, and their links have nodes of their own, each with its index
 * among the NPU's links.
 *
 * The first GPU on an NPU brings it: its registers are pages behind that GPU's
 * window, and keep what is written to them. It goes with the last.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/property.h>
#include <linux/slab.h>

#include "sim.h"

#define SIM_NPU_NAME 32

/**
 * struct sim_npu - an NPU
 * @list: in sim_npus
 * @number: as in the attribute `npu`
 * @users: GPUs on it
 * @links: those that are taken, a bit each
 * @registers: its ATSD registers' pages, claimed in /proc/iomem
 * @host: the host bridge's node
 * @adapter: parent of the links' nodes
 * @entries: of @host
 * @atsd: addresses of the registers
 * @nodes: both
 * @host_name: of @host
 * @adapter_name: of @adapter
 */
struct sim_npu {
	struct list_head list;
	u32 number;
	unsigned int users;
	unsigned long links;
	struct resource registers;
	struct software_node host;
	struct software_node adapter;
	struct property_entry entries[2];
	u64 atsd[SIM_ATSD_MAX];
	const struct software_node *nodes[3];
	char host_name[SIM_NPU_NAME];
	char adapter_name[SIM_NPU_NAME];
};

/* Under sim_lock, as is all here. */
static LIST_HEAD(sim_npus);

const struct software_node *sim_npu_host(const struct sim_npu *npu)
{
	return &npu->host;
}

const struct software_node *sim_npu_adapter(const struct sim_npu *npu)
{
	return &npu->adapter;
}

static unsigned long sim_npu_mask(const struct sim_gpu *gpu)
{
	return GENMASK(gpu->first_link + gpu->links - 1, gpu->first_link);
}

static void sim_npu_fill(struct sim_npu *npu, struct sim_gpu *gpu)
{
	u64 at = npu->registers.start;
	u64 claimed = sim_claimed(&gpu->prop_atsd, at);
	unsigned int i;

	snprintf(npu->host_name, sizeof(npu->host_name), "pciex@%llx", at);
	snprintf(npu->adapter_name, sizeof(npu->adapter_name), "npu@%llx", at);
	for (i = 0; i < gpu->atsd; i++)
		npu->atsd[i] = claimed + i * SIM_ATSD_BYTES;
	if (gpu->atsd && !gpu->prop_atsd.absent)
		sim_nvlink_entry(gpu, npu->entries,
				 PROPERTY_ENTRY_U64_ARRAY_LEN("ibm,mmio-atsd",
							      npu->atsd,
							      gpu->atsd));
	npu->host.name = npu->host_name;
	npu->host.properties = npu->entries;
	npu->adapter.name = npu->adapter_name;
	npu->nodes[0] = &npu->host;
	npu->nodes[1] = &npu->adapter;
}

static struct sim_npu *sim_npu_make(struct sim_gpu *gpu)
{
	struct sim_npu *npu = kzalloc(sizeof(*npu), GFP_KERNEL);
	int ret;

	if (!npu)
		return ERR_PTR(-ENOMEM);
	npu->number = gpu->npu_number;
	npu->registers = (struct resource){
		.name = "cohgpu-sim ATSD",
		.start = gpu->mem_base + gpu->preset->window,
		.end = gpu->mem_base + sim_span(gpu) - 1,
		.flags = IORESOURCE_MEM,
	};
	sim_npu_fill(npu, gpu);
	ret = request_resource(&iomem_resource, &npu->registers);
	if (ret)
		goto out_free;
	ret = sim_tree_register(npu->nodes);
	if (ret)
		goto out_release;
	list_add_tail(&npu->list, &sim_npus);
	return npu;

out_release:
	release_resource(&npu->registers);
out_free:
	kfree(npu);
	return ERR_PTR(ret);
}

static struct sim_npu *sim_npu_find(const struct sim_gpu *gpu)
{
	struct sim_npu *npu;

	list_for_each_entry(npu, &sim_npus, list) {
		if (gpu->npu_number != SIM_NPU_OWN &&
		    npu->number == gpu->npu_number)
			return npu;
	}
	return NULL;
}

/* The NPU that @gpu says, with its links taken there. */
struct sim_npu *sim_npu_get(struct sim_gpu *gpu)
{
	struct sim_npu *npu = sim_npu_find(gpu);

	lockdep_assert_held(&sim_lock);

	if (npu && npu->links & sim_npu_mask(gpu)) {
		pr_err("%s: npu %u, first_link %u, links %u: enable: must be links that no other GPU has\n",
		       sim_name(gpu), gpu->npu_number, gpu->first_link,
		       gpu->links);
		return ERR_PTR(-EBUSY);
	}
	if (!npu)
		npu = sim_npu_make(gpu);
	if (IS_ERR(npu))
		return npu;
	npu->users++;
	npu->links |= sim_npu_mask(gpu);
	return npu;
}

void sim_npu_put(struct sim_npu *npu, struct sim_gpu *gpu)
{
	lockdep_assert_held(&sim_lock);

	npu->links &= ~sim_npu_mask(gpu);
	if (--npu->users)
		return;
	list_del(&npu->list);
	sim_tree_unregister(npu->nodes);
	release_resource(&npu->registers);
	kfree(npu);
}
