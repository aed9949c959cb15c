# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# doctor: each check on a tree where it passes, and on one that is spoilt for it.

# shellcheck source-path=SCRIPTDIR source=../checks.sh
source "$HERE/checks.sh"

# spoil ID WORD VERDICT COMMAND...
spoil() {
	spoil_host healthy '' '' "$@"
}

tree healthy healthy
says doctor/healthy doctor --strict
says doctor/healthy-json doctor --json
of_the_healthy doctor

silent() {
	bytes $DEV/config "$(printf 'ff%.0s' {1..64})"
}
spoil answers all-ones FAIL silent
spoil answers unreadable SKIP gone $DEV/config
spoil answers asleep SKIP put $DEV/power_state D3cold

without_variants() {
	put lib/modules/$RELEASE/modules.alias "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci"
}
spoil variant-driver none FAIL without_variants
spoil variant-driver unreadable SKIP gone lib

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
without_core() {
	put lib/modules/$RELEASE/modules.dep "updates/dkms/nvgrace-gpu-vfio-pci.ko: updates/dkms/vfio-coherent.ko"
}
spoil vfio none FAIL without_core
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
# A kernel that makes nothing of Secure Boot says so.
secure_boot_alone() {
	secure_boot
	not_asked_for
	put sys/module/module/parameters/sig_enforce N
}
spoil module-signed secure-boot-alone PASS secure_boot_alone

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
# Who closed it reset it, and the driver forgot. The log has not.
logged() {
	put $DEV/coherent_memory/ready $1
	put dev/kmsg "6,1203,1834000000,-;$GRACE $GPU: coherent memory: usemem 97280 MiB in BAR4
$(not_ready_line 0008:01:00.0)
$(not_ready_line $GPU | sed s/1834567890/12/)
$(not_ready_line $GPU)
6,1205,1840000000,-;$GRACE $GPU: reset done"
}
spoil memory-ready closed WARN logged unknown
spoil memory-ready logged FAIL logged failed
spoil memory-ready again PASS logged yes
# And was ready again since.
logged_and_over() {
	logged unknown
	put dev/kmsg "$(<"$T/dev/kmsg")
$(ready_line 0008:01:00.0)
$(ready_line $GPU)"
}
over_for_another() {
	logged unknown
	put dev/kmsg "$(<"$T/dev/kmsg")
$(ready_line 0008:01:00.0)"
}
failed_once_more() {
	logged_and_over
	put dev/kmsg "$(<"$T/dev/kmsg")
$(not_ready_line $GPU)"
}
spoil memory-ready over SKIP logged_and_over
spoil memory-ready over-for-another WARN over_for_another
spoil memory-ready failed-once-more WARN failed_once_more
not_logged() {
	put dev/kmsg "$(not_ready_line 0008:01:00.0)"
	put $DEV/coherent_memory/ready unknown
}
spoil memory-ready another SKIP not_logged
spoil memory-ready in-tree SKIP gone $DEV/coherent_memory

host_has_it() {
	put proc/iomem "00000000-ffffffff : System RAM
420000000000-4217bfffffff : System RAM (NVIDIA)
  420000000000-42000fffffff : Kernel data"
}
spoil memory-offline online FAIL host_has_it
spoil memory-offline unreadable SKIP gone proc/iomem
# Another GPU has the range, as far as the driver of either tells where its memory is.
others_memory() {
	put proc/iomem "430000000000-4317bfffffff : System RAM (NVIDIA)"
	"$@"
}
# of_the_host [LINES]: this GPU is at the host's driver, which says LINES of the other one's memory.
of_the_host() {
	gone $DEV/coherent_memory
	driver_of $GPU nvidia
	put proc/driver/nvidia/gpus/$GPU/numa_status "Status:    offline"
	put proc/driver/nvidia/gpus/0008:01:00.0/numa_status "Status:    online${1:-}"
}
other_tells=$'\nAddress:   430000000000\nSize:      1800000000'
spoil memory-offline variant-tells PASS others_memory true
spoil memory-offline host-tells PASS others_memory of_the_host "$other_tells"
spoil memory-offline host-does-not FAIL others_memory of_the_host
spoil memory-offline nobody-tells SKIP others_memory gone $DEV/coherent_memory
spoil memory-offline not-root SKIP put proc/iomem "00000000-00000000 : System RAM (NVIDIA)"

