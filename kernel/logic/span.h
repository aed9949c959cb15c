/* SPDX-License-Identifier: GPL-2.0-only */
/* Spans: half-open byte ranges [start, start + length). */
#ifndef COHERENT_LOGIC_SPAN_H
#define COHERENT_LOGIC_SPAN_H

#include "logic.h"

/**
 * struct coherent_span - a range of bytes
 * @start: first byte
 * @length: bytes, may be 0; @start + @length never exceeds 2^64 - 1
 */
struct coherent_span {
	u64 start;
	u64 length;
};

/**
 * struct coherent_access - what an access to a window consists of
 * @memory: leading bytes that memory answers
 * @tail: bytes after them, past the memory but inside the BAR: read as ~0,
 *	  writes are dropped
 */
struct coherent_access {
	u64 memory;
	u64 tail;
};

int coherent_span_make(u64 start, u64 length, struct coherent_span *span);
bool coherent_span_contains(struct coherent_span outer,
			    struct coherent_span inner);
struct coherent_span coherent_span_intersect(struct coherent_span a,
					     struct coherent_span b);
int coherent_span_access(u64 pos, u64 count, u64 length, u64 bar_size,
			 struct coherent_access *access);
u64 coherent_span_piece(u64 pos, u64 count, const u64 *cuts, unsigned int n);

/**
 * coherent_span_word() - the widest access of an uncached transfer's next step
 * @at: address of its first byte
 * @count: bytes of it, not 0
 *
 * Here, because it is asked for each word that moves.
 *
 * Return: 8, 4, 2 or 1: bytes of the widest naturally aligned word at @at within
 * @count.
 */
static inline unsigned int coherent_span_word(u64 at, u64 count)
{
	unsigned int width = 4;

	/* Nearly always, and known when compiled, which makes a third of the speed. */
	if (count >= 8 && !(at & 7))
		return 8;
	while (width > count || at & (width - 1))
		width /= 2;
	return width;
}

#endif /* COHERENT_LOGIC_SPAN_H */
