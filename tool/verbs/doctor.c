// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/out.h"
#include "core/text.h"
#include "doctor/doctor.h"
#include "doctor/domain.h"
#include "plan/plan.h"
#include "verbs/verbs.h"

static const char *const doctor_words[VERDICTS] = {
	[VERDICT_PASS] = "PASS",
	[VERDICT_SKIP] = "SKIP",
	[VERDICT_WARN] = "WARN",
	[VERDICT_FAIL] = "FAIL",
};

static const enum out_colour doctor_colours[VERDICTS] = {
	[VERDICT_PASS] = OUT_GREEN,
	[VERDICT_SKIP] = OUT_DIM,
	[VERDICT_WARN] = OUT_YELLOW,
	[VERDICT_FAIL] = OUT_RED,
};

struct examination {
	const struct patient *patient;
	const struct gpu_set *chosen;
	const char *only; /* a check's id; NULL: all */
	char addresses[256];
	bool json;
	struct json_object *results;
	unsigned int count[VERDICTS];
};

static void print_result(const struct check *check, const struct finding *f, const char *object,
			 const char *fix)
{
	printf("%s%s%s  %-18s %-13s ", out_colour(doctor_colours[f->verdict]),
	       doctor_words[f->verdict], out_colour(OUT_PLAIN), check->id, object);
	print_plain(stdout, f->text);
	putchar('\n');
	if (f->verdict < VERDICT_WARN)
		return;
	printf("      symptom: %s\n      fix: ", check->symptom);
	print_plain(stdout, fix);
	putchar('\n');
}

static void record(struct examination *e, const struct check *check, const struct finding *f,
		   const struct gpu *gpu)
{
	const char *object = gpu ? gpu->address : e->patient->domain ? "domain" : "machine";
	struct json_object *one = json_object_new_object();
	bool trouble = f->verdict >= VERDICT_WARN;
	char fix[512];

	fix_text(fix, sizeof(fix), f->fix[0] ? f->fix : check->fix,
		 gpu ? gpu->address : e->addresses, e->addresses);
	out_text(one, "id", check->id);
	out_text(one, "object", object);
	out_text(one, "verdict", doctor_words[f->verdict]);
	out_text(one, "found", f->text);
	out_text(one, "symptom", trouble ? check->symptom : NULL);
	out_text(one, "fix", trouble ? fix : NULL);
	json_object_array_add(e->results, one);
	e->count[f->verdict]++;
	if (!e->json)
		print_result(check, f, object, fix);
}

static bool concerns(const struct check *check, const struct gpu *gpu)
{
	return !check->families || check->families & 1U << gpu->model->family;
}

/* A machine without such a GPU may be about to get one, of the family that it could have. */
static bool concerns_any(const struct check *check, const struct gpu_set *gpus)
{
	for (size_t i = 0; i < gpus->count; i++)
		if (concerns(check, &gpus->gpu[i]))
			return true;
	return !gpus->count && (!check->families || check->families & 1U << bare_family());
}

/* As arguments of a command that a fix names. */
static void join_addresses(struct examination *e)
{
	const struct gpu_set *gpus = e->patient->gpus;
	size_t used = snprintf(e->addresses, sizeof(e->addresses), "%s", gpus->count ? "" : "all");

	for (size_t i = 0; i < gpus->count && used < sizeof(e->addresses); i++)
		used += snprintf(e->addresses + used, sizeof(e->addresses) - used, "%s%s",
				 i ? " " : "", gpus->gpu[i].address);
	/* What does not fit is no half of an address. */
	if (used >= sizeof(e->addresses))
		snprintf(e->addresses, sizeof(e->addresses), "all");
}

static void examine(struct examination *e, const struct check *check)
{
	const struct gpu_set *gpus = e->chosen;
	void (*once)(struct finding * f, const struct patient *p);
	struct finding f;

	join_addresses(e);
	for (; check->id; check++) {
		if (e->only && strcmp(e->only, check->id))
			continue;
		for (size_t i = 0; check->gpu && i < gpus->count; i++) {
			if (!concerns(check, &gpus->gpu[i]))
				continue;
			check->gpu(&f, &gpus->gpu[i], e->patient);
			record(e, check, &f, &gpus->gpu[i]);
		}
		once = check->machine || gpus->count ? check->machine : check->bare;
		if (!once || !concerns_any(check, gpus))
			continue;
		once(&f, e->patient);
		record(e, check, &f, NULL);
	}
}

