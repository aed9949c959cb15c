# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# doctor --domain: each check on the definition that plan prints, and on one that is spoilt for it.

# shellcheck source-path=SCRIPTDIR source=../checks.sh
source "$HERE/checks.sh"

# spoil_domain ID WORD VERDICT SED
spoil_domain() {
	sed "$4" "$WORK/domain.xml" >"$WORK/spoilt.xml"
	says "doctor/$1-$2" doctor --domain "$WORK/spoilt.xml" --check $1
	outcome $1 $2 $3 doctor --domain "$WORK/spoilt.xml" --check $1
}

tree domain gb200_two
put usr/bin/qemu-system-aarch64.version "QEMU emulator version 11.0.0"
put usr/sbin/virtqemud.version "virtqemud (libvirt) 12.8.0"
cohgpu plan all --format libvirt --ram 64G >"$WORK/domain.xml" 2>/dev/null
says doctor/domain doctor --domain "$WORK/domain.xml" --strict
says doctor/domain-json doctor --domain "$WORK/domain.xml" --json
of_the_healthy doctor --domain "$WORK/domain.xml"
check "plan's domain passes all" test "$(sed -n 's/^\([0-9]*\) passed, 0 warned, 0 failed, 0 skipped/\1/p' "$HERE/golden/doctor/domain")" -ge 15

