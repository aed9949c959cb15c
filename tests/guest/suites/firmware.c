// SPDX-License-Identifier: GPL-2.0-only
/*
 * spec/grace.md, what firmware says: absurd values are refused (G13, G15), a device without
 * coherent memory is plain vfio-pci and tells why (G2), and coherent_memory/ describes the rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "gpu.h"

#define FW_BASE "nvidia,gpu-mem-base-pa"
#define FW_SIZE "nvidia,gpu-mem-size"

static struct gpu gpu;

/* Split and BAR sizes for a total that firmware claims. */
static void fw_accepted(const char *preset, const char *total, uint64_t usemem, uint64_t bar4,
			uint64_t resmem, uint64_t bar2)
{
	const struct gpu_want w = {.preset = preset, .prop_size = total};

	gpu_open(&gpu, &w);
	EQ(gpu.vfio.region[4].size, bar4, "size %s: BAR4", total);
	EQ(gpu.vfio.region[4].area_size, usemem, "size %s: usemem", total);
	EQ(gpu.vfio.region[2].size, bar2, "size %s: BAR2", total);
	EQ(gpu.vfio.region[2].area_size, resmem, "size %s: resmem", total);
	vfio_cfg_set64(&gpu.vfio, PCI_BASE_ADDRESS_4, UINT64_MAX);
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), ~(bar4 - 1) | 0xc, "size %s: BAR4 sized",
	   total);
	vfio_cfg_set64(&gpu.vfio, PCI_BASE_ADDRESS_2, UINT64_MAX);
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_2), ~(bar2 - 1) | 0xc, "size %s: BAR2 sized",
	   total);
}

static void G13_65_GiB_and_100_MiB(void)
{
	/* BAR size follows the window's length after rounding. */
	fw_accepted("gh200-96", "66660M", 64 * GiB, 64 * GiB, GiB + 100 * MiB, 2 * GiB);
}

static void smallest_total(void)
{
	fw_accepted("tiny", "1536M", 512 * MiB, 512 * MiB, GiB, GiB);
}

static void resmem_takes_the_rest(void)
{
	fw_accepted("gh200-96", "3583M", 2 * GiB, 2 * GiB, 1535 * MiB, 2 * GiB);
}

static void largest_bar(void)
{
	/* 1 TiB in BAR4, the largest that there may be. */
	fw_accepted("gh200-96", "1025G", TiB, TiB, GiB, GiB);
}

static const struct fw_absurd {
	const char *preset, *base, *size;
	const char *property, *value; /* what the log must name */
	bool overflow;		      /* -EOVERFLOW is as good as -EINVAL */
} fw_absurd[] = {
	{"tiny", NULL, "1G", FW_SIZE, "0x40000000", false},
	{"tiny", NULL, "1535M", FW_SIZE, "0x5ff00000", false},
	{"tiny", NULL, "4096", FW_SIZE, "0x1000", false},
	{"tiny", "0x100000800", NULL, FW_BASE, "0x100000800", false},
	{"tiny", "0x100000001", NULL, FW_BASE, "0x100000001", false},
	{"tiny", "0xffffffffffff0000", NULL, FW_BASE, "0xffffffffffff0000", true},
	{"tiny", "0xffffffffc0000000", "1536M", FW_BASE, "0xffffffffc0000000", true},
	{"tiny", NULL, "0xffffffffffff0000", FW_SIZE, "0xffffffffffff0000", true},
	{"tiny", NULL, "1537G", FW_SIZE, "0x18040000000", true},
	{"gb200", "0xffffffffffff0000", NULL, FW_BASE, "0xffffffffffff0000", true},
	{"gb200", NULL, "1025G", FW_SIZE, "0x10040000000", true},
};

/* The driver refuses, says which property, value and rule, and stays in order. */
static void refused(void)
{
	const struct fw_absurd *a = &fw_absurd[ktap_arg()];
	const struct gpu_want w = {.preset = a->preset,

				   .prop_base = a->base,
				   .prop_size = a->size};
	const char *const words[] = {a->property, a->value, NULL};
	int log, err;

	gpu_fresh(&gpu, &w);
	log = util_log_mark();
	err = pci_bind_errno(gpu.bdf, pci_driver_name());
	OK(err == EINVAL || (a->overflow && err == EOVERFLOW), "bind: expected errno %d%s, got %d",
	   EINVAL, a->overflow ? " or EOVERFLOW" : "", err);
	OK(!pci_bound(gpu.bdf, NULL, 0), "bound although refused");
	OK(util_log_has(log, words), "no log line with '%s' and '%s'", a->property, a->value);
	/* Again, and another device: nothing stayed behind. */
	EQ(pci_bind_errno(gpu.bdf, pci_driver_name()), err, "second bind");
	gpu_tiny(&gpu);
	EQ(gpu.vfio.region[4].size, 512 * MiB, "a sane device afterwards: BAR4");
}

