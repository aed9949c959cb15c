# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# Hosts that have GPUs which can be handed over, and kernel.c, which is the
# kernel of their trees.

"${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -shared -fPIC -o "$WORK/kernel.so" "$HERE/kernel.c"

# with_kernel COMMAND...: the tool, its tree alive.
with_kernel() {
	LD_PRELOAD=$WORK/kernel.so ASAN_OPTIONS=verify_asan_link_order=0 "$@"
}

# does NAME ARGS...: as says(), with a kernel.
does() {
	with_kernel says "$@"
}

# A GPU that the host's driver has, and a kernel with the variant driver.
hosted() {
	healthy
	driver_of $GPU nvidia
	put $DEV/native nvidia
	gone sys/bus/pci/drivers/$GRACE/$GPU
	put sys/bus/pci/drivers_probe ""
	gone $DEV/coherent_memory
}

plain_vfio() {
	hosted
	gone sys/bus/pci/drivers/nvidia/$GPU
	driver_of $GPU vfio-pci
	put $DEV/driver_override vfio-pci
}

unbound() {
	hosted
	gone sys/bus/pci/drivers/nvidia/$GPU
	gone $DEV/driver
}

two_hosted() {
	hosted
	grace_gpu 0008:01:00.0 0x2342 4 smmu3.0x0000000006000000 $((95 * GIB)) $GIB
	gone sys/bus/pci/drivers/$GRACE/0008:01:00.0
	driver_of 0008:01:00.0 nvidia
	put sys/bus/pci/devices/0008:01:00.0/native nvidia
}

# V100: the bridges are handed over with the GPU.
hosted_v100() {
	v100
	for bdf in 0004:04:00.0 0006:00:00.0 0006:00:00.1; do
		driver_of $bdf nvidia
		put sys/bus/pci/devices/$bdf/native nvidia
	done
	gone sys/bus/pci/drivers/$NVLINK2/0004:04:00.0
	driver vfio-pci
	put sys/bus/pci/drivers_probe ""
}

# state: all that bind may change, the record included.
state() {
	{
		cd "$T" && mkdir -p etc run
		find sys -type l -printf '%p %l\n'
		grep -H '' sys/bus/pci/devices/*/driver_override
		grep -r '' etc run --include='*.rules*' --include='*.json*' || true
	} | sort
}

driver_now() {
	basename "$(readlink "$T/sys/bus/pci/devices/${1:-$GPU}/driver" || echo none)"
}

# count_steps VERB...: sets `last` to the number of steps that cohgpu makes for it.
count_steps() {
	KERNEL_STEPS=$WORK/steps with_kernel cohgpu "$@" >/dev/null || return 1
	# shellcheck disable=SC2034 # the cases use it
	last=$(<"$WORK/steps")
}
