/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel holds, counted before and after something that may leave nothing. */
#ifndef COUNTS_H
#define COUNTS_H

struct counts {
	long long page_tables, available, unreclaimable, files;
	long vmalloc, iomem, modules;
};

void counts_take(struct counts *c);
/* Of memory, in KiB: what a VM's own life takes, and what CPUs keep of processes with megabytes. */
#define COUNTS_NOISE	   2048
#define COUNTS_NOISE_LARGE 65536
/*
 * After @n rounds: none of them has left a page of anything, or the case fails. The noise is allowed
 * for once.
 */
void counts_same(const struct counts *before, int n, long noise);

#endif
