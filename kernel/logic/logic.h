/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the pure parts need from their surroundings, in the kernel and in user
 * space: fixed-width types, errno numbers, nothing else. Nothing in this
 * folder calls the kernel, allocates, locks or sleeps: callers do.
 */
#ifndef COHERENT_LOGIC_H
#define COHERENT_LOGIC_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
#endif

#endif /* COHERENT_LOGIC_H */
