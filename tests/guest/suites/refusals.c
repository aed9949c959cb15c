// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the simulator refuses. Each refusal is an errno and one line in the log that names the GPU,
 * the value and the rule; and everything is as it was before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpu.h"

#define RF_STOCK 0x11101af4
/* 32 letters: as much of a value as a line names. */
#define RF_32	"ibm,npu-link-index,memory-region"
#define RF_LONG RF_32 RF_32 RF_32 RF_32 RF_32 RF_32 RF_32 RF_32

/* Lines of the simulator since the mark; the last one. */
static int rf_log(int mark, char *line, size_t size)
{
	char rec[4096];
	int lines = 0;
	ssize_t n;

	line[0] = 0;
	while ((n = read(mark, rec, sizeof(rec) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		if (n < 0)
			continue; /* overwritten while we looked */
		rec[n] = 0;
		if (!strstr(rec, "cohgpu-sim: "))
			continue;
		lines++;
		snprintf(line, size, "%s", strstr(rec, "cohgpu-sim: "));
	}
	close(mark);
	return lines;
}

/* One line since the mark, and it has all of these in it. */
static void rf_log_names(int mark, const char *file, const char *value, const char *rule)
{
	char line[1024];
	int lines = rf_log(mark, line, sizeof(line));
	char shown[sizeof(RF_32)];

	snprintf(shown, sizeof(shown), "%s", value);

	EQ(lines, 1, "%s = %s: lines in the log, the last one: %s", file, value, line);
	OK(strstr(line, "cohgpu-sim: t0: ") && strstr(line, file) && strstr(line, shown) &&
		   strstr(line, rule),
	   "%s = %s: no GPU, file, value or rule \"%s\" in: %s", file, value, rule, line);
}

static void rf_make(void)
{
	sim_load();
	sim_remove_all();
	sim_create("t0");
	sim_set("t0", "preset", "tiny");
}

static const struct rf_value {
	const char *file, *value, *rule;
} rf_settings[] = {
	{"bdf", "nonsense", "an address such as"},
	{"bdf", "01:00.0", "an address such as"},
	{"bdf", "0000:01:00.0z", "an address such as"},
	{"preset", "gh100", "`features` lists"},
	{"mem_base", "here", "an address"},
	{"mem_base", "12 apples", "an address"},
	{"mem_size", "12 apples", "a number of bytes"},
	{"mem_size", "-1", "a number of bytes"},
	{"vendor", "0x12345", "below 0xffff"},
	{"vendor", "0xffff", "below 0xffff"},
	{"device", "GPU", "below 0xffff"},
	{"bar0_size", "12345", "a power of two"},
	{"bar0_size", "2K", "a power of two"},
	{"bar0_size", "2G", "a power of two"},
	{"properties", "all", "swnode, firmware or none"},
	{"prop_base", "maybe", "`true` or `absent`"},
	{"prop_size", "1G more", "`true` or `absent`"},
	{"scrub", "some", "0, 1 or all"},
	{"training_ms", "600001", "at most ten minutes"},
	{"training_ms", "a while", "at most ten minutes"},
	{"enable", "perhaps", "0 or 1"},
	{"links", "1", "of a preset on NVLink"},
	{"first_link", "0", "of a preset on NVLink"},
	{"atsd", "0", "of a preset on NVLink"},
	{"npu", "own", "of a preset on NVLink"},
	{"without", RF_LONG, "shorter"},
};

static const struct rf_value rf_nvlink[] = {
	{"links", "4", "the preset allows"},   {"first_link", "9", "the preset allows"},
	{"atsd", "some", "the preset allows"}, {"npu", "8", "the preset allows"},
	{"npu", "mine", "the preset allows"},
};

static void rf_settings_refused(const struct rf_value *r, size_t n)
{
	char was[64], is[64];

	for (; n; n--, r++) {
		int log = util_log_mark();

		sim_get("t0", r->file, was, sizeof(was));
		EQ(sim_try_set("t0", r->file, r->value), EINVAL, "%s = %s: errno", r->file,
		   r->value);
		rf_log_names(log, r->file, r->value, r->rule);
		sim_get("t0", r->file, is, sizeof(is));
		OK(!strcmp(was, is), "%s was %s, is %s", r->file, was, is);
	}
}

static void settings(void)
{
	rf_make();
	rf_settings_refused(rf_settings, ARRAY_LEN(rf_settings));
	sim_set("t0", "enable", "1");
}

static void settings_nvlink(void)
{
	rf_make();
	sim_set("t0", "preset", "v100-16");
	rf_settings_refused(rf_nvlink, ARRAY_LEN(rf_nvlink));
}

/* Nothing but `enable` can be written while a GPU is enabled. */
static void settings_while_enabled(void)
{
	const char *const files[] = {
		"bdf",	     "preset",	   "mem_base",	"mem_size",  "vendor", "device",
		"bar0_size", "properties", "prop_base", "prop_size", "scrub",  "training_ms",
		"links",     "first_link", "npu",	"atsd",	     "without"};
	char was[64], is[64];

	rf_make();
	sim_set("t0", "without", "ibm,gpu");
	sim_set("t0", "enable", "1");
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		int log = util_log_mark();

		sim_get("t0", files[i], was, sizeof(was));
		EQ(sim_try_set("t0", files[i], was), EBUSY, "%s: errno", files[i]);
		rf_log_names(log, files[i], was, "must be disabled");
		sim_get("t0", files[i], is, sizeof(is));
		OK(!strcmp(was, is), "%s was %s, is %s", files[i], was, is);
	}
	/* Once more is no refusal. */
	sim_set("t0", "enable", "1");
}

static const struct rf_value rf_faults[] = {
	{"training", "often", "normal stuck-c2c stuck-hbm stuck manual"},
	{"training_ms", "600001", "at most 600000"},
	{"training_ms", "soon", "a number"},
	{"flr", "never", "normal slow refused"},
	{"flr_ms", "600001", "at most 600000"},
	{"cxl_allowance", "8", "at most 7"},
	{"dead", "2", "at most 1"},
	{"dead", "-1", "a number"},
	{"train", "now", "a number"},
	{"ras_events", "5", "must be 0"},
	{"aer", "bad", "correctable uncorrectable fatal"},
	{"poison", "0x60000000", "must be in 0x60000000 bytes"},
	{"reset_after_ms", "600001", "at most 600000"},
};

static int rf_fault(const char *file, const char *value)
{
	char path[256];

	snprintf(path, sizeof(path), SIM_DEBUGFS "/t0/%s", file);
	return util_write(path, value);
}

/* What a fault's file says; empty when it cannot be read. */
static void rf_fault_get(const char *file, char *buf, size_t size)
{
	char path[256];

	snprintf(path, sizeof(path), SIM_DEBUGFS "/t0/%s", file);
	if (util_read(path, buf, size))
		buf[0] = 0;
}

static void faults(void)
{
	char was[64], is[64];

	rf_make();
	sim_set("t0", "enable", "1");
	for (size_t i = 0; i < ARRAY_LEN(rf_faults); i++) {
		const struct rf_value *r = &rf_faults[i];
		int log = util_log_mark();

		rf_fault_get(r->file, was, sizeof(was));
		EQ(rf_fault(r->file, r->value), EINVAL, "%s = %s: errno", r->file, r->value);
		rf_log_names(log, r->file, r->value, r->rule);
		rf_fault_get(r->file, is, sizeof(is));
		OK(!strcmp(was, is), "%s was %s, is %s", r->file, was, is);
	}
}

/* What is done to a GPU, not set, needs one. */
static void faults_while_disabled(void)
{
	const char *const files[] = {"train", "untrain", "unplug", "reset_after_ms", "poison"};

	rf_make();
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		int log = util_log_mark();

		EQ(rf_fault(files[i], "1"), ENODEV, "%s: errno", files[i]);
		rf_log_names(log, files[i], "1", "must be enabled");
	}
}

