// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/emulator.h"
#include "core/error.h"
#include "core/out.h"
#include "core/sys.h"
#include "doctor/doctor.h"
#include "plan/plan.h"
#include "verbs/verbs.h"

#define DEFAULT_CPUS "4"
#define CPUS_MAX     512

static void plan_describe(struct json_object *object, const struct plan *plan)
{
	bool power = plan->family == GPU_NVLINK2;
	struct json_object *gpus, *one, *bars, *bar, *bridges;

	out_text(object, "machine", power ? "pseries" : "virt");
	gpus = out_array(object, "gpus");

	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_gpu *p = &plan->gpu[i];

		one = json_object_new_object();
		out_text(one, "address", p->gpu->address);
		out_number(one, "host_bridge", p->host);
		bars = out_array(one, "bars");
		for (int b = 0; b < GPU_BARS; b++) {
			if (!p->bar[b])
				continue;
			bar = json_object_new_object();
			out_number(bar, "index", b);
			out_number(bar, "size", p->bar[b]);
			json_object_array_add(bars, bar);
		}
		out_number(one, "port_window", p->port);
		out_number(one, "first_node", p->first_node);
		out_number(one, "nodes", power ? 0 : PLAN_NODES);
		bridges = out_array(one, "bridges");
		for (int b = 0; b < p->gpu->bridges; b++)
			json_object_array_add(bridges, json_object_new_string(p->gpu->bridge[b]));
		json_object_array_add(gpus, one);
	}
	out_number(object, "ram", plan->ram);
	out_number(object, "cpus", plan->cpus);
	out_number(object, "mmio_needed", plan->needed);
	out_number(object, "mmio_window", plan->window);
	out_number(object, "address_bits", plan->bits);
}

/* What the installed emulator lacks: all of it is said, since it is one upgrade. */
static unsigned int plan_emulator(struct json_object *object, const struct plan *plan, bool quiet)
{
	struct json_object *missing = out_array(object, "emulator_lacks"), *one;
	bool power = plan->family == GPU_NVLINK2;
	const char *path = power ? EMULATOR_POWER : EMULATOR;
	unsigned int version = emulator_version(path), count = 0;

	if (!version) {
		if (!quiet)
			fprintf(stderr, "note: no %s here, its version was not looked at\n", path);
		return 0;
	}
	for (size_t i = power ? PARTS_VIRT : 0; i < (power ? PARTS : PARTS_VIRT); i++) {
		const struct emulator_part *part = &emulator_parts[i];
		bool over = part->until && version >= part->until;

		if ((version >= part->since && !over) ||
		    (i == PART_MMIO_SIZE && plan->window <= PLAN_MIN_WINDOW))
			continue;
		one = json_object_new_object();
		out_text(one, "part", part->name);
		out_text(one, "without", part->without);
		json_object_array_add(missing, one);
		count++;
		if (!quiet)
			fprintf(stderr, "note: QEMU %u.%u here; %u.%u %s %s. Without it: %s\n",
				version / 100, version % 100,
				(over ? part->until : part->since) / 100,
				(over ? part->until : part->since) % 100, over ? "dropped" : "has",
				part->name, part->without);
	}
	return count;
}

/* The host's own limit, as KVM says it; of a machine without KVM there is none to say. */
static unsigned int plan_width(struct json_object *object, const struct plan *plan, bool quiet)
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
static unsigned int plan_firmware(struct json_object *object, const struct plan *plan, bool quiet)
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
static unsigned int plan_links(const struct plan *plan, bool quiet)
{
	unsigned int count = 0;

	for (size_t i = 0; i < plan->count; i++) {
		const struct gpu *gpu = plan->gpu[i].gpu;

		if (gpu->bridges == gpu->links)
			continue;
		count++;
		if (!quiet)
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
			json_object_array_add(addresses, json_object_new_string(*name));
	sys_names_free(names);
	if (json_object_array_length(addresses))
		return addresses;
	json_object_put(addresses);
	return NULL;
}

/* VFIO gives groups, not devices: how many are given in part. */
static unsigned int plan_groups(struct json_object *object, const struct plan *plan, bool quiet)
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
		for (size_t n = 0; n < json_object_array_length(addresses); n++)
			fprintf(stderr, " %s",
				json_object_get_string(json_object_array_get_idx(addresses, n)));
		fprintf(stderr, ". They have to go along: plan all GPUs of the group together, or "
				"leave these to nobody, without a driver of the host's\n");
	}
	return json_object_array_length(left);
}

