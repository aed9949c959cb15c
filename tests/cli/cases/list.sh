# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# list, show, status: reading only.

tree none host
says list/none list
says list/none-json list --json
says status/none status

tree gh200 gh200
says list/gh200 list
says list/gh200-json list --json
says list/addresses list --addresses
says show/gh200 show 01:00.0
says show/gh200-json show $GPU --json
says show/ambiguous-word show gpu0
says show/unknown-address show 0001:01:00.0
says status/gh200 status
says status/json status all --json

check "show --svg writes well-formed XML" bash -c \
	"COHGPU_SYSROOT=$T '$COHGPU' show $GPU --svg '$WORK/gpu.svg' && xmllint --noout '$WORK/gpu.svg' && grep -q 'BAR4 128 GiB' '$WORK/gpu.svg'"
says show/svg-cannot-be-written show $GPU --svg /nonexistent/gpu.svg

tree two gb200_two
says list/two list
says show/needs-the-domain show 01:00.0
says show/two-at-once show all

# The pictures in the README are what show draws of these trees.
# picture NAME GPU: docs/NAME.svg is up to date.
picture() {
	local drawn=$WORK/$1.svg
	cohgpu show "$2" --svg "$drawn" && xmllint --noout "$drawn" || return 1
	[[ ${update:-0} == 0 ]] || cp "$drawn" "$TOP/docs/$1.svg"
	diff -u "$TOP/docs/$1.svg" "$drawn" && grep -q "($1.svg)\|docs/$1.svg" "$TOP/README.md"
}
tree gh200 gh200
check "the picture of gh200-96 is up to date" picture gh200-96 $GPU

tree v100 v100
check "the picture of v100-32 is up to date" picture v100-32 0004:04:00.0
says list/v100 list
says list/v100-json list --json
says show/v100 show 0004:04:00.0
says status/v100 status --strict
# With all that is its own it is fit, and where it would not be doctor says so too.
given_v100() {
	v100
	driver_of 0006:00:00.0 $NVLINK2
	driver_of 0006:00:00.1 $NVLINK2
}
tree given-v100 given_v100
says status/v100-given status --strict
driver_of 0006:00:00.1 npu
says status/v100-bridge-held status
group_of 0006:00:00.1 7 iommu-npu7
driver_of 0006:00:00.1 $NVLINK2
says status/v100-bridge-apart status
tree v100 v100
# Its kind tells how much of its window is memory, which may be all of it.
put sys/bus/pci/devices/0004:04:00.0/device 0x1db1
says show/v100-16 show 0004:04:00.0
bytes proc/device-tree/memory@4000000000000/reg 0004000000000000 0000000200000000
says show/v100-small-window show 0004:04:00.0
put sys/bus/pci/devices/0004:04:00.0/device 0x1db5
# Where firmware ties it to none it is an ordinary GPU, whatever bridges there are.
gone sys/bus/pci/devices/0004:04:00.0/of_node/ibm,npu
says list/v100-without-links list
# A card for PCIe has no links at all, and nothing is said of it.
put sys/bus/pci/devices/0004:04:00.0/device 0x1db6
says list/v100-pcie list

tree v100-of-today v100_of_today
says list/v100-of-today list
says list/v100-of-today-json list --json
says show/v100-of-today show 0004:04:00.0
says status/v100-of-today status
gone proc/device-tree/pciex@600c3c0000000/pci@0
says list/v100-of-today-no-node list
tree v100-one-bridge v100
no_function 0006:00:00.1
says show/v100-one-bridge show 0004:04:00.0

tree vfio-pci gh200
driver_of $GPU vfio-pci
gone sys/bus/pci/devices/$GPU/coherent_memory
says status/vfio-pci-bound status
says show/vfio-pci show $GPU

# What the IOMMU keeps no guest from, or VFIO from giving.
tree no-group gh200
gone $DEV/iommu_group
says status/no-group status
says list/no-group list
tree shared-group gh200
pci_function 0009:01:00.1 0x10de 0x22b8 0x040300
group_of 0009:01:00.1 3 smmu3.0x0000000005000000
driver_of 0009:01:00.1 snd_hda_intel
says status/group-held status
driver_of 0009:01:00.1 vfio-pci
says status/group-given status --strict

