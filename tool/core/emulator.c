// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "core/emulator.h"
#include "core/sys.h"

const struct program_part emulator_parts[PARTS] = {
	[PART_INITIATOR] = {"acpi-generic-initiator", 900, 0,
			    "the guest has no NUMA nodes for the GPU's memory"},
	[PART_IOMMUFD] = {"iommufd", 900, 0,
			  "no accelerated vSMMU: CUDA does not start in the guest"},
	[PART_INITIATOR_ORDER] = {"the GPU's address in the right byte order in SRAT", 902, 0,
				  "the guest's driver does not find its NUMA nodes"},
	[PART_MMIO_SIZE] = {"highmem-mmio-size", 1000, 0,
			    "no more than 512 GiB of BARs: firmware cannot place them"},
	[PART_VSMMU] = {"arm-smmuv3 with accel=on", 1100, 0,
			"no accelerated vSMMU: CUDA does not start in the guest"},
	[PART_NVLINK2] = {"NVLink2 for pseries", 401, 802,
			  "the guest sees a GPU on PCI, without its memory and links"},
};

/* A path out of a file is run only if it is a QEMU by name. */
static bool is_emulator(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	return !strncmp(name, "qemu-", 5) || !strcmp(name, "kvm");
}

unsigned int emulator_version(const char *path)
{
	return is_emulator(path) ? program_version(path, "QEMU emulator version ") : 0;
}

const char *emulator_virt(unsigned int *version)
{
	/* The second as Red Hat's has it. */
	static const char *const places[] = {
		"/usr/bin/qemu-system-aarch64",
		"/usr/libexec/qemu-kvm",
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		unsigned int found = emulator_version(places[i]);

		if (version)
			*version = found;
		if (found)
			return places[i];
	}
	return places[0];
}

const char *emulator_firmware(bool *installed)
{
	static const char *const places[] = {
		"/usr/share/qemu-efi-aarch64/QEMU_EFI.fd",
		"/usr/share/edk2/aarch64/QEMU_EFI.fd",
		"/usr/share/qemu/edk2-aarch64-code.fd",
	};

	*installed = true;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (sys_exists(places[i]))
			return places[i];
	*installed = false;
	return places[0];
}
