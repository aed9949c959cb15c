// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench DRIVER [SIZE_IN_GIB [QUESTION...]]: figures of one driver, which is loaded: ours, peer (the
 * in-tree driver under our name) or vfio (plain vfio-pci, which has no windows).
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
	{"dma", bench_dma, true},	 {"life", bench_life, false},
};

static bool bench_asked(const char *name, char **words, int n)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(words[i], name))
			return true;
	return !n;
}

int main(int argc, char **argv)
{
	char size[32];
	/* The window is a GiB less than the memory, whose tail is resmem. */
	unsigned long gib = argc > 2 ? strtoul(argv[2], NULL, 0) : 95;
	const struct gpu_want want = {.preset = "gh200-96", .mem_size = size, .training_ms = "0"};
	struct bench b = {0};

	if (argc < 2 || !gib) {
		fprintf(stderr, "usage: bench ours|peer|vfio [SIZE_IN_GIB [QUESTION...]]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(size, sizeof(size), "%luG", gib + 1);
	b.who = argv[1];
	b.quick = ktap_quick();
	bench_profile_open();
	gpu_fresh(&b.gpu, &want);
	pci_bind(b.gpu.bdf, pci_driver_name());
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
