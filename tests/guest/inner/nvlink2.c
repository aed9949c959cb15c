// SPDX-License-Identifier: GPL-2.0-only
/* In a pseries guest that has been given a V100 with its bridges: are they there? */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "ktap.h"
#include "pci.h"
#include "util.h"

#define LINKS 3

static void functions(void)
{
	char bdf[PCI_BDF_SIZE], link[LINKS + 1][PCI_BDF_SIZE];
	unsigned int device = (unsigned int)strtoul(host_ask("device"), NULL, 0);
	int n = 0;

	OK(pci_find(0x10de, device, NULL, bdf), "no V100");
	EQ(pci_attr_number(bdf, "class"), 0x030200, "class");
	EQ(pci_bar_size(bdf, 0), 16 * MiB, "BAR0");
	while (n <= LINKS && pci_find(0x1014, 0x04ea, n ? link[n - 1] : NULL, link[n]))
		n++;
	EQ(n, LINKS, "NVLink bridges");
	host_tell("%s is a V100, with %d NVLink bridges", bdf, n);
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(functions),
	};

	host_open();
	host_ask("role");
	return ktap_main("nvlink2", cases, ARRAY_LEN(cases), NULL, argc, argv);
}
