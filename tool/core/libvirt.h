/* SPDX-License-Identifier: GPL-2.0-only */
/* The installed libvirt. It takes a definition with words that it does not know, and drops them. */
#ifndef COHGPU_LIBVIRT_H
#define COHGPU_LIBVIRT_H

#include "core/program.h"

/* Whose file beside it tells the version in a tree. */
#define LIBVIRT_DAEMON "/usr/sbin/virtqemud"

/* As program_version() has it. */
unsigned int libvirt_version(void);

enum libvirt_parts {
	LIBVIRT_RAS,
	LIBVIRT_NODESET,
	LIBVIRT_IOMMUFD,
	LIBVIRT_VSMMU,
	LIBVIRT_HOLE,
	LIBVIRT_PARTS,
};

extern const struct program_part libvirt_parts[LIBVIRT_PARTS];

#endif
