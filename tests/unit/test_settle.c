/* Batches made durable together: order, one sync for all of a file system, what a failure undoes. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "state/settle.h"

enum { BATCHES = 3 };

/* What was called, as letters with the number of the batch: "p0" placed, "s0" synced, "t0", "u0". */
static char told[256];

struct fake {
	struct pending pending;
	unsigned number;
	bool more;		/* its tidy wants one more sync */
	const char *fails;	/* the step that fails, "p", "s" or "t" */
};

static int
step(const struct pending *p, char what, struct err *err)
{
	const struct fake *f = (const struct fake *)p;
	size_t len = strlen(told);

	(void)snprintf(told + len, sizeof(told) - len, "%c%u ", what, f->number);
	if (f->fails == NULL || *f->fails != what)
		return 0;
	return err_set(err, ERR_DISK, "%c%u", what, f->number);
}

static int
fake_place(struct pending *p, struct err *err)
{
	return step(p, 'p', err);
}

static int
fake_sync(struct pending *p, struct err *err)
{
	return step(p, 's', err);
}

static int
fake_tidy(struct pending *p, bool *ret_more, struct err *err)
{
	*ret_more = ((struct fake *)p)->more;
	return step(p, 't', err);
}

static void
fake_undo(struct pending *p)
{
	struct err ignored;

	(void)!step(p, 'u', &ignored);
}

static bool shared; /* what settle_all said of the whole file system */

static size_t
settled(const struct settle_system *s, struct fake f[BATCHES], struct err *err)
{
	static const struct settle_system none = { .fd = -1 };
	struct pending *p[BATCHES];

	*told = '\0';
	for (unsigned i = 0; i < BATCHES; i++) {
		f[i].number = i;
		f[i].pending.place = fake_place;
		f[i].pending.sync = fake_sync;
		f[i].pending.tidy = fake_tidy;
		f[i].pending.undo = fake_undo;
		p[i] = &f[i].pending;
	}
	return settle_all(s != NULL ? s : &none, p, BATCHES, &shared, err);
}

static void
all_are_placed_before_the_first_is_synced(void **state)
{
	struct fake f[BATCHES] = { { .more = false } };
	struct err err;

	(void)state;
	assert_int_equal(settled(NULL, f, &err), 3);
	assert_string_equal(told, "p0 p1 p2 s0 s1 s2 t0 t1 t2 ");
	assert_false(shared);
}

static void
what_was_tidied_is_synced_once_more(void **state)
{
	struct fake f[BATCHES] = { { .more = true }, { .more = false }, { .more = true } };
	struct err err;

	(void)state;
	assert_int_equal(settled(NULL, f, &err), 3);
	assert_string_equal(told, "p0 p1 p2 s0 s1 s2 t0 t1 t2 s0 s2 ");
}

static void
those_of_one_file_system_are_not_synced_one_by_one(void **state)
{
	struct fake f[BATCHES] = { { .more = false } };
	struct settle_system s;
	struct err err;

	(void)state;
	assert_int_equal(settle_system_open(&s, ".", &err), 0);
	if (s.fd < 0)
		skip();
	for (size_t i = 0; i < BATCHES; i++) {
		f[i].pending.by_system = i != 1;
		f[i].pending.device = s.device;
	}
	assert_int_equal(settled(&s, f, &err), 3);
	assert_string_equal(told, "p0 p1 p2 s1 t0 t1 t2 ");
	assert_true(shared);
	close(s.fd);
}

static void
another_file_system_is_synced_for_itself(void **state)
{
	struct fake f[BATCHES] = { { .more = false } };
	struct settle_system s;
	struct err err;

	(void)state;
	assert_int_equal(settle_system_open(&s, ".", &err), 0);
	if (s.fd < 0)
		skip();
	for (size_t i = 0; i < BATCHES; i++) {
		f[i].pending.by_system = true;
		f[i].pending.device = i == 2 ? s.device + 1 : s.device;
	}
	assert_int_equal(settled(&s, f, &err), 3);
	assert_string_equal(told, "p0 p1 p2 s2 t0 t1 t2 ");
	close(s.fd);
}

static void
one_that_cannot_be_placed_ends_those_in_front_of_it(void **state)
{
	struct fake f[BATCHES] = { { .more = false }, { .fails = "p" } };
	struct err err;

	(void)state;
	assert_int_equal(settled(NULL, f, &err), 1);
	assert_string_equal(told, "p0 p1 s0 t0 ");
	assert_string_equal(err.text, "p1");
}

static void
a_sync_that_fails_undoes_it_and_what_stands_behind(void **state)
{
	struct fake f[BATCHES] = { { .more = false }, { .fails = "s" } };
	struct err err;

	(void)state;
	assert_int_equal(settled(NULL, f, &err), 1);
	assert_string_equal(told, "p0 p1 p2 s0 s1 u2 u1 t0 ");
	assert_string_equal(err.text, "s1");
}

/* What it removed is gone: it cannot be undone itself. */
static void
one_that_cannot_be_tidied_undoes_what_stands_behind(void **state)
{
	struct fake f[BATCHES] = { { .more = true }, { .fails = "t" } };
	struct err err;

	(void)state;
	assert_int_equal(settled(NULL, f, &err), 1);
	assert_string_equal(told, "p0 p1 p2 s0 s1 s2 t0 t1 u2 s0 ");
	assert_string_equal(err.text, "t1");
}

static void
a_batch_without_files_has_nothing_to_settle(void **state)
{
	const struct settle_system none = { .fd = -1 };
	struct pending *p[2] = { NULL, NULL };
	struct err err;

	(void)state;
	assert_int_equal(settle_all(&none, p, 2, &shared, &err), 2);
	assert_false(shared);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_placed_before_the_first_is_synced),
		cmocka_unit_test(what_was_tidied_is_synced_once_more),
		cmocka_unit_test(those_of_one_file_system_are_not_synced_one_by_one),
		cmocka_unit_test(another_file_system_is_synced_for_itself),
		cmocka_unit_test(one_that_cannot_be_placed_ends_those_in_front_of_it),
		cmocka_unit_test(a_sync_that_fails_undoes_it_and_what_stands_behind),
		cmocka_unit_test(one_that_cannot_be_tidied_undoes_what_stands_behind),
		cmocka_unit_test(a_batch_without_files_has_nothing_to_settle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
