// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU and libvirt: from which version on each part of a plan exists, wherever the VM is to run,
 * what those here lack of it, and a plan without that.
 */
#include <stdio.h>
#include <string.h>

#include "core/emulator.h"
#include "core/error.h"
#include "core/libvirt.h"
#include "core/out.h"
#include "core/sys.h"
#include "plan/plan.h"

struct parts_of {
	const char *name, *path, *wants, *lacks, *here; /* the last three: members of the JSON */
	unsigned int version;				/* 0: there is none here */
	const struct program_part *part;
	size_t count;
	bool (*takes)(const struct plan *plan, size_t part);
};

static bool takes_of_emulator(const struct plan *plan, size_t part)
{
	if (part == PART_MMIO_SIZE && plan->window <= PLAN_MIN_WINDOW)
		return false;
	return (part >= PARTS_VIRT) == (plan->family == GPU_NVLINK2);
}

/* V100s take nothing of libvirt that is not old. */
static bool takes_of_libvirt(const struct plan *plan, size_t part)
{
	return plan->family == GPU_GRACE &&
	       (part != LIBVIRT_HOLE || plan->window > PLAN_MIN_WINDOW);
}

static struct parts_of parts_of_emulator(const struct plan *plan)
{
	bool power = plan->family == GPU_NVLINK2;
	unsigned int version = power ? emulator_version(EMULATOR_POWER) : 0;
	const char *path = power ? EMULATOR_POWER : emulator_virt(&version);

	return (struct parts_of){
		.name = "QEMU",
		.path = path,
		.wants = "emulator_wants",
		.lacks = "emulator_lacks",
		.here = "emulator_version",
		.version = version,
		.part = emulator_parts,
		.count = PARTS,
		.takes = takes_of_emulator,
	};
}

static struct parts_of parts_of_libvirt(void)
{
	return (struct parts_of){
		.name = "libvirt",
		.path = "libvirt",
		.wants = "libvirt_wants",
		.lacks = "libvirt_lacks",
		.here = "libvirt_version",
		.version = libvirt_version(),
		.part = libvirt_parts,
		.count = LIBVIRT_PARTS,
		.takes = takes_of_libvirt,
	};
}

static bool has_part(unsigned int version, const struct program_part *part)
{
	return version >= part->since && !(part->until && version >= part->until);
}

static void out_version(struct json_object *object, const char *key, unsigned int version)
{
	char text[16];

	snprintf(text, sizeof(text), "%u.%u", version / 100, version % 100);
	out_text(object, key, version ? text : NULL);
}

static void parts_describe(struct json_object *object, const struct plan *plan,
			   const struct parts_of *of)
{
	struct json_object *wants = out_array(object, of->wants), *one;
	struct json_object *lacks = out_array(object, of->lacks);

	out_version(object, of->here, of->version);
	for (size_t i = 0; i < of->count; i++) {
		const struct program_part *part = &of->part[i];

		if (!of->takes(plan, i))
			continue;
		one = json_object_new_object();
		out_text(one, "part", part->name);
		out_version(one, "since", part->since);
		out_version(one, "until", part->until);
		json_object_array_add(wants, one);
		if (!of->version || has_part(of->version, part))
			continue;
		one = json_object_new_object();
		out_text(one, "part", part->name);
		out_text(one, "without", part->without);
		json_object_array_add(lacks, one);
	}
}

/* For who is about to install one, or has the VM elsewhere. */
static void tell_wanted(const struct plan *plan, const struct parts_of *of)
{
	const char *before = " Needed:";

	fprintf(stderr, "note: no %s here.", of->path);
	for (size_t i = 0; i < of->count; i++) {
		const struct program_part *part = &of->part[i];

		if (!of->takes(plan, i))
			continue;
		fprintf(stderr, "%s %u.%u", before, part->since / 100, part->since % 100);
		if (part->until)
			fprintf(stderr, " (before %u.%u)", part->until / 100, part->until % 100);
		fprintf(stderr, " for %s", part->name);
		before = ",";
	}
	fputc('\n', stderr);
}

