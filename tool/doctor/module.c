// SPDX-License-Identifier: GPL-2.0-only
/* The module of the variant driver: is it for this kernel, and will this kernel take it? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libkmod.h>

#include "core/module.h"
#include "core/sys.h"
#include "doctor/doctor.h"

#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define MODULES	    "/lib/modules"

/* A field of the module's own description; false without it. */
static bool module_info(const char *file, const char *key, char *value, size_t size)
{
	struct kmod_list *list = NULL, *item;
	struct kmod_module *module = NULL;
	const char *config[] = {NULL};
	struct kmod_ctx *kmod = kmod_new(NULL, config);
	bool found = false;

	sys_ask(file);
	if (kmod && !kmod_module_new_from_path(kmod, sys_path("%s", file), &module) &&
	    kmod_module_get_info(module, &list) > 0) {
		kmod_list_foreach(item, list)
		{
			if (strcmp(kmod_module_info_get_key(item), key))
				continue;
			snprintf(value, size, "%s", kmod_module_info_get_value(item));
			found = true;
		}
		kmod_module_info_free_list(list);
	}
	kmod_module_unref(module);
	kmod_unref(kmod);
	return found;
}

/* Another kernel that has the module. */
static bool find_elsewhere(char *release, size_t size, const char *module)
{
	char **names = sys_names(MODULES), file[256];
	bool found = false;

	for (char **name = names; name && *name && !found; name++) {
		found = module_file(file, sizeof(file), *name, "modules.dep", module);
		if (found)
			snprintf(release, size, "%s", *name);
	}
	sys_names_free(names);
	return found;
}

static bool has_file(const char *driver, char *file, size_t size)
{
	char relative[256];

	if (!module_file(relative, sizeof(relative), sys_release(), "modules.dep", driver))
		return false;
	snprintf(file, size, MODULES "/%s/%s", sys_release(), relative);
	return true;
}

/* This kernel has it not; another may. */
static void not_built(struct finding *f, const char *driver)
{
	char release[128];

	if (!sys_release_known())
		finding(f, VERDICT_SKIP, "the kernel's release is not known");
	else if (find_elsewhere(release, sizeof(release), driver))
		finding(f, VERDICT_FAIL, "%s is built for %s, not for %s", driver, release,
			sys_release());
	else
		finding(f, VERDICT_SKIP, "%s is not installed", driver);
}

void module_built(struct finding *f, const char *driver)
{
	char file[512], magic[256];

	if (module_file(file, sizeof(file), sys_release(), "modules.builtin", driver)) {
		finding(f, VERDICT_PASS, "built into %s", sys_release());
		return;
	}
	if (!has_file(driver, file, sizeof(file))) {
		not_built(f, driver);
		return;
	}
	if (!module_info(file, "vermagic", magic, sizeof(magic))) {
		finding(f, VERDICT_SKIP, "%s cannot be read", file);
		return;
	}
	magic[strcspn(magic, " ")] = 0;
	if (strcmp(magic, sys_release()))
		finding(f, VERDICT_FAIL, "%s is built for %s, this is %s", file, magic,
			sys_release());
	else
		finding(f, VERDICT_PASS, "%s", file);
}

void check_module_built(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	(void)p;
	module_built(f, gpu->model->driver);
}

/* Why an unsigned module would be refused; NULL: it would not. */
static const char *enforced_by(void)
{
	char line[64] = "";
	size_t size = 0;
	char *boot = sys_slurp(SECURE_BOOT, &size);
	bool secure = boot && size == 5 && boot[4] == 1;

	free(boot);
	sys_line(line, sizeof(line), "/sys/module/module/parameters/sig_enforce");
	if (line[0] == 'Y')
		return "module.sig_enforce";
	/* What Secure Boot makes of it is up to the kernel, and is here where it can be seen. */
	if (!sys_line(line, sizeof(line), "/sys/kernel/security/lockdown") && strchr(line, '['))
		return strstr(line, "[none]") ? NULL : "kernel lockdown";
	return secure ? "Secure Boot" : NULL;
}

void module_signed(struct finding *f, const char *driver)
{
	const char *by = enforced_by();
	char file[512], signer[128];

	if (!by) {
		finding(f, VERDICT_PASS, "this kernel takes unsigned modules");
		return;
	}
	if (!has_file(driver, file, sizeof(file))) {
		finding(f, VERDICT_SKIP, "%s is no file of this kernel's", driver);
		return;
	}
	if (module_info(file, "signer", signer, sizeof(signer)))
		finding(f, VERDICT_PASS, "signed by %s", signer);
	else
		finding(f, VERDICT_FAIL, "%s is not signed, and %s wants it", file, by);
}

void check_module_signed(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	(void)p;
	module_signed(f, gpu->model->driver);
}
