# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# plan: the figures, and that what it prints is taken by QEMU and by libvirt's
# schema, as far as the installed versions know its words.

# several COUNT DEVICE: GPUs whose driver does not tell.
several() {
	local i bdf
	host
	for ((i = 0; i < $1; i++)); do
		bdf=$(printf '%04x:01:00.0' $i)
		grace_gpu $bdf $2 $i smmu3.$i $GIB 0
		gone sys/bus/pci/devices/$bdf/coherent_memory
	done
}

tree gh200 healthy
says plan/gh200 plan $GPU
says plan/gh200-json plan $GPU --json
says plan/gh200-libvirt plan $GPU --format libvirt
put usr/bin/qemu-system-aarch64.version "QEMU emulator version 8.2.2 (Debian 1:8.2.2+ds)"
says plan/old-emulator plan $GPU --strict
says plan/old-emulator-json plan $GPU --json
says plan/old-emulator-here plan $GPU --strict --here
put usr/bin/qemu-system-aarch64.version "QEMU emulator version 11.0.0"
gone dev/iommu
says plan/no-iommufd-here plan $GPU --here
put dev/iommu ""
put usr/bin/qemu-system-aarch64.version "QEMU emulator version 11.0.0"
says plan/new-emulator plan $GPU --strict

gone usr/bin/qemu-system-aarch64.version
put usr/libexec/qemu-kvm.version "QEMU emulator version 10.1.0 (qemu-kvm-10.1.0-13.el10)"
says plan/red-hats-emulator plan $GPU --strict
gone usr/libexec
put usr/bin/qemu-system-aarch64.version "QEMU emulator version 11.0.0"

put usr/sbin/libvirtd.version "/usr/sbin/libvirtd (libvirt) 9.0.0"
says plan/old-libvirt plan $GPU --strict --format libvirt
says plan/old-libvirt-json plan $GPU --json
says plan/old-libvirt-here plan $GPU --strict --format libvirt --here
put usr/sbin/virtqemud.version "virtqemud (libvirt) 12.1.0"
says plan/newer-libvirt plan $GPU --strict --format libvirt
put usr/sbin/virtqemud.version "virtqemud (libvirt) 12.8.0"
put dev/kvm "243 1"
says plan/new-libvirt plan $GPU --strict --format libvirt
says plan/new-libvirt-here plan $GPU --strict --format libvirt --here
check "--here leaves nothing out where all is there" test "$(cohgpu plan $GPU --format libvirt --here)" = "$(cohgpu plan $GPU --format libvirt)"
check "--here leaves nothing out where all is there, of QEMU's line either" test "$(cohgpu plan $GPU --here)" = "$(cohgpu plan $GPU)"
says plan/here-of-json plan $GPU --here --json
says plan/here-of-kubevirt plan $GPU --here --format kubevirt
put usr/sbin/virtqemud.version "virtqemud (libvirt) 9.0.0"
check "what libvirt lacks is nothing to QEMU" cohgpu plan $GPU --strict --format qemu
put usr/bin/qemu-system-aarch64.version "QEMU emulator version 8.2.2"
says plan/old-of-both plan $GPU --format libvirt
gone usr/bin
check "no QEMU is a lack as well" test "$(cohgpu plan $GPU --strict >/dev/null 2>&1; echo $?)" = 1
says plan/here-without-qemu plan $GPU --here
says plan/here-without-qemu-libvirt plan $GPU --here --format libvirt
put usr/bin/qemu-system-aarch64.version "QEMU emulator version 11.0.0"
gone usr/sbin
says plan/here-without-libvirt plan $GPU --here --format libvirt

says plan/size-no-number plan $GPU --ram lots
says plan/size-overflow plan $GPU --ram 99999999999T
says plan/size-empty plan $GPU --memory 0
says plan/no-cpus plan $GPU --cpus 0
says plan/unknown-format plan $GPU --format vmware

