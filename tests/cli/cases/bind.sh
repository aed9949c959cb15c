# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# bind and restore: what they do, and what they refuse.
# shellcheck source-path=SCRIPTDIR source=../host.sh
source "$HERE/host.sh"

for before in hosted plain_vfio unbound; do
	tree bind-$before $before
	state >"$WORK/before"
	does bind/$before-dry-run bind $GPU --dry-run
	check "dry-run changes nothing: $before" diff "$WORK/before" <(state)
	does bind/$before bind $GPU
	check "bind binds: $before" test "$(driver_now)" = $GRACE
	does bind/$before-again bind $GPU
	does restore/$before-dry-run restore $GPU --dry-run
	does restore/$before restore $GPU
	check "restore brings back: $before" diff "$WORK/before" <(state)
	does restore/$before-again restore $GPU
done

tree bind-json hosted
does bind/json bind $GPU --json
does restore/json restore all --json

# Spellings, and drivers that are not there.
for name in nvgrace-gpu-vfio-pci nvgrace_gpu-vfio_pci vfio_pci; do
	tree bind-spelling hosted
	driver vfio-pci
	does bind/spelling-$name bind $GPU --driver $name
done
does bind/no-such-driver bind $GPU --driver nvgpu
driver nouveau
state >"$WORK/before"
does bind/no-vfio-driver bind $GPU --driver nouveau --persist
check "bind to no VFIO driver changes nothing" diff "$WORK/before" <(state)

# Without the driver that is made for it, vfio-pci is for those who ask for it.
tree bind-no-variant hosted
driver vfio-pci
sed -i /nvgrace/d "$T/lib/modules/$RELEASE/modules.alias"
gone sys/bus/pci/drivers/$GRACE
state >"$WORK/before"
does bind/no-variant bind $GPU --persist
check "bind without a variant driver changes nothing" diff "$WORK/before" <(state)
does bind/no-variant-asked bind $GPU --driver vfio-pci

# What was before the first bind is what restore goes back to.
tree bind-twice hosted
driver vfio-pci
state >"$WORK/before"
does bind/twice-first bind $GPU --driver vfio-pci
does bind/twice-second bind $GPU
does restore/twice restore $GPU
check "restore goes back to before the first of two binds" diff "$WORK/before" <(state)

tree bind-persist hosted
state >"$WORK/before"
does bind/persist bind $GPU --persist
check "the rule is as udev wants it" grep -qx \
	"ACTION==\"add\", SUBSYSTEM==\"pci\", KERNEL==\"$GPU\", TEST==\"/usr/bin/cohgpu\", ATTR{driver_override}=\"$GRACE\", RUN+=\"/usr/bin/cohgpu bind $GPU --driver $GRACE --wait 60\"" \
	"$T/etc/udev/rules.d/90-cohgpu-$GPU.rules"
gone run/cohgpu
does restore/persist-after-reboot restore $GPU
check "restore takes the rule away after a reboot" diff "$WORK/before" <(state)

# At a boot the rule sets the override and runs bind, which is not to take that for
# what was before.
boots() {
	gone run/cohgpu
	gone $DEV/driver
	put $DEV/driver_override $GRACE
	does bind/$1 bind $GPU --driver $GRACE --wait 60
}
tree bind-boots hosted
does bind/persist-first bind $GPU --persist
boots persist-at-boot
check "what the rule runs binds" test "$(driver_now)" = $GRACE
does restore/persist-at-boot restore $GPU
check "restore leaves the choice to the kernel" test "$(driver_now) $(<"$T/$DEV/driver_override")" = "nvidia (null)"

# After a loss of power there is the rule, and after the next one there is none.
# synced ARGS...: what is made to last, with its folder
synced() {
	KERNEL_SYNCED=$WORK/synced with_kernel cohgpu "$@" >/dev/null
	sort -u "$WORK/synced"
	grep -qx "$T/etc/udev/rules.d" "$WORK/synced"
	rm "$WORK/synced"
}
tree bind-synced hosted
check "a rule's folder is synced" synced bind $GPU --persist
check "and when it is taken away" synced restore $GPU

