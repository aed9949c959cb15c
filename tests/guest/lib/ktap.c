// SPDX-License-Identifier: GPL-2.0-only
#include "ktap.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KTAP_EXIT_FAIL	1
#define KTAP_EXIT_STUCK 3
#define KTAP_EXIT_SKIP	77

/* How long a killed process may take to go before it counts as stuck in the kernel. */
#define KTAP_GRACE_SECONDS 20

struct ktap_state {
	char skip[256];
	char note[KTAP_NOTE_SIZE];
};

static struct ktap_state *ktap_state;
static const struct ktap_case *ktap_current;
static const char *ktap_suite;
static uint64_t ktap_seed = 0x9e3779b97f4a7c15;

long ktap_arg(void)
{
	return ktap_current ? ktap_current->arg : 0;
}

const char *ktap_name(void)
{
	static char name[128];

	snprintf(name, sizeof(name), "%s/%s", ktap_suite ? ktap_suite : "-",
		 ktap_current ? ktap_current->name : "-");
	return name;
}

static bool ktap_env(const char *name)
{
	const char *v = getenv(name);

	return v && *v && strcmp(v, "0");
}

bool ktap_quick(void)
{
	return ktap_env("COHGPU_QUICK");
}

bool ktap_brief(void)
{
	return ktap_quick() && !ktap_peer();
}

bool ktap_peer(void)
{
	return ktap_env("COHGPU_PEER");
}

bool ktap_kernel(const char *version)
{
	const char *kernel = getenv("COHGPU_KERNEL");
	size_t len = strlen(version);

	return kernel && !strncmp(kernel, version, len) && (!kernel[len] || kernel[len] == '-');
}

bool ktap_sanitized(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

/* Sanitizers slow a case down, some tenfold. A peer's are often those that wait for ever. */
static unsigned int ktap_timeout(const struct ktap_case *c)
{
	unsigned int seconds = c->timeout ? c->timeout : KTAP_TIMEOUT;

	return !ktap_sanitized() ? seconds : ktap_peer() ? 2 * seconds : 5 * seconds;
}

char *ktap_note(void)
{
	static char none[KTAP_NOTE_SIZE];

	return ktap_state ? ktap_state->note : none;
}

static void ktap_vdiag(const char *where, const char *fmt, va_list ap)
{
	char text[768], line[1024];
	int n;

	vsnprintf(text, sizeof(text), fmt, ap);
	n = snprintf(line, sizeof(line), "# %s%s\n", where, text);
	if (n >= (int)sizeof(line))
		n = sizeof(line) - 1;
	/* One write a line, so that helpers' and threads' lines never mix. */
	if (write(STDOUT_FILENO, line, n) != n)
		_exit(KTAP_EXIT_FAIL);
}

void ktap_diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ktap_vdiag("", fmt, ap);
	va_end(ap);
}

void ktap_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ktap_vdiag("", fmt, ap);
	va_end(ap);
	_exit(KTAP_EXIT_FAIL);
}

void ktap_fail_at(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char where[96];
	va_list ap;

	snprintf(where, sizeof(where), "%s:%d: ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	ktap_vdiag(where, fmt, ap);
	va_end(ap);
	_exit(KTAP_EXIT_FAIL);
}

void ktap_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ktap_state->skip, sizeof(ktap_state->skip), fmt, ap);
	va_end(ap);
	_exit(KTAP_EXIT_SKIP);
}

void ktap_eq_at(const char *file, int line, int64_t got, int64_t want, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	if (got == want)
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	ktap_fail_at(file, line, "%s: expected %lld (0x%llx), got %lld (0x%llx)", what,
		     (long long)want, (unsigned long long)want, (long long)got,
		     (unsigned long long)got);
}

