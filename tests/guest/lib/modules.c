// SPDX-License-Identifier: GPL-2.0-only
#include "modules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktap.h"

static int modules_order(const void *a, const void *b)
{
	const struct module_text *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

int modules_read(struct module_text text[MODULES_MAX])
{
	unsigned long long size;
	FILE *f = fopen("/proc/modules", "re");
	int n = 0;

	OK(f, "/proc/modules: %s", strerror(errno));
	while (n < MODULES_MAX && fscanf(f, "%63s %llu %*s %*s %*s %llx%*[^\n]", text[n].name,
					 &size, &text[n].start) == 3) {
		text[n].end = text[n].start + size;
		n++;
	}
	OK(n < MODULES_MAX && feof(f), "/proc/modules: not understood");
	fclose(f);
	qsort(text, (size_t)n, sizeof(*text), modules_order);
	for (int i = 0; i + 1 < n; i++)
		if (text[i].end > text[i + 1].start)
			text[i].end = text[i + 1].start;
	return n;
}
