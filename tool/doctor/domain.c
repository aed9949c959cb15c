// SPDX-License-Identifier: GPL-2.0-only
/* What of a domain's definition would hurt its guest. */
#include <stdio.h>
#include <string.h>

#include "core/emulator.h"
#include "core/libvirt.h"
#include "core/out.h"
#include "core/sys.h"
#include "core/text.h"
#include "doctor/doctor.h"
#include "doctor/domain.h"
#include "plan/plan.h"

#define ONE_CPU	 1
#define MOST_RAM (1ULL << PLAN_MOST_BITS)

/* The controller above it, as long as that is no host bridge; DOMAIN_BRIDGES else. */
static uint64_t above(const struct domain *domain, uint64_t bus)
{
	return domain->parent[bus] < DOMAIN_BRIDGES ? domain->parent[bus] : DOMAIN_BRIDGES;
}

/* The host bridge that a GPU is under. */
static uint64_t host_bridge(const struct domain *domain, uint64_t bus)
{
	for (int depth = 0; bus < DOMAIN_BRIDGES && depth < DOMAIN_BRIDGES; depth++) {
		if (above(domain, bus) == DOMAIN_BRIDGES)
			return bus;
		bus = above(domain, bus);
	}
	return DOMAIN_BRIDGES;
}

/* The port of a host bridge that a GPU is behind, be it with a switch between; 0: it is not told. */
static uint64_t root_port(const struct domain *domain, const char *address)
{
	const struct domain_gpu *d = domain_find(domain, address);
	uint64_t bus = d->has_place ? d->bus : 0, host = host_bridge(domain, bus);

	if (host == DOMAIN_BRIDGES || bus == host)
		return 0;
	while (above(domain, bus) != host)
		bus = above(domain, bus);
	return bus;
}

/* Room for all GPUs behind a root port, of which a switch makes several. */
static uint64_t room_behind(const struct domain *domain, const struct plan *plan, uint64_t port)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < plan->count; i++)
		if (root_port(domain, plan->gpu[i].gpu->address) == port)
			sum += plan->gpu[i].port;
	return gpu_bar_size(sum);
}

/* Of GPUs behind one port the first one speaks for all. */
static uint64_t room_of(const struct domain *domain, const struct plan *plan, size_t gpu)
{
	uint64_t port = root_port(domain, plan->gpu[gpu].gpu->address);

	for (size_t i = 0; port && i < gpu; i++)
		if (root_port(domain, plan->gpu[i].gpu->address) == port)
			return 0;
	return port ? room_behind(domain, plan, port) : plan->gpu[gpu].port;
}

/* The figures of cohgpu plan for this domain; false, with the finding, without sizes. */
static bool domain_plan(struct plan *plan, struct finding *f, const struct patient *p)
{
	uint64_t needed = PLAN_REST;

	for (size_t i = 0; i < p->gpus->count; i++)
		if (!p->memory && !p->gpus->gpu[i].memory.usemem) {
			finding(f, VERDICT_SKIP, "%s: the size of its memory is not known",
				p->gpus->gpu[i].address);
			return false;
		}
	if (plan_make(plan, p->gpus, p->memory, p->domain->memory, ONE_CPU)) {
		plan_free(plan);
		finding(f, VERDICT_SKIP, "its needs cannot be computed");
		return false;
	}
	for (size_t i = 0; i < plan->count; i++)
		needed += room_of(p->domain, plan, i);
	plan_fit(plan, needed);
	return true;
}

/* What it has when the domain starts, as libvirt leaves it to it. */
static void domain_bound(struct finding *f, const struct gpu *gpu)
{
	const char *best = gpu->best_driver[0] ? gpu->best_driver : gpu->model->driver;

	if (strcmp(gpu->driver, "vfio-pci") &&
	    (!strcmp(gpu->driver, gpu->model->driver) || !strcmp(gpu->driver, best))) {
		finding(f, VERDICT_PASS, "%s is bound", gpu->driver);
		return;
	}
	finding(f, VERDICT_FAIL, "%s bound, and without managed='yes' it stays so",
		gpu->driver[0] ? gpu->driver : "no driver");
	snprintf(f->fix, sizeof(f->fix), "cohgpu bind %s", gpu->address);
}

