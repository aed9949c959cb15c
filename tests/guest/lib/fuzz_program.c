// SPDX-License-Identifier: GPL-2.0-only
/* Programs of the fuzzer: made, changed, and written down. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "util.h"

/* How often, of 256 or so: resets take a tenth of a second and more. */
static const struct {
	const char *name;
	unsigned int weight;
} fz_kinds[FZ_KINDS] = {
	[FZ_READ] = {"read", 36},
	[FZ_WRITE] = {"write", 36},
	[FZ_READV] = {"readv", 10},
	[FZ_WRITEV] = {"writev", 10},
	[FZ_MMAP] = {"mmap", 28},
	[FZ_LOAD] = {"load", 24},
	[FZ_STORE] = {"store", 24},
	[FZ_MUNMAP] = {"munmap", 8},
	[FZ_MPROTECT] = {"mprotect", 5},
	[FZ_MREMAP] = {"mremap", 5},
	[FZ_MADVISE] = {"madvise", 6},
	[FZ_FORK] = {"fork", 1},
	[FZ_ENABLE] = {"enable", 14},
	[FZ_POWER] = {"power", 4},
	[FZ_FLR] = {"flr", 1},
	[FZ_RESET] = {"reset", 2},
	[FZ_HOT_RESET] = {"hot-reset", 1},
	[FZ_LOW_POWER] = {"low-power", 2},
	[FZ_REGION_INFO] = {"region-info", 6},
	[FZ_INFO] = {"info", 6},
	[FZ_IRQS] = {"irqs", 5},
	[FZ_IOEVENTFD] = {"ioeventfd", 4},
	[FZ_FEATURE] = {"feature", 5},
	[FZ_EXPORT] = {"export", 5},
	[FZ_ATTACH] = {"attach", 4},
	[FZ_RAW] = {"raw", 3},
};

static const int32_t fz_deltas[] = {0,	 0,    0,    0,	    1,	  -1,	 2,	-2,	3,     4,
				    -4,	 5,    7,    -7,    8,	  -8,	 9,	16,	-63,   64,
				    -64, 4095, 4096, -4096, 4097, -4097, 65536, -65536, -65537};

static const uint32_t fz_lengths[] = {
	1,	 2,    3,    4,	   4,	 7,	8,     8,     8,     9,
	12,	 16,   40,   63,   64,	 65,	255,   256,   2048,  4095,
	4096,	 4096, 4096, 4097, 8192, 12288, 65535, 65536, 65537, (1 << 20) + 1,
	1u << 31};

uint64_t fz_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

const char *fz_name(unsigned int kind)
{
	return kind < FZ_KINDS ? fz_kinds[kind].name : "?";
}

static unsigned int fz_any_kind(uint64_t *state)
{
	unsigned int sum = 0, kind = 0;
	uint64_t at;

	for (unsigned int i = 0; i < FZ_KINDS; i++)
		sum += fz_kinds[i].weight;
	at = fz_random(state) % sum;
	while (at >= fz_kinds[kind].weight)
		at -= fz_kinds[kind++].weight;
	return kind;
}

/* One field anew. */
static void fz_field(struct fz_op *op, unsigned int field, uint64_t *state)
{
	uint64_t r = fz_random(state);

	switch (field) {
	case 0:
		op->target = r % 16;
		break;
	case 1:
		op->base = r % 8;
		break;
	case 2:
		op->delta = r % 8 ? fz_deltas[r / 8 % ARRAY_LEN(fz_deltas)] : (int32_t)(r >> 40);
		break;
	case 3:
		op->len = r % 8 ? fz_lengths[r / 8 % ARRAY_LEN(fz_lengths)] : r >> 48;
		break;
	case 4:
		op->how = r % 32;
		break;
	case 5:
		/* Small numbers, single bits, anything. */
		op->value =
			r % 3 ? (r % 3 == 1 ? r / 3 % 256 : 1ULL << r / 3 % 64) : fz_random(state);
		break;
	default:
		op->kind = fz_any_kind(state);
	}
}

static struct fz_op fz_any_op(uint64_t *state, bool two)
{
	struct fz_op op = {0};

	for (unsigned int i = 0; i <= 6; i++)
		fz_field(&op, i, state);
	op.thread = two && fz_random(state) % 2;
	return op;
}

static bool fz_is_slow(unsigned int kind)
{
	return kind >= FZ_POWER && kind <= FZ_LOW_POWER;
}

