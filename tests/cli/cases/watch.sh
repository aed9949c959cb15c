# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# watch: a tree changes under it, and each change is told, once.

"${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -shared -fPIC -o "$WORK/kernel.so" "$HERE/kernel.c"

# A line's time is now; golden text has none.
undated() {
	sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z/2026-01-01T00:00:00.000Z/'
}

# becomes PATH TEXT: in one step, as in sysfs, where nobody reads half of a change.
becomes() {
	printf '%s\n' "$2" >"$WORK/next"
	mv -T "$WORK/next" "$T/$1"
}

driver_becomes() {
	ln -s "../../drivers/$1" "$WORK/next"
	mv -T "$WORK/next" "$T/$DEV/driver"
}

aer() {
	becomes $DEV/aer_dev_correctable "RxErr $1
TOTAL_ERR_COR $1"
	becomes $DEV/aer_dev_nonfatal "TOTAL_ERR_NONFATAL $2"
	becomes $DEV/aer_dev_fatal "TOTAL_ERR_FATAL $3"
}

watched() {
	gh200
	put $DEV/coherent_memory/resets 2
	aer 0 0 0
	put dev/kmsg "3,100,1;Memory failure: 0x420000001: recovery action for pfn map: Recovered"
}

# watching COUNT ARGS...: the watch in the background, from when it has seen the tree.
watching() {
	local events=$1
	shift
	: >"$WORK/err"
	# Its own process, for a signal to reach.
	(COHGPU_SYSROOT=$T exec "$COHGPU" watch --interval 10 --for 20 --count "$events" "$@") >"$WORK/out" 2>"$WORK/err" </dev/null &
	watcher=$!
	until grep -q ^watching "$WORK/err"; do
		kill -0 $watcher 2>/dev/null || return 1
		sleep 0.02
	done
	sleep 0.1
}

# told COUNT: waits until so many lines are there, so that one change is seen before the next.
told() {
	local tries
	for ((tries = 0; tries < 300; tries++)); do
		[[ $(wc -l <"$WORK/out") -lt $1 ]] || return 0
		sleep 0.02
	done
	return 1
}

# watches NAME COUNT ARGS...: what it said of what happen() did, which is in golden/.
watches() {
	local name=$1 count=$2 status=0
	shift 2
	watching "$count" "$@" || status=1
	[[ $status != 0 ]] || happen || status=1
	wait $watcher || status=$?
	{
		printf '$ cohgpu watch %s\n' "$*"
		undated <"$WORK/out"
		echo "--- standard error"
		cat "$WORK/err"
		printf -- '--- status %d\n' $status
	} | sed "s|$T|TREE|g; s|$WORK|WORK|g" >"$WORK/said"
	golden_is "$name"
}

life() {
	driver_becomes vfio-pci && told 1
	driver_becomes $GRACE && told 2
	# What was known of the memory is forgotten now and then; of a reset only it tells.
	becomes $DEV/coherent_memory/reset_generation 6
	becomes $DEV/coherent_memory/resets 3 && told 3
	becomes $DEV/coherent_memory/ready unknown && told 4
	becomes $DEV/coherent_memory/ready failed && told 5
	becomes $DEV/power_state D3hot && told 6
	aer 2 0 0 && told 7
	aer 2 1 0 && told 8
	aer 2 1 1 && told 9
	# Of one failure the kernel says several lines; and the host has failures of its own.
	printf '%s\n' "3,101,2;Memory failure: 0x420000002: recovery action for pfn map: Recovered" \
		"3,102,3;Memory failure: 0x420000002: Sending SIGBUS to qemu:900" \
		"3,103,3;Memory failure: 0x100: recovery action for dirty LRU page: Recovered" >>"$T/dev/kmsg"
	told 10
	mv "$T/$DEV" "$WORK/aside" && told 11
	mv "$WORK/aside" "$T/$DEV" && told 12
	# As the kernel has it: a function is seen when all of its files are there.
	(T=$WORK/aside grace_gpu 0008:01:00.0 0x2941 5 smmu3.0x0000000011000000 $((185 * GIB)) 0)
	mv "$WORK/aside/sys/bus/pci/devices/0008:01:00.0" "$T/sys/bus/pci/devices/"
	rm -rf "$WORK/aside"
}
happen() {
	life
}
tree watch watched
watches watch/life 13
tree watch-json watched
watches watch/life-json 13 --json
keeps_watch_schema() {
	local line bad=0 count=0
	while IFS= read -r line; do
		printf '%s\n' "$line" >"$WORK/line.json"
		jsonschema -i "$WORK/line.json" "$TOP/tool/schema/watch.json" || bad=1
		count=$((count + 1))
	done <"$WORK/out"
	[[ $count == 13 && $bad == 0 ]]
}
check "each line is as the schema says" keeps_watch_schema

# Where no physical address is to be had, a failure is the machine's.
happen() {
	echo "3,101,2;Memory failure: 0x420000002: memory outside kernel control" >>"$T/dev/kmsg"
}
tree watch-in-tree watched
gone $DEV/coherent_memory
watches watch/in-tree 1
gone dev/kmsg
happen() {
	becomes $DEV/power_state D3hot
}
watches watch/no-log 1
tree watch-one gb200_two
happen() {
	becomes sys/bus/pci/devices/0008:01:00.0/power_state D3hot
	becomes sys/bus/pci/devices/0009:01:00.0/power_state D3hot
}
watches watch/one-of-two 1 0009:01:00.0

