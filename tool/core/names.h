/* SPDX-License-Identifier: GPL-2.0-only */
/* What pci.ids calls a function, for people. Of a tree it is the tree's file. */
#ifndef COHGPU_NAMES_H
#define COHGPU_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pci_access *names_open(void);
void names_close(struct pci_access *names);
/* False, and an empty name, where the file has none. */
bool names_device(struct pci_access *names, char *buf, size_t size, uint16_t vendor,
		  uint16_t device);
/* Of a class with its subclass: 0x0403. */
bool names_class(struct pci_access *names, char *buf, size_t size, uint16_t class);

#endif
