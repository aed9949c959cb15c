/* SPDX-License-Identifier: GPL-2.0-only */
/* A 64-bit prefetchable memory BAR that exists only in software. */
#ifndef COHERENT_LOGIC_BAR_H
#define COHERENT_LOGIC_BAR_H

#include "logic.h"

#define COHERENT_BAR_BYTES 8

/**
 * struct coherent_bar - the register
 * @size: bytes that it decodes, a power of two of at least 16
 * @address: what was written, before masking; the caller's lock guards it
 */
struct coherent_bar {
	u64 size;
	u64 address;
};

void coherent_bar_init(struct coherent_bar *bar, u64 size);
void coherent_bar_reset(struct coherent_bar *bar);
u64 coherent_bar_value(const struct coherent_bar *bar);
void coherent_bar_read(const struct coherent_bar *bar, unsigned int offset,
		       unsigned int count, u8 *bytes);
void coherent_bar_write(struct coherent_bar *bar, unsigned int offset,
			unsigned int count, const u8 *bytes);

#endif /* COHERENT_LOGIC_BAR_H */
