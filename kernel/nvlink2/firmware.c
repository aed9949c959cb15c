// SPDX-License-Identifier: GPL-2.0-only
/*
 * What firmware tells of GPUs and links, in nodes that point at each other:
 *
 *	GPU      ibm,npu                 its links' functions
 *	function ibm,gpu                 its GPU
 *	         memory-region           a node whose `reg` is the GPU's window
 *	         ibm,device-tgt-addr     the window in the GPUs' own routing
 *	         ibm,nvlink-speed
 *	         ibm,nvlink              a node with ibm,npu-link-index
 *	parent   ibm,mmio-atsd           one address for each ATSD register
 *
 * Real machines have them in the device tree. They are read as firmware nodes,
 * so that it need not be one. A function is what its reference says it is; what
 * else is missing costs only what depends on it.
 */
#include <linux/property.h>
#include <linux/sizes.h>

#include "logic/link.h"
#include "nvlink2/nvlink2.h"

#define NVLINK2_LINKS_MAX 6
#define NVLINK2_ATSD_MAX 16

/* The largest region that leaves the next region's offsets alone. */
#define NVLINK2_REGION_LIMIT BIT_ULL(VFIO_PCI_OFFSET_SHIFT)

static void nvlink2_firmware_miss(struct pci_dev *pdev,
				  struct fwnode_handle *node,
				  const char *property, const char *cost)
{
	pci_warn(pdev, "firmware node %pfw: %s: missing: %s\n", node, property,
		 cost);
}

/* The node that @property points at, with a reference; NULL after a warning. */
static struct fwnode_handle *
nvlink2_firmware_follow(struct pci_dev *pdev, struct fwnode_handle *node,
			const char *property, const char *cost)
{
	struct fwnode_handle *other = fwnode_find_reference(node, property, 0);

	if (!IS_ERR(other))
		return other;
	nvlink2_firmware_miss(pdev, node, property, cost);
	return NULL;
}

static void nvlink2_firmware_target(struct pci_dev *pdev,
				    struct fwnode_handle *function,
				    struct nvlink2_firmware *fw)
{
	fw->has_tgt = !fwnode_property_read_u64(function, "ibm,device-tgt-addr",
						&fw->tgt);
	if (!fw->has_tgt)
		nvlink2_firmware_miss(pdev, function, "ibm,device-tgt-addr",
				      "no SSATGT capability");
}

/* Firmware is believed only as far as its values can be right. */
static void nvlink2_firmware_window(struct pci_dev *pdev,
				    struct fwnode_handle *memory,
				    struct nvlink2_firmware *fw)
{
	struct coherent_split_input in = {
		.page_size = PAGE_SIZE,
		.address_limit = COHERENT_ADDRESS_LIMIT,
		.bar_limit = NVLINK2_REGION_LIMIT,
	};
	enum coherent_split_rule rule;
	struct coherent_split split;
	u64 reg[2];

	if (fwnode_property_read_u64_array(memory, "reg", reg,
					   ARRAY_SIZE(reg))) {
		nvlink2_firmware_miss(pdev, memory, "reg",
				      "no region for the GPU's memory");
		return;
	}
	in.base = reg[0];
	in.size = reg[1];
	rule = coherent_split(&in, &split);
	if (rule != COHERENT_SPLIT_OK || !PAGE_ALIGNED(reg[1])) {
		pci_err(pdev, "firmware node %pfw: reg %#llx + %#llx: must %s: no region for the GPU's memory\n",
			memory, reg[0], reg[1], rule != COHERENT_SPLIT_OK ?
			coherent_split_rule_text(rule) : "be whole pages");
		return;
	}
	fw->base = reg[0];
	fw->size = reg[1];
}

/* All of a GPU's links lead to the same memory: the first one tells. */
static void nvlink2_firmware_gpu(struct pci_dev *pdev,
				 struct fwnode_handle *function,
				 struct nvlink2_firmware *fw)
{
	struct fwnode_handle *memory;

	fw->side = NVLINK2_GPU;
	nvlink2_firmware_target(pdev, function, fw);
	memory = nvlink2_firmware_follow(pdev, function, "memory-region",
					 "no region for the GPU's memory");
	if (!memory)
		return;
	nvlink2_firmware_window(pdev, memory, fw);
	fwnode_handle_put(memory);
}

/* A link's index at its host bridge, or an error. */
static int nvlink2_firmware_link(struct fwnode_handle *function, u32 *index)
{
	struct fwnode_handle *link = fwnode_find_reference(function,
							   "ibm,nvlink", 0);
	int ret;

	if (IS_ERR(link))
		return PTR_ERR(link);
	ret = fwnode_property_read_u32(link, "ibm,npu-link-index", index);
	fwnode_handle_put(link);
	return ret;
}

