/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Versions of what is installed. In a tree no program runs: a file beside it, with ".version" at
 * its name's end, has what "--version" prints.
 */
#ifndef COHGPU_PROGRAM_H
#define COHGPU_PROGRAM_H

/* What of a VM's definition a program has since when, and what goes wrong before. */
struct program_part {
	const char *name;
	unsigned int since, until; /* as program_version() has them; until 0: it still has it */
	const char *without;
};

/* 100 * major + minor of what stands behind the words; 0: no such program of root's. */
unsigned int program_version(const char *path, const char *words);

#endif
