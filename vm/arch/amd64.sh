# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2054 # data, read by vm/boot.sh and vm/build
# q35 with VT-d. RAM below 4 GiB ends at 2 GiB, so `mem=4G` leaves 2 GiB to the
# kernel and everything that -m adds starts at 4 GiB. An AMD processor, which is
# TCG's default, would have it start at 1 TiB, above the HyperTransport hole.
#
# All vCPUs take turns on one thread. Until 8.2, QEMU swaps the map of physical
# memory under vCPUs that still hold positions in the old one (tcg_commit), so
# that while one sizes a BAR, another that reads its HPET or APIC, which is MMIO
# here, may get another device's answer or bring QEMU down.
KARCH=x86
DEBIAN_ARCH=amd64
FLAVOUR=amd64
CROSS=x86_64-linux-gnu-
QEMU=qemu-system-x86_64
QEMU_PACKAGE=qemu-system-x86
CONSOLE=ttyS0
IMAGE=arch/x86/boot/bzImage
THREADS=single
MEM_VISIBLE=2
MEM_ARG=4G
MACHINE=(-M q35,kernel-irqchip=split,memory-backend=ram -cpu max,vendor=GenuineIntel,la57=off,phys-bits=46
	-device intel-iommu,intremap=on,aw-bits=48
	-device edu,bus=pcie.0,addr=0x18)
CMDLINE="intel_iommu=on tsc=unstable no_timer_check"
