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

# of_packages: what the command is made of is in packages that vm/setup tool installs.
of_packages() {
	local name file package bad=0
	"$TOP/vm/setup" --list tool >"$WORK/packages"
	while IFS= read -r name; do
		file=$(pkg-config --variable=pcfiledir "$name")/$name.pc
		package=$(dpkg -S "$file" | sed 's/[:,].*//')
		grep -qxF "$package" "$WORK/packages" || { echo "$name: $package is not in vm/setup tool" && bad=1; }
	done < <(sed -n "s/^\tdependency('\(.*\)'),$/\1/p" "$TOP/tool/meson.build")
	[[ $bad == 0 && -n ${package:-} ]]
}
check "vm/setup tool installs what the command is built with" of_packages
