# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Plants the bugs of verify/planted, one at a time, and asks a judge. Sourced.

VERIFY=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LOGIC=$(dirname "$VERIFY")/kernel/logic

# judge_planted COMMAND...: runs `COMMAND... PART FOLDER` for each bug, FOLDER being
# kernel/logic with the bug in it. The command succeeds when it noticed. A bug
# that changes nothing counts as unnoticed. Adds to $passed and $failed. With
# JUDGED, only bugs of these parts.
judge_planted() {
	local work part name expression
	work=$(mktemp -d)
	while IFS=: read -r part name expression <&3; do
		[[ -z ${JUDGED:-} || " $JUDGED " == *" $part "* ]] || continue
		rm -rf "$work/logic"
		cp -r "$LOGIC" "$work/logic"
		sed -i "$expression" "$work/logic/$part".[ch]
		if diff -r "$LOGIC" "$work/logic" >/dev/null; then
			failed=$((failed + 1))
			echo "not ok - planted in $part: $name: the expression changes nothing"
		elif "$@" "$part" "$work/logic" </dev/null >"$work/log" 2>&1; then
			passed=$((passed + 1))
			echo "ok - planted in $part: $name"
		else
			failed=$((failed + 1))
			tail -n 5 "$work/log" | sed 's/^/# /'
			echo "not ok - planted in $part: $name: nobody noticed"
		fi
	done 3< <(grep -v '^#' "$VERIFY/planted")
	rm -rf "$work"
}