void ktap_bytes_at(const char *file, int line, const void *got, const void *want, size_t n,
		   const char *fmt, ...)
{
	const unsigned char *g = got, *w = want;
	char what[512];
	va_list ap;
	size_t i, bad = 0;

	if (!memcmp(got, want, n))
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	for (i = 0; i < n && g[i] == w[i]; i++)
		;
	for (size_t k = i; k < n; k++)
		bad += g[k] != w[k];
	ktap_fail_at(file, line,
		     "%s: byte %zu of %zu: expected 0x%02x, got 0x%02x (%zu bytes differ)", what, i,
		     n, w[i], g[i], bad);
}

double ktap_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void ktap_sleep(double seconds)
{
	struct timespec ts = {.tv_sec = (time_t)seconds};

	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

int ktap_await(volatile int *word, int want, double seconds)
{
	double end = ktap_now() + seconds;

	while (*word != want && ktap_now() < end)
		ktap_sleep(0.002);
	return *word;
}

uint64_t ktap_random(void)
{
	ktap_seed ^= ktap_seed << 13;
	ktap_seed ^= ktap_seed >> 7;
	ktap_seed ^= ktap_seed << 17;
	return ktap_seed;
}

void ktap_fill(void *buf, size_t n, uint64_t seed)
{
	unsigned char *p = buf;
	uint64_t x = seed * 0x2545f4914f6cdd1d + 0x9e3779b97f4a7c15;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (unsigned char)(x >> 24);
	}
}

void *ktap_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		ktap_fail("shared memory: %s", strerror(errno));
	return p;
}

pid_t ktap_spawn(void (*fn)(void *), void *arg)
{
	pid_t pid = fork();

	if (pid < 0)
		ktap_fail("fork: %s", strerror(errno));
	if (!pid) {
		fn(arg);
		_exit(0);
	}
	return pid;
}

int ktap_join(pid_t pid, double seconds)
{
	double end = ktap_now() + seconds;
	int status;

	for (;;) {
		pid_t r = waitpid(pid, &status, WNOHANG);

		if (r == pid)
			return status;
		if (r < 0 && errno != EINTR)
			ktap_fail("waitpid: %s", strerror(errno));
		if (ktap_now() > end)
			return -1;
		ktap_sleep(0.002);
	}
}

void ktap_join_ok(pid_t pid, double seconds, const char *what)
{
	int status = ktap_join(pid, seconds);

	if (status == -1)
		ktap_fail("%s: still running after %.0f s", what, seconds);
	if (status)
		ktap_fail("%s: ended with wait status 0x%x", what, status);
}

void ktap_kill(pid_t pid, double seconds, const char *what)
{
	int status;

	if (kill(pid, SIGKILL))
		ktap_fail("%s: kill: %s", what, strerror(errno));
	status = ktap_join(pid, seconds);
	if (status == -1)
		ktap_fail("%s: SIGKILL did not end it within %.0f s", what, seconds);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		ktap_fail("%s: had ended before it was killed, with wait status 0x%x", what,
			  status);
}

/* Kill what is left of a case's process group. False: something does not die. */
static bool ktap_reap_group(pid_t group)
{
	double end = ktap_now() + KTAP_GRACE_SECONDS;

	for (;;) {
		pid_t r;

		kill(-group, SIGKILL);
		r = waitpid(-group, NULL, WNOHANG);
		if (r < 0 && errno == ECHILD)
			return true;
		if (r > 0)
			continue;
		if (ktap_now() > end)
			return false;
		ktap_sleep(0.005);
	}
}

/* Run @fn in a process group of its own; its wait status, or -1 when it had to be given up. */
static int ktap_isolate(void (*fn)(void), unsigned int seconds, bool *stuck)
{
	double end = ktap_now() + seconds;
	bool late = false;
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return -1;
	if (!pid) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn();
		_exit(0);
	}
	setpgid(pid, pid);
	for (;;) {
		pid_t r = waitpid(pid, &status, WNOHANG);

		if (r == pid)
			break;
		if (ktap_now() > end) {
			late = true;
			break;
		}
		ktap_sleep(0.005);
	}
	*stuck = !ktap_reap_group(pid);
	return late || *stuck ? -1 : status;
}