held() {
	driver_of $GPU nvidia
	process 813 nvidia-persiste /dev/null /dev/nvidiactl
}
spoil gpu-unused held FAIL held
held_by_service() {
	driver_of $GPU nvidia
	process 813 nvidia-persiste /dev/nvidiactl
	unit 813 system.slice/nvidia-persistenced.service
}
spoil gpu-unused service FAIL held_by_service
# Two services, of which one has two processes, and two that are none.
held_by_many() {
	held_by_service
	process 814 nvidia-persiste /dev/nvidia0
	unit 814 system.slice/nvidia-persistenced.service
	process 815 nv-hostengine /dev/nvidiactl
	unit 815 system.slice/nvidia-dcgm.service
	process 816 python3 /dev/nvidia-uvm
	unit 816 user.slice/user-1000.slice/session-3.scope
	process 817 nvtop /dev/nvidiactl
}
spoil gpu-unused many FAIL held_by_many
check "what holds it is what the fix ends, each once" grep -qxF '      fix: systemctl stop nvidia-persistenced.service nvidia-dcgm.service; end python3 (816), nvtop (817)' "$WORK/said"
other_held() {
	driver_of $GPU nvidia
	put proc/driver/nvidia/gpus/$GPU/information "Device Minor: 	 1"
	process 813 nvidia-persiste /dev/nvidiactl /dev/nvidia0 /dev/nvidia10
}
spoil gpu-unused other PASS other_held
# Whoever has those files open at a GPU that VFIO has, or nobody, uses another one.
spoil gpu-unused given PASS process 813 nvidia-persiste /dev/null /dev/nvidiactl
nobodys() {
	held
	gone $DEV/driver
}
spoil gpu-unused unbound PASS nobodys
drawn_by_nouveau() {
	driver_of $GPU nouveau
	mkdir -p "$T/$DEV/drm/card0"
	process 813 Xorg /dev/dri/card0
}
spoil gpu-unused nouveau FAIL drawn_by_nouveau

spoil iommu off FAIL gone $DEV/iommu_group
without_group_yet() {
	gone $DEV/iommu_group
	gone $DEV/driver
	put sys/class/iommu/smmu3.0x0000000005000000/type smmu
}
spoil iommu not-yet SKIP without_group_yet

neighbour() {
	pci_function 0009:01:00.1 0x10de 0x22b0 $1
	group_of 0009:01:00.1 3 smmu3.0x0000000005000000
	[[ -z $2 ]] || driver_of 0009:01:00.1 $2
}
spoil iommu-group foreign FAIL neighbour 0x040300 snd_hda_intel
spoil iommu-group bridge PASS neighbour 0x060400 pcieport
spoil iommu-group vfio PASS neighbour 0x040300 vfio-pci
spoil iommu-group stub PASS neighbour 0x040300 pci-stub
spoil iommu-group unbound PASS neighbour 0x040300 ""
spoil iommu-group held-bridge FAIL neighbour 0x068000 npu

second_gpu() {
	grace_gpu 0008:01:00.0 0x2342 4 $1 $((95 * GIB)) $GIB
}
spoil iommu-shared shared WARN second_gpu smmu3.0x0000000005000000
spoil iommu-shared apart PASS second_gpu smmu3.0x0000000006000000

# What a group's domain is counts; where the kernel does not say, what it was told.
untold() {
	gone sys/kernel/iommu_groups/3/type
	"$@"
}
spoil iommu-passthrough identity WARN put sys/kernel/iommu_groups/3/type identity
spoil iommu-passthrough changed PASS put proc/cmdline "ro iommu.passthrough=1"
spoil iommu-passthrough command-line WARN untold put proc/cmdline "ro iommu.passthrough=1"
spoil iommu-passthrough overruled PASS untold put proc/cmdline "iommu.passthrough=1 iommu.passthrough=0"
spoil iommu-passthrough default WARN untold config IOMMU_DEFAULT_PASSTHROUGH=y
spoil iommufd absent WARN gone dev/iommu

spoil peer-to-peer one WARN config VFIO_PCI_DMABUF=n
two_without_dmabuf() {
	config VFIO_PCI_DMABUF=n
	second_gpu smmu3.0x0000000006000000
}
spoil peer-to-peer two FAIL two_without_dmabuf

