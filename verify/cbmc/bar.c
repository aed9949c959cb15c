// SPDX-License-Identifier: GPL-2.0-only
/*
 * A BAR register of any size, in any state. One step from any state stands for
 * any sequence of steps.
 */
#include "bar.h"

#include "proof.h"

/* The register's size is 2^this, in every proof. */
static unsigned int order;

static u64 any_size(void)
{
	unsigned int any;

	assumed(any >= 4 && any < 64);
	order = any;
	return (u64)1 << order;
}

static struct coherent_bar any_bar(void)
{
	struct coherent_bar bar;

	bar.size = any_size();
	return bar;
}

static void any_piece(unsigned int *offset, unsigned int *count)
{
	unsigned int o, c;

	assumed(o < COHERENT_BAR_BYTES && c <= COHERENT_BAR_BYTES - o);
	*offset = o;
	*count = c;
}

PROOF(reset, 9)
{
	struct coherent_bar bar;
	u64 size = any_size();

	coherent_bar_init(&bar, size);
	proven(coherent_bar_value(&bar) == 0xC && bar.size == size);
	bar = any_bar();
	size = bar.size;
	coherent_bar_reset(&bar);
	proven(coherent_bar_value(&bar) == 0xC && bar.size == size);
}

/* A write becomes what is read in its bytes, and changes no other byte. */
PROOF(write, 9)
{
	struct coherent_bar bar = any_bar(), before = bar;
	unsigned int offset, count, i;
	u8 bytes[COHERENT_BAR_BYTES], was, is;

	any_piece(&offset, &count);
	assumed(i < COHERENT_BAR_BYTES);
	coherent_bar_write(&bar, offset, count, bytes);
	proven(bar.size == before.size);
	was = before.address >> 8 * i & 0xFF;
	is = bar.address >> 8 * i & 0xFF;
	proven(is == (i >= offset && i < offset + count ? bytes[i - offset] : was));
}

/* What is read is what was stored, as far as the register decodes it. */
PROOF(value, 1)
{
	struct coherent_bar bar = any_bar();

	proven(coherent_bar_value(&bar) == (bar.address >> order << order | 0xC));
}

/* A read of any piece is that piece of the value, and touches no other byte. */
PROOF(read, 9)
{
	struct coherent_bar bar = any_bar(), before = bar;
	u8 bytes[COHERENT_BAR_BYTES + 1], old;
	unsigned int offset, count, i;
	u64 value = coherent_bar_value(&bar);

	any_piece(&offset, &count);
	assumed(i < sizeof(bytes));
	old = bytes[i];
	coherent_bar_read(&bar, offset, count, bytes);
	proven(bar.address == before.address && bar.size == before.size);
	proven(bytes[i] == (i < count ? (value >> 8 * (offset + i) & 0xFF) : old));
}

/* Sizing: all ones in any two pieces, in any order, read back as the mask. */
PROOF(sizing, 9)
{
	static const u8 ones[COHERENT_BAR_BYTES] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
	struct coherent_bar bar = any_bar();
	unsigned int cut;
	bool high_first;

	assumed(cut >= 1 && cut < COHERENT_BAR_BYTES);
	if (high_first)
		coherent_bar_write(&bar, cut, COHERENT_BAR_BYTES - cut, ones);
	coherent_bar_write(&bar, 0, cut, ones);
	if (!high_first)
		coherent_bar_write(&bar, cut, COHERENT_BAR_BYTES - cut, ones);
	proven((coherent_bar_value(&bar) & ~(u64)0xF) == ~(bar.size - 1));
}
