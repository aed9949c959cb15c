// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a plan takes and is not here: of the installed programs (parts.c), of this host, of the GPUs'
 * groups. It may all be there where the VM is to run, so that a plan is printed all the same.
 */
#include <stdio.h>
#include <string.h>

#include "core/emulator.h"
#include "core/out.h"
#include "core/sys.h"
#include "doctor/doctor.h"
#include "plan/plan.h"

/* The host's own limit, as KVM says it; of a machine without KVM there is none to say. */
static unsigned int lacks_width(struct json_object *object, const struct plan *plan, bool quiet)
{
	int width = machine_guest_bits();

	out_object(object, "host_address_bits", width > 0 ? json_object_new_int(width) : NULL);
	if (width <= 0 || plan->bits <= (unsigned int)width)
		return 0;
	if (!quiet)
		fprintf(stderr,
			"note: %u bits of guest addresses are wanted, KVM has %d here. "
			"Fewer GPUs in one VM need fewer\n",
			plan->bits, width);
	return 1;
}

/* libvirt and KubeVirt find it by themselves. */
static unsigned int lacks_firmware(struct json_object *object, const struct plan *plan, bool quiet)
{
	bool installed = true;
	const char *path = plan->family == GPU_GRACE ? emulator_firmware(&installed) : NULL;

	out_text(object, "firmware", path);
	if (!installed && !quiet)
		fprintf(stderr, "note: no UEFI for the VM here: qemu-efi-aarch64 of Debian, "
				"edk2-aarch64 of Fedora\n");
	return !installed;
}

/* How many GPUs have links that this host's kernel cannot give to a VM. */
static unsigned int lacks_links(const struct plan *plan, bool quiet)
{
	unsigned int count = 0;

	for (size_t i = 0; i < plan->count; i++) {
		const struct gpu *gpu = plan->gpu[i].gpu;
		const char *apart = gpu_bridge_apart(gpu);

		if (gpu->bridges == gpu->links && !apart)
			continue;
		count++;
		if (apart && !quiet)
			fprintf(stderr,
				"note: %s is not in IOMMU group %d, as its GPU is. Without that: "
				"QEMU does not give the guest their links\n",
				apart, gpu->group);
		if (gpu->bridges < gpu->links && !quiet)
			fprintf(stderr,
				"note: %d of %d NVLink bridges of %s are PCI functions here. "
				"Without all of them: its driver does not bring NVLink up\n",
				gpu->bridges, gpu->links, gpu->address);
	}
	return count;
}

/* A port is nobody's; what is planned is not left out. */
static bool is_left_out(const struct plan *plan, const char *address)
{
	for (size_t i = 0; i < plan->count; i++)
		if (gpu_includes(plan->gpu[i].gpu, address))
			return false;
	return !group_is_port(address);
}

/* The first GPU of a group speaks for it. */
static bool is_first_of_group(const struct plan *plan, size_t i)
{
	for (size_t before = 0; before < i; before++)
		if (plan->gpu[before].gpu->group == plan->gpu[i].gpu->group)
			return false;
	return true;
}

/* Members of a GPU's group that the plan does not have; NULL: none. */
static struct json_object *left_out(const struct plan *plan, int group)
{
	struct json_object *addresses = json_object_new_array();
	char **names = group_members(group);

	for (char **name = names; name && *name; name++)
		if (is_left_out(plan, *name))
			json_object_array_add(addresses, out_string(*name));
	sys_names_free(names);
	if (json_object_array_length(addresses))
		return addresses;
	json_object_put(addresses);
	return NULL;
}

static void print_addresses(struct json_object *addresses)
{
	for (size_t n = 0; n < json_object_array_length(addresses); n++)
		fprintf(stderr, " %s",
			json_object_get_string(json_object_array_get_idx(addresses, n)));
}

/* VFIO gives groups, not devices: how many are given in part. */
static unsigned int lacks_groups(struct json_object *object, const struct plan *plan, bool quiet)
{
	struct json_object *left = out_array(object, "left_out"), *one, *addresses;

	for (size_t i = 0; i < plan->count; i++) {
		int group = plan->gpu[i].gpu->group;

		addresses = is_first_of_group(plan, i) ? left_out(plan, group) : NULL;
		if (!addresses)
			continue;
		one = json_object_new_object();
		out_number(one, "iommu_group", group);
		out_object(one, "addresses", addresses);
		json_object_array_add(left, one);
		if (quiet)
			continue;
		fprintf(stderr,
			"note: IOMMU group %d is one VM's as a whole. Left out here:", group);
		print_addresses(addresses);
		fprintf(stderr, ". They have to go along: plan all GPUs of the group together, or "
				"leave these to nobody, without a driver of the host's\n");
	}
	return json_object_array_length(left);
}