# The rules of a V100's bridges bind the whole GPU, with its driver.
tree bind-v100-persist hosted_v100
does bind/v100-persist bind all --persist
check "a bridge's rule binds the GPU" grep -q "KERNEL==\"0006:00:00.1\".*{driver_override}=\"vfio-pci\".*bind 0004:04:00.0 --driver $NVLINK2 " \
	"$T/etc/udev/rules.d/90-cohgpu-0006:00:00.1.rules"

# udev runs one for each function that comes: the second waits for the first.
locked() {
	mkdir -p "$T/run/cohgpu"
	exec 8>"$T/run/cohgpu/lock"
	flock 8
}
# waits_for_another COMMAND...: which is what the other one does before it ends.
waits_for_another() {
	locked
	(sleep 1 && "$@" && flock -u 8) &
	with_kernel cohgpu bind $GPU --wait 20 8>&-
}
tree bind-waits hosted
check "bind --wait waits for another to end" waits_for_another true
exec 8>&-
# What it saw before it waited is no more so.
no_group_yet() {
	hosted
	gone $DEV/iommu_group
}
tree bind-waits-and-looks no_group_yet
check "and looks at what the other left" waits_for_another group_of $GPU 3 smmu3.0x0000000005000000
exec 8>&-
# Of two at once one works, and the other does not touch anything.
tree bind-locked hosted
locked
state >"$WORK/before"
does bind/locked bind $GPU
does restore/locked restore $GPU
check "nothing is changed beside another" diff "$WORK/before" <(state)
exec 8>&-
# Who can open the lock can keep all others waiting, which is not for everybody.
lock_is_roots() {
	rm -f "$T/run/cohgpu/lock"
	$1
	with_kernel cohgpu bind $GPU && [[ $(stat -c %a "$T/run/cohgpu/lock") == 600 ]]
}
left_by_an_older_one() {
	mkdir -p "$T/run/cohgpu"
	install -m 644 /dev/null "$T/run/cohgpu/lock"
}
tree bind-lock-mode hosted
check "the lock is root's alone" lock_is_roots true
check "and so becomes one that was not" lock_is_roots left_by_an_older_one
tree bind-lock-link hosted
link run/cohgpu/lock ../../elsewhere
does bind/lock-link bind $GPU
check "a link in its place is not followed" test ! -e "$T/elsewhere"
does bind/wait-too-large bind $GPU --wait 9999999999

# A second bind that fails leaves the rule of the first.
second_fails() {
	local status=0
	with_kernel cohgpu bind all --persist --driver vfio-pci || return 1
	state >"$WORK/before"
	KERNEL_REFUSES=$GRACE with_kernel cohgpu bind all --persist || status=$?
	[[ $status == 2 ]] && diff "$WORK/before" <(state)
}
tree bind-second-fails two_hosted
driver vfio-pci
check "a second bind that fails leaves the first one's rule" second_fails
second_fails_late() {
	local at last status bad=0
	with_kernel cohgpu bind all --persist --driver vfio-pci || return 1
	state >"$WORK/before"
	tree_again
	count_steps bind all --persist || return 1
	for ((at = 1; at <= last; at++)); do
		tree_again
		status=0
		KERNEL_AT=$at KERNEL_FATE=fail with_kernel cohgpu bind all --persist >/dev/null 2>&1 || status=$?
		[[ $status == 0 ]] || diff "$WORK/before" <(state) || { echo "step $at of $last: not undone" && bad=1; }
	done
	[[ $last -ge 9 && $bad == 0 ]]
}
tree bind-second-fails-late two_hosted
driver vfio-pci
check "at whatever step it fails" second_fails_late

# The driver's module is known, and not loaded yet.
not_loaded() {
	hosted
	gone sys/bus/pci/drivers/$GRACE
}
tree bind-not-loaded not_loaded
state >"$WORK/before"
does bind/not-loaded-dry-run bind $GPU --dry-run
check "dry-run changes nothing: not loaded" diff "$WORK/before" <(state)
does bind/not-loaded bind $GPU
check "what cannot be loaded changes nothing" diff "$WORK/before" <(state)

