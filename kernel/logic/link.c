// SPDX-License-Identifier: GPL-2.0-only
/*
 * A host bridge has links, some to one GPU, some to another, and registers, by
 * which a guest that owns a GPU invalidates translations. Register i is link
 * i's. Old firmware gives fewer registers than there are links, and one guest
 * may own one GPU, another guest the other: a register of one must never serve
 * the other. So where a link has no register of its own, register 0 serves it
 * if and only if it is the same GPU's: if link 0 leads to that GPU as well.
 */
#include "link.h"

/**
 * coherent_link_register() - the register that serves a link
 * @link: the link's index
 * @registers: how many registers there are
 * @group: all links of the GPU that @link leads to
 *
 * Return: the register's index, other than @link if it is shared; -ENOENT if
 * there is none.
 */
int coherent_link_register(u32 link, unsigned int registers,
			   const struct coherent_link_group *group)
{
	unsigned int i;

	if (link < registers)
		return link;
	for (i = 0; registers && i < group->n; i++) {
		if (!group->links[i])
			return 0;
	}
	return -ENOENT;
}
