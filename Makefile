# SPDX-License-Identifier: GPL-2.0-only
# make demo    what this project is, in one VM
# make check   the quick tests          make check-all   every lane
# make modules KDIR=<kernel build tree> [ARCH= CROSS_COMPILE=] [OUT=<folder>]

.PHONY: modules

modules:
	@$(MAKE) --no-print-directory -C kernel modules
