// SPDX-License-Identifier: GPL-2.0-only
#include "split.h"

#include "unit.h"

static struct coherent_split_input input(u64 base, u64 size, bool tail)
{
	return (struct coherent_split_input){
		.base = base,
		.size = size,
		.page_size = 4096,
		.address_limit = (1ULL << 52) - 1,
		.bar_limit = 1ULL << 40,
		.tail_min = tail ? GIB(1) : 0,
		.head_align = MIB(512),
	};
}

static void machines(void **state)
{
	static const struct {
		u64 size;
		bool tail;
		u64 head, head_bar, rest, rest_bar;
	} rows[] = {
		{GIB(96), true, GIB(95), GIB(128), GIB(1), GIB(1)},
		{GIB(144), true, GIB(143), GIB(256), GIB(1), GIB(1)},
		{GIB(185), false, GIB(185), GIB(256), 0, 0},
		{GIB(276), false, GIB(276), GIB(512), 0, 0},
		/* G13: the BAR is that of the rounded length. */
		{GIB(65) + MIB(100), true, GIB(64), GIB(64), GIB(1) + MIB(100), GIB(2)},
		{MIB(1536), true, MIB(512), MIB(512), GIB(1), GIB(1)},
		{MIB(1600), false, MIB(1600), GIB(2), 0, 0},
		{1ULL << 40, false, 1ULL << 40, 1ULL << 40, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct coherent_split_input in = input(GIB(4), rows[i].size, rows[i].tail);
		struct coherent_split s;

		assert_int_equal(coherent_split(&in, &s), COHERENT_SPLIT_OK);
		assert_int_equal(s.head.base, GIB(4));
		assert_int_equal(s.head.length, rows[i].head);
		assert_int_equal(s.head.bar_size, rows[i].head_bar);
		assert_int_equal(s.tail.length, rows[i].rest);
		assert_int_equal(s.tail.bar_size, rows[i].rest_bar);
		if (rows[i].rest)
			assert_int_equal(s.tail.base, GIB(4) + rows[i].head);
	}
}

static void refusals(void **state)
{
	static const struct {
		u64 base, size;
		bool tail;
		enum coherent_split_rule rule;
		int error;
	} rows[] = {
		{GIB(4) + 2048, GIB(96), true, COHERENT_SPLIT_BASE_ALIGN, -EINVAL},
		{GIB(4), 0, false, COHERENT_SPLIT_EMPTY, -EINVAL},
		{GIB(4), GIB(1), true, COHERENT_SPLIT_EMPTY, -EINVAL},
		{GIB(4), MIB(1535), true, COHERENT_SPLIT_EMPTY, -EINVAL},
		{UINT64_MAX - 4095, GIB(96), true, COHERENT_SPLIT_OVERFLOW, -EOVERFLOW},
		{1ULL << 52, GIB(96), true, COHERENT_SPLIT_ADDRESS, -EOVERFLOW},
		{(1ULL << 52) - GIB(95), GIB(96), true, COHERENT_SPLIT_ADDRESS, -EOVERFLOW},
		{GIB(4), (1ULL << 40) + 4096, false, COHERENT_SPLIT_BAR, -EOVERFLOW},
		{GIB(4), (1ULL << 41), true, COHERENT_SPLIT_BAR, -EOVERFLOW},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct coherent_split_input in = input(rows[i].base, rows[i].size, rows[i].tail);
		struct coherent_split s = {.head.length = 77};

		assert_int_equal(coherent_split(&in, &s), rows[i].rule);
		assert_int_equal(s.head.length, 77);
		assert_int_equal(coherent_split_rule_errno(rows[i].rule), rows[i].error);
		assert_true(coherent_split_rule_text(rows[i].rule)[0]);
	}
	assert_int_equal(coherent_split_rule_errno(COHERENT_SPLIT_OK), 0);
}

/* The last byte may be the last that the CPU can form. */
static void fits_exactly(void **state)
{
	struct coherent_split_input in = input((1ULL << 52) - GIB(96), GIB(96), true);
	struct coherent_split s;

	(void)state;
	assert_int_equal(coherent_split(&in, &s), COHERENT_SPLIT_OK);
	in.address_limit = UINT64_MAX;
	in.base = 0 - GIB(96);
	assert_int_equal(coherent_split(&in, &s), COHERENT_SPLIT_OK);
}

/* Each window has a BAR to fit in, the tail too; and one of 2^64 there is not. */
static void bars(void **state)
{
	struct coherent_split_input in = input(GIB(4), MIB(2816), true);
	struct coherent_split s = {.head.length = 77};

	(void)state;
	in.head_align = GIB(1);
	in.bar_limit = GIB(2);
	assert_int_equal(coherent_split(&in, &s), COHERENT_SPLIT_OK);
	assert_int_equal(s.head.bar_size, GIB(1));
	assert_int_equal(s.tail.bar_size, GIB(2));
	s.head.length = 77;
	in.bar_limit = GIB(1);
	assert_int_equal(coherent_split(&in, &s), COHERENT_SPLIT_BAR);

	in = input(0, (1ULL << 63) + 4096, false);
	in.address_limit = UINT64_MAX;
	in.bar_limit = UINT64_MAX;
	assert_int_equal(coherent_split(&in, &s), COHERENT_SPLIT_BAR);
	in.size += 4096;
	in.tail_min = (1ULL << 63) + 4096;
	in.head_align = 4096;
	assert_int_equal(coherent_split(&in, &s), COHERENT_SPLIT_BAR);
	assert_int_equal(s.head.length, 77);
}

/* What a log line says: which rule it was, and never nothing. */
static void texts(void **state)
{
	static const enum coherent_split_rule rules[] = {
		COHERENT_SPLIT_OK,
		COHERENT_SPLIT_BASE_ALIGN,
		COHERENT_SPLIT_EMPTY,
		COHERENT_SPLIT_OVERFLOW,
		COHERENT_SPLIT_ADDRESS,
		COHERENT_SPLIT_BAR,
		(enum coherent_split_rule)77,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(coherent_split_rule_text(rules[i]),
						coherent_split_rule_text(rules[k]));
	assert_int_equal(coherent_split_rule_errno((enum coherent_split_rule)77), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machines),	cmocka_unit_test(refusals),
		cmocka_unit_test(fits_exactly), cmocka_unit_test(bars),
		cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