# Whose driver libvirt chooses.
MANAGED="s/managed='no'/managed='yes'/"
spoil_domain domain-driver managed PASS "$MANAGED"
spoil_domain domain-driver plain FAIL "$MANAGED; s/name='vfio'/name='vfio' model='vfio-pci'/"
spoil_domain domain-driver hyphens FAIL "$MANAGED; s/name='vfio'/name='vfio' model='nvgrace-gpu-vfio-pci'/"
spoil_domain domain-hostdev not-there FAIL "s/<address domain='0x0009'/<address domain='0x00ff'/"
spoil_domain domain-type emulated WARN "s/type='kvm'/type='qemu'/"
spoil_domain domain-type of-no-kind WARN "s/ type='kvm'//"
spoil_domain domain-type amd64 FAIL "s/arch='aarch64'/arch='x86_64'/"
spoil_domain domain-type no-arch PASS "s/ arch='aarch64'//"
spoil_domain domain-iommufd without WARN "s/ iommufd='yes'//"
spoil_domain guest-function one FAIL "s/bus='0x02' slot='0x00' function='0x0'/bus='0x02' slot='0x00' function='0x1'/"
spoil_domain initiator-nodes seven FAIL "s/nodeset='1-8'/nodeset='1-7'/"
spoil_domain initiator-nodes shared FAIL "s/nodeset='1-8'/nodeset='2-9'/"
spoil_domain initiator-nodes memory FAIL "s/<cell id='3' memory='0'/<cell id='3' memory='4096'/"
spoil_domain initiator-nodes missing FAIL "/<cell id='3'/d"
spoil_domain initiator-nodes none FAIL "/<acpi nodeset/d"
spoil_domain initiator-nodes without-ids PASS "s/<cell id='[0-9]*'/<cell/"
# What libvirt takes for 0 where it is not said, and what no address has.
spoil_domain domain-hostdev no-function PASS "/<source>/,/<.source>/s/ function='0x0'//"
spoil_domain domain-hostdev no-slot PASS "/<source>/,/<.source>/s/ slot='0x00' function='0x0'//"
spoil_domain guest-function not-said PASS "s/\(bus='0x0[0-9]' slot='0x00'\) function='0x0'/\1/"
spoil_domain guest-function no-place PASS "s/bus='0x02' slot='0x00' function='0x0'//"
bad_address() {
	sed "$2" "$WORK/domain.xml" >"$WORK/spoilt.xml"
	says "doctor/domain-bad-$1" doctor --domain "$WORK/spoilt.xml"
}
bad_address slot "/<source>/,/<.source>/s/slot='0x00'/slot='0x20'/"
bad_address function "s/bus='0x04' slot='0x00' function='0x0'/bus='0x04' slot='0x00' function='9'/"
bad_address bus "/<source>/,/<.source>/s/bus='0x01'/bus='one'/"
# A domain may have more than one counts on, of which some are no GPU.
many_others() {
	local n others=
	for ((n = 1; n <= 80; n++)); do
		others+="<hostdev mode='subsystem' type='pci'><source><address domain='0x0100' bus='$n' slot='0x00' function='0x0'/></source></hostdev>"
		mkdir -p "$T/sys/bus/pci/devices/$(printf '0100:%02x:00.0' $n)"
	done
	printf '%s\n' "0,/<hostdev /s|<hostdev |$others&|"
}
spoil_domain domain-hostdev behind-eighty PASS "$(many_others)"
says doctor/domain-behind-eighty doctor --domain "$WORK/spoilt.xml" --check domain-iommufd
rm -rf "$T/sys/bus/pci/devices/0100:"*
spoil_domain vsmmu none FAIL "/<iommu /,/<.iommu>/d"
spoil_domain vsmmu not-accelerated FAIL "s/accel='on'/accel='off'/"
spoil_domain vsmmu shared FAIL "s/bus='0x03' slot/bus='0x01' slot/"
spoil_domain mmio-window small FAIL "s/<pcihole64 unit='KiB'>[0-9]*/<pcihole64 unit='GiB'>512/"
spoil_domain mmio-window none FAIL "/<pcihole64/d"
spoil_domain mmio-window three FAIL "s/<pcihole64 unit='KiB'>[0-9]*/<pcihole64 unit='TiB'>3/"
spoil_domain address-width cpu FAIL "s/<numa>/<maxphysaddr mode='emulate' bits='40'\/><numa>/"
spoil_domain address-width window FAIL "s/<pcihole64 unit='KiB'>[0-9]*/<pcihole64 unit='TiB'>64/; s/<numa>/<maxphysaddr mode='emulate' bits='44'\/><numa>/"
spoil_domain address-width smmu FAIL "s/oas='48'/oas='40'/"
spoil_domain address-width may-get FAIL "s/<memory /<maxMemory slots='16' unit='TiB'>16<\/maxMemory>&/; s/<numa>/<maxphysaddr mode='emulate' bits='43'\/><numa>/"
spoil_domain address-width may-get-enough PASS "s/<memory /<maxMemory slots='16' unit='TiB'>4<\/maxMemory>&/; s/<numa>/<maxphysaddr mode='emulate' bits='43'\/><numa>/"
spoil_domain domain-memlock small FAIL "s/<vcpu>/<memtune><hard_limit unit='G'>32<\/hard_limit><\/memtune><vcpu>/"
spoil_domain domain-memlock tight FAIL "s/<vcpu>/<memtune><hard_limit unit='GB'>69<\/hard_limit><\/memtune><vcpu>/"
spoil_domain domain-memlock large PASS "s/<vcpu>/<memtune><hard_limit unit='G'>96<\/hard_limit><\/memtune><vcpu>/"
put proc/sys/kernel/arch aarch64
put dev/kvm "165 40"
spoil_domain address-width host FAIL ""
put dev/kvm "165 48"
spoil_domain address-width host-enough PASS ""
gone dev/kvm
# More memory than there are addresses.
sed "s/<memory unit='KiB'>[0-9]*</<memory unit='TiB'>8388609</" "$WORK/domain.xml" >"$WORK/large.xml"
ends() {
	local status=0
	COHGPU_SYSROOT=$T timeout 20 "$COHGPU" "$@" >/dev/null 2>&1 || status=$?
	[[ $status != 124 ]]
}
check "more memory than a CPU can address does not hang it" ends doctor --domain "$WORK/large.xml"
spoil_domain domain-ras off WARN "/<ras/d"
# QEMU's own words in it: argument ARGUMENT..., for SED.
NAMESPACE="/xmlns:qemu/!s|<domain |&xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' |"
arguments() {
	local argument
	printf "%s; s|</domain>|<qemu:commandline>" "$NAMESPACE"
	for argument; do printf "<qemu:arg value='%s'/>" "$argument"; done
	printf "</qemu:commandline>&|"
}
override() {
	printf "s|</qemu:override>|<qemu:device alias='hostdev0'><qemu:frontend><qemu:property name='%s' type='bool' value='%s'/></qemu:frontend></qemu:device>&|" "$@"
}
spoil_domain domain-mmap set FAIL "$(arguments -set device.hostdev0.x-no-mmap=on)"
spoil_domain domain-mmap device FAIL "$(arguments -device vfio-pci,host=0009:01:00.0,x-no-mmap=yes,rombar=0)"
spoil_domain domain-mmap global FAIL "$(arguments -global driver=vfio-pci,property=x-no-mmap,value=true)"
spoil_domain domain-mmap override FAIL "$(override x-no-mmap true)"
spoil_domain domain-mmap json FAIL "$(arguments -device '{"driver":"vfio-pci","host":"0009:01:00.0","x-no-mmap":true}')"
spoil_domain domain-mmap json-off PASS "$(arguments -device '{"driver":"vfio-pci","host":"0009:01:00.0","x-no-mmap":false}')"
spoil_domain domain-mmap json-broken PASS "$(arguments -device '{"driver":"vfio-pci","x-no-mmap":')"
spoil_domain domain-mmap off PASS "$(arguments -set device.hostdev0.x-no-mmap=off -device x-no-mmap)"
spoil_domain domain-mmap override-off PASS "$(override x-no-mmap false)"
spoil_domain domain-mmap others PASS "$(override rombar true)"
spoil_domain domain-reserve none WARN "/pref64-reserve/d"
spoil_domain domain-reserve small WARN "s/\(pref64-reserve.*value='\)[0-9]*/\1137438953472/"
spoil_domain domain-reserve another WARN "s/alias='pci.4'/alias='pci.3'/"
spoil_domain domain-reserve without-port WARN "/pref64-reserve/d; s/bus='0x02' slot/bus='0x01' slot/"
spoil_domain domain-reserve at-the-root SKIP "/pref64-reserve/d; /type='pci' domain='0x0000' bus='0x0[13]'/d"
spoil_domain domain-reserve alias PASS "s/alias='pci.4'/alias='ua-four'/; s/.*index='4'.*/&<alias name='ua-four'\/>/"
spoil_domain domain-reserve set PASS "/pref64-reserve/d; $(arguments -set device.pci.2.pref64-reserve=512G -set device.pci.4.pref64-reserve=512G)"
spoil_domain domain-reserve set-one WARN "/pref64-reserve/d; $(arguments -set device.pci.2.pref64-reserve=512G)"
spoil_domain domain-reserve global PASS "/pref64-reserve/d; $(arguments -global pcie-root-port.pref64-reserve=512G)"
spoil_domain domain-reserve global-long PASS "/pref64-reserve/d; $(arguments -global driver=pcie-root-port,property=pref64-reserve,value=512G)"
for version in 8.2.2 9.1.0 9.2.0 10.0.0; do
	put usr/bin/qemu-system-aarch64.version "QEMU emulator version $version"
	verdict=FAIL
	[[ $version != 10.0.0 ]] || verdict=WARN
	spoil_domain emulator $version $verdict ""
