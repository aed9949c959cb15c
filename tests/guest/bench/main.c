// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench DRIVER [SIZE_IN_GIB [QUESTION...]]: figures of one driver, which is loaded: ours, peer (the
 * in-tree driver under our name) or vfio (plain vfio-pci, which has no windows). With BENCH_GPU=v100
 * the GPU is a V100 of 32 GiB instead of a GH200, and there is no peer. With BENCH_PART, a mapping for
 * DMA, and one whose locks are looked at, has so many GiB at most, not 2.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const struct {
	const char *name;
	void (*run)(struct bench *b);
	bool window; /* of use only where there are windows */
} bench_questions[] = {
	{"config", bench_config, false}, {"rw", bench_rw, true},      {"maps", bench_maps, true},
	{"dma", bench_dma, true},	 {"life", bench_life, false}, {"locks", bench_locks, true},
};

static bool bench_asked(const char *name, char **words, int n)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(words[i], name))
			return true;
	return !n;
}

/* The window is a GiB less than the memory, whose tail is resmem. */
static void bench_make_grace(struct bench *b, unsigned long gib)
{
	static struct gpu gpu;
	char size[32];

	snprintf(size, sizeof(size), "%luG", gib + 1);
	gpu_fresh(&gpu,
		  &(struct gpu_want){.preset = "gh200-96", .mem_size = size, .training_ms = "0"});
	pci_bind(gpu.bdf, pci_driver_name());
	b->gpu = &gpu;
	b->window = VFIO_USEMEM;
	b->size = gpu_window_size(&gpu, VFIO_USEMEM);
}

static void bench_make_power(struct bench *b)
{
	nvlink_make(&b->nvlink, 0, &(struct nvlink_want){.preset = "v100-32"});
	b->gpu = &b->nvlink.gpu;
	pci_bind(b->gpu->bdf, pci_driver_name());
	b->window = VFIO_SPECIAL;
	b->size = b->gpu->mem_size;
}

int main(int argc, char **argv)
{
	unsigned long gib = argc > 2 ? strtoul(argv[2], NULL, 0) : 95;
	const char *kind = getenv("BENCH_GPU"), *part = getenv("BENCH_PART");
	struct bench b = {.power = kind && !strcmp(kind, "v100")};

	if (argc < 2 || !gib) {
		fprintf(stderr, "usage: bench ours|peer|vfio [SIZE_IN_GIB [QUESTION...]]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	b.who = argv[1];
	b.quick = ktap_quick();
	bench_profile_open();
	if (b.power)
		bench_make_power(&b);
	else
		bench_make_grace(&b, gib);
	b.part = (part && *part ? strtoul(part, NULL, 0) : 2) * GiB;
	if (!b.part || b.part > b.size)
		b.part = b.size;
	for (size_t i = 0; i < ARRAY_LEN(bench_questions); i++) {
		if (bench_questions[i].window && !strcmp(b.who, "vfio"))
			continue;
		if (!bench_asked(bench_questions[i].name, argv + 3, argc > 3 ? argc - 3 : 0))
			continue;
		bench_questions[i].run(&b);
	}
	gpu_cleanup();
	return 0;
}
