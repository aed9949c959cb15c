// SPDX-License-Identifier: GPL-2.0-only
/*
 * libvirt, from Debian's packages, in this VM: does it find our driver by itself, with nothing but
 * the kernel's list of aliases, and give the GPU back as it was? Its domains are those that
 * cohgpu prints (plan --format libvirt --here), plus what our guests boot from and report by.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

#define DOMAIN "guest" /* as cohgpu calls it */
#define LIFE   "libvirt"
/* Behind the port of its own that cohgpu plans for it. */
#define ADDRESS "0000:01:00.0"
#define STUB	"pci-stub"
#define NOBODY	"nobody"

/* Memory ends before its BAR does. */
static const struct gpu_want small = {.preset = "gh200-96", .mem_size = "2624M"};
static struct gpu gpu;

static void log_tell(const char *path)
{
	char line[512];
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		if (*line)
			ktap_diag("%s", line);
	}
	if (f)
		fclose(f);
}

/* A line for the shell; fails the case, with what it says, unless that ends well. */
static void sh_ok(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void sh_ok(const char *fmt, ...)
{
	char line[1024], all[1200];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	snprintf(all, sizeof(all), "{ %s; } >/tmp/said 2>&1", line);
	status = util_run((const char *const[]){"sh", "-c", all, NULL});
	if (status)
		log_tell("/tmp/said");
	EQ(status, 0, "%s: exit status", line);
}

/* Who has it, and whether a driver is bound to it by name. */
static void owner_is(const char *driver, const char *override, const char *when)
{
	char bound[64] = NOBODY, want[64] = "?";

	pci_bound(gpu.bdf, bound, sizeof(bound));
	OK(!strcmp(bound, driver), "%s it is %s's, not %s's", when, bound, driver);
	EQ(pci_attr(gpu.bdf, "driver_override", want, sizeof(want)), 0, "driver_override: errno");
	OK(!strcmp(want, override), "%s driver_override is '%s', not '%s'", when, want, override);
}

static void owner_is_ours(const char *when)
{
	owner_is(pci_driver_name(), pci_driver_name(), when);
}

static void owner_is_nobody(const char *when)
{
	owner_is(NOBODY, "(null)", when);
}

static const char *node(void)
{
	static char name[32];

	snprintf(name, sizeof(name), "pci_%s", gpu.bdf);
	for (char *at = name; (at = strpbrk(at, ":."));)
		*at = '_';
	return name;
}

/*
 * As long as nobody has waited for a QEMU that ended, libvirt takes it for one that does not end.
 * It is nobody's child, and ours by ktap.c, which waits for its own; so it gets a parent who does.
 */
static void daemon_start(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid = fork();

	OK(pid >= 0, "fork: %s", strerror(errno));
	if (pid)
		return;
	setsid();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	util_run((const char *const[]){"libvirtd", "-d", NULL});
	for (;;)
		if (waitpid(-1, NULL, 0) < 0)
			sleep(1);
}

/* As a host is: nobody has loaded a driver for the GPU. What libvirt does not know when it starts,
 * it learns from udev, which is not here: so the GPU comes first. */
static void starts(void)
{
	gpu_fresh(&gpu, &small);
	EQ(pci_module_remove(pci_driver_name()), 0, "removing our driver: errno");
	owner_is_nobody("at first");
	daemon_start();
	sh_ok("for i in $(seq 60); do virsh version && exit; sleep 1; done; false");
	log_tell("/tmp/said");
	/* It looks for the host's devices on the side. */
	sh_ok("for i in $(seq 60); do virsh nodedev-dumpxml %s && exit; sleep 0.5; done; false",
	      node());
}

static void again(void)
{
	gpu_learn(&gpu, "t0");
}

static void detach(void)
{
	again();
	OK(!pci_driver_loaded(), "our driver is loaded before libvirt wants it");
	sh_ok("virsh nodedev-detach %s", node());
	owner_is_ours("detached");
}

/* The domain as cohgpu prints it, and what a guest of ours takes besides. */
static void domain_define(bool managed)
{
	static const char boot[] = "<kernel>/guest/vmlinuz</kernel><initrd>/guest/initrd</initrd>"
				   "<cmdline>panic=-1 loglevel=4 SUITES=grace</cmdline>";
	char path[128], line[1024];
	FILE *plan, *xml = fopen("/tmp/domain.xml", "we");
	bool said = false;
	char *at;

	OK(xml, "/tmp/domain.xml: %s", strerror(errno));
	snprintf(line, sizeof(line),
		 "cohgpu plan %s --format libvirt --here --ram 512M --cpus 1 --memory 2624M "
		 "2>/tmp/said",
		 gpu.bdf);
	plan = popen(line, "re");
	OK(plan, "cohgpu: %s", strerror(errno));
	while (fgets(line, sizeof(line), plan)) {
		at = managed ? strstr(line, "managed='no'") : NULL;
		if (at)
			fprintf(xml, "%.*smanaged='yes'%s", (int)(at - line), line,
				at + strlen("managed='no'"));
		else
			fputs(line, xml);
		said |= strstr(line, "managed=") != NULL;
		if (strstr(line, "</type>"))
			fputs(boot, xml);
		if (!strstr(line, "<devices>"))
			continue;
		guest_path(path, sizeof(path), LIFE, "console");
		fprintf(xml, "<serial type='file'><source path='%s'/></serial>", path);
		guest_path(path, sizeof(path), LIFE, "results");
		fprintf(xml,
			"<channel type='file'><source path='%s'/>"
			"<target type='virtio' name='cohgpu.results'/></channel>",
			path);
		guest_path(path, sizeof(path), LIFE, "host");
		fprintf(xml,
			"<channel type='unix'><source mode='bind' path='%s'/>"
			"<target type='virtio' name='cohgpu.host'/></channel>",
			path);
	}
	fclose(xml);
	if (pclose(plan) || !said)
		log_tell("/tmp/said");
	OK(said, "cohgpu plan prints no device");
	sh_ok("virsh undefine " DOMAIN " || true; virsh define /tmp/domain.xml");
}

static void domain_start(void)
{
	sh_ok("virsh start " DOMAIN " || { tail -n 5 /var/log/libvirt/qemu/" DOMAIN
	      ".log; false; }");
}

/* Detached by hand, it stays so after a domain that does not manage it. */
static void not_managed(void)
{
	again();
	domain_define(false);
	domain_start();
	owner_is_ours("running");
	sh_ok("virsh destroy " DOMAIN);
	owner_is_ours("destroyed");
}

static void reattach(void)
{
	again();
	sh_ok("virsh nodedev-reattach %s", node());
	owner_is_nobody("reattached");
}

/* What libvirt has to wait for, as QEMU is no child of ours. */
static pid_t guest_start(const struct guest *g)
{
	static const char line[] =
		"virsh start " DOMAIN " || exit; pid=$(cat /run/libvirt/qemu/" DOMAIN ".pid); "
		"while [ -d /proc/$pid ]; do sleep 0.2; done; cat /var/log/libvirt/qemu/" DOMAIN
		".log";
	char path[128];
	pid_t pid;

	for (size_t i = 0; i < 2; i++) {
		guest_path(path, sizeof(path), g->name, i ? "results" : "host");
		unlink(path);
	}
	guest_path(path, sizeof(path), g->name, "qemu");
	pid = fork();
	OK(pid >= 0, "fork: %s", strerror(errno));
	if (pid)
		return pid;
	dup2(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
	dup2(STDOUT_FILENO, STDERR_FILENO);
	execlp("sh", "sh", "-c", line, NULL);
	_exit(127);
}

/* The life of a guest that libvirt starts, with a GPU that nobody has prepared, not even by a module. */
static void managed_guest(void)
{
	const struct guest g = {.name = LIFE,
				.gpus = 1,
				.gpu = {&gpu},
				.roles = {"small"},
				.power_on = guest_start,
				.address = ADDRESS,
				.limit = 300};

	again();
	EQ(pci_module_remove(pci_driver_name()), 0, "removing our driver: errno");
	owner_is_nobody("before");
	domain_define(true);
	OK(!pci_driver_loaded(), "our driver is loaded before libvirt wants it");
	guest_run(&g);
	/* libvirt hears of the guest's end when QEMU has gone. */
	for (int i = 0; i < 100 && pci_bound(gpu.bdf, NULL, 0); i++)
		ktap_sleep(0.1);
	owner_is_nobody("powered off");
}

static void managed_destroyed(void)
{
	again();
	domain_define(true);
	domain_start();
	owner_is_ours("running");
	sh_ok("virsh destroy " DOMAIN);
	owner_is_nobody("destroyed");
}

/* Where a driver of the host's has it, that has it again. */
static void previous_driver(void)
{
	again();
	sh_ok("modprobe " STUB " && echo 10de 2342 >/sys/bus/pci/drivers/" STUB "/new_id");
	owner_is(STUB, "(null)", "before");
	domain_define(true);
	domain_start();
	owner_is_ours("running");
	sh_ok("virsh destroy " DOMAIN);
	owner_is(STUB, "(null)", "destroyed");
	sh_ok("virsh nodedev-detach %s", node());
	owner_is_ours("detached");
	sh_ok("virsh nodedev-reattach %s", node());
	owner_is(STUB, "(null)", "reattached");
}

/* "guest_CASE": what the guest said. */
static void said(void)
{
	guest_said_ok(LIFE, strstr(ktap_name(), "/guest_") + strlen("/guest_"));
}

#define SAID(label) KTAP_CASE_ARG(label, said, 0)

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE_SLOW(starts, 200),
		KTAP_CASE(detach),
		KTAP_CASE_SLOW(not_managed, 200),
		KTAP_CASE(reattach),
		KTAP_CASE_SLOW(managed_guest, 320),
		SAID("guest_ids"),
		SAID("guest_bars"),
		SAID("guest_registers"),
		SAID("guest_sizing"),
		SAID("guest_rescan"),
		SAID("guest_usemem"),
		SAID("guest_resmem"),
		SAID("guest_flr"),
		SAID("guest_past_end"),
		KTAP_CASE_SLOW(managed_destroyed, 200),
		KTAP_CASE_SLOW(previous_driver, 200),
	};

	return ktap_main("guest_libvirt", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
