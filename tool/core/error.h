/* SPDX-License-Identifier: GPL-2.0-only */
/* Exit codes, and the one way in which the tool complains: "object: action: reason". */
#ifndef COHGPU_ERROR_H
#define COHGPU_ERROR_H

#include <stdbool.h>
#include <stdio.h>

enum exit_code {
	EXIT_OK = 0,
	EXIT_WARNINGS = 1, /* only with --strict */
	EXIT_FAILED = 2,
	EXIT_USAGE = 64,
	EXIT_NOTHING = 77, /* nothing to work on */
	/* A word names what is not there: to the shell it is EXIT_FAILED, and there is no answer. */
	EXIT_UNKNOWN = 0x100 | EXIT_FAILED,
};

/* Prints "cohgpu: object: action: reason" on stderr. */
void complain(const char *object, const char *action, const char *reason, ...)
	__attribute__((format(printf, 3, 4)));
/* A second line under a complaint: what to do about it. */
void advise(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
