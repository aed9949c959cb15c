// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bind/bind.h"
#include "core/error.h"
#include "core/out.h"
#include "core/sys.h"
#include "core/text.h"
#include "doctor/doctor.h"
#include "verbs/verbs.h"

#define LOCK_FOLDER "/run/cohgpu"
#define LOCK_FILE   LOCK_FOLDER "/lock"

static struct json_object *bind_steps; /* what was done, or with --dry-run would be */
static bool bind_quiet;
static volatile sig_atomic_t bind_stopped;

static void bind_stop(int number)
{
	bind_stopped = number;
}

static bool bind_step(const char *address, const char *what, const char *path, const char *text)
{
	struct json_object *one;

	if (bind_stopped) {
		complain(address, what, "interrupted");
		return false;
	}
	one = json_object_new_object();
	out_text(one, "address", address);
	out_text(one, "step", what);
	out_text(one, "path", path);
	out_text(one, "text", text);
	json_object_array_add(bind_steps, one);
	if (!bind_quiet) {
		printf("%s %-9s ", address, what);
		print_plain(stdout, text[0] ? text : "\"\"");
		printf(" > %s\n", path);
	}
	return true;
}

/* The way back is not to be interrupted. */
static bool undo_step(const char *address, const char *what, const char *path, const char *text)
{
	bind_stopped = 0;
	return bind_step(address, what, path, text);
}

/* udev runs one of us for each function that comes, so that one may have to wait for another. */
static int bind_lock(int fd, const char *seconds)
{
	int64_t left = seconds ? 10 * strtoll(seconds, NULL, 10) : 0;

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK || left-- <= 0 || bind_stopped)
			return -errno;
		usleep(100000);
	}
	return 0;
}

