#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# vfio-selftests.sh OUT SOURCE KARCH CROSS: builds the kernel's own tests of VFIO
# (tools/testing/selftests/vfio) from its source, static, into OUT. The suite
# `selftests` runs them. Nothing of them enters the tree.
set -euo pipefail

out=$1 source=$2 karch=$3 cross=$4

mkdir -p "$out/objects"
make --no-print-directory -s -C "$source" O="$out/uapi" ARCH="$karch" CROSS_COMPILE="$cross" headers
# Debian's 7.2 has this function's calls but not the function.
cat >"$out/calloc_assert.h" <<'END'
#include <stdlib.h>
static inline void *calloc_assert(size_t n, size_t size)
{
	void *memory = calloc(n, size);

	if (!memory)
		abort();
	return memory;
}
END
given=()
grep -rqs 'calloc_assert(.*{\|define calloc_assert' "$source/tools/testing/selftests/vfio/lib/include" ||
	given=(EXTRA_CFLAGS="-include $out/calloc_assert.h")
make --no-print-directory -s -C "$source/tools/testing/selftests/vfio" OUTPUT="$out/objects" ARCH="${karch/#x86/x86_64}" \
	CROSS_COMPILE="$cross" KHDR_INCLUDES="-isystem $out/uapi/usr/include" LDFLAGS=-static "${given[@]}"
mkdir -p "$out/bin"
find "$out/objects" -maxdepth 1 -name 'vfio_*_test' -exec cp {} "$out/bin/" \;
ls "$out/bin"