/* Memory that is the host's own RAM, wherever firmware says that the GPU's is. */
static void memory_is_the_hosts(void)
{
	const struct gpu_want w = {.preset = "tiny", .prop_base = "0x50000000"};
	const char *const words[] = {gpu.bdf, "50000000", "the host uses it as RAM", NULL};
	int log;

	gpu_fresh(&gpu, &w);
	log = util_log_mark();
	EQ(pci_bind_errno(gpu.bdf, pci_driver_name()), EBUSY, "bind: errno");
	OK(!pci_bound(gpu.bdf, NULL, 0), "bound although refused");
	OK(util_log_has(log, words), "no log line with the address and the rule");
	gpu_tiny(&gpu);
}

static const struct fw_none {
	struct gpu_want want;
	const char *state; /* a word of coherent_memory/state */
} fw_none[] = {
	{{.preset = "tiny", .properties = "none"}, FW_BASE},
	{{.preset = "tiny", .prop_size = "0"}, "0"},
	{{.preset = "tiny", .prop_base = "absent"}, FW_BASE},
	{{.preset = "tiny", .prop_size = "absent"}, FW_SIZE},
	{{.preset = "gb200", .mem_size = "1536M", .properties = "none"}, FW_BASE},
};

/* Plain vfio-pci with the real BARs, and it says so. */
static void fallback(void)
{
	const struct fw_none *n = &fw_none[ktap_arg()];
	const char *words[] = {gpu.bdf, "coherent memory", NULL};
	char text[256];
	uint32_t reg;
	int log;

	gpu_fresh(&gpu, &n->want);
	log = util_log_mark();
	pci_bind(gpu.bdf, pci_driver_name());
	OK(util_log_has(log, words), "no log line with %s and 'coherent memory'", gpu.bdf);
	vfio_open(&gpu.vfio, gpu.bdf);
	for (int i = 0; i < 6; i++) {
		EQ(gpu.vfio.region[i].size, pci_bar_size(gpu.bdf, i), "region %d: real size", i);
		EQ(gpu.vfio.region[i].offset, (uint64_t)i << 40, "region %d: offset", i);
	}
	vfio_memory_enable(&gpu.vfio, true);
	vfio_get(&gpu.vfio, 0, 0x1498, &reg, 4);
	EQ(reg, 0xff, "BAR0 + 0x1498");
	OK(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &reg, 4) < 0, "a read of BAR4, which is not there");
	EQ(vfio_map_errno(&gpu.vfio, VFIO_USEMEM, 0, util_page(), PROT_READ, MAP_SHARED), EINVAL,
	   "mmap of BAR4, which is not there");
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), 0, "BAR4");
	EQ(vfio_reset(&gpu.vfio), 0, "VFIO_DEVICE_RESET: errno");
	EQ(vfio_set_feature(&gpu.vfio, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY), 0,
	   "LOW_POWER_ENTRY: errno");
	EQ(vfio_set_feature(&gpu.vfio, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT), 0,
	   "LOW_POWER_EXIT: errno");

	EQ(pci_attr(gpu.bdf, "coherent_memory/ready", text, sizeof(text)), 0, "ready: errno");
	OK(!strcmp(text, "no"), "ready: expected no, got '%s'", text);
	EQ(pci_attr(gpu.bdf, "coherent_memory/state", text, sizeof(text)), 0, "state: errno");
	ktap_diag("state: %s", text);
	OK(strcmp(text, "present") && strlen(text) > 15 && strchr(text, ' '),
	   "state: expected a sentence, got '%s'", text);
	OK(strstr(text, n->state), "state: expected '%s' in it, got '%s'", n->state, text);
	EQ(pci_attr_number(gpu.bdf, "coherent_memory/usemem_length"), 0, "usemem_length");
	EQ(pci_attr_number(gpu.bdf, "coherent_memory/resmem_length"), 0, "resmem_length");
}

