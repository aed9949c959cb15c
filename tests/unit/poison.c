// SPDX-License-Identifier: GPL-2.0-only
#include "poison.h"

#include <string.h>

#include "unit.h"

#define BYTES 4096

static void add(struct coherent_poison *p, u64 start, u64 length)
{
	coherent_poison_add(p, (struct coherent_span){start, length});
}

static void in_order(const struct coherent_poison *p)
{
	assert_true(p->nr <= COHERENT_POISON_RANGES);
	for (unsigned int i = 0; i < p->nr; i++) {
		assert_true(p->ranges[i].length > 0);
		if (i)
			assert_true(p->ranges[i].start >
				    p->ranges[i - 1].start + p->ranges[i - 1].length);
	}
}

static void nothing_failed(void **state)
{
	struct coherent_poison p;

	(void)state;
	coherent_poison_init(&p);
	assert_int_equal(coherent_poison_clean(&p, 0, UINT64_MAX), UINT64_MAX);
	add(&p, 100, 0);
	assert_int_equal(coherent_poison_clean(&p, 0, 4096), 4096);
}

static void edges(void **state)
{
	struct coherent_poison p;

	(void)state;
	coherent_poison_init(&p);
	add(&p, 100, 10);
	assert_int_equal(coherent_poison_clean(&p, 99, 1), 1);
	assert_int_equal(coherent_poison_clean(&p, 99, 2), 1);
	assert_int_equal(coherent_poison_clean(&p, 100, 1), 0);
	assert_int_equal(coherent_poison_clean(&p, 109, 1), 0);
	assert_int_equal(coherent_poison_clean(&p, 110, 7), 7);
	assert_int_equal(coherent_poison_clean(&p, 0, 1000), 100);
	assert_int_equal(coherent_poison_clean(&p, 0, 50), 50);
}

static void the_end_of_all(void **state)
{
	struct coherent_poison p;

	(void)state;
	coherent_poison_init(&p);
	add(&p, UINT64_MAX - 1, 1);
	assert_int_equal(coherent_poison_clean(&p, UINT64_MAX - 4, 4), 3);
}

/* Against a byte for each byte. While there is room, the set is exact. */
static void as_a_byte_map(void **state)
{
	static unsigned char bad[BYTES];
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct coherent_poison p;
		int count = round % 2 ? 10 : 150;

		coherent_poison_init(&p);
		memset(bad, 0, sizeof(bad));
		for (int n = 0; n < count; n++) {
			u64 start, length;

			seed = seed * 1664525 + 1013904223;
			start = seed >> 8 & (BYTES - 1);
			length = (seed >> 24 & 15) + 1;
			if (start + length > BYTES)
				continue;
			add(&p, start, length);
			memset(bad + start, 1, length);
			in_order(&p);
		}
		for (u64 byte = 0; byte < BYTES; byte++) {
			u64 clean = coherent_poison_clean(&p, byte, 1);

			if (bad[byte])
				assert_int_equal(clean, 0);
			else if (count <= COHERENT_POISON_RANGES)
				assert_int_equal(clean, 1);
		}
	}
}

/* A full set gives up the fewest clean bytes that it can. */
static void full(void **state)
{
	struct coherent_poison p;

	(void)state;
	coherent_poison_init(&p);
	for (u64 i = 0; i <= COHERENT_POISON_RANGES; i++)
		add(&p, i * 1000 + (i > 7 ? 500 : 0) - (i == 20 ? 400 : 0), 10);
	in_order(&p);
	assert_int_equal(p.nr, COHERENT_POISON_RANGES);
	assert_int_equal(coherent_poison_clean(&p, 19800, 1), 0);
	assert_int_equal(coherent_poison_clean(&p, 7100, 1), 1);
	assert_int_equal(coherent_poison_clean(&p, 18700, 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_failed), cmocka_unit_test(edges),
		cmocka_unit_test(the_end_of_all), cmocka_unit_test(as_a_byte_map),
		cmocka_unit_test(full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