static bool is_check(const struct check *check, const char *id)
{
	for (; check->id; check++)
		if (!strcmp(check->id, id))
			return true;
	return false;
}

static void summary(struct examination *e, struct json_object *object)
{
	static const char *const keys[VERDICTS] = {"passed", "skipped", "warned", "failed"};

	for (int v = 0; v < VERDICTS; v++)
		out_number(object, keys[v], e->count[v]);
	if (e->json)
		out_json(object, EXIT_OK);
	else
		printf("%u passed, %u warned, %u failed, %u skipped\n", e->count[VERDICT_PASS],
		       e->count[VERDICT_WARN], e->count[VERDICT_FAIL], e->count[VERDICT_SKIP]);
}

/* A GPU of this host that the words name, and the domain does not have; an exit code. */
static int choose_of_domain(const struct call *call, const struct gpu_set *machine,
			    const struct gpu_set *domain)
{
	for (int w = 0; w < call->count; w++) {
		const char *word = call->words[w];

		if (!gpu_is_named(machine, word) || gpu_is_named(domain, word))
			continue;
		complain(word, "find", "the domain does not have this GPU");
		return EXIT_UNKNOWN;
	}
	return EXIT_OK;
}

/* What is wrong with the name of a check; an exit code. */
static int choose_check(const char *only, const struct check *checks)
{
	if (!only || is_check(checks, only))
		return EXIT_OK;
	if (is_check(doctor_domain, only))
		complain(only, "find", "it is a check of a domain: --domain FILE");
	else if (is_check(doctor_guest, only))
		complain(only, "find", "it is a check of a guest: --guest");
	else if (is_check(doctor_host, only))
		complain(only, "find", "it is a check of the host: neither --domain nor --guest");
	else
		complain(only, "find", "no such check");
	advise("see: man cohgpu-doctor");
	return EXIT_USAGE;
}

/* What is examined, and by which checks; an exit code. */
static int choose(const struct call *call, struct patient *patient, struct domain *domain,
		  const struct gpu_set *machine, struct gpu_set *set, const struct check **checks)
{
	const char *ram = call_has(call, OPT_RAM) ? call->option[OPT_RAM] : PLAN_RAM;
	int status;

	*checks = doctor_host;
	patient->ram = plan_size(ram);
	if (patient->ram < 1ULL << 20) {
		complain(ram, "parse", PLAN_SIZES);
		return EXIT_USAGE;
	}
	if (call_has(call, OPT_MEMORY) && !call_has(call, OPT_DOMAIN)) {
		complain("--memory", "parse", "only of a --domain are windows judged by it");
		return EXIT_USAGE;
	}
	if (call_has(call, OPT_MEMORY)) {
		patient->memory = plan_size(call->option[OPT_MEMORY]);
		if (patient->memory < 1ULL << 20) {
			complain(call->option[OPT_MEMORY], "parse", PLAN_SIZES);
			return EXIT_USAGE;
		}
	}
	if (call_has(call, OPT_GUEST) && call_has(call, OPT_DOMAIN)) {
		complain("--guest", "parse", "a domain is examined on the host");
		return EXIT_USAGE;
	}
	if (call_has(call, OPT_GUEST))
		*checks = doctor_guest;
	if (call_has(call, OPT_DOMAIN)) {
		*checks = doctor_domain;
		status = domain_read(domain, call->option[OPT_DOMAIN]);
		if (status)
			return status;
		patient->domain = domain;
		domain_select(domain, set);
	}
	status = choose_check(call->option[OPT_CHECK], *checks);
	if (status)
		return status;
	if (patient->domain && !set->count) {
		complain(call->option[OPT_DOMAIN], "find",
			 "the domain has no coherent GPU of this machine");
		return EXIT_NOTHING;
	}
	return patient->domain ? choose_of_domain(call, machine, set) : EXIT_OK;
}

