# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# The same source gives the same program, wherever it is built.

same_everywhere() {
	mkdir "$WORK/source"
	cp -r "$TOP/tool" "$TOP/VERSION" "$WORK/source/"
	build "$WORK/here" "$TOP/tool" && build "$WORK/a/deeper/place" "$WORK/source/tool" || return 1
	cmp "$WORK/here/cohgpu" "$WORK/a/deeper/place/cohgpu"
}

check "two builds in two places are the same program" same_everywhere