/* One that is not there keeps libvirt from starting the domain. */
void check_domain_hostdev(struct finding *f, const struct patient *p)
{
	const struct domain *domain = p->domain;
	char path[64];

	finding(f, VERDICT_PASS, "all %zu are there", domain->count);
	for (size_t i = 0; i < domain->count; i++) {
		const char *address = domain->gpu[i].address;

		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", address);
		if (!sys_exists(path))
			finding(f, VERDICT_FAIL, "%s is no function of this host", address);
	}
}

/* Without KVM QEMU plays each instruction; of another architecture there is no KVM. */
void check_domain_type(struct finding *f, const struct patient *p)
{
	const struct domain *domain = p->domain;
	bool power = p->gpus->gpu[0].model->family == GPU_NVLINK2;
	const char *wanted = power ? "ppc64" : "aarch64";

	if (domain->arch[0] && strncmp(domain->arch, wanted, strlen(wanted)))
		finding(f, VERDICT_FAIL, "arch='%s', of a host that is %s", domain->arch, wanted);
	else if (strcmp(domain->type, "kvm"))
		finding(f, VERDICT_WARN, "type='%s' is not KVM", domain->type);
	else
		finding(f, VERDICT_PASS, "kvm%s%s", domain->arch[0] ? ", " : "", domain->arch);
}

void check_domain_driver(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	const struct domain_gpu *d = domain_find(p->domain, gpu->address);

	if (!d->managed)
		domain_bound(f, gpu);
	else if (!d->model[0])
		finding(f, VERDICT_PASS, "libvirt chooses by modules.alias");
	else if (!strcmp(d->model, gpu->model->driver) || !strcmp(d->model, gpu->best_driver))
		finding(f, VERDICT_PASS, "%s", d->model);
	else
		finding(f, VERDICT_FAIL, "asks for %s, %s would show the memory", d->model,
			gpu->model->driver);
}

void check_domain_iommufd(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	if (domain_find(p->domain, gpu->address)->iommufd)
		finding(f, VERDICT_PASS, "iommufd='yes'");
	else
		finding(f, VERDICT_WARN, "without iommufd");
}

/* By its place on the bus QEMU knows which GPU a bridge is for. */
void check_domain_bridges(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	const struct domain_gpu *d = domain_find(p->domain, gpu->address), *bridge;

	if (!gpu->bridges) {
		finding(f, VERDICT_SKIP, "none is a PCI function of this host");
		return;
	}
	finding(f, VERDICT_PASS, "%d beside it", gpu->bridges);
	for (int i = 0; i < gpu->bridges; i++) {
		bridge = domain_find(p->domain, gpu->bridge[i]);
		if (!bridge)
			finding(f, VERDICT_FAIL, "the domain does not have %s", gpu->bridge[i]);
		else if (d->has_place != bridge->has_place || d->bus != bridge->bus)
			finding(f, VERDICT_FAIL, "%s is on another bus", gpu->bridge[i]);
	}
}

/* QEMU has an IOMMU for each host bridge, VFIO one for each group. */
void check_domain_group(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	const struct domain_gpu *d = domain_find(p->domain, gpu->address), *other;
	char **names = group_members(gpu->group);
	char why[192];

	finding(f, VERDICT_PASS, "a host bridge of its own");
	for (char **name = names; name && *name; name++)
		if (!domain_find(p->domain, *name) && !group_is_port(*name))
			finding(f, VERDICT_WARN, "the domain does not have %s of its group", *name);
	sys_names_free(names);
	for (size_t i = 0; i < p->gpus->count; i++) {
		bool same = p->gpus->gpu[i].group == gpu->group;

		other = domain_find(p->domain, p->gpus->gpu[i].address);
		if (other == d || !d->has_place || !other->has_place)
			continue;
		if (same != (other->bus == d->bus))
			finding(f, VERDICT_FAIL, "%s is of %s group, and on %s bus", other->address,
				same ? "the same" : "another", same ? "another" : "the same");
	}
	if (bridge_apart_trouble(gpu, why, sizeof(why))) {
		finding(f, VERDICT_FAIL, "%s", why);
		snprintf(f->fix, sizeof(f->fix), "%s", NVLINK2_KERNEL);
	}
	if (gpu->group < 0)
		finding(f, VERDICT_SKIP, "in no IOMMU group");
}

