// SPDX-License-Identifier: GPL-2.0-only
/*
 * A copy of what the tool reads of a machine, for COHGPU_SYSROOT: of a report of a bug, or as the
 * beginning of a test. Everything is looked at once, and whatever is asked for is copied: so a tree
 * has all that the tool wants, and nothing of the machine that it does not read. A file of which it
 * asks only whether it is there, as of a UEFI image, is an empty one. Of other processes
 * there is nothing in it, nor of what is behind the device files.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/emulator.h"
#include "core/error.h"
#include "core/libvirt.h"
#include "core/out.h"
#include "core/ready.h"
#include "core/sys.h"
#include "core/text.h"
#include "doctor/doctor.h"
#include "plan/plan.h"
#include "verbs/verbs.h"

#define ARCH "/proc/sys/kernel/arch"

static char capture_folder[PATH_MAX];
static unsigned int capture_files;
static int capture_error;

/* In the tree; with its parents, which are folders there, whatever they are here. */
static const char *place_of(const char *path)
{
	static char place[PATH_MAX + PATH_MAX];

	snprintf(place, sizeof(place), "%s%s", capture_folder, path);
	for (char *at = place + strlen(capture_folder) + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = 0;
		mkdir(place, 0755);
		*at = '/';
	}
	return place;
}

static void put(const char *path, const void *data, size_t size)
{
	const char *place = place_of(path);
	int fd = open(place, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	const char *from = data;
	ssize_t wrote = 0;

	while (fd >= 0 && size && (wrote = write(fd, from, size)) > 0) {
		from += wrote;
		size -= wrote;
	}
	if (fd < 0 || wrote < 0)
		capture_error = capture_error ? capture_error : errno;
	if (fd >= 0)
		close(fd);
}

/* A folder's names are what is asked for, not what is behind them. */
static void copy_names(const char *path, const char *full)
{
	char child[PATH_MAX + 256], from[PATH_MAX + 256];
	DIR *folder = opendir(full);
	struct dirent *entry;
	struct stat st;

	mkdir(place_of(path), 0755);
	while (folder && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(from, sizeof(from), "%s/%s", full, entry->d_name);
		snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
		if (!stat(from, &st) && S_ISDIR(st.st_mode))
			mkdir(place_of(child), 0755);
		else if (access(place_of(child), F_OK))
			put(child, "", 0);
	}
	if (folder)
		closedir(folder);
}

/*
 * /proc/device-tree is one: as a link it would lead out of the tree, and what is copied below it
 * would be written to the machine.
 */
static bool is_absolute_link(const char *full)
{
	char first = 0;

	return readlink(full, &first, 1) == 1 && first == '/';
}

static void copy_link(const char *path, const char *full)
{
	char target[PATH_MAX];
	ssize_t length = readlink(full, target, sizeof(target) - 1);
	const char *place = place_of(path);
	struct stat st;

	target[length < 0 ? 0 : length] = 0;
	/* One that a path went through is a folder by now. */
	if (!lstat(place, &st) && S_ISDIR(st.st_mode))
		return;
	unlink(place);
	if (symlink(target, place))
		capture_error = capture_error ? capture_error : errno;
}

/* What was read before stays as it is, and what is read later takes its place. */
static void copy_presence(const char *path)
{
	if (access(place_of(path), F_OK))
		put(path, "", 0);
}

static void copy_file(const char *path)
{
	size_t size = 0;
	char *data = sys_slurp(path, &size);

	if (data)
		put(path, data, size);
	free(data);
}

/* Other processes are nobody's business, and change. */
static bool is_private(const char *path)
{
	return !strcmp(path, "/proc") ||
	       (!strncmp(path, "/proc/", 6) && isdigit((unsigned char)path[6]));
}

/* file: what becomes of one. */
static void copy(const char *path, void (*file)(const char *path))
{
	void (*was_asked)(const char *path) = sys_asked;
	void (*was_sought)(const char *path) = sys_sought;
	const char *root = getenv("COHGPU_SYSROOT");
	char full[PATH_MAX];
	struct stat st;

	snprintf(full, sizeof(full), "%s%s", root ? root : "", path);
	if (is_private(path) || lstat(full, &st))
		return;
	/* What is behind it takes its place. */
	if (is_absolute_link(full) && stat(full, &st))
		return;
	/* What is read to be copied is not asked for. */
	sys_asked = sys_sought = NULL;
	if (S_ISLNK(st.st_mode))
		copy_link(path, full);
	else if (S_ISDIR(st.st_mode))
		copy_names(path, full);
	else if (S_ISREG(st.st_mode))
		file(path);
	else
		put(path, "", 0);
	sys_asked = was_asked;
	sys_sought = was_sought;
}

static void asked(const char *path)
{
	copy(path, copy_file);
}

static void sought(const char *path)
{
	copy(path, copy_presence);
}

/* Of the log, the last line about each GPU's readiness: the rest is nobody's business either. */
static void copy_log(const struct gpu_set *set)
{
	char *text = NULL, record[READY_TEXT + 64];
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return;
	for (size_t i = 0; i < set->count; i++)
		if (!ready_record(record, sizeof(record), set->gpu[i].address))
			fprintf(f, "%s\n", record);
	fclose(f);
	if (size)
		put("/dev/kmsg", text, size);
	free(text);
}

/* Of the kernel's symbols those that V100s want: a check asks only which there are. */
static void copy_symbols(const struct gpu_set *set)
{
	char text[256] = "";
	int found = set->count && set->gpu[0].model->family == GPU_NVLINK2 ? 0 : -1;

	for (const char *const *name = nvlink2_symbols; *name && found >= 0; name++) {
		found = nvlink2_has_symbol(*name);
		if (found > 0)
			snprintf(text + strlen(text), sizeof(text) - strlen(text),
				 "0000000000000000 T %s\n", *name);
	}
	if (found >= 0)
		put("/proc/kallsyms", text, strlen(text));
}

/* 0: there is none. */
static void copy_emulator(const char *emulator, unsigned int version)
{
	char text[64], path[PATH_MAX];

	snprintf(path, sizeof(path), "%s.version", emulator);
	snprintf(text, sizeof(text), "QEMU emulator version %u.%u\n", version / 100, version % 100);
	if (version)
		put(path, text, strlen(text));
}

/* What has no form as a file, in the one that a tree has for it. */
static void copy_rest(const struct gpu_set *set)
{
	unsigned int libvirt = libvirt_version(), version;
	const char *virt = emulator_virt(&version);
	static const int extensions[] = {KVM_IPA_SIZE, KVM_CACHEABLE};
	char text[128] = "";
	struct utsname uts;

	copy_emulator(virt, version);
	copy_emulator(EMULATOR_POWER, emulator_version(EMULATOR_POWER));
	snprintf(text, sizeof(text), "virtqemud (libvirt) %u.%u.0\n", libvirt / 100, libvirt % 100);
	if (libvirt)
		put(LIBVIRT_DAEMON ".version", text, strlen(text));
	text[0] = 0;
	for (size_t i = 0; i < sizeof(extensions) / sizeof(*extensions); i++) {
		int answer = machine_kvm(extensions[i]);

		if (answer >= 0)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d %d\n",
				 extensions[i], answer);
	}
	if (text[0])
		put("/dev/kvm", text, strlen(text));
	copy_log(set);
	copy_symbols(set);
	if (!sys_is_tree() && !sys_exists(ARCH) && !uname(&uts))
		put(ARCH, uts.machine, strlen(uts.machine));
}

