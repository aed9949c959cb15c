/* SPDX-License-Identifier: GPL-2.0-only */
/* Which bytes of a window failed: a set of ranges that never grows in size. */
#ifndef COHERENT_LOGIC_POISON_H
#define COHERENT_LOGIC_POISON_H

#include "span.h"

/* A proof takes fewer. */
#ifndef COHERENT_POISON_RANGES
#define COHERENT_POISON_RANGES 32
#endif

/**
 * struct coherent_poison - ranges that must not be touched
 * @nr: how many there are, at most COHERENT_POISON_RANGES
 * @ranges: ascending, with clean bytes between any two; one more is scratch
 */
struct coherent_poison {
	unsigned int nr;
	struct coherent_span ranges[COHERENT_POISON_RANGES + 1];
};

void coherent_poison_init(struct coherent_poison *poison);
void coherent_poison_add(struct coherent_poison *poison,
			 struct coherent_span bad);
u64 coherent_poison_clean(const struct coherent_poison *poison, u64 start,
			  u64 length);

#endif /* COHERENT_LOGIC_POISON_H */
