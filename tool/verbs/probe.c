// SPDX-License-Identifier: GPL-2.0-only
/* What a VMM will see of a GPU, and of a V100's bridges: opened through VFIO, and let go. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "core/error.h"
#include "core/out.h"
#include "core/sys.h"
#include "verbs/verbs.h"
#include "vfio/client.h"
#include "vfio/uapi.h"

#define CONFIG_SIZE   4096
#define CONFIG_HEADER 64
#define CAPABILITIES  48

struct probe_name {
	unsigned int id;
	const char *name;
};

static const struct probe_name probe_capabilities[] = {
	{PCI_CAP_ID_PM, "power management"},
	{PCI_CAP_ID_MSI, "MSI"},
	{PCI_CAP_ID_VNDR, "vendor"},
	{PCI_CAP_ID_SSVID, "subsystem"},
	{PCI_CAP_ID_EXP, "PCIe"},
	{PCI_CAP_ID_MSIX, "MSI-X"},
	{PCI_CAP_ID_AF, "AF"},
	{PCI_CAP_ID_VPD, "VPD"},
	{0, NULL},
};

static const struct probe_name probe_extended[] = {
	{PCI_EXT_CAP_ID_ERR, "AER"},
	{PCI_EXT_CAP_ID_VC, "VC"},
	{PCI_EXT_CAP_ID_DSN, "serial"},
	{PCI_EXT_CAP_ID_PWR, "power budget"},
	{PCI_EXT_CAP_ID_VNDR, "vendor"},
	{PCI_EXT_CAP_ID_ACS, "ACS"},
	{PCI_EXT_CAP_ID_ARI, "ARI"},
	{PCI_EXT_CAP_ID_ATS, "ATS"},
	{PCI_EXT_CAP_ID_SRIOV, "SR-IOV"},
	{PCI_EXT_CAP_ID_PRI, "PRI"},
	{PCI_EXT_CAP_ID_REBAR, "resizable BAR"},
	{PCI_EXT_CAP_ID_LTR, "LTR"},
	{PCI_EXT_CAP_ID_SECPCI, "secondary PCIe"},
	{PCI_EXT_CAP_ID_PASID, "PASID"},
	{PCI_EXT_CAP_ID_L1SS, "L1 substates"},
	{PCI_EXT_CAP_ID_DVSEC, "DVSEC"},
	{0, NULL},
};

static const struct probe_name probe_irqs[] = {
	{VFIO_PCI_INTX_IRQ_INDEX, "INTx"},   {VFIO_PCI_MSI_IRQ_INDEX, "MSI"},
	{VFIO_PCI_MSIX_IRQ_INDEX, "MSI-X"},  {VFIO_PCI_ERR_IRQ_INDEX, "error"},
	{VFIO_PCI_REQ_IRQ_INDEX, "request"}, {0, NULL},
};

static const char *const probe_regions[VFIO_PCI_NUM_REGIONS] = {
	"BAR0", "BAR1", "BAR2", "BAR3", "BAR4", "BAR5", "ROM", "config", "VGA",
};

static uint32_t number_at(const unsigned char *bytes, unsigned int at, int size)
{
	uint32_t value = 0;

	for (int i = size; i-- > 0;)
		value = value << 8 | bytes[at + i];
	return value;
}

static void add_name(struct json_object *array, const struct probe_name *names, unsigned int id)
{
	char text[32];

	while (names->name && names->id != id)
		names++;
	snprintf(text, sizeof(text), "%#x", id);
	json_object_array_add(array, out_string(names->name ? names->name : text));
}

static void describe_capabilities(struct json_object *config, const unsigned char *bytes,
				  size_t size)
{
	struct json_object *plain = out_array(config, "capabilities");
	struct json_object *extended = out_array(config, "extended_capabilities");
	unsigned int at = size > PCI_CAPABILITY_LIST ? bytes[PCI_CAPABILITY_LIST] & ~3U : 0;

	if (size < CONFIG_HEADER || !(number_at(bytes, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
		at = 0;
	for (int i = 0; i < CAPABILITIES && at >= CONFIG_HEADER && at + 2 <= size; i++) {
		add_name(plain, probe_capabilities, bytes[at]);
		at = bytes[at + 1] & ~3U;
	}
	at = PCI_CFG_SPACE_SIZE;
	for (int i = 0; i < CAPABILITIES && at >= PCI_CFG_SPACE_SIZE && at + 4 <= size; i++) {
		uint32_t header = number_at(bytes, at, 4);

		if (!header || header == UINT32_MAX)
			break;
		add_name(extended, probe_extended, header & 0xffff);
		at = header >> 20 & ~3U;
	}
}

/* Short where the kernel lets a user read less. */
static int describe_config(struct json_object *function, const struct client *c)
{
	struct json_object *config = json_object_new_object();
	unsigned char bytes[CONFIG_SIZE] = {0};
	ssize_t got = -ENXIO;

	for (unsigned int i = 0; i < c->regions; i++)
		if (c->region[i].index == VFIO_PCI_CONFIG_REGION_INDEX)
			got = client_read(c, &c->region[i], 0, bytes, sizeof(bytes));
	out_object(function, "config", config);
	if (got < CONFIG_HEADER) {
		complain(c->address, "read", "config space: %s",
			 got < 0 ? strerror(-got) : "it ends in its header");
		return EXIT_FAILED;
	}
	/* Not the IDs, which VFIO gives out of what it remembers. */
	if (number_at(bytes, PCI_CLASS_REVISION, 4) == UINT32_MAX) {
		complain(c->address, "read", "config space is all-ones: it does not answer");
		advise("see: cohgpu doctor --check answers");
		return EXIT_FAILED;
	}
	out_number(config, "bytes", got);
	out_number(config, "vendor", number_at(bytes, PCI_VENDOR_ID, 2));
	out_number(config, "device", number_at(bytes, PCI_DEVICE_ID, 2));
	out_number(config, "class", number_at(bytes, PCI_CLASS_REVISION, 4) >> 8);
	out_number(config, "revision", bytes[PCI_REVISION_ID]);
	out_number(config, "command", number_at(bytes, PCI_COMMAND, 2));
	out_number(config, "status", number_at(bytes, PCI_STATUS, 2));
	out_number(config, "header_type", bytes[PCI_HEADER_TYPE]);
	describe_capabilities(config, bytes, got);
	return EXIT_OK;
}

