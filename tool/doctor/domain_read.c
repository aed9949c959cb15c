// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

#include "core/emulator.h"
#include "core/error.h"
#include "core/size.h"
#include "doctor/domain.h"

/* Of QEMU's; libvirt has no words for them. */
#define NO_MMAP "x-no-mmap"
#define RESERVE "pref64-reserve"
#define PORT	"pcie-root-port"

/* What fits struct domain_gpu; libvirt takes 32 bits, of which no host has all. */
#define PCI_DOMAINS 0x10000000
/* QEMU's virt has fewer. */
#define MOST_SLOTS 4096

static bool is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name);
}

static xmlNode *child(const xmlNode *node, const char *name)
{
	for (xmlNode *at = node ? node->children : NULL; at; at = at->next)
		if (is(at, name))
			return at;
	return NULL;
}

/* An attribute's value; "" when there is none. */
static void attribute(const xmlNode *node, const char *name, char *buf, size_t size)
{
	xmlChar *value = node ? xmlGetProp(node, (const xmlChar *)name) : NULL;

	snprintf(buf, size, "%s", value ? (const char *)value : "");
	xmlFree(value);
}

static bool attribute_is(const xmlNode *node, const char *name, const char *value)
{
	char text[32];

	attribute(node, name, text, sizeof(text));
	return !strcmp(text, value);
}

/* limit and more: not said, or nothing that we could use. */
static uint64_t attribute_number(const xmlNode *node, const char *name, uint64_t limit)
{
	char text[32], *end;
	uint64_t value;

	attribute(node, name, text, sizeof(text));
	value = strtoull(text, &end, 0);
	return text[0] && !*end && value < limit ? value : limit;
}

/* An element's content with its unit, as libvirt has them; the default is KiB. */
static uint64_t content_size(const xmlNode *node)
{
	xmlChar *text = node ? xmlNodeGetContent(node) : NULL;
	char unit[16];
	uint64_t size;

	attribute(node, "unit", unit, sizeof(unit));
	size = text ? size_in((const char *)text + strspn((const char *)text, " \t\n"),
			      unit[0] ? unit : "KiB")
		    : 0;
	xmlFree(text);
	return size;
}

/* "2-9,12", as libvirt has sets of nodes. */
static void read_nodeset(bool *node, const char *text)
{
	unsigned long first, last;
	char *end;

	for (; *text; text = *end ? end + 1 : end) {
		first = last = strtoul(text, &end, 10);
		if (end == text)
			return;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (; first <= last && first < DOMAIN_NODES; first++)
			node[first] = true;
	}
}

/* In an address libvirt takes 0 for what is not there. False: it is there, and out of range. */
static bool address_part(const xmlNode *node, const char *name, uint64_t limit, uint64_t *value)
{
	*value = 0;
	if (!node || !xmlHasProp(node, (const xmlChar *)name))
		return true;
	*value = attribute_number(node, name, limit);
	return *value < limit;
}

struct address {
	uint64_t domain, bus, slot, function;
};

/* An exit code, having complained with the file's line. */
static int read_address(struct address *a, const xmlNode *node, const char *file)
{
	const char *bad = NULL;
	char value[32];

	if (!address_part(node, "domain", PCI_DOMAINS, &a->domain))
		bad = "domain";
	else if (!address_part(node, "bus", DOMAIN_BRIDGES, &a->bus))
		bad = "bus";
	else if (!address_part(node, "slot", 32, &a->slot))
		bad = "slot";
	else if (!address_part(node, "function", 8, &a->function))
		bad = "function";
	if (!bad)
		return EXIT_OK;
	attribute(node, bad, value, sizeof(value));
	complain(file, "read", "line %ld: %s='%s' of a <hostdev> is no %s of PCI",
		 xmlGetLineNo((xmlNode *)node), bad, value, bad);
	return EXIT_FAILED;
}

static struct domain_gpu *add_gpu(struct domain *domain)
{
	struct domain_gpu *more = realloc(domain->gpu, (domain->count + 1) * sizeof(*domain->gpu));

