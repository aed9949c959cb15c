# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# doctor: each check on a tree where it passes, and on one that is spoilt for it.

declare -A spoilt=()

# spoil ID WORD VERDICT COMMAND...: what COMMAND does to a healthy host has this
# check say VERDICT; golden/ has all that it says.
spoil() {
	local id=$1 word=$2 verdict=$3
	shift 3
	tree "$id-$word" healthy
	"$@"
	spoilt[$id]=1
	says "doctor/$id-$word" doctor --check $id
	check "$id is $verdict: $word" grep -q "^$verdict  $id " "$WORK/said"
}

tree none host
says doctor/none doctor --json
says doctor/no-such-check doctor --check luck

tree healthy healthy
says doctor/healthy doctor --strict
says doctor/healthy-json doctor --json
mapfile -t CHECKS < <(cohgpu doctor --json | jq -r '.results[].id' | sort -u)
DEV=sys/bus/pci/devices/$GPU

without_variants() {
	put lib/modules/$RELEASE/modules.alias "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci"
}
spoil variant-driver none FAIL without_variants

for_another_kernel() {
	gone lib/modules/$RELEASE/modules.dep
	put lib/modules/6.1.0-old/modules.dep "updates/dkms/nvgrace-gpu-vfio-pci.ko:"
}
not_installed() {
	gone lib/modules/$RELEASE/modules.dep
}
built_in() {
	not_installed
	put lib/modules/$RELEASE/modules.builtin kernel/drivers/vfio/pci/nvgrace-gpu/nvgrace-gpu-vfio-pci.ko
}
spoil module-built elsewhere FAIL for_another_kernel
spoil module-built magic FAIL module lib/modules/$RELEASE/updates/dkms/nvgrace-gpu-vfio-pci.ko 6.1.0-old signed
spoil module-built nowhere SKIP not_installed
spoil module-built builtin PASS built_in
spoil module-built garbage SKIP put lib/modules/$RELEASE/updates/dkms/nvgrace-gpu-vfio-pci.ko "no ELF at all"

unsigned() {
	module lib/modules/$RELEASE/updates/dkms/nvgrace-gpu-vfio-pci.ko $RELEASE
}
secure_boot() {
	unsigned
	gone sys/kernel/security
	bytes sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c 06000000 01
}
not_asked_for() {
	unsigned
	put sys/kernel/security/lockdown "[none] integrity confidentiality"
}
spoil module-signed lockdown FAIL unsigned
spoil module-signed secure-boot FAIL secure_boot
spoil module-signed not-asked-for PASS not_asked_for

spoil driver-name spelling FAIL put $DEV/driver_override nvgrace-gpu-vfio-pci
spoil driver-name unknown FAIL put $DEV/driver_override vfio-gpu
spoil driver-name right PASS put $DEV/driver_override $GRACE

spoil bound-driver plain FAIL driver_of $GPU vfio-pci
spoil bound-driver host WARN driver_of $GPU nvidia
spoil bound-driver none WARN gone $DEV/driver

without_memory() {
	put $DEV/coherent_memory/state "nvidia,gpu-mem-size is 0: the chip-to-chip link did not come up"
}
spoil memory-present absent FAIL without_memory
spoil memory-present in-tree SKIP gone $DEV/coherent_memory

# The two registers, and a function that is awake: COMMAND has memory enabled.
untrained() {
	put $DEV/coherent_memory/ready failed
	bytes $DEV/config de104223 0600 1000
	truncate -s 16M "$T/$DEV/resource0"
	printf '\377\000\000\000' | dd of="$T/$DEV/resource0" bs=1 seek=$((0x1498)) conv=notrunc status=none
	printf '\003\000\000\000' | dd of="$T/$DEV/resource0" bs=1 seek=$((0x200BC)) conv=notrunc status=none
}
asleep_and_untrained() {
	untrained
	put $DEV/power_state D3hot
}
spoil memory-ready hbm FAIL untrained
spoil memory-ready asleep FAIL asleep_and_untrained
spoil memory-ready unknown SKIP put $DEV/coherent_memory/ready unknown

