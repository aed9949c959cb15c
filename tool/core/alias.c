// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which VFIO driver is made for a device: modules.alias holds lines
 * "alias vfio_pci:v000010DEd00002342sv*sd*bc*sc*i* nvgrace_gpu_vfio_pci"; of those that match,
 * the one with the fewest wildcards wins. libvirt chooses in the same way, so both choose the
 * same driver.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fnmatch.h>

#include "core/gpu.h"
#include "core/sys.h"

#define ALIAS_PREFIX "alias vfio_pci:"
#define ALIAS_FORMAT "v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X"

static unsigned int alias_wildcards(const char *pattern)
{
	unsigned int count = 0;

	for (; *pattern; pattern++)
		count += *pattern == '*';
	return count;
}

bool alias_best_in(char *text, const struct alias_id *id, char *module, size_t size)
{
	unsigned int fewest = ~0U;
	char name[96], *save = NULL;

	snprintf(name, sizeof(name), ALIAS_FORMAT, id->vendor, id->device, id->subvendor,
		 id->subdevice, id->class >> 16 & 0xff, id->class >> 8 & 0xff, id->class & 0xff);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *pattern = line + strlen(ALIAS_PREFIX), *space;

		if (strncmp(line, ALIAS_PREFIX, strlen(ALIAS_PREFIX)))
			continue;
		space = strchr(pattern, ' ');
		if (!space || !space[1])
			continue;
		*space = 0;
		if (alias_wildcards(pattern) >= fewest || fnmatch(pattern, name, 0))
			continue;
		fewest = alias_wildcards(pattern);
		snprintf(module, size, "%s", space + 1);
	}
	return fewest != ~0U;
}

static char *alias_text(void)
{
	char path[256];

	snprintf(path, sizeof(path), "/lib/modules/%s/modules.alias", sys_release());
	return sys_slurp(path, NULL);
}

bool alias_known(void)
{
	char *text = alias_text();
	bool known = text;

	free(text);
	return known;
}

bool alias_best(const struct alias_id *id, char *module, size_t size)
{
	char *text = alias_text();
	bool found = text && alias_best_in(text, id, module, size);

	free(text);
	return found;
}