# One unit, however it is spelt: powers of two, but GB as libvirt has it.
sizes_agree() {
	local bad=0 text
	for text in 16G 16g 16GiB 16gib "16 GiB" 16384M 16384mib 17179869184 17179869184B; do
		[[ $(cohgpu plan $GPU --ram "$text" --json | jq .ram) == 17179869184 ]] || { echo "$text" && bad=1; }
	done
	[[ $(cohgpu plan $GPU --ram 16GB --json | jq .ram) == $((16000000000 / 1048576 * 1048576)) ]] || { echo "16GB" && bad=1; }
	for text in 16GG 16Gi 16X 16GiBB -1G 0x10G G ""; do
		! cohgpu plan $GPU --ram "$text" >/dev/null 2>&1 || { echo "$text is taken" && bad=1; }
	done
	return $bad
}
check "a size is the same in each of its spellings" sizes_agree
# Behind the RAM the machine has things of its own, before the window.
bits() {
	cohgpu plan $GPU --ram $1 --json | jq .address_bits
}
check "RAM that ends where the window could begin takes a bit more" test "$(bits 510G) $(bits 511G)" = "40 41"
tree fifteen several 15 0x2342
check "15 GPUs have their nodes" test "$(cohgpu plan all --memory 96G --json | jq '.gpus[14].first_node + .gpus[14].nodes')" = 121
tree sixteen several 16 0x2342
says plan/too-many plan all --memory 96G

tree gh200 healthy
gone dev
gone usr
says plan/bare-host plan $GPU --strict
says plan/bare-host-json plan $GPU --strict --json
tree gh200 healthy
put usr/bin/qemu-system-aarch64.version "QEMU emulator version 11.0.0"

# A GPU that VFIO does not have: no VM gets it as it is.
tree hosted healthy
put usr/bin/qemu-system-aarch64.version "QEMU emulator version 11.0.0"
driver_of $GPU nvidia
says plan/hosted-json plan $GPU --memory 96G --strict --json
says plan/hosted plan $GPU --memory 96G --strict
gone $DEV/driver
says plan/not-bound plan $GPU --memory 96G --strict
gone $DEV/iommu_group
says plan/no-group plan $GPU --memory 96G --strict
put sys/class/iommu/smmu3.0/name smmu3.0
says plan/no-group-yet plan $GPU --memory 96G --strict
tree gh200 healthy
put usr/bin/qemu-system-aarch64.version "QEMU emulator version 11.0.0"

# KVM's limit of guest addresses, where it says one.
put dev/kvm "165 39"
says plan/kvm-narrow plan $GPU --strict --json
says plan/kvm-narrow-text plan $GPU --strict --format kubevirt
put dev/kvm "165 48"
says plan/kvm-wide plan $GPU --strict --json

gone sys/bus/pci/devices/$GPU/coherent_memory
says plan/unknown-memory plan $GPU
says plan/given-memory plan $GPU --memory 96G --json