# One function goes while another comes: there are as many as before.
swapped() {
	mv "$T/sys/bus/pci/devices/0000:00:1f.0" "$WORK/aside.swap"
	mv "$WORK/next.gpu" "$T/sys/bus/pci/devices/0008:01:00.0"
}
swap() {
	watched
	pci_function 0000:00:1f.0 0x8086 0x2918 0x060100
	rm -rf "$WORK/next.gpu" "$WORK/aside.swap"
	(T=$WORK/aside grace_gpu 0008:01:00.0 0x2941 5 smmu3.0x0000000011000000 $((185 * GIB)) 0)
	mv "$WORK/aside/sys/bus/pci/devices/0008:01:00.0" "$WORK/next.gpu"
	rm -rf "$WORK/aside"
}
happen() {
	swapped
}
tree watch-swap swap
watches watch/swapped 1 --interval 700

# The kernel said more than was read.
overrun() {
	touch "$WORK/overrun"
	while [[ -e $WORK/overrun ]]; do sleep 0.05; done
	echo "3,101,2;Memory failure: 0x420000002: recovery action for pfn map: Recovered" >>"$T/dev/kmsg"
}
happen() {
	overrun
}
tree watch-overrun watched
export LD_PRELOAD=$WORK/kernel.so ASAN_OPTIONS=verify_asan_link_order=0 KERNEL_OVERRUN=$WORK/overrun
watches watch/overrun 1
unset LD_PRELOAD ASAN_OPTIONS KERNEL_OVERRUN

tree none host
says watch/none watch
tree watch-bad watched
says watch/no-interval watch --interval 0
says watch/no-end watch --for 99999999999
says watch/quiet watch --for 0
says watch/metrics-cannot-be-written watch --for 0 --prometheus /nonexistent/cohgpu.prom

# A link that lies where the new file is written first is not followed.
follows_no_link() {
	echo keep >"$WORK/victim"
	ln -s "$WORK/victim" "$WORK/link.prom.new"
	cohgpu watch --for 0 --prometheus "$WORK/link.prom" >/dev/null
	[[ $(<"$WORK/victim") == keep && -s $WORK/link.prom && ! -L $WORK/link.prom ]]
}
check "no link is followed to the file of metrics" follows_no_link

# The file: what a collector takes, at every moment.
metrics_life() {
	local bad=0 at
	watching 12 --prometheus "$WORK/cohgpu.prom" || return 1
	until [[ -e $WORK/cohgpu.prom ]]; do sleep 0.02; done
	(for ((at = 0; at < 300; at++)); do
		[[ -s $WORK/cohgpu.prom && $(tail -c 1 "$WORK/cohgpu.prom" | xxd -p) == 0a ]] || echo torn
		grep -q '^cohgpu_events_total.*poison' "$WORK/cohgpu.prom" || echo short
	done) >"$WORK/torn" &
	local reader=$!
	life || bad=1
	wait $watcher || bad=1
	wait $reader
	[[ ! -s $WORK/torn ]] || { cat "$WORK/torn" && bad=1; }
	! compgen -G "$WORK/cohgpu.prom.new" || bad=1
	return $bad
}
# Lines are comments, or a name, labels and a number; a metric's stand together.
metrics_format() {
	! grep -vE '^# (HELP|TYPE) cohgpu_[a-z_]+ .+$|^cohgpu_[a-z_]+\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\} [0-9]+$' "$WORK/cohgpu.prom" || return 1
	[[ $(grep -c '^# TYPE' "$WORK/cohgpu.prom") == $(sed -nE 's/^(cohgpu_[a-z_]+)\{.*/\1/p' "$WORK/cohgpu.prom" | uniq | wc -l) ]]
}
tree watch-metrics watched
check "metrics are whole at every moment" metrics_life
check "metrics have the collector's format" metrics_format
{
	printf '$ cohgpu watch --prometheus\n'
	cat "$WORK/cohgpu.prom"
} >"$WORK/said"
golden_is watch/metrics

# What comes into its group while it is watched is read anew.
ok_becomes() {
	local tries
	for ((tries = 0; tries < 300; tries++)); do
		! grep -q "^cohgpu_ok{.*} $1\$" "$WORK/ok.prom" 2>/dev/null || return 0
		sleep 0.02
	done
	return 1
}
metrics_follow_the_group() {
	local bad=0
	watching 1 --prometheus "$WORK/ok.prom" || return 1
	ok_becomes 1 || bad=1
	mv "$T/$DEV/iommu_group" "$WORK/group"
	ok_becomes 0 || bad=2
	mv "$WORK/group" "$T/$DEV/iommu_group"
	ok_becomes 1 || bad=3
	kill -INT $watcher
	wait $watcher || true
	return $bad
}
tree watch-group watched
check "metrics follow a group that goes and comes" metrics_follow_the_group

# What is no file is not replaced by one.
mkfifo "$WORK/pipe.prom"
says watch/metrics-into-a-pipe watch --prometheus "$WORK/pipe.prom" --for 0
check "and is what it was" test -p "$WORK/pipe.prom"

# An interrupt is how it usually ends.
interrupted() {
	watching 5
	kill -$1 $watcher
	wait $watcher
}
check "an interrupt ends it well" interrupted TERM
# Nobody reads any more: it is told so by a signal, at its next line.
closed_pipe() {
	local status=0
	(sleep 0.3 && for at in D3hot D0 D3hot D0 D3hot; do becomes $DEV/power_state $at && sleep 0.2; done) &
	cohgpu watch --interval 10 --for 20 2>/dev/null | head -n 1 || status=${PIPESTATUS[0]}
	wait
	echo "status $status"
	[[ $status == 141 ]]
}
check "it ends with its reader" closed_pipe