/* From here on an interrupt asks for the way back, and only one of us works. */
static int bind_begin(const struct call *call)
{
	struct sigaction action = {.sa_handler = bind_stop, .sa_flags = SA_RESTART};
	static int fd = -1; /* the lock, held to the process's end */
	int ret;

	if (call_has(call, OPT_DRY_RUN))
		return EXIT_OK;
	if (geteuid() && !sys_is_tree()) {
		complain(call->verb->name, "run", "only root may");
		advise("--dry-run shows what would be done");
		return EXIT_FAILED;
	}
	/* A step is told before it is made, at the end of a pipe too: it may be that it hangs. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	sys_make_folder(LOCK_FOLDER);
	if (fd >= 0)
		close(fd);
	/* Who can open it can lock it: root alone, of one that an older cohgpu left as well. */
	fd = open(sys_path(LOCK_FILE), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	ret = fd < 0 || fchmod(fd, 0600) ? -errno : bind_lock(fd, call->option[OPT_WAIT]);
	if (ret) {
		complain(LOCK_FILE, "lock", "%s",
			 ret == -EWOULDBLOCK ? "another cohgpu is at work" : strerror(-ret));
		if (ret == -EWOULDBLOCK)
			advise("try again when it has ended%s",
			       call->verb->run == run_bind ? ", or wait for it: --wait 60" : "");
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

/* The host's driver gives the memory back in pieces, which takes its time. */
static int wait_for_drain(const struct gpu *gpu, const char *seconds)
{
	long left = seconds ? strtol(seconds, NULL, 10) : 0;
	unsigned int ranges, before = 0;
	struct online online;

	if (!gpu->driver[0] || gpu_is_vfio_driver(gpu->driver))
		return EXIT_OK;
	for (;; left--) {
		online_read(&online, gpu);
		ranges = online.own + online.untold;
		if (!ranges)
			return EXIT_OK;
		if (left <= 0 || bind_stopped)
			break;
		if (ranges != before)
			fprintf(stderr, "%s: %u range%s of GPU memory still online\n", gpu->address,
				ranges, plural(ranges));
		before = ranges;
		sleep(1);
	}
	complain(gpu->address, "bind", "%u range%s of GPU memory online in the host", ranges,
		 plural(ranges));
	advise("stop what uses it, then: cohgpu bind %s --wait 60", gpu->address);
	return EXIT_FAILED;
}

static int bind_look(const struct call *call, const struct gpu_set *set, struct bind_plan *plans)
{
	int status = EXIT_OK;

	for (size_t i = 0; i < set->count && !status; i++) {
		bind_free(&plans[i]);
		plans[i].persist = call_has(call, OPT_PERSIST);
		status = bind_prepare(&plans[i], &set->gpu[i], call->option[OPT_DRIVER]);
		if (!status)
			status = bind_check(&plans[i], &set->gpu[i]);
	}
	return status;
}

/*
 * All checks of all GPUs come before the first change; and once more after what takes its time, in
 * which somebody may have begun to use one.
 */
static int bind_all(const struct call *call, const struct gpu_set *set, struct bind_plan *plans)
{
	bool dry = call_has(call, OPT_DRY_RUN);
	int status = bind_look(call, set, plans);
	size_t i;

	for (i = 0; i < set->count && !status; i++)
		status = wait_for_drain(&set->gpu[i], call->option[OPT_WAIT]);
	for (i = 0; i < set->count && !status; i++)
		status = bind_load(&plans[i], dry, bind_step);
	if (!status && !dry)
		status = bind_look(call, set, plans);
	for (i = 0; i < set->count && !status; i++)
		status = bind_run(&plans[i], dry, bind_step);
	/* All or nothing: those that were handed over before come back too. */
	while (status && !dry && i-- > 0)
		if (bind_back(&plans[i], undo_step))
			advise("to try again: cohgpu restore %s", set->gpu[i].address);
	return status;
}

/* The GPUs that the words name, as they are while nobody else of us works. */
static int bind_select(const struct call *call, struct gpu_set *set)
{
	int status;

	gpu_scan(set);
	status = gpu_select(set, call->words, call->count);
	if (!status)
		status = bind_begin(call);
	if (status)
		return status;
	gpu_free(set);
	gpu_scan(set);
	return gpu_select(set, call->words, call->count);
}

static void bind_finish(const struct call *call, struct json_object *object, int status)
{
	out_bool(object, "done", !status && !call_has(call, OPT_DRY_RUN));
	if (bind_quiet)
		out_json(object, status);
}

static int restore_all(const struct call *call, const struct gpu_set *set)
{
	int status = EXIT_NOTHING;

	for (size_t i = 0; i < set->count; i++) {
		int one = bind_undo(&set->gpu[i], call_has(call, OPT_DRY_RUN), undo_step);

		if (one != EXIT_NOTHING && status != EXIT_FAILED)
			status = one;
	}
	return status;
}

/* Whether each word names a GPU that is there, or is no more: before any is forgotten. */
static int restore_look(const struct call *call, const struct gpu_set *set)
{
	char **words = calloc(call->count, sizeof(*words));
	int count = 0, status = words ? EXIT_OK : EXIT_FAILED;
	struct gpu_set there;

	for (int i = 0; words && i < call->count; i++)
		if (strcmp(call->words[i], "all") && !bind_is_gone(call->words[i]))
			words[count++] = call->words[i];
	if (count) {
		gpu_copy(&there, set);
		status = gpu_select(&there, words, count);
		gpu_free(&there);
	}
	free(words);
	return status;
}

/*
 * Of GPUs that are no more there is something to forget; words that name such are taken out of the
 * call, so that the others can be looked for.
 */
static int forget_all(struct call *call)
{
	bool dry = call_has(call, OPT_DRY_RUN);
	int status = EXIT_NOTHING, kept = 0;

	for (int i = 0; i < call->count; i++) {
		int one = bind_forget(call->words[i], dry, undo_step);

		if (one == EXIT_NOTHING || !strcmp(call->words[i], "all"))
			call->words[kept++] = call->words[i];
		if (one != EXIT_NOTHING && status != EXIT_FAILED)
			status = one;
	}
	call->count = kept;
	return status;
}

int run_bind(const struct call *call)
{
	struct json_object *object = out_new(call), *others;
	struct bind_plan *plans = NULL;
	struct gpu_set set;
	int status;

	bind_steps = out_array(object, "steps");
	others = out_array(object, "group_others");
	bind_quiet = call_has(call, OPT_JSON);
	status = bind_select(call, &set);
	if (!status) {
		plans = calloc(set.count, sizeof(*plans));
		status = plans ? bind_all(call, &set, plans) : EXIT_FAILED;
	}
	if (!status && !json_object_array_length(bind_steps))
		for (size_t i = 0; i < set.count; i++)
			fprintf(stderr, "%s: nothing to do, it is bound to %s\n",
				set.gpu[i].address, set.gpu[i].driver);
	if (!status)
		bind_others(others, &set, bind_quiet);
	bind_finish(call, object, status);
	for (size_t i = 0; plans && i < set.count; i++)
		bind_free(&plans[i]);
	free(plans);
	gpu_free(&set);
	json_object_put(object);
	return status;
}

/* What is there is restored, what is no more is forgotten; either is an answer. */
int run_restore(const struct call *given)
{
	struct json_object *object = out_new(given);
	struct call call = *given;
	int forgotten = EXIT_NOTHING, status = EXIT_FAILED;
	bool looked = false;
	const char *word = given->words[0];
	struct gpu_set set = {0};

	bind_steps = out_array(object, "steps");
	bind_quiet = call_has(&call, OPT_JSON);
	if (!bind_begin(&call)) {
		gpu_scan(&set);
		status = restore_look(&call, &set);
		looked = !status;
	}
	if (looked) {
		forgotten = forget_all(&call);
		status = EXIT_NOTHING;
	}
	/* Without a GPU "all" is those that are gone. */
	if (looked && call.count && (forgotten == EXIT_NOTHING || set.count))
		status = gpu_select(&set, call.words, call.count);
	if (!status)
		status = restore_all(&call, &set);
	if (looked && status == EXIT_NOTHING && forgotten == EXIT_NOTHING && set.count) {
		complain(word, "restore", "there is no record of a bind");
		advise("what cohgpu bind did not do it does not undo; see: cohgpu list");
	}
	if (forgotten != EXIT_NOTHING && status == EXIT_NOTHING)
		status = forgotten;
	bind_finish(&call, object, status);
	gpu_free(&set);
	json_object_put(object);
	return status;
}
