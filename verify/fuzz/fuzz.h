/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fuzz targets share: how bytes become numbers, and the complaint. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Sums of two 64-bit numbers, exactly: what the models calculate with. */
typedef unsigned __int128 wide;

#define FUZZ_TOP ((wide)1 << 64)

/* The bytes that libFuzzer chose; past their end everything reads as 0. */
struct fuzz_input {
	const uint8_t *next;
	size_t left;
};

static inline uint8_t fuzz_byte(struct fuzz_input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->next++;
}

static inline uint64_t fuzz_raw(struct fuzz_input *in)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | fuzz_byte(in);
	return value;
}

/*
 * Bugs in arithmetic live at edges, which uniform numbers never meet: most
 * numbers are small, or a power of two, or the end of numbers, give or take a
 * little.
 */
static inline uint64_t fuzz_number(struct fuzz_input *in)
{
	uint8_t kind = fuzz_byte(in);
	uint64_t little;

	if (kind >= 0xF0)
		return fuzz_raw(in);
	little = fuzz_byte(in);
	if (kind < 64)
		return (UINT64_C(1) << kind) + little;
	if (kind < 128)
		return (UINT64_C(1) << (kind - 64)) - little;
	if (kind < 160)
		return UINT64_MAX - little;
	return little;
}

static inline uint64_t fuzz_power(struct fuzz_input *in, unsigned int lowest)
{
	return UINT64_C(1) << (lowest + fuzz_byte(in) % (64 - lowest));
}

#define FUZZ_CHECK(condition)                                                                      \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* FUZZ_H */
