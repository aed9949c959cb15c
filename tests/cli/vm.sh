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

# with_steps VARIABLE=VALUE... COMMAND...
with_steps() {
	env LD_PRELOAD=/lib/cli/steps.so KERNEL_LIVE=1 "$@"
}

# Ours tells of its memory; the kernel's own driver does not.
ours() {
	[ "$DRIVER" = ours ]
}

# watched NAME WORDS COMMAND...: a watch, which reads nothing by itself, hears of what
# COMMAND does; WORDS are in what it says.
watched() {
	words=$1 interval=$2
	shift 2
	cohgpu watch --interval "$interval" --count 1 --for 30 >/tmp/watch 2>/tmp/watch.err &
	watcher=$!
	while ! grep -q ^watching /tmp/watch.err; do sleep 0.1; done
	"$@" >/dev/null 2>&1
	wait $watcher
	cat /tmp/watch /tmp/watch.err
	grep -q "$GPU $words" /tmp/watch
}

rebind() {
	echo "$GPU" >"$DEV/driver/unbind"
}

modprobe vfio-pci
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
check "one GPU is listed" test -n "$GPU"
owner $GRACE
check "status: fit for a guest" cohgpu status
check "list has its driver" sh -c "cohgpu list | grep -q '$GPU .* $GRACE .* yes\$'"
check "doctor runs" sh -c "cohgpu doctor $GPU >/tmp/doctor; [ \$? -le 2 ] && grep -q '^PASS  bound-driver' /tmp/doctor"
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
check "watch hears of an unbind at once" watched "driver: $GRACE -> none" 3600000 rebind
owner $GRACE
check "sim list has it" sh -c "cohgpu sim list | grep -q 'gpu0 *gh200-96 *$GPU *96 GiB yes'"
check "sim fault breaks it" sh -c "cohgpu sim fault $GPU dead 1 && cohgpu probe $GPU | grep 'extended *none'"
check "and mends it" sh -c "cohgpu sim fault gpu0 dead 0 && cohgpu probe $GPU | grep 'extended *[A-Z]'"
check "sim add makes another" sh -c "cohgpu sim add --preset tiny --name second && [ \$(cohgpu list --addresses | wc -l) = 2 ]"
check "sim remove takes it away" sh -c "cohgpu sim remove second && [ \$(cohgpu list --addresses | wc -l) = 1 ]"
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
	done
done
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