# limited_vmm FILE: it has the file open.
limited_vmm() {
	process 900 qemu-system-aar /dev/kvm $1
	limits 900 8388608
}
privileged_vmm() {
	limited_vmm /dev/vfio/3
	put proc/900/status "CapEff:	0000000000004000"
}
spoil memlock self WARN limits self 8388608
spoil memlock vmm FAIL limited_vmm /dev/vfio/3
spoil memlock privileged PASS privileged_vmm
spoil memlock iommufd FAIL limited_vmm /dev/iommu
# A VM without a device is left to its limit, whatever one with a device has.
ordinary_vmm() {
	process 850 qemu-system-aar /dev/kvm
	limits 850 8388608
	"$@"
}
spoil memlock ordinary PASS ordinary_vmm true
spoil memlock one-of-both FAIL ordinary_vmm limited_vmm /dev/vfio/3
# It locks what its guest has, which its command line says in one of three ways.
# vmm_of LIMIT ARGUMENT
vmm_of() {
	limited_vmm /dev/vfio/3
	limits 900 $1
	printf '%s\0' qemu-system-aarch64 -name guest -m "$2" -S >"$T/proc/900/cmdline"
}
spoil memlock small-guest PASS vmm_of $((4 * GIB)) 2048
spoil memlock large-guest FAIL vmm_of $((40 * GIB)) size=64G,slots=2
spoil memlock libvirt-guest FAIL vmm_of $((64 * GIB)) size=67108864k
spoil memlock enough PASS vmm_of $((65 * GIB)) size=67108864k
tree memlock-ram healthy
limits self $((20 * GIB))
says doctor/memlock-fits doctor --check memlock --strict
says doctor/memlock-does-not-fit doctor --check memlock --ram 20GiB --strict
says doctor/memlock-no-size doctor --check memlock --ram lots
says doctor/memlock-too-large doctor --check memlock --ram 16T

spoil kvm-cacheable uncached FAIL put dev/kvm "243 0"
# What is old has no such capability; what is new says that the processor has not what it takes.
narrow_processor() {
	put proc/sys/kernel/osrelease $1
	put dev/kvm "243 0"
}
spoil kvm-cacheable before FAIL narrow_processor 6.16.9
spoil kvm-cacheable processor FAIL narrow_processor 6.17.0
spoil kvm-cacheable absent SKIP gone dev/kvm
spoil kvm-cacheable amd64 SKIP put proc/sys/kernel/arch x86_64

spoil nodes-shift three FAIL config NODES_SHIFT=3
spoil nodes-shift unknown SKIP gone boot
spoil sva off WARN config ARM_SMMU_V3_SVA=n
config_fifo() {
	rm "$T/boot/config-$RELEASE"
	mkfifo "$T/boot/config-$RELEASE"
}
tree config-fifo healthy
config_fifo
check "a configuration that is no file is not waited for" timeout 20 env COHGPU_SYSROOT="$T" "$COHGPU" doctor --check sva
spoil memory-failure off WARN config MEMORY_FAILURE=n
spoil huge-maps small WARN config ARCH_SUPPORTS_HUGE_PFNMAP=n
large_pages() {
	config ARCH_SUPPORTS_HUGE_PFNMAP=n ARM64_64K_PAGES=y
}
spoil huge-maps large PASS large_pages
# The configuration of a kernel says nothing of what its release and driver do.
of_release() {
	put proc/sys/kernel/osrelease $1
	cp "$T/boot/config-$RELEASE" "$T/boot/config-$1"
}
own_driver() {
	of_release $1
	gone $DEV/coherent_memory
}
policy() {
	of_release $1
	put sys/kernel/mm/transparent_hugepage/enabled "$2"
}
spoil huge-maps old WARN of_release 6.11.9
spoil huge-maps own-old WARN own_driver 6.12.0
spoil huge-maps own-new PASS own_driver 6.19.1
spoil huge-maps policy WARN policy 6.12.0 "always [madvise] never"
spoil huge-maps policy-always PASS policy 6.12.0 "[always] madvise never"
spoil huge-maps policy-new PASS policy 7.2.0 "always [madvise] never"
spoil huge-maps unknown SKIP gone boot

spoil power d3cold WARN put $DEV/power_state D3cold
spoil power error FAIL put $DEV/power_state error
unknown_without_driver() {
	gone $DEV/driver
	put $DEV/power_state unknown
}
# D3cold is where VFIO lets an unused GPU go, unless something keeps it from that.
may_sleep() {
	put $DEV/d3cold_allowed 1
	"$@"
}
spoil power allowed WARN may_sleep true
spoil power at-rest PASS may_sleep put $DEV/power_state D3hot
spoil power kept-on PASS may_sleep put $DEV/power/control on
spoil power never-idle PASS may_sleep put sys/module/vfio_pci/parameters/disable_idle_d3 Y
spoil power not-vfio PASS may_sleep driver_of $GPU nvidia
spoil power not-yet SKIP unknown_without_driver
spoil reset none FAIL gone $DEV/reset_method
spoil reset disabled FAIL put $DEV/reset_method ""

