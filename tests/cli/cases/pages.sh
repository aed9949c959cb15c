# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# The command line, and what is printed from the table of verbs.

tree none host
says usage/none
says usage/unknown-verb fly
says usage/unknown-option list --fast
says usage/value-missing show --svg
says usage/value-for-a-flag list --json=yes
says usage/word-missing show
says usage/word-too-many list all
says usage/value-empty bind all --driver ''
says usage/value-empty-after-equals plan all --ram=
says usage/not-a-number bind all --wait soon
says usage/help --help
# A tree that is not there is no machine without a GPU.
T=$WORK/nowhere
says usage/no-tree list
T=$WORK/file
echo "no folder" >"$T"
says usage/no-folder doctor --json
T=$WORK/trees/none
check "help of a verb is about the verb" diff <(cohgpu help bind) <(cohgpu bind --help)

PAGES=$(dirname "$COHGPU")/pages

# version_told: by the program and its manual, as the tree has it.
version_told() {
	diff <(cohgpu --version) <(echo "cohgpu $(<"$TOP/VERSION")") &&
		grep -qxF "This page came with cohgpu $(<"$TOP/VERSION")." "$PAGES/cohgpu.8"
}
check "the program and its manual tell the tree's version" version_told

# The word for it is where one looks.
check "help and cohgpu(8) know --version" sh -c "'$COHGPU' --help | grep -q -- --version && grep -q 'Fl .*version' '$PAGES/cohgpu.8'"

# options_of VERB: as its --help has them.
options_of() {
	cohgpu "$1" --help | grep -oE -- '--[a-z-]+' | sort -u
}

