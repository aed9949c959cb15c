// SPDX-License-Identifier: GPL-2.0-only
#include "verbs/verbs.h"

const struct verb_option verb_common_options[] = {
	{OPT_JSON, "json", 'j', NULL, WORD_NONE, NULL, "print JSON"},
	{OPT_HELP, "help", 'h', NULL, WORD_NONE, NULL, "print a short help"},
	{0},
};

static const struct verb_option list_options[] = {
	{OPT_ADDRESSES, "addresses", 'a', NULL, WORD_NONE, NULL,
	 "print only addresses, one a line"},
	{0},
};

static const struct verb_option show_options[] = {
	{OPT_SVG, "svg", 0, "FILE", WORD_FILE, NULL, "write the drawing to FILE as a picture"},
	{0},
};

static const struct verb_option status_options[] = {
	{OPT_STRICT, "strict", 's', NULL, WORD_NONE, NULL,
	 "count memory whose readiness is unknown as a warning"},
	{0},
};

static const struct verb_option doctor_options[] = {
	{OPT_DOMAIN, "domain", 'd', "FILE", WORD_FILE, NULL,
	 "examine the definition of a libvirt domain instead"},
	{OPT_GUEST, "guest", 'g', NULL, WORD_NONE, NULL,
	 "examine the guest in which this runs instead"},
	{OPT_CHECK, "check", 'c', "ID", WORD_CHECK, NULL, "make this check only"},
	{OPT_RAM, "ram", 'r', "SIZE", WORD_TEXT, NULL,
	 "memory of the VM to come, all of which is locked; 16G unless told"},
	{OPT_MEMORY, "memory", 'm', "SIZE", WORD_TEXT, NULL,
	 "with --domain: memory of each GPU, in place of what its driver tells"},
	{OPT_STRICT, "strict", 's', NULL, WORD_NONE, NULL, "let warnings count in the exit status"},
	{0},
};

#define DRY_RUN                                                                                    \
	{                                                                                          \
		OPT_DRY_RUN, "dry-run", 'n', NULL, WORD_NONE, NULL,                                \
			"print what would be done, and do nothing"                                 \
	}

static const struct verb_option bind_options[] = {
	{OPT_DRIVER, "driver", 'd', "NAME", WORD_TEXT, NULL,
	 "bind to this driver, in any spelling, instead of the best one"},
	DRY_RUN,
	{OPT_PERSIST, "persist", 'p', NULL, WORD_NONE, NULL,
	 "have udev do the same at every boot and hotplug, until restore"},
	{OPT_WAIT, "wait", 'w', "SECONDS", WORD_NUMBER, NULL,
	 "wait so long for the host to give the memory of the GPU back, and for another "
	 "cohgpu to end"},
	{0},
};

static const struct verb_option restore_options[] = {
	DRY_RUN,
	{0},
};

static const struct verb_option plan_options[] = {
	{OPT_FORMAT, "format", 'f', "FORMAT", WORD_FORMAT, "qemu libvirt kubevirt",
	 "what to print: a command line of QEMU, a domain of libvirt, objects of KubeVirt"},
	{OPT_CPUS, "cpus", 'c', "COUNT", WORD_NUMBER, NULL, "virtual CPUs, 4 unless told"},
	{OPT_RAM, "ram", 'r', "SIZE", WORD_TEXT, NULL, "memory of the VM, 16G unless told"},
	{OPT_MEMORY, "memory", 'm', "SIZE", WORD_TEXT, NULL,
	 "memory of each GPU, in place of what its driver tells"},
	{OPT_HERE, "here", 'H', NULL, WORD_NONE, NULL,
	 "leave out what this host's QEMU, libvirt and kernel do not have"},
	{OPT_STRICT, "strict", 's', NULL, WORD_NONE, NULL,
	 "let what is lacking here count in the exit status"},
	{0},
};

#define OPENED_BY                                                                                  \
	{                                                                                          \
		OPT_BY, "by", 'b', "WAY", WORD_FORMAT, "iommufd group",                            \
			"open it by its own node and an iommufd, or by its group's node"           \
	}

static const struct verb_option probe_options[] = {
	OPENED_BY,
	{0},
};

static const struct verb_option bench_options[] = {
	OPENED_BY,
	{OPT_SIZE, "size", 's', "SIZE", WORD_TEXT, NULL,
	 "measure so much of each window, 64M unless told"},
	{0},
};

