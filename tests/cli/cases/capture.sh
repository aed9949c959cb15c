# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# capture: of a copy the tool says what it says of the machine. A live machine's is
# tests/cli/vm's.

# captured MAKER VERB...: each verb, with its words, of a tree and of its copy.
captured() {
	local original=$T copy=$WORK/copy bad=0 words
	rm -rf "$copy"
	cohgpu capture "$copy" >/dev/null || return 1
	for words; do
		T=$original cohgpu $words >"$WORK/of-original" 2>&1 || true
		T=$copy cohgpu $words >"$WORK/of-copy" 2>&1 || true
		diff "$WORK/of-original" "$WORK/of-copy" || { echo "differs: $words" && bad=1; }
	done
	return $bad
}
host_verbs=("list --json" "show 0009:01:00.0" "status" "doctor" "plan all --strict")
tree captured healthy
put usr/bin/qemu-system-aarch64.version "QEMU emulator version 11.0"
check "a copy of a host" captured "${host_verbs[@]}"
check "has no process in it" test -z "$(find "$WORK/copy/proc" -maxdepth 1 -name '[0-9]*')"
put $DEV/coherent_memory/state "nvidia,gpu-mem-size is absent"
put $DEV/driver_override vfio-gpu
gone $DEV/reset_method
put sys/kernel/iommu_groups/3/type identity
put $DEV/coherent_memory/ready unknown
put dev/kmsg "$(not_ready_line $GPU)
6,1205,1840000000,-;nobody's business"
check "of one that was not ready" captured "doctor --check memory-ready"
check "has nothing else of the log" test "$(wc -l <"$WORK/copy/dev/kmsg")" = 1
check "of a broken one" captured "${host_verbs[@]}"
tree captured-two gb200_two
put usr/sbin/libvirtd.version "/usr/sbin/libvirtd (libvirt) 9.0.0"
check "of two GPUs" captured "list --json" "doctor" "plan all" "plan all --json"
tree captured-guest guest
check "of a guest" captured "list" "doctor --guest"
tree captured-v100 v100
put proc/kallsyms "0000000000000000 T pnv_npu2_map_lpar_dev
0000000000000000 T another_symbol"
check "of a V100" captured "list --json" "show 0004:04:00.0" "doctor" "plan all"
check "with no other symbols than are looked for" test "$(<"$WORK/copy/proc/kallsyms")" = "0000000000000000 T pnv_npu2_map_lpar_dev"
# There /proc/device-tree is a link to where the kernel has it.
mv "$T/proc/device-tree" "$WORK/base"
link proc/device-tree "$WORK/base"
chmod -R a-w "$WORK/base"
config MEMORY_FAILURE=y
mv "$T/boot/config-$RELEASE" "$WORK/config"
link boot/config-$RELEASE "$WORK/config"
link dev/kvm /none
check "of a V100 whose device tree is a link" captured "list --json" "doctor"
check "the copy has a device tree of its own" test -d "$WORK/copy/proc/device-tree"
check "and a configuration" test -s "$WORK/copy/boot/config-$RELEASE"
check "no link leads out of the copy" test -z "$(find "$WORK/copy" -lname '/*')"
chmod -R u+w "$WORK/base"
tree captured-v100-of-today v100_of_today
check "of a V100 without PCI functions for its bridges" captured "list --json" "doctor" "plan all"
# A UEFI image is not read: it is there, be it as large as it likes.
large_firmware() {
	healthy
	gone usr/share/qemu-efi-aarch64
	mkdir -p "$T/usr/share/edk2/aarch64"
	truncate -s 64M "$T/usr/share/edk2/aarch64/QEMU_EFI.fd"
}
tree captured-firmware large_firmware
check "of one with a large UEFI image" captured "plan all" "doctor"
check "the plan names that image" grep -q '/usr/share/edk2/aarch64/QEMU_EFI.fd' <(cohgpu plan all)
check "which is an empty file in the copy" test "$(stat -c %s "$WORK/copy/usr/share/edk2/aarch64/QEMU_EFI.fd")" = 0
check "and what is read is none" test -s "$WORK/copy/$DEV/reset_method"
tree captured-again gh200
mkdir "$WORK/full"
says capture/exists capture "$WORK/full"
says capture/json capture "$WORK/fresh" --json
# What is asked for more than once is one file.
check "it counts the files that are there" test "$(find "$WORK/fresh" ! -type d | wc -l)" = "$(sed -n 's/.*"files": //p' "$WORK/said")"
tree captured-none host
says capture/none capture "$WORK/none"
