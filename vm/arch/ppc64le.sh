# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2054 # data, read by vm/boot.sh and vm/build
# powernv9, the machine of an AC922: PHB4 host bridges and their TCE IOMMU. RAM
# starts at 0, so `mem=4G` hides all from 4 GiB on. Its host bridges come with a
# root port each, which -nodefaults would take away; one is the harness's, and one
# has a device that can be told to copy by DMA. It runs guests. Its interrupts are
# MMIO, so that vCPUs take turns, as amd64's do; but 6.1, which runs the simulator
# alone, never comes out of ftrace's set-up so (5 boots of 5).
KARCH=powerpc
DEBIAN_ARCH=ppc64el
FLAVOUR=powerpc64le
CROSS=powerpc64le-linux-gnu-
QEMU=qemu-system-ppc64
QEMU_PACKAGE=qemu-system-ppc
CONSOLE=hvc0
IMAGE=vmlinux
THREADS=single
[[ ${OPT_KERNEL:-} != 6.1 ]] || THREADS=multi
MEM_VISIBLE=4
MEM_ARG=4G
MACHINE=(-M powernv9,memory-backend=ram -device edu,bus=pcie.5)
NODEFAULTS=()
SERIAL_BUS=pcie.0
GPU_BUSES=(pcie.1 pcie.2 pcie.3 pcie.4)
CMDLINE=""
# This machine takes no initramfs of more than 128 MiB, and QEMU alone is that.
[[ -z ${OPT_GUESTS:-} ]] || INITRD_PACK=(zstd -q -1 -T0)