/* No GPU is named: of a machine that has none there is something to say all the same. */
static bool names_none(const struct call *call)
{
	for (int i = 0; i < call->count; i++)
		if (strcmp(call->words[i], "all"))
			return false;
	return true;
}

int run_doctor(const struct call *call)
{
	struct json_object *object = out_new(call);
	const struct check *checks;
	struct domain domain = {0};
	struct gpu_set machine, set, chosen;
	struct patient patient = {.gpus = &set};
	struct examination e = {
		.patient = &patient,
		.chosen = &chosen,
		.only = call->option[OPT_CHECK],
		.json = call_has(call, OPT_JSON),
		.results = out_array(object, "results"),
	};
	bool bare;
	int status;

	gpu_scan(&machine);
	gpu_copy(&set, &machine);
	status = choose(call, &patient, &domain, &machine, &set, &checks);
	gpu_copy(&chosen, &set);
	/* Without a GPU the machine is examined first: it may be about to get one. */
	bare = !set.count && checks == doctor_host && names_none(call);
	if (!status && !bare)
		status = gpu_select(&chosen, call->words, call->count);
	if (!status) {
		examine(&e, checks);
		summary(&e, object);
	}
	if (!status && bare) {
		fflush(stdout);
		status = gpu_select(&chosen, call->words, call->count);
	}
	if (!status && e.count[VERDICT_FAIL])
		status = EXIT_FAILED;
	else if (!status && e.count[VERDICT_WARN] && call_has(call, OPT_STRICT))
		status = EXIT_WARNINGS;
	domain_free(&domain);
	gpu_free(&chosen);
	gpu_free(&set);
	gpu_free(&machine);
	json_object_put(object);
	return status;
}

static void manual_of(const char *title, const struct check *check)
{
	char fix[256];

	printf(".Ss %s\n.Bl -tag -width Ds\n", title);
	for (; check->id; check++) {
		printf(".It Cm %s\nLooks at:\n%s.\n", check->id, check->looks);
		fix_text(fix, sizeof(fix), check->fix, "GPU", "GPU...");
		printf("Prevents:\n%s.\nFix:\n%s.\n", check->symptom, fix);
	}
	puts(".El");
}

const char *verb_check_ids(void)
{
	static const struct check *const kinds[] = {doctor_host, doctor_domain, doctor_guest};
	static char ids[2048];
	size_t used = 0;

	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		for (const struct check *c = kinds[k]; c->id && used < sizeof(ids); c++)
			used += snprintf(ids + used, sizeof(ids) - used, "%s%s", used ? " " : "",
					 c->id);
	return ids;
}

void manual_doctor(void)
{
	puts(".Sh CHECKS\nTheir names are stable.\n"
	     "One that does not concern a GPU's family is not made.");
	manual_of("On the host", doctor_host);
	manual_of("With Fl \\-domain", doctor_domain);
	manual_of("With Fl \\-guest", doctor_guest);
	puts(".Sh KERNELS FOR A V100\n"
	     "A guest can use a V100\\(aqs NVLink where the kernel of the POWER9 host has three\n"
	     "things, which Linux had from 5.0 to 5.12 and lost with 5.13:\n"
	     ".Bl -bullet\n"
	     ".It\nNVLink bridges (1014:04ea) that are PCI functions, made of the host bridges\n"
	     "that are ibm,ioda2-npu2-phb in the device tree.\n"
	     "Its check is\n.Cm bridge-functions .\n"
	     ".It\nOne IOMMU group of all GPUs and bridges at an NPU.\n"
	     "Its check is\n.Cm bridge-group .\n"
	     ".It\nThe functions\n.Fn pnv_npu2_map_lpar_dev\nand\n"
	     ".Fn pnv_npu2_unmap_lpar_dev ,\nexported.\n"
	     "Their check is\n.Cm guest-mapping .\n"
	     ".El\n.Pp\n"
	     "No package brings them back to a later kernel: it has to be built so.\n"
	     "Without them programs of the host can still use the GPU\\(aqs memory, through\n"
	     "VFIO.\n"
	     "docs/hardware.md in the sources of cohgpu has the whole list.");
}
