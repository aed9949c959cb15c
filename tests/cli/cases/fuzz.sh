# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# Damaged trees, domains, texts, and wild answers of VFIO: never a crash. FUZZ_RUNS
# says how many trees; of what is faster there are more. Each fuzzer begins with
# what fuzz/corpus has for it, and has to find the bugs of fuzz/planted. What a
# crash names, in build/fuzz-cli, belongs into the corpus with the fix.

FUZZ_RUNS=${FUZZ_RUNS:-3000}
FUZZ=$HERE/fuzz
FUZZ_OUT=$TOP/build/fuzz-cli
read -ra FUZZERS <<<"${FUZZ_ONLY:-text vfio tree power domain}"
mapfile -t FUZZ_LIBRARIES < <(pkg-config --libs smartcols json-c libpci libkmod libxml-2.0 zlib | xargs -n 1)
mapfile -t FUZZ_FLAGS < <(pkg-config --cflags smartcols json-c libpci libkmod libxml-2.0 zlib | xargs -n 1)
FUZZ_FLAGS+=(-std=gnu17 -D_GNU_SOURCE '-DCOHGPU_VERSION="fuzz"' -O1 -g '-fsanitize=address,undefined' -fno-sanitize-recover=undefined)

# fuzz_object TOOL SOURCE OBJECT
fuzz_object() {
	clang "${FUZZ_FLAGS[@]}" -fsanitize=fuzzer-no-link -I"$1" -c -o "$3" "$1/$2"
}

# The tool's own code, once for all of them.
fuzz_archive() {
	local source n=0
	mkdir -p "$WORK/objects"
	while IFS= read -r source; do
		fuzz_object "$TOP/tool" "$source" "$WORK/objects/${source//\//_}.o" || touch "$WORK/objects/bad" &
		[[ $((++n % 2)) == 1 ]] || wait
	done < <(cd "$TOP/tool" && find . -name '*.c' ! -path '*/core/main.c' -printf '%P\n')
	wait
	[[ ! -e $WORK/objects/bad ]] && ar rcs "$WORK/tool.a" "$WORK/objects/"*.o
}

# fuzz_link NAME OUT TOOL [OBJECT...]: objects stand in for those of the archive.
fuzz_link() {
	local name=${1/power/tree} out=$2 tool=$3 options=()
	shift 3
	[[ $name != domain ]] || options=('-Wl,--wrap=complain')
	clang "${FUZZ_FLAGS[@]}" -fsanitize=fuzzer -I"$tool" "${options[@]}" -o "$out" "$FUZZ/$name.c" "$@" "$WORK/tool.a" "${FUZZ_LIBRARIES[@]}"
}

# fuzz_tree NAME: what it works on, and the inputs to begin with in $WORK/seeds.
fuzz_tree() {
	rm -rf "$WORK/seeds"
	mkdir -p "$WORK/seeds" "$FUZZ_OUT"
	case $1 in
	tree) tree fuzz whole_guest ;;
	power) tree fuzz-power v100_of_both ;;
	domain) tree fuzz-domain gb200_two ;;
	vfio) tree fuzz-vfio probed ;;
	text) tree fuzz-text host ;;
	esac
	cohgpu plan all --format libvirt 2>/dev/null >"$WORK/domain.xml" || true
	case $1 in
	tree | power) seeds_of_tree ;;
	domain)
		cp "$WORK/domain.xml" "$WORK/seeds/two"
		cohgpu plan 0009:01:00.0 --format libvirt 2>/dev/null >"$WORK/seeds/one"
		;;
	esac
	export COHGPU_SYSROOT=$T FUZZ_FILES=$WORK/files FUZZ_DOMAIN=$WORK/domain.xml
}

# damaged_file FILE HOW: what is left of it, under its name.
damaged_file() {
	local name=${1#"$T"/}
	[[ $1 != "$WORK/domain.xml" ]] || name=domain
	echo "$name"
	case $2 in
	whole) head -c 4096 "$1" ;;
	half) head -c $(($(stat -c %s "$1") / 2)) "$1" ;;
	odd) echo 7 ;;
	huge) echo 0xffffffffffffffff ;;
	esac
}