done
put usr/bin/qemu-system-aarch64.version "QEMU emulator version 8.2.2"
spoil_domain emulator no-iommufd FAIL "s/ iommufd='yes'//"
for version in 10.3.0 11.7.0 12.0.0 12.7.0; do
	put usr/sbin/virtqemud.version "virtqemud (libvirt) $version"
	spoil_domain domain-libvirt $version FAIL ""
done
spoil_domain domain-libvirt nothing-new PASS "/<pcihole64/d; s/ iommufd='yes'//; /<acpi nodeset=/d; /<iommu model/,/<\/iommu>/d"
put usr/sbin/virtqemud.version "virtqemud of another kind"
spoil_domain domain-libvirt no-version SKIP ""
gone usr
spoil_domain domain-libvirt absent SKIP ""
spoil_domain emulator unknown SKIP ""
for bdf in 0008 0009; do
	gone sys/bus/pci/devices/$bdf:01:00.0/coherent_memory
done
spoil_domain mmio-window unknown-memory SKIP ""
spoil_domain domain-reserve unknown-memory SKIP ""
says doctor/domain-given-memory doctor --domain "$WORK/domain.xml" --memory 185G
check "with a size given the window, the width and the room are judged" test "$(grep -cE '^PASS  (mmio-window|address-width|domain-reserve)' "$WORK/said")" = 4
says doctor/memory-of-no-domain doctor --memory 185G
says doctor/domain-no-memory doctor --domain "$WORK/domain.xml" --memory much
# GPUs behind one physical SMMU, and one behind another: one answer of plan, the host's checks and the domain's.
tree domain-of-shared gb200_three
cohgpu plan all --format libvirt >"$WORK/domain.xml" 2>/dev/null
check "plan's domain for two behind one SMMU has nothing against it" sh -c "COHGPU_SYSROOT=$T $COHGPU doctor --domain $WORK/domain.xml | grep ' 0 warned, 0 failed'"
spoil_domain vsmmu one-smmu PASS ""
spoil_domain domain-reserve one-smmu PASS ""
spoil_domain domain-reserve one-smmu-none WARN "/<qemu:device alias='pci.3'/,/<.qemu:device>/d"
spoil_domain vsmmu other-smmu FAIL "s/bus='0x04' slot/bus='0x01' slot/"
not_told() {
	local bdf
	for bdf in 0008 0009 000a; do gone sys/bus/pci/devices/$bdf:01:00.0/iommu; done
}
not_told
spoil_domain vsmmu not-told WARN ""
# GPUs behind a PCIe switch have one root port, and so one vSMMU and one room, together: behind_switch COUNT.
behind_switch() {
	local n switch=""
	for ((n = 0; n < $1; n++)); do
		switch+="<controller type='pci' index='$((40 + n))' model='pcie-switch-downstream-port'><address type='pci' bus='0x20' slot='$n' function='0'/></controller>"
		printf "s/bus='0x%02x' slot='0x00' function='0x0'/bus='%d' slot='0x00' function='0x0'/; " $((n + 2)) $((40 + n))
	done
	printf "s|<controller type='pci' index='0'|<controller type='pci' index='32' model='pcie-switch-upstream-port'><address type='pci' bus='0x02' slot='0' function='0'/></controller>%s&|" "$switch"
}
room() {
	printf '%s\n' "; s/\(pref64-reserve.*value='\)[0-9]*/\1$(($1 * GIB))/"
}
tree domain-of-switch gb200_three
cohgpu plan 0008:01:00.0 000a:01:00.0 --format libvirt 2>/dev/null >"$WORK/domain.xml"
sed -i "/<controller type='pci' index='3'/,/<\/controller>/d; /<qemu:device alias='pci.3'/,/<\/qemu:device>/d" "$WORK/domain.xml"
spoil_domain vsmmu switch PASS "$(behind_switch 2)"
spoil_domain domain-reserve switch PASS "$(behind_switch 2)$(room 1024)"
spoil_domain domain-reserve switch-for-one WARN "$(behind_switch 2)$(room 512)"
spoil_domain domain-reserve switch-downstream WARN "$(behind_switch 2)$(room 1024); s/alias='pci.2'/alias='pci.40'/"
spoil_domain domain-reserve switch-global WARN "$(behind_switch 2); /pref64-reserve/d; s/model='pcie-root-port'/model='pcie-pci-bridge'/; $(arguments -global pcie-root-port.pref64-reserve=1T)"
spoil_domain mmio-window switch PASS "$(behind_switch 2)"
for bdf in 0008 0009 000a; do group_of $bdf:01:00.0 7 smmu3.0; done
cohgpu plan all --format libvirt 2>/dev/null >"$WORK/domain.xml"
spoil_domain mmio-window three-ports PASS ""
spoil_domain mmio-window three-behind-switch FAIL "$(behind_switch 3)"
spoil_domain domain-reserve three-behind-switch WARN "$(behind_switch 3)$(room 1024)"
tree domain-of-shared gb200_three
not_told
# Each behind a vSMMU of its own, which is right as long as the host does not tell.
cohgpu plan all --format libvirt >"$WORK/domain.xml" 2>/dev/null
spoil_domain vsmmu each-not-told PASS ""
tree domain-of-shared gb200_three
spoil_domain vsmmu each WARN ""
# Without managed='yes' libvirt leaves it the driver that it has.
tree domain-bound gb200_two
cohgpu plan all --format libvirt >"$WORK/domain.xml" 2>/dev/null
driver_of 0009:01:00.0 vfio-pci
spoil_domain domain-driver bound-to-another FAIL ""
spoil_domain domain-driver bound-anew PASS "$MANAGED"
check "every check of --domain has a definition that is spoilt for it" every_check_spoilt 15

