/* The first messages of a Maildir folder: written in tmp/cur, which becomes cur/ at once; what is as ever where
 * that cannot be, and what a kill or a failure leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/syscall.h>

#include "mailtree.h"

#define OK(call) assert_int_equal(call, 0)
#define FIRST "1000001.V9U1.imex,S=1,W=1:2,"
#define SECOND "1000002.V9U2.imex,S=1,W=1:2,"

static struct err err;
static int opens, opens_until_full; /* that one fails, as where descriptors are short; 0: none */

int
openat(int dir, const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	int mode = va_arg(args, int);
	va_end(args);
	if (opens_until_full > 0 && --opens_until_full == 0) {
		errno = EMFILE;
		return -1;
	}
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

static int
first_test_begin(void **state)
{
	err = (struct err){ 0 };
	opens = opens_until_full = 0;
	return tree_begin(state);
}

static void
the_directory_of_the_first_batch_becomes_cur(void **state)
{
	struct stat was, is;

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	assert_true(temp_holds("u@h/tmp/cur/" FIRST, "x"));
	assert_int_equal(temp_count("u@h/cur"), 0);
	OK(stat(temp_path("u@h/tmp/cur"), &was));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(stat(temp_path("u@h/cur"), &is));
	assert_int_equal(was.st_ino, is.st_ino);
	assert_int_equal(temp_count("u@h/tmp"), 0);
	OK(tree_add(2, 0, "", "y", &err));
	assert_true(temp_holds("u@h/tmp/1000002.V9U2.imex", "y"));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds("u@h/cur/" FIRST, "x"));
	assert_true(temp_holds("u@h/cur/" SECOND, "y"));
	assert_int_equal(temp_count("u@h/tmp"), 0);
}

