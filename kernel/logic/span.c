// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arithmetic on byte ranges, with every overflow thought of once, here.
 *
 * A window shows `length` bytes of memory at the start of a BAR of `bar_size`
 * bytes (a power of two, at least as long). An access that starts inside the
 * BAR is first clipped to the BAR, then falls into a part that memory answers
 * and a part, the tail, that nothing answers.
 */
#include "span.h"

/**
 * coherent_span_make() - describe [start, start + length)
 * @start: first byte
 * @length: bytes
 * @span: result, untouched on error
 *
 * Return: 0, or -EOVERFLOW if the end is not representable.
 */
int coherent_span_make(u64 start, u64 length, struct coherent_span *span)
{
	if (length > ~0ULL - start)
		return -EOVERFLOW;

	span->start = start;
	span->length = length;
	return 0;
}

/**
 * coherent_span_contains() - is every byte of @inner a byte of @outer?
 * @outer: the larger span
 * @inner: the smaller span; an empty one must still lie within @outer's ends
 *
 * Return: true if so.
 */
bool coherent_span_contains(struct coherent_span outer,
			    struct coherent_span inner)
{
	u64 offset;

	if (inner.start < outer.start)
		return false;

	offset = inner.start - outer.start;
	return offset <= outer.length && inner.length <= outer.length - offset;
}

/**
 * coherent_span_intersect() - the bytes that two spans share
 * @a: one span
 * @b: the other
 *
 * Return: the shared span; its length is 0 if they share nothing.
 */
struct coherent_span coherent_span_intersect(struct coherent_span a,
					     struct coherent_span b)
{
	u64 a_end = a.start + a.length;
	u64 b_end = b.start + b.length;
	u64 end = a_end < b_end ? a_end : b_end;
	struct coherent_span both = {
		.start = a.start > b.start ? a.start : b.start,
	};

	if (end > both.start)
		both.length = end - both.start;
	return both;
}

/**
 * coherent_span_access() - divide an access to a window's BAR
 * @pos: offset in the BAR
 * @count: bytes asked for
 * @length: bytes of memory at the start of the BAR
 * @bar_size: bytes of the BAR, at least @length
 * @access: result, untouched on error
 *
 * The parts follow each other and sum to @count, or to what the BAR holds
 * from @pos on if that is less.
 *
 * Return: 0, or -EINVAL if @pos lies past the BAR.
 */
int coherent_span_access(u64 pos, u64 count, u64 length, u64 bar_size,
			 struct coherent_access *access)
{
	if (pos >= bar_size)
		return -EINVAL;

	if (count > bar_size - pos)
		count = bar_size - pos;

	access->memory = pos >= length ? 0 : length - pos;
	if (access->memory > count)
		access->memory = count;
	access->tail = count - access->memory;
	return 0;
}

/**
 * coherent_span_piece() - leading bytes of an access up to the next cut
 * @pos: first byte of the access
 * @count: bytes of the access
 * @cuts: offsets, ascending, at which an access is cut
 * @n: number of @cuts
 *
 * Walking an access piece by piece meets every byte once, and no piece has
 * bytes on both sides of a cut.
 *
 * Return: bytes of the first piece, 0 only if @count is 0.
 */
u64 coherent_span_piece(u64 pos, u64 count, const u64 *cuts, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (cuts[i] > pos)
			return count < cuts[i] - pos ? count : cuts[i] - pos;
	}
	return count;
}