void check_domain_function(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	const struct domain_gpu *d = domain_find(p->domain, gpu->address);

	if (!d->has_place)
		finding(f, VERDICT_PASS, "libvirt chooses its place");
	else if (d->function)
		finding(f, VERDICT_FAIL, "at function %u in the guest", (unsigned int)d->function);
	else
		finding(f, VERDICT_PASS, "at function 0 in the guest");
}

void check_domain_initiators(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	const struct domain *domain = p->domain;
	const struct domain_gpu *d = domain_find(domain, gpu->address);
	unsigned int count = 0;

	for (unsigned int n = 0; n < DOMAIN_NODES; n++) {
		if (!d->node[n])
			continue;
		count++;
		if (!domain->has_cell[n] || domain->cell[n]) {
			finding(f, VERDICT_FAIL, "node %u is %s", n,
				domain->has_cell[n] ? "not without memory" : "no cell of <numa>");
			return;
		}
		for (size_t i = 0; i < domain->count; i++)
			if (&domain->gpu[i] != d && domain->gpu[i].node[n]) {
				finding(f, VERDICT_FAIL, "node %u is %s's too", n,
					domain->gpu[i].address);
				return;
			}
	}
	finding(f, count < PLAN_NODES ? VERDICT_FAIL : VERDICT_PASS, "%u node%s of its own", count,
		plural(count));
}

/* Whether they are behind one physical SMMU: 1, 0, or -1 when the host does not tell. */
static int same_smmu(const struct gpu *gpu, const char *address)
{
	char iommu[sizeof(gpu->iommu)];

	if (!gpu->iommu[0] ||
	    sys_link(iommu, sizeof(iommu), "/sys/bus/pci/devices/%.15s/iommu", address))
		return -1;
	return !strcmp(iommu, gpu->iommu);
}

/*
 * A vSMMU is of one physical SMMU, that of the first device behind it; the kernel attaches no other's
 * device to it. Devices behind one have it together: two vSMMUs do not make two of it.
 */
void check_domain_vsmmu(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	const struct domain *domain = p->domain;
	const struct domain_gpu *d = domain_find(domain, gpu->address);
	uint64_t bridge = d->has_place ? host_bridge(domain, d->bus) : DOMAIN_BRIDGES;

	if (bridge == DOMAIN_BRIDGES || !domain->accelerated[bridge]) {
		finding(f, VERDICT_FAIL, "no accelerated vSMMU over it");
		return;
	}
	finding(f, VERDICT_PASS, "a vSMMU of its own at controller %u", (unsigned int)bridge);
	for (size_t i = 0; i < domain->count; i++) {
		const struct domain_gpu *other = &domain->gpu[i];
		uint64_t at = other->has_place ? host_bridge(domain, other->bus) : DOMAIN_BRIDGES;
		int same = same_smmu(gpu, other->address);

		if (other == d || at == DOMAIN_BRIDGES)
			continue;
		if (at == bridge && !same) {
			finding(f, VERDICT_FAIL, "shares its vSMMU with %s, which is not behind %s",
				other->address, gpu->iommu);
			return;
		}
		if (at == bridge && same < 0)
			finding(f, VERDICT_WARN,
				"shares its vSMMU with %s; whether they share an SMMU is not known",
				other->address);
		else if (at != bridge && same > 0 && domain->accelerated[at])
			finding(f, VERDICT_WARN, "%s has another vSMMU, and is behind %s too",
				other->address, gpu->iommu);
		else if (at == bridge && f->verdict == VERDICT_PASS)
			finding(f, VERDICT_PASS, "the vSMMU of %s, at controller %u", gpu->iommu,
				(unsigned int)bridge);
	}
}

