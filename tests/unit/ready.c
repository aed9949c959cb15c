// SPDX-License-Identifier: GPL-2.0-only
#include "ready.h"

#include "unit.h"

static struct coherent_ready fresh(void)
{
	struct coherent_ready r;

	coherent_ready_init(&r, 3);
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_UNKNOWN);
	coherent_ready_reset_end(&r);
	return r;
}

static void needs_all_at_once(void **state)
{
	struct coherent_ready r = fresh();

	(void)state;
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_UNKNOWN);
	assert_true(coherent_ready_observe(&r, r.generation, 1, false));
	assert_true(coherent_ready_observe(&r, r.generation, 2, false));
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_UNKNOWN);
	assert_true(coherent_ready_observe(&r, r.generation, 7, false));
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_YES);
}

static void a_reset_makes_it_stale(void **state)
{
	struct coherent_ready r = fresh();
	u64 before = r.generation;

	(void)state;
	coherent_ready_observe(&r, before, 3, false);
	coherent_ready_reset_begin(&r);
	assert_true(coherent_ready_in_reset(&r));
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_UNKNOWN);
	/* Neither what was seen before, nor during. */
	assert_false(coherent_ready_observe(&r, before, 3, false));
	assert_false(coherent_ready_observe(&r, r.generation, 3, false));
	before = r.generation;
	coherent_ready_reset_end(&r);
	assert_false(coherent_ready_in_reset(&r));
	assert_false(coherent_ready_observe(&r, before, 3, false));
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_UNKNOWN);
	assert_true(coherent_ready_observe(&r, r.generation, 3, false));
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_YES);
}

static void an_unannounced_end_counts(void **state)
{
	struct coherent_ready r = fresh();

	(void)state;
	coherent_ready_observe(&r, r.generation, 3, false);
	coherent_ready_reset_end(&r);
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_UNKNOWN);
}

static void codes_are_powers_of_four(void **state)
{
	static const unsigned int seconds[] = {1, 4, 16, 64, 256, 256, 256, 256};

	(void)state;
	for (unsigned int code = 0; code < 8; code++)
		assert_int_equal(coherent_ready_code_ms(code), 1000 * seconds[code]);
}

static void the_last_end_counts(void **state)
{
	struct coherent_ready r = fresh();
	u64 before = r.generation;

	(void)state;
	coherent_ready_reset_begin(&r);
	coherent_ready_reset_begin(&r);
	assert_int_equal(r.generation, before + 1);
	coherent_ready_reset_end(&r);
	assert_true(coherent_ready_in_reset(&r));
	coherent_ready_reset_end(&r);
	assert_false(coherent_ready_in_reset(&r));
	assert_int_equal(r.generation, before + 2);
}

static void failure_is_remembered_and_may_heal(void **state)
{
	struct coherent_ready r = fresh();

	(void)state;
	assert_true(coherent_ready_observe(&r, r.generation, 2, true));
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_FAILED);
	assert_true(coherent_ready_observe(&r, r.generation, 2, false));
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_FAILED);
	assert_true(coherent_ready_observe(&r, r.generation, 3, true));
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_YES);
	coherent_ready_observe(&r, r.generation, 0, true);
	coherent_ready_reset_begin(&r);
	coherent_ready_reset_end(&r);
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_UNKNOWN);
}

/* Two observers: one has seen the conditions hold, then the other's time is up. */
static void late_failure_changes_nothing(void **state)
{
	struct coherent_ready r = fresh();

	(void)state;
	assert_true(coherent_ready_observe(&r, r.generation, 3, false));
	assert_true(coherent_ready_observe(&r, r.generation, 1, true));
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_YES);
	coherent_ready_reset_end(&r);
	assert_true(coherent_ready_observe(&r, r.generation, 1, true));
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_FAILED);
}

/* Makes all knowledge stale, but neither starts a reset nor ends one. */
static void forgetting_is_no_edge(void **state)
{
	struct coherent_ready r = fresh();
	u64 before = r.generation;

	(void)state;
	assert_true(coherent_ready_observe(&r, before, 3, false));
	coherent_ready_forget(&r);
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_UNKNOWN);
	assert_false(coherent_ready_observe(&r, before, 3, false));
	assert_false(coherent_ready_in_reset(&r));
	coherent_ready_reset_begin(&r);
	coherent_ready_forget(&r);
	assert_true(coherent_ready_in_reset(&r));
	assert_false(coherent_ready_observe(&r, r.generation, 3, false));
}

static void nothing_required(void **state)
{
	struct coherent_ready r;

	(void)state;
	coherent_ready_init(&r, 0);
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_YES);
	coherent_ready_reset_end(&r);
	assert_int_equal(coherent_ready_state(&r), COHERENT_READY_YES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(needs_all_at_once),
		cmocka_unit_test(a_reset_makes_it_stale),
		cmocka_unit_test(an_unannounced_end_counts),
		cmocka_unit_test(the_last_end_counts),
		cmocka_unit_test(codes_are_powers_of_four),
		cmocka_unit_test(failure_is_remembered_and_may_heal),
		cmocka_unit_test(late_failure_changes_nothing),
		cmocka_unit_test(forgetting_is_no_edge),
		cmocka_unit_test(nothing_required),
	};

	return cmocka_run_group_tests_name("ready", tests, NULL, NULL);
}
