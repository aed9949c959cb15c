// SPDX-License-Identifier: GPL-2.0-only
/*
 * What failed against a flag for each of so many places. A place is a byte, or
 * a stretch of 2^56, to come near the end of all numbers. Failed places never
 * come back; clean ones are lost only when there are more stretches than the
 * set has ranges.
 */
#include "poison.h"

#include "fuzz.h"

#include <string.h>

#define PLACES 256

struct poison_model {
	bool bad[PLACES];
	unsigned int most; /* stretches that there ever were */
	unsigned int shift;
};

static unsigned int poison_stretches(const struct poison_model *model)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < PLACES; i++)
		n += model->bad[i] && (!i || !model->bad[i - 1]);
	return n;
}

static void poison_compare(const struct coherent_poison *set, const struct poison_model *model)
{
	u64 place = UINT64_C(1) << model->shift;

	unsigned int run = 0;

	FUZZ_CHECK(set->nr <= COHERENT_POISON_RANGES);
	for (unsigned int i = 0; i + 1 < set->nr; i++)
		FUZZ_CHECK(set->ranges[i + 1].start > set->ranges[i].start + set->ranges[i].length);
	for (unsigned int i = PLACES; i--;) {
		/* The last place is one byte short, so that nothing overflows. */
		u64 length = (PLACES - i) * place - (model->shift == 56);
		u64 clean = coherent_poison_clean(set, i * place, length);
		u64 want;

		run = model->bad[i] ? 0 : run + 1;
		want = run == PLACES - i ? length : run * place;
		FUZZ_CHECK(clean <= want);
		if (model->most <= COHERENT_POISON_RANGES)
			FUZZ_CHECK(clean == want);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct poison_model model = {.shift = fuzz_byte(&in) % 2 ? 56 : 0};
	u64 place = UINT64_C(1) << model.shift;
	struct coherent_poison set;

	memset(&set, 0x5A, sizeof(set));
	coherent_poison_init(&set);
	poison_compare(&set, &model);
	while (in.left) {
		unsigned int start = fuzz_byte(&in), count = fuzz_byte(&in) % 8;
		u64 length;

		if (count > PLACES - start)
			count = PLACES - start;
		length = count * place;
		if (model.shift == 56 && start + count == PLACES && count)
			length--;
		coherent_poison_add(&set, (struct coherent_span){start * place, length});
		memset(model.bad + start, true, count);
		if (poison_stretches(&model) > model.most)
			model.most = poison_stretches(&model);
	}
	poison_compare(&set, &model);
	return 0;
}
