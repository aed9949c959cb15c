// SPDX-License-Identifier: GPL-2.0-only
/*
 * Planted: guests whose lives must come out red, each for its own reason (tests/harness/selftest
 * says which, and runs this). No lane does.
 */
#include "guest.h"

#define LIMIT 300

/* A guest that says nothing at all is given up soon. */
#define LIMIT_SILENT 15

static const struct gpu_want small = {.preset = "gh200-96", .mem_size = "2624M"};
static struct gpu gpu;

static void life(struct guest *g)
{
	g->gpus = 1;
	g->gpu[0] = &gpu;
	gpu_bind(&gpu, &small);
	guest_run(g);
}

/* Its kernel finds no init, and stays so. */
static void silent(void)
{
	struct guest g = {.name = "silent",
			  .roles = {"least"},
			  .append = "rdinit=/none panic=0",
			  .limit = LIMIT_SILENT};

	life(&g);
}

/* All is well, and nobody says so in the end. */
static void no_verdict(void)
{
	struct guest g = {.name = "no_verdict",
			  .roles = {"least"},
			  .append = "PLANT_NO_VERDICT=1",
			  .limit = LIMIT};

	life(&g);
}

/* The first boot has a report in its kernel's log, the second has none. */
static void report(void)
{
	struct guest g = {.name = "report", .roles = {"report", "least"}, .limit = LIMIT};

	life(&g);
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(silent),
		KTAP_CASE_SLOW(no_verdict, LIMIT + 20),
		KTAP_CASE_SLOW(report, LIMIT + 20),
	};

	return ktap_main("guest_planted", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