static void tell_lacking(const struct parts_of *of, const struct program_part *part)
{
	bool over = of->version >= part->since;
	unsigned int when = over ? part->until : part->since;

	fprintf(stderr, "note: %s %u.%u here; %u.%u %s %s. Without it: %s\n", of->name,
		of->version / 100, of->version % 100, when / 100, when % 100,
		over ? "dropped" : "has", part->name, part->without);
}

/* How much is not here; all of it is said, since it is one upgrade. */
static unsigned int parts_lacking(const struct plan *plan, const struct parts_of *of, bool quiet)
{
	unsigned int count = 0;

	if (!of->version) {
		if (!quiet)
			tell_wanted(plan, of);
		return 1;
	}
	for (size_t i = 0; i < of->count; i++) {
		if (!of->takes(plan, i) || has_part(of->version, &of->part[i]))
			continue;
		count++;
		if (!quiet)
			tell_lacking(of, &of->part[i]);
	}
	return count;
}

/* Without what of it the VM starts only if it is left out: these are what --here leaves out. */
static bool must_go(const struct plan *plan, const struct parts_of *of, size_t part)
{
	return of->version && of->takes(plan, part) && !has_part(of->version, &of->part[part]);
}

static void emulator_without(struct plan_without *without, const struct plan *plan,
			     const struct parts_of *of)
{
	without->initiators |= must_go(plan, of, PART_INITIATOR);
	without->iommufd |= must_go(plan, of, PART_IOMMUFD);
	without->vsmmu |= must_go(plan, of, PART_VSMMU);
	without->window |= must_go(plan, of, PART_MMIO_SIZE);
}

static void libvirt_without(struct plan_without *without, const struct plan *plan,
			    const struct parts_of *of)
{
	without->ras |= must_go(plan, of, LIBVIRT_RAS);
	without->initiators |= must_go(plan, of, LIBVIRT_NODESET);
	without->iommufd |= must_go(plan, of, LIBVIRT_IOMMUFD);
	without->vsmmu |= must_go(plan, of, LIBVIRT_VSMMU);
	without->window |= must_go(plan, of, LIBVIRT_HOLE);
}

unsigned int parts_lack(struct json_object *object, const struct plan *plan,
			enum plan_format format, bool here, bool quiet)
{
	struct parts_of emulator = parts_of_emulator(plan), libvirt = parts_of_libvirt();
	static const struct plan_without nothing;
	struct plan_without without = nothing;
	unsigned int count = 0;

	parts_describe(object, plan, &emulator);
	parts_describe(object, plan, &libvirt);
	/* KubeVirt brings its own. */
	if (format == PLAN_KUBEVIRT)
		return 0;
	count += parts_lacking(plan, &emulator, quiet);
	emulator_without(&without, plan, &emulator);
	if (format == PLAN_LIBVIRT && plan->family == GPU_GRACE) {
		count += parts_lacking(plan, &libvirt, quiet);
		libvirt_without(&without, plan, &libvirt);
	}
	/* What libvirt drops without a word is missed by nobody else. */
	without.ras = false;
	if (!here && !quiet && memcmp(&without, &nothing, sizeof(nothing)))
		fprintf(stderr, "note: such a VM does not start with what is here: --here leaves "
				"out what is not\n");
	return count;
}

static int nothing_here(const char *path)
{
	complain("--here", "plan", "no %s here that tells its version, to leave out what it lacks",
		 path);
	advise("without --here the notes say from which version on each part exists");
	return EXIT_FAILED;
}

int plan_leave_out(struct plan *plan, enum plan_format format)
{
	struct parts_of emulator = parts_of_emulator(plan), libvirt = parts_of_libvirt();

	if (!emulator.version)
		return nothing_here(emulator.path);
	if (format == PLAN_LIBVIRT && !libvirt.version)
		return nothing_here(libvirt.path);
	/* Of a V100's there is nothing that could go. */
	if (plan->family == GPU_NVLINK2)
		return EXIT_OK;
	emulator_without(&plan->without, plan, &emulator);
	if (format == PLAN_LIBVIRT)
		libvirt_without(&plan->without, plan, &libvirt);
	plan->without.iommufd |= !sys_exists("/dev/iommu");
	/* It is one of an iommufd. */
	plan->without.vsmmu |= plan->without.iommufd;
	return EXIT_OK;
}
