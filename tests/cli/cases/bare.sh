# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# doctor on a machine that has no GPU yet: what it lacks for one is said all the
# same, then that there is none, and the status is 77.
# shellcheck source-path=SCRIPTDIR source=../checks.sh
source "$HERE/checks.sh"

# As healthy, without a GPU.
bare() {
	host
	fit
	put lib/modules/$RELEASE/modules.alias "$(<"$T/lib/modules/$RELEASE/modules.alias")
alias vfio_pci:v000010DEd000031C2sv*sd*bc*sc*i* $GRACE"
	put sys/class/iommu/smmu3.0x0000000005000000/type smmu
	put sys/kernel/iommu_groups/0/type DMA
}
bare_power() {
	host
	config NODES_SHIFT=8 MEMORY_FAILURE=y PPC_64K_PAGES=y
	put proc/sys/kernel/arch ppc64le
	put proc/iomem "00000000-ffffffff : System RAM"
	modules nvlink2-vfio-pci
	put sys/kernel/iommu_groups/0/type ""
	put proc/kallsyms "0000000000000000 T _stext"
	limits self unlimited
}
# spoil_bare ID WORD VERDICT COMMAND...
spoil_bare() {
	spoil_host bare bare- ' of a machine without a GPU' "$@"
	check "and the status is 77: $1, $2" grep -qxe '--- status 77' "$WORK/said"
}

tree bare bare
says doctor/bare doctor --strict
says doctor/bare-json doctor --json
says doctor/bare-all doctor all
says doctor/bare-address doctor $GPU
says doctor/bare-guest doctor --guest
of_the_healthy doctor
check "every check of a machine without a GPU passes where it may" \
	test "$(cohgpu doctor --json 2>/dev/null | jq .passed)" = ${#CHECKS[@]}

without_core() {
	put lib/modules/$RELEASE/modules.dep ""
}
nothing_installed() {
	gone lib
	config VFIO_PCI=m
}
by_config() {
	gone lib
	config VFIO_PCI=$1
}
unreadable() {
	gone lib
	gone boot
}
loaded() {
	gone lib
	put sys/module/vfio_pci_core/refcnt 0
}
spoil_bare vfio none FAIL without_core
spoil_bare vfio not-set FAIL by_config n
spoil_bare vfio built-in PASS by_config y
spoil_bare vfio not-installed FAIL nothing_installed
spoil_bare vfio unreadable SKIP unreadable
spoil_bare vfio loaded PASS loaded

only_vfio() {
	put lib/modules/$RELEASE/modules.alias "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci"
}
spoil_bare variant-driver none FAIL only_vfio
spoil_bare variant-driver some WARN aliases
spoil_bare variant-driver unreadable SKIP gone lib

for_another_kernel() {
	without_core
	put lib/modules/6.1.0-old/modules.dep "updates/dkms/nvgrace-gpu-vfio-pci.ko:"
}
spoil_bare module-built elsewhere FAIL for_another_kernel
spoil_bare module-built nowhere SKIP without_core
spoil_bare module-signed lockdown FAIL module lib/modules/$RELEASE/updates/dkms/nvgrace-gpu-vfio-pci.ko $RELEASE

no_iommu() {
	gone sys/class/iommu
	gone sys/kernel/iommu_groups
}
spoil_bare iommu off FAIL no_iommu
spoil_bare iommu no-groups-yet PASS gone sys/kernel/iommu_groups
spoil_bare iommu groups-only PASS gone sys/class/iommu
spoil_bare iommu unreadable SKIP gone sys
spoil_bare iommu-passthrough asked WARN put proc/cmdline iommu.passthrough=1

not_loaded() {
	gone dev/iommu
	put lib/modules/$RELEASE/modules.dep "kernel/drivers/iommu/iommufd/iommufd.ko:"
}
no_configuration() {
	gone dev/iommu
	gone boot
}
spoil_bare iommufd not-loaded WARN not_loaded
spoil_bare iommufd not-set WARN gone dev/iommu
spoil_bare iommufd not-installed WARN no_configuration
spoil_bare peer-to-peer off WARN config VFIO_PCI_DMABUF=n
spoil_bare nodes-shift three FAIL config NODES_SHIFT=3
spoil_bare kvm-cacheable uncached FAIL put dev/kvm "243 0"
spoil_bare sva off WARN config ARM_SMMU_V3_SVA=n
spoil_bare memory-failure off WARN config MEMORY_FAILURE=n
spoil_bare huge-maps small WARN config ARCH_SUPPORTS_HUGE_PFNMAP=n

# What it is of on this machine: no V100 is in one with ARM's processors, no GH200 in a POWER9.
tree bare-power bare_power
says doctor/bare-power doctor
check "of POWER without a GPU nothing is said that is Grace's" test "$(grep -cE 'CUDA|95 GiB|17 GiB' "$WORK/said")" = 0
check "what a V100 needs is missing" grep -q '^FAIL  guest-mapping ' "$WORK/said"
limits self 65536
says doctor/bare-memlock doctor --check memlock

# A tree that tells little: what is not seen is skipped, and nothing of this machine is in it.
tree none host
says doctor/none doctor --json
gone proc/sys
put sys/empty ""
says doctor/unknown-release doctor
check "the release of the kernel that runs is in no tree" test "$(grep -cF "$(uname -r)" "$WORK/said")" = 0
says doctor/no-such-check doctor --check luck
