#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "store/keywords.h"
#include "tempdir.h"

static int dir;

static int
keywords_test_begin(void **state)
{
	struct err err;

	return temp_dir_make(state) < 0 ? -1 : file_open_dir(AT_FDCWD, temp_dir, &dir, &err);
}

static int
keywords_test_end(void **state)
{
	file_close(&dir);
	return temp_dir_remove(state);
}

static void
load(struct keywords *k)
{
	struct err err = { 0 };

	assert_int_equal(keywords_load(k, dir, &err), 0);
}

/* Write what is new; false when there was nothing. */
static bool
save(struct keywords *k)
{
	struct keywords_change c;
	struct err err = { 0 };

	keywords_take(k, &c);
	bool any = c.text.len > 0;
	if (any)
		assert_int_equal(keywords_write(&c, dir, &err), 0);
	buf_done(&c.text);
	return any;
}

static void
letters_come_in_order_of_first_use(void **state)
{
	struct keywords k;
	struct slice left;

	(void)state;
	load(&k);
	assert_int_equal(keywords_letters(&k, "$Junk zebra", true, &left), 1 | 2);
	assert_int_equal(keywords_letters(&k, "apple zebra", true, &left), 2 | 4);
	assert_int_equal(left.len, 0);
	assert_int_equal(keywords_letters(&k, "", true, &left), 0);
	assert_int_equal(keywords_letters(&k, NULL, true, &left), 0);
	assert_true(save(&k));
	assert_true(temp_holds("dovecot-keywords", "0 $Junk\n1 zebra\n2 apple\n"));
	assert_false(save(&k));
	keywords_done(&k);
}

static void
letters_that_are_there_are_never_given_again(void **state)
{
	static const char was[] = "0 $Forwarded\n3 Work\nnot a line\n7 \n99 x\n4 last without end";
	struct keywords k;
	struct slice left;

	(void)state;
	temp_write("dovecot-keywords", was, sizeof was - 1, "wb");
	load(&k);
	assert_int_equal(keywords_letters(&k, "Work", true, &left), 1 << 3);
	assert_false(save(&k));
	assert_int_equal(keywords_letters(&k, "new", true, &left), 1 << 5);
	assert_true(save(&k));
	assert_true(temp_holds("dovecot-keywords",
	    "0 $Forwarded\n3 Work\nnot a line\n7 \n99 x\n4 last without end\n5 new\n"));
	keywords_done(&k);
}

static void
keywords_equal_but_for_case_share_a_letter(void **state)
{
	struct keywords k;
	struct slice left;

	(void)state;
	load(&k);
	assert_int_equal(keywords_letters(&k, "Foo", true, &left), 1);
	assert_int_equal(keywords_letters(&k, "foo", true, &left), 1);
	keywords_done(&k);
}

static void
what_no_letter_can_hold_is_left(void **state)
{
	static const char *const bad[] = { "\\Phishing", "gr\xc3\xbc\xc3\x9f", "a%20b", "a(b",
		"\"x" };
	struct keywords k;
	struct slice left;
	char name[8], longest[300];

	(void)state;
	load(&k);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(keywords_letters(&k, bad[i], true, &left), 0);
		assert_true(slice_eq(left, bad[i]));
	}
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(keywords_letters(&k, longest, true, &left), 0);
	for (int i = 0; i < 26; i++) {
		snprintf(name, sizeof name, "k%d", i);
		assert_int_equal(keywords_letters(&k, name, true, &left), UINT32_C(1) << i);
		assert_int_equal(left.len, 0);
	}
	assert_int_equal(keywords_letters(&k, "k3 k26 k27", true, &left), 1 << 3);
	assert_true(slice_eq(left, "k26"));
	keywords_done(&k);
}

static void
asking_without_giving_changes_nothing(void **state)
{
	struct keywords k;
	struct slice left;

	(void)state;
	load(&k);
	assert_int_equal(keywords_letters(&k, "a", false, &left), 0);
	assert_true(slice_eq(left, "a"));
	assert_false(save(&k));
	keywords_done(&k);
}

static void
a_file_changed_meanwhile_is_not_overwritten(void **state)
{
	struct keywords_change c;
	struct err err = { 0 };
	struct keywords k;
	struct slice left;

	(void)state;
	load(&k);
	keywords_letters(&k, "mine", true, &left);
	keywords_take(&k, &c);
	temp_write("dovecot-keywords", "0 theirs\n", 9, "wb");
	assert_int_equal(keywords_write(&c, dir, &err), -1);
	assert_int_equal(err.kind, ERR_BUSY);
	assert_true(temp_holds("dovecot-keywords", "0 theirs\n"));
	buf_done(&c.text);
	keywords_done(&k);
}

#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, keywords_test_begin, keywords_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(letters_come_in_order_of_first_use),
		WITH_DIR(letters_that_are_there_are_never_given_again),
		WITH_DIR(keywords_equal_but_for_case_share_a_letter),
		WITH_DIR(what_no_letter_can_hold_is_left),
		WITH_DIR(asking_without_giving_changes_nothing),
		WITH_DIR(a_file_changed_meanwhile_is_not_overwritten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