# Its uncached window is as the function itself says, if that is to be seen: plan_bars DEVICE HEX...
plan_bars() {
	put $DEV/device $1
	gone $DEV/config
	[[ $# == 1 ]] || bytes $DEV/config "${@:2}"
	cohgpu plan $GPU --memory 96G --json 2>/dev/null | jq -c '[.gpus[].bars[].index]'
}
HEADER="de104223 $(printf '%0504d' 0)"
FIXED="23000100 de100000 0300 0100" UNFIXED="23000100 de100000 0300 0000"
check "unseen, GH200 has an uncached window, GB200 none" test "$(plan_bars 0x2342)$(plan_bars 0x2941)" = "[0,2,4][0,4]"
check "nor does GH200 whose capability says that it is over" test "$(plan_bars 0x2342 $HEADER $FIXED)" = "[0,4]"
check "be it the second of its kind" test "$(plan_bars 0x2342 $HEADER 23000111 981e0000 0300 0100 00000000 $FIXED)" = "[0,4]"
check "it has one where that does not say so" test "$(plan_bars 0x2342 $HEADER $UNFIXED)" = "[0,2,4]"
check "and so has what lacks the capability" test "$(plan_bars 0x2941 $HEADER "$(printf '%032d' 0)")" = "[0,2,4]"
check "of one that ends too early nothing is read" test "$(plan_bars 0x2941 $HEADER ${FIXED% 0100})" = "[0,2,4]"
check "who is not root sees too little, and takes the model's" test "$(plan_bars 0x2342 ${HEADER:0:136})$(plan_bars 0x2941 ${HEADER:0:136})" = "[0,2,4][0,4]"
check "and so of what does not answer" test "$(plan_bars 0x2941 "$(printf '%0600d' 0 | tr 0 f)")" = "[0,4]"

tree two gb200_two
says plan/two plan all --ram 64G --cpus 32
says plan/two-libvirt plan all --format libvirt
put usr/bin/qemu-system-aarch64.version "QEMU emulator version 10.0.2"
says plan/two-here-of-qemu plan all --here
put usr/sbin/virtqemud.version "virtqemud (libvirt) 11.3.0"
says plan/two-here plan all --format libvirt --here
gone usr/sbin
gone usr/bin

# KubeVirt: its objects, by a schema of what its API has of them.
kubevirt_takes_it() {
	cohgpu plan "$@" --format kubevirt 2>/dev/null >"$WORK/kubevirt.yaml" || return 1
	python3 -c '
import json, sys, yaml
objects = list(yaml.safe_load_all(open(sys.argv[1])))
for number, one in enumerate(objects):
    json.dump(one, open(f"{sys.argv[1]}.{number}", "w"))
granted = {r["resourceName"] for r in objects[0]["spec"]["configuration"]["permittedHostDevices"]["pciHostDevices"]}
devices = objects[1]["spec"]["template"]["spec"]["domain"]["devices"]["hostDevices"]
assert granted == {d["deviceName"] for d in devices}, granted
assert len({d["name"] for d in devices}) == len(devices) == int(sys.argv[2])' "$WORK/kubevirt.yaml" "$GPUS" || return 1
	jsonschema -i "$WORK/kubevirt.yaml.0" "$HERE/kubevirt/KubeVirt.json" && jsonschema -i "$WORK/kubevirt.yaml.1" "$HERE/kubevirt/VirtualMachine.json"
}
says plan/two-kubevirt plan all --format kubevirt --ram 64G --cpus 32
GPUS=2 check "KubeVirt's objects for two are as its API has them" kubevirt_takes_it all
tree mixed gb200_two
grace_gpu 000a:01:00.0 0x31c2 7 smmu3.0x0000000013000000 $((276 * GIB)) 0
GPUS=3 check "KubeVirt's objects for two kinds are as well" kubevirt_takes_it all

# A vSMMU for each physical one, whatever the order of the GPUs; where the host does not tell, for each GPU.
tree shared gb200_three
says plan/shared plan all
says plan/shared-libvirt plan all --format libvirt
check "host bridges are one for each physical SMMU" test "$(cohgpu plan all --json | jq -c '[.gpus[].host_bridge]')" = "[1,2,1]"
put usr/bin/qemu-system-aarch64.version "QEMU emulator version 10.0.2"
says plan/shared-here-of-qemu plan all --here
put usr/sbin/virtqemud.version "virtqemud (libvirt) 11.3.0"
says plan/shared-here plan all --format libvirt --here
gone usr/sbin
# Who plans one of them without the other hears of it.
says plan/shared-part plan 0009:01:00.0 0008:01:00.0 --strict
says plan/shared-part-json plan 000a:01:00.0 --json
check "without vSMMUs nobody takes the SMMU" test "$(cohgpu plan 000a:01:00.0 --here 2>&1 | grep -c 'more GPUs')" = 0
check "whose SMMU has no others hears nothing" test "$(cohgpu plan 0009:01:00.0 --json | jq -c .smmu_left_out)" = "[]"
gone usr/bin
for bdf in 0008 0009 000a; do gone sys/bus/pci/devices/$bdf:01:00.0/iommu; done
check "host bridges are one for each GPU whose SMMU is not told" test "$(cohgpu plan all --json | jq -c '[.gpus[].host_bridge]')" = "[1,2,3]"
tree fifteen-shared several 15 0x2342
for bdf in "$T"/sys/bus/pci/devices/*; do group_of "${bdf##*/}" 7 smmu3.0; done
check "15 GPUs behind one SMMU are behind one vSMMU" test "$(cohgpu plan all --memory 96G 2>/dev/null | grep -c 'arm-smmuv3,')" = 1

# V100s: another machine, another emulator.
tree v100 v100
says plan/v100 plan all
says plan/v100-json plan all --json
says plan/v100-libvirt plan all --format libvirt
says plan/v100-kubevirt plan all --format kubevirt
says plan/v100-here-without-qemu plan all --here
put usr/bin/qemu-system-ppc64.version "QEMU emulator version 8.2.0"
says plan/v100-new-emulator plan all --strict
put usr/bin/qemu-system-ppc64.version "QEMU emulator version 7.2.22"
says plan/v100-right-emulator plan all --strict
check "of a V100's plan --here leaves nothing out" test "$(cohgpu plan all --here)" = "$(cohgpu plan all)"
grace_gpu $GPU 0x2342 3 smmu3.1 $((95 * GIB)) $GIB
says plan/v100-and-gh200 plan all
tree v100-apart v100
put dev/kvm ""
group_of 0006:00:00.1 7 iommu-npu7
says plan/v100-bridge-apart plan all --strict
# One host bridge for each group, with all that is in it.
tree ac922 ac922
says plan/v100-four plan all
says plan/v100-four-libvirt plan all --format libvirt
says plan/v100-of-two-groups plan 0004:04:00.0 0035:03:00.0 0035:04:00.0
check "a group that is planned in part counts with --strict" test "$(
	put usr/bin/qemu-system-ppc64.version "QEMU emulator version 7.2.22"
	put dev/kvm ""
	cohgpu plan all --strict >/dev/null 2>&1
	echo $?
	cohgpu plan 0035:03:00.0 --strict >/dev/null 2>&1
	echo $?
)" = $'0\n1'
says plan/v100-part-of-two-json plan 0004:04:00.0 0035:03:00.0 --json
# What has no group yet is as if it were alone in one.
gone sys/bus/pci/devices/0004:04:00.0/iommu_group
gone sys/bus/pci/devices/0004:05:00.0/iommu_group
check "GPUs without a group have a host bridge each" test "$(cohgpu plan all --json | jq -c '[.gpus[].host_bridge]')" = "[1,2,3,3]"
tree v100-of-today v100_of_today
says plan/v100-of-today plan all --strict
says plan/v100-of-today-json plan all --json