	if (!more) {
		complain("hostdev", "read", "%s", strerror(ENOMEM));
		return NULL;
	}
	domain->gpu = more;
	return memset(&more[domain->count++], 0, sizeof(*more));
}

static int read_hostdev(struct domain *domain, const xmlNode *node, const char *file)
{
	const xmlNode *from = child(child(node, "source"), "address");
	const xmlNode *place = child(node, "address"), *driver = child(node, "driver");
	struct address source, guest;
	struct domain_gpu *gpu;
	char nodeset[256];

	if (!attribute_is(node, "type", "pci") || !from)
		return EXIT_OK;
	if (read_address(&source, from, file) || read_address(&guest, place, file))
		return EXIT_FAILED;
	gpu = add_gpu(domain);
	if (!gpu)
		return EXIT_FAILED;
	snprintf(gpu->address, sizeof(gpu->address), "%04x:%02x:%02x.%x",
		 (unsigned int)source.domain & (PCI_DOMAINS - 1), (unsigned int)source.bus & 0xff,
		 (unsigned int)source.slot & 0x1f, (unsigned int)source.function & 7);
	attribute(driver, "model", gpu->model, sizeof(gpu->model));
	gpu->managed = attribute_is(node, "managed", "yes");
	gpu->iommufd = attribute_is(driver, "iommufd", "yes");
	gpu->bus = guest.bus;
	gpu->function = guest.function;
	/* Slot 0 of the first bus is the host bridge's: to libvirt that is an address not given. */
	gpu->has_place = guest.domain || guest.bus || guest.slot;
	attribute(child(node, "acpi"), "nodeset", nodeset, sizeof(nodeset));
	read_nodeset(gpu->node, nodeset);
	return EXIT_OK;
}

/* All other models are bridges from PCI to PCI: ports, a switch's too, and old ones. */
static bool is_host_bridge(const xmlNode *controller)
{
	static const char *const models[] = {"", "pcie-root", "pci-root", "pcie-expander-bus",
					     "pci-expander-bus"};

	for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++)
		if (attribute_is(controller, "model", models[i]))
			return true;
	return false;
}

static void read_controller(struct domain *domain, const xmlNode *node)
{
	uint64_t index = attribute_number(node, "index", DOMAIN_BRIDGES), bus;

	if (!attribute_is(node, "type", "pci") || index == DOMAIN_BRIDGES)
		return;
	bus = attribute_number(child(node, "address"), "bus", DOMAIN_BRIDGES);
	attribute(child(node, "alias"), "name", domain->alias[index], DOMAIN_ALIAS);
	/* A host bridge is where the search for a vSMMU ends. libvirt puts the rest at the first. */
	if (index && !is_host_bridge(node))
		domain->parent[index] = bus < DOMAIN_BRIDGES ? bus : 0;
	domain->port[index] = attribute_is(node, "model", PORT);
	if (!index)
		domain->window = content_size(child(node, "pcihole64"));
}

static int read_devices(struct domain *domain, const xmlNode *devices, const char *file)
{
	int status = EXIT_OK;

	for (const xmlNode *at = devices ? devices->children : NULL; at && !status; at = at->next) {
		const xmlNode *driver = child(at, "driver");

		if (is(at, "hostdev")) {
			status = read_hostdev(domain, at, file);
		} else if (is(at, "controller")) {
			read_controller(domain, at);
		} else if (is(at, "emulator")) {
			xmlChar *text = xmlNodeGetContent(at);

			snprintf(domain->emulator, sizeof(domain->emulator), "%s", (char *)text);
			xmlFree(text);
		} else if (is(at, "iommu") && attribute_is(at, "model", "smmuv3")) {
			uint64_t bus = attribute_number(driver, "pciBus", DOMAIN_BRIDGES);

			if (bus < DOMAIN_BRIDGES && attribute_is(driver, "accel", "on"))
				domain->accelerated[bus] = true;
			domain->oas = attribute_number(driver, "oas", 64) % 64;
		}
	}
	return status;
}

