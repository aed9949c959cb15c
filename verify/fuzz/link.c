// SPDX-License-Identifier: GPL-2.0-only
/*
 * All links of a bridge with some registers, divided among GPUs at random. The
 * model is what must never be: two GPUs that one register serves; and what has
 * to be: a register of its own wherever there is one.
 */
#include <errno.h>

#include "link.h"

#include "fuzz.h"

#define LINK_MAX  16
#define LINK_GPUS 4

struct link_gpu {
	u32 links[LINK_MAX];
	unsigned int n;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	unsigned int n = fuzz_byte(&in) % (LINK_MAX + 1),
		     registers = fuzz_byte(&in) % (LINK_MAX + 2);
	int served[LINK_MAX + 2];
	struct link_gpu gpus[LINK_GPUS] = {0};

	for (u32 link = 0; link < n; link++) {
		struct link_gpu *gpu = &gpus[fuzz_byte(&in) % LINK_GPUS];

		gpu->links[gpu->n++] = link;
	}
	for (unsigned int i = 0; i < LINK_MAX + 2; i++)
		served[i] = -1;
	for (int i = 0; i < LINK_GPUS; i++) {
		struct coherent_link_group group = {gpus[i].links, gpus[i].n};

		for (unsigned int j = 0; j < gpus[i].n; j++) {
			u32 link = gpus[i].links[j];
			int use = coherent_link_register(link, registers, &group);

			FUZZ_CHECK(use == -ENOENT || (use >= 0 && (unsigned int)use < registers));
			FUZZ_CHECK(link >= registers || use == (int)link);
			if (use < 0) {
				FUZZ_CHECK(!registers || gpus[i].links[0] != 0);
				continue;
			}
			FUZZ_CHECK(served[use] < 0 || served[use] == i);
			served[use] = i;
		}
	}
	return 0;
}
