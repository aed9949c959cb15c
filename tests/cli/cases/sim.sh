# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# sim: on trees with configfs and debugfs as the simulator has them. The real one
# is tests/cli/vm's.

"${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -shared -fPIC -o "$WORK/kernel.so" "$HERE/kernel.c"

simulates() {
	LD_PRELOAD=$WORK/kernel.so ASAN_OPTIONS=verify_asan_link_order=0 says "$@"
}

# device_side NAME: what debugfs has of one.
device_side() {
	local file
	for file in training training_ms train untrain dead unplug aer poison flr; do
		put sys/kernel/debug/cohgpu/$1/$file 0
	done
	put sys/kernel/debug/cohgpu/$1/ready 1
}

simulator() {
	host
	put sys/kernel/config/cohgpu/features "presets: gh200-96"
	device_side gpu0
}

tree none host
says sim/list-not-loaded sim list
says sim/add-not-loaded sim add
says sim/remove-not-loaded sim remove all
put lib/modules/$RELEASE/modules.dep "updates/dkms/cohgpu-sim.ko:"
says sim/add-will-not-load sim add
tree sim simulator
simulates sim/list-none sim list
simulates sim/add sim add --preset gb300 --bdf 0000:01:00.0
simulates sim/add-json sim add --json
simulates sim/add-named sim add --name hopper --preset tiny
simulates sim/add-again sim add --name hopper
simulates sim/add-no-name sim add --name ../../escape
simulates sim/add-unknown sim add --preset h100
KERNEL_REFUSES=9999:00:00.0 simulates sim/add-refused sim add --name gone --bdf 9999:00:00.0
KERNEL_REFUSES=gb300 KERNEL_ERROR=13 simulates sim/add-not-root sim add --name gone --preset gb300
check "what was refused is not left behind" test ! -e "$T/sys/kernel/config/cohgpu/gone"
simulates sim/list sim list
simulates sim/list-json sim list --json
simulates sim/fault sim fault gpu0 training stuck-c2c
check "a fault is in debugfs" grep -q ^stuck-c2c "$T/sys/kernel/debug/cohgpu/gpu0/training"
simulates sim/fault-by-address sim fault 0000:01:00.0 aer fatal
simulates sim/fault-unknown sim fault gpu0 fire 1
simulates sim/fault-nobody sim fault gpu9 dead 1
simulates sim/fault-short sim fault gpu0 dead
simulates sim/fault-not-there sim fault gpu0 reset_after_ms 5
simulates sim/fault-empty sim fault gpu0 untrain ""
simulates sim/remove-half sim remove gpu0 nosuch
check "none is removed beside a name that is none" test -d "$T/sys/kernel/config/cohgpu/gpu0"
put sys/kernel/config/cohgpu/gpu0/bdf $GPU
group_of $GPU 3 smmu0
process 900 qemu-system-aar /dev/vfio/vfio /dev/vfio/3
simulates sim/remove-held sim remove gpu0
gone proc/900
simulates sim/remove sim remove gpu0 hopper
simulates sim/remove-nobody sim remove gpu9
simulates sim/remove-nothing sim remove
simulates sim/remove-all sim remove all
simulates sim/remove-none sim remove all
check "all are gone" test "$(ls "$T/sys/kernel/config/cohgpu")" = features
says sim/word-unknown sim explode
says sim/word-too-many sim list twice

# The manual has the simulator's own faults, and its presets are the ones that it has.
faults_are_documented() {
	local fault bad=0
	for fault in $(cohgpu --generate=man:sim | sed -n 's/^.It Cm \([a-z_]*\) .*/\1/p'); do
		grep -qE "^\| .*\`$fault\`" "$TOP/docs/simulator.md" || grep -q "\`$fault\`" "$TOP/docs/simulator.md" ||
			{ echo "$fault: not in docs/simulator.md" && bad=1; }
		grep -rq "\"$fault\"" "$TOP/kernel/sim" || { echo "$fault: no file of the simulator's" && bad=1; }
	done
	return $bad
}
presets_agree() {
	diff <(cohgpu --generate=bash | sed -n "s/.*--preset | -p) .*-W '\([^']*\)'.*/\1/p" | tr ' ' '\n' | sort) \
		<(sed -n 's/^\t\t\.name = "\(.*\)",/\1/p' "$TOP/kernel/sim/preset.c" | sort)
}
check "each fault is one of the simulator's" faults_are_documented
check "the presets are the simulator's" presets_agree