# Each file as it is, and each with each that is in the same folder, both damaged alike.
seeds_of_tree() {
	local file n=0 other how
	{
		echo "$WORK/domain.xml"
		find "$T" -type f -size -64k | LC_ALL=C sort | head -n 200
	} >"$WORK/files"
	while IFS= read -r file; do
		damaged_file "$file" whole >"$WORK/seeds/$n"
		n=$((n + 1))
		while IFS= read -r other; do
			[[ ${other%/*} == "${file%/*}" && $other > $file ]] || continue
			for how in half odd huge; do
				{
					damaged_file "$file" $how
					printf '\n====\n'
					damaged_file "$other" $how
				} >"$WORK/seeds/$n"
				n=$((n + 1))
			done
		done <"$WORK/files"
	done <"$WORK/files"
}

whole_guest() {
	guest
	process 900 qemu-system-aar /dev/vfio/3
	process 901 nvidia-persiste /dev/nvidia0
	unit 901 system.slice/nvidia-persistenced.service
	memory_of $GPU $((95 * GIB)) $GIB 0x420000000000
	put $DEV/coherent_memory/ready failed
	put dev/kmsg "$(not_ready_line $GPU)"
	put usr/bin/qemu-system-aarch64.version "QEMU emulator version 11.0.0"
	put run/cohgpu/$GPU.json '{"version": 1, "address": "'$GPU'", "gpu": "'$GPU'", "driver": "nvidia", "step": "done"}'
	put sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c x
}

# One V100 with its bridges as PCI functions, and nodes for those of another.
v100_of_both() {
	v100
	put proc/sys/kernel/arch ppc64le
	put proc/kallsyms "0000000000000000 T pnv_npu2_map_lpar_dev"
	bytes proc/device-tree/pciex@600c3c0000000/pci@0/phandle 00000105
	bytes proc/device-tree/pciex@600c3c0000000/pci@0/memory-region 00000202
	bytes proc/device-tree/memory@8000000000000/phandle 00000202
	bytes proc/device-tree/memory@8000000000000/reg 0008000000000000 0000000800000000
	pci_function 0005:04:00.0 0x10de 0x1db5 0x030200
	bytes sys/bus/pci/devices/0005:04:00.0/of_node/ibm,npu 00000105
}

probed() {
	gh200
	mkdir -p "$T/$DEV/vfio-dev/vfio0"
	put dev/vfio/devices/vfio0 ""
	put dev/iommu ""
}

# fuzz_run NAME PROGRAM RUNS FOLDER: the corpus, the tree's files, then new inputs. That of a
# crash goes to FOLDER.
fuzz_run() {
	local name=$1 program=$2 runs=$3 options=() seeds=("$WORK/seeds")
	[[ ! -d $FUZZ/corpus/$name ]] || seeds+=("$FUZZ/corpus/$name")
	[[ $name != tree && $name != power ]] || options+=(-dict="$FUZZ/tree.dict")
	[[ $name != domain ]] || options+=(-dict="$FUZZ/domain.dict" -max_len=8192)
	timeout 900 "$program" -runs=$runs -seed=1 -timeout=20 -max_total_time=${FUZZ_SECONDS:-120} -print_final_stats=1 -close_fd_mask=0 \
		"${options[@]}" -artifact_prefix="$4/$name-" "${seeds[@]}" >/dev/null 2>"$WORK/fuzz.err" ||
		{ grep -aE 'ERROR|SUMMARY|runtime error|    #[0-9] |Test unit' "$WORK/fuzz.err" | head -n 20 && return 1; }
	grep -a number_of_executed "$WORK/fuzz.err"
}

# How many: of a tree, each runs all the verbs.
fuzz_runs() {
	case $1 in
	tree) echo $FUZZ_RUNS ;;
	power) echo $((FUZZ_RUNS / 3)) ;;
	domain) echo $((FUZZ_RUNS * 5)) ;;
	vfio) echo $((FUZZ_RUNS * 10)) ;;
	text) echo $((FUZZ_RUNS * 300)) ;;
	esac
}

# planted NAME FILE EXPRESSION: the fuzzer crashes on a tool with this bug.
planted() {
	local name=$1 file=$2 tool=$WORK/planted
	rm -rf "$tool"
	cp -r "$TOP/tool" "$tool"
	sed -i "$3" "$tool/$file"
	! cmp -s "$TOP/tool/$file" "$tool/$file" || { echo "the expression changes nothing" && return 1; }
	fuzz_object "$tool" "$file" "$tool/planted.o" || return 1
	# What a fuzzer has in itself it takes from the planted folder.
	if grep -q "#include \"$file\"" "$FUZZ/${name/power/tree}.c"; then
		fuzz_link $name "$tool/fuzz" "$tool" || return 1
	else
		fuzz_link $name "$tool/fuzz" "$tool" "$tool/planted.o" || return 1
	fi
	! fuzz_run $name "$tool/fuzz" "$(fuzz_runs $name)" "$tool" && grep -aE 'SUMMARY|runtime error|deadly signal' "$WORK/fuzz.err"
}

check "the tool compiles for fuzzers" fuzz_archive
for fuzzer in "${FUZZERS[@]}"; do
	fuzz_tree $fuzzer
	check "the fuzzer builds: $fuzzer" fuzz_link $fuzzer "$WORK/fuzz-$fuzzer" "$TOP/tool"
	check "nothing crashes the tool: $fuzzer" fuzz_run $fuzzer "$WORK/fuzz-$fuzzer" "$(fuzz_runs $fuzzer)" "$FUZZ_OUT"
	sed 's/^/# /' "$WORK/check"
	while IFS=: read -r name file what expression <&7; do
		[[ $name != "$fuzzer" ]] || check "it finds: $what" planted $name $file "$expression"
	done 7< <(grep -v '^#' "$FUZZ/planted")
	unset COHGPU_SYSROOT FUZZ_FILES FUZZ_DOMAIN
done