static void look(const struct check *checks, const struct patient *patient)
{
	struct finding f;

	for (; checks->id; checks++) {
		for (size_t i = 0; checks->gpu && i < patient->gpus->count; i++)
			checks->gpu(&f, &patient->gpus->gpu[i], patient);
		if (checks->machine)
			checks->machine(&f, patient);
	}
}

static void look_at_all(struct gpu_set *set)
{
	struct patient patient = {.gpus = set, .ram = plan_size(PLAN_RAM)};
	bool installed;

	gpu_scan(set);
	sys_release();
	look(doctor_host, &patient);
	look(doctor_guest, &patient);
	for (size_t i = 0; i < set->count; i++)
		json_object_put(gpu_describe(&set->gpu[i]));
	emulator_firmware(&installed);
}

static int count_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path, (void)st, (void)ftw;
	capture_files += type != FTW_D;
	return 0;
}

/* What is in the folder at the end: what is asked for twice was written twice. */
static void count_files(const char *folder)
{
	if (nftw(folder, count_one, 16, FTW_PHYS))
		capture_error = capture_error ? capture_error : errno;
}

int run_capture(const struct call *call)
{
	struct json_object *object = out_new(call);
	const char *folder = call->words[0];
	struct gpu_set set = {0};
	int status = EXIT_FAILED;

	snprintf(capture_folder, sizeof(capture_folder), "%s", folder);
	if (mkdir(folder, 0755)) {
		complain(folder, "capture", "%s", strerror(errno));
		json_object_put(object);
		return EXIT_FAILED;
	}
	/* Not remembered from before the copying began. */
	sys_asked = asked;
	sys_sought = sought;
	asked("/proc/sys/kernel/osrelease");
	look_at_all(&set);
	sys_asked = sys_sought = NULL;
	copy_rest(&set);
	count_files(folder);
	if (capture_error)
		complain(folder, "capture", "%s", strerror(capture_error));
	else
		status = gpu_select(&set, NULL, 0);
	out_text(object, "folder", folder);
	out_number(object, "files", capture_files);
	if (call_has(call, OPT_JSON))
		out_json(object, status);
	else if (!capture_error)
		printf("%s: %u file%s, to be read by: COHGPU_SYSROOT=%s cohgpu doctor\n", folder,
		       capture_files, plural(capture_files), folder);
	gpu_free(&set);
	json_object_put(object);
	return status;
}
