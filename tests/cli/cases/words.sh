# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# What words choose: of which GPUs is told, and not by what they are judged.

three_fit() {
	gb200_three
	fit
	config VFIO_PCI_DMABUF=n NODES_SHIFT=4
	put sys/devices/system/node/has_cpu 0
	put sys/devices/system/node/has_generic_initiator 2-9
}
tree words-three three_fit
says words/iommu-shared doctor 0008:01:00.0 --check iommu-shared
says words/peer-to-peer doctor 0008:01:00.0 --check peer-to-peer
says words/nodes-shift doctor 0008:01:00.0 --check nodes-shift
says words/guest-nodes doctor 0008:01:00.0 --guest --check guest-nodes
# found_of CHECK ARGS...: the verdict, and what was found.
found_of() {
	local check=$1
	shift
	cohgpu doctor --check $check --json "$@" | jq -r '.results[] | select(.object | IN("machine", "domain", "0008:01:00.0")) | "\(.verdict) \(.found)"'
}
# same_of_one CHECK ARGS...: of one GPU that is named as of all.
same_of_one() {
	[[ $(found_of "$@") == [FW]A* ]] && diff <(found_of "$@") <(found_of "$@" 0008:01:00.0)
}
for id in iommu-shared peer-to-peer nodes-shift; do
	check "$id is the same of one GPU and of all" same_of_one $id
done
check "guest-nodes is the same of one GPU and of all" same_of_one guest-nodes --guest
tree words-domain gb200_two
cohgpu plan all --format libvirt --ram 64G 2>/dev/null |
	sed "s/<pcihole64 unit='KiB'>[0-9]*/<pcihole64 unit='GiB'>512/; s/\(pref64-reserve.*value='\)[0-9]*/\1137438953472/" >"$WORK/two.xml"
check "mmio-window is the same of one GPU and of all" same_of_one mmio-window --domain "$WORK/two.xml"
says words/mmio-window doctor 0009:01:00.0 --domain "$WORK/two.xml" --check mmio-window
# A GPU of the host that the domain has not, and one that nobody has.
tree words-three three_fit
says words/not-in-the-domain doctor 000a:01:00.0 --domain "$WORK/two.xml"
says words/not-in-the-host doctor 000b:01:00.0 --domain "$WORK/two.xml"
says words/all-of-the-domain doctor all --domain "$WORK/two.xml" --check guest-function
# A check of another kind.
says words/check-of-a-domain doctor --check mmio-window
says words/check-of-a-guest doctor --check guest-bars
says words/check-of-the-host doctor --guest --check vfio
says words/check-of-none doctor --check nosuch

# Where words are wrong there is no answer, and nothing is done: of any verb.
# shellcheck source-path=SCRIPTDIR source=../host.sh
source "$HERE/host.sh"
# no_answer STATUS ARGS...: no JSON, and what is wrong on standard error.
no_answer() {
	local wanted=$1 status=0
	shift
	with_kernel cohgpu "$@" --json >"$WORK/answer" 2>"$WORK/err" </dev/null || status=$?
	[[ ! -s $WORK/answer && -s $WORK/err && $status == "$wanted" ]] ||
		{ echo "cohgpu $*: status $status" && cat "$WORK/answer" "$WORK/err" && return 1; }
}
no_verb_answers() {
	local verb bad=0 count=0
	for verb in "${VERBS[@]}"; do
		no_answer 64 $verb --no-such-option || bad=1
		case $verb in
		list | capture) continue ;;
		sim)
			no_answer 2 sim remove gpu9 || bad=1
			no_answer 2 sim fault gpu9 dead 1 || bad=1
			no_answer 64 sim fault gpu0 fire 1 || bad=1
			continue
			;;
		esac
		count=$((count + 1))
		no_answer 64 $verb junk || bad=1
		no_answer 2 $verb 0001:00:00.0 || bad=1
	done
	[[ $count -ge 8 && $bad == 0 ]]
}
tree words-hosted two_hosted
state >"$WORK/before"
check "no verb answers where its words are wrong" no_verb_answers
check "nor does it anything" diff "$WORK/before" <(state)
check "nor list addresses in JSON" no_answer 64 list --addresses
check "nor bench of no size" no_answer 64 bench $GPU --size much
says words/addresses-json list --addresses --json
# gone_and JUNK: a GPU that was bound, and is no more, beside a word that is none.
unplugged() {
	two_hosted
	with_kernel cohgpu bind all --persist >/dev/null
	gone sys/bus/pci/devices/0008:01:00.0
}
tree words-unplugged unplugged
records() {
	ls "$T/run/cohgpu" "$T/etc/udev/rules.d"
}
records >"$WORK/records"
does words/restore-gone-and-junk restore 0008:01:00.0 junk
does words/restore-gone-and-nobody restore 0008:01:00.0 000b:01:00.0
check "what is gone is not forgotten beside a word that is none" diff "$WORK/records" <(records)
does words/restore-gone-and-there restore 0008:01:00.0 $GPU
nothing_there() {
	unplugged
	gone sys/bus/pci/devices/$GPU
}
tree words-nothing-there nothing_there
does words/restore-of-none-and-junk restore 0008:01:00.0 junk
does words/restore-of-none restore all

# What was done is done, though nobody could be told: full STATUS ARGS...
full() {
	local wanted=$1 status=0
	shift
	with_kernel cohgpu "$@" >/dev/full 2>"$WORK/err" || status=$?
	cat "$WORK/err"
	[[ $status == "$wanted" ]] && grep -q '^cohgpu: standard output: write: failed' "$WORK/err"
}
tree words-full hosted
check "an answer that is lost is a failure" full 2 list
check "help too" full 2 --help
check "and a version" full 2 --version
check "and a dry run" full 2 bind $GPU --dry-run
check "a bind that could not be told is a bind" full 0 bind $GPU
check "which is said" grep -q 'what was asked for is done' "$WORK/err"
check "and done" test "$(driver_now $GPU)" = $GRACE
check "a restore that could not be told is one" full 0 restore $GPU
