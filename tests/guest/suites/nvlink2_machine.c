// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whole machines, as AC922s are built: two processors with an NPU each, and on each NPU two GPUs
 * with three links, or three GPUs with two. All are up at once, and a client that knows regions and
 * capabilities alone tells what belongs together.
 */
#include <errno.h>
#include <stdio.h>

#include "nvlink.h"

#define NPUS	   2
#define GPUS_MAX   6
#define NPU_LINKS  6
#define ATSD_PLACE 128

static struct nvlink machine[GPUS_MAX];
static int gpus, per_npu;

/* @atsd: registers that each NPU's firmware lists. */
static void machine_make(int n, const char *preset, int atsd)
{
	gpus = n;
	per_npu = n / NPUS;
	for (int i = 0; i < n; i++) {
		char links[12], first[12], npu[12], registers[12];
		const struct nvlink_want want = {
			.preset = preset,
			.links = links,
			.first_link = first,
			.npu = npu,
			.atsd = registers,
		};

		snprintf(links, sizeof(links), "%d", NPU_LINKS / per_npu);
		snprintf(first, sizeof(first), "%d", i % per_npu * (NPU_LINKS / per_npu));
		snprintf(npu, sizeof(npu), "%d", i / per_npu);
		snprintf(registers, sizeof(registers), "%d", atsd);
		nvlink_make(&machine[i], i, &want);
		nvlink_bind(&machine[i]);
	}
	for (int i = 0; i < n; i++)
		nvlink_open_bound(&machine[i]);
}

static void machine_close(void)
{
	for (int i = 0; i < gpus; i++)
		nvlink_close(&machine[i]);
}

/* GPUs by tgt; each bridge has that of its GPU, and of no other. */
static void belongs_by_tgt(void)
{
	uint64_t tgt[GPUS_MAX];

	for (int i = 0; i < gpus; i++) {
		struct nvlink_region ram = nvlink_ram(&machine[i].gpu.vfio);

		OK(ram.found && ram.has_tgt, "GPU %d: no memory with a tgt", i);
		tgt[i] = ram.tgt;
		for (int j = 0; j < i; j++)
			OK(tgt[j] != tgt[i], "GPUs %d and %d have tgt 0x%llx", j, i,
			   (unsigned long long)tgt[i]);
	}
	for (int i = 0; i < gpus; i++) {
		EQ(machine[i].links, NPU_LINKS / per_npu, "GPU %d: links", i);
		for (int j = 0; j < machine[i].links; j++) {
			struct nvlink_region atsd = nvlink_atsd(&machine[i].bridge[j]);

			OK(atsd.found && atsd.has_tgt, "GPU %d: link %d: no region with a tgt", i,
			   j);
			EQ(atsd.tgt, tgt[i], "GPU %d: link %d: tgt", i, j);
		}
	}
}

/* Each GPU's memory is its own. */
static void memories_apart(void)
{
	for (uint64_t i = 0; i < (uint64_t)gpus; i++)
		vfio_put(&machine[i].gpu.vfio, VFIO_SPECIAL, GiB, &i, sizeof(i));
	for (uint64_t i = 0; i < (uint64_t)gpus; i++) {
		uint64_t got;

		sim_mem_read(machine[i].gpu.name, GiB, &got, sizeof(got));
		EQ(got, i, "GPU %d: memory", (int)i);
	}
}

/* What is written through each link that has a register, all read back when all are written. */
static void registers_apart(void)
{
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < gpus; i++) {
			for (int j = 0; j < machine[i].links; j++) {
				const struct vfio_dev *v = &machine[i].bridge[j];
				uint64_t value = (uint64_t)i << 8 | (uint64_t)j, got;

				EQ(nvlink_atsd(v).size, NVLINK_ATSD, "GPU %d: link %d: size", i, j);
				if (!round) {
					vfio_put(v, VFIO_SPECIAL, ATSD_PLACE, &value, 8);
					continue;
				}
				vfio_get(v, VFIO_SPECIAL, ATSD_PLACE, &got, 8);
				EQ(got, value, "GPU %d: link %d: register", i, j);
			}
		}
	}
}

static void whole(int n, const char *preset)
{
	machine_make(n, preset, NPU_LINKS);
	belongs_by_tgt();
	memories_apart();
	registers_apart();
	machine_close();
}

static void four_gpus(void)
{
	whole(4, "v100-32");
}

static void six_gpus(void)
{
	whole(6, "v100-16");
}

/* How many bytes link @j of GPU @i must have, where each NPU has @atsd registers. */
static uint64_t expected(int i, int j, int atsd)
{
	int group = i % per_npu, link = group * machine[i].links + j;

	return link < atsd || (atsd && !group) ? NVLINK_ATSD : 0;
}

/* Register 0 stands in for what is missing, for links of the GPU that has link 0 and no other. */
static void few_registers(void)
{
	const int n = (int)ktap_arg() / 10, atsd = (int)ktap_arg() % 10;

	machine_make(n, "v100-16", atsd);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < machine[i].links; j++)
			EQ(nvlink_atsd(&machine[i].bridge[j]).size, expected(i, j, atsd),
			   "GPU %d: link %d: size", i, j);
	for (int i = 0; i < n; i += per_npu) {
		int last = machine[i].links - 1;
		uint64_t value = ktap_random(), got;

		vfio_put(&machine[i].bridge[last], VFIO_SPECIAL, ATSD_PLACE, &value, 8);
		vfio_get(&machine[i].bridge[0], VFIO_SPECIAL, ATSD_PLACE, &got, 8);
		OK((got == value) == (last >= atsd), "GPU %d: links 0 and %d: %s register, of %d",
		   i, last, got == value ? "one" : "each a", atsd);
	}
	machine_close();
}

/* A GPU's links are nobody else's, and the NPU stays for who is left on it. */
static void npu_is_shared(void)
{
	const struct nvlink_want first = {.links = "3", .npu = "0"};
	const struct nvlink_want second = {.links = "3", .first_link = "3", .npu = "0"};
	const char *const words[] = {"links that no other GPU has", NULL};
	uint64_t value = ktap_random(), got;
	int mark;

	nvlink_make(&machine[0], 0, &first);
	nvlink_make(&machine[1], 1, &second);
	mark = util_log_mark();
	sim_create("v2");
	sim_set("v2", "preset", "v100-16");
	sim_set("v2", "npu", "0");
	sim_set("v2", "first_link", "5");
	EQ(sim_try_set("v2", "enable", "1"), EBUSY, "link 5 once more: errno");
	OK(util_log_has(mark, words), "the log does not say why");

	nvlink_bind(&machine[1]);
	nvlink_open_bound(&machine[1]);
	sim_remove(machine[0].gpu.name);
	vfio_put(&machine[1].bridge[2], VFIO_SPECIAL, 0, &value, 8);
	vfio_get(&machine[1].bridge[2], VFIO_SPECIAL, 0, &got, 8);
	EQ(got, value, "register 5, after the GPU went that brought it");
	nvlink_close(&machine[1]);
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE_SLOW(four_gpus, 180),
		KTAP_CASE_SLOW(six_gpus, 180),
		KTAP_CASE_ARG_SLOW("four_gpus_one_register", few_registers, 41, 180),
		KTAP_CASE_ARG_SLOW("six_gpus_three_registers", few_registers, 63, 180),
		KTAP_CASE(npu_is_shared),
	};

	nvlink_suite();
	return ktap_main("nvlink2_machine", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
