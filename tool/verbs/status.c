// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/gpu.h"
#include "core/holders.h"
#include "core/out.h"
#include "core/text.h"
#include "verbs/verbs.h"

/* Of a GPU that the host has: who keeps it. */
static void add_holder(char *why, size_t size, const struct gpu *gpu)
{
	struct holder holder;
	char text[HOLDER_TEXT];

	if (gpu->driver[0] && !gpu_is_vfio_driver(gpu->driver) &&
	    holder_of_host(&holder, gpu->address))
		snprintf(why + strlen(why), size - strlen(why), "; %s",
			 holders_text(text, &holder, 1));
}

static struct json_object *status_of(const struct gpu *gpu, int *worst, bool strict)
{
	struct json_object *one = json_object_new_object();
	char why[256 + HOLDER_TEXT];
	enum gpu_fit fit = gpu_fit(gpu, why, sizeof(why));
	int code = fit == FIT_FAILED		 ? EXIT_FAILED
		   : fit == FIT_UNSURE && strict ? EXIT_WARNINGS
						 : EXIT_OK;

	add_holder(why, sizeof(why), gpu);
	out_text(one, "address", gpu->address);
	out_text(one, "status", gpu_fit_word(fit));
	out_text(one, "why", why[0] ? why : NULL);
	if (code > *worst)
		*worst = code;
	return one;
}

static void status_print(struct json_object *gpus)
{
	for (size_t i = 0; i < json_object_array_length(gpus); i++) {
		struct json_object *one = json_object_array_get_idx(gpus, i);
		const char *word = out_get_text(one, "status", ""),
			   *why = out_get_text(one, "why", NULL);

		printf("%s %s%s%s%s", out_get_text(one, "address", ""), out_status_colour(word),
		       word, out_colour(OUT_PLAIN), why ? ": " : "");
		print_plain(stdout, why ? why : "");
		putchar('\n');
	}
}

int run_status(const struct call *call)
{
	struct json_object *object = out_new(call), *gpus = out_array(object, "gpus");
	struct gpu_set set;
	int status;

	gpu_scan(&set);
	status = gpu_select(&set, call->words, call->count);
	if (!status)
		for (size_t i = 0; i < set.count; i++)
			json_object_array_add(
				gpus, status_of(&set.gpu[i], &status, call_has(call, OPT_STRICT)));
	if (call_has(call, OPT_JSON))
		out_json(object, status);
	else
		status_print(gpus);
	gpu_free(&set);
	json_object_put(object);
	return status;
}
