/* base/err: kinds, wrapping, one line, cutting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"

static void
err_takes_scope_and_retry_from_the_table(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_set(&e, ERR_CUT, "gone after %d", 5), -1);
	assert_int_equal(e.kind, ERR_CUT);
	assert_int_equal(e.scope, SCOPE_SESSION);
	assert_int_equal(e.retry, RETRY_RECONNECT);
	assert_string_equal(e.text, "gone after 5");
	err_widen(&e, SCOPE_RUN);
	assert_int_equal(e.scope, SCOPE_RUN);
	err_widen(&e, SCOPE_COMMAND);
	assert_int_equal(e.scope, SCOPE_RUN);
	assert_int_equal(err_exit_code(ERR_LOGIN), 77);
	assert_int_equal(err_exit_code(ERR_NO_HOST), 68);
	assert_string_equal(err_words(ERR_FULL), "no space left");
}

static void
err_says_the_reason_of_the_system_and_knows_a_full_disk(void **state)
{
	struct err e;

	(void)state;
	errno = EACCES;
	err_set_sys(&e, ERR_CREATE, "create '%s'", "x");
	assert_int_equal(e.kind, ERR_CREATE);
	assert_int_equal(e.sys, EACCES);
	assert_string_equal(e.text, "create 'x': Permission denied");
	errno = ENOSPC;
	err_set_sys(&e, ERR_CREATE, "create");
	assert_int_equal(e.kind, ERR_FULL);
	errno = EDQUOT;
	err_set_sys(&e, ERR_DISK, "write");
	assert_int_equal(e.kind, ERR_FULL);
	assert_int_equal(e.scope, SCOPE_RUN);
}

static void
err_takes_nothing_for_missing_that_cannot_be_read_now(void **state)
{
	struct err e;

	(void)state;
	errno = ENOENT;
	err_set_sys(&e, ERR_NO_INPUT, "open");
	assert_int_equal(e.kind, ERR_NO_INPUT);
	errno = EMFILE;
	err_set_sys(&e, ERR_NO_INPUT, "open");
	assert_int_equal(e.kind, ERR_DISK);
	errno = EIO;
	err_set_sys(&e, ERR_NO_INPUT, "open");
	assert_int_equal(e.kind, ERR_DISK);
}

static void
err_wraps_from_the_inside_out_and_keeps_the_kind(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_DISK, "sync");
	assert_int_equal(err_wrap(&e, "'%s'", "cur/1"), -1);
	err_wrap(&e, "folder INBOX");
	assert_string_equal(e.text, "folder INBOX: 'cur/1': sync");
	assert_int_equal(e.kind, ERR_DISK);
}

static void
err_is_one_line_whatever_is_quoted(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_LOGIN, "server: %s", "no\r\nwarning: forged\x1b[2J\t.\n");
	assert_string_equal(e.text, "server: no  warning: forged\\x1b[2J .");
	err_wrap(&e, "a\nb");
	assert_null(strchr(e.text, '\n'));
}

static void
err_keeps_the_reason_behind_a_name_that_is_too_long(void **state)
{
	char name[3000];
	struct err e;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	errno = EIO;
	err_set_sys(&e, ERR_DISK, "read '%s'", name);
	assert_true(strlen(e.text) < ERR_TEXT_MAX);
	assert_non_null(strstr(e.text, ": Input/output error"));
}

static void
err_cuts_between_characters(void **state)
{
	struct err e;

	(void)state;
	for (size_t shift = 0; shift < 5; shift++) {
		char text[4000] = "";

		memset(text, 'a', shift);
		for (size_t i = shift; i + 4 < sizeof(text); i += 4)
			memcpy(text + i, "\xf0\x9f\x93\xa7", 5);
		err_set(&e, ERR_DISK, "%s", text);
		assert_true(utf8_valid(slice_str(e.text)));
		assert_true(strlen(e.text) >= ERR_TEXT_MAX - 5);
		err_wrap(&e, "w");
		assert_true(utf8_valid(slice_str(e.text)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_takes_scope_and_retry_from_the_table),
		cmocka_unit_test(err_says_the_reason_of_the_system_and_knows_a_full_disk),
		cmocka_unit_test(err_takes_nothing_for_missing_that_cannot_be_read_now),
		cmocka_unit_test(err_wraps_from_the_inside_out_and_keeps_the_kind),
		cmocka_unit_test(err_is_one_line_whatever_is_quoted),
		cmocka_unit_test(err_keeps_the_reason_behind_a_name_that_is_too_long),
		cmocka_unit_test(err_cuts_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