check "every check of doctor has a tree that is spoilt for it, and one on which it passes" every_check_spoilt 25

# POWER9: what is said of Grace is not said of a V100, and its bridges are looked at.
tree v100 healthy_v100
forget_seen
of_the_healthy doctor
says doctor/v100-healthy doctor --strict
says doctor/v100-healthy-json doctor --json
check "no check of Grace's is made of a V100" test "$(cohgpu doctor --json | jq '[.results[].id | select(IN("iommufd", "sva", "kvm-cacheable", "peer-to-peer", "memory-ready", "iommu-shared", "iommu-passthrough"))] | length')" = 0

# spoil_v100 ID WORD VERDICT COMMAND...
spoil_v100() {
	spoil_host healthy_v100 v100- ' of a V100' "$@"
}
V100=sys/bus/pci/devices/0004:04:00.0
one_bridge_free() {
	gone sys/bus/pci/devices/0006:00:00.1/driver
}
free() {
	gone sys/bus/pci/devices/0006:00:00.0/driver
	gone sys/bus/pci/devices/0006:00:00.1/driver
	gone $V100/driver
}
hosted_bridge() {
	free
	driver_of 0006:00:00.1 npu
}
small_pages() {
	config PPC_64K_PAGES=n
}
one_function() {
	no_function 0006:00:00.1
}
spoil_v100 bridge-functions none FAIL no_bridge_functions
spoil_v100 bridge-functions one FAIL one_function
spoil_v100 bridges none SKIP no_bridge_functions
spoil_v100 memory-present no-functions PASS no_bridge_functions
spoil_v100 bridges held FAIL driver_of 0006:00:00.1 npu
spoil_v100 bridges unbound FAIL one_bridge_free
spoil_v100 bridges free PASS free
spoil_v100 bridges hosted WARN hosted_bridge
spoil_v100 bound-driver plain FAIL driver_of 0004:04:00.0 vfio-pci
spoil_v100 variant-driver none FAIL without_variants
spoil_v100 memory-present absent FAIL gone proc/device-tree
spoil_v100 nodes-shift one FAIL config NODES_SHIFT=1
spoil_v100 nodes-shift two PASS config NODES_SHIFT=2
spoil_v100 huge-maps small WARN small_pages
spoil_v100 iommu off FAIL gone $V100/iommu_group
# Another GPU at the same NPU.
sibling() {
	v100_gpu 0004:05:00.0 1 00000202 4002000000000 00000103
	driver_of 0004:05:00.0 $1
}
spoil_v100 iommu-group sibling FAIL sibling nvidia
spoil_v100 iommu-group given PASS sibling $NVLINK2
spoil_v100 bridge-group another FAIL group_of 0006:00:00.1 7 iommu-npu7
spoil_v100 bridge-group none FAIL gone sys/bus/pci/devices/0006:00:00.1/iommu_group
spoil_v100 bridge-group no-functions SKIP no_bridge_functions
spoil_v100 bridge-group no-group SKIP gone $V100/iommu_group
spoil_v100 guest-mapping today FAIL symbols
spoil_v100 guest-mapping half FAIL symbols "T pnv_npu2_map_lpar_dev"
spoil_v100 guest-mapping local FAIL symbols "t pnv_npu2_map_lpar_dev" "T pnv_npu2_unmap_lpar_dev"
spoil_v100 guest-mapping module PASS symbols "t pnv_npu2_map_lpar_dev	[npu]" "T pnv_npu2_unmap_lpar_dev	[npu]"
spoil_v100 guest-mapping data FAIL symbols "r pnv_npu2_map_lpar_dev	[npu]" "T pnv_npu2_unmap_lpar_dev"
spoil_v100 guest-mapping unreadable SKIP gone proc/kallsyms
spoil_v100 reset none FAIL gone $V100/reset_method
# What is looked at in the same way, of either.
V100_MODULE=lib/modules/$RELEASE/updates/dkms/nvlink2-vfio-pci.ko
silent_v100() {
	bytes $V100/config "$(printf 'ff%.0s' {1..64})"
}
locked_down() {
	put sys/kernel/security/lockdown "none [integrity] confidentiality"
}
held_v100() {
	driver_of 0004:04:00.0 nvidia
	process 813 nvidia-persiste /dev/nvidiactl
}
online_v100() {
	put proc/iomem "4000000000000-40007ffffffff : System RAM (NVIDIA)"
	driver_of 0004:04:00.0 nvidia
}
small_vmm() {
	process 900 qemu-system-ppc /dev/kvm /dev/vfio/1
	limits 900 8388608
}
without_core_v100() {
	put lib/modules/$RELEASE/modules.dep "updates/dkms/nvlink2-vfio-pci.ko: updates/dkms/vfio-coherent.ko"
}
spoil_v100 vfio none FAIL without_core_v100
spoil_v100 answers all-ones FAIL silent_v100
spoil_v100 module-built magic FAIL module $V100_MODULE 6.1.0-old
spoil_v100 module-signed lockdown FAIL locked_down
spoil_v100 driver-name spelling FAIL put $V100/driver_override nvlink2-vfio-pci
spoil_v100 memory-offline online FAIL online_v100
spoil_v100 gpu-unused held FAIL held_v100
spoil_v100 memlock vmm FAIL small_vmm
spoil_v100 memory-failure off WARN config MEMORY_FAILURE=n
spoil_v100 power error FAIL put $V100/power_state error
spoil_v100 power allowed PASS put $V100/d3cold_allowed 1
broken_v100() {
	driver_of 0004:04:00.0 vfio-pci
	gone sys/bus/pci/devices/0006:00:00.0/driver
	driver_of 0006:00:00.1 npu
	gone proc/device-tree/memory@4000000000000
	small_vmm
	put $V100/power_state error
}
tree v100-of-today healthy_v100
no_bridge_functions
symbols
says doctor/v100-of-today doctor
check "of a V100 nothing is said that is Grace's" test "$(grep -cE 'CUDA|95 GiB|17 GiB' "$WORK/said")" = 0
tree v100-broken healthy_v100
broken_v100
says doctor/v100-broken doctor

