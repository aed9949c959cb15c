// SPDX-License-Identifier: GPL-2.0-only
/*
 * In a pseries guest that has been given a V100 with its bridges: are they there, and is what the
 * device tree says of its memory and links what the host's kernel gave, and the memory the device's?
 */
#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"
#include "ktap.h"
#include "pci.h"
#include "util.h"

#define LINKS  3
#define TREE   "/proc/device-tree"
#define WINDOW (128 * GiB)
#define PLACES 3
/* Where QEMU has the ATSD registers of its first host bridge. */
#define ATSD	   0x800000000000
#define ATSD_BYTES (64 * KiB)
#define SEED(off)  (0x100c + (off) / HOST_CHUNK)

static char gpu[PCI_BDF_SIZE], bridge[LINKS + 1][PCI_BDF_SIZE];

static uint64_t host_number(const char *question)
{
	return strtoull(host_ask("%s", question), NULL, 0);
}

/* Each case is a process of its own. */
static void find(void)
{
	unsigned int device = (unsigned int)host_number("device");
	int n = 0;

	OK(pci_find(0x10de, device, NULL, gpu), "no V100");
	while (n <= LINKS && pci_find(0x1014, 0x04ea, n ? bridge[n - 1] : NULL, bridge[n]))
		n++;
	EQ(n, LINKS, "NVLink bridges");
}

static void functions(void)
{
	find();
	EQ(pci_attr_number(gpu, "class"), 0x030200, "class");
	EQ(pci_bar_size(gpu, 0), 16 * MiB, "BAR0");
	host_tell("%s is a V100, with %d NVLink bridges", gpu, LINKS);
}

/* A property, of so many cells of 4 or 8 bytes; fails the case if it is of another length. */
static void tree_cells(const char *node, const char *property, size_t bytes, uint64_t *cell, int n)
{
	unsigned char raw[64];
	char path[512];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", node, property);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	OK(fd >= 0, "%s: not there", path);
	len = read(fd, raw, sizeof(raw));
	close(fd);
	EQ(len, n * (int)bytes, "%s: bytes", path);
	for (int i = 0; i < n; i++) {
		uint64_t wide;
		uint32_t narrow;

		memcpy(&wide, raw + 8 * i, sizeof(wide));
		memcpy(&narrow, raw + 4 * i, sizeof(narrow));
		cell[i] = bytes == 8 ? be64toh(wide) : be32toh(narrow);
	}
}

static uint64_t tree_cell(const char *node, const char *property, size_t bytes)
{
	uint64_t cell;

	tree_cells(node, property, bytes, &cell, 1);
	return cell;
}

/* The node that a function has, by sysfs. */
static const char *tree_of(const char *bdf)
{
	static char path[256];

	pci_path(path, sizeof(path), bdf, "of_node");
	return path;
}

/* The node of the GPU's memory: where it is, and which node that is. */
static uint64_t tree_memory(uint64_t *phandle)
{
	struct dirent *entry;
	char path[320], text[64];
	uint64_t cell[2] = {0};
	DIR *dir = opendir(TREE);
	int found = 0;

	OK(dir, TREE ": open");
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), TREE "/%.200s/compatible", entry->d_name);
		if (strncmp(entry->d_name, "memory@", 7) || util_read(path, text, sizeof(text)) ||
		    strcmp(text, "ibm,coherent-device-memory"))
			continue;
		*strrchr(path, '/') = 0;
		tree_cells(path, "reg", 8, cell, 2);
		*phandle = tree_cell(path, "phandle", 4);
		found++;
	}
	closedir(dir);
	EQ(found, 1, "nodes ibm,coherent-device-memory");
	EQ(cell[1], WINDOW, "the node's memory");
	return cell[0];
}

/* What the client could not make of a GPU's memory without what it has freed (see preload/keep.c). */
static void no_tree(void)
{
	char path[320];

	find();
	OK(!access(tree_of(gpu), F_OK), "%s: not there", tree_of(gpu));
	snprintf(path, sizeof(path), "%s/ibm,npu", tree_of(gpu));
	OK(access(path, F_OK), "%s is there: the client is mended, and needs no keep.so", path);
}

/*
 * Which link of the guest's own NPU has this phandle: the client makes such a node for each bridge
 * and numbers them in the order of the bridges. -1: none.
 */