host_has_it() {
	put proc/iomem "00000000-ffffffff : System RAM
420000000000-4217bfffffff : System RAM (NVIDIA)
  420000000000-42000fffffff : Kernel data"
}
spoil memory-offline online FAIL host_has_it
spoil memory-offline unreadable SKIP gone proc/iomem

spoil gpu-unused held FAIL process 813 nvidia-persiste /dev/null /dev/nvidiactl

spoil iommu off FAIL gone $DEV/iommu_group

neighbour() {
	pci_function 0009:01:00.1 0x10de 0x22b0 $1
	group_of 0009:01:00.1 3 smmu3.0x0000000005000000
	[[ -z $2 ]] || driver_of 0009:01:00.1 $2
}
spoil iommu-group foreign FAIL neighbour 0x040300 snd_hda_intel
spoil iommu-group bridge PASS neighbour 0x060400 pcieport
spoil iommu-group vfio PASS neighbour 0x040300 vfio-pci

second_gpu() {
	grace_gpu 0008:01:00.0 0x2342 4 $1 $((95 * GIB)) $GIB
}
spoil iommu-shared shared WARN second_gpu smmu3.0x0000000005000000
spoil iommu-shared apart PASS second_gpu smmu3.0x0000000006000000

spoil iommu-passthrough command-line WARN put proc/cmdline "ro iommu.passthrough=1"
spoil iommu-passthrough overruled PASS put proc/cmdline "iommu.passthrough=1 iommu.passthrough=0"
spoil iommu-passthrough default WARN config IOMMU_DEFAULT_PASSTHROUGH=y
spoil iommufd absent WARN gone dev/iommu

spoil peer-to-peer one WARN config VFIO_PCI_DMABUF=n
two_without_dmabuf() {
	config VFIO_PCI_DMABUF=n
	second_gpu smmu3.0x0000000006000000
}
spoil peer-to-peer two FAIL two_without_dmabuf

limited_vmm() {
	process 900 qemu-system-aar /dev/kvm
	limits 900 8388608
}
privileged_vmm() {
	limited_vmm
	put proc/900/status "CapEff:	0000000000004000"
}
spoil memlock self WARN limits self 8388608
spoil memlock vmm FAIL limited_vmm
spoil memlock privileged PASS privileged_vmm

spoil kvm-cacheable uncached FAIL put dev/kvm "243 0"
spoil kvm-cacheable absent SKIP gone dev/kvm
spoil kvm-cacheable amd64 SKIP put proc/sys/kernel/arch x86_64

spoil nodes-shift three FAIL config NODES_SHIFT=3
spoil nodes-shift unknown SKIP gone boot
spoil sva off WARN config ARM_SMMU_V3_SVA=n
spoil memory-failure off WARN config MEMORY_FAILURE=n
spoil huge-maps small WARN config ARCH_SUPPORTS_HUGE_PFNMAP=n
large_pages() {
	config ARCH_SUPPORTS_HUGE_PFNMAP=n ARM64_64K_PAGES=y
}
spoil huge-maps large WARN large_pages

spoil power d3cold WARN put $DEV/power_state D3cold
spoil power error FAIL put $DEV/power_state error
spoil reset none FAIL gone $DEV/reset_method
spoil reset disabled FAIL put $DEV/reset_method ""

every_check_spoilt() {
	local id bad=0
	for id in "${CHECKS[@]}"; do
		[[ -n ${spoilt[$id]:-} ]] || { echo "$id: no tree is spoilt for it" && bad=1; }
	done
	[[ ${#CHECKS[@]} -ge 20 && $bad == 0 ]]
}
check "every check of doctor has a tree that is spoilt for it" every_check_spoilt
