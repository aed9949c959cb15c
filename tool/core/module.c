// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/module.h"
#include "core/sys.h"

#define MODULES "/lib/modules"

/* Whether a path's file is the module, by either spelling: "updates/dkms/a-b.ko.xz" is a_b. */
static bool is_module(const char *path, size_t length, const char *module)
{
	const char *name = path;

	for (size_t i = 0; i < length; i++)
		if (path[i] == '/')
			name = path + i + 1;
	for (; *module && name < path + length; module++, name++)
		if ((*module == '-' ? '_' : *module) != (*name == '-' ? '_' : *name))
			return false;
	return !*module && !strncmp(name, ".ko", 3);
}

bool module_file(char *buf, size_t size, const char *release, const char *index, const char *module)
{
	char path[192];
	char *text, *line;
	bool found = false;

	snprintf(path, sizeof(path), MODULES "/%s/%s", release, index);
	text = sys_slurp(path, NULL);
	for (line = text; line && *line && !found; line += *line == '\n') {
		size_t length = strcspn(line, ":\n");

		found = is_module(line, length, module);
		if (found)
			snprintf(buf, size, "%.*s", (int)length, line);
		line += strcspn(line, "\n");
	}
	free(text);
	return found;
}

bool module_known(const char *module)
{
	char file[256];

	return module_file(file, sizeof(file), sys_release(), "modules.dep", module) ||
	       module_file(file, sizeof(file), sys_release(), "modules.builtin", module);
}