# Whoever has it in the host.
tree hosted gh200
driver_of $GPU nvidia
says status/hosted status
process 813 nvidia-persiste /dev/nvidiactl
unit 813 system.slice/nvidia-persistenced.service
says status/held status
says status/held-json status --json

# One that fell off the bus; asleep it is not looked at, which would wake it.
tree silent gh200
bytes $DEV/config "ffffffff $(printf 'ff%.0s' {1..60})"
says status/silent status
put $DEV/power_state D3cold
says status/asleep status

tree absent gh200
put sys/bus/pci/devices/$GPU/coherent_memory/state "nvidia,gpu-mem-size is 0: the chip-to-chip link did not come up"
for part in usemem resmem; do
	put sys/bus/pci/devices/$GPU/coherent_memory/${part}_length 0
done
put sys/bus/pci/devices/$GPU/coherent_memory/ready no
says status/absent status
says list/absent list

# The in-tree driver has no coherent_memory/.
tree in-tree gh200
gone sys/bus/pci/devices/$GPU/coherent_memory
says status/in-tree status
says status/in-tree-strict status --strict
says list/in-tree list

# With ours it is known while somebody has the device open.
tree not-known gh200
put sys/bus/pci/devices/$GPU/coherent_memory/ready unknown
says status/not-known status
says status/not-known-strict status --strict
says list/not-known list
says show/not-known show $GPU

# On a narrow terminal a name is not broken into many lines, and a GPU has one.
on_a_terminal() {
	script -qec "stty cols 80; COHGPU_SYSROOT=$T '$COHGPU' list" /dev/null >"$WORK/terminal" </dev/null
	cat "$WORK/terminal"
	[[ $(wc -l <"$WORK/terminal") == 2 ]]
}
tree narrow gh200
check "a GPU is a line, however narrow the terminal" on_a_terminal

# A drawing fits the terminal: no line of it is broken.
# fits COLUMNS GPU
fits() {
	script -qec "stty cols $1; NO_COLOR=1 COHGPU_SYSROOT=$T '$COHGPU' show $2" /dev/null </dev/null | tr -d '\r' |
		sed -n '/^device memory/,$p' >"$WORK/drawing"
	cat "$WORK/drawing"
	[[ $(wc -l <"$WORK/drawing") -ge 7 && $(wc -L <"$WORK/drawing") -le $1 ]]
}
tree drawn healthy
for columns in 40 60 80; do
	check "a GH200 is drawn in $columns columns" fits $columns $GPU
done
check "and in 200 as in a file" diff <(fits 200 $GPU) <(cohgpu show $GPU | sed -n '/^device memory/,$p')
tree drawn-v100 v100
check "a V100 is drawn in 40 columns" fits 40 0004:04:00.0

# What comes from outside moves no cursor.
colourful() {
	gh200
	put $DEV/coherent_memory/state $'absent \033[2J\302\233 caf\303\251'
}
tree colourful colourful
says status/control-bytes status
says show/control-bytes show $GPU
says list/control-bytes show $'\033]0;title\007'

# JSON is UTF-8, and a process may be called by any bytes: a lone one, a character cut short, a surrogate.
odd_name() {
	hosted_gpu
	process 813 $'nv\377\342\202 \355\240\200caf\303\251' /dev/nvidiactl
}
hosted_gpu() {
	gh200
	driver_of $GPU nvidia
}
tree odd-name odd_name
says status/no-utf8 status
says status/no-utf8-json status --json
check "JSON is UTF-8" iconv -f utf-8 -t utf-16 <(cohgpu status --json)
# Whatever else a tree has among the devices.
no_address() {
	gh200
	cp -a "$T/$DEV" "$T/sys/bus/pci/devices/"$'\033[2J'
	cp -a "$T/$DEV" "$T/sys/bus/pci/devices/0009:01:00.0.old"
}
tree no-address no_address
says list/no-address list --addresses
