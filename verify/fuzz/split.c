// SPDX-License-Identifier: GPL-2.0-only
/*
 * The split against a model that searches instead of calculating: the head is
 * the longest prefix that keeps its alignment and leaves enough for the tail,
 * found by trying lengths from the top; a BAR is found by trying exponents.
 * Each rule is a sentence of its own, asked in the order of the enumeration.
 */
#include "split.h"

#include "fuzz.h"

#include <string.h>

/* The head's length, 0 if there is none: tries multiples of the alignment. */
static wide split_head(const struct coherent_split_input *in)
{
	wide steps = (wide)in->size / in->head_align, low = 0, high = steps + 1;

	if (!in->tail_min)
		return in->size;
	/* The most steps that leave enough: what fits is downward closed. */
	while (high - low > 1) {
		wide middle = low + (high - low) / 2;

		if (middle * in->head_align + in->tail_min <= in->size)
			low = middle;
		else
			high = middle;
	}
	return low * in->head_align;
}

/* The exponent of the smallest BAR that holds @length bytes. */
static unsigned int split_exponent(wide length)
{
	unsigned int exponent = 4;

	while (((wide)1 << exponent) < length)
		exponent++;
	return exponent;
}

static bool split_bar_fits(wide length, uint64_t limit)
{
	return !length || ((wide)1 << split_exponent(length)) <= limit;
}

static enum coherent_split_rule split_rule(const struct coherent_split_input *in)
{
	wide end = (wide)in->base + in->size, head;

	if (in->base % in->page_size)
		return COHERENT_SPLIT_BASE_ALIGN;
	if (!in->size)
		return COHERENT_SPLIT_EMPTY;
	if (end > FUZZ_TOP)
		return COHERENT_SPLIT_OVERFLOW;
	if (end - 1 > in->address_limit)
		return COHERENT_SPLIT_ADDRESS;
	head = split_head(in);
	if (!head)
		return COHERENT_SPLIT_EMPTY;
	if (!split_bar_fits(head, in->bar_limit) || !split_bar_fits(in->size - head, in->bar_limit))
		return COHERENT_SPLIT_BAR;
	return COHERENT_SPLIT_OK;
}

static void split_check_part(const struct coherent_split_part *part, wide base, wide length)
{
	FUZZ_CHECK(part->length == length);
	if (!length) {
		FUZZ_CHECK(part->bar_size == 0);
		return;
	}
	FUZZ_CHECK(part->base == base);
	FUZZ_CHECK(part->bar_size == (wide)1 << split_exponent(length));
}

static void split_check_rule(enum coherent_split_rule rule)
{
	int error = coherent_split_rule_errno(rule);

	FUZZ_CHECK(strlen(coherent_split_rule_text(rule)) > 3);
	FUZZ_CHECK(error == (rule == COHERENT_SPLIT_OK ? 0
			     : rule == COHERENT_SPLIT_EMPTY || rule == COHERENT_SPLIT_BASE_ALIGN
				     ? -EINVAL
				     : -EOVERFLOW));
}

static struct coherent_split_input split_any(struct fuzz_input *in)
{
	struct coherent_split_input input = {
		.page_size = fuzz_power(in, 12),
		.base = fuzz_number(in),
		.size = fuzz_number(in),
		.bar_limit = fuzz_power(in, 4),
		.head_align = fuzz_power(in, 0),
		.tail_min = fuzz_number(in),
		.address_limit = fuzz_number(in),
	};
	uint8_t kind = fuzz_byte(in);

	/* Half of the bases are aligned, some memory ends at its limit. */
	if (kind & 1)
		input.base = input.base / input.page_size * input.page_size;
	if (kind & 2)
		input.address_limit = input.base + input.size - (kind >> 2) % 4;
	return input;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};

	while (in.left) {
		struct coherent_split_input input = split_any(&in);
		struct coherent_split split, untouched;
		enum coherent_split_rule rule;

		memset(&split, 0x5A, sizeof(split));
		untouched = split;
		rule = coherent_split(&input, &split);
		FUZZ_CHECK(rule == split_rule(&input));
		split_check_rule(rule);
		if (rule == COHERENT_SPLIT_OK) {
			wide head = split_head(&input);

			split_check_part(&split.head, input.base, head);
			split_check_part(&split.tail, input.base + head, input.size - head);
		} else {
			FUZZ_CHECK(!memcmp(&split, &untouched, sizeof(split)));
		}
	}
	return 0;
}
