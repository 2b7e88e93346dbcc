/* engine/ceiling, and what hosts.c tells it: how many connections a server bears. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/hosts.h"

enum { T0 = 1000 * SEC };

static void
log_in(struct ceiling *c, unsigned n, int64_t now_ms)
{
	for (unsigned in = 1; in <= n; in++)
		(void)ceiling_in(c, in, now_ms);
}

static bool
refuse(struct ceiling *c, unsigned in, unsigned others, int64_t began_ms, int64_t now_ms)
{
	struct refusal r = { .of_server = true, .began_ms = began_ms };

	return ceiling_refused(c, &r, in, others, now_ms);
}

static void
those_on_their_way_are_not_borne_yet(void **state)
{
	struct ceiling c = { 0 };

	(void)state;
	log_in(&c, 2, T0);
	/* Three more are on their way. */
	assert_true(refuse(&c, 2, 5, T0 + 1, T0 + 2));
	assert_int_equal(c.now, 2);
	/* One of them is borne. */
	assert_true(ceiling_in(&c, 3, T0 + 3));
	assert_int_equal(c.now, 3);
	assert_true(refuse(&c, 3, 4, T0 + 1, T0 + 4));
	assert_true(refuse(&c, 3, 3, T0 + 1, T0 + 5));
	assert_int_equal(c.now, 3);
	assert_int_equal(c.refusals, 3);
}

static void
those_that_left_before_the_refusal_was_heard_were_borne(void **state)
{
	struct ceiling c = { 0 };

	(void)state;
	log_in(&c, 3, T0);
	ceiling_out(&c, 3, T0 + 100);
	ceiling_out(&c, 2, T0 + 100);
	assert_true(refuse(&c, 1, 1, T0 + 50, T0 + 200));
	assert_int_equal(c.now, 3);
}

static void
those_that_left_before_it_was_begun_teach_nothing(void **state)
{
	struct ceiling c = { 0 };

	(void)state;
	log_in(&c, 3, T0);
	ceiling_out(&c, 3, T0 + 100);
	assert_true(refuse(&c, 2, 2, T0 + 150, T0 + 200));
	assert_int_equal(c.now, 2);
}

static void
one_that_is_refused_alone_says_nothing(void **state)
{
	struct ceiling c = { 0 };

	(void)state;
	assert_false(refuse(&c, 0, 0, T0, T0 + 1));
	assert_int_equal(c.now, 0);
}

static void
a_trial_that_fails_leaves_what_an_earlier_run_has_seen(void **state)
{
	struct ceiling c = { 0 };

	(void)state;
	ceiling_begin(&c, 4, T0);
	/* Nobody is logged in yet. */
	assert_true(refuse(&c, 0, 3, T0 + 1, T0 + 2));
	assert_int_equal(c.now, 3);
	/* It lets nobody in. */
	assert_false(refuse(&c, 0, 2, T0 + 3, T0 + 4));
	assert_int_equal(c.now, 3);
	/* It bears less than then. */
	assert_true(refuse(&c, 1, 2, T0 + 3, T0 + 4));
	assert_int_equal(c.now, 2);
	assert_true(refuse(&c, 1, 1, T0 + 3, T0 + 4));
	assert_int_equal(c.now, 1);
}

static void
what_ends_without_a_word_is_believed_beside_logins_alone(void **state)
{
	struct err cut = { 0 }, later = { 0 };
	struct ceiling c = { 0 };
	struct refusal r;

	(void)state;
	err_set(&cut, ERR_CUT, "no greeting");
	assert_false(refusal_of(&cut, 7, T0, &r)); /* behind the greeting */
	cut.of_server = true;
	assert_true(refusal_of(&cut, 7, T0, &r));
	assert_true(r.silent);
	assert_false(ceiling_refused(&c, &r, 0, 5, T0 + 1));
	assert_int_equal(c.now, 0);
	ceiling_in(&c, 1, T0 + 2);
	ceiling_in(&c, 2, T0 + 2);
	assert_true(ceiling_refused(&c, &r, 2, 2, T0 + 3));
	assert_int_equal(c.now, 2);
	/* As many were logged in a moment ago: it is another account's matter. */
	r = (struct refusal){ .account = 8, .of_server = true, .silent = true, .began_ms = T0 + 4 };
	assert_false(ceiling_refused(&c, &r, 1, 1, T0 + 5));
	assert_int_equal(c.now, 2);
	err_set(&later, ERR_THROTTLED, "later");
	assert_true(refusal_of(&later, 7, T0, &r));
	assert_false(r.silent);
}

static void
it_is_tried_higher_when_so_many_are_logged_in(void **state)
{
	struct ceiling c = { 0 };
	const int64_t later = T0 + CEILING_RAISE_MS;

	(void)state;
	ceiling_begin(&c, 2, T0);
	assert_false(ceiling_raise(&c, 2, later - 1));
	assert_false(ceiling_raise(&c, 1, later));
	assert_true(ceiling_raise(&c, 2, later));
	assert_int_equal(c.now, 3);
	assert_false(ceiling_raise(&c, 3, later));
}

/* ---- what hosts.c tells it ---- */

static void
one_that_is_being_closed_is_not_borne(void **state)
{
	struct hosts *h = hosts_new(0);
	unsigned id = hosts_find(h, "a.example:993"), now;
	struct refusal r = { .of_server = true };

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_true(hosts_try(h, &id, 1));
	for (int i = 0; i < 2; i++)
		hosts_login(h, id, LOGIN_TAKEN);
	hosts_login(h, id, LOGIN_NONE);
	assert_true(hosts_refused(h, id, &r, &now));
	assert_int_equal(now, 2);
	/* One goes, and another comes in its stead: both have their places. */
	hosts_out(h, id);
	hosts_login(h, id, LOGIN_TAKEN);
	assert_int_equal(hosts_bears(h, id).now, 2);
	/* The refused one goes; the one that is being closed is still not borne. */
	hosts_leave(h, &id, 1);
	assert_true(hosts_refused(h, id, &r, &now));
	assert_int_equal(now, 2);
	/* Another connection in its place is. */
	hosts_back(h, id);
	assert_int_equal(hosts_bears(h, id).now, 3);
	hosts_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_on_their_way_are_not_borne_yet),
		cmocka_unit_test(those_that_left_before_the_refusal_was_heard_were_borne),
		cmocka_unit_test(those_that_left_before_it_was_begun_teach_nothing),
		cmocka_unit_test(one_that_is_refused_alone_says_nothing),
		cmocka_unit_test(a_trial_that_fails_leaves_what_an_earlier_run_has_seen),
		cmocka_unit_test(what_ends_without_a_word_is_believed_beside_logins_alone),
		cmocka_unit_test(it_is_tried_higher_when_so_many_are_logged_in),
		cmocka_unit_test(one_that_is_being_closed_is_not_borne),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
