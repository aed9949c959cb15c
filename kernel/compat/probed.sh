#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# probed.sh COMPAT_FOLDER: turns the objects that the probe pass left behind
# into a header of COHGPU_HAVE_* macros. The two canaries come first: one must
# have compiled, one must not, else no other answer can be trusted.
set -eu
dir=$1

if [ ! -e "$dir/probe/canary_pass.o" ]; then
	echo "compat: probe: canary_pass.c does not compile, so this kernel tree builds no module; see $dir/probe.log:" >&2
	# Its own errors, and the kernel tree's: that others do not compile is no fault.
	{ grep /canary_pass "$dir/probe.log"; grep -v /probe/ "$dir/probe.log"; } |
		grep -m 3 -iE 'error:|No rule|not found' >&2 || tail -n 5 "$dir/probe.log" >&2
	exit 1
fi
if [ -e "$dir/probe/canary_fail.o" ]; then
	echo "compat: probe: canary_fail.c compiles, so the probes would find everything: see $dir/probe.log" >&2
	exit 1
fi

echo '/* Made by the compat probes for one kernel. */'
for source in "$dir"/probe/*.c; do
	name=$(basename "$source" .c)
	case $name in canary_*) continue ;; esac
	macro=COHGPU_HAVE_$(printf '%s' "$name" | tr '[:lower:]' '[:upper:]')
	if [ -e "$dir/probe/$name.o" ]; then
		echo "#define $macro 1"
	else
		echo "/* $macro is not there */"
	fi
done
