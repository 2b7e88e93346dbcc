/* What is done with lists: rows chosen by --only and --limit, passwords that are lacking, and the
 * options of an account. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/crowd/lists.h"
#include "app/users/userlist.h"
#define LIST_NAME "u.csv"
#include "userlist_help.h"

static struct options o;

static int
begin(void **state)
{
	options_init(&o, command_find("migrate"));
	unsetenv("IMEX_PASSWORD");
	unsetenv("IMEX_DEST_PASSWORD");
	setenv("HOME", "/nowhere", 1);
	return list_begin(state);
}

static int
end(void **state)
{
	options_done(&o);
	return list_end(state);
}

static void
parse(const char *text)
{
	list_parse(text);
	assert_int_equal(faults.count, 0);
}

static void
set(const char *name, const char *value)
{
	assert_int_equal(
	    options_set(&o, option_find(name, CMD_MIGRATE), FROM_COMMAND, value, &err), 0);
}

/* ---- --only, --limit ---- */

#define PEOPLE \
	"source,password\nimaps://anna@old.example/,p1\nimaps://Ben@old.example/,p2\n" \
	"imaps://carl@other.example:1993/,p3\nimaps://contoso%5Cdora@old.example/,p4\n" \
	"imaps://anna@third.example/,p5\n"

/* The lines that are left of the people, as digits. */
static void
chosen(const char *lines, unsigned limit, size_t n, const char *const *patterns)
{
	struct text_list only = { .len = n };

	parse(PEOPLE);
	for (size_t i = 0; i < n; i++)
		only.item[i] = patterns[i];
	assert_int_equal(userlist_choose(&list, &only, limit, &err), 0);
	assert_int_equal(list.len, strlen(lines));
	for (size_t i = 0; i < list.len; i++) {
		assert_int_equal(list.row[i].line, lines[i] - '0');
		assert_int_equal(secret_value(list.row[i].password).data[1], lines[i] - 1);
	}
}
#define CHOSEN(lines, limit, ...) \
	chosen(lines, limit, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), \
	    (const char *[]){ __VA_ARGS__ })

static void
patterns_are_for_logins_and_for_accounts(void **state)
{
	(void)state;
	CHOSEN("26", 0, "anna");
	CHOSEN("2", 0, "anna@old.example");
	CHOSEN("235", 0, "*@old.example");
	CHOSEN("3", 0, "BEN@OLD.*");
	CHOSEN("4", 0, "carl@other.example:1993");
	CHOSEN("5", 0, "contoso\\*");
	CHOSEN("23", 0, "[ab]*@old.example");
	CHOSEN("245", 0, "*dora", "c*", "anna@old.example");
}

static void
a_limit_takes_the_first_of_what_is_left(void **state)
{
	(void)state;
	chosen("23", 2, 0, NULL);
	chosen("23456", 0, 0, NULL);
	chosen("23456", 9, 0, NULL);
	CHOSEN("2", 1, "anna");
}

static void
a_pattern_without_an_account_is_an_error(void **state)
{
	struct text_list only = { .item = { "anna", "ana" }, .len = 2 };

	(void)state;
	parse(PEOPLE);
	assert_int_equal(userlist_choose(&list, &only, 0, &err), -1);
	assert_int_equal(err_exit_code(err.kind), 64);
	assert_non_null(strstr(err.text, "--only 'ana'"));
	assert_int_equal(list.len, 5);
}

/* ---- passwords ---- */

static size_t
lacking(enum password_of which)
{
	faults_done(&faults);
	faults_init(&faults);
	userlist_passwords(&list, "u.csv", &o, which, &faults);
	return faults.count;
}

static void
passwords_may_come_from_elsewhere(void **state)
{
	(void)state;
	parse("source,dest,password,password_command,dest_password_file,dest_password\n"
	      "imaps://a@h/,imaps://a@g/,p,,,q\nimaps://b@h/,imaps://b@g/,,true,/dev/null,\n"
	      "imaps://c@h/,imaps://c@g/,,,,\nimaps://d@h/,,p,,,\n");
	assert_int_equal(lacking(PASSWORD_SOURCE), 1);
	assert_non_null(strstr(faults.text.data,
	    "u.csv:4: password is empty, and there is no --password-file, --password-command, IMEX_PASSWORD"));
	assert_int_equal(lacking(PASSWORD_DEST), 1);
	assert_non_null(strstr(faults.text.data,
	    "u.csv:4: dest_password is empty, and there is no --dest-password-file"));
	setenv("IMEX_DEST_PASSWORD", "x", 1);
	assert_int_equal(lacking(PASSWORD_DEST), 0);
	assert_int_equal(lacking(PASSWORD_SOURCE), 1);
	setenv("IMEX_PASSWORD", "x", 1);
	assert_int_equal(lacking(PASSWORD_SOURCE), 0);
}