# Of the host's files those of this GPU count, where its driver says which they are.
# minor BDF NUMBER
minor() {
	put "proc/driver/nvidia/gpus/$1/information" "Model: 		 NVIDIA GH200 480GB
Bus Location: 	 $1
Device Minor: 	 $2
GPU Excluded:	 No"
}
one_of_two_held() {
	two_hosted
	minor 0008:01:00.0 0
	minor $GPU 1
	process 813 nvidia-persiste /dev/nvidiactl /dev/nvidia0
}
# memory_at BDF BASE: what NVIDIA's driver says of a GPU that is in use.
memory_at() {
	put "proc/driver/nvidia/gpus/$1/numa_status" "Node:      4
Status:    online
Address:   $2
Size:      1800000000"
}
memory_of_the_other() {
	one_of_two_held
	memory_at 0008:01:00.0 420000000000
	put proc/iomem "00000000-ffffffff : System RAM
420000000000-4207ffffffff : System RAM (NVIDIA)
420900000000-4217ffffffff : System RAM (NVIDIA)"
}
memory_of_both() {
	memory_of_the_other
	memory_at $GPU 430000000000
	put proc/iomem "$(<"$T/proc/iomem")
430000000000-4317ffffffff : System RAM (NVIDIA)"
}
drawn() {
	hosted
	minor $GPU 1
	mkdir -p "$T/$DEV/drm/renderD129"
	process 813 Xorg /dev/dri/renderD129
}
tree bind-other-held one_of_two_held
does bind/other-held bind $GPU
check "a GPU is bound while another is in use" test "$(driver_now)" = $GRACE

tree bind-others-memory memory_of_the_other
does bind/others-memory bind $GPU
check "and while memory of the other is online" test "$(driver_now)" = $GRACE

# A GPU that was taken out of the machine: what is left of it goes, and no more.
gone_gpu() {
	two_hosted
	with_kernel cohgpu bind all --persist >/dev/null
	gone sys/bus/pci/devices/0008:01:00.0
}
left_of() {
	find "$T/etc/udev/rules.d" "$T/run/cohgpu" -name "*$1*"
}
tree restore-gone gone_gpu
does restore/gone-dry-run restore 0008:01:00.0 --dry-run
check "dry-run forgets nothing" test "$(left_of 0008 | wc -l)" = 2
does restore/gone restore 0008:01:00.0
check "nothing is left of it" test "$(left_of 0008 | wc -l)" = 0
check "the other one is as it was" test "$(left_of 0009 | wc -l) $(driver_now)" = "2 $GRACE"
does restore/gone-again restore 0008:01:00.0
tree restore-all-gone gone_gpu
does restore/gone-all restore all
check "nor of any" test "$(left_of 000 | wc -l)" = 0
gone_last() {
	hosted
	with_kernel cohgpu bind all --persist >/dev/null
	gone $DEV
}
tree restore-last-gone gone_last
does restore/gone-last restore all --json
# Of a V100 after a reboot there are rules only, which name the GPU.
gone_v100() {
	hosted_v100
	with_kernel cohgpu bind all --persist >/dev/null
	gone run/cohgpu
	rm -r "$T"/sys/bus/pci/devices/000[46]*
}
tree restore-v100-gone gone_v100
does restore/gone-v100 restore 0004:04:00.0
check "nor of its bridges" test "$(left_of 000 | wc -l)" = 0

