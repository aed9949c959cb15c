/* SPDX-License-Identifier: GPL-2.0-only */
/* The installed QEMU. */
#ifndef COHGPU_EMULATOR_H
#define COHGPU_EMULATOR_H

#include <stdbool.h>

#include "core/program.h"

#define EMULATOR_POWER "/usr/bin/qemu-system-ppc64"

/* Of "virt": the one that is installed, or where Debian has it; its version, 0 for none, unless NULL. */
const char *emulator_virt(unsigned int *version);
/* UEFI for "virt" as it is installed here, or where Debian has it; *installed tells. */
const char *emulator_firmware(bool *installed);

/* A version as 100 * major + minor; 0 when there is none. */
unsigned int emulator_version(const char *path);

enum emulator_parts {
	PART_INITIATOR,
	PART_IOMMUFD,
	PART_INITIATOR_ORDER,
	PART_MMIO_SIZE,
	PART_VSMMU,
	PARTS_VIRT,
	PART_NVLINK2 = PARTS_VIRT,
	PARTS,
};

extern const struct program_part emulator_parts[PARTS];

#endif