/*
 * Of a host bridge beside the machine's own the firmware takes just what is behind it, and Linux on
 * arm64, which lays out such a one anew, wants more for the GPU's large BARs.
 */
void check_domain_reserve(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	const struct domain_gpu *d = domain_find(p->domain, gpu->address);
	uint64_t bridge = d->has_place ? host_bridge(p->domain, d->bus) : 0, port, has, wanted;
	struct plan plan;
	char a[32], b[32];

	if (!bridge) {
		finding(f, VERDICT_SKIP, "behind the machine's own host bridge, which has room");
		return;
	}
	port = root_port(p->domain, gpu->address);
	has = port ? p->domain->reserve[port] : 0;
	if (!has) {
		finding(f, VERDICT_WARN, "no port under controller %u has a pref64-reserve",
			(unsigned int)bridge);
		return;
	}
	if (!domain_plan(&plan, f, p))
		return;
	wanted = room_behind(p->domain, &plan, port);
	if (has < wanted)
		finding(f, VERDICT_WARN, "pref64-reserve of %s, but the BARs need %s",
			out_size(a, has), out_size(b, wanted));
	else
		finding(f, VERDICT_PASS, "pref64-reserve of %s", out_size(a, has));
	plan_free(&plan);
}

void check_domain_window(struct finding *f, const struct patient *p)
{
	uint64_t window = p->domain->window ? p->domain->window : PLAN_MIN_WINDOW;
	struct plan plan;
	char has[32], needs[32];

	if (!domain_plan(&plan, f, p))
		return;
	out_size(has, window);
	if (window & (window - 1))
		finding(f, VERDICT_FAIL, "%s is no power of two", has);
	else if (window < plan.window)
		finding(f, VERDICT_FAIL, "%s, but the BARs need %s", has,
			out_size(needs, plan.window));
	else
		finding(f, VERDICT_PASS, "%s%s", has, p->domain->window ? "" : ", QEMU's own");
	plan_free(&plan);
}

void check_domain_width(struct finding *f, const struct patient *p)
{
	const struct domain *domain = p->domain;
	int host = machine_guest_bits();
	struct plan plan;

	if (!domain_plan(&plan, f, p))
		return;
	/* So does RAM that may come, which QEMU places below the window. */
	if (domain->most_memory > plan.ram)
		plan.ram = domain->most_memory < MOST_RAM ? domain->most_memory : MOST_RAM;
	/* The machine's window counts, also where it is larger than it has to be. */
	plan_fit(&plan, domain->window > plan.window ? domain->window : plan.needed);
	if (host > 0 && (unsigned int)host < plan.bits)
		finding(f, VERDICT_FAIL, "%u bits are needed, KVM has %d here", plan.bits, host);
	else if (domain->address_bits && domain->address_bits < plan.bits)
		finding(f, VERDICT_FAIL, "%u bits are needed, the CPU has %u", plan.bits,
			(unsigned int)domain->address_bits);
	else if (domain->oas && domain->oas < plan.bits)
		finding(f, VERDICT_FAIL, "%u bits are needed, a vSMMU has %u", plan.bits,
			(unsigned int)domain->oas);
	else
		finding(f, VERDICT_PASS, "%u bits are needed", plan.bits);
	plan_free(&plan);
}

/* All parts that this QEMU has not, since it is one upgrade; VERDICT_PASS: none. */
static enum verdict emulator_lacks(char *text, size_t size, const bool *takes, unsigned int version)
{
	enum verdict worst = VERDICT_PASS;
	size_t used = 0;