# Refusals: nothing is changed.
# refuses NAME MAKER ARGS...
refuses() {
	local name=$1 maker=$2
	shift 2
	tree "refuses-$name" $maker
	state >"$WORK/before"
	does bind/refuses-$name "$@"
	check "nothing is changed: $name" diff "$WORK/before" <(state)
	check "refused: $name" grep -q '^--- status 2' "$WORK/said"
}
held() {
	hosted
	process 813 nvidia-persiste /dev/nvidiactl
}
in_a_vm() {
	plain_vfio
	process 900 qemu-system-aar /dev/vfio/vfio /dev/vfio/3
}
in_a_vm_by_cdev() {
	plain_vfio
	mkdir -p "$T/$DEV/vfio-dev/vfio0"
	process 900 qemu-system-aar /dev/vfio/devices/vfio0
}
online() {
	hosted
	put proc/iomem "420000000000-4217bfffffff : System RAM (NVIDIA)"
}
without_iommu() {
	hosted
	gone $DEV/iommu_group
}
foreign_record() {
	hosted
	put run/cohgpu/$GPU.json '{"version": 7}'
}
driver_refuses() {
	with_kernel env KERNEL_REFUSES=$GRACE "$@"
}
refuses held held bind $GPU
held_by_service() {
	held
	unit 813 system.slice/nvidia-persistenced.service
}
held_by_both() {
	held_by_service
	process 816 python3 /dev/nvidia-uvm
	unit 816 user.slice/user-1000.slice/session-3.scope
}
held_in_session() {
	held
	put proc/813/cgroup "12:cpu:/odd.service
1:name=systemd:/user.slice/user-0.slice/user@0.service/session-3.scope/deeper"
}
refuses held-by-service held_by_service bind $GPU
refuses held-by-both held_by_both bind $GPU
refuses held-in-session held_in_session bind $GPU
vm_in_scope() {
	in_a_vm
	unit 900 'machine.slice/machine-qemu\x2d1\x2dguest.scope/libvirt/emulator'
}
refuses in-a-scope vm_in_scope bind $GPU
vm_of_service() {
	in_a_vm
	unit 900 system.slice/cloud-hypervisor@guest.service
}
refuses in-a-service vm_of_service bind $GPU
refuses in-a-vm in_a_vm bind $GPU
refuses in-a-vm-by-cdev in_a_vm_by_cdev bind $GPU
refuses online online bind $GPU
# Of three ranges the GPU has one; where it is not told, any may be its.
refuses online-both memory_of_both bind $GPU
memory_of_nobody() {
	memory_of_the_other
	put proc/driver/nvidia/gpus/0008:01:00.0/numa_status "Node:      4
Status:    online"
}
memory_beyond() {
	memory_of_the_other
	put proc/iomem "420000000000-43ffffffffff : System RAM (NVIDIA)"
}
refuses online-untold memory_of_nobody bind $GPU
refuses online-beyond memory_beyond bind $GPU
refuses without-iommu without_iommu bind $GPU
long_override() {
	hosted
	put $DEV/driver_override "$(printf "%090d" 0)"
}
refuses override-unreadable long_override bind $GPU
refuses foreign-record foreign_record bind $GPU
refuses one-of-two-held one_of_two_held bind 0008:01:00.0
refuses drawn drawn bind $GPU
# Another driver's files are known by the device alone.
drawn_by_nouveau() {
	hosted
	gone sys/bus/pci/drivers/nvidia/$GPU
	driver_of $GPU nouveau
	mkdir -p "$T/$DEV/drm/card0"
	process 813 Xorg /dev/dri/card0
}
refuses drawn-by-nouveau drawn_by_nouveau bind $GPU
held_not_loaded() {
	held
	gone sys/bus/pci/drivers/$GRACE
}
refuses held-not-loaded held_not_loaded bind $GPU
held_bridge() {
	hosted_v100
	driver_of 0006:00:00.1 vfio-pci
	group_of 0006:00:00.1 2 iommu-phb0006
	process 900 qemu-system-ppc /dev/vfio/vfio /dev/vfio/2
	put sys/bus/pci/devices/0006:00:00.1/driver_override vfio-pci
}
bridge_elsewhere() {
	held_bridge
	driver_of 0006:00:00.1 other-vfio-pci
}
refuses held-bridge bridge_elsewhere bind all

# Some kernels give a function its IOMMU group with its first driver: VFIO finds out.
without_group_yet() {
	unbound
	gone $DEV/iommu_group
	put sys/class/iommu/smmu3.0x0000000005000000/type smmu
}
tree bind-without-group-yet without_group_yet
does bind/without-group-yet bind $GPU
check "a GPU that gets its group with its driver is bound" test "$(driver_now)" = $GRACE
tree bind-without-group-ever without_group_yet
state >"$WORK/before"
KERNEL_REFUSES=$GRACE does bind/without-group-ever bind $GPU
check "and one that gets none is as before" diff "$WORK/before" <(state)
# One of two cannot be had: neither is.
second_held() {
	two_hosted
	gone sys/bus/pci/devices/0009:01:00.0/iommu_group
}
refuses second-of-two second_held bind all

