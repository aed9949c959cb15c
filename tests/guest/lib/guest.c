// SPDX-License-Identifier: GPL-2.0-only
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

/* The most that one question is about. */
#define GUEST_CHUNK (64 * KiB)
#define GUEST_ARGS  96

struct guest_run {
	const struct guest *guest;
	int boots;
	unsigned long resets[GUEST_GPUS]; /* so many each had when its guest went down */
	double start;
	char line[256];
	size_t len;
};

void guest_path(char *buf, size_t size, const char *life, const char *what)
{
	snprintf(buf, size, "/tmp/guest-%s.%s", life, what);
}

/* QEMU's command line, word by word. */
struct guest_argv {
	char *word[GUEST_ARGS];
	int n;
};

static void guest_arg(struct guest_argv *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void guest_arg(struct guest_argv *a, const char *fmt, ...)
{
	va_list ap;

	OK(a->n < GUEST_ARGS - 1, "too many words for QEMU");
	va_start(ap, fmt);
	if (vasprintf(&a->word[a->n++], fmt, ap) < 0)
		ktap_fail("no memory for QEMU's command line");
	va_end(ap);
}

static void guest_option(struct guest_argv *a, const char *option, const char *value)
{
	guest_arg(a, "%s", option);
	guest_arg(a, "%s", value);
}

/* A port of the guest's that ends in a file or socket here. */
static void guest_port(struct guest_argv *a, const struct guest *g, const char *name,
		       const char *backend, const char *more)
{
	char path[128];

	guest_path(path, sizeof(path), g->name, name);
	unlink(path);
	guest_arg(a, "-chardev");
	guest_arg(a, "%s,id=%s,path=%s%s", backend, name, path, more);
	guest_arg(a, "-device");
	guest_arg(a, "virtserialport,chardev=%s,name=cohgpu.%s", name, name);
}

static void guest_machine(struct guest_argv *a, const struct guest *g)
{
	const char *arch = getenv("COHGPU_ARCH");

	if (arch && !strcmp(arch, "arm64")) {
		guest_arg(a, "qemu-system-aarch64");
		guest_arg(a, "-M");
		if (g->window_gib)
			guest_arg(a, "virt,gic-version=3,highmem-mmio-size=%uG", g->window_gib);
		else
			guest_arg(a, "virt,gic-version=3");
		guest_option(a, "-cpu", "host");
	} else if (arch && !strcmp(arch, "ppc64le")) {
		guest_arg(a, "qemu-system-ppc64");
		/* What the emulated POWER9 has no mitigation for, and the page size of its kernel. */
		guest_option(a, "-M",
			     "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,"
			     "cap-ccf-assist=off,cap-hpt-max-page-size=4096");
	} else {
		ktap_fail("no guests on %s", arch ? arch : "this architecture");
	}
	guest_option(a, "-accel", "kvm");
}

static void guest_function(struct guest_argv *a, const char *bdf, const char *more)
{
	guest_arg(a, "-device");
	guest_arg(a, "vfio-pci,host=%s%s", bdf, more);
}

/*
 * A host bridge for the first GPU alone, as cohgpu plans it where firmware is: a guest that lays out
 * its buses anew needs more room behind it than firmware takes, so the port says how much.
 */
static void guest_bridge(struct guest_argv *a)
{
	guest_option(a, "-device", "pxb-pcie,id=pcie.1,bus_nr=8,bus=pcie.0");
	guest_option(
		a, "-device",
		"pcie-root-port,id=rp0,bus=pcie.1,chassis=8,io-reserve=0,pref64-reserve=8192M");
}

/* The first GPU is the root complex's own function, the next is behind a port, as libvirt has it. */
static void guest_devices(struct guest_argv *a, const struct guest *g)
{
	const char *arch = getenv("COHGPU_ARCH");
	const bool by_iommufd = vfio_by_iommufd();
	char more[64];

	snprintf(more, sizeof(more), "%s%s", by_iommufd ? ",iommufd=iommufd0" : "",
		 g->vfio ? g->vfio : "");
	if (by_iommufd) {
		pci_module_insert("iommufd");
		guest_option(a, "-object", "iommufd,id=iommufd0");
	}

	/* POWER's host bridge has one bus, and functions in the order in which they are given. */
	if (arch && !strcmp(arch, "ppc64le")) {
		for (int i = 0; i < g->gpus; i++)
			guest_function(a, g->gpu[i]->bdf, more);
		for (size_t i = 0; i < ARRAY_LEN(g->also) && g->also[i]; i++)
			guest_function(a, g->also[i], more);
		return;
	}
	for (int i = 0; i < g->gpus; i++) {
		if (i > 0)
			guest_option(a, "-device", "pcie-root-port,id=rp1,bus=pcie.0,addr=11.0");
		else if (g->nodes)
			guest_bridge(a);
		guest_arg(a, "-device");
		guest_arg(a, "vfio-pci,host=%s,id=gpu%d,%s%s", g->gpu[i]->bdf, i,
			  i	     ? "bus=rp1"
			  : g->nodes ? "bus=rp0"
				     : "bus=pcie.0,addr=10.0",
			  more);
	}
}

/* As NVIDIA would have it: memory in the first node, the others are for the GPU's. */
static void guest_nodes(struct guest_argv *a, unsigned int mem_mib)
{
	guest_option(a, "-bios", "/guest/QEMU_EFI.fd");
	guest_arg(a, "-object");
	guest_arg(a, "memory-backend-ram,id=ram,size=%uM", mem_mib);
	guest_option(a, "-numa", "node,nodeid=0,cpus=0,memdev=ram");
	for (int node = HOST_NODE_FIRST; node < HOST_NODE_FIRST + HOST_NODES; node++) {
		guest_arg(a, "-numa");
		guest_arg(a, "node,nodeid=%d", node);
		guest_arg(a, "-object");
		guest_arg(a, "acpi-generic-initiator,id=initiator%d,pci-dev=gpu0,node=%d", node,
			  node);
	}
}

static const char *guest_address(const struct guest *g, int gpu)
{
	if (g->address && !gpu)
		return g->address;
	if (g->nodes && !gpu)
		return "0000:09:00.0";
	return gpu ? "0000:01:00.0" : "0000:00:10.0";
}

static pid_t guest_power_on(const struct guest *g)
{
	const unsigned int mem_mib = g->mem_mib ? g->mem_mib : 512;
	struct guest_argv a = {.n = 0};
	char console[128];
	pid_t pid;
	int fd;

	guest_path(console, sizeof(console), g->name, "console");
	guest_machine(&a, g);
	guest_arg(&a, "-m");
	guest_arg(&a, "%u", mem_mib);
	guest_option(&a, "-nodefaults", "-no-user-config");
	guest_option(&a, "-display", "none");
	guest_option(&a, "-kernel", "/guest/vmlinuz");
	guest_option(&a, "-initrd", "/guest/initrd");
	/* Mapping a large BAR for DMA stops the guest for longer than its watchdogs like to wait. */
	guest_arg(&a, "-append");
	guest_arg(&a,
		  "panic=-1 loglevel=4 rcupdate.rcu_cpu_stall_suppress=1 nosoftlockup SUITES=%s %s",
		  g->suite ? g->suite : "grace", g->append ? g->append : "");
	guest_arg(&a, "-serial");
	guest_arg(&a, "file:%s", console);
	guest_option(&a, "-device", "virtio-serial-pci");
	for (size_t i = 0; g->trace && g->trace[i]; i++)
		guest_option(&a, "-trace", g->trace[i]);
	guest_port(&a, g, "results", "file", "");
	guest_port(&a, g, "host", "socket", ",server=on,wait=off");
	guest_devices(&a, g);
	if (g->nodes)
		guest_nodes(&a, mem_mib);
	pid = fork();
	OK(pid >= 0, "fork: %s", strerror(errno));
	if (pid)
		return pid;
	guest_path(console, sizeof(console), g->name, "qemu");
	fd = open(console, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	if (g->preload)
		setenv("LD_PRELOAD", g->preload, 1);
	execvp(a.word[0], a.word);
	_exit(127);
}

/* The end of a file, so that a failure can be understood. */
static void guest_tail(const struct guest *g, const char *what)
{
	char path[128], line[512], last[6][512] = {""};
	FILE *f;
	int n = 0;

	guest_path(path, sizeof(path), g->name, what);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		snprintf(last[n++ % 6], sizeof(last[0]), "%s", line);
	}
	if (f)
		fclose(f);
	for (int i = n > 6 ? n - 6 : 0; i < n; i++)
		ktap_diag("%s: %s", what, last[i % 6]);
}

_Noreturn static void guest_fail(const struct guest *g, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void guest_fail(const struct guest *g, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	guest_tail(g, "qemu");
	guest_tail(g, "console");
	guest_tail(g, "results");
	ktap_fail("guest %s: %s", g->name, text);
}

static int guest_connect(const struct guest *g, pid_t qemu)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char path[128];

	guest_path(path, sizeof(path), g->name, "host");
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.100s", path);
	for (int i = 0; i < 600; i++) {
		if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
			return fd;
		if (waitpid(qemu, NULL, WNOHANG))
			guest_fail(g, "QEMU does not start");
		ktap_sleep(0.1);
	}
	guest_fail(g, "QEMU does not listen: %s", strerror(errno));
}

static struct gpu *guest_gpu(const struct guest *g, unsigned long n)
{
	if (n >= (unsigned long)g->gpus)
		guest_fail(g, "it asks about GPU %lu", n);
	return g->gpu[n];
}

/* "gpu N": where it is and all that the guest should find. */
static void guest_describe(const struct guest *g, unsigned long n, char *answer, size_t size)
{
	char scrub[32];
	struct gpu *gpu;

	if (n >= (unsigned long)g->gpus) {
		snprintf(answer, size, "none");
		return;
	}
	gpu = g->gpu[n];
	sim_get(gpu->name, "scrub", scrub, sizeof(scrub));
	snprintf(answer, size, "%s 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64 " %d",
		 guest_address(g, (int)n), sim_get_number(gpu->name, "device"),
		 pci_bar_size(gpu->bdf, 0), gpu->mem_size, pci_bar_size(gpu->bdf, 2),
		 strcmp(scrub, "0") != 0);
}

/* "fill N OFFSET BYTES SEED", "same N OFFSET BYTES SEED": the device's side of its memory. */
static void guest_memory(const struct guest *g, bool fill, const char *args, char *answer,
			 size_t size)
{
	static unsigned char want[GUEST_CHUNK], got[GUEST_CHUNK];
	uint64_t off, bytes, seed;
	unsigned long n;
	size_t i;

	if (sscanf(args, "%lu %" SCNx64 " %" SCNx64 " %" SCNx64, &n, &off, &bytes, &seed) != 4 ||
	    bytes > GUEST_CHUNK)
		guest_fail(g, "it asks for memory '%s'", args);
	ktap_fill(want, bytes, seed);
	snprintf(answer, size, "ok");
	if (fill) {
		sim_mem_write(guest_gpu(g, n)->name, off, want, bytes);
		return;
	}
	sim_mem_read(guest_gpu(g, n)->name, off, got, bytes);
	for (i = 0; i < bytes && got[i] == want[i]; i++)
		;
	if (i < bytes)
		snprintf(answer, size, "on the device's side byte %zu is 0x%02x, not 0x%02x", i,
			 got[i], want[i]);
}

static void guest_tell(const struct guest_run *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void guest_tell(const struct guest_run *r, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int n;

	n = snprintf(text, sizeof(text), "%5.1f s  ", ktap_now() - r->start);
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	if (r->guest->tell)
		r->guest->tell(text);
	else
		ktap_diag("%s: %s", r->guest->name, text);
}

static unsigned long guest_resets(const struct gpu *gpu)
{
	static const char *const kinds[] = {"flr", "hot", "pm"};
	unsigned long n = 0;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		n += sim_resets(gpu->name, kinds[i]);
	return n;
}

static void guest_answer(struct guest_run *r, const char *question, char *answer, size_t size)
{
	const struct guest *g = r->guest;
	const char *args = strchr(question, ' ');

	args = args ? args + 1 : "0";
	if (!strcmp(question, "role")) {
		const char *role = r->boots < 3 ? g->roles[r->boots] : NULL;

		if (!role)
			guest_fail(g, "it comes up once more");
		guest_tell(r, "the guest is up");
		r->boots++;
		snprintf(answer, size, "%s", role);
	} else if (!strncmp(question, "tell ", 5)) {
		guest_tell(r, "%s", args);
		snprintf(answer, size, "ok");
	} else if (!strcmp(question, "gpus")) {
		snprintf(answer, size, "%d", g->gpus);
	} else if (!strncmp(question, "gpu ", 4)) {
		guest_describe(g, strtoul(args, NULL, 0), answer, size);
	} else if (!strncmp(question, "fill ", 5)) {
		guest_memory(g, true, args, answer, size);
	} else if (!strncmp(question, "same ", 5)) {
		guest_memory(g, false, args, answer, size);
	} else if (!strncmp(question, "flrs ", 5)) {
		struct gpu *gpu = guest_gpu(g, strtoul(args, NULL, 0));

		snprintf(answer, size, "%lu", sim_resets(gpu->name, "flr"));
	} else if (!strcmp(question, "down")) {
		for (int i = 0; i < g->gpus; i++)
			r->resets[i] = guest_resets(g->gpu[i]);
		snprintf(answer, size, "ok");
	} else if (!strncmp(question, "resets ", 7)) {
		unsigned long n = strtoul(args, NULL, 0);

		snprintf(answer, size, "%lu", guest_resets(guest_gpu(g, n)) - r->resets[n]);
	} else if (!g->answer || !g->answer(question, answer, size)) {
		guest_fail(g, "it asks '%s'", question);
	}
}

/* What came over the port; every whole line is a question. False: QEMU has closed it. */
static bool guest_serve(struct guest_run *r, int fd)
{
	char answer[256];
	ssize_t n = read(fd, r->line + r->len, sizeof(r->line) - 1 - r->len);
	char *end;

	if (n <= 0)
		return false;
	r->len += (size_t)n;
	r->line[r->len] = 0;
	while ((end = strchr(r->line, '\n'))) {
		*end++ = 0;
		guest_answer(r, r->line, answer, sizeof(answer) - 1);
		strcat(answer, "\n");
		if (write(fd, answer, strlen(answer)) < 0)
			return false;
		r->len -= (size_t)(end - r->line);
		memmove(r->line, end, r->len + 1);
	}
	return true;
}

/* What the guest wrote to its results port, judged as the VM's own is judged: each of its boots. */
static void guest_judge(const struct guest *g, int boots)
{
	char path[128], line[1024], last[64] = "";
	int bad = 0, ends = 0, verdicts = 0;
	FILE *f;

	guest_path(path, sizeof(path), g->name, "results");
	f = fopen(path, "re");
	OK(f, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		if (!strncmp(line, "@problem ", 9) || !strncmp(line, "not ok ", 7)) {
			ktap_diag("guest: %s", line);
			bad++;
		}
		ends += !strncmp(line, "@end ", 5) && strstr(line, " exit 0 ");
		verdicts += !strcmp(line, "@verdict");
		snprintf(last, sizeof(last), "%.60s", line);
	}
	fclose(f);
	if (strcmp(last, "@verdict") || verdicts != boots)
		guest_fail(g, "%d verdicts of %d boots, and '%s' is the last it said", verdicts,
			   boots, last);
	if (ends != boots || bad)
		guest_fail(g, "its suite ends badly, %d failures and problems", bad);
}

/* On hardware, touching memory that is not ready is an error that is corrected and counted. */
static void guest_early(const struct guest *g)
{
	for (int i = 0; i < g->gpus; i++) {
		uint64_t events = sim_state(g->gpu[i]->name, "ras_events");

		if (events)
			guest_fail(g, "GPU %d: %" PRIu64 " touches of memory that was not ready", i,
				   events);
	}
}

/* It goes on then, and nothing else would tell: windows that it could not map are read and written. */
static void guest_slow(const struct guest *g)
{
	static const char *const slow[] = {"Performance may be slow", NULL};

	if (guest_vmm_said(g->name, slow))
		guest_fail(g, "QEMU could not map a region: %s", slow[0]);
}

void guest_run(const struct guest *g)
{
	struct guest_run r = {.guest = g, .start = ktap_now()};
	double end = r.start + g->limit;
	pid_t qemu = g->power_on ? g->power_on(g) : guest_power_on(g), gone = 0;
	struct pollfd port = {.fd = guest_connect(g, qemu), .events = POLLIN};
	int status = 0, boots = 0;

	while (!gone) {
		gone = waitpid(qemu, &status, WNOHANG);
		if (!gone && ktap_now() > end)
			guest_fail(g, "not done after %.0f s, and came up %d times", g->limit,
				   r.boots);
		if (port.fd < 0)
			ktap_sleep(0.1);
		else if (poll(&port, 1, 100) > 0 && !guest_serve(&r, port.fd))
			port.fd = -1;
	}
	if (gone != qemu || status)
		guest_fail(g, "QEMU ends with wait status 0x%x", status);
	while (boots < 3 && g->roles[boots])
		boots++;
	if (r.boots != boots)
		guest_fail(g, "it came up %d times, not %d", r.boots, boots);
	guest_judge(g, boots);
	guest_slow(g);
	guest_early(g);
	guest_tell(&r, "power off");
}

void guest_said_ok(const char *life, const char *name)
{
	char path[128], line[1024], word[128], about[512] = "", *at;
	bool said = false, good = false;
	FILE *f;

	guest_path(path, sizeof(path), life, "results");
	snprintf(word, sizeof(word), "/%s", name);
	f = fopen(path, "re");
	OK(f, "guest %s: never ran", life);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		if (line[0] == '#')
			snprintf(about, sizeof(about), "%.500s", line);
		at = strncmp(line, "ok ", 3) && strncmp(line, "not ok ", 7) ? NULL
									    : strstr(line, word);
		if (!at || (at[strlen(word)] && at[strlen(word)] != ' '))
			continue;
		if (strncmp(line, "ok ", 3) || strstr(line, "# SKIP"))
			ktap_fail("guest: %s (%s)", line, about);
		said = good = true;
	}
	fclose(f);
	OK(said && good, "guest %s: says nothing about %s", life, name);
}
