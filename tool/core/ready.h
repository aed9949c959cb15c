/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why a GPU's memory is not ready. The driver knows while somebody has the device open: to close it
 * is to reset it, and what was known goes with it. What is left then is the line in the kernel's
 * log, which says when a wait failed. Nothing is logged when a later one does not.
 */
#ifndef COHGPU_READY_H
#define COHGPU_READY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/gpu.h"

#define READY_TEXT 224

/*
 * The last record of the kernel's log that says so of this GPU, as /dev/kmsg has it; 0, -ENOENT
 * when there is none, or the error of reading the log.
 */
int ready_record(char *record, size_t size, const char *address);
/* What follows the address in a record: "not ready after 30 s: ..."; NULL: it is no such record. */
const char *ready_reason(const char *record, const char *address);
/* When it was logged, as dmesg prints it: "12.345678"; "" not told. */
const char *ready_when(char buf[32], const char *record);
/* What the registers say now, where a look is harmless: the function is awake and answers. */
bool ready_registers(char *buf, size_t size, const struct gpu *gpu);

#endif
