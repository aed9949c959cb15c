/* SPDX-License-Identifier: GPL-2.0-only */
/* How a range of device memory becomes windows behind BARs. */
#ifndef COHERENT_LOGIC_SPLIT_H
#define COHERENT_LOGIC_SPLIT_H

#include "logic.h"

/**
 * struct coherent_split_input - device memory, and how it is to be divided
 * @base: physical address of the first byte
 * @size: bytes
 * @page_size: bytes of a CPU page, a power of two
 * @address_limit: highest physical address that the CPU can form
 * @bar_limit: largest BAR that a region can describe, a power of two
 * @tail_min: bytes that the uncached tail must have at least; 0: no tail
 * @head_align: with a tail, the head's length is a multiple of this power of
 *		two; what the rounding leaves over goes to the tail
 */
struct coherent_split_input {
	u64 base;
	u64 size;
	u64 page_size;
	u64 address_limit;
	u64 bar_limit;
	u64 tail_min;
	u64 head_align;
};

/**
 * struct coherent_split_part - one window's share of the device memory
 * @base: physical address of its first byte
 * @length: bytes, 0 if there is no such window
 * @bar_size: bytes of its BAR: the next power of two
 */
struct coherent_split_part {
	u64 base;
	u64 length;
	u64 bar_size;
};

/**
 * struct coherent_split - the windows: together exactly the device memory
 * @head: the cached window
 * @tail: the uncached window behind it, length 0 if none
 */
struct coherent_split {
	struct coherent_split_part head;
	struct coherent_split_part tail;
};

/**
 * enum coherent_split_rule - the rule that an input kept or broke
 * @COHERENT_SPLIT_OK: none was broken
 * @COHERENT_SPLIT_BASE_ALIGN: the base is not page-aligned
 * @COHERENT_SPLIT_OVERFLOW: base + size overflows 64 bits
 * @COHERENT_SPLIT_ADDRESS: the memory ends past the address limit
 * @COHERENT_SPLIT_EMPTY: nothing is left for the head
 * @COHERENT_SPLIT_BAR: a BAR would exceed the bar limit
 */
enum coherent_split_rule {
	COHERENT_SPLIT_OK,
	COHERENT_SPLIT_BASE_ALIGN,
	COHERENT_SPLIT_OVERFLOW,
	COHERENT_SPLIT_ADDRESS,
	COHERENT_SPLIT_EMPTY,
	COHERENT_SPLIT_BAR,
};

enum coherent_split_rule coherent_split(const struct coherent_split_input *in,
					struct coherent_split *split);
const char *coherent_split_rule_text(enum coherent_split_rule rule);
int coherent_split_rule_errno(enum coherent_split_rule rule);

#endif /* COHERENT_LOGIC_SPLIT_H */
