// SPDX-License-Identifier: GPL-2.0-only
/* Since 6.2 drivers hear of corrected PCI errors. Written 2026-11-21. */
#include <linux/pci.h>

static void __used probe(const struct pci_error_handlers *handlers,
			 struct pci_dev *pdev)
{
	handlers->cor_error_detected(pdev);
}
