// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "core/gpu.h"
#include "core/sys.h"

#define ALL_ONES     0xffff
#define CAPS_MAX     480
#define CAP_DVSEC    0x23
#define DVSEC_VENDOR 4
#define DVSEC_ID     8

bool config_is_silent(const struct config *config)
{
	return config_word(config, 0) == ALL_ONES;
}

enum config_answer config_ask(const struct gpu *gpu)
{
	enum config_answer answer = CONFIG_UNREAD;
	struct config config = {0};

	if (!strcmp(gpu->power_state, "D3cold"))
		return CONFIG_ASLEEP;
	config.bytes = (unsigned char *)sys_slurp(gpu_file(gpu, "config"), &config.size);
	if (config.bytes && config.size >= 2)
		answer = config_is_silent(&config) ? CONFIG_SILENT : CONFIG_ANSWERS;
	config_free(&config);
	return answer;
}

bool config_read(struct config *config, const struct gpu *gpu)
{
	config->size = 0;
	config->bytes = (unsigned char *)sys_slurp(gpu_file(gpu, "config"), &config->size);
	if (config->bytes && config->size > CONFIG_BASIC)
		return true;
	config_free(config);
	return false;
}

void config_free(struct config *config)
{
	free(config->bytes);
	memset(config, 0, sizeof(*config));
}

unsigned int config_word(const struct config *config, unsigned int at)
{
	return at + 2 <= config->size ? config->bytes[at] | config->bytes[at + 1] << 8 : 0;
}

static bool is_dvsec(const struct config *config, unsigned int at, unsigned int vendor,
		     unsigned int id)
{
	return config_word(config, at + DVSEC_VENDOR) == vendor &&
	       config_word(config, at + DVSEC_ID) == id;
}

/* vendor 0: whatever it says of itself. */
static unsigned int config_find(const struct config *config, unsigned int id, unsigned int vendor,
				unsigned int dvsec)
{
	unsigned int at = CONFIG_BASIC;

	for (int i = 0; i < CAPS_MAX && at >= CONFIG_BASIC && at + 8 <= config->size; i++) {
		if (config_word(config, at) == id &&
		    (!vendor || is_dvsec(config, at, vendor, dvsec)))
			return at;
		at = config_word(config, at + 2) >> 4 & ~3U;
	}
	return 0;
}

unsigned int config_capability(const struct config *config, unsigned int id)
{
	return config_find(config, id, 0, 0);
}

unsigned int config_dvsec(const struct config *config, unsigned int vendor, unsigned int id)
{
	return config_find(config, CAP_DVSEC, vendor, id);
}