static unsigned int nvlink2_firmware_links(struct fwnode_handle *gpu,
					   u32 *links)
{
	struct fwnode_handle *function;
	unsigned int i, n = 0;

	for (i = 0; i < NVLINK2_LINKS_MAX; i++) {
		function = fwnode_find_reference(gpu, "ibm,npu", i);
		if (IS_ERR(function))
			break;
		if (!nvlink2_firmware_link(function, &links[n]))
			n++;
		fwnode_handle_put(function);
	}
	return n;
}

/*
 * The addresses that the nearest ancestor of @node has, which is the host
 * bridge. Return: how many, at most NVLINK2_ATSD_MAX; 0 if there are none.
 */
static unsigned int nvlink2_firmware_ancestor(struct fwnode_handle *node,
					      u64 *addresses)
{
	struct fwnode_handle *parent;
	int n = 0;

	fwnode_for_each_parent_node(node, parent) {
		n = fwnode_property_count_u64(parent, "ibm,mmio-atsd");
		if (n <= 0)
			continue;
		n = min(n, NVLINK2_ATSD_MAX);
		if (fwnode_property_read_u64_array(parent, "ibm,mmio-atsd",
						   addresses, n))
			n = 0;
		fwnode_handle_put(parent);
		break;
	}
	return max(n, 0);
}

static unsigned int nvlink2_firmware_registers(struct fwnode_handle *function,
					       u64 *addresses)
{
	unsigned int n = nvlink2_firmware_ancestor(function, addresses);

	if (!n && !IS_ERR_OR_NULL(function->secondary))
		n = nvlink2_firmware_ancestor(function->secondary, addresses);
	return n;
}

static void nvlink2_firmware_atsd(struct pci_dev *pdev,
				  struct fwnode_handle *function,
				  struct fwnode_handle *gpu,
				  struct nvlink2_firmware *fw)
{
	u32 links[NVLINK2_LINKS_MAX], link;
	u64 addresses[NVLINK2_ATSD_MAX];
	struct coherent_link_group group = { .links = links };
	unsigned int n;
	int use;

	if (nvlink2_firmware_link(function, &link)) {
		nvlink2_firmware_miss(pdev, function,
				      "ibm,nvlink -> ibm,npu-link-index",
				      "no ATSD register");
		return;
	}
	n = nvlink2_firmware_registers(function, addresses);
	group.n = nvlink2_firmware_links(gpu, links);
	use = coherent_link_register(link, n, &group);
	if (use < 0) {
		pci_warn(pdev, "firmware node %pfw: ibm,mmio-atsd above it has %u addresses: link %u has no ATSD register\n",
			 function, n, link);
		return;
	}
	if (use != link)
		pci_warn(pdev, "firmware node %pfw: ibm,mmio-atsd above it has %u addresses: link %u shares ATSD register %d with its GPU's other links\n",
			 function, n, link, use);
	if (!addresses[use] || !IS_ALIGNED(addresses[use], SZ_64K) ||
	    addresses[use] > COHERENT_ADDRESS_LIMIT - SZ_64K) {
		pci_err(pdev, "ibm,mmio-atsd %d is %#llx: must be a multiple of 64 KiB that the CPU can form: no ATSD register\n",
			use, addresses[use]);
		return;
	}
	fw->base = addresses[use];
	fw->size = SZ_64K;
}

static void nvlink2_firmware_bridge(struct pci_dev *pdev,
				    struct fwnode_handle *function,
				    struct fwnode_handle *gpu,
				    struct nvlink2_firmware *fw)
{
	fw->side = NVLINK2_BRIDGE;
	nvlink2_firmware_target(pdev, function, fw);
	fw->has_speed = !fwnode_property_read_u32(function, "ibm,nvlink-speed",
						  &fw->speed);
	if (!fw->has_speed)
		nvlink2_firmware_miss(pdev, function, "ibm,nvlink-speed",
				      "no LNKSPD capability");
	nvlink2_firmware_atsd(pdev, function, gpu, fw);
}

/* Learn what the function is. That it is plain is no error: @fw tells why. */
void nvlink2_firmware_read(struct pci_dev *pdev, struct nvlink2_firmware *fw)
{
	bool is_gpu = pdev->vendor == PCI_VENDOR_ID_NVIDIA;
	struct fwnode_handle *node = dev_fwnode(&pdev->dev), *other;

	other = fwnode_find_reference(node, is_gpu ? "ibm,npu" : "ibm,gpu", 0);
	if (IS_ERR(other)) {
		fw->why = is_gpu ? "firmware does not give ibm,npu" :
				   "firmware does not give ibm,gpu";
		return;
	}
	if (is_gpu)
		nvlink2_firmware_gpu(pdev, other, fw);
	else
		nvlink2_firmware_bridge(pdev, node, other, fw);
	fwnode_handle_put(other);
}