static void ktap_run_case(void)
{
	ktap_seed ^= (uint64_t)(uintptr_t)ktap_current->name << 1;
	ktap_current->run();
}

static bool ktap_selected(const struct ktap_case *c, int argc, char **argv)
{
	const char *name = ktap_name();
	bool any = false;

	if (c->full && ktap_quick())
		return false;
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-')
			continue;
		any = true;
		if (strstr(name, argv[i]))
			return true;
	}
	return !any;
}

/* A word that is in no name is a mistake, and not a suite without cases. */
static bool ktap_known(const struct ktap_case *cases, size_t n, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		bool found = argv[i][0] == '-';

		for (size_t k = 0; k < n && !found; k++) {
			ktap_current = &cases[k];
			found = strstr(ktap_name(), argv[i]);
		}
		if (!found) {
			printf("KTAP version 1\n1..1\n# %s: select: no case has this in its name\n"
			       "not ok 1 %s/%s\n",
			       argv[i], ktap_suite, argv[i]);
			return false;
		}
	}
	return true;
}

int ktap_main(const char *suite, const struct ktap_case *cases, size_t n, void (*cleanup)(void),
	      int argc, char **argv)
{
	size_t selected = 0, number = 0, failed = 0;
	bool stuck = false;

	ktap_suite = suite;
	if (argc > 1 && !strcmp(argv[1], "-l")) {
		for (size_t i = 0; i < n; i++) {
			ktap_current = &cases[i];
			if (ktap_selected(ktap_current, argc, argv))
				printf("%s\n", ktap_name());
		}
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!ktap_known(cases, n, argc, argv))
		return 1;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	ktap_state = mmap(NULL, sizeof(*ktap_state), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ktap_state == MAP_FAILED) {
		printf("Bail out! no shared memory\n");
		return 2;
	}
	for (size_t i = 0; i < n; i++) {
		ktap_current = &cases[i];
		selected += ktap_selected(ktap_current, argc, argv);
	}
	printf("KTAP version 1\n1..%zu\n", selected + (cleanup ? 1 : 0));
	for (size_t i = 0; i < n; i++) {
		int status;
		double start = ktap_now();

		ktap_current = &cases[i];
		if (!ktap_selected(ktap_current, argc, argv))
			continue;
		number++;
		ktap_state->skip[0] = 0;
		status = ktap_isolate(ktap_run_case, ktap_timeout(&cases[i]), &stuck);
		if (status == 0) {
			printf("ok %zu %s\n", number, ktap_name());
		} else if (WIFEXITED(status) && WEXITSTATUS(status) == KTAP_EXIT_SKIP) {
			printf("ok %zu %s # SKIP %s\n", number, ktap_name(), ktap_state->skip);
		} else {
			failed++;
			if (status != -1 && WIFSIGNALED(status))
				printf("# killed by signal %d\n", WTERMSIG(status));
			if (stuck)
				printf("# a process of this case cannot be killed\n");
			/* What the case left standing is not trusted by the next one. */
			ktap_state->note[0] = 0;
			printf("not ok %zu %s%s\n", number, ktap_name(),
			       status == -1 ? " # time-out" : "");
		}
		if (getenv("KTAP_TIMES"))
			printf("# %s took %.2f s\n", ktap_name(), ktap_now() - start);
		fflush(stdout);
		if (stuck && !strcmp(getenv("UNTIL") ?: "", "report"))
			return KTAP_EXIT_STUCK;
	}
	ktap_current = NULL;
	if (cleanup) {
		bool ok = !ktap_isolate(cleanup, KTAP_TIMEOUT, &stuck) && !stuck;

		printf("%sok %zu %s/cleanup\n", ok ? "" : "not ", number + 1, suite);
		failed += !ok;
	}
	return failed ? 1 : 0;
}
