// SPDX-License-Identifier: GPL-2.0-only
/* Spans as sets: what holds for any one byte holds for all of them. */
#include "span.h"

#include "proof.h"

/* More cuts than any caller has (a BAR pair has three edges). */
#define PROOF_CUTS 4

/* What coherent_span_make() lets pass. */
static bool valid(struct coherent_span span)
{
	return (wide)span.start + span.length < PROOF_TOP;
}

/* Of a valid span. */
static u64 end(struct coherent_span span)
{
	return span.start + span.length;
}

static bool has(struct coherent_span span, u64 byte)
{
	return byte >= span.start && byte < end(span);
}

PROOF(make, 1)
{
	struct coherent_span span, before = span;
	u64 start, length;
	int ret = coherent_span_make(start, length, &span);

	if ((wide)start + length < PROOF_TOP) {
		proven(ret == 0);
		proven(span.start == start && span.length == length);
	} else {
		proven(ret == -EOVERFLOW);
		proven(span.start == before.start && span.length == before.length);
	}
}

/*
 * Pairs of spans are put together from the gaps between their ends, which names
 * every pair once: those that must be contained here, all others below.
 */
PROOF(contains_inner, 1)
{
	struct coherent_span outer, inner;
	u64 before, after;

	assumed((wide)outer.start + before + inner.length + after < PROOF_TOP);
	outer.length = before + inner.length + after;
	inner.start = outer.start + before;
	proven(coherent_span_contains(outer, inner));
}

PROOF(contains_none_before, 1)
{
	struct coherent_span outer, inner;
	u64 gap;

	assumed(gap > 0 && (wide)inner.start + gap < PROOF_TOP);
	outer.start = inner.start + gap;
	assumed(valid(outer) && valid(inner));
	proven(!coherent_span_contains(outer, inner));
}

PROOF(contains_none_past, 1)
{
	struct coherent_span outer, inner;
	u64 gap;

	assumed(gap > 0 && (wide)outer.start + outer.length + gap < PROOF_TOP);
	inner.start = outer.start + outer.length + gap;
	assumed(valid(inner));
	proven(!coherent_span_contains(outer, inner));
}

PROOF(contains_none_across, 1)
{
	struct coherent_span outer, inner;
	u64 before, shared, gap;

	assumed(gap > 0 && (wide)outer.start + before + shared + gap < PROOF_TOP);
	outer.length = before + shared;
	inner.start = outer.start + before;
	inner.length = shared + gap;
	proven(!coherent_span_contains(outer, inner));
}

PROOF(intersect, 1)
{
	struct coherent_span a, b, both;
	u64 byte;

	assumed(valid(a) && valid(b));
	both = coherent_span_intersect(a, b);
	proven(valid(both));
	proven(has(both, byte) == (has(a, byte) && has(b, byte)));
}

/* The parts are what they say, follow each other, and sum to what the BAR holds of the access. */
PROOF(access, 1)
{
	struct coherent_access access, before = access;
	u64 pos, count, length, bar_size, i;
	int ret;

	assumed(length <= bar_size);
	ret = coherent_span_access(pos, count, length, bar_size, &access);
	if (pos >= bar_size) {
		proven(ret == -EINVAL);
		proven(access.memory == before.memory && access.tail == before.tail);
		return;
	}
	proven(ret == 0);
	proven(i >= access.memory || (wide)pos + i < length);
	proven(i < access.memory || i >= (wide)access.memory + access.tail ||
	       ((wide)pos + i >= length && (wide)pos + i < bar_size));
	if ((wide)pos + count <= bar_size)
		proven((wide)access.memory + access.tail == count);
	else
		proven((wide)pos + access.memory + access.tail == bar_size);
}

static unsigned int any_cuts(u64 *cuts)
{
	unsigned int n;

	assumed(n <= PROOF_CUTS);
	for (unsigned int i = 1; i < PROOF_CUTS; i++)
		assumed(cuts[i - 1] <= cuts[i]);
	return n;
}

PROOF(piece, 6)
{
	u64 cuts[PROOF_CUTS], pos, count, piece, end;
	unsigned int n = any_cuts(cuts), i;
	bool at_cut = false;

	assumed((wide)pos + count < PROOF_TOP);
	piece = coherent_span_piece(pos, count, cuts, n);
	proven(piece <= count);
	end = pos + piece;
	for (i = 0; i < n; i++) {
		proven(cuts[i] <= pos || cuts[i] >= end);
		at_cut |= cuts[i] > pos && cuts[i] == end;
	}
	/*
	 * So a walk ends: each step is the last one or reaches a cut that was
	 * ahead. At most one piece more than cuts, together the whole access.
	 */
	proven(piece == count || at_cut);
}

PROOF(word, 5)
{
	u64 at, count, width;

	assumed(count > 0);
	width = coherent_span_word(at, count);
	proven(width == 1 || width == 2 || width == 4 || width == 8);
	proven(width <= count && at % width == 0);
	proven(width == 8 || 2 * width > count || at % (2 * width));
}