/* Its file is there before its size is known. */
static void
a_large_message_is_moved_alone(void **state)
{
	static char big[200001];

	(void)state;
	memset(big, 'x', sizeof big - 1);
	OK(tree_open(&err));
	OK(tree_add(1, FLAG_SEEN, "", big, &err));
	assert_true(temp_has("u@h/tmp/1000001.V9U1.imex"));
	OK(tree_add(2, 0, "", "y", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds("u@h/cur/1000001.V9U1.imex,S=200000,W=200000:2,S", big));
	assert_true(temp_holds("u@h/cur/" SECOND, "y"));
	assert_int_equal(temp_count("u@h/cur"), 2);
	assert_int_equal(temp_count("u@h/tmp"), 0);
}

static void
what_another_program_delivered_meanwhile_stays(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	temp_write("u@h/cur/1.foreign:2,", "theirs", 6, "wb");
	OK(tree_add(2, 0, "", "y", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds("u@h/cur/1.foreign:2,", "theirs"));
	assert_true(temp_holds("u@h/cur/" FIRST, "x"));
	assert_true(temp_holds("u@h/cur/" SECOND, "y"));
	assert_int_equal(temp_count("u@h/cur"), 3);
	assert_int_equal(temp_count("u@h/tmp"), 0);
}

static void
a_folder_that_holds_something_is_filled_as_ever(void **state)
{
	(void)state;
	OK(tree_open(&err));
	temp_write("u@h/cur/1.foreign:2,", "theirs", 6, "wb");
	OK(tree_add(1, 0, "", "x", &err));
	assert_true(temp_holds("u@h/tmp/1000001.V9U1.imex", "x"));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(temp_count("u@h/cur"), 2);
}

/* Whoever serves the tree has handed it over: tmp/cur would be another's. */
static void
a_directory_with_other_rights_stays(void **state)
{
	struct stat was, is;

	(void)state;
	OK(tree_open(&err));
	OK(chmod(temp_path("u@h/cur"), 0775));
	OK(stat(temp_path("u@h/cur"), &was));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(stat(temp_path("u@h/cur"), &is));
	assert_int_equal(is.st_mode & 07777, 0775);
	assert_int_equal(was.st_ino, is.st_ino);
	assert_int_equal(temp_count("u@h/cur"), 1);
	assert_int_equal(temp_count("u@h/tmp"), 0);
}

static void
flags_change_within_the_first_batch(void **state)
{
	struct flags now = { FLAG_SEEN, "" };
	struct msg m = tree_msg(1, 0, "", "x");

	(void)state;
	OK(tree_open(&err));
	OK(tree_put(&m, "x", &err));
	OK(sink_maildir.amend(tree.sink, tree.at, &m, &now, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds("u@h/cur/" FIRST "S", "x"));
	assert_int_equal(temp_count("u@h/cur"), 1);
}

/* Before the rename, and after it. */
static void
what_a_kill_has_left_comes_again_once(void **state)
{
	static const enum tree_end ends[] = { TREE_DROP, TREE_SYNC_ONLY };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		OK(i == 0 ? tree_open(&err) : tree_again(true, &err));
		OK(tree_add(1, 0, "", "x", &err));
		OK(tree_add(2, 0, "", "y", &err));
		OK(tree_seal(ends[i], &err));
	}
	OK(tree_again(true, &err));
	assert_int_equal(tree.aside, 2);
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_add(2, 0, "", "y", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds("u@h/cur/" FIRST, "x"));
	assert_true(temp_holds("u@h/cur/" SECOND, "y"));
	assert_int_equal(temp_count("u@h/cur"), 2);
	assert_int_equal(temp_count("u@h/tmp"), 0);
}

/* The next run commits what it knows of the folder before its first message comes. */
static void
what_a_kill_has_left_comes_again_behind_a_commit(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_DROP, &err));
	OK(tree_again(true, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds("u@h/cur/" FIRST, "x"));
	assert_int_equal(temp_count("u@h/cur"), 1);
	assert_int_equal(temp_count("u@h/tmp"), 0);
}

static void
a_directory_that_cannot_be_opened_does_not_stay(void **state)
{
	struct msg m = tree_msg(1, 0, "", "x");
	int rc;

	(void)state;
	OK(tree_open(&err));
	do {
		opens_until_full = ++opens;
		rc = sink_maildir.begin(tree.sink, tree.at, &m, &err);
		assert_int_equal(temp_has("u@h/tmp/cur"), rc == 0);
	} while (rc < 0);
	assert_true(opens > 2);
	sink_maildir.abandon(tree.sink);
}

/* A failing list comes last. */
static void
a_batch_that_fails_is_taken_back(void **state)
{
	struct folder list = { .name = slice_str("INBOX"), .delim = '/', .attrs = FOLDER_SUBSCRIBED };

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(sink_maildir.finish_account(tree.sink, &list, 1, &err));
	OK(unlink(temp_path("u@h/subscriptions.imex-new")));
	assert_int_equal(tree_seal(TREE_COMMIT, &err), -1);
	assert_true(temp_holds("u@h/tmp/1000001.V9U1.imex", "x"));
	assert_int_equal(temp_count("u@h/cur"), 0);
	OK(tree_again(true, &err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(temp_count("u@h/cur"), 1);
	assert_int_equal(temp_count("u@h/tmp"), 0);
}

static void
what_was_delivered_before_a_failure_stays(void **state)
{
	static const bool in_the_way[] = { false, true };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(in_the_way); i++) {
		struct batch *b = batch_new();
		struct pending *p = NULL;

		OK(i == 0 ? tree_open(&err) : tree_again(true, &err));
		if (i > 0)
			OK(unlink(temp_path("u@h/tmp/1000001.V9U1.imex")) | unlink(temp_path("u@h/cur/1.foreign:2,")));
		OK(tree_add(1, 0, "", "x", &err));
		if (in_the_way[i])
			temp_write("u@h/cur/1.foreign:2,", "theirs", 6, "wb");
		OK(sink_maildir.seal(tree.sink, b, &p, &err));
		OK(p->place(p, &err));
		assert_true(temp_holds("u@h/cur/" FIRST, "x"));
		if (!in_the_way[i])
			temp_write("u@h/cur/1.foreign:2,", "theirs", 6, "wb");
		p->undo(p);
		p->free(p);
		batch_free(&b);
		assert_true(temp_holds("u@h/cur/1.foreign:2,", "theirs"));
		assert_int_equal(temp_count("u@h/cur"), 1);
		assert_true(temp_holds("u@h/tmp/1000001.V9U1.imex", "x"));
		assert_int_equal(temp_count("u@h/tmp"), 1);
	}
}

/* Each in both ways of making a batch durable. */
static char each_file[] = "fsync";

#define IN_WAY(name, f, way) { name, f, first_test_begin, tree_end, way }
#define WITH_DIR(f) IN_WAY(#f, f, NULL), IN_WAY(#f "_by_fsync", f, each_file)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(the_directory_of_the_first_batch_becomes_cur),
		WITH_DIR(a_large_message_is_moved_alone),
		WITH_DIR(what_another_program_delivered_meanwhile_stays),
		WITH_DIR(a_folder_that_holds_something_is_filled_as_ever),
		WITH_DIR(a_directory_with_other_rights_stays),
		WITH_DIR(flags_change_within_the_first_batch),
		WITH_DIR(what_a_kill_has_left_comes_again_once),
		WITH_DIR(what_a_kill_has_left_comes_again_behind_a_commit),
		WITH_DIR(a_directory_that_cannot_be_opened_does_not_stay),
		WITH_DIR(a_batch_that_fails_is_taken_back),
		WITH_DIR(what_was_delivered_before_a_failure_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
