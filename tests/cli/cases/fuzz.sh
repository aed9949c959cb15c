# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# Damaged trees and domains: never a crash. FUZZ_RUNS says how many.

FUZZ_RUNS=${FUZZ_RUNS:-3000}

# fuzzer NAME OPTIONS...
fuzzer() {
	local name=$1 sources
	shift
	mapfile -t sources < <(find "$TOP/tool" -name '*.c' ! -path '*/core/main.c')
	# shellcheck disable=SC2046 # flags are words
	clang -std=gnu17 -D_GNU_SOURCE -DCOHGPU_VERSION='"fuzz"' -O1 -g -I"$TOP/tool" \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -o "$WORK/fuzz-$name" "$@" \
		"$HERE/fuzz/$name.c" "${sources[@]}" \
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
	COHGPU_SYSROOT=$T FUZZ_FILES=$WORK/files timeout 900 "$WORK/fuzz-tree" -runs=$FUZZ_RUNS -seed=1 -timeout=20 -print_final_stats=1 \
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
check "the fuzzer of trees builds" fuzzer tree
check "damaged trees and domains never crash the tool" fuzz

# The definition of a domain by itself, with its words for a dictionary.
fuzz_domain() {
	rm -rf "$WORK/seeds" && mkdir -p "$WORK/seeds"
	cohgpu plan all --format libvirt 2>/dev/null >"$WORK/seeds/two"
	cohgpu plan 0009:01:00.0 --format libvirt 2>/dev/null >"$WORK/seeds/one"
	printf '<domain>' >"$WORK/seeds/none"
	COHGPU_SYSROOT=$T FUZZ_DOMAIN=$WORK/domain.xml timeout 300 "$WORK/fuzz-domain" -runs=$((FUZZ_RUNS * 5)) -seed=1 -timeout=20 \
		-max_total_time=120 -max_len=8192 -dict="$HERE/fuzz/domain.dict" -print_final_stats=1 -artifact_prefix="$WORK/crash-" \
		"$WORK/seeds" 2>"$WORK/fuzz.err" ||
		{ grep -E 'ERROR|SUMMARY|runtime error|    #[0-9] ' "$WORK/fuzz.err" | head -n 20 && return 1; }
	grep number_of_executed "$WORK/fuzz.err"
}
tree fuzz-domain gb200_two
check "the fuzzer of domains builds" fuzzer domain -Wl,--wrap=complain
check "damaged domains never crash doctor" fuzz_domain