	for (int i = 0; i < PARTS; i++) {
		const struct program_part *part = &emulator_parts[i];
		bool over = part->until && version >= part->until;
		unsigned int when = over ? part->until : part->since;

		if (!takes[i] || (version >= part->since && !over))
			continue;
		if (used < size)
			used += snprintf(text + used, size - used, "%s%u.%u %s %s",
					 used ? ", " : "", when / 100, when % 100,
					 over ? "dropped" : "has", part->name);
		if (worst != VERDICT_FAIL)
			worst = i == PART_VSMMU ? VERDICT_WARN : VERDICT_FAIL;
	}
	return worst;
}

void check_domain_emulator(struct finding *f, const struct patient *p)
{
	unsigned int version = emulator_version(p->domain->emulator);
	bool power = p->gpus->count && p->gpus->gpu[0].model->family == GPU_NVLINK2;
	bool takes[PARTS] = {
		[PART_INITIATOR] = !power,
		[PART_INITIATOR_ORDER] = !power,
		[PART_MMIO_SIZE] = !power && p->domain->window > PLAN_MIN_WINDOW,
		[PART_VSMMU] = !power,
		[PART_NVLINK2] = power,
	};
	enum verdict verdict;
	char text[224] = "";

	for (size_t i = 0; i < p->domain->count; i++)
		takes[PART_IOMMUFD] |= p->domain->gpu[i].iommufd;
	if (!version) {
		finding(f, VERDICT_SKIP, "%.200s does not tell its version", p->domain->emulator);
		return;
	}
	verdict = emulator_lacks(text, sizeof(text), takes, version);
	finding(f, verdict, "QEMU %u.%u%s%s", version / 100, version % 100, text[0] ? ", " : "",
		text);
}

/* Of the parts that the domain has, those that libvirt has not. */
void check_domain_libvirt(struct finding *f, const struct patient *p)
{
	const struct domain *d = p->domain;
	unsigned int version = libvirt_version();
	bool has[LIBVIRT_PARTS] = {[LIBVIRT_RAS] = d->ras, [LIBVIRT_HOLE] = d->window};

	for (size_t i = 0; i < d->count; i++) {
		has[LIBVIRT_IOMMUFD] |= d->gpu[i].iommufd;
		for (size_t n = 0; n < DOMAIN_NODES; n++)
			has[LIBVIRT_NODESET] |= d->gpu[i].node[n];
	}
	for (size_t i = 0; i < DOMAIN_BRIDGES; i++)
		has[LIBVIRT_VSMMU] |= d->accelerated[i];
	if (!version) {
		finding(f, VERDICT_SKIP, "no libvirt here");
		return;
	}
	finding(f, VERDICT_PASS, "libvirt %u.%u", version / 100, version % 100);
	for (size_t i = 0; i < LIBVIRT_PARTS; i++)
		if (has[i] && version < libvirt_parts[i].since)
			finding(f, VERDICT_FAIL, "libvirt %u.%u, %u.%u has %s", version / 100,
				version % 100, libvirt_parts[i].since / 100,
				libvirt_parts[i].since % 100, libvirt_parts[i].name);
}

void check_domain_memlock(struct finding *f, const struct patient *p)
{
	uint64_t limit = p->domain->hard_limit, wanted = p->domain->memory + PLAN_LOCK_REST;
	char a[32], b[32], c[32];

	if (!limit)
		finding(f, VERDICT_PASS, "libvirt sets the limit");
	else if (limit < wanted)
		finding(f, VERDICT_FAIL, "hard_limit %s for a VM of %s, which wants %s",
			out_size(a, limit), out_size(b, p->domain->memory), out_size(c, wanted));
	else
		finding(f, VERDICT_PASS, "hard_limit %s", out_size(a, limit));
}

/* What QEMU does not map it reads and writes for the guest, an instruction at a time. */
void check_domain_mmap(struct finding *f, const struct patient *p)
{
	finding(f, p->domain->no_mmap ? VERDICT_FAIL : VERDICT_PASS, "x-no-mmap is %s",
		p->domain->no_mmap ? "on" : "not on");
}

void check_domain_ras(struct finding *f, const struct patient *p)
{
	finding(f, p->domain->ras ? VERDICT_PASS : VERDICT_WARN, "<ras> is %s",
		p->domain->ras ? "on" : "not on");
}
