// SPDX-License-Identifier: GPL-2.0-only
/* What of the running machine would hurt a guest: who uses the GPUs, limits, the IOMMU, KVM. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "core/holders.h"
#include "core/module.h"
#include "core/out.h"
#include "core/size.h"
#include "core/sys.h"
#include "core/text.h"
#include "doctor/doctor.h"
#include "plan/plan.h"

#define KVM_REFUSES 617		 /* the release since which KVM maps no such memory uncached */
#define CAP_LOCK    (1ULL << 14) /* CAP_IPC_LOCK */

static bool machine_is(const char *name)
{
	struct utsname uts;
	char arch[32];

	if (!sys_line(arch, sizeof(arch), "/proc/sys/kernel/arch"))
		return !strncmp(arch, name, strlen(name));
	return !sys_is_tree() && !uname(&uts) && !strncmp(uts.machine, name, strlen(name));
}

bool machine_is_arm64(void)
{
	return machine_is("aarch64");
}

bool machine_is_power(void)
{
	return machine_is("ppc64");
}

void check_gpu_unused(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	struct holder holders[HOLDERS];
	bool given = !gpu->driver[0] || gpu_is_vfio_driver(gpu->driver);
	size_t count = given ? 0 : holders_of_host(holders, HOLDERS, gpu->address);
	char text[HOLDER_TEXT];

	(void)p;
	/* What is open then is another GPU's. */
	if (given) {
		finding(f, VERDICT_PASS, "no driver of the host's has it");
	} else if (count) {
		finding(f, VERDICT_FAIL, "%.250s", holders_text(text, holders, count));
		holders_fix(f->fix, sizeof(f->fix), holders, count);
	} else if (!holder_sees_all()) {
		finding(f, VERDICT_SKIP, "only root sees what others have open");
	} else {
		finding(f, VERDICT_PASS, "no process has it open");
	}
}

/* The limit of a process, or unlimited where it may ignore it. */
static bool lock_limit(const char *pid, uint64_t *limit)
{
	char path[64];
	char *limits, *status, *line;
	uint64_t caps = 0;
	bool known = false;

	snprintf(path, sizeof(path), "/proc/%.16s/limits", pid);
	limits = sys_slurp(path, NULL);
	snprintf(path, sizeof(path), "/proc/%.16s/status", pid);
	status = sys_slurp(path, NULL);
	line = limits ? strstr(limits, "Max locked memory") : NULL;
	if (line) {
		line += strlen("Max locked memory");
		line += strspn(line, " ");
		known = true;
		*limit = *line == 'u' ? UINT64_MAX : strtoull(line, NULL, 10);
	}
	line = status ? strstr(status, "CapEff:") : NULL;
	if (line)
		caps = strtoull(line + strlen("CapEff:"), NULL, 16);
	if (caps & CAP_LOCK)
		*limit = UINT64_MAX;
	free(limits);
	free(status);
	return known;
}

/* RAM of a QEMU that runs, by its "-m"; otherwise what is asked for the next one. */
static uint64_t vmm_ram(const char *pid, uint64_t otherwise)
{
	uint64_t ram = otherwise;
	char path[64], *text;
	size_t size = 0;
	bool next = false;

	snprintf(path, sizeof(path), "/proc/%.16s/cmdline", pid);
	text = sys_slurp(path, &size);
	for (char *word = text; word && word < text + size; word += strlen(word) + 1) {
		if (next) {
			word[strcspn(word, ",")] = 0;
			ram = size_in(strncmp(word, "size=", 5) ? word : word + 5, "M");
			break;
		}
		next = !strcmp(word, "-m");
	}
	free(text);
	return ram ? ram : otherwise;
}

/* One without a VFIO device locks nothing, and nobody raised its limit. */
static void check_vmm(struct finding *f, const char *pid, const char *command, uint64_t ram)
{
	static const char *const files[] = {"/dev/vfio/*", "/dev/iommu", NULL};
	uint64_t limit = 0, wanted = vmm_ram(pid, ram) + PLAN_LOCK_REST;
	char a[32], b[32];

	if (!lock_limit(pid, &limit) || limit >= wanted)
		return;
	if (holder_has(pid, files))
		finding(f, VERDICT_FAIL, "%s for %s (%s), which wants %s", out_size(a, limit),
			command, pid, out_size(b, wanted));
	else if (!holder_sees_all() && f->verdict == VERDICT_PASS)
		finding(f, VERDICT_SKIP, "only root sees whether %s (%s) has a VFIO device",
			command, pid);
}

/* What a VMM that is started from here would inherit. */
static void check_own_limit(struct finding *f, const struct patient *p)
{
	uint64_t limit = 0, wanted = p->ram + PLAN_LOCK_REST;
	char a[32], b[32], c[32];

	if (!lock_limit("self", &limit))
		finding(f, VERDICT_SKIP, "limits cannot be read");
	else if (limit == UINT64_MAX)
		finding(f, VERDICT_PASS, "no limit for a VMM that is started from here");
	else if (!p->gpus->count)
		finding(f, VERDICT_SKIP, "%s for a VMM that is started from here; no GPU to give",
			out_size(a, limit));
	else
		finding(f, limit < wanted ? VERDICT_WARN : VERDICT_PASS,
			"%s for a VMM that is started from here; with %s of RAM it wants %s",
			out_size(a, limit), out_size(b, p->ram), out_size(c, wanted));
}