/* What POWER9's kernel does for a driver is no GPU's. */
static void power(void)
{
	const char *const words[] = {"cohgpu-sim-power: refuse all: ", "must be none, lpar", NULL};
	int log;

	sim_load_power();
	log = util_log_mark();
	EQ(util_write(SIM_POWER "/refuse", "all"), EINVAL, "refuse = all: errno");
	OK(util_log_has(log, words), "no line that says why");
}

/* The function is the stock one, as it was, and nothing has any memory. */
static void rf_untouched(const char *bdf)
{
	char path[256];

	pci_path(path, sizeof(path), bdf, "vendor");
	OK(util_exists(path), "%s is gone", bdf);
	EQ(pci_attr_number(bdf, "vendor") | pci_attr_number(bdf, "device") << 16, RF_STOCK, "%s",
	   bdf);
	EQ(pci_bar_size(bdf, 2), 16 * MiB, "BAR2 of %s", bdf);
	EQ(util_lines("/proc/iomem", "cohgpu-sim"), 0, "claims in /proc/iomem");
	EQ(sim_get_number("t0", "enable"), 0, "enabled");
}

/* Enabling is refused; @shown is what the line has of the value. */
static void rf_enable(int err, const char *file, const char *shown, const char *rule)
{
	int log = util_log_mark();

	EQ(sim_try_set("t0", "enable", "1"), err, "%s %s: enable: errno", file, shown);
	rf_log_names(log, file, shown, rule);
}

static const struct rf_enabling {
	const char *file, *value, *shown, *rule;
	int err;
} rf_enablings[] = {
	{"bdf", "0000:00:00.0", "0000:00:00.0", "must be a 1af4:1110", ENODEV},
	{"bdf", "0000:77:00.0", "0000:77:00.0", "must be a 1af4:1110", ENODEV},
	{"mem_base", "0x100000800", "0x100000800", "whole pages", EINVAL},
	{"mem_base", "0xfffffffff0000000", "0xfffffffff0000000", "below 2^64", EINVAL},
	{"mem_size", "0x60000800", "0x60000800", "whole pages", EINVAL},
	{"mem_base", "0x40000000", "0x40000000", "not the kernel's", EBUSY},
	{"mem_base", "0x80000000000", "0x80000000000", "must be memory", ENXIO}, /* 8 TiB */
	{"bar0_size", "32M", "0x2000000", "must leave room", ENOSPC},
};

