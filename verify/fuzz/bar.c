// SPDX-License-Identifier: GPL-2.0-only
/*
 * The BAR register against 64 cells of one bit. A bit below the size is a
 * constant, a bit at or above it is whatever was last written to it.
 */
#include "bar.h"

#include "fuzz.h"

#include <string.h>

#define BAR_BITS 64

struct bar_model {
	unsigned int exponent;
	bool bit[BAR_BITS];
};

static bool bar_bit(const struct bar_model *model, unsigned int i)
{
	/* Of the constants, only "64-bit" (bit 2) and "prefetchable" (bit 3) are set. */
	if (i < model->exponent)
		return i == 2 || i == 3;
	return model->bit[i];
}

static void bar_write(struct bar_model *model, unsigned int offset, unsigned int count,
		      const uint8_t *bytes)
{
	for (unsigned int i = 8 * offset; i < 8 * (offset + count); i++)
		model->bit[i] = bytes[i / 8 - offset] >> i % 8 & 1;
}

/* Reads may not touch what lies beside the bytes asked for. */
static void bar_compare(const struct coherent_bar *bar, const struct bar_model *model,
			unsigned int offset, unsigned int count)
{
	u8 bytes[COHERENT_BAR_BYTES + 2];

	memset(bytes, 0x5A, sizeof(bytes));
	coherent_bar_read(bar, offset, count, bytes + 1);
	FUZZ_CHECK(bytes[0] == 0x5A && bytes[1 + count] == 0x5A);
	for (unsigned int i = 8 * offset; i < 8 * (offset + count); i++)
		FUZZ_CHECK((bytes[1 + i / 8 - offset] >> i % 8 & 1) == bar_bit(model, i));
}

static void bar_compare_value(const struct coherent_bar *bar, const struct bar_model *model)
{
	u64 value = coherent_bar_value(bar);

	for (unsigned int i = 0; i < BAR_BITS; i++)
		FUZZ_CHECK((value >> i & 1) == bar_bit(model, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct bar_model model = {.exponent = 4 + fuzz_byte(&in) % 60};
	struct coherent_bar bar;

	memset(&bar, 0x5A, sizeof(bar));
	coherent_bar_init(&bar, UINT64_C(1) << model.exponent);
	bar_compare_value(&bar, &model);
	while (in.left) {
		uint8_t what = fuzz_byte(&in), where = fuzz_byte(&in);
		unsigned int offset = where % COHERENT_BAR_BYTES;
		unsigned int count = where / COHERENT_BAR_BYTES % (COHERENT_BAR_BYTES - offset + 1);
		u8 bytes[COHERENT_BAR_BYTES];

		if (what < 16) {
			coherent_bar_reset(&bar);
			memset(model.bit, 0, sizeof(model.bit));
		} else {
			for (unsigned int i = 0; i < count; i++)
				bytes[i] = fuzz_byte(&in);
			coherent_bar_write(&bar, offset, count, bytes);
			bar_write(&model, offset, count, bytes);
		}
		bar_compare(&bar, &model, offset, count);
		bar_compare_value(&bar, &model);
	}
	return 0;
}
