// SPDX-License-Identifier: GPL-2.0-only
/* Must compile on every kernel that can build modules. */
#include <linux/module.h>
#include <linux/pci.h>

static const char *__used canary_pass(struct pci_dev *pdev)
{
	return pci_name(pdev);
}
