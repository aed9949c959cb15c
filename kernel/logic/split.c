// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory is one contiguous range of CPU physical addresses. It is shown
 * as one window (the head, cached) or as two (a head, and behind it a tail that
 * is mapped uncached):
 *
 *	base                                              base + size
 *	| head: a multiple of head_align    | tail: >= tail_min |
 *
 * The two cover the range exactly. A BAR can only be a power of two, so each
 * window sits at the start of a BAR that may be larger than it.
 *
 * Firmware is not trusted: every value is checked before it is used, and the
 * rule that was broken is named.
 */
#include "split.h"

#define COHERENT_SPLIT_BAR_MIN 16

/* The next power of two, or 0 if that is not representable. */
static u64 coherent_split_bar_size(u64 length)
{
	u64 size = COHERENT_SPLIT_BAR_MIN;

	while (size && size < length)
		size <<= 1;
	return size;
}

static enum coherent_split_rule
coherent_split_check(const struct coherent_split_input *in)
{
	if (in->base & (in->page_size - 1))
		return COHERENT_SPLIT_BASE_ALIGN;
	if (!in->size)
		return COHERENT_SPLIT_EMPTY;
	if (in->size - 1 > ~0ULL - in->base)
		return COHERENT_SPLIT_OVERFLOW;
	if (in->base + (in->size - 1) > in->address_limit)
		return COHERENT_SPLIT_ADDRESS;
	return COHERENT_SPLIT_OK;
}

/**
 * coherent_split() - divide device memory into windows
 * @in: the memory and the wishes
 * @split: result, untouched unless COHERENT_SPLIT_OK is returned
 *
 * Return: COHERENT_SPLIT_OK, or the first rule that @in breaks.
 */
enum coherent_split_rule coherent_split(const struct coherent_split_input *in,
					struct coherent_split *split)
{
	enum coherent_split_rule rule = coherent_split_check(in);
	struct coherent_split result = {};

	if (rule != COHERENT_SPLIT_OK)
		return rule;

	result.head.base = in->base;
	result.head.length = in->size;
	if (in->tail_min) {
		if (in->size <= in->tail_min)
			return COHERENT_SPLIT_EMPTY;
		result.head.length = (in->size - in->tail_min) &
				     ~(in->head_align - 1);
		if (!result.head.length)
			return COHERENT_SPLIT_EMPTY;
		result.tail.base = in->base + result.head.length;
		result.tail.length = in->size - result.head.length;
		result.tail.bar_size =
			coherent_split_bar_size(result.tail.length);
		if (!result.tail.bar_size ||
		    result.tail.bar_size > in->bar_limit)
			return COHERENT_SPLIT_BAR;
	}

	result.head.bar_size = coherent_split_bar_size(result.head.length);
	if (!result.head.bar_size || result.head.bar_size > in->bar_limit)
		return COHERENT_SPLIT_BAR;

	*split = result;
	return COHERENT_SPLIT_OK;
}

/**
 * coherent_split_rule_text() - a rule in words, for a log line
 * @rule: what coherent_split() returned
 *
 * Return: a phrase that completes "must ...".
 */
const char *coherent_split_rule_text(enum coherent_split_rule rule)
{
	switch (rule) {
	case COHERENT_SPLIT_OK:
		return "be valid, and is";
	case COHERENT_SPLIT_BASE_ALIGN:
		return "start on a page boundary";
	case COHERENT_SPLIT_OVERFLOW:
		return "end below 2^64";
	case COHERENT_SPLIT_ADDRESS:
		return "end within the CPU's physical addresses";
	case COHERENT_SPLIT_EMPTY:
		return "be large enough to leave a cached window";
	case COHERENT_SPLIT_BAR:
		return "fit in BARs of at most the region limit";
	}
	return "be valid";
}

/**
 * coherent_split_rule_errno() - the error that a broken rule is worth
 * @rule: what coherent_split() returned
 *
 * Return: 0, -EINVAL or -EOVERFLOW.
 */
int coherent_split_rule_errno(enum coherent_split_rule rule)
{
	switch (rule) {
	case COHERENT_SPLIT_OK:
		return 0;
	case COHERENT_SPLIT_OVERFLOW:
	case COHERENT_SPLIT_ADDRESS:
	case COHERENT_SPLIT_BAR:
		return -EOVERFLOW;
	default:
		return -EINVAL;
	}
}
