// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/error.h"
#include "core/out.h"
#include "core/sys.h"
#include "core/text.h"
#include "verbs/verbs.h"
#include "watch/watch.h"

#define DEFAULT_INTERVAL 1000 /* ms */
#define INTERVAL_MAX	 3600000
#define FOR_MAX		 31536000
#define HEARTBEAT	 30000 /* ms: a file that grows older has lost its writer */

struct watcher {
	const struct call *call;
	const char *file; /* of --prometheus */
	char *written;	  /* what it holds */
	int64_t written_at;
	unsigned long left; /* events until the end */
	bool counts;
	int status;
};

static volatile sig_atomic_t watch_stopped;

static void watch_stop(int number)
{
	watch_stopped = number;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void time_text(char *buf, size_t size)
{
	struct timespec t;
	struct tm tm;
	char seconds[32];

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf, size, "%s.%03ldZ", seconds, t.tv_nsec / 1000000);
}

static void tell(struct watch *w, const char *gpu, enum watch_event event, const char *from,
		 const char *to)
{
	struct watcher *watcher = w->owner;
	struct json_object *object;
	char when[48];

	if (watcher->counts && !watcher->left)
		return;
	watcher->left--;
	if (gpu)
		watch_count(w, gpu, event);
	time_text(when, sizeof(when));
	if (call_has(watcher->call, OPT_JSON)) {
		object = out_new(watcher->call);
		out_text(object, "time", when);
		out_text(object, "gpu", gpu);
		out_text(object, "event", watch_event_names[event]);
		out_text(object, "from", from);
		out_text(object, "to", to);
		puts(json_object_to_json_string_ext(
			object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(object);
	} else {
		printf("%s %s %s", when, gpu ? gpu : "machine", watch_event_names[event]);
		if (from || to) {
			fputs(": ", stdout);
			print_plain(stdout, from ? from : "");
			fputs(from ? " -> " : "", stdout);
			print_plain(stdout, to ? to : "none");
		}
		putchar('\n');
	}
	/* Somebody waits for it, at a terminal or at the end of a pipe. */
	if (fflush(stdout))
		watcher->status = EXIT_FAILED;
}

/* In place whole or not at all: a collector may read it at any moment. */
static void write_metrics(struct watcher *watcher, const struct watch *w)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int ret;

	if (!f)
		return;
	watch_metrics(f, w);
	fclose(f);
	if (watcher->written && !strcmp(watcher->written, text) &&
	    now_ms() - watcher->written_at < HEARTBEAT) {
		free(text);
		return;
	}
	ret = file_replace(watcher->file, text);
	if (ret) {
		complain(watcher->file, "write", "%s", strerror(-ret));
		watcher->status = EXIT_FAILED;
	}
	free(watcher->written);
	watcher->written = text;
	watcher->written_at = now_ms();
}

static void wait_for_more(struct watch *w, int64_t until)
{
	struct pollfd fds[] = {
		{.fd = w->uevents, .events = POLLIN},
		/* A file that stands in for the log always has something. */
		{.fd = sys_is_tree() ? -1 : w->log, .events = POLLIN},
	};

	while (!watch_stopped && now_ms() < until) {
		if (poll(fds, 2, (int)(until - now_ms() + 1)) <= 0)
			continue;
		if (fds[1].revents)
			watch_take_log(w);
		if (fds[0].revents && watch_take_uevents(w))
			return;
	}
}

static void run_watch_loop(struct watcher *watcher, struct watch *w, int64_t interval, int64_t end)
{
	while (!watch_stopped && !watcher->status && (!watcher->counts || watcher->left)) {
		int64_t until = now_ms() + interval;

		watch_take_log(w);
		watch_look(w);
		if (watcher->file)
			write_metrics(watcher, w);
		if (now_ms() >= end || watcher->status || (watcher->counts && !watcher->left))
			break;
		wait_for_more(w, until < end ? until : end);
	}
}

/* On standard error: what is seen at once, and what at the interval only. */
static void introduce(struct watch *w, int64_t interval)
{
	int uevents = watch_open_uevents(w), log = watch_open_log(w);

	if (log)
		fprintf(stderr, "note: failed memory is not seen: /dev/kmsg: %s\n", strerror(-log));
	fprintf(stderr, "watching %zu GPU%s, every %lld ms%s\n", w->count, w->count == 1 ? "" : "s",
		(long long)interval, uevents ? "" : " and at uevents");
}

static int64_t number(const struct call *call, enum option_id id, int64_t otherwise)
{
	return call_has(call, id) ? strtoll(call->option[id], NULL, 10) : otherwise;
}

int run_watch(const struct call *call)
{
	int64_t interval = number(call, OPT_INTERVAL, DEFAULT_INTERVAL);
	int64_t seconds = number(call, OPT_FOR, -1);
	struct sigaction action = {.sa_handler = watch_stop}, old_int, old_term;
	struct watcher watcher = {
		.call = call,
		.file = call->option[OPT_PROMETHEUS],
		.left = number(call, OPT_EVENTS, 0),
		.counts = call_has(call, OPT_EVENTS),
	};
	struct watch w = {0};
	struct gpu_set set;
	struct stat there;
	bool all = true;

	for (int i = 0; i < call->count; i++)
		all &= !strcmp(call->words[i], "all");
	gpu_scan(&set);
	watcher.status = gpu_select(&set, call->words, call->count);
	if (interval < 1 || interval > INTERVAL_MAX) {
		complain("--interval", "parse", "1 to %d milliseconds", INTERVAL_MAX);
		watcher.status = EXIT_USAGE;
	}
	/* It is put in place of what is there, which had better be its like: not /dev/stdout. */
	if (watcher.file && !stat(watcher.file, &there) && !S_ISREG(there.st_mode)) {
		complain(watcher.file, "write", "it is there, and no file that could be replaced");
		watcher.status = EXIT_USAGE;
	}
	if (seconds > FOR_MAX) {
		complain("--for", "parse", "at most %d seconds", FOR_MAX);
		watcher.status = EXIT_USAGE;
	}
	if (!watcher.status) {
		watch_stopped = 0;
		sigaction(SIGINT, &action, &old_int);
		sigaction(SIGTERM, &action, &old_term);
		if (watch_begin(&w, &set, all, tell)) {
			w.owner = &watcher;
			introduce(&w, interval);
			run_watch_loop(&watcher, &w, interval,
				       seconds < 0 ? INT64_MAX : now_ms() + seconds * 1000);
		}
		sigaction(SIGINT, &old_int, NULL);
		sigaction(SIGTERM, &old_term, NULL);
	}
	watch_end(&w);
	free(watcher.written);
	gpu_free(&set);
	return watcher.status;
}
