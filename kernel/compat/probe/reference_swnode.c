// SPDX-License-Identifier: GPL-2.0-only
/*
 * Since 6.19 a software node's reference may point at other firmware nodes, too,
 * and names what it points at. Written 2026-11-21.
 */
#include <linux/property.h>

static const struct software_node *__used
probe(const struct software_node_ref_args *ref)
{
	return ref->swnode;
}