static void describe_region(struct json_object *regions, const struct client_region *r,
			    enum gpu_family family)
{
	struct json_object *one = json_object_new_object(), *areas, *area;
	char name[32], access[4] = "---", type[32];
	uint64_t mapped = 0;

	if (r->index < VFIO_PCI_NUM_REGIONS)
		snprintf(name, sizeof(name), "%s", probe_regions[r->index]);
	else
		snprintf(name, sizeof(name), "vendor%u", r->index - VFIO_PCI_NUM_REGIONS);
	if (r->flags & VFIO_REGION_INFO_FLAG_READ)
		access[0] = 'r';
	if (r->flags & VFIO_REGION_INFO_FLAG_WRITE)
		access[1] = 'w';
	if (r->flags & VFIO_REGION_INFO_FLAG_MMAP)
		access[2] = 'm';
	snprintf(type, sizeof(type), "%04x:%x", r->type & VFIO_REGION_TYPE_PCI_VENDOR_MASK,
		 r->subtype);
	out_number(one, "index", r->index);
	out_text(one, "name", name);
	out_number(one, "size", r->size);
	out_number(one, "offset", r->offset);
	out_text(one, "access", access);
	areas = out_array(one, "areas");
	for (unsigned int i = 0; i < r->areas; i++) {
		area = json_object_new_object();
		out_number(area, "offset", r->area[i].offset);
		out_number(area, "size", r->area[i].size);
		json_object_array_add(areas, area);
		mapped += r->area[i].size;
	}
	out_object(one, "mappable", r->areas ? json_object_new_uint64(mapped) : NULL);
	out_text(one, "vendor_type", r->type ? type : NULL);
	out_text(one, "shows", client_content_name(client_content(r, family)));
	out_object(one, "nvlink_target", r->has_target ? json_object_new_uint64(r->target) : NULL);
	out_object(one, "nvlink_speed", r->speed ? json_object_new_uint64(r->speed) : NULL);
	json_object_array_add(regions, one);
}

static void describe_device(struct json_object *function, const struct client *c)
{
	struct json_object *features = json_object_new_object(), *irqs, *one;

	out_bool(function, "resets", c->flags & VFIO_DEVICE_FLAGS_RESET);
	irqs = out_array(function, "interrupts");
	for (const struct probe_name *n = probe_irqs; n->name && n->id < c->irqs; n++) {
		unsigned int count = client_irqs(c, n->id);

		if (!count)
			continue;
		one = json_object_new_object();
		out_text(one, "kind", n->name);
		out_number(one, "count", count);
		json_object_array_add(irqs, one);
	}
	out_bool(features, "low_power", client_feature(c, VFIO_DEVICE_FEATURE_SET, UAPI_LOW_POWER));
	out_bool(features, "dma_buf", client_feature(c, VFIO_DEVICE_FEATURE_GET, UAPI_DMA_BUF));
	out_object(function, "features", features);
}

