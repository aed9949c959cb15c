// SPDX-License-Identifier: GPL-2.0-only
#include "story.h"

#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "ktap.h"
#include "util.h"

/* A load or a store of the story's own, so stdio is safe here. */
static void story_no_answer(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	ktap_fail("SIGBUS at %p: the memory mapped there does not answer", info->si_addr);
}

void story_start(void)
{
	struct sigaction sa = {.sa_sigaction = story_no_answer, .sa_flags = SA_SIGINFO};

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGBUS, &sa, NULL);
}

void story_title(const char *text)
{
	printf("\n%s\n", text);
}

void story_line(const char *what, const char *fmt, ...)
{
	va_list ap;

	printf("  %-18s", what);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

const char *story_size(uint64_t n)
{
	static char text[4][32];
	static unsigned int turn;
	char *t = text[turn++ % 4];

	if (n >= GiB && n % GiB == 0)
		snprintf(t, sizeof(text[0]), "%llu GiB", (unsigned long long)(n / GiB));
	else if (n >= MiB && n % MiB == 0)
		snprintf(t, sizeof(text[0]), "%llu MiB", (unsigned long long)(n / MiB));
	else
		snprintf(t, sizeof(text[0]), "%llu KiB", (unsigned long long)(n / KiB));
	return t;
}

void story_machine(void)
{
	char iommu[64] = "none";
	struct utsname u;
	DIR *dir = opendir("/sys/class/iommu");
	struct dirent *e;

	uname(&u);
	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			snprintf(iommu, sizeof(iommu), "%.60s", e->d_name);
	OK(strcmp(iommu, "none"), "no IOMMU in this machine");
	story_title("The machine");
	story_line("kernel", "Linux %s, %s, pages of %s", u.release, u.machine,
		   story_size(util_page()));
	story_line("memory", "%lld MiB that the kernel knows of; IOMMU %s",
		   util_field("/proc/meminfo", "MemTotal") / 1024, iommu);
}