# window COUNT DEVICE MEMORY GIB: the window that so many GPUs with that memory need.
window() {
	tree "window-$1-$2" several $1 $2
	cohgpu plan all --memory $3 --json >"$WORK/plan"
	jq .mmio_window "$WORK/plan"
	jq -e ".mmio_window == $4 * $GIB" "$WORK/plan"
}
check "1 GH200 of 96 GiB: 512 GiB" window 1 0x2342 96G 512
check "4 GH200 of 96 GiB: 2 TiB" window 4 0x2342 96G 2048
check "4 GH200 of 144 GiB: 4 TiB" window 4 0x2348 144G 4096
check "4 GB200 of 185 GiB: 4 TiB" window 4 0x2941 185G 4096
check "4 GB300 of 276 GiB: 8 TiB" window 4 0x31c2 276G 8192

# The installed QEMU may be older than the parts: those are left out, the rest has to hold.
qemu_takes_it() {
	cohgpu plan "$@" 2>/dev/null | sed '
		s/,highmem-mmio-size=[0-9]*G//; s/accel=kvm,gic-version=3,ras=on/accel=tcg,gic-version=3/; s/-cpu host/-cpu max/; /-bios /d
		/-object iommufd/d; /-device arm-smmuv3/d; /-object acpi-generic-initiator/d
		s/-device vfio-pci-nohotplug,\(id=[^,]*\),host=[^,]*,\(bus=[^,]*\),.*/-device pci-testdev,\1,\2 \\/
		s/^qemu-system/timeout 60 qemu-system/' | sed '$s/ \\$//' >"$WORK/qemu"
	sed -i 's/-m [0-9]*M/-m 256M/; s/size=[0-9]*M/size=256M/' "$WORK/qemu"
	{
		sed '$s/$/ \\/' "$WORK/qemu"
		echo "  -display none -serial none -S -monitor stdio"
	} >"$WORK/qemu.sh"
	printf 'info numa\nquit\n' | sh "$WORK/qemu.sh" >"$WORK/qemu.out" 2>&1 || { cat "$WORK/qemu.out" && return 1; }
	grep -o '[0-9]* nodes' "$WORK/qemu.out" | grep -qx "$NODES nodes" || { cat "$WORK/qemu.out" && return 1; }
}
tree gh200 healthy
NODES=9 check "QEMU takes the plan for one" qemu_takes_it $GPU
tree two gb200_two
NODES=17 check "QEMU takes the plan for two" qemu_takes_it all --cpus 2
tree shared gb200_three
NODES=25 check "QEMU takes the plan for three, two behind one SMMU" qemu_takes_it all --cpus 2
tree fifteen-shared several 15 0x2342
for bdf in "$T"/sys/bus/pci/devices/*; do group_of "${bdf##*/}" 7 smmu3.0; done
NODES=121 check "QEMU takes the plan for fifteen behind one SMMU" qemu_takes_it all --cpus 2 --memory 96G
# What --here leaves of it the installed one takes as it is, but for KVM, UEFI and the GPU itself.
qemu_takes_it_here() {
	put usr/bin/qemu-system-aarch64.version "$(qemu-system-aarch64 --version)"
	cohgpu plan all --here --memory 96G --cpus 2 2>/dev/null | sed '
		s/accel=kvm,gic-version=3,ras=on/accel=tcg,gic-version=3/; s/-cpu host/-cpu max/; /-bios /d; s/-m [0-9]*M/-m 256M/; s/size=[0-9]*M/size=256M/
		s/-device vfio-pci-nohotplug,\(id=[^,]*\),host=[^,]*,\(bus=[^,]*\),rombar=0/-device pci-testdev,\1,\2/
		s/^qemu-system/timeout 60 qemu-system/; $s/$/ \\/' >"$WORK/qemu.sh"
	echo "  -display none -serial none -S -monitor stdio" >>"$WORK/qemu.sh"
	printf 'info qtree\nquit\n' | sh "$WORK/qemu.sh" >"$WORK/qemu.out" 2>&1 || { cat "$WORK/qemu.out" && return 1; }
	[[ $(grep -c 'dev: pci-testdev' "$WORK/qemu.out") == "$1" ]] || { cat "$WORK/qemu.out" && return 1; }
}
tree gh200 healthy
check "QEMU takes the plan for one that is made for it" qemu_takes_it_here 1
tree two gb200_two
check "QEMU takes the plan for two that is made for it" qemu_takes_it_here 2
tree two gb200_two

