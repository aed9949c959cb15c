# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# make install and make uninstall, into a folder.

# by_make TARGET: with this program's build folder.
by_make() {
	COHGPU_TOOL=$(dirname "$COHGPU") make --no-print-directory -C "$TOP" "$1" DESTDIR="$WORK/dest" PREFIX=/usr
}

# As the package has it: a program, its pages, completions, schemas, and no more.
installed() {
	local dest=$WORK/dest/usr files
	by_make install || return
	diff <("$dest/bin/cohgpu" --version) <(cohgpu --version) || return
	files=$(cd "$WORK/dest" && find . -type f | grep -vxE './usr/(bin/cohgpu|share/(man/man8/cohgpu(-[a-z]+)?\.8|cohgpu/schema/[a-z]+\.json))')
	diff - <(echo "$files" | sort) <<-END
		./usr/share/bash-completion/completions/cohgpu
		./usr/share/fish/vendor_completions.d/cohgpu.fish
		./usr/share/zsh/site-functions/_cohgpu
	END
	[[ $(find "$dest/share/man" -name 'cohgpu-*.8' | wc -l) == "${#VERBS[@]}" ]]
}

# What others have in the same folders stays.
uninstalled() {
	mkdir -p "$WORK/dest/usr/share/man/man8"
	echo "somebody else's" >"$WORK/dest/usr/share/man/man8/other.8"
	by_make uninstall || return
	diff <(cd "$WORK/dest" && find . ! -type d) <(echo ./usr/share/man/man8/other.8) || return
	by_make install && rm "$WORK/dest/usr/share/man/man8/other.8" && by_make uninstall || return
	! find "$WORK/dest" -mindepth 1 | grep .
}

if [[ -e $(dirname "$COHGPU")/build.ninja ]]; then
	check "make install" installed
	check "make uninstall leaves nothing" uninstalled
fi