tree v100-domain healthy_v100
# What was spoilt of a Grace GPU's says nothing of a V100's.
spoilt=() passed_by=()
put usr/bin/qemu-system-ppc64.version "QEMU emulator version 7.2.0"
cohgpu plan all --format libvirt --ram 64G 2>/dev/null >"$WORK/domain.xml"
says doctor/v100-domain doctor --domain "$WORK/domain.xml" --strict
check "plan's domain of a V100 passes all" grep -q '^8 passed, 0 warned, 0 failed, 0 skipped' "$WORK/said"
of_the_healthy doctor --domain "$WORK/domain.xml"
spoil_domain domain-bridges missing FAIL "/slot='0x00' function='0x1'/d"
spoil_domain domain-hostdev v100 FAIL "s/<address domain='0x0006'/<address domain='0x00ff'/"
spoil_domain domain-driver v100 FAIL "$MANAGED; s/<hostdev .*>/&<driver name='vfio' model='vfio-pci'\/>/"
spoil_domain domain-memlock v100 FAIL "s/<vcpu>/<memtune><hard_limit unit='G'>32<\/hard_limit><\/memtune><vcpu>/"
spoil_domain domain-type v100 FAIL "s/arch='ppc64le'/arch='aarch64'/"
spoil_domain domain-bridges elsewhere FAIL "s/bus='0x01' slot='0x02'/bus='0x00' slot='0x02'/"
put usr/bin/qemu-system-ppc64.version "QEMU emulator version 9.0.0"
spoil_domain emulator v100 FAIL ""
gone sys/bus/pci/devices/0004:04:00.0/iommu_group
spoil_domain domain-group ungrouped SKIP ""
tree v100-domain-of-four ac922
put usr/bin/qemu-system-ppc64.version "QEMU emulator version 7.2.0"
cohgpu plan all --format libvirt 2>/dev/null | sed 's|<devices>|<devices><emulator>/usr/bin/qemu-system-ppc64</emulator>|' >"$WORK/domain.xml"
says doctor/v100-domain-of-four doctor --domain "$WORK/domain.xml" --strict
spoil_domain domain-group apart FAIL "s/bus='0x01' slot='0x0\([456]\)'/bus='0x00' slot='0x0\1'/"
spoil_domain domain-group together FAIL "s/bus='0x02' slot='0x0/bus='0x01' slot='0x1/"
cohgpu plan 0004:04:00.0 --format libvirt 2>/dev/null >"$WORK/domain.xml"
spoil_domain domain-group part WARN ""
cohgpu plan 0004:04:00.0 0004:05:00.0 --format libvirt 2>/dev/null >"$WORK/domain.xml"
spoil_domain domain-group whole PASS ""
spoil_domain domain-group one-bus PASS ""
group_of 0006:00:01.0 7 iommu-npu7
spoil_domain domain-group bridge-apart FAIL ""
spoil_domain domain-mmap v100 FAIL "$(arguments -set device.hostdev0.x-no-mmap=on)"
check "every check of a V100's domain is spoilt" every_check_spoilt 7

echo "<domain><name>guest</domain>" >"$WORK/bad.xml"
says doctor/domain-bad-xml doctor --domain "$WORK/bad.xml"
echo "<network/>" >"$WORK/bad.xml"
says doctor/domain-no-domain doctor --domain "$WORK/bad.xml"
echo "<domain/>" >"$WORK/bad.xml"
says doctor/domain-without-gpu doctor --domain "$WORK/bad.xml"
says doctor/domain-folder doctor --domain "$WORK"
says doctor/domain-missing doctor --domain /nonexistent.xml
says doctor/domain-and-guest doctor --guest --domain "$WORK/bad.xml"
