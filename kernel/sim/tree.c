// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups of software nodes, planted into the machine's device tree.
 *
 * POWER's firmware speaks through the device tree, so there what the simulator
 * says of a GPU on NVLink is nodes of the tree: made with all their properties,
 * attached by one changeset a group, and taken off by its reversal. A reference
 * becomes a phandle, a number becomes big-endian cells. Elsewhere, and on kernels
 * whose modules cannot make such nodes, the software nodes are registered as
 * they are; sim.h then has these functions.
 *
 * A function has a node of the machine's own firmware already, and ours is hung
 * behind it, as software nodes are. Properties in a node that stays would be
 * simpler, but the kernel never frees what was in one.
 *
 * When a group goes, nobody may have a reference to its nodes left.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/of.h>
#include <linux/property.h>
#include <linux/slab.h>

#include "sim.h"

#if SIM_TREE

/* Above all that firmware gives. */
#define SIM_TREE_PHANDLES 0xC0000000

/* What a node has in the end: its maker's reference and its changeset's. */
#define SIM_TREE_REFERENCES 2

/**
 * struct sim_tree_node - a node
 * @list: in sim_tree.nodes
 * @from: what it was made from
 * @np: the node in the tree
 * @phandle: how others point at it
 */
struct sim_tree_node {
	struct list_head list;
	const struct software_node *from;
	struct device_node *np;
	u32 phandle;
};

/**
 * struct sim_tree - a group of nodes
 * @list: in sim_trees
 * @from: what the group was made from
 * @nodes: its nodes, parents first
 * @changeset: that attached them
 */
struct sim_tree {
	struct list_head list;
	const struct software_node **from;
	struct list_head nodes;
	struct of_changeset changeset;
};

/* Under sim_lock, as is all here. */
static LIST_HEAD(sim_trees);

static struct sim_tree_node *sim_tree_find(const struct software_node *from)
{
	struct sim_tree_node *node;
	struct sim_tree *tree;

	lockdep_assert_held(&sim_lock);

	list_for_each_entry(tree, &sim_trees, list) {
		list_for_each_entry(node, &tree->nodes, list) {
			if (node->from == from)
				return node;
		}
	}
	return NULL;
}

/* One that nobody has, nor had: a reader may remember old ones. */
static u32 sim_tree_phandle(void)
{
	static u32 last = SIM_TREE_PHANDLES;
	struct device_node *np;

	while ((np = of_find_node_by_phandle(++last)))
		of_node_put(np);
	return last;
}

static int sim_tree_add(struct device_node *np, const char *name,
			const void *value, size_t length)
{
	struct property *property = kzalloc(sizeof(*property), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!property)
		return ret;
	property->name = kstrdup(name, GFP_KERNEL);
	property->value = kmemdup(value, length, GFP_KERNEL);
	property->length = length;
	if (property->name && property->value)
		ret = of_add_property(np, property);
	if (ret) {
		kfree(property->name);
		kfree(property->value);
		kfree(property);
	}
	return ret;
}

static int sim_tree_add_u32s(struct device_node *np,
			     const struct property_entry *entry)
{
	const u32 *values = entry->is_inline ? entry->value.u32_data :
					       entry->pointer;
	size_t i, n = entry->length / sizeof(u32);
	__be32 *cells = kcalloc(n, sizeof(*cells), GFP_KERNEL);
	int ret;

	if (!cells)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		cells[i] = cpu_to_be32(values[i]);
	ret = sim_tree_add(np, entry->name, cells, n * sizeof(*cells));
	kfree(cells);
	return ret;
}

static int sim_tree_add_u64s(struct device_node *np,
			     const struct property_entry *entry)
{
	const u64 *values = entry->is_inline ? entry->value.u64_data :
					       entry->pointer;
	size_t i, n = entry->length / sizeof(u64);
	__be64 *cells = kcalloc(n, sizeof(*cells), GFP_KERNEL);
	int ret;

	if (!cells)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		cells[i] = cpu_to_be64(values[i]);
	ret = sim_tree_add(np, entry->name, cells, n * sizeof(*cells));
	kfree(cells);
	return ret;
}

static int sim_tree_add_references(struct device_node *np,
				   const struct property_entry *entry)
{
	const struct software_node_ref_args *refs = entry->pointer;
	size_t i, n = entry->length / sizeof(*refs);
	__be32 *cells = kcalloc(n, sizeof(*cells), GFP_KERNEL);
	int ret;

	if (!cells)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		cells[i] = cpu_to_be32(sim_tree_find(COMPAT_REFERENCE_NODE(&refs[i]))
					       ->phandle);
	ret = sim_tree_add(np, entry->name, cells, n * sizeof(*cells));
	kfree(cells);
	return ret;
}

