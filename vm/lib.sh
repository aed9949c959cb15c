# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What every script of the harness shares. Sourced, never run.

VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(dirname "$VM_DIR")
BUILD=${COHGPU_BUILD:-$TOP/build}
CACHE=${COHGPU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cohgpu}
# One clock for a script and all that it calls.
export COHGPU_START=${COHGPU_START:-${EPOCHREALTIME/./}}

# say TEXT...: progress, with the seconds since the first script started.
say() {
	local now=${EPOCHREALTIME/./}
	local tenths=$(((now - COHGPU_START) / 100000))
	printf '[%3d.%d s] %s\n' $((tenths / 10)) $((tenths % 10)) "$*" >&2
}

die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 2
}

need() {
	local tool
	for tool; do
		command -v "$tool" >/dev/null || die "$tool: run: not installed (vm/setup installs what the harness needs)"
	done
}

# load_arch ARCH: the variables of vm/arch/ARCH.sh.
load_arch() {
	[[ -e $VM_DIR/arch/$1.sh ]] || die "$1: boot: unknown architecture (known: $(known_archs))"
	# shellcheck source=/dev/null
	source "$VM_DIR/arch/$1.sh"
}

known_archs() {
	local file
	for file in "$VM_DIR"/arch/*.sh; do
		printf '%s ' "$(basename "$file" .sh)"
	done
}

# module_flags KERNEL: how modules are compiled for it beyond its own rules. With
# sanitizers, a local that is not filled is a pattern, not what happened to be there.
module_flags() {
	[[ $1 != *-debug ]] || echo -ftrivial-auto-var-init=pattern
}

# kernel_dir ARCH KERNEL: where vm/fetch leaves an unpacked kernel.
kernel_dir() {
	printf '%s/kernel/%s-%s\n' "$CACHE" "$1" "$2"
}

# known_presets: what the simulator can be, in one line.
known_presets() {
	sed -n 's/^\t\t\.name = "\(.*\)",$/\1/p' "$TOP/kernel/sim/preset.c" | xargs
}

# known_kernel ARCH KERNEL: one of Debian's, that a lane runs on, or one that can be
# compiled here, each word of whose name is a file of vm/kernel.
known_kernel() {
	local arch=$1 kernel=$2 names word words
	names=$(awk -v arch="$arch" '!/^#/ && $2 == arch && $4 != "dkms" && !seen[$3]++ { printf "%s ", $3 }' "$VM_DIR/lanes")
	[[ " $names" != *" $kernel "* ]] || return 0
	IFS=- read -ra words <<<"$arch-${kernel#7.2-}"
	for word in "${words[@]}"; do
		[[ $kernel == 7.2-* && -e $VM_DIR/kernel/$word.config ]] ||
			die "$kernel: find: no such kernel for $arch (there are: ${names% })"
	done
}

# building_for KERNEL: sets `there`, the words before a command that builds for it:
# where its own compiler is, for Debian's next kernel in the release that has it.
# shellcheck disable=SC2034 # read by those that source this
building_for() {
	there=()
	[[ $1 != 7.2 ]] || there=("$VM_DIR/forky")
}

# tree_hash PATH...: one hash over names, modes and contents of files.
tree_hash() {
	find "$@" -type f -printf '%p %m\0' 2>/dev/null | LC_ALL=C sort -z |
		while IFS= read -r -d '' entry; do
			printf '%s\n' "$entry"
			sha256sum <"${entry% *}"
		done | sha256sum | cut -d' ' -f1
}

# with_lock NAME CMD...: one at a time on this machine.
with_lock() {
	local name=$1
	shift
	mkdir -p "$BUILD/lock"
	(
		flock 9
		"$@"
	) 9>"$BUILD/lock/$name"
}