# libvirt 9, which is here, knows no iommufd, no nodeset, no vSMMU a bridge, and no RAS
# yet: without these it takes the rest. A libvirt that has them, 12.8, has a schema.
libvirt_takes_it() {
	cohgpu plan "$@" --format libvirt 2>/dev/null | sed "
		s/ iommufd='yes'//; /<ras /d; /<acpi nodeset=/d; /<iommu model/,/<\/iommu>/d" >"$WORK/domain.xml"
	virt-xml-validate "$WORK/domain.xml" domain && virsh -c test:///default define "$WORK/domain.xml"
}
"$TOP/vm/fetch" schema/libvirt
SCHEMA=$("$TOP/vm/fetch" --where schema/libvirt)/domain.rng
valid() {
	cohgpu plan "$@" --format libvirt 2>/dev/null >"$WORK/domain.xml"
	xmllint --noout --relaxng "$SCHEMA" "$WORK/domain.xml"
}
check "libvirt takes the plan for two" libvirt_takes_it all
check "and so does the schema of a newer one, whole" valid all
misspelt() {
	! xmllint --noout --relaxng "$SCHEMA" <(sed 's/ssidsize=/ssidSize=/' "$WORK/domain.xml")
}
check "which takes no attribute that it does not know" misspelt
tree shared gb200_three
check "libvirt takes the plan for three, two behind one SMMU" libvirt_takes_it all
check "and so does the newer schema, for three" valid all
tree gh200 healthy
check "libvirt takes the plan for one" libvirt_takes_it $GPU
check "and so does the newer schema" valid $GPU

# The same of V100s. No kernel here has the devices, so others stand in their places.
tree v100 v100
# pseries_takes_it FUNCTIONS BRIDGES
pseries_takes_it() {
	cohgpu plan all 2>/dev/null | sed 's/accel=kvm/accel=tcg/; s/-cpu host/-cpu power9/; s/-m [0-9]*M/-m 256M/
		s/-device vfio-pci,host=[^,]*,/-device pci-testdev,/; s/^qemu-system/timeout 60 qemu-system/; $s/$/ \\/' >"$WORK/qemu.sh"
	echo "  -nodefaults -display none -serial none -S -monitor stdio" >>"$WORK/qemu.sh"
	printf 'info qtree\nquit\n' | sh "$WORK/qemu.sh" >"$WORK/qemu.out" 2>&1 || { cat "$WORK/qemu.out" && return 1; }
	[[ $(grep -c 'dev: pci-testdev' "$WORK/qemu.out") == "$1" && $(grep -c 'dev: spapr-pci-host-bridge' "$WORK/qemu.out") == "$2" ]] ||
		{ cat "$WORK/qemu.out" && return 1; }
}
check "QEMU takes the plan for a V100" pseries_takes_it 3 2
check "libvirt takes the plan for a V100" libvirt_takes_it all
check "and so does the newer schema, for a V100" valid all
tree ac922 ac922
check "QEMU takes the plan for four" pseries_takes_it 12 3
check "libvirt takes the plan for four" libvirt_takes_it all
check "and so does the newer schema, for four" valid all
# Six more of one group: QEMU has no room for that many on a host bridge.
seven() {
	local n
	v100
	for n in 1 2 3 4 5 6; do
		v100_gpu 0004:0$n:01.0 1 0000030$n 400${n}800000000 0000040$n
		bridge 0006:0$n:00.0 0000040$n 1 0000030$n
	done
}
tree seven seven
says plan/v100-seven plan all
gone sys/bus/pci/devices/0004:04:00.0
check "QEMU takes the plan for six of one group" pseries_takes_it 12 2
