// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own tests of VFIO, a case a program, on a GPU of ours. They map every BAR whole,
 * whatever its sparse-mmap area says, so the GPU is one whose memory fills its BAR. What cannot apply
 * to it they skip; any other skip than those named here is a failure.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gpu.h"

#define ST_FOLDER "/tests/selftests"
/* What a program of the kernel's ends with when it skips as a whole. */
#define ST_SKIP 4

#define ST_HUGE_PAGES "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

static struct gpu gpu;

/* What they say when they skip, and why that is right here. */
static const struct st_skip {
	const char *says, *reason;
} st_skips[] = {
	{"MSI: not supported", "the simulated GPU has no interrupts"},
	{"MSI-x: not supported", "the simulated GPU has no interrupts"},
	{"hugetlb_1gb.dma_map_unmap # SKIP mmap() failed", "the VM has no page of 1 GiB to spare"},
	{"No driver found for device", "they have no driver to make this GPU do DMA"},
	{"SR-IOV may not be supported", "no GPU of these has virtual functions"},
};

static const struct st_skip *st_known(const char *line)
{
	for (size_t i = 0; i < ARRAY_LEN(st_skips); i++)
		if (strstr(line, st_skips[i].says))
			return &st_skips[i];
	return NULL;
}

static FILE *st_start(const char *program, pid_t *pid)
{
	char path[128];
	int ends[2];

	snprintf(path, sizeof(path), ST_FOLDER "/%s", program);
	EQ(pipe2(ends, O_CLOEXEC), 0, "pipe");
	*pid = fork();
	if (!*pid) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execl(path, path, gpu.bdf, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	return fdopen(ends[0], "r");
}

/* Reads what a program says to its end: tests passed, and those skipped for a known reason. */
static int st_read(FILE *f, int *skipped, const struct st_skip **last)
{
	char line[512];
	int passed = 0;

	*skipped = 0;
	*last = NULL;
	while (fgets(line, sizeof(line), f)) {
		const struct st_skip *known = st_known(line);

		line[strcspn(line, "\n")] = 0;
		if (known)
			*last = known;
		if (!strncmp(line, "not ok", 6) || strstr(line, "Assertion Failure") ||
		    strstr(line, "Test terminated"))
			ktap_diag("%s", line);
		if (strncmp(line, "ok ", 3))
			continue;
		if (!strstr(line, "# SKIP")) {
			passed++;
			continue;
		}
		OK(known, "skipped for an unknown reason: %s", line);
		(*skipped)++;
	}
	fclose(f);
	return passed;
}

/* Some of the tests map such pages; without them they would skip. */
static void huge_pages(const char *count)
{
	char got[16];

	EQ(util_write(ST_HUGE_PAGES, count), 0, ST_HUGE_PAGES ": errno");
	EQ(util_read(ST_HUGE_PAGES, got, sizeof(got)), 0, ST_HUGE_PAGES ": errno");
	OK(!strcmp(got, count), "%s huge pages, want %s", got, count);
}

static void program(void)
{
	const struct gpu_want w = {.preset = "gb200", .mem_size = "64M", .training_ms = "1"};
	const char *name = strrchr(ktap_name(), '/') + 1;
	const struct st_skip *last;
	int passed, skipped, status;
	pid_t pid;
	FILE *f;

	gpu_bind(&gpu, &w);
	huge_pages("4");
	f = st_start(name, &pid);
	passed = st_read(f, &skipped, &last);
	EQ(waitpid(pid, &status, 0), pid, "waitpid");
	huge_pages("0");
	OK(WIFEXITED(status), "%s: ended by signal %d", name, WTERMSIG(status));
	if (WEXITSTATUS(status) == ST_SKIP && last && !passed)
		ktap_skip("%s", last->reason);
	EQ(WEXITSTATUS(status), 0, "%s: exit status", name);
	OK(passed > 0, "%s: no test passed", name);
	ktap_diag("%d passed, %d skipped%s%s", passed, skipped, last ? ": " : "",
		  last ? last->reason : "");
}

#define ST_PROGRAM(name) KTAP_CASE_ARG_SLOW(name, program, 0, 240)

static const struct ktap_case cases[] = {
	ST_PROGRAM("vfio_dma_mapping_test"),	      ST_PROGRAM("vfio_dma_mapping_mmio_test"),
	ST_PROGRAM("vfio_iommufd_setup_test"),	      ST_PROGRAM("vfio_pci_device_test"),
	ST_PROGRAM("vfio_pci_device_init_perf_test"), ST_PROGRAM("vfio_pci_driver_test"),
	ST_PROGRAM("vfio_pci_sriov_uapi_test"),
};

int main(int argc, char **argv)
{
	return ktap_main("selftests", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
