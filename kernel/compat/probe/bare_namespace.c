// SPDX-License-Identifier: GPL-2.0-only
/* Until 6.12 a symbol namespace is a bare word. Written 2026-11-21. */
#include <linux/module.h>

MODULE_IMPORT_NS(VFIO_COHERENT);
