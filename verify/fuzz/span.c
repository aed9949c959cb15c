// SPDX-License-Identifier: GPL-2.0-only
/*
 * Spans as sets of bytes. The model asks of one byte whether it belongs to a
 * set, and never subtracts. Sets that agree on both sides of every edge of
 * either agree everywhere, so only those bytes are asked about.
 */
#include "span.h"

#include "fuzz.h"

#define SPAN_CUTS 6
#define SPAN_WALK 64

static bool span_has(struct coherent_span span, wide byte)
{
	return byte >= span.start && byte < (wide)span.start + span.length;
}

/* Both sides of the edges of @span, three bytes an edge; @bytes holds six. */
static void span_edges(struct coherent_span span, wide *bytes)
{
	for (int i = 0; i < 3; i++) {
		bytes[i] = (wide)span.start + i - 1;
		bytes[3 + i] = (wide)span.start + span.length + i - 1;
	}
}

static struct coherent_span span_any(struct fuzz_input *in)
{
	struct coherent_span span = {0x5A, 0xA5};
	uint64_t start = fuzz_number(in), length = fuzz_number(in);
	int ret = coherent_span_make(start, length, &span);

	if ((wide)start + length >= FUZZ_TOP) {
		FUZZ_CHECK(ret == -EOVERFLOW);
		FUZZ_CHECK(span.start == 0x5A && span.length == 0xA5);
		span.start = 0;
		return span;
	}
	FUZZ_CHECK(ret == 0 && span.start == start && span.length == length);
	return span;
}

static void span_pair(struct fuzz_input *in)
{
	struct coherent_span a = span_any(in), b = span_any(in);
	struct coherent_span both = coherent_span_intersect(a, b);
	bool contains = coherent_span_contains(a, b), inside = true;
	wide bytes[18];

	span_edges(a, bytes);
	span_edges(b, bytes + 6);
	span_edges(both, bytes + 12);
	for (int i = 0; i < 18; i++) {
		FUZZ_CHECK(span_has(both, bytes[i]) ==
			   (span_has(a, bytes[i]) && span_has(b, bytes[i])));
		if (span_has(b, bytes[i]) && !span_has(a, bytes[i]))
			inside = false;
	}
	/* An empty span has no bytes: it lies where its one end lies. */
	if (!b.length)
		inside = span_has(a, b.start) || b.start == (wide)a.start + a.length;
	FUZZ_CHECK(contains == inside);
}

enum span_answer { SPAN_MEMORY, SPAN_TAIL, SPAN_NONE };

/* Who answers byte @i of an access. */
static enum span_answer span_answer(uint64_t pos, uint64_t count, uint64_t length,
				    uint64_t bar_size, wide i)
{
	if (i >= count || pos + i >= bar_size)
		return SPAN_NONE;
	return pos + i < length ? SPAN_MEMORY : SPAN_TAIL;
}

static void span_access(struct fuzz_input *in)
{
	uint64_t bar_size = fuzz_power(in, 4), length = fuzz_number(in);
	uint64_t pos = fuzz_number(in), count = fuzz_number(in);
	struct coherent_access access = {0x5A, 0xA5};
	wide sum;
	int ret;

	if (length > bar_size)
		length = bar_size;
	ret = coherent_span_access(pos, count, length, bar_size, &access);
	if (pos >= bar_size) {
		FUZZ_CHECK(ret == -EINVAL && access.memory == 0x5A && access.tail == 0xA5);
		return;
	}
	FUZZ_CHECK(ret == 0);
	sum = (wide)access.memory + access.tail;
#define ANSWER(i) span_answer(pos, count, length, bar_size, i)
	FUZZ_CHECK(!access.memory || ANSWER(access.memory - 1) == SPAN_MEMORY);
	FUZZ_CHECK(ANSWER(access.memory) != SPAN_MEMORY);
	FUZZ_CHECK(!access.tail || ANSWER(access.memory) == SPAN_TAIL);
	FUZZ_CHECK(!access.tail || ANSWER(sum - 1) == SPAN_TAIL);
	FUZZ_CHECK(ANSWER(sum) == SPAN_NONE);
#undef ANSWER
}

static bool span_is_cut(const u64 *cuts, unsigned int n, wide byte)
{
	for (unsigned int i = 0; i < n; i++)
		if (cuts[i] == byte)
			return true;
	return false;
}

/* The widest word is the last of ever wider ones of which both ends are in one cell. */
static void span_word(u64 at, u64 count)
{
	unsigned int widest = 1;

	for (unsigned int width = 2; width <= 8; width *= 2)
		if (count >= width && at / width == ((wide)at + width - 1) / width)
			widest = width;
	FUZZ_CHECK(coherent_span_word(at, count) == widest);
}

/* A short walk, byte by byte: a piece ends at the next cut or with the access. */
static void span_walk(struct fuzz_input *in)
{
	u64 cuts[SPAN_CUTS], pos = fuzz_number(in), at = pos;
	uint64_t left = fuzz_byte(in) % SPAN_WALK;
	unsigned int n = fuzz_byte(in) % (SPAN_CUTS + 1);

	if ((wide)pos + SPAN_WALK >= FUZZ_TOP)
		at = pos -= 2 * SPAN_WALK;
	for (unsigned int i = 0; i < n; i++)
		cuts[i] = (i ? cuts[i - 1] : pos > 8 ? pos - 8 : 0) + fuzz_byte(in) % 16;

	while (left) {
		u64 piece = coherent_span_piece(at, left, cuts, n), bytes = 1;

		while (bytes < left && !span_is_cut(cuts, n, (wide)at + bytes))
			bytes++;
		FUZZ_CHECK(piece == bytes);
		span_word(at, left);
		at += piece;
		left -= piece;
	}
	FUZZ_CHECK(coherent_span_piece(pos, 0, cuts, n) == 0);
}

/* A piece of any size: no cut inside it, and a cut or the end behind it. */
static void span_piece(struct fuzz_input *in)
{
	u64 cuts[SPAN_CUTS], pos = fuzz_number(in), count = fuzz_number(in), piece;
	unsigned int n = 0;

	for (u64 cut; n < SPAN_CUTS; cuts[n++] = cut) {
		cut = fuzz_number(in);
		if (n && cut < cuts[n - 1])
			break;
	}
	piece = coherent_span_piece(pos, count, cuts, n);
	for (unsigned int i = 0; i < n; i++)
		FUZZ_CHECK(cuts[i] <= pos || cuts[i] >= (wide)pos + piece);
	FUZZ_CHECK(piece == count || (piece < count && span_is_cut(cuts, n, (wide)pos + piece)));
	FUZZ_CHECK(piece || !count);
	if (count)
		span_word(pos, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const checks[])(struct fuzz_input *) = {
		span_pair,
		span_access,
		span_walk,
		span_piece,
	};
	struct fuzz_input in = {data, size};

	while (in.left)
		checks[fuzz_byte(&in) % 4](&in);
	return 0;
}
