# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# bind and restore: at whatever step they end, and however many are at it, the tree
# can be brought back.
# shellcheck source-path=SCRIPTDIR source=../host.sh
source "$HERE/host.sh"

# every_step FATE MAKER: at each step of bind in turn the tool meets its fate; then
# restore has all as it was before, and leaves no record.
every_step() {
	local fate=$1 maker=$2 at last bad=0 status
	tree "bind-$fate-$maker" $maker
	state >"$WORK/before"
	tree_again
	count_steps bind all --persist || return 1
	for ((at = 1; at <= last; at++)); do
		tree_again
		status=0
		# A subshell says nothing of a kill.
		(KERNEL_AT=$at KERNEL_FATE=$fate with_kernel cohgpu bind all --persist) >"$WORK/fate" 2>&1 || status=$?
		case $fate in
		kill) [[ $status == 137 ]] || { echo "step $at: status $status" && bad=1; } ;;
		# It has put all back by itself. An interrupt after the last change comes too late.
		*) [[ $status == 0 ]] || diff "$WORK/before" <(state) || { echo "step $at: not undone" && bad=1; } ;;
		esac
		comes_back "step $at of $last" || bad=1
	done
	echo "$last steps"
	[[ $last -ge 9 && $bad == 0 ]]
}

comes_back() {
	local status=0
	with_kernel cohgpu restore all >"$WORK/fate" 2>&1 || status=$?
	[[ $status == 0 || $status == 77 ]] || { echo "$1: restore failed" && cat "$WORK/fate" && return 1; }
	rm -f "$T"/run/cohgpu/*.new
	diff "$WORK/before" <(state) || { echo "$1: not as before" && return 1; }
}

# restore meets its fate, at each of its steps, and is repeated.
every_step_of_restore() {
	local fate=$1 maker=$2 at last bad=0
	tree "restore-$fate-$maker" $maker
	state >"$WORK/before"
	with_kernel cohgpu bind all --persist >/dev/null || return 1
	tree_again
	count_steps restore all || return 1
	for ((at = 1; at <= last; at++)); do
		tree_again
		(KERNEL_AT=$at KERNEL_FATE=$fate with_kernel cohgpu restore all) >"$WORK/fate" 2>&1 || true
		comes_back "step $at of $last" || bad=1
	done
	echo "$last steps"
	[[ $last -ge 4 && $bad == 0 ]]
}

# After a reboot the rule is all there is; killed at any step, restore can still be repeated.
every_step_after_reboot() {
	local at last bad=0
	tree restore-rebooted hosted
	with_kernel cohgpu bind all --persist >/dev/null || return 1
	gone run/cohgpu
	tree_again
	count_steps restore all || return 1
	for ((at = 1; at <= last; at++)); do
		tree_again
		(KERNEL_AT=$at KERNEL_FATE=kill with_kernel cohgpu restore all) >/dev/null 2>&1 || true
		with_kernel cohgpu restore all >/dev/null 2>&1 || true
		[[ $(<"$T/$DEV/driver_override") =~ ^(\(null\))?$ && $(driver_now) != "$GRACE" ]] ||
			{ echo "step $at of $last: $(driver_now), override $(<"$T/$DEV/driver_override")" && bad=1; }
		! compgen -G "$T/etc/udev/rules.d/*" >/dev/null || { echo "step $at of $last: a rule" && bad=1; }
	done
	[[ $last -ge 3 && $bad == 0 ]]
}
# whole_or_not: both GPUs are bound, and on record, or neither is.
whole_or_not() {
	local drivers records
	drivers=$(driver_now 0008:01:00.0; driver_now $GPU)
	records=$(compgen -G "$T/run/cohgpu/*.json" | wc -l)
	[[ $drivers == "$GRACE"$'\n'"$GRACE" && $records == 2 || $drivers == $'nvidia\nnvidia' && $records == 0 ]] ||
		{ printf '%s: %s, %d records\n' "$1" "${drivers/$'\n'/ }" "$records" && return 1; }
}
# race N: binds and restores at once, each of which may be refused, and none may end half-way.
race() {
	local round bad=0
	for ((round = 0; round < $1; round++)); do
		tree_again
		(with_kernel cohgpu bind all || true) >/dev/null 2>&1 &
		(with_kernel cohgpu bind all --persist || true) >/dev/null 2>&1 &
		(with_kernel cohgpu restore all || true) >/dev/null 2>&1 &
		wait
		whole_or_not "round $round" || bad=1
		comes_back "round $round" || bad=1
	done
	return $bad
}
tree bind-race two_hosted
state >"$WORK/before"
check "many at once, and restore brings all back" race 10
check "restore after a reboot is killed at every step" every_step_after_reboot

# To be killed before a step is to be killed after the one before it.
for maker in hosted plain_vfio unbound two_hosted hosted_v100; do
	check "bind is killed at every step: $maker" every_step kill $maker
done
for maker in hosted plain_vfio hosted_v100; do
	check "restore is killed at every step: $maker" every_step_of_restore kill $maker
done
for maker in hosted two_hosted; do
	check "bind is interrupted at every step: $maker" every_step int $maker
	check "bind fails at every step: $maker" every_step fail $maker
done
check "restore fails at every step" every_step_of_restore fail hosted