/* Open, close, open again, a second GPU meanwhile, unbind: nothing stays registered. */
static void G2_open_again(void)
{
	static const char *const untold[] = {"memory failures: not told", NULL};
	const struct gpu_want good = {.preset = "tiny"};
	struct gpu other;
	int mark;

	gpu_fresh(&gpu, &fw_none[ktap_arg()].want);
	gpu_make(&other, 1, &good);
	mark = util_log_mark();
	pci_bind(gpu.bdf, pci_driver_name());
	pci_bind(other.bdf, pci_driver_name());
	for (int i = 0; i < 3; i++) {
		vfio_open(&gpu.vfio, gpu.bdf);
		vfio_open(&other.vfio, other.bdf);
		vfio_close(&gpu.vfio);
		vfio_open(&gpu.vfio, gpu.bdf);
		vfio_close(&other.vfio);
		vfio_close(&gpu.vfio);
	}
	vfio_open(&gpu.vfio, gpu.bdf);
	vfio_close(&gpu.vfio);
	EQ(pci_unbind(gpu.bdf), 0, "unbind: errno");
	vfio_open(&other.vfio, other.bdf);
	vfio_memory_enable(&other.vfio, true);
	vfio_put(&other.vfio, VFIO_USEMEM, 0, &(uint64_t){1}, 8);
	vfio_close(&other.vfio);
	EQ(pci_unbind(other.bdf), 0, "unbind of the other: errno");
	pci_bind(gpu.bdf, pci_driver_name());
	vfio_open(&gpu.vfio, gpu.bdf);
	vfio_close(&gpu.vfio);
	EQ(util_log_lines(mark, untold), 0, "memory that the kernel took for another's");
}

static const struct fw_bar0 {
	struct gpu_want want;
	int err;
} fw_bar0[] = {
	{{.preset = "tiny", .bar0_size = "0"}, EINVAL},
	{{.preset = "tiny", .bar0_size = "4096"}, EINVAL},
	{{.preset = "tiny", .bar0_size = "64K"}, EINVAL},
	{{.preset = "tiny", .bar0_size = "io"}, EINVAL},
	{{.preset = "tiny", .vendor = "0x1234", .device = "0x5678"}, ENODEV},
	{{.preset = "tiny", .vendor = "0x1234", .device = "0x5678", .bar0_size = "0"}, ENODEV},
};

static void G15_bar0(void)
{
	const struct fw_bar0 *b = &fw_bar0[ktap_arg()];

	gpu_fresh(&gpu, &b->want);
	for (int i = 0; i < 2; i++) {
		EQ(pci_bind_errno(gpu.bdf, pci_driver_name()), b->err, "bind: errno");
		OK(!pci_bound(gpu.bdf, NULL, 0), "bound although refused");
	}
	gpu_tiny(&gpu);
}

static void attributes(void)
{
	char text[256], path[256];
	struct stat st;

	gpu_open_preset(&gpu, "gh200-96");
	EQ(pci_attr(gpu.bdf, "coherent_memory/state", text, sizeof(text)), 0, "state: errno");
	OK(!strcmp(text, "present"), "state: expected present, got '%s'", text);
	EQ(pci_attr_number(gpu.bdf, "coherent_memory/usemem_offset"), 0, "usemem_offset");
	EQ(pci_attr_number(gpu.bdf, "coherent_memory/usemem_length"), 95 * GiB, "usemem_length");
	EQ(pci_attr_number(gpu.bdf, "coherent_memory/resmem_offset"), 95 * GiB, "resmem_offset");
	EQ(pci_attr_number(gpu.bdf, "coherent_memory/resmem_length"), GiB, "resmem_length");
	EQ(pci_attr_number(gpu.bdf, "coherent_memory/usemem_base"), gpu.mem_base, "usemem_base");
	EQ(pci_attr_number(gpu.bdf, "coherent_memory/resmem_base"), gpu.mem_base + 95 * GiB,
	   "resmem_base");
	for (int i = 0; i < 2; i++) {
		pci_path(path, sizeof(path), gpu.bdf,
			 i ? "coherent_memory/resmem_base" : "coherent_memory/usemem_base");
		EQ(stat(path, &st), 0, "%s", path);
		EQ(st.st_mode & 0777, 0400, "mode of %s", path);
	}
	pci_attr(gpu.bdf, "coherent_memory/usemem_base", text, sizeof(text));
	OK(!strncmp(text, "0x", 2), "usemem_base: expected hexadecimal, got '%s'", text);
}

