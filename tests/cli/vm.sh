#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What tests/cli/vm runs in its VM.
n=0 passed=0 failed=0
check() {
	name=$1
	shift
	n=$((n + 1))
	if "$@" >/tmp/check 2>&1; then
		passed=$((passed + 1))
		echo "ok $n $name"
	else
		failed=$((failed + 1))
		sed 's/^/# /' /tmp/check
		echo "not ok $n $name"
	fi
}

PATH=$PATH:/usr/sbin
DRIVER=$1
GPU=$(cohgpu list --addresses)
DEV=/sys/bus/pci/devices/$GPU
GRACE=nvgrace_gpu_vfio_pci

# state: driver and override, as they are.
state() {
	basename "$(readlink "$DEV/driver" || echo none)"
	cat "$DEV/driver_override"
	ls /run/cohgpu/*.json 2>/dev/null
	true
}

bound_to() {
	[ "$(basename "$(readlink "$DEV/driver")")" = "$1" ]
}

# owner DRIVER: the GPU is that driver's, by no doing of the tool's.
owner() {
	[ ! -e "$DEV/driver" ] || echo "$GPU" >"$DEV/driver/unbind"
	echo "$1" >"$DEV/driver_override"
	echo "$GPU" >/sys/bus/pci/drivers_probe
	bound_to "$1"
}

same_state() {
	state >/tmp/now
	diff /tmp/before /tmp/now
}

# killed BEFORE TARGET: at each write, rename or unlink of bind.
killed() {
	owner "$1" || return 1
	state >/tmp/before
	with_steps KERNEL_STEPS=/tmp/steps cohgpu bind "$GPU" --driver "$2" || return 1
	cohgpu restore "$GPU" && same_state || return 1
	last=$(cat /tmp/steps)
	at=1
	while [ $at -le "$last" ]; do
		with_steps KERNEL_AT=$at KERNEL_FATE=kill cohgpu bind "$GPU" --driver "$2"
		[ $? = 137 ] || { echo "step $at: not killed" && return 1; }
		cohgpu restore "$GPU" || [ $? = 77 ] || return 1
		same_state || { echo "step $at of $last" && return 1; }
		at=$((at + 1))
	done
	echo "$last steps"
	[ "$last" -ge 9 ]
}

# interrupted BEFORE TARGET: by SIGINT, at each of the same steps. It puts all back by itself,
# unless that came after the last change.
interrupted() {
	owner "$1" || return 1
	state >/tmp/before
	undone=0 at=1
	while with_steps KERNEL_AT=$at KERNEL_FATE=int cohgpu bind "$GPU" --driver "$2" || [ $? = 2 ]; do
		if same_state; then
			undone=$((undone + 1))
		else
			bound_to "$2" && cohgpu restore "$GPU" || return 1
			same_state || { echo "step $at" && return 1; }
		fi
		at=$((at + 1))
		[ $at -le "$last" ] || break
	done
	echo "$undone of $last steps undone"
	[ $at -gt "$last" ] && [ "$undone" -ge 4 ]
}

# restore_killed BEFORE TARGET: at each of restore's steps, which is then repeated.
restore_killed() {
	owner "$1" || return 1
	state >/tmp/before
	at=1
	while cohgpu bind "$GPU" --driver "$2" || return 1; do
		with_steps KERNEL_STEPS=/tmp/steps KERNEL_AT=$at KERNEL_FATE=kill cohgpu restore "$GPU"
		status=$?
		[ $status = 0 ] || cohgpu restore "$GPU" || [ $? = 77 ] || return 1
		same_state || { echo "step $at" && return 1; }
		[ $status = 137 ] || break
		at=$((at + 1))
	done
	echo "$(cat /tmp/steps) steps"
	[ "$status" = 0 ] && [ $at -gt "$(cat /tmp/steps)" ] && [ $at -gt 4 ]
}

# with_steps VARIABLE=VALUE... COMMAND...
with_steps() {
	env LD_PRELOAD=/lib/cli/steps.so KERNEL_LIVE=1 "$@"
}

# Ours tells of its memory; the kernel's own driver does not.
ours() {
	[ "$DRIVER" = ours ]
}

# copied WORDS...: of a copy of this machine the tool says what it says of it.
copied() {
	[ "$1" != doctor ] || rm -rf /tmp/tree
	[ -d /tmp/tree ] || cohgpu capture /tmp/tree || return 1
	cohgpu "$@" >/tmp/here 2>&1
	COHGPU_SYSROOT=/tmp/tree cohgpu "$@" >/tmp/there 2>&1
	diff /tmp/here /tmp/there
}

# watched NAME WORDS COMMAND...: a watch, which reads nothing by itself, hears of what
# COMMAND does; WORDS are in what it says.
watched() {
	words=$1 interval=$2
	shift 2
	cohgpu watch --interval "$interval" --for 30 >/tmp/watch 2>/tmp/watch.err &
	watcher=$!
	while ! grep -q ^watching /tmp/watch.err; do sleep 0.1; done
	"$@" >/dev/null 2>&1
	# What else happens may be told first: it wakes up before it is reset.
	until grep -q "$GPU $words" /tmp/watch || ! kill -0 $watcher; do sleep 0.1; done
	kill $watcher
	wait $watcher
	cat /tmp/watch /tmp/watch.err
	grep -q "$GPU $words" /tmp/watch
}

rebind() {
	echo "$GPU" >"$DEV/driver/unbind"
}

# udev looks for new rules every three seconds at most, or when it is told.
read_rules() {
	! pidof systemd-udevd >/dev/null || udevadm control --reload
}

# hotplugged: all GPUs are taken off their buses and come again. What the kernel
# itself gives them, since vfio-pci was told their ID, is plain vfio-pci.
hotplugged() {
	read_rules
	for gpu in $(cohgpu list --addresses); do
		echo 1 >"/sys/bus/pci/devices/$gpu/remove"
	done
	[ -z "$(cohgpu list --addresses)" ] || return 1
	echo 1 >/sys/bus/pci/rescan
	settle
}

settle() {
	! pidof systemd-udevd >/dev/null || udevadm settle --timeout=120
}

# all_have DRIVER: of two GPUs.
all_have() {
	for gpu in $(cohgpu list --addresses); do
		echo "$gpu: $(readlink "/sys/bus/pci/devices/$gpu/driver")"
	done >/tmp/all
	cat /tmp/all
	[ "$(grep -c "/$1\$" /tmp/all)" = 2 ]
}

# At a boot the kernel has devices and drivers before there is udev.
coldplugged() {
	kill "$(pidof systemd-udevd)"
	while pidof systemd-udevd >/dev/null; do sleep 0.1; done
	hotplugged
	all_have vfio-pci || return 1
	rm -rf /run/cohgpu
	systemd-udevd --daemon || return 1
	udevadm trigger --action=add --subsystem-match=pci
	settle
	all_have $GRACE
}

no_rules() {
	! grep -r . /etc/udev/rules.d
}

persists() {
	cohgpu sim add --preset tiny --name second >/dev/null
	owner $GRACE
	cohgpu restore all 2>/dev/null
	echo "$GPU" >"$DEV/driver/unbind"
	echo >"$DEV/driver_override"
	echo 10de 2342 >/sys/bus/pci/drivers/vfio-pci/new_id
	mkdir -p /etc/udev/rules.d
	systemd-udevd --daemon
	check "two GPUs are plain vfio-pci's" all_have vfio-pci
	check "and after hotplug are so again" after_hotplug vfio-pci
	check "bind --persist" cohgpu bind all --persist
	check "both are bound" all_have $GRACE
	check "both are bound again after hotplug" after_hotplug $GRACE
	check "and after a boot at which another driver came first" coldplugged
	check "restore" cohgpu restore all
	check "leaves them to the kernel's choice" all_have vfio-pci
	check "and no rule" no_rules
	check "after hotplug they are vfio-pci's" after_hotplug vfio-pci
	echo 10de 2342 >/sys/bus/pci/drivers/vfio-pci/remove_id
	kill "$(pidof systemd-udevd)"
	cohgpu sim remove second
	owner $GRACE
}

after_hotplug() {
	hotplugged && all_have "$1"
}

# A driver that is not loaded: told, but loaded only when nothing is in the way.
loads_late() {
	echo "$GPU" >"$DEV/driver/unbind"
	echo >"$DEV/driver_override"
	rmmod $GRACE || return 1
	cohgpu bind "$GPU" --dry-run | grep "load *$GRACE" || return 1
	[ ! -e /sys/bus/pci/drivers/$GRACE ] || return 1
	mkdir -p /run/cohgpu
	echo '{"version": 7}' >"/run/cohgpu/$GPU.json"
	! cohgpu bind "$GPU" || return 1
	[ ! -e /sys/bus/pci/drivers/$GRACE ] || { echo "loaded by a bind that was refused" && return 1; }
	rm "/run/cohgpu/$GPU.json"
	cohgpu bind "$GPU" && bound_to $GRACE && cohgpu restore "$GPU"
}

# starts SED WORDS...: QEMU makes the machine of a plan, as SED changes it, and each
# of WORDS is in its answer to a question about its devices.
starts() {
	edit=$1
	shift
	cohgpu plan "$GPU" --memory 96G --ram 256M --cpus 1 2>/dev/null | sed "s/ \\\\\$//; $edit" | tr '\n' ' ' >/tmp/line
	cat /tmp/line
	rm -f /tmp/answers /tmp/asks
	mkfifo /tmp/asks
	# shellcheck disable=SC2046 # words of a command line
	timeout 120 $(cat /tmp/line) -S -display none -serial none -monitor none -nodefaults -qmp stdio </tmp/asks >/tmp/answers 2>&1 &
	exec 6>/tmp/asks
	echo '{"execute":"qmp_capabilities"} {"execute":"query-status"} {"execute":"qom-list","arguments":{"path":"/machine/peripheral"}}
		{"execute":"qom-list","arguments":{"path":"/objects"}} {"execute":"quit"}' >&6
	wait $!
	status=$?
	exec 6>&-
	cut -c1-3000 /tmp/answers
	[ $status = 0 ] || { echo "status $status" && return 1; }
	for word in '"status": "prelaunch"' "$@"; do
		grep -q "$word" /tmp/answers || { echo "no $word" && return 1; }
	done
}

# The kernel here has no iommufd, so that the vSMMU and the GPU, which want one for
# each other, are started one after the other; all else is as it is printed.
plan_starts() {
	iommufd='s/,iommufd=iommufd0//; /^ *-object iommufd/d'
	vsmmu='/^ *-device arm-smmuv3/d'
	gpu='/^ *-device vfio-pci/d; /^ *-object acpi-generic-initiator/d'
	check "QEMU starts the plan with the GPU" starts "$iommufd; $vsmmu" 'child<vfio-pci-nohotplug>' '"gi1-7"'
	check "QEMU starts the plan with the vSMMU" starts "$iommufd; $gpu" "child<arm-smmuv3>"
	check "and with a larger window" starts "$iommufd; $gpu; s/ras=on/&,highmem-mmio-size=4096G/" "child<arm-smmuv3>"
	check "and takes nothing that it does not know" not_started "$iommufd; $gpu; s/ssidsize=/ssidbits=/"
}

not_started() {
	! starts "$@"
}

# Who measures a GPU that does not become ready is told so, and what of it; and so is
# who asks when it is closed again, and the driver has forgotten.
not_ready() {
	cohgpu sim fault gpu0 training stuck-hbm || return 1
	cohgpu bench "$GPU" --size 2M >/tmp/bench 2>&1
	[ $? = 2 ] || { cat /tmp/bench && return 1; }
	grep "^cohgpu: $GPU: measure: not ready after .* HBM training .* not done" /tmp/bench
}

remembered() {
	cohgpu status "$GPU" --strict
	[ $? = 1 ] || return 1
	cohgpu doctor "$GPU" --check memory-ready | grep '^WARN .*the log has, at [0-9.]*: not ready after '
}

ready_again() {
	cohgpu sim fault gpu0 training normal && cohgpu bench "$GPU" --size 2M
}

# emulator FOLDER MODE: doctor asks a QEMU there for its version, or does not run it.
emulator() {
	mkdir -p "$1"
	chmod "$2" "$1"
	rm -f /tmp/was-run
	printf '#!/bin/sh\ntouch /tmp/was-run\necho QEMU emulator version 10.0.0\n' >"$1/qemu-odd"
	chmod 755 "$1/qemu-odd"
	echo "<domain type='kvm'><devices><emulator>$1/qemu-odd</emulator><hostdev type='pci'><source>" \
		"<address domain='0x${GPU%%:*}' bus='0x$(echo "$GPU" | cut -d: -f2)' slot='0x00' function='0x0'/>" \
		"</source></hostdev></devices></domain>" >/tmp/domain.xml
	cohgpu doctor --domain /tmp/domain.xml --check emulator
}

runs_installed() {
	emulator /usr/local/lib/odd 755 | grep 'QEMU 10.0' && [ -e /tmp/was-run ]
}

runs_no_others() {
	emulator /tmp/everybodys 777 | grep '^SKIP ' && [ ! -e /tmp/was-run ] || return 1
	# A link to it out of a folder of root's leads there as well.
	ln -sf /tmp/everybodys/qemu-odd /usr/local/lib/odd/qemu-link
	sed -i 's|<emulator>.*</emulator>|<emulator>/usr/local/lib/odd/qemu-link</emulator>|' /tmp/domain.xml
	cohgpu doctor --domain /tmp/domain.xml --check emulator | grep '^SKIP ' && [ ! -e /tmp/was-run ]
}

modprobe vfio-pci
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
check "one GPU is listed" test -n "$GPU"
owner $GRACE
check "status: fit for a guest" cohgpu status
check "list has its driver" sh -c "cohgpu list | grep -Eq '$GPU .* $GRACE .* (ok|unsure)\$'"
check "doctor runs" sh -c "cohgpu doctor $GPU >/tmp/doctor; [ \$? -le 2 ] && grep -q '^PASS  bound-driver' /tmp/doctor"
check "a QEMU that root installed tells its version" runs_installed
check "one that others could put there is not run" runs_no_others
check "probe sees the windows" sh -c "cohgpu probe $GPU | tee /dev/stderr | grep -q 'BAR4 *128 GiB *95 GiB rwm *usemem'"
cohgpu bench "$GPU" --size 4M >/tmp/bench 2>&1
check "bench measures" grep '^usemem *read *4 MiB .*/s' /tmp/bench
check "bench maps for DMA" grep -E '^usemem *dma-map *4 MiB .*(/s|dma-buf)' /tmp/bench
sed 's/^/# /' /tmp/bench
if ours; then
	check "show draws 96 GiB" sh -c "cohgpu show $GPU | grep -q 'device memory, 96 GiB'"
	check "physical addresses are shown to root" sh -c "cohgpu show $GPU --json | grep -q usemem_base"
	check "plan computes 512 GiB" sh -c "cohgpu plan $GPU 2>&1 | grep -q 'MMIO window 512 GiB'"
	check "watch sees a reset" watched "reset: " 200 cohgpu probe "$GPU"
else
	check "show says that the driver does not tell" sh -c "cohgpu show $GPU | grep -q 'not known, the bound driver does not tell'"
	check "plan wants to be told" sh -c "cohgpu plan $GPU 2>&1 | grep -q 'its memory is not known'"
	check "and computes 512 GiB" sh -c "cohgpu plan $GPU --memory 96G 2>&1 | grep -q 'MMIO window 512 GiB'"
fi
check "a copy of the machine has its GPU" copied list --json
check "and is fit as it is" copied status
check "and has its drawing" copied show "$GPU"
check "watch hears of an unbind at once" watched "driver: $GRACE -> none" 3600000 rebind
owner $GRACE
check "sim list has it" sh -c "cohgpu sim list | grep -q 'gpu0 *gh200-96 *$GPU *96 GiB yes'"
if ours; then
	check "bench says what is not ready, and fails" not_ready
	check "doctor remembers it when nobody knows any more" remembered
	check "of a copy as well" copied doctor "$GPU" --check memory-ready
	check "and bench measures when it is ready again" ready_again
fi
# One that nobody uses sleeps; what the kernel finds gone then it takes to be in D3cold.
echo on >"$DEV/power/control"
check "sim fault breaks it" cohgpu sim fault "$GPU" dead 1
check "status finds it" sh -c "cohgpu status $GPU | grep 'failed: .*all-ones'"
check "doctor, too" sh -c "cohgpu doctor $GPU --check answers | grep ^FAIL"
check "and probe" sh -c "cohgpu probe $GPU 2>&1 | grep 'it does not answer'"
echo auto >"$DEV/power/control"
check "gone in its sleep it is in D3cold" sh -c "cat $DEV/power_state; cohgpu status $GPU --strict | grep 'unsure: in D3cold'"
check "and mends it" sh -c "cohgpu sim fault gpu0 dead 0 && cohgpu probe $GPU | grep 'extended *[A-Z]'"
check "sim add makes another" sh -c "cohgpu sim add --preset tiny --name second && [ \$(cohgpu list --addresses | wc -l) = 2 ]"
check "sim remove takes it away" sh -c "cohgpu sim remove second | grep 'second: removed' && [ \$(cohgpu list --addresses | wc -l) = 1 ]"
check "sim refuses what the simulator does" sh -c "cohgpu sim add --bdf 0000:00:00.0 2>&1 | grep 'gpu1: add: '"
for before in $GRACE vfio-pci; do
	for target in $GRACE vfio-pci; do
		[ "$before" != "$target" ] || continue
		owner "$before"
		state >/tmp/before
		check "bind to $target, before it $before" cohgpu bind "$GPU" --driver "$target"
		check "it is bound" bound_to "$target"
		check "restore" cohgpu restore "$GPU"
		check "all is as before" same_state
		check "killed at every step: $before to $target" killed "$before" "$target"
		ours || continue
		check "interrupted at every step: $before to $target" interrupted "$before" "$target"
		check "restore killed at every step: $before to $target" restore_killed "$before" "$target"
	done
done
check "a driver is loaded after all checks" loads_late
[ ! -e /usr/sbin/udevadm ] || persists
owner $GRACE
[ ! -e /usr/bin/qemu-system-aarch64 ] || plan_starts
owner vfio-pci
check "the best driver is taken in whatever spelling" cohgpu bind "$GPU" --driver nvgrace-gpu-vfio-pci
check "and is bound" bound_to $GRACE
exec 5<>"/dev/vfio/$(basename "$(readlink "$DEV/iommu_group")")"
check "a GPU that is open is not taken away" sh -c "cohgpu restore $GPU 2>&1 | grep 'in use: '"
exec 5>&-
check "and is, when it is closed" cohgpu restore "$GPU"
echo "1..$n"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
