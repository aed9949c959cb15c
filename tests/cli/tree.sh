# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Hand-made system trees. `gh200` is a host where everything is right; a case
# takes it, spoils one thing, and looks what the tool says. Sourced by run.

RELEASE=6.12.0-cohgpu
GPU=0009:01:00.0
DEV=sys/bus/pci/devices/$GPU

# put PATH TEXT: a file of the tree $T.
put() {
	mkdir -p "$(dirname "$T/$1")"
	printf '%s\n' "$2" >"$T/$1"
}

# link PATH TARGET: a symbolic link of the tree, as sysfs has them.
link() {
	mkdir -p "$(dirname "$T/$1")"
	ln -sfn "$2" "$T/$1"
}

gone() {
	rm -rf "${T:?}/$1"
}

# tree NAME MAKER...: makes $T by calling MAKER.
tree() {
	T=$WORK/trees/$1
	rm -rf "$T" "$T.made"
	mkdir -p "$T"
	shift
	"$@"
}

# tree_again: $T as tree() made it, and faster.
tree_again() {
	[[ -e $T.made ]] || cp -a "$T" "$T.made"
	rm -rf "$T"
	cp -a "$T.made" "$T"
}

# bytes PATH HEX...: a binary file.
bytes() {
	local path=$1
	shift
	mkdir -p "$(dirname "$T/$path")"
	printf '%s' "$*" | tr -d ' ' | xxd -r -p >"$T/$path"
}

# pci_function BDF VENDOR DEVICE CLASS
pci_function() {
	local at=sys/bus/pci/devices/$1
	put "$at/vendor" "$2"
	put "$at/device" "$3"
	put "$at/class" "$4"
	put "$at/subsystem_vendor" 0x10de
	put "$at/subsystem_device" 0x16eb
	put "$at/numa_node" 0
	put "$at/power_state" D0
	put "$at/d3cold_allowed" 0
	put "$at/reset_method" flr
	put "$at/driver_override" "(null)"
	put "$at/enable" 0
	: >"$T/$at/resource"
	bytes "$at/config" "${2:4:2}${2:2:2} ${3:4:2}${3:2:2} $(printf '%0120d' 0)"
}

# driver NAME: one that is loaded.
driver() {
	mkdir -p "$T/sys/bus/pci/drivers/$1"
	: >"$T/sys/bus/pci/drivers/$1/unbind"
	: >"$T/sys/bus/pci/drivers/$1/bind"
}

# driver_of BDF DRIVER
driver_of() {
	driver "$2"
	link "sys/bus/pci/devices/$1/driver" "../../drivers/$2"
	link "sys/bus/pci/drivers/$2/$1" "../../devices/$1"
}

# group_of BDF NUMBER IOMMU
group_of() {
	link "sys/bus/pci/devices/$1/iommu_group" "../../../../kernel/iommu_groups/$2"
	link "sys/bus/pci/devices/$1/iommu" "../../../../class/iommu/$3"
	link "sys/kernel/iommu_groups/$2/devices/$1" "../../../../bus/pci/devices/$1"
	put "sys/kernel/iommu_groups/$2/type" DMA
}

# memory_of BDF USEMEM RESMEM BASE: as our driver shows them.
memory_of() {
	local at=sys/bus/pci/devices/$1/coherent_memory
	put "$at/state" present
	put "$at/ready" yes
	put "$at/reset_generation" 4
	put "$at/resets" 1
	put "$at/usemem_offset" 0
	put "$at/usemem_length" "$2"
	put "$at/usemem_base" "$(printf '%#x' "$4")"
	put "$at/resmem_offset" "$(($3 ? $2 : 0))"
	put "$at/resmem_length" "$3"
	put "$at/resmem_base" "$(printf '%#x' $(($3 ? $4 + $2 : 0)))"
}

# ready_line BDF: the same of the first one after it that ended well.
ready_line() {
	printf '6,1210,1894567890,-;%s %s: coherent memory ready after all' "$GRACE" "$1"
}

# not_ready_line BDF: what our driver logs of a wait that failed, as /dev/kmsg has it.
not_ready_line() {
	printf '3,1204,1834567890,-;%s %s: coherent memory not ready after 30 s: C2C link (BAR0+0x1498) up, HBM training (BAR0+0x200bc) not done (0xff, 0x3; both must be 0xff)' \
		$GRACE "$1"
}

# resource_of BDF START SIZE: BAR0 only, 64-bit.
resource_of() {
	{
		printf '0x%016x 0x%016x 0x%016x\n' "$2" $(($2 + $3 - 1)) $((0x14220c))
		for _ in 1 2 3 4 5; do printf '0x%016x 0x%016x 0x%016x\n' 0 0 0; done
	} >"$T/sys/bus/pci/devices/$1/resource"
}

GRACE=nvgrace_gpu_vfio_pci
NVLINK2=nvlink2_vfio_pci
GIB=$((1 << 30))

