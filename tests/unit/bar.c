// SPDX-License-Identifier: GPL-2.0-only
#include "bar.h"

#include <string.h>

#include "unit.h"

static u64 sized(u64 size)
{
	struct coherent_bar bar;
	u8 ones[COHERENT_BAR_BYTES];

	memset(ones, 0xFF, sizeof(ones));
	coherent_bar_init(&bar, size);
	assert_int_equal(coherent_bar_value(&bar), 0xC);
	coherent_bar_write(&bar, 0, 8, ones);
	return coherent_bar_value(&bar);
}

static void sizing(void **state)
{
	(void)state;
	for (int bit = 4; bit < 64; bit++)
		assert_int_equal(sized(1ULL << bit), (~0ULL << bit) | 0xC);
}

/* Each piece of the register, against a model made of single bits. */
static void pieces(void **state)
{
	static const u8 bytes[] = {0x5A, 0xA5, 0xFF, 0x00, 0x3C, 0xC3, 0x81, 0x7E};

	(void)state;
	for (unsigned int at = 0; at < 8; at++) {
		for (unsigned int n = 0; at + n <= 8; n++) {
			struct coherent_bar bar;
			bool model[64];
			u8 got[8], ones[8];

			memset(ones, 0xFF, sizeof(ones));
			coherent_bar_init(&bar, 1 << 20);
			coherent_bar_write(&bar, 0, 8, ones);
			coherent_bar_write(&bar, at, n, bytes);
			for (unsigned int bit = 0; bit < 64; bit++) {
				unsigned int byte = bit / 8;

				model[bit] = byte < at || byte >= at + n ||
					     bytes[byte - at] >> bit % 8 & 1;
				if (bit < 20)
					model[bit] = bit == 2 || bit == 3;
			}
			for (unsigned int from = 0; from < 8; from++) {
				coherent_bar_read(&bar, from, 8 - from, got);
				for (unsigned int bit = 8 * from; bit < 64; bit++)
					assert_int_equal(got[bit / 8 - from] >> bit % 8 & 1,
							 model[bit]);
			}
		}
	}
}

static void reset(void **state)
{
	struct coherent_bar bar;
	u8 bytes[8] = {0, 0, 0, 0, 0x40};

	(void)state;
	coherent_bar_init(&bar, 1ULL << 37);
	coherent_bar_write(&bar, 0, 8, bytes);
	assert_int_equal(coherent_bar_value(&bar), 0x400000000C);
	coherent_bar_reset(&bar);
	assert_int_equal(coherent_bar_value(&bar), 0xC);
	assert_int_equal(bar.size, 1ULL << 37);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizing),
		cmocka_unit_test(pieces),
		cmocka_unit_test(reset),
	};

	return cmocka_run_group_tests_name("bar", tests, NULL, NULL);
}