/* GPUs of the machine behind this GPU's SMMU that the plan does not have; NULL: none. */
static struct json_object *left_behind(const struct plan *plan, const struct gpu_set *all,
				       const char *iommu)
{
	struct json_object *addresses = json_object_new_array();

	for (size_t i = 0; i < all->count; i++)
		if (!strcmp(all->gpu[i].iommu, iommu) && is_left_out(plan, all->gpu[i].address))
			json_object_array_add(addresses, out_string(all->gpu[i].address));
	if (json_object_array_length(addresses))
		return addresses;
	json_object_put(addresses);
	return NULL;
}

/* A vSMMU takes a physical one: how many of these have GPUs that are left out. */
static unsigned int lacks_smmu(struct json_object *object, const struct plan *plan, bool quiet)
{
	struct json_object *left = out_array(object, "smmu_left_out"), *one, *addresses;
	struct gpu_set all;

	if (plan->family != GPU_GRACE || plan->without.vsmmu)
		return 0;
	gpu_scan(&all);
	for (size_t i = 0; i < plan->count; i++) {
		const char *iommu = plan->gpu[i].gpu->iommu;

		addresses = iommu[0] && !plan->gpu[i].place ? left_behind(plan, &all, iommu) : NULL;
		if (!addresses)
			continue;
		one = json_object_new_object();
		out_text(one, "iommu", iommu);
		out_object(one, "addresses", addresses);
		json_object_array_add(left, one);
		if (quiet)
			continue;
		fprintf(stderr, "note: behind %s are more GPUs, left out here:", iommu);
		print_addresses(addresses);
		fprintf(stderr, ". A second VM with them does not start: plan them together, or "
				"leave these to nobody\n");
	}
	gpu_free(&all);
	return json_object_array_length(left);
}

/* How many GPUs VFIO does not have, or cannot have. */
static unsigned int lacks_binding(const struct plan *plan, bool quiet)
{
	unsigned int count = 0;

	for (size_t i = 0; i < plan->count; i++) {
		const struct gpu *gpu = plan->gpu[i].gpu;
		bool ungrouped = gpu->group < 0 && !gpu_group_may_come(gpu);
		bool bound = gpu_is_vfio_driver(gpu->driver);

		if (bound && !ungrouped)
			continue;
		count++;
		if (ungrouped && !quiet)
			fprintf(stderr,
				"note: %s is in no IOMMU group here. Without one: no VM gets it. "
				"Turn the IOMMU on\n",
				gpu->address);
		if (!bound && !quiet)
			fprintf(stderr,
				"note: %s is not bound to VFIO, %s%s. Without that: the VM does "
				"not start. First: cohgpu bind %s\n",
				gpu->address, gpu->driver[0] ? "but to " : "nor to any driver",
				gpu->driver, gpu->address);
	}
	return count;
}

/* What the VM needs of this host, which may not be where it is to run. */
static unsigned int lacks_host(struct json_object *object, const struct plan *plan, bool quiet)
{
	static const struct {
		const char *file, *without;
		bool power; /* on POWER too */
	} parts[] = {
		{"/dev/kvm", "the VM does not start: load kvm, or run it elsewhere", true},
		{"/dev/iommu", "QEMU has no iommufd: modprobe iommufd, CONFIG_IOMMUFD", false},
	};
	struct json_object *missing = out_array(object, "host_lacks");
	unsigned int count = 0, lacking;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (sys_exists(parts[i].file) || (plan->family == GPU_NVLINK2 && !parts[i].power))
			continue;
		json_object_array_add(missing, out_string(parts[i].file));
		count++;
		if (!quiet)
			fprintf(stderr, "note: no %s here. Without it: %s\n", parts[i].file,
				parts[i].without);
	}
	lacking = lacks_links(plan, quiet);
	if (lacking)
		json_object_array_add(missing, out_string("NVLink bridges"));
	count += lacking;
	lacking = lacks_binding(plan, quiet);
	if (lacking)
		json_object_array_add(missing, out_string("VFIO"));
	return count + lacking;
}

unsigned int plan_lacks(struct json_object *object, const struct plan *plan,
			enum plan_format format, bool here, bool quiet)
{
	unsigned int lacks = parts_lack(object, plan, format, here, quiet);

	lacks += lacks_width(object, plan, quiet);
	lacks += lacks_firmware(object, plan, quiet || format != PLAN_QEMU);
	lacks += lacks_host(object, plan, quiet);
	lacks += lacks_groups(object, plan, quiet);
	lacks += lacks_smmu(object, plan, quiet);
	return lacks;
}
