# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2054 # data, read by vm/boot.sh and vm/build
# powernv9: PHB4 host bridges and their TCE IOMMU. RAM starts at 0, so `mem=4G`
# hides all from 4 GiB on.
KARCH=powerpc
DEBIAN_ARCH=ppc64el
FLAVOUR=powerpc64le
CROSS=powerpc64le-linux-gnu-
QEMU=qemu-system-ppc64
CONSOLE=hvc0
MEM_VISIBLE=4
MEM_ARG=4G
MACHINE=(-M powernv9,memory-backend=ram)
CMDLINE=""