check "no fix has a word in place of an address" test "$(grep -hE '^ +fix: ' "$HERE"/golden/doctor/* | grep -cE '(cohgpu [a-z]+|devices/) ?(GPU|\{)')" = 0
check "no fix names a file of the sources" test "$(grep -hE '^ +fix: ' "$HERE"/golden/doctor/* | grep -c 'docs/')" = 0
check "every check of a V100 has a tree that is spoilt for it, and one on which it passes" every_check_spoilt 20

# The definition of a VM: what plan prints is healthy, and each check has a
# definition that is spoilt for it.
# spoil_guest ID WORD VERDICT COMMAND...
spoil_guest() {
	local id=$1 word=$2 verdict=$3
	shift 3
	tree "$id-$word" guest
	"$@"
	says "doctor/$id-$word" doctor --guest --check $id
	outcome $id $word $verdict doctor --guest --check $id
}

bar4() {
	sed -i "5s/.*/$1/" "$T/$DEV/resource"
}

tree guest guest
says doctor/guest doctor --guest --strict
of_the_healthy doctor --guest
spoil_guest guest-bars absent FAIL bar4 "0x0 0x0 0x0"
spoil_guest guest-bars unassigned FAIL bar4 "0x0 0x1fffffffff 0x14220c"
spoil_guest guest-srat seven FAIL srat 01 00 7
spoil_guest guest-srat swapped FAIL srat 00 01 8
spoil_guest guest-srat absent SKIP gone sys/firmware
spoil_guest guest-srat truncated FAIL bytes sys/firmware/acpi/tables/SRAT 53524154 "$(printf '%088d' 0)" 05200001
spoil_guest guest-nodes none FAIL gone sys/devices/system/node/has_generic_initiator
spoil_guest guest-nodes-shift three FAIL config NODES_SHIFT=3
spoil_guest guest-online kernel WARN put sys/devices/system/memory/auto_online_blocks online
spoil_guest guest-ats off WARN capabilities 0000 0100
spoil_guest guest-pasid off WARN capabilities 0080 0000
short_config() {
	bytes $DEV/config "$(printf '%0128d' 0)"
}
plain_config() {
	bytes $DEV/config "$(printf '%0600d' 0)"
}
spoil_guest guest-ats unseen SKIP short_config
spoil_guest guest-ats absent FAIL plain_config
spoil_guest guest-pasid absent FAIL plain_config
spoil_guest guest-sva off WARN config ARM_SMMU_V3_SVA=n
spoil_guest guest-passthrough on WARN put sys/kernel/iommu_groups/3/type identity
spoil_guest guest-passthrough asked WARN untold put proc/cmdline iommu.passthrough=1
check "every check of --guest has a tree that is spoilt for it" every_check_spoilt 9
