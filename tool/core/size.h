/* SPDX-License-Identifier: GPL-2.0-only */
/* Sizes as people and libvirt write them. */
#ifndef COHGPU_SIZE_H
#define COHGPU_SIZE_H

#include <stdint.h>

/* More is no size of anything here. */
#define SIZE_LIMIT (1ULL << 60)

/*
 * "16G", "16GiB", "16 gib": powers of two; "16GB": of ten; whatever the case. A bare number is in
 * the unit given. 0 when it is none, or over the limit.
 */
uint64_t size_in(const char *text, const char *unit);

#endif
