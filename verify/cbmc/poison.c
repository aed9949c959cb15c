// SPDX-License-Identifier: GPL-2.0-only
/*
 * A set of failed bytes, in any state that its invariant allows; `add` keeps
 * that, so what is proven of one call holds after any number of them.
 *
 * Bounds: a set of two ranges (verify/cbmc/run says so), between which a third
 * one falls or beside which it is one too many. To `add`, 16 places, as bytes or
 * as stretches of 2^60: it compares and subtracts, nothing else.
 */
#include "poison.h"

#include "proof.h"

/* What coherent_span_make() lets pass, and something in it. */
static bool valid(struct coherent_span span)
{
	return span.length && span.length <= ~(u64)0 - span.start;
}

static bool in_span(struct coherent_span span, u64 byte)
{
	return byte >= span.start && byte - span.start < span.length;
}

static bool in_set(const struct coherent_poison *set, u64 byte)
{
	for (unsigned int i = 0; i < set->nr; i++) {
		if (in_span(set->ranges[i], byte))
			return true;
	}
	return false;
}

/* Ascending, with clean bytes between any two. */
static bool invariant(const struct coherent_poison *set)
{
	if (set->nr > COHERENT_POISON_RANGES)
		return false;
	for (unsigned int i = 0; i < set->nr; i++) {
		if (!valid(set->ranges[i]))
			return false;
		if (i &&
		    set->ranges[i].start <= set->ranges[i - 1].start + set->ranges[i - 1].length)
			return false;
	}
	return true;
}

PROOF(init, 2)
{
	struct coherent_poison set;
	u64 byte;

	coherent_poison_init(&set);
	proven(invariant(&set));
	proven(!in_set(&set, byte));
}

/* One of 16 values, at the bottom or all over the numbers. */
static u64 few(unsigned int shift)
{
	u8 value;

	assumed(value < 16);
	return (u64)value << shift;
}

static struct coherent_span few_bytes(unsigned int shift)
{
	struct coherent_span span = {few(shift), few(shift)};

	return span;
}

/* Nothing is forgotten; and nothing comes with it while there is room. */
static void add(unsigned int shift)
{
	struct coherent_span bad = few_bytes(shift);
	struct coherent_poison set, before;
	u64 byte = few(shift);

	for (unsigned int i = 0; i < COHERENT_POISON_RANGES; i++)
		set.ranges[i] = few_bytes(shift);
	before = set;
	assumed(invariant(&set));
	assumed(!bad.length || valid(bad));
	coherent_poison_add(&set, bad);
	proven(invariant(&set));
	if (in_set(&before, byte) || in_span(bad, byte))
		proven(in_set(&set, byte));
	else if (before.nr < COHERENT_POISON_RANGES)
		proven(!in_set(&set, byte));
}

PROOF(add_bytes, 4)
{
	add(0);
}

PROOF(add_stretches, 4)
{
	add(60);
}

/* Good up to the byte that is not, and no further. */
PROOF(clean, 4)
{
	struct coherent_poison set;
	u64 start, length, good, byte;

	assumed(invariant(&set));
	assumed(length <= ~(u64)0 - start);
	good = coherent_poison_clean(&set, start, length);
	proven(good <= length);
	if (byte >= start && byte - start < good)
		proven(!in_set(&set, byte));
	if (good < length)
		proven(in_set(&set, start + good));
}
