// SPDX-License-Identifier: GPL-2.0-only
#include "span.h"

#include "unit.h"

static void make_refuses_overflow(void **state)
{
	struct coherent_span s = {1, 2};

	(void)state;
	assert_int_equal(coherent_span_make(UINT64_MAX, 1, &s), -EOVERFLOW);
	assert_int_equal(s.start, 1);
	assert_int_equal(coherent_span_make(UINT64_MAX, 0, &s), 0);
	assert_int_equal(coherent_span_make(0, UINT64_MAX, &s), 0);
	assert_int_equal(coherent_span_make(1, UINT64_MAX, &s), -EOVERFLOW);
}

static bool in(struct coherent_span s, u64 byte)
{
	return byte >= s.start && byte < s.start + s.length;
}

/* Every pair of small spans, byte by byte. */
static void intersect_and_contains(void **state)
{
	(void)state;
	for (u64 code = 0; code < 7 * 7 * 7 * 7; code++) {
		struct coherent_span a = {code % 7, code / 7 % 7};
		struct coherent_span b = {code / 49 % 7, code / 343 % 7};
		struct coherent_span both = coherent_span_intersect(a, b);
		bool inside = b.start >= a.start && b.start + b.length <= a.start + a.length;

		for (u64 byte = 0; byte < 16; byte++)
			assert_int_equal(in(both, byte), in(a, byte) && in(b, byte));
		assert_int_equal(coherent_span_contains(a, b), inside);
	}
}

static void contains_at_the_end_of_numbers(void **state)
{
	struct coherent_span all = {0, UINT64_MAX}, last = {UINT64_MAX - 1, 1};

	(void)state;
	assert_true(coherent_span_contains(all, last));
	assert_false(coherent_span_contains(last, all));
}

static void access_parts(void **state)
{
	struct coherent_access a = {77, 77};

	(void)state;
	for (u64 pos = 0; pos < 10; pos++) {
		for (u64 count = 0; count < 12; count++) {
			u64 memory = 0, tail = 0;
			int ret = coherent_span_access(pos, count, 5, 8, &a);

			assert_int_equal(ret, pos < 8 ? 0 : -EINVAL);
			if (ret)
				continue;
			for (u64 byte = pos; byte < pos + count && byte < 8; byte++)
				byte < 5 ? memory++ : tail++;
			assert_int_equal(a.memory, memory);
			assert_int_equal(a.tail, tail);
		}
	}
	assert_int_equal(coherent_span_access(0, UINT64_MAX, GIB(95), GIB(128), &a), 0);
	assert_int_equal(a.memory, GIB(95));
	assert_int_equal(a.tail, GIB(33));
	assert_int_equal(coherent_span_access(GIB(96), UINT64_MAX, GIB(95), GIB(128), &a), 0);
	assert_int_equal(a.memory, 0);
	assert_int_equal(a.tail, GIB(32));
}

static void pieces_partition(void **state)
{
	static const u64 cuts[] = {0x18, 0x20, 0x28};

	(void)state;
	for (u64 pos = 0; pos < 0x40; pos++) {
		for (u64 count = 0; count < 0x40; count++) {
			u64 at = pos, left = count;

			while (left) {
				u64 n = coherent_span_piece(at, left, cuts, 3);

				assert_in_range(n, 1, left);
				for (int i = 0; i < 3; i++)
					assert_false(at < cuts[i] && at + n > cuts[i]);
				/* No shorter than need be. */
				assert_true(n == left || at + n == 0x18 || at + n == 0x20 ||
					    at + n == 0x28);
				at += n;
				left -= n;
			}
			assert_int_equal(coherent_span_piece(pos, 0, cuts, 3), 0);
		}
	}
}

/* Each word is aligned, within what is left, and the next wider one would not be. */
static void words_are_widest(void **state)
{
	(void)state;
	for (u64 pos = 0x1000; pos < 0x1010; pos++) {
		for (u64 count = 1; count < 40; count++) {
			u64 at = pos, left = count;

			while (left) {
				u64 n = coherent_span_word(at, left);

				assert_true(n == 1 || n == 2 || n == 4 || n == 8);
				assert_in_range(n, 1, left);
				assert_int_equal(at % n, 0);
				assert_true(n == 8 || 2 * n > left || at % (2 * n));
				at += n;
				left -= n;
			}
		}
	}
	assert_int_equal(coherent_span_word(UINT64_MAX - 7, UINT64_MAX), 8);
	assert_int_equal(coherent_span_word(UINT64_MAX, UINT64_MAX), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(make_refuses_overflow),
		cmocka_unit_test(intersect_and_contains),
		cmocka_unit_test(contains_at_the_end_of_numbers),
		cmocka_unit_test(access_parts),
		cmocka_unit_test(pieces_partition),
		cmocka_unit_test(words_are_widest),
	};

	return cmocka_run_group_tests_name("span", tests, NULL, NULL);
}