static int probe_function(struct json_object *functions, const struct gpu *gpu, const char *address,
			  int group, const char *by)
{
	struct json_object *one, *regions;
	char driver[64];
	struct client c;
	int status = client_open(&c, address, group, by);

	if (status)
		return status;
	one = json_object_new_object();
	gpu_driver_of(driver, sizeof(driver), address);
	out_text(one, "address", address);
	out_text(one, "driver", driver);
	out_text(one, "opened_by", c.by);
	describe_device(one, &c);
	regions = out_array(one, "regions");
	for (unsigned int i = 0; i < c.regions; i++)
		if (c.region[i].size)
			describe_region(regions, &c.region[i], gpu->model->family);
	status = describe_config(one, &c);
	client_close(&c);
	if (status)
		json_object_put(one);
	else
		json_object_array_add(functions, one);
	return status;
}

static const struct out_column probe_columns[] = {
	{"REGION", "name", false, false},     {"SIZE", "size", true, true},
	{"MAPPABLE", "mappable", true, true}, {"ACCESS", "access", false, false},
	{"SHOWS", "shows", false, false},     {"TYPE", "vendor_type", false, false},
};

static void print_words(const char *label, struct json_object *array, const char *key,
			const char *count)
{
	size_t length = json_object_array_length(array);

	printf("  %-13s", label);
	for (size_t i = 0; i < length; i++) {
		struct json_object *one = json_object_array_get_idx(array, i);

		printf("%s%s", i ? ", " : " ",
		       key ? out_get_text(one, key, "") : json_object_get_string(one));
		if (count)
			printf(" %s", out_get_text(one, count, ""));
	}
	puts(length ? "" : " none");
}

static void print_function(struct json_object *one)
{
	struct json_object *regions = out_get(one, "regions");
	bool dma_buf = json_object_get_boolean(out_get(one, "features.dma_buf"));
	bool low_power = json_object_get_boolean(out_get(one, "features.low_power"));

	printf("%s%s%s  %s, opened by %s\n", out_colour(OUT_BOLD), out_get_text(one, "address", ""),
	       out_colour(OUT_PLAIN), out_get_text(one, "driver", "-"),
	       out_get_text(one, "opened_by", ""));
	printf("  %-13s %04x:%04x, class %06x, command %04x, %u bytes\n", "config",
	       (unsigned int)out_get_number(one, "config.vendor"),
	       (unsigned int)out_get_number(one, "config.device"),
	       (unsigned int)out_get_number(one, "config.class"),
	       (unsigned int)out_get_number(one, "config.command"),
	       (unsigned int)out_get_number(one, "config.bytes"));
	print_words("capabilities", out_get(one, "config.capabilities"), NULL, NULL);
	print_words("extended", out_get(one, "config.extended_capabilities"), NULL, NULL);
	print_words("interrupts", out_get(one, "interrupts"), "kind", "count");
	printf("  %-13s reset %s, low power %s, dma-buf %s\n", "can",
	       json_object_get_boolean(out_get(one, "resets")) ? "yes" : "no",
	       low_power ? "yes" : "no", dma_buf ? "yes" : "no");
	for (size_t i = 0; i < json_object_array_length(regions); i++) {
		struct json_object *r = json_object_array_get_idx(regions, i);

		if (!out_get(r, "nvlink_target"))
			continue;
		printf("  %-13s NVLink target %#llx", out_get_text(r, "name", ""),
		       (unsigned long long)out_get_number(r, "nvlink_target"));
		if (out_get(r, "nvlink_speed"))
			printf(", speed %llu",
			       (unsigned long long)out_get_number(r, "nvlink_speed"));
		putchar('\n');
	}
	out_table(regions, probe_columns, sizeof(probe_columns) / sizeof(*probe_columns));
}

int run_probe(const struct call *call)
{
	struct json_object *object = out_new(call), *functions = out_array(object, "functions");
	const char *by = call->option[OPT_BY];
	struct gpu_set set;
	int status;

	gpu_scan(&set);
	status = gpu_select(&set, call->words, call->count);
	for (size_t i = 0; i < set.count && !status; i++) {
		const struct gpu *gpu = &set.gpu[i];

		status = probe_function(functions, gpu, gpu->address, gpu->group, by);
		for (int b = 0; b < gpu->bridges && !status; b++)
			status = probe_function(functions, gpu, gpu->bridge[b],
						group_of(gpu->bridge[b]), by);
	}
	if (call_has(call, OPT_JSON))
		out_json(object, status);
	else
		for (size_t i = 0; i < json_object_array_length(functions); i++)
			print_function(json_object_array_get_idx(functions, i));
	gpu_free(&set);
	json_object_put(object);
	return status;
}
