// SPDX-License-Identifier: GPL-2.0-only
/* What a guest that has the GPU can see of what its host did not give it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/out.h"
#include "core/config.h"
#include "core/sys.h"
#include "core/text.h"
#include "doctor/doctor.h"
#include "plan/plan.h"

#define SRAT		"/sys/firmware/acpi/tables/SRAT"
#define SRAT_HEADER	48
#define SRAT_INITIATOR	5
#define SRAT_HANDLE_PCI 1
#define CAP_ATS		0x0f
#define CAP_PASID	0x1b
#define CAP_ENABLED	0x8000

void check_guest_bars(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	char size[32];

	(void)p;
	if (!gpu->bar[4].size)
		finding(f, VERDICT_FAIL, "BAR4, which shows the memory, is not there");
	else if (!gpu->bar[4].start)
		finding(f, VERDICT_FAIL, "BAR4 has no address");
	else
		finding(f, VERDICT_PASS, "BAR4 at %#llx, %s", (unsigned long long)gpu->bar[4].start,
			out_size(size, gpu->bar[4].size));
}

/* One generic initiator of SRAT; its handle has segment and address, in this byte order. */
static bool initiator_is(const unsigned char *entry, int segment, int bus, int devfn, bool swapped)
{
	const unsigned char *handle = entry + 8;

	if (entry[3] != SRAT_HANDLE_PCI || (handle[0] | handle[1] << 8) != segment)
		return false;
	return swapped ? handle[2] == devfn && handle[3] == bus
		       : handle[2] == bus && handle[3] == devfn;
}

static unsigned int count_initiators(const unsigned char *srat, size_t size, const struct gpu *gpu,
				     bool swapped)
{
	int domain = 0, bus = 0, slot = 0, function = 0;
	unsigned int count = 0;

	gpu_parse_address(gpu->address, &domain, &bus, &slot, &function);
	for (size_t at = SRAT_HEADER; at + 2 <= size && srat[at + 1] >= 2; at += srat[at + 1])
		if (srat[at] == SRAT_INITIATOR && srat[at + 1] >= 32 && at + 32 <= size)
			count +=
				initiator_is(srat + at, domain, bus, slot << 3 | function, swapped);
	return count;
}

void check_guest_srat(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	size_t size = 0;
	unsigned char *srat = (unsigned char *)sys_slurp(SRAT, &size);
	unsigned int right, swapped;

	(void)p;
	if (!srat) {
		finding(f, VERDICT_SKIP, "SRAT is not there, or only root may read it");
		return;
	}
	right = count_initiators(srat, size, gpu, false);
	swapped = count_initiators(srat, size, gpu, true);
	free(srat);
	if (right >= PLAN_NODES)
		finding(f, VERDICT_PASS, "%u generic initiators", right);
	else if (swapped > right)
		finding(f, VERDICT_FAIL, "its address is in the wrong byte order");
	else
		finding(f, VERDICT_FAIL, "%u generic initiators, it needs %d", right, PLAN_NODES);
}

void check_guest_nodes(struct finding *f, const struct patient *p)
{
	unsigned int have = kernel_nodes("has_generic_initiator");
	unsigned int need = PLAN_NODES * p->gpus->count;

	finding(f, have < need ? VERDICT_FAIL : VERDICT_PASS,
		"%u NUMA node%s with a generic initiator, %u are needed", have, plural(have), need);
}

void check_guest_online(struct finding *f, const struct patient *p)
{
	char policy[32];

	(void)p;
	if (sys_line(policy, sizeof(policy), "/sys/devices/system/memory/auto_online_blocks"))
		finding(f, VERDICT_SKIP, "this kernel has no hot-plugged memory");
	else if (!strcmp(policy, "online") || !strcmp(policy, "online_kernel"))
		finding(f, VERDICT_WARN, "%s: the kernel puts its own data there", policy);
	else
		finding(f, VERDICT_PASS, "%s", policy);
}

static void check_capability(struct finding *f, const struct gpu *gpu, const char *name,
			     unsigned int id, unsigned int control, unsigned int enabled)
{
	struct config config;
	unsigned int at;

	if (!config_read(&config, gpu)) {
		finding(f, VERDICT_SKIP, "only root sees its capabilities");
		return;
	}
	at = config_capability(&config, id);
	if (!at)
		finding(f, VERDICT_FAIL, "the guest has no %s capability", name);
	else if (!(config_word(&config, at + control) & enabled))
		finding(f, VERDICT_WARN, "%s is there, and off", name);
	else
		finding(f, VERDICT_PASS, "%s is on", name);
	config_free(&config);
}

void check_guest_ats(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	(void)p;
	check_capability(f, gpu, "ATS", CAP_ATS, 6, CAP_ENABLED);
}

void check_guest_pasid(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	(void)p;
	check_capability(f, gpu, "PASID", CAP_PASID, 6, 1);
}
