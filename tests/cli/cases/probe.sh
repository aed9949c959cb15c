# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# probe and bench: vfio.c plays the devices. The real ones are tests/cli/vm's.

"${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -shared -fPIC -o "$WORK/vfio.so" "$HERE/vfio.c"

with_vfio() {
	LD_PRELOAD=$WORK/vfio.so ASAN_OPTIONS=verify_asan_link_order=0 "$@"
}

opens() {
	with_vfio says "$@"
}

# regions ADDRESS LINE...: vfio.c says what a line holds.
regions() {
	local address=$1
	shift
	mkdir -p "$T/vfio"
	printf '%s\n' "$@" >"$T/vfio/$address"
}

# config_space ADDRESS VENDOR DEVICE: power management, PCIe, MSI; AER, ATS, PASID.
config_space() {
	bytes sys/bus/pci/devices/$1/config \
		"$2$3 0601 1000 a1 000203 00000000" "$(printf '%072d' 0)" "40000000 0000000000000000" \
		"0150 0300 00000000 0000000000000000" "1060 0200 00000000 0000000000000000" \
		"0500 8000 00000000 0000000000000000" "$(printf '%0288d' 0)" \
		"01000112 $(printf '%056d' 0)" "0f000114 $(printf '%056d' 0)" "1b000100 $(printf '%056d' 0)"
}

# Region 7 is config space; BAR2 and BAR4 are windows, with their memory's length.
bound_gh200() {
	healthy
	config_space $GPU de10 4223
	regions $GPU "0 7 1000000" "2 7 40000000 40000000" "4 7 2000000000 17c0000000" "7 3 1000"
	put dev/vfio/vfio ""
	put dev/vfio/3 ""
}

with_node() {
	bound_gh200
	mkdir -p "$T/$DEV/vfio-dev/vfio0"
	put dev/vfio/devices/vfio0 ""
}

bound_v100() {
	v100
	local bdf
	for bdf in 0006:00:00.0 0006:00:00.1; do
		driver_of $bdf $NVLINK2
		group_of $bdf 1 iommu-phb0004
		config_space $bdf 1410 ea04
	done
	config_space 0004:04:00.0 de10 b51d
	regions 0004:04:00.0 "0 7 1000000" "7 3 1000" "9 7 800000000 800000000 800010de 1 4000000000000"
	regions 0006:00:00.0 "7 3 1000" "9 7 10000 10000 80001014 1 4000000000000 8"
	regions 0006:00:00.1 "7 3 1000" "9 7 10000 10000 80001014 1 4000000000000 8"
	put dev/vfio/vfio ""
	put dev/vfio/1 ""
}

tree probe bound_gh200
opens probe/group probe $GPU
opens probe/group-json probe $GPU --json
tree probe-node with_node
opens probe/iommufd probe $GPU
opens probe/iommufd-by-group probe $GPU --by group
opens probe/unknown-way probe $GPU --by luck
VFIO_KERNEL=old opens probe/old-kernel probe $GPU
tree probe-v100 bound_v100
opens probe/v100 probe all
opens probe/v100-json probe all --json

# What stands in the way is said.
tree none host
says probe/none probe all
tree probe-absent healthy
says probe/no-vfio probe $GPU
tree probe-shared bound_gh200
VFIO_SHARED=1 opens probe/shared-group probe $GPU
process 900 qemu-system-aar /dev/vfio/vfio /dev/vfio/3
opens probe/in-a-vm probe $GPU
opens bench/in-a-vm bench $GPU
tree probe-short bound_gh200
put vfio/$GPU "7 3 1000 0 0 0 0 0"
opens bench/no-window bench $GPU
opens bench/no-window-json bench $GPU --json
regions $GPU "0 7 1000000"
opens probe/no-config probe $GPU
tree probe-silent bound_gh200
bytes $DEV/config "$(printf 'ff%.0s' {1..4096})"
opens probe/silent probe $GPU

# Each call fails in turn: it is named, nothing is left open, and the status is 2. Those that ask
# for what need not be there do not count.
every_call() {
	local at last status bad=0 refused=0
	VFIO_STEPS=$WORK/steps with_vfio cohgpu "$@" >/dev/null || return 1
	last=$(<"$WORK/steps")
	for ((at = 1; at <= last; at++)); do
		status=0
		VFIO_AT=$at with_vfio cohgpu "$@" >"$WORK/fate" 2>&1 || status=$?
		[[ $status == 0 || $status == 2 ]] || { echo "call $at: status $status" && cat "$WORK/fate" && bad=1; }
		[[ $status == 0 ]] || refused=$((refused + 1))
		[[ $status == 0 ]] || grep -qE '^cohgpu: 000[0-9]:[^ ]*: (open|read|measure): .*Input/output error$' "$WORK/fate" ||
			{ echo "call $at: not named" && cat "$WORK/fate" && bad=1; }
	done
	echo "$refused of $last calls matter"
	[[ $refused -ge 10 && $bad == 0 ]]
}
tree probe-fails bound_gh200
check "each call of probe fails, by group" every_call probe $GPU --json
check "each call of bench fails, by group" every_call bench $GPU --size 1M --json
tree probe-fails-node with_node
check "each call of probe fails, by iommufd" every_call probe $GPU
tree probe-fails-v100 bound_v100
check "each call of probe fails, of a V100" every_call probe all

