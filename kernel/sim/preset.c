// SPDX-License-Identifier: GPL-2.0-only
/* The machines that can be played. */
#include <linux/sizes.h>
#include <linux/string.h>

#include "sim.h"

#define SIM_GIB(n) ((u64)(n) << 30)

static const struct sim_preset sim_presets[] = {
	{ "gh200-96", 0x2342, SIM_GIB(96), false, false },
	{ "gh200-144", 0x2348, SIM_GIB(144), false, false },
	{ "gb200", 0x2941, SIM_GIB(185), true, false },
	{ "gb300", 0x31c2, SIM_GIB(276), true, false },
	{ "cxl", 0x2941, SIM_GIB(185), true, true },
	{ "tiny", 0x2342, SIM_GIB(3) / 2, false, false },
};

const struct sim_preset *sim_preset_default(void)
{
	return &sim_presets[0];
}

const struct sim_preset *sim_preset_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sim_presets); i++) {
		if (sysfs_streq(name, sim_presets[i].name))
			return &sim_presets[i];
	}
	return NULL;
}
