/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the text of the kernel's modules is. */
#ifndef MODULES_H
#define MODULES_H

/* What /proc/modules has, at the most. */
#define MODULES_MAX 128

/**
 * struct module_text - a module's text, and nobody else's
 * @name: of the module, as the kernel writes it
 * @start: where it begins
 * @end: of all that the module has, which lies further away, or where the next module's text begins
 */
struct module_text {
	char name[64];
	unsigned long long start, end;
};

/* All there are, in the order in which they lie. How many. */
int modules_read(struct module_text text[MODULES_MAX]);

#endif
