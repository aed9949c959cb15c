# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2054 # data, read by vm/boot.sh and vm/build
# virt with SMMUv3. RAM starts at 1 GiB, so `mem=3G` hides all from 4 GiB on.
KARCH=arm64
DEBIAN_ARCH=arm64
FLAVOUR=arm64
CROSS=aarch64-linux-gnu-
QEMU=qemu-system-aarch64
QEMU_PACKAGE=qemu-system-arm
CONSOLE=ttyAMA0
IMAGE=arch/arm64/boot/Image
THREADS=multi
MEM_VISIBLE=3
MEM_ARG=3G
CPU=neoverse-n1
# 7.x's KVM gives cacheable device memory only to guests that cannot make it another:
# on processors with S2FWB and DIC, as Grace's are. Debian 12's QEMU has none of these.
if [[ -n ${OPT_GUESTS:-} && ${OPT_KERNEL:-} == 7.* ]]; then
	EMULATOR=emulator/arm64 QEMU=$CACHE/emulator/arm64/qemu CPU=neoverse-v1
fi
MACHINE=(-M "virt,gic-version=3,iommu=smmuv3,memory-backend=ram${OPT_GUESTS:+,virtualization=on}" -cpu "$CPU"
	-device edu,bus=pcie.0,addr=0x18)
CMDLINE=""