lint() {
	local page complaints
	for page in "$PAGES"/*.8; do
		# The pages are not where man looks for the ones they refer to.
		complaints=$(mandoc -Tlint "$page" | grep -vE 'referenced manual not found: Xr (cohgpu|lspci|virsh)' || true)
		[[ -z $complaints ]] || { printf '%s\n' "$complaints" && return 1; }
	done
}

# Every option of every verb's --help is in all that was made of the table.
pages_agree() {
	local verb option bad=0
	for verb in "${VERBS[@]}"; do
		for option in $(options_of "$verb"); do
			grep -q -- "^.It .*Fl ..${option#--}" "$PAGES/cohgpu-$verb.8" ||
				{ echo "$verb $option: not in the manual" && bad=1; }
			sed -n "/^	$verb)\$/,/^		;;\$/p" "$PAGES/cohgpu" | grep -q -- " $option\b" ||
				{ echo "$verb $option: not in bash's completion" && bad=1; }
			sed -n "/^		$verb) _arguments/,/;;\$/p" "$PAGES/_cohgpu" | grep -qE -- "'${option}(=|\[)" ||
				{ echo "$verb $option: not in zsh's completion" && bad=1; }
			grep -q -- "__fish_seen_subcommand_from $verb' -l ${option#--} " "$PAGES/cohgpu.fish" ||
				{ echo "$verb $option: not in fish's completion" && bad=1; }
		done
		[[ -e $PAGES/cohgpu-$verb.8 ]] || { echo "$verb: no manual" && bad=1; }
		grep -q "^.It Cm $verb\$" "$PAGES/cohgpu.8" || { echo "$verb: not in cohgpu(8)" && bad=1; }
	done
	[[ ${#VERBS[@]} -ge 3 && $bad == 0 ]]
}

# complete WORD...: what bash offers for the last word.
complete_bash() {
	PATH=$(dirname "$COHGPU"):$PATH COHGPU_SYSROOT=$T bash --norc -c '
		source "$1"; shift
		COMP_WORDS=(cohgpu "$@") COMP_CWORD=$#
		_cohgpu; printf "%s\n" "${COMPREPLY[@]}"' - "$PAGES/cohgpu" "$@"
}

complete_fish() {
	PATH=$(dirname "$COHGPU"):$PATH COHGPU_SYSROOT=$T fish --no-config -c "source '$PAGES/cohgpu.fish'; complete -C '$1'"
}

check "manual pages pass mandoc -Tlint" lint
check "help, manuals and completions have the same options" pages_agree
check "bash takes its completion" bash -n "$PAGES/cohgpu"
check "zsh takes its completion" zsh -n "$PAGES/_cohgpu"
# What fish does not understand it says, and goes on.
fish_takes_it() {
	fish --no-config -c "source '$PAGES/cohgpu.fish'" 2>&1 | tee "$WORK/fish"
	[[ ! -s $WORK/fish ]]
}
check "fish takes its completion" fish_takes_it
tree gh200 gh200
check "bash completes verbs" grep -qx status <(complete_bash st)
# all_checks: by their names in doctor's manual.
all_checks() {
	sed -n 's/^\.It Cm \([a-z-]*\)$/\1/p' "$PAGES/cohgpu-doctor.8" | sort
}
checks_complete() {
	[[ $(all_checks | wc -l) -ge 40 ]] && diff <(all_checks) <("$@" | cut -f 1 | sort)
}
check "bash completes checks" checks_complete complete_bash doctor --check ""
check "fish completes checks" checks_complete complete_fish "cohgpu doctor --check "
check "zsh completes checks" grep -q -- "--check=.*ID:(vfio answers variant-driver .*guest-bars" "$PAGES/_cohgpu"
# see_also: each page refers to others, in order, and they are there.
see_also() {
	local page
	for page in "$PAGES"/*.8; do
		sed -n '/^\.Sh SEE ALSO/,/^\.Sh /s/^\.Xr \([a-z-]*\) 8.*/\1/p' "$page" | grep '^cohgpu' >"$WORK/see"
		sort -cu "$WORK/see" && [[ -s $WORK/see ]] || return 1
		sed "s|.*|$PAGES/&.8|" "$WORK/see" | xargs ls >/dev/null || return 1
		[[ $page == */cohgpu.8 || $(wc -l <"$WORK/see") -ge 2 ]] || { echo "$page: refers to none but cohgpu(8)" && return 1; }
	done
}
check "manual pages refer to others" see_also
check "what unsure and 77 mean is in the manual" sh -c "grep -qi unsure '$PAGES/cohgpu-status.8' && grep -A 1 '^.It 77' '$PAGES/cohgpu-status.8' | grep -q 'no such GPU'"
check "bash completes addresses" grep -qx $GPU <(complete_bash show 0009)
check "bash completes options" grep -qx -- --svg <(complete_bash show --s)
check "fish completes addresses" grep -q "^$GPU" <(complete_fish "cohgpu show 0009")
check "fish completes options" grep -q -- "^--svg" <(complete_fish "cohgpu show --s")
# Folders, and values of options that are given by their letters.
mkdir -p "$WORK/folders/one"
: >"$WORK/folders/one-file"
check "bash completes folders" diff <(echo "$WORK/folders/one") <(complete_bash capture "$WORK/folders/o")
check "and options of what takes one" grep -qx -- --json <(complete_bash capture --j)
check "fish completes folders" diff <(echo "$WORK/folders/one/") <(complete_fish "cohgpu capture $WORK/folders/o" | cut -f 1)
check "zsh completes folders" grep -qF "'1:FOLDER:_files -/' ;;" "$PAGES/_cohgpu"
check "bash completes values of short options" diff <(echo libvirt) <(complete_bash plan -f li)
check "and checks" checks_complete complete_bash doctor -c ""
check "fish completes values of short options" diff <(echo libvirt) <(complete_fish "cohgpu plan -f li" | cut -f 1)
check "zsh completes values of short options" grep -qF "'-f[what to print: a command line of QEMU, a domain of libvirt, objects of KubeVirt]:FORMAT:(qemu libvirt kubevirt)'" "$PAGES/_cohgpu"
