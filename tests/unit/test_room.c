/* engine/room: promises of several holders, and what stays free. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/room.h"

static void
a_quota_is_promised_once(void **state)
{
	struct room *r = room_of_quota(1000);
	struct room_share a = { 0 }, b = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(room_promise(r, &a, &(struct room_need){ .octets = 600 }, "a", &err), 0);
	assert_int_equal(room_promise(r, &b, &(struct room_need){ .octets = 600 }, "b", &err), -1);
	assert_int_equal(err.kind, ERR_NO_ROOM);
	assert_int_equal(err_exit_code(err.kind), 74);
	assert_non_null(strstr(err.text, "b needs 600 B, and the quota of the destination leaves 400 B"));
	assert_int_equal(b.open.octets, 0);
	room_leave(r, &a);
	assert_int_equal(room_promise(r, &b, &(struct room_need){ .octets = 1000 }, "b", &err), 0);
	room_close(&r);
	assert_null(r);
}

static void
what_came_is_used(void **state)
{
	struct room *r = room_of_quota(1000);
	struct room_share a = { 0 }, b = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(room_promise(r, &a, &(struct room_need){ .octets = 500 }, "a", &err), 0);
	room_came(r, &a, &(struct room_need){ .octets = 400 });
	room_leave(r, &a);
	assert_int_equal(a.open.octets, 0);
	assert_int_equal(room_promise(r, &b, &(struct room_need){ .octets = 601 }, "b", &err), -1);
	assert_int_equal(room_promise(r, &b, &(struct room_need){ .octets = 600 }, "b", &err), 0);
	/* More than was promised takes nothing from others. */
	room_came(r, &a, &(struct room_need){ .octets = 50 });
	assert_int_equal(b.open.octets, 600);
	room_close(&r);
}

static void
a_promise_that_no_number_holds_is_refused(void **state)
{
	struct room *r = room_of_quota(1000);
	struct room_share a = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(room_promise(r, &a, &(struct room_need){ .octets = UINT64_MAX }, "a", &err), -1);
	assert_int_equal(room_promise(r, &a, &(struct room_need){ .octets = 999 }, "a", &err), 0);
	assert_int_equal(room_promise(r, &a, &(struct room_need){ .octets = UINT64_MAX - 5 }, "a", &err), -1);
	room_close(&r);
}

static void
the_floor_of_a_disk_holds(void **state)
{
	const uint64_t all = UINT64_MAX, none = 0;
	struct room_share a = { 0 };
	struct room *r;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(room_open(&r, ".", &all, &err), 0);
	assert_int_equal(room_hold(r, &err), -1);
	assert_int_equal(err.kind, ERR_FULL);
	assert_non_null(strstr(err.text, "--min-free"));
	assert_int_equal(room_promise(r, &a, &(struct room_need){ .octets = 1 }, "a", &err), -1);
	assert_int_equal(err.kind, ERR_NO_ROOM);
	room_close(&r);
	assert_int_equal(room_open(&r, ".", &none, &err), 0);
	assert_int_equal(room_hold(r, &err), 0);
	assert_true(room_block(r) > 0);
	room_close(&r);
	assert_int_equal(room_hold(NULL, &err), 0);
}

static void
a_directory_that_is_not_there_lies_on_a_disk(void **state)
{
	struct room_there there, above;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(room_look("/", &above, &err), 0);
	assert_int_equal(room_look("/no-such-directory/nor/this", &there, &err), 0);
	assert_int_equal(there.total, above.total);
	assert_int_equal(room_look("no-such-directory", &there, &err), 0);
	assert_int_equal(room_look("", &there, &err), 0);
}

static void
a_small_disk_keeps_less_free(void **state)
{
	(void)state;
	assert_int_equal(room_default_floor(&(struct room_there){ .total = UINT64_C(1) << 40 }), ROOM_FLOOR);
	assert_int_equal(room_default_floor(&(struct room_there){ .total = 1600 }), 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quota_is_promised_once),
		cmocka_unit_test(what_came_is_used),
		cmocka_unit_test(a_promise_that_no_number_holds_is_refused),
		cmocka_unit_test(the_floor_of_a_disk_holds),
		cmocka_unit_test(a_directory_that_is_not_there_lies_on_a_disk),
		cmocka_unit_test(a_small_disk_keeps_less_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