# measures FILTER ARGS...: what bench says in JSON fits.
measures() {
	local filter=$1
	shift
	with_vfio cohgpu bench "$@" --json >"$WORK/bench" || return 1
	jq -c '.gpus[].results[]' "$WORK/bench"
	jsonschema -i "$WORK/bench" "$TOP/tool/schema/bench.json" && jq -e "$filter" "$WORK/bench"
}
both='[.gpus[0].results[].window] | unique == ["resmem", "usemem"]'
all_measured='[.gpus[0].results[] | select(.seconds == null)] == []'
tree bench bound_gh200
check "bench measures all of both windows" measures "($both) and ($all_measured)" $GPU --size 2M
check "bench takes no more than a window has" measures '.gpus[0].results | map(select(.operation == "read" and .window == "resmem").bytes) == [1073741824]' $GPU --size 2G
check "bench counts a fault a page" measures '.gpus[0].results | map(select(.operation == "fault")) | all(.faults >= 1)' $GPU --size 2M
opens bench/size-no-number bench $GPU --size much
tree bench-node with_node
check "bench maps a dma-buf" measures "$all_measured" $GPU --size 2M
VFIO_KERNEL=old check "bench says why it maps none" \
	measures '.gpus[0].results | map(select(.operation == "dma-map").not_measured) | all(test("dma-buf"))' $GPU --size 2M
VFIO_KERNEL=old check "nor has it a figure of unmapping that" \
	measures '.gpus[0].results | map(select(.operation == "dma-unmap").not_measured) | all(. == "it was not mapped")' $GPU --size 2M
VFIO_LOST=1 check "memory that goes away ends no program" \
	measures '.gpus[0].results | map(select(.operation == "read").not_measured) | all(test("SIGBUS"))' $GPU --size 2M
VFIO_LOST=1 check "and no IOMMU is to blame for it" \
	measures '.gpus[0].results | map(select(.operation == "dma-map").not_measured) | all(test("SIGBUS"))' $GPU --size 2M

# Memory that does not become ready is no slow one. The reason is the log's, or the registers'.
not_ready() {
	bound_gh200
	put $DEV/coherent_memory/ready failed
}
tree bench-not-ready not_ready
VFIO_DEAD=1 opens bench/not-ready bench $GPU --size 2M
put dev/kmsg "$(not_ready_line $GPU)"
VFIO_DEAD=1 opens bench/not-ready-logged bench $GPU --size 2M
VFIO_DEAD=1 opens bench/not-ready-json bench $GPU --size 2M --json
put $DEV/coherent_memory/ready unknown
VFIO_DEAD=1 opens bench/does-not-answer bench $GPU --size 2M
# Not one line is broken by us: whose terminal is narrow has it break where it likes.
on_a_narrow_terminal() {
	VFIO_KERNEL=old with_vfio script -qec "stty cols 60; COHGPU_SYSROOT=$T '$COHGPU' bench $GPU --size 2M 2>/dev/null" /dev/null >"$WORK/narrow" </dev/null
	cat "$WORK/narrow"
	[[ $(wc -l <"$WORK/narrow") == 20 && $(grep -c 'a dma-buf only, since Linux 6.19' "$WORK/narrow") == 2 ]]
}
tree bench-narrow with_node
check "a note is in one piece on a narrow terminal" on_a_narrow_terminal

tree bench-v100 bound_v100
check "bench measures a V100" measures '[.gpus[0].results[].window] | unique == ["GPU memory"]' all --size 2M

# A tree's golden text has no times in it.
bench_table() {
	with_vfio cohgpu bench $GPU --size 2M >"$WORK/table" 2>"$WORK/err" || return 1
	cat "$WORK/table"
	grep -q '^usemem *read *2 MiB .* [GM]iB/s' "$WORK/table" && grep -q '^resmem *dma-map ' "$WORK/table" &&
		grep -q 'faults, of ' "$WORK/table" && [[ ! -s $WORK/err ]]
}
tree bench-text bound_gh200
check "bench prints a table, and no bar into a file" bench_table
bar_on_terminal() {
	with_vfio script -qec "COHGPU_SYSROOT=$T '$COHGPU' bench $GPU --size 2M >/dev/null" /dev/null >"$WORK/bar" </dev/null
	tr '\r' '\n' <"$WORK/bar" | head -n 5
	tr '\r' '\n' <"$WORK/bar" | grep -qE '^\[#+\.+\] +[0-9]+% usemem: read'
}
check "bench shows a bar on a terminal" bar_on_terminal
# A line that breaks would stay: the bar leaves the last column free.
narrow_bar() {
	with_vfio script -qec "stty cols 40; COHGPU_SYSROOT=$T '$COHGPU' bench $GPU --size 2M >/dev/null" /dev/null >"$WORK/bar" </dev/null
	tr '\r' '\n' <"$WORK/bar" | head -n 5
	tr '\r' '\n' <"$WORK/bar" | grep -qE '^\[[#.]+\] +[0-9]+% usemem: read' &&
		[[ $(tr '\r' '\n' <"$WORK/bar" | wc -L) -lt 40 ]]
}
check "and a short one on a narrow one" narrow_bar