static const struct verb_option watch_options[] = {
	{OPT_PROMETHEUS, "prometheus", 'p', "FILE", WORD_FILE, NULL,
	 "keep metrics in FILE, for the textfile collector of node_exporter"},
	{OPT_INTERVAL, "interval", 'i', "MS", WORD_NUMBER, NULL,
	 "read attributes so often, 1000 milliseconds unless told"},
	{OPT_EVENTS, "count", 'c', "COUNT", WORD_NUMBER, NULL, "end after so many events"},
	{OPT_FOR, "for", 'f', "SECONDS", WORD_NUMBER, NULL, "end after this time"},
	{0},
};

static const struct verb_option sim_options[] = {
	{OPT_PRESET, "preset", 'p', "PRESET", WORD_FORMAT,
	 "gh200-96 gh200-480 gh200-144 gb200 gb300 cxl tiny v100-16 v100-32",
	 "which GPU to add, gh200-96 unless told"},
	{OPT_BDF, "bdf", 'b', "ADDRESS", WORD_TEXT, NULL,
	 "make it of this stock function, instead of the first free one"},
	{OPT_NAME, "name", 'n', "NAME", WORD_TEXT, NULL, "call it so, instead of gpu0 and so on"},
	{0},
};

const struct verb verbs[] = {
	{
		.name = "list",
		.words = "",
		.summary = "list the coherent GPUs of this machine",
		.text = "Prints a line for every GPU whose memory the CPU shares: its address "
			"and name, the driver that is bound and the one that modules.alias "
			"prefers, its IOMMU group and the IOMMU behind it, the size of its "
			"memory and of the BARs that show it to a guest, and whether it may be "
			"given to one.\n"
			"Sizes come from the driver's coherent_memory/ files. With a driver "
			"that does not have them they are unknown.\n"
			"A V100 is one of them where the device tree names NVLink bridges of the "
			"CPU for it (ibm,npu); the device tree has a window for its memory, "
			"which is larger than that.\n"
			"The status is what cohgpu status says of it: ok, failed, or unsure, where "
			"nothing is wrong but nobody knows whether its memory is ready.",
		.example = "cohgpu list --json",
		.options = list_options,
		.see = "show status",
		.run = run_list,
	},
	{
		.name = "show",
		.words = "GPU",
		.kind = WORD_GPU,
		.min = 1,
		.max = 1,
		.summary = "show one GPU in full, with a drawing of its memory",
		.text = "Prints all that is known of a GPU, and draws how its memory is cut "
			"into windows, which BARs show them, and what of a BAR has no memory "
			"behind it.",
		.example = "cohgpu show 0009:01:00.0 --svg gpu.svg",
		.options = show_options,
		.see = "list probe",
		.run = run_show,
	},
	{
		.name = "status",
		.words = "[GPU...]",
		.kind = WORD_GPU,
		.max = -1,
		.summary = "say in one line a GPU whether it is fit to be given to a guest",
		.text = "For scripts and monitoring. The exit status is 0 when all GPUs are "
			"bound to the best VFIO driver and their memory is shown and did not "
			"fail to become ready, 2 when one of them is not, and 77 without any.\n"
			"The word for a GPU is ok, failed, or unsure: nothing is wrong with it, "
			"but "
			"nobody knows whether its memory is ready, because nobody has touched it "
			"since its last reset, or because its driver does not tell. Unsure is 0, "
			"and 1 with --strict. Whether such a GPU becomes ready is told by the "
			"exit status of cohgpu bench; it is not known any more when nobody uses "
			"it, as VFIO then resets it.",
		.example = "cohgpu status && cohgpu bench all && virsh start guest",
		.options = status_options,
		.see = "doctor list watch",
		.run = run_status,
	},
	{
		.name = "doctor",
		.words = "[GPU...]",
		.kind = WORD_GPU,
		.max = -1,
		.summary = "look for all that is known to keep such a GPU from a guest",
		.text = "Makes a list of checks, each for a cause that cost somebody days, and "
			"prints a verdict for each: PASS, WARN, FAIL, or SKIP where it could not "
			"be seen. With WARN and FAIL go the symptom that it would have, and the "
			"fix. Nothing is changed.\n"
			"Words choose the GPUs that are reported on. The machine, or the domain, "
			"is judged with all that it has.\n"
			"Without a GPU the machine is examined for what any of them needs: on "
			"POWER "
			"a V100, else a Grace GPU. What is wrong is said, then that there is no "
			"GPU. The exit status is 77 whatever was found, since there is nothing to "
			"give to a guest; the verdicts are in the JSON.",
		.example = "cohgpu doctor --strict",
		.options = doctor_options,
		.see = "bind plan status",
		.run = run_doctor,
		.manual = manual_doctor,
	},
	{
		.name = "bind",
		.words = "GPU...",
		.kind = WORD_GPU,
		.min = 1,
		.max = -1,
		.changes = true,
		.summary = "hand GPUs to VFIO, all of them or none",
		.text = "Checks that nothing uses the GPUs, then loads the VFIO driver that "
			"modules.alias prefers for each, and binds it by driver_override, which "
			"concerns this one device and no other of its kind. Of the host's driver "
			"the files that count are this GPU's, where it tells which these are.\n"
			"What each was before is on record below /run/cohgpu before the first "
			"step. When a step fails, or at an interrupt, all is put back; after a "
			"kill, cohgpu restore does it. A GPU that is already bound to the driver "
			"is left alone. A driver that was loaded stays loaded.\n"
			"VFIO gives IOMMU groups as a whole. What else is in the group is not "
			"touched: it is said where the host uses it, with what has to be done.\n"
			"--persist leaves a rule of udev, which keeps other drivers from the GPU "
			"when it comes and runs this program to bind it, at a boot as well as "
			"after hotplug.",
		.example = "cohgpu bind 0009:01:00.0 --dry-run",
		.options = bind_options,
		.see = "doctor plan restore",
		.run = run_bind,
	},
	{
		.name = "restore",
		.words = "GPU...",
		.kind = WORD_GPU,
		.min = 1,
		.max = -1,
		.changes = true,
		.summary = "give GPUs back to what they were before bind",
		.text = "Puts driver_override and driver back to what is on record, takes away "
			"what --persist left, and forgets the record. It looks at what is, not at "
			"what was done: it may be interrupted, and repeated. Without a record "
			"nothing is changed, and the exit status is 77.\n"
			"Of a GPU that is no more in the machine, named by its full address or "
			"by \"all\", record and rule are forgotten.",
		.example = "cohgpu restore all",
		.options = restore_options,
		.see = "bind",
		.run = run_restore,
	},
	{
		.name = "plan",
		.words = "GPU...",
		.kind = WORD_GPU,
		.min = 1,
		.max = -1,
		.summary = "print what a VM needs to get GPUs",
		.text = "Prints the part of a VM's definition that the GPUs need: for each "
			"physical SMMU a host bridge with a vSMMU, for each GPU a root port, eight "
			"NUMA nodes without memory and their generic initiators, and for all of "
			"them a window of guest addresses that is large enough for the BARs.\n"
			"The window is computed from the sizes of the regions, not taken from a "
			"table. What the installed QEMU, libvirt and this host lack is said on "
			"standard error; the VM may be for another host.\n"
			"With --here it is for this one: what its QEMU, its libvirt (with --format "
			"libvirt) or its kernel does not have is left out, so that the VM starts, "
			"and lacks what the notes say. Without a QEMU or libvirt here that tells "
			"its version nobody knows what to leave out: that is an error.\n"
			"Sizes are like 16G, 16GiB (powers of two) or 16GB (of ten).\n"
			"V100s are for a pseries machine: each IOMMU group of them gets a host "
			"bridge, with their NVLink bridges, and QEMU does the rest. A group is one "
			"VM's as a whole: what the plan leaves out of one is said.\n"
			"KubeVirt is told which kind of device it may hand out, and how many the "
			"VM wants; what it cannot be told is in comments.",
		.example = "cohgpu plan all --format libvirt --ram 64G --cpus 32",
		.options = plan_options,
		.see = "bind doctor",
		.run = run_plan,
		.manual = manual_plan,
	},
	{
		.name = "probe",
		.words = "GPU...",
		.kind = WORD_GPU,
		.min = 1,
		.max = -1,
		.summary = "open GPUs as a VMM does, and print what it will see",
		.text = "Opens each GPU through VFIO, by its own node and an iommufd where the "
			"system has both and by its group's node otherwise, and prints its "
			"regions with what of them can be mapped, the header and capabilities in "
			"its config space, and its interrupts. A V100 comes with its bridges and "
			"their vendor regions.\n"
			"To open a device is to reset it. One that a VM has is left alone. It has "
			"to be bound to a VFIO driver, which is what cohgpu bind does.",
		.example = "cohgpu probe 0009:01:00.0",
		.options = probe_options,
		.see = "bench bind show",
		.run = run_probe,
	},
	{
		.name = "bench",
		.words = "GPU...",
		.kind = WORD_GPU,
		.min = 1,
		.max = -1,
		.summary = "measure how fast the memory of GPUs is to be had",
		.text = "Opens each GPU as cohgpu probe does, and measures for each window that "
			"shows its memory: mapping it, the faults of the first touch, reading and "
			"writing by loads and stores and by system calls, mapping it for DMA. "
			"What is written is what was read before. How much a fault brings says "
			"whether the kernel maps by huge pages.\n"
			"Before that it waits until the GPU is ready. One that does not become so "
			"in the time that its driver allows is a failure, and what the driver's "
			"line in the log says is the reason.\n"
			"A progress bar is shown on a terminal. What cannot be measured is said "
			"with its reason, and does not count in the exit status.",
		.example = "cohgpu bench 0009:01:00.0 --size 1G --json",
		.options = bench_options,
		.see = "bind probe",
		.run = run_bench,
	},
	{
		.name = "watch",
		.words = "[GPU...]",
		.kind = WORD_GPU,
		.max = -1,
		.summary = "tell what happens to GPUs as it happens, one line each",
		.text = "Tells when a GPU comes or goes, changes its driver, is reset, becomes "
			"ready or fails to, changes its power state, reports PCIe errors or "
			"recovers from them, and when a page of its memory fails. With --json "
			"each line is an object. Ends at an interrupt.\n"
			"Of hotplug, drivers and recovery the kernel tells by uevents, of failed "
			"memory in its log, which only root may read. Nothing announces the rest: "
			"it is read at the interval, so that of two changes within one the second "
			"is seen. Resets and readiness are seen with drivers that have "
			"coherent_memory/ files only; of resets it says how many have begun since "
			"the driver was bound.\n"
			"With --prometheus the state is kept in a file as well, which is replaced "
			"as a whole when something changed, and every 30 seconds. It stays when "
			"the watch ends: let an alert look at its age.",
		.example =
			"cohgpu watch --prometheus /var/lib/prometheus/node-exporter/cohgpu.prom",
		.options = watch_options,
		.see = "status",
		.run = run_watch,
	},
	{
		.name = "capture",
		.words = "FOLDER",
		.kind = WORD_FOLDER,
		.min = 1,
		.max = 1,
		.summary = "copy what cohgpu reads of this machine, for a report or a test",
		.text = "Makes a folder with the files of sysfs and of others that the verbs "
			"read, as they are now: with COHGPU_SYSROOT set to it, list, show, status, "
			"doctor and plan say of it what they say here. Of other processes nothing "
			"is in "
			"it, nor of the memory and registers of GPUs; physical addresses and "
			"config space are, when root captures. Look at it before you send it.",
		.example = "cohgpu capture host.tree && tar -cJf host.tar.xz host.tree",
		.see = "doctor",
		.run = run_capture,
	},
	{
		.name = "sim",
		.words = "add | list | fault NAME FAULT VALUE | remove NAME...",
		.kind = WORD_TEXT,
		.choices = "add list fault remove",
		.min = 1,
		.max = -1,
		.changes = true,
		.summary = "make simulated GPUs in a virtual machine, and have them fail",
		.text = "The simulator makes a stock function of a QEMU virtual machine look like "
			"a coherent GPU, for development and tests. add loads it, and makes one; "
			"remove takes them away again, and list says which there are. fault has "
			"one fail in a way that real ones do. A GPU is named by its name or its "
			"address; remove takes \"all\" too.\n"
			"It is a test module, which taints the kernel, and needs a machine as "
			"docs/simulator.md describes it: vm/run of the sources starts one.",
		.example = "cohgpu sim add --preset gh200-96 --bdf 0000:01:00.0",
		.options = sim_options,
		.see = "list",
		.run = run_sim,
		.manual = manual_sim,
	},
};

const size_t verbs_count = sizeof(verbs) / sizeof(*verbs);
