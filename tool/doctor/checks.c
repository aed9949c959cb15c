// SPDX-License-Identifier: GPL-2.0-only
/* The checks, in the order in which a cause makes others: what comes first explains the rest. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "doctor/doctor.h"

void finding(struct finding *f, enum verdict verdict, const char *format, ...)
{
	va_list args;

	f->verdict = verdict;
	f->fix[0] = 0;
	va_start(args, format);
	vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
}

void fix_text(char *buf, size_t size, const char *fix, const char *one, const char *all)
{
	size_t used = 0;

	buf[0] = 0;
	while (*fix && used < size) {
		size_t plain = strcspn(fix, "{");

		used += snprintf(buf + used, size - used, "%.*s", (int)plain, fix);
		fix += plain;
		if (*fix && used < size) {
			used += snprintf(buf + used, size - used, "%s",
					 !strncmp(fix, "{GPUS}", 6) ? all : one);
			fix += strcspn(fix, "}") + 1;
		}
	}
}

const struct check doctor_host[] = {
	{
		.id = "vfio",
		.looks = "vfio_pci_core, on which every VFIO driver of a GPU is built",
		.symptom = "modprobe: vfio_pci_core not found, or unknown symbol in module",
		.fix = "a kernel with CONFIG_VFIO_PCI, and the package that has its modules",
		.machine = check_vfio,
	},
	{
		.id = "answers",
		.looks = "config space, which reads all-ones where a GPU is gone or without power",
		.symptom = "Unable to change power state from D3cold to D0, device inaccessible",
		.fix = "power-cycle the machine; its log may say what the link had: dmesg | grep "
		       "AER",
		.gpu = check_answers,
	},
	{
		.id = "variant-driver",
		.looks = "modules.alias, for a VFIO driver that is made for the GPU",
		.symptom = "the guest sees no memory BAR, whatever is bound",
		.fix = "the package cohgpu-grace-dkms (of a V100 cohgpu-nvlink2-dkms)",
		.gpu = check_variant_driver,
		.bare = bare_variant_driver,
	},
	{
		.id = "module-built",
		.looks = "which kernel the driver's module is built for",
		.symptom = "modprobe: not found, after the kernel was upgraded",
		.fix = "install this kernel's headers, then: dkms autoinstall",
		.gpu = check_module_built,
		.bare = bare_module_built,
	},
	{
		.id = "module-signed",
		.looks = "the module's signature, where Secure Boot or lockdown asks for one",
		.symptom = "modprobe: key was rejected by service",
		.fix = "mokutil --import /var/lib/dkms/mok.pub, and reboot to enroll it",
		.gpu = check_module_signed,
		.bare = bare_module_signed,
	},
	{
		.id = "driver-name",
		.looks = "driver_override, for a name that no driver has",
		.symptom = "the GPU stays without a driver, and nothing says why",
		.fix = "cohgpu bind {GPU}, which takes any spelling",
		.gpu = check_driver_name,
	},
	{
		.id = "bound-driver",
		.looks = "the driver that is bound",
		.symptom = "looks perfect in lspci, but the guest sees no memory BAR",
		.fix = "cohgpu bind {GPU}",
		.gpu = check_bound_driver,
	},
	{
		.id = "memory-present",
		.looks = "what firmware said of the memory, by coherent_memory/state or the device "
			 "tree",
		.symptom = "bound, looks perfect in lspci, and has no coherent memory",
		.fix = "power-cycle the machine; if it stays so, update its firmware",
		.gpu = check_memory_present,
	},
	{
		.id = "memory-ready",
		.looks = "whether link and memory were trained in time, as driver or log tell",
		.symptom = "the guest's first access to the memory fails, or it waits for minutes",
		.fix = "echo 1 > /sys/bus/pci/devices/{GPU}/reset, then: cohgpu bench {GPU}",
		.families = FOR_GRACE,
		.gpu = check_memory_ready,
	},
	{
		.id = "bridge-functions",
		.looks = "whether the kernel has the GPU's NVLink bridges as PCI functions",
		.symptom = "the guest's driver finds no NVLink, or does not bring it up",
		.fix = NVLINK2_KERNEL,
		.families = FOR_NVLINK2,
		.gpu = check_bridge_functions,
	},
	{
		.id = "bridges",
		.looks = "drivers of the GPU's NVLink bridges",
		.symptom = "VFIO: group is not viable; or the guest's driver finds no NVLink",
		.fix = "cohgpu bind {GPU}, which takes its bridges along",
		.families = FOR_NVLINK2,
		.gpu = check_bridges,
	},
	{
		.id = "bridge-group",
		.looks = "whether the GPU's NVLink bridges are in its IOMMU group",
		.symptom = "QEMU: ATSD requires separate vPHB per GPU IOMMU group",
		.fix = NVLINK2_KERNEL,
		.families = FOR_NVLINK2,
		.gpu = check_bridge_group,
	},
	{
		.id = "guest-mapping",
		.looks = "functions of the kernel that let a GPU use a guest's addresses",
		.symptom = "VFIO: error getting device: Operation not supported, when a VM starts",
		.fix = NVLINK2_KERNEL,
		.families = FOR_NVLINK2,
		.machine = check_guest_mapping,
	},
	{
		.id = "memory-offline",
		.looks = "/proc/iomem, for memory of the GPU that the host uses as its own",
		.symptom = "unloading the host's driver fails, and binding hangs",
		.fix = "stop the services that use the GPU, unload nvidia_uvm and nvidia, and wait",
		.gpu = check_memory_offline,
		.bare = bare_memory_offline,
	},
	{
		.id = "gpu-unused",
		.looks = "open files of the GPU at the host's driver",
		.symptom = "unloading the host's driver fails, and binding hangs",
		.fix = "stop the services that hold it, and end the processes that do",
		.gpu = check_gpu_unused,
	},
	{
		.id = "iommu",
		.looks = "the GPU's IOMMU group; without a GPU, whether there is any",
		.symptom = "no /dev/vfio/N, and the VMM cannot open the device",
		.fix = "IOMMU on in the firmware; no iommu=off, or (Intel) intel_iommu=on, to boot",
		.gpu = check_iommu,
		.bare = bare_iommu,
	},
	{
		.id = "iommu-group",
		.looks = "drivers of what else is in the group: VFIO's, or none",
		.symptom = "VFIO: group is not viable",
		.fix = "bind the others too (GPUs: cohgpu bind all), or turn ACS on in the "
		       "firmware",
		.gpu = check_iommu_group,
	},
	{
		.id = "iommu-shared",
		.looks = "other GPUs behind the same physical IOMMU",
		.symptom = "a second VM with the other GPU, or a vSMMU a GPU, does not start",
		.fix = "give them to one VM, behind one vSMMU, as printed by: cohgpu plan {GPUS}",
		.families = FOR_GRACE,
		.gpu = check_iommu_shared,
	},
	{
		.id = "iommu-passthrough",
		.looks = "the domain of the GPU's IOMMU group, or the default one",
		.symptom = "CUDA fails in the host, and its devices are not kept apart",
		.fix = "remove iommu.passthrough from the kernel's command line",
		.families = FOR_GRACE,
		.machine = check_iommu_passthrough,
	},
	{
		.id = "iommufd",
		.looks = "/dev/iommu",
		.symptom = "no accelerated vSMMU: CUDA does not start in the guest",
		.fix = "a kernel with CONFIG_IOMMUFD, and: modprobe iommufd",
		.families = FOR_GRACE,
		.machine = check_iommufd,
	},
	{
		.id = "peer-to-peer",
		.looks = "CONFIG_VFIO_PCI_DMABUF, by which iommufd maps device memory for DMA",
		.symptom = "IOMMU_IOAS_MAP failed: Bad address, PCI BAR?",
		.fix = "kernel 6.19 or later with CONFIG_VFIO_PCI_DMABUF",
		.families = FOR_GRACE,
		.machine = check_peer_to_peer,
	},
	{
		.id = "memlock",
		.looks = "RAM of the VMs that run and of one to come (--ram), which VFIO locks",
		.symptom = "VFIO_MAP_DMA failed: Cannot allocate memory",
		.fix = "LimitMEMLOCK=infinity for the service, or ulimit -l unlimited",
		.machine = check_memlock,
	},
	{
		.id = "kvm-cacheable",
		.looks = "whether KVM maps device memory cached, KVM_CHECK_EXTENSION(243)",
		.symptom = "guest crashes, or QEMU: KVM_SET_USER_MEMORY_REGION failed: Invalid "
			   "argument",
		.fix = "kernel 6.17 or later, on a processor with S2FWB and DIC, as Grace is",
		.families = FOR_GRACE,
		.machine = check_kvm_cacheable,
	},
	{
		.id = "nodes-shift",
		.looks = "CONFIG_NODES_SHIFT: eight NUMA nodes a Grace GPU, one a V100, and the "
			 "CPUs'",
		.symptom = "memory of later GPUs is not onlined, MIG instances fail",
		.fix = "a kernel with CONFIG_NODES_SHIFT=6 or more",
		.machine = check_nodes_shift,
	},
	{
		.id = "sva",
		.looks = "CONFIG_ARM_SMMU_V3_SVA",
		.symptom = "nvidia-smi works, CUDA does not start",
		.fix = "a kernel with CONFIG_ARM_SMMU_V3_SVA",
		.families = FOR_GRACE,
		.machine = check_sva,
	},
	{
		.id = "memory-failure",
		.looks = "CONFIG_MEMORY_FAILURE",
		.symptom = "one bad cell of the GPU's memory ends the VM, or the host",
		.fix = "a kernel with CONFIG_MEMORY_FAILURE",
		.machine = check_memory_failure,
	},
	{
		.id = "huge-maps",
		.looks = "what kernel, driver and size of pages make of a large mapping",
		.symptom = "the VM takes minutes to start",
		.fix = "64 KiB pages; or, not on POWER, Linux 6.12, 6.19 with its own driver",
		.machine = check_huge_maps,
	},
	{
		.id = "power",
		.looks = "the power state, and whether VFIO may let a Grace GPU fall into D3cold",
		.symptom = "the GPU is stuck in D3cold after some VMs, or comes back untrained",
		.fix = "echo 0 > /sys/bus/pci/devices/{GPU}/d3cold_allowed",
		.gpu = check_power,
	},
	{
		.id = "reset",
		.looks = "reset_method",
		.symptom = "the next guest finds what the last one left, or VFIO refuses the GPU",
		.fix = "echo default > /sys/bus/pci/devices/{GPU}/reset_method",
		.gpu = check_reset,
	},
	{0},
};

const struct check doctor_domain[] = {
	{
		.id = "domain-hostdev",
		.looks = "whether each <hostdev> is a function of this host",
		.symptom = "libvirt does not start the domain",
		.fix = "the right address: cohgpu list has those of the GPUs that are there",
		.machine = check_domain_hostdev,
	},
	{
		.id = "domain-type",
		.looks = "type of <domain> and arch of its <os>, which are to be the host's",
		.symptom = "the guest crawls, or its firmware does not start",
		.fix = "type='kvm', and no arch, or aarch64 (for a V100 ppc64le)",
		.machine = check_domain_type,
	},
	{
		.id = "domain-driver",
		.looks = "the driver bound, or, of managed='yes', the one that <hostdev> asks for",
		.symptom = "the guest sees no memory BAR",
		.fix = "remove model= from <driver>, or spell it as cohgpu list does",
		.gpu = check_domain_driver,
	},
	{
		.id = "domain-bridges",
		.looks = "whether the GPU's NVLink bridges are on its bus in the guest",
		.symptom = "the guest sees a GPU on PCI, without its memory and links",
		.fix = "as printed by: cohgpu plan {GPUS} --format libvirt",
		.families = FOR_NVLINK2,
		.gpu = check_domain_bridges,
	},
	{
		.id = "domain-group",
		.looks = "whether each IOMMU group is on a host bridge of its own, as a whole",
		.symptom = "QEMU: group N used in multiple address spaces",
		.fix = "as printed by: cohgpu plan {GPUS} --format libvirt, with all of the group",
		.families = FOR_NVLINK2,
		.gpu = check_domain_group,
	},
	{
		.id = "domain-iommufd",
		.looks = "iommufd in <hostdev>",
		.symptom = "no accelerated vSMMU: CUDA does not start in the guest",
		.fix = "<driver name='vfio' iommufd='yes'/>, libvirt 12.1 or later",
		.families = FOR_GRACE,
		.gpu = check_domain_iommufd,
	},
	{
		.id = "guest-function",
		.looks = "the function at which the guest has the GPU",
		.symptom = "QEMU: non-zero device function is not supported",
		.fix = "function='0x0' in the <address> of <hostdev>",
		.families = FOR_GRACE,
		.gpu = check_domain_function,
	},
	{
		.id = "initiator-nodes",
		.looks = "eight cells without memory for each GPU alone, and its <acpi nodeset>",
		.symptom = "the GPU's memory is not onlined, MIG instances fail",
		.fix = "as printed by: cohgpu plan {GPUS} --format libvirt",
		.families = FOR_GRACE,
		.gpu = check_domain_initiators,
	},
	{
		.id = "vsmmu",
		.looks = "an accelerated <iommu> over each GPU, one for each physical SMMU",
		.symptom = "nvidia-smi works, CUDA does not start; or QEMU does not",
		.fix = "as printed by: cohgpu plan {GPUS} --format libvirt",
		.families = FOR_GRACE,
		.gpu = check_domain_vsmmu,
	},
	{
		.id = "domain-reserve",
		.looks = "the port's pref64-reserve, for a GPU behind a pcie-expander-bus",
		.symptom = "the guest finds no room for the GPU's BARs: can't assign; no space",
		.fix = "the <qemu:override> that is printed by: cohgpu plan {GPUS} --format "
		       "libvirt",
		.families = FOR_GRACE,
		.gpu = check_domain_reserve,
	},
	{
		.id = "mmio-window",
		.looks = "pcihole64 against the sizes of the BARs",
		.symptom = "This PCI I/O region assigned to your NVIDIA device is invalid",
		.fix = "the pcihole64 that is printed by: cohgpu plan {GPUS} --format libvirt",
		.families = FOR_GRACE,
		.machine = check_domain_window,
	},
	{
		.id = "address-width",
		.looks =
			"address bits of CPU, vSMMU and the host's KVM against RAM and MMIO window",
		.symptom = "the more RAM the guest has, the fewer GPUs work",
		.fix = "a larger maxphysaddr and oas, or less RAM",
		.families = FOR_GRACE,
		.machine = check_domain_width,
	},
	{
		.id = "emulator",
		.looks = "the version of the domain's QEMU",
		.symptom = "NVRM: Hypervisor stack is old and not following ACPI spec",
		.fix = "QEMU 11.0 or later; for a V100, 4.1 to 8.1",
		.machine = check_domain_emulator,
	},
	{
		.id = "domain-libvirt",
		.looks = "the version of libvirt against what the definition has",
		.symptom =
			"what libvirt does not know is gone when the VM is defined, without a word",
		.fix = "libvirt 12.8 or later",
		.families = FOR_GRACE,
		.machine = check_domain_libvirt,
	},
	{
		.id = "domain-memlock",
		.looks = "hard_limit in <memtune>, which bounds locked memory",
		.symptom = "VFIO_MAP_DMA failed: Cannot allocate memory",
		.fix = "remove hard_limit, or make it larger than the VM by a few GiB",
		.machine = check_domain_memlock,
	},
	{
		.id = "domain-mmap",
		.looks = "x-no-mmap, in <qemu:commandline> and <qemu:override>",
		.symptom =
			"the guest crawls, or crashes: each access to the memory goes through QEMU",
		.fix = "remove x-no-mmap",
		.machine = check_domain_mmap,
	},
	{
		.id = "domain-ras",
		.looks = "<ras>, by which the guest hears of bad memory",
		.symptom = "one bad cell of the GPU's memory ends the VM",
		.fix = "<ras state='on'/> in <features>",
		.families = FOR_GRACE,
		.machine = check_domain_ras,
	},
	{0},
};

const struct check doctor_guest[] = {
	{
		.id = "guest-bars",
		.looks = "BAR4, which shows the GPU's memory",
		.symptom = "NVRM: Cannot get coherent link info",
		.fix = "on the host: cohgpu doctor; in the definition: cohgpu doctor --domain FILE",
		.families = FOR_GRACE,
		.gpu = check_guest_bars,
	},
	{
		.id = "guest-srat",
		.looks = "generic initiators of the GPU in ACPI's SRAT",
		.symptom = "NVRM: Hypervisor stack is old and not following ACPI spec",
		.fix = "QEMU 9.2 or later, and the definition that cohgpu plan prints",
		.families = FOR_GRACE,
		.gpu = check_guest_srat,
	},
	{
		.id = "guest-nodes",
		.looks = "NUMA nodes that the kernel made for generic initiators",
		.symptom = "the GPU's memory is not onlined, MIG instances fail",
		.fix = "eight nodes a GPU in the definition, and CONFIG_NODES_SHIFT=6 in the guest",
		.families = FOR_GRACE,
		.machine = check_guest_nodes,
	},
	{
		.id = "guest-nodes-shift",
		.looks = "CONFIG_NODES_SHIFT: eight NUMA nodes a Grace GPU, one a V100, and the "
			 "CPUs'",
		.symptom = "memory of later GPUs is not onlined, MIG instances fail",
		.fix = "a kernel with CONFIG_NODES_SHIFT=6 or more",
		.machine = check_nodes_shift,
	},
	{
		.id = "guest-online",
		.looks = "the policy for hot-plugged memory",
		.symptom = "the GPU's memory cannot be given back, or virtio's buffers land in it",
		.fix = "memhp_default_state=online_movable on the kernel's command line",
		.machine = check_guest_online,
	},
	{
		.id = "guest-ats",
		.looks = "ATS in the GPU's config space",
		.symptom = "nvidia-smi works, CUDA does not start",
		.fix = "ats=on of the vSMMU, and ATS on in the host's firmware",
		.families = FOR_GRACE,
		.gpu = check_guest_ats,
	},
	{
		.id = "guest-pasid",
		.looks = "PASID in the GPU's config space",
		.symptom = "nvidia-smi works, CUDA does not start",
		.fix = "ssidsize=20 of the vSMMU, and iommufd",
		.families = FOR_GRACE,
		.gpu = check_guest_pasid,
	},
	{
		.id = "guest-sva",
		.looks = "CONFIG_ARM_SMMU_V3_SVA",
		.symptom = "nvidia-smi works, CUDA does not start",
		.fix = "a guest kernel with CONFIG_ARM_SMMU_V3_SVA",
		.families = FOR_GRACE,
		.machine = check_sva,
	},
	{
		.id = "guest-passthrough",
		.looks = "the domain of the GPU's group behind the vSMMU, or the default one",
		.symptom = "CUDA does not start",
		.fix = "remove iommu.passthrough from the kernel's command line",
		.families = FOR_GRACE,
		.machine = check_iommu_passthrough,
	},
	{0},
};