/* What the VM needs of this host, which may not be where it is to run. */
static unsigned int plan_host(struct json_object *object, const struct plan *plan, bool quiet)
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
		json_object_array_add(missing, json_object_new_string(parts[i].file));
		count++;
		if (!quiet)
			fprintf(stderr, "note: no %s here. Without it: %s\n", parts[i].file,
				parts[i].without);
	}
	lacking = plan_links(plan, quiet);
	if (lacking)
		json_object_array_add(missing, json_object_new_string("NVLink bridges"));
	return count + lacking;
}

static void plan_text(const char *format, const struct plan *plan)
{
	bool power = plan->family == GPU_NVLINK2;
	char a[32], b[32];

	if (!strcmp(format, "kubevirt"))
		plan_kubevirt(stdout, plan);
	else if (!strcmp(format, "libvirt"))
		(power ? plan_pseries_libvirt : plan_libvirt)(stdout, plan);
	else
		(power ? plan_pseries_qemu : plan_qemu)(stdout, plan);
	if (!power)
		fprintf(stderr, "note: MMIO window %s for BARs of %s, %u bits of guest addresses\n",
			out_size(a, plan->window), out_size(b, plan->needed - PLAN_REST),
			plan->bits);
}

static int plan_print(const struct call *call, struct json_object *object, const struct plan *plan)
{
	const char *format = call_has(call, OPT_FORMAT) ? call->option[OPT_FORMAT] : "qemu";
	bool json = call_has(call, OPT_JSON);
	unsigned int lacks;

	if (!strcmp(format, "kubevirt") && plan->family == GPU_NVLINK2) {
		complain(plan->gpu[0].gpu->address, "plan", "KubeVirt has no POWER machines");
		return EXIT_FAILED;
	}
	plan_describe(object, plan);
	lacks = plan_emulator(object, plan, json);
	lacks += plan_width(object, plan, json);
	lacks += plan_firmware(object, plan, json || strcmp(format, "qemu"));
	lacks += plan_host(object, plan, json);
	lacks += plan_groups(object, plan, json);
	if (json)
		out_json(object);
	else
		plan_text(format, plan);
	return lacks && call_has(call, OPT_STRICT) ? EXIT_WARNINGS : EXIT_OK;
}

/* A size that was given, or the default; 0 having complained. */
static uint64_t size_option(const struct call *call, enum option_id id, const char *otherwise)
{
	const char *text = call_has(call, id) ? call->option[id] : otherwise;
	uint64_t size = plan_size(text);

	if (size < 1ULL << 20) {
		complain(text, "parse", "no size (like 16G)");
		return 0;
	}
	return size;
}

int run_plan(const struct call *call)
{
	struct json_object *object = out_new(call);
	const char *cpus_text = call_has(call, OPT_CPUS) ? call->option[OPT_CPUS] : DEFAULT_CPUS;
	unsigned long cpus = strtoul(cpus_text, NULL, 10);
	uint64_t ram = size_option(call, OPT_RAM, PLAN_RAM), total = 0;
	struct plan plan = {0};
	struct gpu_set set;
	int status;

	if (call_has(call, OPT_MEMORY))
		total = size_option(call, OPT_MEMORY, "");
	gpu_scan(&set);
	status = gpu_select(&set, call->words, call->count);
	if (!ram || (call_has(call, OPT_MEMORY) && !total)) {
		status = EXIT_USAGE;
	} else if (!cpus || cpus > CPUS_MAX) {
		complain(cpus_text, "parse", "no count of CPUs up to %d", CPUS_MAX);
		status = EXIT_USAGE;
	}
	if (!status)
		status = plan_make(&plan, &set, total, ram, cpus);
	if (!status)
		status = plan_print(call, object, &plan);
	plan_free(&plan);
	gpu_free(&set);
	json_object_put(object);
	return status;
}
