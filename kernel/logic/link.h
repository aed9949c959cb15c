/* SPDX-License-Identifier: GPL-2.0-only */
/* Which of a host bridge's registers serves which of its links. */
#ifndef COHERENT_LOGIC_LINK_H
#define COHERENT_LOGIC_LINK_H

#include "logic.h"

/**
 * struct coherent_link_group - the links of one GPU
 * @links: their indices at the host bridge
 * @n: how many there are
 */
struct coherent_link_group {
	const u32 *links;
	unsigned int n;
};

int coherent_link_register(u32 link, unsigned int registers,
			   const struct coherent_link_group *group);

#endif /* COHERENT_LOGIC_LINK_H */