/* One without an id has the number that its place among them gives it. */
static void read_cells(struct domain *domain, const xmlNode *numa)
{
	uint64_t order = 0, id;

	for (const xmlNode *at = numa ? numa->children : NULL; at; at = at->next) {
		if (!is(at, "cell"))
			continue;
		id = xmlHasProp(at, (const xmlChar *)"id")
			     ? attribute_number(at, "id", DOMAIN_NODES)
			     : order;
		order++;
		if (id >= DOMAIN_NODES)
			continue;
		domain->has_cell[id] = true;
		domain->cell[id] = attribute_number(at, "memory", UINT64_MAX);
	}
}

/* "on", as QEMU reads a property's value. */
static bool is_on(const char *value)
{
	return !strcmp(value, "on") || !strcmp(value, "yes") || !strcmp(value, "true") ||
	       !strcmp(value, "y");
}

/* A controller's number by what QEMU calls it: "pci.3", or an alias of the user's. */
static size_t controller_of(const struct domain *domain, const char *alias)
{
	char name[DOMAIN_ALIAS];

	for (size_t i = 0; i < DOMAIN_BRIDGES; i++) {
		snprintf(name, sizeof(name), "pci.%zu", i);
		if (!strcmp(alias, name) ||
		    (domain->alias[i][0] && !strcmp(alias, domain->alias[i])))
			return i;
	}
	return DOMAIN_BRIDGES;
}

/* A property that device has, or ("") every port. */
static void read_property(struct domain *domain, const char *device, const char *name,
			  const char *value)
{
	size_t controller = controller_of(domain, device);

	if (!strcmp(name, NO_MMAP)) {
		domain->no_mmap |= is_on(value);
	} else if (!strcmp(name, RESERVE)) {
		for (size_t i = 0; i < DOMAIN_BRIDGES; i++)
			if (domain->port[i] && (i == controller || !*device))
				domain->reserve[i] = size_in(value, "b");
	}
}

/* What is given as name in an argument of QEMU's: "name=value,...", or a -global's. */
static void read_argument(struct domain *domain, char *text, const char *name)
{
	char *at = strstr(text, name), *value;
	const char *device = text;

	if (!at)
		return;
	value = at + strlen(name);
	/* -global also takes "property=x-no-mmap,value=on". */
	value += strncmp(value, ",value", 6) ? 0 : 6;
	value += *value == '=';
	value[strcspn(value, ",")] = 0;
	/* What is before it says whose it is: "device.pci.2.", or a driver for all that have it. */
	*at = 0;
	if (!strncmp(text, "device.", 7) && at > text + 8) {
		at[-1] = 0;
		device = text + 7;
	} else if (!strcmp(text, PORT ".") || strstr(text, "driver=" PORT ",")) {
		device = "";
	}
	read_property(domain, device, name, value);
}

/* The other form of -device: {"driver": ..., "id": ..., "x-no-mmap": true}. */
static void read_json(struct domain *domain, const char *text)
{
	static const char *const names[] = {NO_MMAP, RESERVE};
	struct json_object *object = json_tokener_parse(text), *id, *value;
	const char *device = "none";

	if (json_object_object_get_ex(object, "id", &id))
		device = json_object_get_string(id);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (json_object_object_get_ex(object, names[i], &value) && value)
			read_property(domain, device ? device : "none", names[i],
				      json_object_get_string(value));
	json_object_put(object);
}

/* "-set device.X.x-no-mmap=on", "-device ...,x-no-mmap=on", "-global ...". */
static void read_arguments(struct domain *domain, const xmlNode *line)
{
	char text[512];

	for (const xmlNode *at = line ? line->children : NULL; at; at = at->next) {
		xmlChar *value = is(at, "arg") ? xmlGetProp(at, (const xmlChar *)"value") : NULL;

		if (value && value[strspn((const char *)value, " \t\n")] == '{') {
			read_json(domain, (const char *)value);
		} else if (value) {
			snprintf(text, sizeof(text), "%s", (const char *)value);
			read_argument(domain, text, strstr(text, RESERVE) ? RESERVE : NO_MMAP);
		}
		xmlFree(value);
	}
}

