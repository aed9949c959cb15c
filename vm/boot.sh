# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One machine: QEMU's command line, the boot, the verdict. Sourced after lib.sh.
#
# The physical map is the same idea on every architecture: the kernel gets RAM
# below 4 GiB only (`mem=`), all RAM above is memory of simulated GPUs. QEMU's
# backend reserves nothing, so pages cost the host what is really touched.

KVM=/dev/kvm
ROOT_PORTS=4
# As many as the functions of an AC922 with six GPUs, of two links each; for those
# who source this.
# shellcheck disable=SC2034
AC922_PORTS=18
# The port whose GPU has a second function beside it; empty: none. A reset of its
# bus is then one of both.
SIBLING=''
# Whose QEMU runs guests in this machine: a Debian suite; empty: no guests.
# shellcheck disable=SC2034 # read by vm/arch
OPT_GUESTS=''
# What an architecture's file may change. EMULATOR is the key of another QEMU than the
# host's.
INITRD_PACK=(cat) GPU_BUSES=() SERIAL_BUS='' NODEFAULTS=(-nodefaults) EMULATOR=''
# Enough for four of the largest preset (276 GiB each).
DEVICE_MEMORY_GIB=${COHGPU_DEVICE_MEMORY_GIB:-1120}
# 1: the VM's clock counts instructions, a nanosecond each, and skips what is slept.
# The kernel stands where it was linked then: how far its modules are from it costs
# instructions in each call.
OPT_ICOUNT=0

need_machine() {
	[[ -z $EMULATOR ]] || "$VM_DIR/fetch" "$EMULATOR"
	need "$QEMU" cpio
}