/* ---- --users ---- */

static int
opened(const char *text, bool with_dest)
{
	char path[] = "/tmp/imex-test-XXXXXX";
	int fd = mkstemp(path), rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	userlist_done(&list);
	set("users", path);
	rc = lists_read(&o, with_dest, NULL, &list, &err);
	unlink(path);
	return rc;
}

static void
the_code_page_of_a_list_needs_no_format(void **state)
{
	(void)state;
	set("server", "imap.example.org");
	set("codepage", "850");
	set("only", "m*");
	set("limit", "1");
	assert_int_equal(
	    opened("EmailAddress,UserName,Password\na@x,a,p\nm@x,m\x81,p\nn@x,mb,p\n", false), 0);
	assert_int_equal(list.len, 1);
	assert_string_equal(list.row[0].login, "m\xc3\xbc");
	assert_int_equal(options_fit(&o, &err), 0);
}

static void
what_is_needed_is_asked_of_the_accounts_that_are_chosen(void **state)
{
	static const char text[] = "source,dest,password,dest_password\nimaps://a@h/,imaps://a@g/,p,q\n"
		"imaps://b@h/,,p,\nimaps://c@h/,imaps://c@g/,,q\nimaps://d@h/,imaps://d@g/,p,\n";

	(void)state;
	assert_int_equal(opened(text, false), -1);
	assert_non_null(strstr(err.text, ":4: password is empty"));
	assert_int_equal(opened(text, true), -1);
	assert_non_null(strstr(err.text, "3 faults"));
	set("only", "a");
	assert_int_equal(opened(text, true), 0);
	assert_int_equal(list.len, 1);
	set("only", "d");
	assert_int_equal(opened(text, true), -1);
	assert_non_null(strstr(err.text, ":5: dest_password is empty"));
	set("only", "x");
	assert_int_equal(opened("source,password\nimaps://a@h/,p\nnone,\n", false), -1);
	assert_non_null(strstr(err.text, "column 1, source"));
	assert_int_equal(opened("source,password\nimaps://a@h/,p\n", false), -1);
	assert_int_equal(err_exit_code(err.kind), 64);
	assert_non_null(strstr(err.text, "--only 'd'"));
}

/* ---- options of an account ---- */

static void
a_row_wins_over_the_command_line(void **state)
{
	struct secret *secret = NULL;
	const char *from;
	struct imap_url url = { .user = "a", .host = "g" };

	(void)state;
	set("exclude", "Trash");
	set("folder", "Sent");
	set("timeout", "5s");
	parse("source,dest,dest_password,folder,folder,timeout,under\nimaps://a@h/,imaps://a@g/,q,A,B,7s,Old\n"
	      "imaps://b@h/,imaps://b@g/,,,,,\n");
	assert_int_equal(user_row_apply(&list.row[1], &o, &err), 0);
	assert_string_equal(o.folders.item[0], "Sent");
	assert_int_equal(o.timeout_ms, 5000);
	assert_null(o.dest_password);
	assert_int_equal(user_row_apply(&list.row[0], &o, &err), 0);
	assert_int_equal(o.folders.len, 2);
	assert_string_equal(o.folders.item[0], "A");
	assert_string_equal(o.folders.item[1], "B");
	assert_string_equal(o.excludes.item[0], "Trash");
	assert_int_equal(o.timeout_ms, 7000);
	assert_string_equal(o.under, "Old");
	assert_int_equal(password_get(&o, PASSWORD_DEST, &url, &secret, &from, &err), 0);
	assert_true(slice_eq(secret_value(secret), "q"));
	assert_string_equal(from, "the list of users");
	secret_free(secret);
}

static void
what_a_command_has_no_use_for_is_passed_over(void **state)
{
	(void)state;
	o.command = command_find("extract");
	parse("source,dest,under,folder\nimaps://a@h/,imaps://a@g/,Old,A\n");
	assert_int_equal(user_row_apply(&list.row[0], &o, &err), 0);
	assert_null(o.under);
	assert_int_equal(o.folders.len, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(patterns_are_for_logins_and_for_accounts, begin, end),
		cmocka_unit_test_setup_teardown(a_limit_takes_the_first_of_what_is_left, begin, end),
		cmocka_unit_test_setup_teardown(a_pattern_without_an_account_is_an_error, begin, end),
		cmocka_unit_test_setup_teardown(passwords_may_come_from_elsewhere, begin, end),
		cmocka_unit_test_setup_teardown(the_code_page_of_a_list_needs_no_format, begin, end),
		cmocka_unit_test_setup_teardown(
		    what_is_needed_is_asked_of_the_accounts_that_are_chosen, begin, end),
		cmocka_unit_test_setup_teardown(a_row_wins_over_the_command_line, begin, end),
		cmocka_unit_test_setup_teardown(
		    what_a_command_has_no_use_for_is_passed_over, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