aliases() {
	put "lib/modules/$RELEASE/modules.alias" "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci
alias vfio_pci:v000010DEd00002342sv*sd*bc*sc*i* $GRACE
alias vfio_pci:v000010DEd00002345sv*sd*bc*sc*i* $GRACE
alias vfio_pci:v000010DEd00002348sv*sd*bc*sc*i* $GRACE
alias vfio_pci:v000010DEd00001DB1sv*sd*bc*sc*i* $NVLINK2
alias vfio_pci:v000010DEd00001DB5sv*sd*bc*sc*i* $NVLINK2
alias vfio_pci:v000010DEd00002941sv*sd*bc*sc*i* $GRACE
alias pci:v000010DEd*sv*sd*bc03sc00i00* nouveau"
}

grace_gpu() {
	local bdf=$1 id=$2 group=$3 iommu=$4 usemem=$5 resmem=$6
	pci_function "$bdf" 0x10de "$id" 0x030200
	driver_of "$bdf" $GRACE
	group_of "$bdf" "$group" "$iommu"
	resource_of "$bdf" 0x661002000000 $((16 << 20))
	memory_of "$bdf" "$usemem" "$resmem" 0x420000000000
}

host() {
	put proc/sys/kernel/osrelease $RELEASE
	put proc/cmdline "root=/dev/sda1 ro"
	aliases
}

gh200() {
	host
	grace_gpu $GPU 0x2342 3 smmu3.0x0000000005000000 $((95 * GIB)) $GIB
}

gb200_two() {
	host
	grace_gpu 0008:01:00.0 0x2941 5 smmu3.0x0000000011000000 $((185 * GIB)) 0
	grace_gpu 0009:01:00.0 0x2941 6 smmu3.0x0000000012000000 $((185 * GIB)) 0
}

# The first and the last of them are behind one SMMU.
gb200_three() {
	gb200_two
	grace_gpu 000a:01:00.0 0x2941 7 smmu3.0x0000000011000000 $((185 * GIB)) 0
}

# no_function BDF: the kernel has it no more.
no_function() {
	gone "sys/bus/pci/devices/$1"
	find "$T/sys/kernel/iommu_groups" -name "$1" -delete
}

# bridge BDF PHANDLE GROUP REGION: an NVLink bridge, which leads to the memory of that phandle.
bridge() {
	pci_function "$1" 0x1014 0x04ea 0x068000
	group_of "$1" "$3" "iommu-npu$3"
	bytes "sys/bus/pci/devices/$1/of_node/phandle" "$2"
	bytes "sys/bus/pci/devices/$1/of_node/memory-region" "$4"
}

# v100_gpu BDF GROUP REGION BASE PHANDLE...: a V100 is known by its bridges: phandles in the
# device tree tie them together. Its memory is at the start of a window.
v100_gpu() {
	pci_function "$1" 0x10de 0x1db5 0x030200
	driver_of "$1" $NVLINK2
	group_of "$1" "$2" "iommu-phb${1%%:*}"
	resource_of "$1" 0x600c000000000 $((16 << 20))
	bytes "sys/bus/pci/devices/$1/of_node/ibm,npu" "${@:5}"
	bytes "proc/device-tree/memory@$4/phandle" "$3"
	bytes "proc/device-tree/memory@$4/reg" "000$4" 0000002000000000
}

v100() {
	host
	v100_gpu 0004:04:00.0 1 00000201 4000000000000 00000101 00000102
	bridge 0006:00:00.0 00000101 1 00000201
	bridge 0006:00:00.1 00000102 1 00000201
	bytes proc/device-tree/memory@0/phandle 00000200
	bytes proc/device-tree/memory@0/reg 0000000000000000 0000004000000000
	bridge 0006:00:01.0 00000103 2 00000202
}

# An AC922 with four: what is at an NPU, of which each socket has one, is one IOMMU group.
ac922() {
	v100
	v100_gpu 0004:05:00.0 1 00000202 4002000000000 00000103 00000104
	bridge 0006:00:01.0 00000103 1 00000202
	gone sys/kernel/iommu_groups/2
	bridge 0006:00:01.1 00000104 1 00000202
	v100_gpu 0035:03:00.0 2 00000203 4004000000000 00000105 00000106
	bridge 0007:00:00.0 00000105 2 00000203
	bridge 0007:00:00.1 00000106 2 00000203
	v100_gpu 0035:04:00.0 2 00000204 4006000000000 00000107 00000108
	bridge 0007:00:01.0 00000107 2 00000204
	bridge 0007:00:01.1 00000108 2 00000204
}

