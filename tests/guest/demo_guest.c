// SPDX-License-Identifier: GPL-2.0-only
/*
 * The second story of `make demo`: the GPU is given to a virtual machine in this one, whose programs
 * (inner/grace.c) look for it and use its memory, while the device's side is watched from here. As
 * in the first, whatever is not as it should be ends the program with a non-zero status.
 *
 * demo_guest [GPU]: the simulated GPU's name in configfs, gpu0 by default.
 */
#include <stdlib.h>
#include <string.h>

#include "guest.h"

static void demo_guest_tell(const char *text)
{
	printf("  %s\n", text);
}

int main(int argc, char **argv)
{
	static struct gpu gpu;
	const struct guest g = {.name = "demo",
				.gpus = 1,
				.gpu = {&gpu},
				.roles = {"large"},
				.tell = demo_guest_tell,
				.mem_mib = 768,
				.limit = 900};
	char driver[64] = "none";

	setvbuf(stdout, NULL, _IOLBF, 0);
	gpu_learn(&gpu, argc > 1 ? argv[1] : "gpu0");
	OK(pci_bound(gpu.bdf, driver, sizeof(driver)) && !strcmp(driver, pci_driver_name()),
	   "%s: driver %s: cohgpu bind has not bound it", gpu.bdf, driver);
	printf("\nA guest of its own, by QEMU and KVM\n");
	guest_run(&g);
	printf("  %5.1f s since this machine was switched on\n", ktap_now());
	return 0;
}