static void attributes_without_resmem(void)
{
	const struct gpu_want w = {.preset = "gb200", .mem_size = "1600M"};

	gpu_open(&gpu, &w);
	EQ(pci_attr_number(gpu.bdf, "coherent_memory/usemem_length"), 1600 * MiB, "usemem_length");
	EQ(pci_attr_number(gpu.bdf, "coherent_memory/resmem_length"), 0, "resmem_length");
	/* No rounding to 512 MiB without the MIG bug. */
	EQ(gpu.vfio.region[4].size, 2 * GiB, "BAR4");
	EQ(gpu.vfio.region[4].area_size, 1600 * MiB, "usemem");
}

static void attributes_go_with_the_driver(void)
{
	char text[64];

	gpu_tiny(&gpu);
	vfio_close(&gpu.vfio);
	ktap_note()[0] = 0;
	EQ(pci_attr(gpu.bdf, "coherent_memory/state", text, sizeof(text)), 0, "bound: errno");
	EQ(pci_unbind(gpu.bdf), 0, "unbind: errno");
	EQ(pci_attr(gpu.bdf, "coherent_memory/state", text, sizeof(text)), ENOENT,
	   "unbound: errno");
}

/* The function's own properties, as a machine with an ACPI _DSD has them. */
static void own_properties(void)
{
	const struct gpu_want w = {.preset = "gh200-96", .properties = "firmware"};
	const char *lane = getenv("COHGPU_LANE");
	char node[256];

	/* Other machines' tables know the function, too, but not its memory. */
	if (!lane || !strstr(lane, "acpi"))
		ktap_skip("no table of this machine describes GPU memory");
	gpu_fresh(&gpu, &w);
	EQ(pci_attr(gpu.bdf, "firmware_node/path", node, sizeof(node)), 0, "ACPI node: errno");
	ktap_diag("properties from %s", node);
	pci_bind(gpu.bdf, pci_driver_name());
	vfio_open(&gpu.vfio, gpu.bdf);
	EQ(gpu.vfio.region[4].size, 128 * GiB, "BAR4");
	EQ(gpu.vfio.region[4].area_size, 95 * GiB, "usemem");
	EQ(gpu.vfio.region[2].size, GiB, "BAR2");
}

static const struct ktap_case cases[] = {
	KTAP_CASE(attributes),
	KTAP_CASE(attributes_without_resmem),
	KTAP_CASE(attributes_go_with_the_driver),
	KTAP_CASE(smallest_total),
	KTAP_CASE(resmem_takes_the_rest),
	KTAP_CASE(G13_65_GiB_and_100_MiB),
	KTAP_CASE(largest_bar),
	KTAP_CASE_ARG("G13_total_1_GiB", refused, 0),
	KTAP_CASE_ARG("total_1535_MiB", refused, 1),
	KTAP_CASE_ARG("total_4096", refused, 2),
	KTAP_CASE_ARG("G13_base_half_page", refused, 3),
	KTAP_CASE_ARG("G13_base_odd", refused, 4),
	KTAP_CASE_ARG("G13_base_and_size_overflow", refused, 5),
	KTAP_CASE_ARG("G13_resmem_overflow", refused, 6),
	KTAP_CASE_ARG("G13_size_absurd", refused, 7),
	KTAP_CASE_ARG("G13_bar_over_1_TiB", refused, 8),
	KTAP_CASE_ARG("G13_overflow_no_resmem", refused, 9),
	KTAP_CASE_ARG("G13_bar_over_1_TiB_no_resmem", refused, 10),
	KTAP_CASE(memory_is_the_hosts),
	KTAP_CASE_ARG("fallback_no_properties", fallback, 0),
	KTAP_CASE_ARG("fallback_size_0", fallback, 1),
	KTAP_CASE_ARG("fallback_base_missing", fallback, 2),
	KTAP_CASE_ARG("fallback_size_missing", fallback, 3),
	KTAP_CASE_ARG("fallback_gb200", fallback, 4),
	KTAP_CASE_ARG("G2_open_again_no_properties", G2_open_again, 0),
	KTAP_CASE_ARG("G2_open_again_size_0", G2_open_again, 1),
	KTAP_CASE_ARG("G15_no_bar0", G15_bar0, 0),
	KTAP_CASE_ARG("G15_bar0_4K", G15_bar0, 1),
	KTAP_CASE_ARG("G15_bar0_64K", G15_bar0, 2),
	KTAP_CASE_ARG("G15_bar0_io", G15_bar0, 3),
	KTAP_CASE_ARG("G15_not_nvidia", G15_bar0, 4),
	KTAP_CASE_ARG("G15_not_nvidia_no_bar0", G15_bar0, 5),
	KTAP_CASE(own_properties),
};

int main(int argc, char **argv)
{
	return ktap_main("firmware", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
