// SPDX-License-Identifier: GPL-2.0-only
#include "link.h"

#include "unit.h"

/* An AC922's bridge with six links: three GPUs with two each, or two with three. */
static const u32 pair[] = {0, 1}, other_pair[] = {2, 3};
static const u32 triple[] = {2, 1, 0}, other_triple[] = {3, 4, 5};

#define GROUP(array) (&(struct coherent_link_group){array, sizeof(array) / sizeof(*(array))})

static void own_register(void **state)
{
	(void)state;
	for (u32 link = 0; link < 6; link++) {
		assert_int_equal(coherent_link_register(link, 6, GROUP(other_pair)), link);
		assert_int_equal(coherent_link_register(link, 8, GROUP(pair)), link);
	}
}

static void shared_within_its_gpu(void **state)
{
	(void)state;
	assert_int_equal(coherent_link_register(1, 1, GROUP(pair)), 0);
	assert_int_equal(coherent_link_register(2, 1, GROUP(triple)), 0);
	assert_int_equal(coherent_link_register(2, 2, GROUP(triple)), 0);
	assert_int_equal(coherent_link_register(1, 2, GROUP(triple)), 1);
}

static void never_shared_with_another_gpu(void **state)
{
	(void)state;
	assert_int_equal(coherent_link_register(2, 1, GROUP(other_pair)), -ENOENT);
	assert_int_equal(coherent_link_register(3, 3, GROUP(other_triple)), -ENOENT);
	assert_int_equal(coherent_link_register(5, 1, GROUP(other_triple)), -ENOENT);
	assert_int_equal(coherent_link_register(2, 1, &(struct coherent_link_group){}), -ENOENT);
}

static void no_registers(void **state)
{
	(void)state;
	assert_int_equal(coherent_link_register(0, 0, GROUP(pair)), -ENOENT);
	assert_int_equal(coherent_link_register(1, 0, GROUP(triple)), -ENOENT);
	assert_int_equal(coherent_link_register(UINT32_MAX, 6, GROUP(other_pair)), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_register),
		cmocka_unit_test(shared_within_its_gpu),
		cmocka_unit_test(never_shared_with_another_gpu),
		cmocka_unit_test(no_registers),
	};

	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