# Somebody gave it back by hand, and uses it.
host_again() {
	driver_of $GPU nvidia
	gone sys/bus/pci/drivers/$GRACE/$GPU
	process 813 nvidia-persiste /dev/nvidia0
}
tree restore-refuses plain_vfio
with_kernel cohgpu bind $GPU >/dev/null
host_again
state >"$WORK/before"
does restore/refuses-held restore $GPU
check "restore takes it from no one who uses it" diff "$WORK/before" <(state)
tree restore-refuses-bridge hosted_v100
with_kernel cohgpu bind all >/dev/null
group_of 0006:00:00.1 2 iommu-phb0006
process 900 qemu-system-ppc /dev/vfio/vfio /dev/vfio/2
state >"$WORK/before"
does restore/refuses-held-bridge restore all
check "restore takes no bridge that a VM has" diff "$WORK/before" <(state)

drains() {
	(sleep 1.5 && put proc/iomem "nothing") &
	with_kernel cohgpu bind $GPU --wait 20
}
tree drains online
check "bind --wait waits for the memory to be given back" drains
check "and binds then" test "$(driver_now)" = $GRACE

# Memory of one takes long to drain, and meanwhile somebody begins to use the other.
used_meanwhile() {
	local status=0
	(sleep 1.5 && process 813 nvidia-persiste /dev/nvidia0 && put proc/iomem "nothing") &
	with_kernel cohgpu bind all --wait 20 || status=$?
	wait
	[[ $status == 2 ]] && diff "$WORK/before" <(state)
}
two_online() {
	two_hosted
	minor 0008:01:00.0 0
	minor $GPU 1
	put proc/iomem "420000000000-4217bfffffff : System RAM (NVIDIA)"
}
tree used-meanwhile two_online
state >"$WORK/before"
check "what is used after the first look is not taken either" used_meanwhile

# VFIO gives groups: who else is in one, and has to go first, is said.
# beside BDF CLASS DRIVER
beside() {
	pci_function $1 0x10de 0x22b0 $2
	group_of $1 3 smmu3.0x0000000005000000
	[[ -z $3 ]] || driver_of $1 $3
}
with_others() {
	hosted
	beside 0009:01:00.1 0x040300 snd_hda_intel
	beside 0009:01:00.2 0x0c0330 ""
	beside 0009:01:00.3 0x0c8000 vfio-pci
	beside 0009:00:00.0 0x060400 pcieport
}
tree bind-others with_others
does bind/others-dry-run bind $GPU --dry-run
put usr/share/misc/pci.ids "10de  NVIDIA Corporation
	22b0  AD102 High Definition Audio
C 04  Multimedia controller
	03  Audio device"
does bind/others bind $GPU
does bind/others-again bind $GPU --json
# Another GPU at the same NPU, with its bridges.
two_of_a_group() {
	hosted_v100
	v100_gpu 0004:05:00.0 1 00000202 4002000000000 00000103
	driver_of 0004:05:00.0 nvidia
	put sys/bus/pci/devices/0004:05:00.0/native nvidia
}
tree bind-part-of-a-group two_of_a_group
does bind/part-of-a-group bind 0004:04:00.0
does bind/part-of-a-group-json bind 0004:04:00.0 --json
does bind/whole-group bind all
check "of a whole group nothing is said" test "$(grep -c note: "$WORK/said")" = 0

# Who reads at the end of a pipe knows the step at which it hangs.
told_before() {
	(KERNEL_AT=$1 KERNEL_FATE=kill with_kernel cohgpu bind $GPU) >"$WORK/fate" 2>&1 || true
	cat "$WORK/fate"
	grep -q "^$GPU unbind " "$WORK/fate"
}
tree bind-told hosted
count_steps bind $GPU
tree bind-told hosted
check "a step is told before it is made, at the end of a pipe too" told_before $last

export KERNEL_REFUSES=$GRACE
tree driver-refuses hosted
state >"$WORK/before"
does bind/driver-takes-it-not bind $GPU
check "a driver that does not take it: all is undone" diff "$WORK/before" <(state)
unset KERNEL_REFUSES
tree v100-bind hosted_v100
state >"$WORK/before"
does bind/v100 bind all
check "bridges are handed over too" test "$(driver_now 0006:00:00.1)" = vfio-pci
does restore/v100 restore all
check "and come back" diff "$WORK/before" <(state)
