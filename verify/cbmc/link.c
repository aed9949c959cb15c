// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers of a bridge whose links lead to different GPUs. Any one link of one
 * GPU and any one of another stand for all.
 *
 * Bound: six links a GPU, as many as a bridge has; register numbers fit an int.
 */
#include <limits.h>

#include "link.h"

#include "proof.h"

#define PROOF_LINKS 6

static bool in_group(u32 link, const struct coherent_link_group *group)
{
	for (unsigned int i = 0; i < group->n; i++) {
		if (group->links[i] == link)
			return true;
	}
	return false;
}

static unsigned int any_registers(void)
{
	unsigned int registers;

	assumed(registers <= INT_MAX);
	return registers;
}

/* Its own where there is one; else 0 if that is the same GPU's; else none. */
PROOF(serves, 8)
{
	u32 links[PROOF_LINKS], link;
	unsigned int n, registers = any_registers();
	struct coherent_link_group group = {links, n};
	int use;

	assumed(n <= PROOF_LINKS);
	use = coherent_link_register(link, registers, &group);
	if (link < registers)
		proven(use == (int)link);
	else if (registers && in_group(0, &group))
		proven(use == 0);
	else
		proven(use == -ENOENT);
}

/* Link 0 leads to one of two GPUs at most: no register serves both. */
PROOF(never_shared_between_gpus, 8)
{
	u32 links[PROOF_LINKS], other_links[PROOF_LINKS], link, other;
	unsigned int n, other_n, registers = any_registers();
	struct coherent_link_group group = {links, n}, other_group = {other_links, other_n};
	int use, other_use;

	assumed(n <= PROOF_LINKS && other_n <= PROOF_LINKS);
	assumed(link != other && !(in_group(0, &group) && in_group(0, &other_group)));
	assumed(link || in_group(0, &group));
	assumed(other || in_group(0, &other_group));
	use = coherent_link_register(link, registers, &group);
	other_use = coherent_link_register(other, registers, &other_group);
	proven(use < 0 || use != other_use);
}