static int tree_link(uint64_t phandle)
{
	char path[320], text[64];
	struct dirent *entry;
	int link = -1;
	DIR *dir = opendir(TREE "/npuphb0");

	OK(dir, TREE "/npuphb0: open");
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), TREE "/npuphb0/%.200s/compatible", entry->d_name);
		if (strncmp(entry->d_name, "link@", 5) || util_read(path, text, sizeof(text)) ||
		    strcmp(text, "ibm,npu-link"))
			continue;
		*strrchr(path, '/') = 0;
		if (tree_cell(path, "phandle", 4) != phandle)
			continue;
		EQ(link, -1, "another link of phandle 0x%" PRIx64, phandle);
		link = (int)tree_cell(path, "ibm,npu-link-index", 4);
	}
	closedir(dir);
	return link;
}

static void tree(void)
{
	uint64_t memory, own, npu[LINKS], seen = 0;

	find();
	tree_memory(&memory);
	own = tree_cell(tree_of(gpu), "phandle", 4);
	tree_cells(tree_of(gpu), "ibm,npu", 4, npu, LINKS);
	for (int i = 0; i < LINKS; i++) {
		const char *node = tree_of(bridge[i]);
		uint64_t self = tree_cell(node, "phandle", 4);

		EQ(tree_cell(node, "ibm,gpu", 4), own, "%s: ibm,gpu", bridge[i]);
		EQ(tree_cell(node, "memory-region", 4), memory, "%s: memory-region", bridge[i]);
		EQ(tree_cell(node, "ibm,device-tgt-addr", 8), host_number("tgt"), "%s: tgt",
		   bridge[i]);
		EQ(tree_cell(node, "ibm,nvlink-speed", 4), host_number("speed"), "%s: speed",
		   bridge[i]);
		EQ(tree_link(tree_cell(node, "ibm,nvlink", 4)), i, "%s: ibm,nvlink", bridge[i]);
		for (int k = 0; k < LINKS; k++)
			seen |= npu[k] == self ? 1u << k : 0;
	}
	EQ(seen, (1u << LINKS) - 1, "links of ibm,npu that are bridges here");
	host_tell("the device tree has its memory, and the target and speed of each link");
}

static volatile uint64_t *physical(uint64_t at, uint64_t bytes)
{
	int fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	void *p;

	OK(fd >= 0, "/dev/mem: open");
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)at);
	OK(p != MAP_FAILED, "/dev/mem: mmap of 0x%" PRIx64 " at 0x%" PRIx64, bytes, at);
	close(fd);
	return p;
}

/* As its driver would: memory on, links trained, and only then a touch. */
static void memory(void)
{
	uint64_t size = host_number("size"), phandle;
	volatile uint64_t *p = physical(tree_memory(&phandle), size);

	find();
	EQ(pci_attr_write(gpu, "enable", "1"), 0, "%s: enable: errno", gpu);
	OK(!strcmp(host_ask("train"), "ok"), "training");
	for (int k = 0; k < PLACES; k++) {
		uint64_t off = (size - HOST_CHUNK) / (PLACES - 1) * k & ~(HOST_CHUNK - 1ULL);

		host_fill(p, off, SEED(off));
		host_ok("same", 0, off, HOST_CHUNK, SEED(off));
		host_ok("fill", 0, off, HOST_CHUNK, ~SEED(off));
		host_expect(p, off, ~SEED(off), "written by the device");
	}
	munmap((void *)p, size);
	host_tell("its memory: guest and device see the same bytes");
}

/* A register for each link, which keeps what is written; the host looks at them afterwards. */
static void atsd(void)
{
	volatile uint64_t *p = physical(ATSD, LINKS * ATSD_BYTES);

	for (int i = 0; i < LINKS; i++)
		host_store(&p[i * ATSD_BYTES / 8], htobe64(host_number("atsd") + i));
	for (int i = 0; i < LINKS; i++)
		EQ(host_load(&p[i * ATSD_BYTES / 8]), htobe64(host_number("atsd") + i), "ATSD %d",
		   i);
	munmap((void *)p, LINKS * ATSD_BYTES);
}

int main(int argc, char **argv)
{
	static const struct ktap_case bare[] = {
		KTAP_CASE(functions),
		KTAP_CASE(no_tree),
	};
	static const struct ktap_case whole[] = {
		KTAP_CASE(functions),
		KTAP_CASE(tree),
		KTAP_CASE(memory),
		KTAP_CASE(atsd),
	};

	host_open();
	if (!strcmp(host_ask("role"), "whole"))
		return ktap_main("nvlink2", whole, ARRAY_LEN(whole), NULL, argc, argv);
	return ktap_main("nvlink2", bare, ARRAY_LEN(bare), NULL, argc, argv);
}
