/* SPDX-License-Identifier: GPL-2.0-only */
/* A function's config space, as sysfs has it. */
#ifndef COHGPU_CONFIG_H
#define COHGPU_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#define CONFIG_BASIC 0x100 /* what is beyond is for root, or is not there */

struct gpu;

struct config {
	unsigned char *bytes;
	size_t size;
};

enum config_answer {
	CONFIG_ANSWERS,
	CONFIG_SILENT, /* all-ones: the function is on no bus any more, or without power */
	CONFIG_ASLEEP, /* in D3cold, from which a look would wake it; or the kernel lost it */
	CONFIG_UNREAD,
};

enum config_answer config_ask(const struct gpu *gpu);
/* False, with nothing to free: it is not to be read as a whole. */
bool config_read(struct config *config, const struct gpu *gpu);
void config_free(struct config *config);
/* It reads all-ones. */
bool config_is_silent(const struct config *config);
/* Little-endian; 0 beyond the end. */
unsigned int config_word(const struct config *config, unsigned int at);
/* Offset of an extended capability; 0 none. */
unsigned int config_capability(const struct config *config, unsigned int id);
/* The same of one of a vendor's own kinds. */
unsigned int config_dvsec(const struct config *config, unsigned int vendor, unsigned int id);

#endif
