# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2086 # the cases use them; no name in a tree has a space
# What the cases of doctor share: a verdict in text and in JSON, and whether every
# check was seen to pass and to complain.

declare -A spoilt=() passed_by=()

# same_in_json ARGS...: JSON has of $T what golden/ has in text, line by line.
same_in_json() {
	cohgpu "$@" --json >"$WORK/json" 2>/dev/null || [[ $? =~ ^([012]|77)$ ]] || return 1
	jq -r '.results[] | "\(.verdict) \(.id) \(.object) \(.found)",
		if .verdict == "WARN" or .verdict == "FAIL" then "symptom: \(.symptom)", "fix: \(.fix)" else empty end' "$WORK/json" >"$WORK/by-json"
	sed -nE 's/^(PASS|SKIP|WARN|FAIL)  ([^ ]+) +([^ ]+) +(.*)$/\1 \2 \3 \4/p; s/^ +(symptom|fix): /\1: /p' "$WORK/said" >"$WORK/by-text"
	[[ -s $WORK/by-text ]] && diff <(sed "s|$T|TREE|g; s|$WORK|WORK|g" "$WORK/by-json") "$WORK/by-text"
}

# outcome ID WORD VERDICT ARGS...: what was just said is this verdict, in JSON as well. Only
# WARN and FAIL show that the check sees anything.
outcome() {
	local id=$1 word=$2 verdict=$3
	shift 3
	check "$id is $verdict: $word" grep -q "^$verdict  $id " "$WORK/said"
	check "and is in JSON: $id, $word" same_in_json "$@"
	case $verdict in
	WARN | FAIL) spoilt[$id]=1 ;;
	PASS) passed_by[$id]=1 ;;
	esac
}

# forget_seen: what was seen of one machine's checks is not seen of another's of the same name.
forget_seen() {
	spoilt=() passed_by=()
}

# of_the_healthy ARGS...: the checks that there are, and those that pass on $T.
of_the_healthy() {
	local id
	mapfile -t CHECKS < <(cohgpu "$@" --json | jq -r '.results[].id' | sort -u)
	while IFS= read -r id; do
		passed_by[$id]=1
	done < <(cohgpu "$@" --json | jq -r '.results[] | select(.verdict == "PASS").id')
}

# spoil_host MAKER PREFIX WHOSE ID WORD VERDICT COMMAND...: what COMMAND does to the
# healthy host that MAKER makes has this check say VERDICT; golden/ has all that it says.
spoil_host() {
	local maker=$1 name=$2$4-$5 whose=$3 id=$4 word=$5 verdict=$6
	shift 6
	tree "$name" "$maker"
	"$@"
	says "doctor/$name" doctor --check $id
	outcome $id "$word$whose" $verdict doctor --check $id
}

# every_check_spoilt COUNT: at least so many there are, each with a tree on which it warns or
# fails, and one on which it passes.
every_check_spoilt() {
	local id bad=0
	for id in "${CHECKS[@]}"; do
		[[ -n ${spoilt[$id]:-} ]] || { echo "$id: no tree is spoilt for it" && bad=1; }
		[[ -n ${passed_by[$id]:-} ]] || { echo "$id: it passes on no tree" && bad=1; }
	done
	[[ ${#CHECKS[@]} -ge $1 && $bad == 0 ]]
}

# symbols WORD...: of the kernel, those and some others.
symbols() {
	put proc/kallsyms "$(printf '0000000000000000 %s\n' "T _stext" "$@" "t pnv_npu2_init	[npu]")"
}

# A POWER9 with a V100 against which doctor has nothing.
healthy_v100() {
	v100
	config NODES_SHIFT=8 MEMORY_FAILURE=y PPC_64K_PAGES=y
	put proc/sys/kernel/arch ppc64le
	put proc/iomem "00000000-ffffffff : System RAM"
	put sys/devices/system/node/has_cpu 0,8
	modules nvlink2-vfio-pci
	module lib/modules/$RELEASE/updates/dkms/nvlink2-vfio-pci.ko $RELEASE
	limits self unlimited
	process 812 bash /dev/null
	driver_of 0006:00:00.0 vfio-pci
	driver_of 0006:00:00.1 vfio-pci
	symbols "T pnv_npu2_map_lpar_dev" "T pnv_npu2_unmap_lpar_dev"
}
