/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In a guest (see guest.h): the port to the suite outside, which knows what should be here and sees
 * the device's side of the memory; and patterns in that memory.
 */
#ifndef HOST_H
#define HOST_H

#include <stdint.h>

/* Of a guest with ACPI, nodes of which the first GPU is the initiator. */
#define HOST_NODE_FIRST 1
#define HOST_NODES	8

/* A pattern fills so much. */
#define HOST_CHUNK (16 * 1024)

void host_open(void);
/* One question, one line of answer. */
const char *host_ask(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The device's side: "fill" it, or is it the "same"? */
void host_ok(const char *what, int gpu, uint64_t off, uint64_t bytes, uint64_t seed);
/* Has init boot the guest once more, when it has said its verdict of this boot. */
void host_again(void);
/* For the story that the host tells. */
void host_tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

uint64_t host_load(volatile uint64_t *p);
void host_store(volatile uint64_t *p, uint64_t value);
void host_fill(volatile uint64_t *p, uint64_t off, uint64_t seed);
void host_expect(volatile uint64_t *p, uint64_t off, uint64_t seed, const char *what);
void host_expect_zero(volatile uint64_t *p, uint64_t off, const char *what);

#endif
