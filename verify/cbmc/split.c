// SPDX-License-Identifier: GPL-2.0-only
/* The split of any memory that firmware may claim, on any page and BAR sizes. */
#include "split.h"

#include "proof.h"

static struct coherent_split_input any_input(void)
{
	struct coherent_split_input in;

	assumed(power_of_two(in.page_size) && power_of_two(in.bar_limit) &&
		power_of_two(in.head_align));
	return in;
}

static void right_bar(u64 bar_size, u64 length, u64 limit)
{
	proven(power_of_two(bar_size));
	proven(bar_size >= length && bar_size <= limit);
	proven(bar_size >= 16);
	proven(bar_size == 16 || bar_size / 2 < length);
}

/* The windows are the device memory: every byte in one of them, none in both. */
PROOF(covers, 62)
{
	struct coherent_split_input in = any_input();
	struct coherent_split split;
	u64 byte;
	bool in_head, in_tail, in_memory;

	if (coherent_split(&in, &split) != COHERENT_SPLIT_OK)
		return;
	in_head = byte >= split.head.base && byte < (wide)split.head.base + split.head.length;
	in_tail = byte >= split.tail.base && byte < (wide)split.tail.base + split.tail.length;
	in_memory = byte >= in.base && byte < (wide)in.base + in.size;
	proven((in_head || in_tail) == in_memory);
	proven(!(in_head && in_tail));
	proven(split.head.length);
	proven((wide)in.base + in.size - 1 <= in.address_limit);
}

/* The division is the one that was wished for. */
PROOF(divides, 62)
{
	struct coherent_split_input in = any_input();
	struct coherent_split split;

	if (coherent_split(&in, &split) != COHERENT_SPLIT_OK)
		return;
	proven((split.head.base & (in.page_size - 1)) == 0);
	if (!in.tail_min) {
		proven(split.tail.length == 0 && split.tail.bar_size == 0);
		return;
	}
	proven((split.head.length & (in.head_align - 1)) == 0);
	proven(split.tail.length >= in.tail_min);
	/* The head could not be one step longer. */
	proven(split.tail.length - in.tail_min < in.head_align);
}

PROOF(bars, 62)
{
	struct coherent_split_input in = any_input();
	struct coherent_split split;

	if (coherent_split(&in, &split) != COHERENT_SPLIT_OK)
		return;
	right_bar(split.head.bar_size, split.head.length, in.bar_limit);
	if (split.tail.length)
		right_bar(split.tail.bar_size, split.tail.length, in.bar_limit);
}

/* The rule that is named is broken, and no earlier one is. */
PROOF(rules, 62)
{
	struct coherent_split_input in = any_input();
	struct coherent_split split, before = split;
	enum coherent_split_rule rule = coherent_split(&in, &split);
	wide end = (wide)in.base + in.size;
	bool base = (in.base & (in.page_size - 1)) == 0;
	bool overflow = end <= PROOF_TOP;
	bool address = !in.size || end - 1 <= in.address_limit;
	/* A head of one step and the tail do not exceed the memory. */
	bool head = in.size && (!in.tail_min || (wide)in.tail_min + in.head_align <= in.size);

	proven((rule == COHERENT_SPLIT_BASE_ALIGN) == !base);
	proven((rule == COHERENT_SPLIT_OVERFLOW) == (base && !overflow));
	proven((rule == COHERENT_SPLIT_ADDRESS) == (base && overflow && !address));
	proven((rule == COHERENT_SPLIT_EMPTY) == (base && overflow && address && !head));
	if (rule != COHERENT_SPLIT_OK) {
		proven(split.head.length == before.head.length);
		proven(split.tail.length == before.tail.length);
	}
	/* BARs: the tail alone, or the head at its largest, is above half of the limit. */
	if (rule == COHERENT_SPLIT_BAR)
		proven(in.size > in.bar_limit || in.bar_limit < 16);
	if (rule == COHERENT_SPLIT_OK)
		proven(in.size <= 2 * (wide)in.bar_limit);
}

PROOF(words, 20)
{
	enum coherent_split_rule rule;
	int error;

	assumed(rule >= COHERENT_SPLIT_OK && rule <= COHERENT_SPLIT_BAR);
	error = coherent_split_rule_errno(rule);
	proven((rule == COHERENT_SPLIT_OK) == (error == 0));
	proven(error == 0 || error == -EINVAL || error == -EOVERFLOW);
	proven(coherent_split_rule_text(rule)[0] != '\0');
}
