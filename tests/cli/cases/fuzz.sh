# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# Damaged trees and domains: never a crash. FUZZ_RUNS says how many.

FUZZ_RUNS=${FUZZ_RUNS:-3000}

fuzzer() {
	local sources
	mapfile -t sources < <(find "$TOP/tool" -name '*.c' ! -path '*/core/main.c')
	# shellcheck disable=SC2046 # flags are words
	clang -std=gnu17 -D_GNU_SOURCE -DCOHGPU_VERSION='"fuzz"' -O1 -g -I"$TOP/tool" \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -o "$WORK/fuzz" \
		"$HERE/fuzz/tree.c" "${sources[@]}" \
		$(pkg-config --cflags --libs smartcols json-c libpci libkmod libxml-2.0 zlib)
}

# The inputs to begin with: each file as it is.
seeds() {
	local file n=0
	mkdir -p "$WORK/seeds"
	while IFS= read -r file; do
		{
			printf '%b' "\\x$(printf %02x $n)"
			head -c 4096 "$file"
		} >"$WORK/seeds/$n"
		n=$((n + 1))
	done <"$WORK/files"
}

fuzz() {
	seeds
	COHGPU_SYSROOT=$T FUZZ_FILES=$WORK/files timeout 900 "$WORK/fuzz" -runs=$FUZZ_RUNS -seed=1 -timeout=20 -print_final_stats=1 \
		-close_fd_mask=0 -artifact_prefix="$WORK/crash-" "$WORK/seeds" 2>"$WORK/fuzz.err" ||
		{ grep -E 'ERROR|SUMMARY|runtime error|    #[0-9] ' "$WORK/fuzz.err" | head -n 20 && return 1; }
}

tree fuzz guest
process 900 qemu-system-aar /dev/vfio/3
put $DEV/coherent_memory/state present
put $DEV/coherent_memory/usemem_length $((95 * GIB))
put run/cohgpu/$GPU.json '{"version": 1, "address": "'$GPU'", "gpu": "'$GPU'", "driver": "nvidia", "step": "done"}'
put sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c x
cohgpu plan $GPU --format libvirt >"$WORK/domain.xml" 2>/dev/null
{
	echo "$WORK/domain.xml"
	find "$T" -type f -size -64k | sort | head -n 100
} >"$WORK/files"
check "the fuzzer builds" fuzzer
check "damaged trees and domains never crash the tool" fuzz
