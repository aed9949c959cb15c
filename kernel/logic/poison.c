// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes of a window that must not be touched any more.
 *
 * Failures are told in contexts that cannot allocate, so the set has a fixed
 * size. When it is full, the two ranges with the fewest clean bytes between
 * them become one, clean bytes and all: the set may come to hold more than has
 * failed, never less.
 */
#include "poison.h"

static u64 coherent_poison_end(struct coherent_span span)
{
	return span.start + span.length;
}

/* Make one range of @at and the one behind it, with all that lies between. */
static void coherent_poison_join(struct coherent_poison *poison,
				 unsigned int at)
{
	struct coherent_span *span = &poison->ranges[at];
	u64 end = coherent_poison_end(span[0]);
	unsigned int i;

	if (end < coherent_poison_end(span[1]))
		end = coherent_poison_end(span[1]);
	span->length = end - span->start;

	poison->nr--;
	for (i = at + 1; i < poison->nr; i++)
		poison->ranges[i] = poison->ranges[i + 1];
}

static bool coherent_poison_touch(const struct coherent_poison *poison,
				  unsigned int at)
{
	return poison->ranges[at + 1].start <=
	       coherent_poison_end(poison->ranges[at]);
}

/* The range whose distance to the one behind it is the shortest. */
static unsigned int coherent_poison_closest(const struct coherent_poison *poison)
{
	u64 shortest = ~0ULL;
	unsigned int closest = 0;
	unsigned int i;

	for (i = 0; i + 1 < poison->nr; i++) {
		u64 between = poison->ranges[i + 1].start -
			      coherent_poison_end(poison->ranges[i]);

		if (between < shortest) {
			shortest = between;
			closest = i;
		}
	}
	return closest;
}

/**
 * coherent_poison_init() - nothing has failed
 * @poison: the set
 */
void coherent_poison_init(struct coherent_poison *poison)
{
	poison->nr = 0;
}

/**
 * coherent_poison_add() - bytes failed
 * @poison: the set
 * @bad: the bytes; made by coherent_span_make()
 */
void coherent_poison_add(struct coherent_poison *poison,
			 struct coherent_span bad)
{
	unsigned int at = poison->nr;

	if (!bad.length)
		return;

	for (; at && poison->ranges[at - 1].start > bad.start; at--)
		poison->ranges[at] = poison->ranges[at - 1];
	poison->ranges[at] = bad;
	poison->nr++;

	if (at && coherent_poison_touch(poison, at - 1))
		coherent_poison_join(poison, --at);
	while (at + 1 < poison->nr && coherent_poison_touch(poison, at))
		coherent_poison_join(poison, at);
	if (poison->nr > COHERENT_POISON_RANGES)
		coherent_poison_join(poison, coherent_poison_closest(poison));
}

/**
 * coherent_poison_clean() - how far is memory good?
 * @poison: the set
 * @start: first byte
 * @length: bytes asked for; @start + @length does not overflow
 *
 * Return: how many of the bytes come before the first one that failed; @length
 * if none did.
 */
u64 coherent_poison_clean(const struct coherent_poison *poison, u64 start,
			  u64 length)
{
	unsigned int i;

	for (i = 0; i < poison->nr; i++) {
		struct coherent_span bad = poison->ranges[i];

		if (coherent_poison_end(bad) <= start)
			continue;
		if (bad.start <= start)
			return 0;
		return length < bad.start - start ? length : bad.start - start;
	}
	return length;
}
