// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machines that can be played. A new one is a row here.
 *
 * What a reset does to memory is not public: one row clears it, the others
 * keep it, so that both are tried.
 */
#include <linux/sizes.h>
#include <linux/string.h>

#include "sim.h"

#define SIM_GIB(n) ((u64)(n) << 30)
#define SIM_GPU \
	.vendor = PCI_VENDOR_ID_NVIDIA, .class = PCI_CLASS_DISPLAY_3D

/* Ends with an empty name. The first is the default. */
const struct sim_preset sim_presets[] = {
	{
		.name = "gh200-96",
		SIM_GPU,
		.device = 0x2342,
		.mem_size = SIM_GIB(96),
		.bar0_size = SZ_16M,
	}, {
		/* The name is its board's: 480 GB of LPDDR beside the GPU's 96. */
		.name = "gh200-480",
		SIM_GPU,
		.device = 0x2345,
		.mem_size = SIM_GIB(96),
		.bar0_size = SZ_16M,
		.no_dvsec = true,
	}, {
		.name = "gh200-144",
		SIM_GPU,
		.device = 0x2348,
		.mem_size = SIM_GIB(144),
		.bar0_size = SZ_16M,
	}, {
		/* The stock function's 16 MiB carry two BARs. */
		.name = "gb200",
		SIM_GPU,
		.device = 0x2941,
		.mem_size = SIM_GIB(185),
		.bar0_size = SZ_8M,
		.bar1_size = SZ_8M,
		.mig_fixed = true,
	}, {
		.name = "gb300",
		SIM_GPU,
		.device = 0x31c2,
		.mem_size = SIM_GIB(276),
		.bar0_size = SZ_8M,
		.bar1_size = SZ_8M,
		.mig_fixed = true,
		.scrub = SIM_SCRUB_PARTS,
	}, {
		.name = "cxl",
		SIM_GPU,
		.device = 0x2941,
		.mem_size = SIM_GIB(185),
		.bar0_size = SZ_16M,
		.mig_fixed = true,
		.cxl = true,
	}, {
		.name = "tiny",
		SIM_GPU,
		.device = 0x2342,
		.mem_size = SIM_GIB(3) / 2,
		.bar0_size = SZ_16M,
	}, {
		/* An AC922's; with six GPUs a machine each has two links. */
		.name = "v100-16",
		SIM_GPU,
		.device = 0x1db1,
		.mem_size = SIM_GIB(16),
		.window = SIM_GIB(128),
		.links = 3,
		.bar0_size = SZ_16M,
		.training = SIM_TRAIN_MANUAL,
	}, {
		.name = "v100-32",
		SIM_GPU,
		.device = 0x1db5,
		.mem_size = SIM_GIB(32),
		.window = SIM_GIB(128),
		.links = 3,
		.bar0_size = SZ_16M,
		.training = SIM_TRAIN_MANUAL,
	},
	{}
};

const struct sim_preset *sim_preset_find(const char *name)
{
	const struct sim_preset *preset;

	for (preset = sim_presets; preset->name; preset++) {
		if (sysfs_streq(name, preset->name))
			return preset;
	}
	return NULL;
}
