// SPDX-License-Identifier: GPL-2.0-only
/*
 * A base address register keeps the address bits above its size and answers
 * the rest with constants: software writes all ones, reads back the mask, and
 * so learns the size. Two consecutive dwords form one 64-bit register; in the
 * lowest bits, "memory, 64-bit, prefetchable" reads as 0xC.
 *
 * Configuration space is little-endian whatever the CPU is, so bytes are
 * placed by shifting, never by looking into the u64's storage.
 */
#include "bar.h"

#define COHERENT_BAR_FLAGS 0xCULL

/**
 * coherent_bar_init() - a register at its reset value
 * @bar: the register
 * @size: bytes that it decodes, a power of two of at least 16
 */
void coherent_bar_init(struct coherent_bar *bar, u64 size)
{
	bar->size = size;
	coherent_bar_reset(bar);
}

/**
 * coherent_bar_reset() - what a reset of the function does to it
 * @bar: the register
 */
void coherent_bar_reset(struct coherent_bar *bar)
{
	bar->address = 0;
}

/**
 * coherent_bar_value() - the register as software reads it
 * @bar: the register
 *
 * Return: address bits and flags, as one CPU-endian number.
 */
u64 coherent_bar_value(const struct coherent_bar *bar)
{
	return (bar->address & ~(bar->size - 1)) | COHERENT_BAR_FLAGS;
}

/**
 * coherent_bar_read() - read some of the register's bytes
 * @bar: the register
 * @offset: first byte, below COHERENT_BAR_BYTES
 * @count: bytes; @offset + @count is at most COHERENT_BAR_BYTES
 * @bytes: where they go
 */
void coherent_bar_read(const struct coherent_bar *bar, unsigned int offset,
		       unsigned int count, u8 *bytes)
{
	u64 value = coherent_bar_value(bar);
	unsigned int i;

	for (i = 0; i < count; i++)
		bytes[i] = value >> (8 * (offset + i));
}

/**
 * coherent_bar_write() - write some of the register's bytes
 * @bar: the register
 * @offset: first byte, below COHERENT_BAR_BYTES
 * @count: bytes; @offset + @count is at most COHERENT_BAR_BYTES
 * @bytes: what they become; the register's other bytes stay
 */
void coherent_bar_write(struct coherent_bar *bar, unsigned int offset,
			unsigned int count, const u8 *bytes)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		unsigned int shift = 8 * (offset + i);

		bar->address &= ~(0xFFULL << shift);
		bar->address |= (u64)bytes[i] << shift;
	}
}
