// SPDX-License-Identifier: GPL-2.0-only
/* Where the fuzzer's operations go: edges of regions, and near them. */
#include "fuzz.h"
#include "util.h"

/* Registers of a Grace GPU that tell of readiness. In the simulator they are memory, like all of BAR0. */
#define FZ_READINESS 0x100000ull

static int fz_region(const struct fz_device *d, const struct fz_op *op)
{
	static const int others[] = {0, 0, 1, 2, 4, 6, 8};

	if (op->target < 8 && d->windows)
		return d->window[op->target % d->windows].region;
	if (op->target < 11)
		return VFIO_CONFIG;
	return op->target < 15 ? others[op->value % ARRAY_LEN(others)] : VFIO_SPECIAL;
}

static uint64_t fz_config_offset(const struct fz_device *d, const struct fz_op *op)
{
	const unsigned int at[] = {0x00, 0x04, 0x06, 0x0c, 0x10, 0x18,	    0x1c,	    0x20,
				   0x24, 0x28, 0x30, 0x34, 0x3c, d->pm + 4, d->express + 8, 0x100};

	return at[op->value % ARRAY_LEN(at)] + (op->delta > -64 && op->delta < 64 ? op->delta : 0);
}

struct fz_place fz_find(const struct fz_device *d, const struct fz_op *op)
{
	struct fz_place p = {.region = fz_region(d, op)};
	uint64_t length, size = d->vfio.region[p.region].size,
			 hash = op->value * 0x9e3779b97f4a7c15;

	for (int i = 0; i < d->windows; i++)
		if (d->window[i].region == p.region)
			p.w = &d->window[i];
	length = p.w ? p.w->length : size;
	switch (op->base % 8) {
	case 1:
		p.off = length;
		break;
	case 2:
		p.off = size;
		break;
	case 3:
		p.off = length & ~4095ull;
		break;
	case 4:
		p.off = length ? (hash >> 8) % length & ~4095ull : 0;
		break;
	case 5:
		p.off = (hash >> 60) * 64 * KiB;
		break;
	case 6:
		p.off = op->how < 28 ? (hash >> 61) * 2 * MiB : 1ull << 63;
		break;
	default:
		break;
	}
	if (p.region == VFIO_CONFIG && op->base)
		p.off = fz_config_offset(d, op);
	else
		p.off += op->delta;
	if (!p.w && p.region != VFIO_CONFIG && p.off < FZ_READINESS)
		p.off += FZ_READINESS;
	/* Not where a window has no memory, and no tail. */
	if (p.w && p.off >= p.w->memory - 2 * FZ_BUF && p.off < p.w->length &&
	    p.w->memory < p.w->length)
		p.off %= p.w->memory / 2;
	p.pos = (off_t)(d->vfio.region[p.region].offset + p.off);
	p.inside = p.off < 1ull << 40;
	return p;
}