# What a kernel since 5.13 makes of it: the bridges are nodes of the device tree,
# below a PCI host for which it has no functions.
no_bridge_functions() {
	local n
	for n in 0 1; do
		no_function "0006:00:00.$n"
		bytes proc/device-tree/pciex@600c3c0000000/pci@$n/phandle 0000010$((n + 1))
		bytes proc/device-tree/pciex@600c3c0000000/pci@$n/memory-region 00000201
	done
	no_function 0006:00:01.0
	put proc/device-tree/pciex@600c3c0000000/compatible ibm,ioda2-npu2-phb
}

v100_of_today() {
	v100
	no_bridge_functions
}

# config NAME=VALUE...: the kernel's configuration, each line in place of an older one.
config() {
	local option file=$T/boot/config-$RELEASE
	mkdir -p "$T/boot"
	touch "$file"
	for option; do
		sed -i "/^CONFIG_${option%%=*}=/d" "$file"
		[[ $option == *=n ]] || printf 'CONFIG_%s\n' "$option" >>"$file"
	done
}

# module PATH MAGIC [signed]: a kernel module, as far as its description goes.
module() {
	local file=$T/$1
	mkdir -p "$(dirname "$file")"
	printf 'static const char magic[] __attribute__((section(".modinfo"), used)) = "vermagic=%s SMP mod_unload aarch64";\n' "$2" |
		"${CC:-cc}" -c -x c -o "$file" -
	[[ ${3:-} == signed ]] || return 0
	# Signer, key's id, signature, struct module_signature and its magic.
	{
		printf 'DKMSKKKKSSSS'
		printf '\000\004\000\004\004\000\000\000\000\000\000\004'
		printf '~Module signature appended~\n'
	} >>"$file"
}

# process PID COMMAND [FILE...]: one that has these files open.
process() {
	local pid=$1 at=proc/$1 fd=3 file
	put "$at/comm" "$2"
	shift 2
	for file; do
		link "$at/fd/$fd" "$file"
		fd=$((fd + 1))
	done
	limits "$pid" unlimited
}

# unit PID PATH: which cgroup it is in.
unit() {
	put "proc/$1/cgroup" "0::/$2"
}

# limits PID BYTES
limits() {
	put "proc/$1/limits" "Limit                     Soft Limit           Hard Limit           Units
Max locked memory         $2              $2              bytes"
	put "proc/$1/status" "CapEff:	0000000000000000"
}

# modules NAME: what is installed of them, the variant driver NAME and what VFIO has for all.
modules() {
	put lib/modules/$RELEASE/modules.dep "kernel/drivers/vfio/pci/vfio-pci-core.ko.xz: kernel/drivers/vfio/vfio.ko.xz
updates/dkms/$1.ko: updates/dkms/vfio-coherent.ko"
}

# What a host has, with a GPU or without, that doctor finds nothing wrong with.
fit() {
	config NODES_SHIFT=6 ARM_SMMU_V3_SVA=y MEMORY_FAILURE=y ARCH_SUPPORTS_HUGE_PFNMAP=y VFIO_PCI_DMABUF=y
	put proc/sys/kernel/arch aarch64
	put proc/iomem "00000000-ffffffff : System RAM"
	put dev/kvm "243 1"
	put dev/iommu ""
	put usr/share/qemu-efi-aarch64/QEMU_EFI.fd ""
	put sys/devices/system/node/has_cpu 0
	put sys/kernel/security/lockdown "none [integrity] confidentiality"
	modules nvgrace-gpu-vfio-pci
	module lib/modules/$RELEASE/updates/dkms/nvgrace-gpu-vfio-pci.ko $RELEASE signed
	limits self unlimited
	process 812 bash /dev/null
}

healthy() {
	gh200
	fit
}

# A guest: its BAR4, SRAT with eight initiators, config space with ATS and PASID.
# srat BUS DEVFN COUNT: the GPU's address in two bytes, in the order given.
srat() {
	local n entries=
	for ((n = 0; n < $3; n++)); do
		entries+="05200001 0$((n + 2))000000 0900$1$2 000000000000000000000000 01000000 00000000"
	done
	bytes sys/firmware/acpi/tables/SRAT 53524154 "$(printf '%088d' 0)" "$entries"
}

# capabilities ATS PASID: their control registers, in config space.
capabilities() {
	bytes "$DEV/config" de104223 "$(printf '%0504d' 0)" 0f000111 "0000$1" "$(printf '%016d' 0)" 1b000100 "0000$2"
}

guest() {
	healthy
	driver_of "$GPU" nvidia
	gone "$DEV/coherent_memory"
	{
		for n in 0 1 2 3; do printf '0x%016x 0x%016x 0x%016x\n' $((n * 16)) $((n * 16 + 15)) 0; done
		printf '0x%016x 0x%016x 0x%016x\n' $((512 * GIB)) $((640 * GIB - 1)) $((0x14220c))
	} >"$T/$DEV/resource"
	srat 01 00 8
	put sys/devices/system/node/has_generic_initiator 2-9
	put sys/devices/system/memory/auto_online_blocks online_movable
	capabilities 0080 0100
}