/* Each setting is good by itself, and no machine has it. Enabling works when it is put right. */
static void enabling(void)
{
	char was[64], bdf[64], is[64];

	rf_make();
	sim_set("t0", "enable", "1");
	sim_get("t0", "bdf", bdf, sizeof(bdf));
	for (size_t i = 0; i < ARRAY_LEN(rf_enablings); i++) {
		const struct rf_enabling *r = &rf_enablings[i];

		sim_set("t0", "enable", "0");
		sim_get("t0", r->file, was, sizeof(was));
		sim_set("t0", r->file, r->value);
		rf_enable(r->err, r->file, r->shown, r->rule);
		rf_untouched(bdf);
		sim_set("t0", r->file, strcmp(r->file, "mem_base") ? was : "0");
		sim_set("t0", "enable", "1");
		sim_get("t0", "bdf", is, sizeof(is));
		OK(!strcmp(bdf, is), "at %s, was at %s", is, bdf);
	}
}

/* On amd64 the machine's own claims are where no RAM is: here PCI's config space. */
static void claimed_memory(void)
{
	if (!strcmp(getenv("COHGPU_ARCH") ?: "", "amd64")) {
		rf_make();
		sim_set("t0", "mem_base", "0xb0000000");
		sim_set("t0", "mem_size", "64M");
		rf_enable(EBUSY, "mem_base", "0xb0000000", "claimed by nobody");
	} else {
		rf_make();
		sim_set("t0", "mem_base", "0x9000000"); /* the console */
		sim_set("t0", "mem_size", "64K");
		rf_enable(ENXIO, "mem_base", "0x9000000", "must be memory");
	}
	EQ(util_lines("/proc/iomem", "cohgpu-sim"), 0, "claims in /proc/iomem");
}

/* A second GPU gets neither the memory nor the function of the first. */
static void of_another(void)
{
	char other[64], bdf[64];

	rf_make();
	sim_set("t0", "enable", "1");
	sim_get("t0", "bdf", bdf, sizeof(bdf));
	sim_set("t0", "enable", "0");
	sim_create("t1");
	sim_set("t1", "preset", "tiny");
	sim_set("t1", "enable", "1");
	sim_get("t1", "bdf", other, sizeof(other));

	sim_set("t0", "bdf", other);
	rf_enable(ENODEV, "bdf", other, "must be a 1af4:1110");
	sim_set("t0", "bdf", "\n");
	sim_set("t0", "mem_base", "0x120000000");
	rf_enable(EBUSY, "mem_base", "0x120000000", "overlaps the memory of t1");
	EQ(util_lines("/proc/iomem", "cohgpu-sim"), 1, "claims in /proc/iomem");
	sim_set("t0", "mem_base", "0");
	sim_set("t0", "enable", "1");
}

/* There are four functions in a lane's machine. */
static void none_free(void)
{
	char name[8] = "t1";

	rf_make();
	for (; name[1] < '5'; name[1]++) {
		sim_create(name);
		sim_set(name, "preset", "tiny");
		sim_set(name, "enable", "1");
	}
	rf_enable(ENODEV, "bdf", "", "no free function");
	sim_set("t4", "enable", "0");
	sim_set("t0", "enable", "1");
}

static void has_a_driver(void)
{
	char bdf[64];

	rf_make();
	sim_set("t0", "enable", "1");
	sim_get("t0", "bdf", bdf, sizeof(bdf));
	sim_set("t0", "enable", "0");
	EQ(pci_module_insert("vfio-pci"), 0, "modprobe vfio-pci");
	pci_bind(bdf, "vfio-pci");
	sim_set("t0", "bdf", bdf);
	rf_enable(EBUSY, "bdf", bdf, "must have no driver");
	OK(pci_bound(bdf, NULL, 0), "the driver is gone");
	EQ(pci_unbind(bdf), 0, "unbind: errno");
	EQ(pci_attr_write(bdf, "driver_override", "\n"), 0, "driver_override: errno");
	rf_untouched(bdf);
	sim_set("t0", "enable", "1");
}

static const struct ktap_case cases[] = {
	KTAP_CASE(settings),
	KTAP_CASE(settings_nvlink),
	KTAP_CASE(settings_while_enabled),
	KTAP_CASE(faults),
	KTAP_CASE(faults_while_disabled),
	KTAP_CASE(enabling),
	KTAP_CASE(claimed_memory),
	KTAP_CASE(of_another),
	KTAP_CASE(none_free),
	KTAP_CASE(has_a_driver),
	KTAP_CASE(power),
};

int main(int argc, char **argv)
{
	return ktap_main("refusals", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