void fz_pace(struct fz_program *p, bool slow, uint64_t *state)
{
	for (uint32_t i = 0; i < p->n; i++)
		while (fz_is_slow(p->op[i].kind))
			p->op[i].kind = fz_any_kind(state);
	if (slow)
		p->op[fz_random(state) % p->n].kind =
			FZ_POWER + fz_random(state) % (FZ_LOW_POWER + 1 - FZ_POWER);
}

static bool fz_is_two(const struct fz_program *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		if (p->op[i].thread)
			return true;
	return false;
}

void fz_generate(struct fz_program *p, uint64_t *state)
{
	bool two = fz_random(state) % 4 == 0;

	p->n = 1 + fz_random(state) % FZ_OPS;
	for (uint32_t i = 0; i < p->n; i++)
		p->op[i] = fz_any_op(state, two);
}

static void fz_insert(struct fz_program *p, uint32_t at, struct fz_op op)
{
	if (p->n == FZ_OPS)
		p->n--;
	memmove(&p->op[at + 1], &p->op[at], (p->n - at) * sizeof(op));
	p->op[at] = op;
	p->n++;
}

static void fz_mutate_once(struct fz_program *p, uint64_t *state)
{
	uint32_t at = fz_random(state) % p->n;

	switch (fz_random(state) % 8) {
	case 0:
		if (p->n < 2)
			return;
		memmove(&p->op[at], &p->op[at + 1], (p->n - at - 1) * sizeof(p->op[0]));
		p->n--;
		return;
	case 1:
	case 2:
		fz_insert(p, at < FZ_OPS - 1 ? at : at - 1, fz_any_op(state, fz_is_two(p)));
		return;
	case 3:
		p->op[at].thread ^= fz_random(state) % 4 == 0;
		return;
	case 4:
		p->op[at].delta += (int32_t)(fz_random(state) % 17) - 8;
		return;
	case 5:
		p->op[at].len += (uint32_t)(fz_random(state) % 17) - 8;
		return;
	default:
		fz_field(&p->op[at], fz_random(state) % 7, state);
	}
}

void fz_mutate(struct fz_program *p, uint64_t *state)
{
	for (uint64_t n = 1 + fz_random(state) % 4; n; n--)
		fz_mutate_once(p, state);
}

void fz_splice(struct fz_program *p, const struct fz_program *other, uint64_t *state)
{
	uint32_t head = 1 + fz_random(state) % p->n, from = fz_random(state) % other->n;

	while (head < FZ_OPS && from < other->n)
		p->op[head++] = other->op[from++];
	p->n = head;
}

void fz_print(const struct fz_program *p, char *line, size_t size)
{
	size_t at = 0;

	line[0] = 0;
	for (uint32_t i = 0; i < p->n && at < size; i++) {
		const struct fz_op *op = &p->op[i];

		at += snprintf(line + at, size - at, "%s%s.%x.%x.%x.%x.%x.%x.%llx", i ? "," : "",
			       fz_name(op->kind), op->thread, op->target, op->base, op->how,
			       (unsigned int)op->delta, op->len, (unsigned long long)op->value);
	}
}

static const char *fz_parse_op(struct fz_op *op, const char *at)
{
	unsigned long long value[7];
	const char *dot = strchr(at, '.');
	char *end;
	size_t i;

	for (i = 0; dot && i < FZ_KINDS; i++) {
		if (strlen(fz_kinds[i].name) == (size_t)(dot - at) &&
		    !strncmp(fz_kinds[i].name, at, dot - at))
			break;
	}
	if (!dot || i == FZ_KINDS)
		return NULL;
	at = dot;
	for (size_t field = 0; field < ARRAY_LEN(value); field++) {
		if (*at++ != '.')
			return NULL;
		value[field] = strtoull(at, &end, 16);
		at = end;
	}
	*op = (struct fz_op){.kind = i,
			     .thread = value[0],
			     .target = value[1],
			     .base = value[2],
			     .how = value[3],
			     .delta = (int32_t)value[4],
			     .len = value[5],
			     .value = value[6]};
	return at;
}

const char *fz_parse(struct fz_program *p, const char *line)
{
	p->n = 0;
	while (p->n < FZ_OPS) {
		line = fz_parse_op(&p->op[p->n], line);
		if (!line)
			return NULL;
		p->n++;
		if (*line != ',')
			break;
		line++;
	}
	return line;
}
