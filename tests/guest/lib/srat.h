/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of ACPI that says which function is the initiator of which nodes of memory. */
#ifndef SRAT_H
#define SRAT_H

/* Each of @n nodes from @first on has this PCI function, and no node another; or the case fails. */
void srat_is_initiator(const char *bdf, int first, int n);

#endif
