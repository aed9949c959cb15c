/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KTAP for suites in which a case may do anything to its process: each case
 * runs in a forked child with a time-out of its own. A crash, a kill or a hang
 * is one "not ok" and the next case starts. A child that cannot even be killed
 * (D state) is reported "# time-out" and left behind.
 *
 * Vocabulary: a *case* is one KTAP line; a *helper* is a process that a case
 * forks; helpers belong to the case's process group and die with it.
 */
#ifndef KTAP_H
#define KTAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ktap_case {
	const char *name;
	void (*run)(void);
	long arg;	      /* what ktap_arg() returns in this case */
	unsigned int timeout; /* seconds; 0 is KTAP_TIMEOUT */
	bool full;	      /* takes long: not part of the suite when COHGPU_QUICK is set */
};

#define KTAP_TIMEOUT 60

#define KTAP_CASE(fn)                                                                              \
	{                                                                                          \
		.name = #fn, .run = fn                                                             \
	}
#define KTAP_CASE_SLOW(fn, s)                                                                      \
	{                                                                                          \
		.name = #fn, .run = fn, .timeout = (s)                                             \
	}
#define KTAP_CASE_ARG(label, fn, a)                                                                \
	{                                                                                          \
		.name = (label), .run = fn, .arg = (a)                                             \
	}
#define KTAP_CASE_ARG_SLOW(label, fn, a, s)                                                        \
	{                                                                                          \
		.name = (label), .run = fn, .arg = (a), .timeout = (s)                             \
	}
#define KTAP_CASE_FULL(label, fn, a, s)                                                            \
	{                                                                                          \
		.name = (label), .run = fn, .arg = (a), .timeout = (s), .full = true               \
	}

/* The suite's main(): plan, cases, cleanup. Arguments select cases by substring, -l lists them. */
int ktap_main(const char *suite, const struct ktap_case *cases, size_t n, void (*cleanup)(void),
	      int argc, char **argv);

/* In a case. */
long ktap_arg(void);
const char *ktap_name(void); /* "suite/case" */
bool ktap_quick(void);	     /* COHGPU_QUICK: fewer rounds */
bool ktap_brief(void);	     /* the same, but for a driver whose bugs take their time to show */
bool ktap_sanitized(void);   /* the kernel has them: slow, and with memory to spare */
bool ktap_peer(void);	     /* COHGPU_PEER: the in-tree driver is under test */
/* Is the lane's kernel of this version ("6.12"), in whatever flavour? */
bool ktap_kernel(const char *version);

/* Memory that outlives a case: the fixture's note of what it left standing. */
char *ktap_note(void);
#define KTAP_NOTE_SIZE 512

void ktap_diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void ktap_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void ktap_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void ktap_eq_at(const char *file, int line, int64_t got, int64_t want, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void ktap_bytes_at(const char *file, int line, const void *got, const void *want, size_t n,
		   const char *fmt, ...) __attribute__((format(printf, 6, 7)));
_Noreturn void ktap_fail_at(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* EQ(got, want, what...): the case ends here, with both values, when they differ. */
#define EQ(got, want, ...)                                                                         \
	ktap_eq_at(__FILE__, __LINE__, (int64_t)(got), (int64_t)(want), __VA_ARGS__)
#define BYTES(got, want, n, ...) ktap_bytes_at(__FILE__, __LINE__, got, want, n, __VA_ARGS__)
#define OK(cond, ...)                                                                              \
	do {                                                                                       \
		if (!(cond))                                                                       \
			ktap_fail_at(__FILE__, __LINE__, __VA_ARGS__);                             \
	} while (0)

/* Helpers. ktap_join() gives a wait status, or -1 when the helper did not end in time. */
pid_t ktap_spawn(void (*fn)(void *), void *arg);
int ktap_join(pid_t pid, double seconds);
/* The helper must end by itself, with success, within the time. */
void ktap_join_ok(pid_t pid, double seconds, const char *what);
/* SIGKILL, and it must be gone within the time; by that, and not by itself before. */
void ktap_kill(pid_t pid, double seconds, const char *what);

/* Shared between a case and its helpers, zeroed. */
void *ktap_shared(size_t size);

void ktap_sleep(double seconds);
double ktap_now(void);
/* Poll *word until it is @want, for so long; the last value. */
int ktap_await(volatile int *word, int want, double seconds);

uint64_t ktap_random(void);
void ktap_fill(void *buf, size_t n, uint64_t seed);

#endif