/* All that the simulator's nodes have are numbers and references. */
static int sim_tree_add_entry(struct device_node *np,
			      const struct property_entry *entry)
{
	switch (entry->type) {
	case DEV_PROP_U32:
		return sim_tree_add_u32s(np, entry);
	case DEV_PROP_U64:
		return sim_tree_add_u64s(np, entry);
	case DEV_PROP_REF:
		return sim_tree_add_references(np, entry);
	default:
		return -EINVAL;
	}
}

static int sim_tree_fill(const struct sim_tree_node *node)
{
	const struct property_entry *entry = node->from->properties;
	__be32 phandle = cpu_to_be32(node->phandle);
	int ret;

	ret = sim_tree_add(node->np, "phandle", &phandle, sizeof(phandle));
	for (; !ret && entry && entry->name; entry++)
		ret = sim_tree_add_entry(node->np, entry);
	return ret;
}

static int sim_tree_make_node(struct sim_tree *tree,
			      const struct software_node *from,
			      struct device_node *root)
{
	struct sim_tree_node *node = kzalloc(sizeof(*node), GFP_KERNEL);
	struct device_node *parent = root;

	if (!node)
		return -ENOMEM;
	if (from->parent)
		parent = sim_tree_find(from->parent)->np;
	node->from = from;
	node->phandle = sim_tree_phandle();
	node->np = of_changeset_create_node(&tree->changeset, parent,
					    from->name);
	if (!node->np) {
		kfree(node);
		return -ENOMEM;
	}
	list_add_tail(&node->list, &tree->nodes);
	return 0;
}

/* Everything is there before anything is seen: references go in circles. */
static int sim_tree_make(struct sim_tree *tree)
{
	struct device_node *root = of_find_node_by_path("/");
	const struct software_node **from;
	struct sim_tree_node *node;
	int ret = 0;

	for (from = tree->from; *from && !ret; from++)
		ret = sim_tree_make_node(tree, *from, root);
	of_node_put(root);
	if (ret)
		return ret;
	list_for_each_entry(node, &tree->nodes, list) {
		ret = sim_tree_fill(node);
		if (ret)
			return ret;
	}
	return of_changeset_apply(&tree->changeset);
}

/* The nodes are attached to nothing any more. */
static void sim_tree_free(struct sim_tree *tree)
{
	struct sim_tree_node *node, *next;

	list_for_each_entry(node, &tree->nodes, list)
		WARN(kref_read(&node->np->kobj.kref) != SIM_TREE_REFERENCES,
		     "%pOF: %u references, must be %u\n", node->np,
		     kref_read(&node->np->kobj.kref), SIM_TREE_REFERENCES);
	of_changeset_destroy(&tree->changeset);
	list_for_each_entry_safe_reverse(node, next, &tree->nodes, list) {
		of_node_put(node->np);
		kfree(node);
	}
	kfree(tree);
}

int sim_tree_register(const struct software_node **nodes)
{
	struct sim_tree *tree = kzalloc(sizeof(*tree), GFP_KERNEL);
	int ret;

	lockdep_assert_held(&sim_lock);

	if (!tree)
		return -ENOMEM;
	tree->from = nodes;
	INIT_LIST_HEAD(&tree->nodes);
	of_changeset_init(&tree->changeset);
	list_add_tail(&tree->list, &sim_trees);
	ret = sim_tree_make(tree);
	if (ret) {
		list_del(&tree->list);
		sim_tree_free(tree);
	}
	return ret;
}

void sim_tree_unregister(const struct software_node **nodes)
{
	struct sim_tree *tree;
	int ret;

	lockdep_assert_held(&sim_lock);

	list_for_each_entry(tree, &sim_trees, list) {
		if (tree->from != nodes)
			continue;
		/* What it was made from goes, whatever becomes of the nodes. */
		list_del(&tree->list);
		ret = of_changeset_revert(&tree->changeset);
		/* What is still in the tree has to stay. */
		if (!WARN(ret, "device tree: take nodes off: error %d\n", ret))
			sim_tree_free(tree);
		return;
	}
}

int sim_tree_hang(struct device *dev, const struct software_node *node)
{
	struct device_node *np = sim_tree_find(node)->np;

	set_secondary_fwnode(dev, of_fwnode_handle(np));
	/* User space shall see what drivers find. The link goes with the device. */
	sysfs_remove_link(&dev->kobj, "of_node");
	return sysfs_create_link(&dev->kobj, of_node_kobj(np), "of_node");
}

void sim_tree_unhang(struct device *dev)
{
	set_secondary_fwnode(dev, NULL);
}

#endif /* SIM_TREE */
