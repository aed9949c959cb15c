// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include <pci/pci.h>

#include "core/names.h"
#include "core/sys.h"

#define NAMES	    "/usr/share/misc/pci.ids"
#define NAMES_FLAGS (PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB)

struct pci_access *names_open(void)
{
	struct pci_access *names = pci_alloc();

	/* The file of names only: the library's other sources want a probed bus. */
	names->id_lookup_mode = 0;
	if (sys_is_tree())
		pci_set_name_list_path(names, strdup(sys_path(NAMES)), 1);
	return names;
}

void names_close(struct pci_access *names)
{
	pci_cleanup(names);
}

bool names_device(struct pci_access *names, char *buf, size_t size, uint16_t vendor,
		  uint16_t device)
{
	char name[128];
	const char *found = pci_lookup_name(names, name, sizeof(name),
					    PCI_LOOKUP_DEVICE | NAMES_FLAGS, vendor, device);

	snprintf(buf, size, "%s", found ? found : "");
	return found;
}

bool names_class(struct pci_access *names, char *buf, size_t size, uint16_t class)
{
	char name[128];
	const char *found =
		pci_lookup_name(names, name, sizeof(name), PCI_LOOKUP_CLASS | NAMES_FLAGS, class);

	snprintf(buf, size, "%s", found ? found : "");
	return found;
}