# gpu_slots: a port each, with a stock ivshmem function behind it. Ports without
# hotplug: pciehp would wait for its time-outs in every reset. Of 2.5 GT/s: such a
# port says nothing of its link, which QEMU's others do as they like, and Linux 6.12
# gives a function behind it one second after a reset of its bus, not a minute. A
# machine that comes with its root ports names their buses in GPU_BUSES; where
# these are too few, the last one carries a switch with a port for each that is
# missing.
gpu_slots() {
	local i bus n=${#GPU_BUSES[@]} port switch=''
	if [[ $n -gt 0 && $ROOT_PORTS -gt $n ]]; then
		n=$((n - 1)) switch=1
		printf '%s\n' -device "x3130-upstream,id=switch,bus=${GPU_BUSES[n]}"
	fi
	for ((i = 1; i <= ROOT_PORTS; i++)); do
		bus=rp$i port=
		if [[ $i -le $n ]]; then
			bus=${GPU_BUSES[i - 1]}
		elif [[ -n $switch ]]; then
			port="xio3130-downstream,bus=switch"
		elif [[ $i -le 4 ]]; then
			port="pcie-root-port,bus=pcie.0,addr=0x1$i,x-speed=2_5"
		else
			port="pcie-root-port,bus=pcie.0,addr=0x1$((5 + (i - 5) / 8)).$(((i - 5) % 8)),multifunction=on,x-speed=2_5"
		fi
		[[ -z $port ]] || printf '%s\n' -device "$port,id=rp$i,chassis=$i,slot=$i,hotplug=off"
		printf '%s\n' -object "memory-backend-ram,id=bar$i,size=16M,share=on" \
			-device "ivshmem-plain,memdev=bar$i,bus=$bus$([[ $i != "$SIBLING" ]] || echo ,addr=0.0,multifunction=on)"
		[[ $i != "$SIBLING" ]] || printf '%s\n' -device "pci-testdev,bus=$bus,addr=0.1"
	done
}

# accelerator: KVM if it boots this kernel here, which a /dev/kvm does not promise;
# else TCG. COHGPU_ACCEL=kvm or tcg decides without a try. A machine that runs
# guests emulates what they need.
accelerator() {
	local want=${COHGPU_ACCEL:-} noted=$BUILD/kvm/$OPT_ARCH-$OPT_KERNEL
	[[ $OPT_ICOUNT == 0 ]] || { echo tcg,thread=single && return; }
	if [[ -z $want && -w $KVM && -z $OPT_GUESTS && $(dpkg --print-architecture) == "$DEBIAN_ARCH" ]]; then
		mkdir -p "$BUILD/kvm"
		[[ -e $noted && ! $noted -ot $KVM ]] || try_kvm >"$noted" 2>/dev/null
		want=$(<"$noted")
	fi
	[[ $want != kvm ]] || { echo kvm && return; }
	echo "tcg,thread=$THREADS"
}

# try_kvm: prints kvm when the kernel comes as far as missing its root.
try_kvm() {
	local log=$BUILD/kvm/$OPT_ARCH-$OPT_KERNEL.log
	timeout 30 "$QEMU" "${MACHINE[@]}" -accel kvm -object memory-backend-ram,id=ram,size=1G -m 1G -display none \
		-no-reboot -nodefaults -nic none -serial "file:$log" -kernel "$(kernel_dir "$OPT_ARCH" "$OPT_KERNEL")/vmlinuz" \
		-append "console=$CONSOLE panic=-1 $CMDLINE" >&2 2>"$log.err" || true
	if grep -qs 'Unable to mount root fs' "$log"; then echo kvm; else echo tcg; fi
}

# qemu_command DIR TERMINAL: fills QEMU_COMMAND. DIR holds initrd and receives
# console.log and results. TERMINAL is a -chardev for the guest's hvc0.
qemu_command() {
	local dir=$1 terminal=$2 slots
	local parameters="console=$CONSOLE panic=-1 oops=panic mem=$MEM_ARG log_buf_len=8M ignore_loglevel $CMDLINE"
	[[ $OPT_ICOUNT == 0 ]] || parameters+=" nokaslr"
	mapfile -t slots < <(gpu_slots)
	# shellcheck disable=SC2054 # commas of QEMU
	QEMU_COMMAND=("$QEMU" "${MACHINE[@]}" -accel "$(accelerator)" -smp "$OPT_CPUS"
		-object "memory-backend-ram,id=ram,size=$((MEM_VISIBLE + DEVICE_MEMORY_GIB))G,reserve=off"
		-m "$((MEM_VISIBLE + DEVICE_MEMORY_GIB))G"
		-display none -no-reboot "${NODEFAULTS[@]}" -nic none -monitor none
		-serial "file:$dir/console.log"
		-device "virtio-serial-pci${SERIAL_BUS:+,bus=$SERIAL_BUS}"
		-chardev "$terminal" -device virtconsole,chardev=term
		-chardev "file,id=results,path=$dir/results" -device virtserialport,chardev=results,name=cohgpu.results
		-kernel "$(kernel_dir "$OPT_ARCH" "$OPT_KERNEL")/vmlinuz" -initrd "$dir/initrd"
		-append "$parameters" "${slots[@]}")
	[[ $OPT_ICOUNT == 0 ]] || QEMU_COMMAND+=(-icount "shift=0,sleep=off")
	[[ $OPT_ACPI == 0 ]] || QEMU_COMMAND+=(-acpitable "file=$(acpi_table)")
}

# acpi_table: the SSDT that describes the GPU behind rp1, compiled when stale.
acpi_table() {
	local source=$VM_DIR/acpi/gpu.asl table=$BUILD/acpi/gpu.aml
	if [[ ! $table -nt $source ]]; then
		need iasl
		mkdir -p "$BUILD/acpi"
		iasl -p "${table%.aml}" "$source" >"$BUILD/acpi/iasl.log" 2>&1 || { cat "$BUILD/acpi/iasl.log" >&2; die "acpi/gpu.asl: compile: failed"; }
	fi
	printf '%s\n' "$table"
}

# acpi_early ARCH KERNEL: an archive that replaces the DSDT by one of revision 2.
# ACPI integers are as wide as the DSDT's revision says, for all tables; QEMU's
# is 1 on q35, so 32 bits, and no real machine's. The table depends on the
# machine, so it is taken from a boot of that machine, once.
acpi_early() {
	local dir=$BUILD/acpi key
	key=$({ "$QEMU" --version && printf '%s ' "${MACHINE[@]}" "$DEVICE_MEMORY_GIB" && gpu_slots; } | sha256sum | cut -c 1-16)
	if [[ ! -e $dir/$key.cpio ]]; then
		need perl cpio
		say "acpi: reading this machine's DSDT"
		rm -rf "${dir:?}/$key"
		mkdir -p "$dir/$key/kernel/firmware/acpi"
		"$VM_DIR/run" --arch "$1" --kernel "$2" --driver none --preset none -- 'cat /sys/firmware/acpi/tables/DSDT' \
			</dev/null 2>"$dir/boot.log" >"$dir/$key/dsdt.aml" || { cat "$dir/boot.log" >&2; die "DSDT: read: failed"; }
		perl -0777 -pe 'substr($_, 8, 1) = "\x02"; substr($_, 24, 4) = pack("V", unpack("V", substr($_, 24, 4)) + 1);
			substr($_, 9, 1) = "\0"; substr($_, 9, 1) = chr(-unpack("%8C*", $_) & 255)' \
			"$dir/$key/dsdt.aml" >"$dir/$key/kernel/firmware/acpi/dsdt.aml"
		(cd "$dir/$key" && find kernel | cpio -o -H newc --quiet) >"$dir/$key.cpio.new"
		mv "$dir/$key.cpio.new" "$dir/$key.cpio"
	fi
	printf '%s\n' "$dir/$key.cpio"
}

# write_job DIR IMAGE KEY=VALUE...: the job as a small archive after the image.
write_job() {
	local dir=$1 image=$2 early=/dev/null
	shift 2
	rm -rf "$dir/job"
	mkdir -p "$dir/job/etc/cohgpu"
	if [[ $OPT_ACPI == 1 ]]; then
		[[ $OPT_ARCH == amd64 ]] || die "--acpi: boot: only on amd64"
		early=$(acpi_early "$OPT_ARCH" "$OPT_KERNEL") || exit
		set -- "$@" COHGPU_ACPI=1
	fi
	printf '%s\n' "$@" >"$dir/job/etc/cohgpu/job"
	[[ -z ${OPT_COMMAND:-} ]] || printf '%s\n' "$OPT_COMMAND" >"$dir/job/etc/cohgpu/command"
	(cd "$dir/job" && find . -mindepth 1 | cpio -o -H newc --quiet) >"$dir/job.cpio"
	cat "$early" "$image" "$dir/job.cpio" | "${INITRD_PACK[@]}" >"$dir/initrd"
}

# boot DIR TERMINAL SECONDS: the machine from power-on to power-off. The result
# is only whether QEMU ended by itself; what it means is in DIR/results. Whoever
# waits here takes the machine along when killed: bash tells nobody of a signal, so
# it waits for a job, which a signal ends at once, and the kernel tells of a SIGKILL.
boot() {
	local dir=$1 terminal=$2 seconds=$3 status=0
	: >"$dir/results"
	: >"$dir/console.log"
	qemu_command "$dir" "$terminal"
	printf '%q ' "${QEMU_COMMAND[@]}" >"$dir/qemu.cmd"
	setpriv --pdeathsig TERM timeout --foreground -k 5 "$seconds" "${QEMU_COMMAND[@]}" <&0 2>"$dir/qemu.err" &
	BOOTED=$! BOOT_DIR=$dir
	end_after_panic "$dir/console.log" "$BOOTED" </dev/null >/dev/null 2>&1 &
	trap power_off EXIT
	wait "$BOOTED" || status=$?
	trap - EXIT
	boot_clean
	return "$status"
}

# end_after_panic LOG PID: a kernel that panics within a panic stands still, and would
# until the time is over.
end_after_panic() {
	while sleep 5 && kill -0 "$2"; do
		if grep -a -q 'Kernel panic' "$1"; then
			sleep 30
			kill "$2"
			return
		fi
	done
}

boot_clean() {
	rm -f "$BOOT_DIR"/{initrd,job.cpio}
}

# What is left to do for one who is killed.
power_off() {
	kill "$BOOTED" 2>/dev/null || true
	wait "$BOOTED" 2>/dev/null || true
	boot_clean
}
