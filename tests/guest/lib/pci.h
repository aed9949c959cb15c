/* SPDX-License-Identifier: GPL-2.0-only */
/* PCI functions through sysfs: drivers, resets, attributes. */
#ifndef PCI_H
#define PCI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PCI_BDF_SIZE 16

const char *pci_driver_name(void); /* COHGPU_DRIVER */
/* Loads the driver under test when it is not there. */
void pci_driver_load(void);
bool pci_driver_loaded(void);
/* The module's name as lsmod spells it: the driver name. */
int pci_module_remove(const char *module); /* 0 or errno */
int pci_module_insert(const char *module); /* through modprobe; 0 or its status */

void pci_path(char *buf, size_t size, const char *bdf, const char *file);
/* 0 or errno; the text without its newline. */
int pci_attr(const char *bdf, const char *file, char *buf, size_t size);
int pci_attr_write(const char *bdf, const char *file, const char *text);
uint64_t pci_attr_number(const char *bdf, const char *file); /* fails the case */
/* Size of a BAR as the kernel assigned it; 0 when there is none. */
uint64_t pci_bar_size(const char *bdf, int bar);
/* Its configuration space, for those who have no VFIO; each fails the case. */
int pci_config_open(const char *bdf);
uint64_t pci_config_get(int fd, unsigned int off, size_t bytes);
void pci_config_set(int fd, unsigned int off, uint64_t value, size_t bytes);

/* The bound driver's name; false when there is none. */
bool pci_bound(const char *bdf, char *name, size_t size);
/* By driver_override and drivers_probe, as libvirt does. Fails the case. */
void pci_bind(const char *bdf, const char *driver);
/* By driver_override and the driver's bind file, which tells the probe's error: 0 or errno. */
int pci_bind_errno(const char *bdf, const char *driver);
/* 0 or errno. Blocks as long as the driver's remove does. */
int pci_unbind(const char *bdf);
int pci_reset(const char *bdf);	      /* sysfs reset: 0 or errno */
int pci_iommu_group(const char *bdf); /* -1: none, or see errno */
/* Next function with these IDs after @after (NULL: the first). */
bool pci_find(unsigned int vendor, unsigned int device, const char *after, char *bdf);

#endif