static void read_overrides(struct domain *domain, const xmlNode *override)
{
	for (const xmlNode *device = override ? override->children : NULL; device;
	     device = device->next) {
		const xmlNode *front = child(device, "frontend");
		char alias[DOMAIN_ALIAS];

		attribute(front ? device : NULL, "alias", alias, sizeof(alias));
		for (const xmlNode *at = front ? front->children : NULL; at; at = at->next) {
			char name[32], value[32];

			if (!is(at, "property") || !alias[0])
				continue;
			attribute(at, "name", name, sizeof(name));
			attribute(at, "value", value, sizeof(value));
			read_property(domain, alias, name, value);
		}
	}
}

/* An open file; -errno. "-" is standard input. */
static int open_file(const char *name)
{
	struct stat st;
	int fd = strcmp(name, "-") ? open(name, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && !S_ISDIR(st.st_mode))
		return fd;
	close(fd);
	return -EISDIR;
}

/* QEMU has a GiB more for each slot, so that what is plugged in can be placed as it wants. */
static uint64_t most_memory(const xmlNode *node)
{
	uint64_t size = content_size(node), slots = attribute_number(node, "slots", MOST_SLOTS);

	return size && slots < MOST_SLOTS ? size + (slots << 30) : size;
}

/* As libvirt does where <emulator> says none. */
static void choose_emulator(struct domain *domain)
{
	bool power = !strncmp(domain->arch, "ppc64", 5);

	snprintf(domain->emulator, sizeof(domain->emulator), "%s",
		 power ? EMULATOR_POWER : emulator_virt(NULL));
}

int domain_read(struct domain *domain, const char *file)
{
	const xmlNode *root, *cpu;
	int fd = open_file(file), status;
	xmlDoc *doc;

	memset(domain, 0, sizeof(*domain));
	if (fd < 0) {
		complain(file, "read", "%s", strerror(-fd));
		return EXIT_FAILED;
	}
	doc = xmlReadFd(fd, file, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	close(fd);
	root = doc ? xmlDocGetRootElement(doc) : NULL;
	for (size_t i = 0; i < DOMAIN_BRIDGES; i++)
		domain->parent[i] = DOMAIN_BRIDGES;
	if (!root || !is(root, "domain")) {
		const xmlError *error = xmlGetLastError();

		if (!doc && error && error->message)
			complain(file, "read", "line %d: %.*s", error->line,
				 (int)strcspn(error->message, "\n"), error->message);
		else
			complain(file, "read", "no domain of libvirt");
		xmlFreeDoc(doc);
		xmlCleanupParser();
		return EXIT_FAILED;
	}
	cpu = child(root, "cpu");
	attribute(root, "type", domain->type, sizeof(domain->type));
	attribute(child(child(root, "os"), "type"), "arch", domain->arch, sizeof(domain->arch));
	domain->memory = content_size(child(root, "memory"));
	domain->most_memory = most_memory(child(root, "maxMemory"));
	domain->hard_limit = content_size(child(child(root, "memtune"), "hard_limit"));
	domain->address_bits = attribute_number(child(cpu, "maxphysaddr"), "bits", 64) % 64;
	domain->ras = attribute_is(child(child(root, "features"), "ras"), "state", "on");
	read_cells(domain, child(cpu, "numa"));
	status = read_devices(domain, child(root, "devices"), file);
	if (!domain->emulator[0])
		choose_emulator(domain);
	read_arguments(domain, child(root, "commandline"));
	read_overrides(domain, child(root, "override"));
	xmlFreeDoc(doc);
	xmlCleanupParser();
	return status;
}

void domain_free(struct domain *domain)
{
	free(domain->gpu);
	domain->gpu = NULL;
	domain->count = 0;
}

const struct domain_gpu *domain_find(const struct domain *domain, const char *address)
{
	for (size_t i = 0; i < domain->count; i++)
		if (!strcmp(domain->gpu[i].address, address))
			return &domain->gpu[i];
	return NULL;
}

void domain_select(const struct domain *domain, struct gpu_set *set)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->count; i++)
		if (domain_find(domain, set->gpu[i].address))
			set->gpu[kept++] = set->gpu[i];
	set->count = kept;
}