/* VFIO locks all of a guest's RAM, once for an iommufd or a container. */
void check_memlock(struct finding *f, const struct patient *p)
{
	static const char *const vmm[] = {"qemu-system", "cloud-hyperviso", "crosvm"};
	char **pids = p->gpus->count ? sys_names("/proc") : NULL, command[64];

	check_own_limit(f, p);
	for (char **pid = pids; pid && *pid; pid++) {
		if (!isdigit((unsigned char)**pid) ||
		    sys_line(command, sizeof(command), "/proc/%.16s/comm", *pid))
			continue;
		for (size_t i = 0; i < sizeof(vmm) / sizeof(*vmm); i++)
			if (!strncmp(command, vmm[i], strlen(vmm[i])))
				check_vmm(f, *pid, command, p->ram);
	}
	sys_names_free(pids);
}

/* The last of a word's values on the kernel's command line counts. */
static bool command_line_says(const char *key, const char *values)
{
	char *text = sys_slurp("/proc/cmdline", NULL), *save = NULL;
	size_t length = strlen(key);
	bool says = false;

	for (char *word = text ? strtok_r(text, " \n", &save) : NULL; word;
	     word = strtok_r(NULL, " \n", &save))
		if (!strncmp(word, key, length) && word[length] == '=')
			says = word[length + 1] && strchr(values, word[length + 1]);
	free(text);
	return says;
}

/* The kernel's default, and how far it is known. */
static void passthrough_by_default(struct finding *f)
{
	const char *config = kernel_config("IOMMU_DEFAULT_PASSTHROUGH");

	if (command_line_says("iommu.passthrough", "1yY") || command_line_says("iommu", "p"))
		finding(f, VERDICT_WARN, "the kernel's command line asks for it");
	else if (config && !strcmp(config, "y") && !command_line_says("iommu.passthrough", "0nN"))
		finding(f, VERDICT_WARN, "it is this kernel's default");
	else
		finding(f, VERDICT_PASS, config ? "off" : "not asked for on the command line");
}

/* What is in force for a group counts, where the kernel says it: it can be changed. */
void check_iommu_passthrough(struct finding *f, const struct patient *p)
{
	size_t known = 0, grouped = 0;

	passthrough_by_default(f);
	for (size_t i = 0; i < p->gpus->count; i++) {
		known += p->gpus->gpu[i].group_type[0] != 0;
		grouped += p->gpus->gpu[i].group >= 0 || gpu_group_may_come(&p->gpus->gpu[i]);
	}
	if (p->gpus->count && !grouped)
		finding(f, VERDICT_SKIP, "no GPU is behind an IOMMU");
	if (known && known == p->gpus->count)
		finding(f, VERDICT_PASS, "no group's domain is identity");
	for (size_t i = 0; i < p->gpus->count; i++)
		if (!strcmp(p->gpus->gpu[i].group_type, "identity"))
			finding(f, VERDICT_WARN, "the domain of group %d, with %s, is identity",
				p->gpus->gpu[i].group, p->gpus->gpu[i].address);
}

void check_iommufd(struct finding *f, const struct patient *p)
{
	const char *config = kernel_config("IOMMUFD");

	(void)p;
	if (sys_exists("/dev/iommu"))
		finding(f, VERDICT_PASS, "/dev/iommu");
	else if (module_known("iommufd"))
		finding(f, VERDICT_WARN, "no /dev/iommu: iommufd is not loaded");
	else if (config && !strcmp(config, "n"))
		finding(f, VERDICT_WARN, "no /dev/iommu: CONFIG_IOMMUFD is not set");
	else
		finding(f, VERDICT_WARN, "no /dev/iommu, and no module for it is installed");
}

/* In a tree dev/kvm is a text: a line an extension, its number and KVM's answer. */
static int kvm_in_tree(int extension)
{
	char *text = sys_slurp("/dev/kvm", NULL), *line = text;
	int number, answer, found = text ? 0 : -ENOENT;

	for (; line && *line; line += *line == '\n') {
		if (sscanf(line, "%d %d", &number, &answer) == 2 && number == extension)
			found = answer;
		line += strcspn(line, "\n");
	}
	free(text);
	return found;
}

int machine_kvm(int extension)
{
	int fd, answer;

	if (sys_is_tree())
		return kvm_in_tree(extension);
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	answer = ioctl(fd, KVM_CHECK_EXTENSION, extension);
	answer = answer < 0 ? -errno : answer;
	close(fd);
	return answer;
}

int machine_guest_bits(void)
{
	return machine_is_arm64() ? machine_kvm(KVM_IPA_SIZE) : 0;
}

void check_kvm_cacheable(struct finding *f, const struct patient *p)
{
	int answer;

	(void)p;
	if (!machine_is_arm64()) {
		finding(f, VERDICT_SKIP, "a matter of arm64 only");
		return;
	}
	answer = machine_kvm(KVM_CACHEABLE);
	if (answer < 0)
		finding(f, VERDICT_SKIP, "/dev/kvm: %s", strerror(-answer));
	else if (!answer && kernel_number() >= KVM_REFUSES)
		finding(f, VERDICT_FAIL,
			"this processor lacks S2FWB or DIC, without which KVM of %s refuses such "
			"memory: no VM that has the GPU starts",
			sys_release());
	else if (!answer)
		finding(f, VERDICT_FAIL, "KVM of %s maps such memory uncached", sys_release());
	else
		finding(f, VERDICT_PASS, "KVM maps such memory cached");
}
