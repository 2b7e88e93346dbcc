/* Names of folders in migration files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/exchange/folders.h"

static struct exfolders *names;
static bool changed;

static struct folder
folder(const char *name, const char *use)
{
	return (struct folder){ .name = slice_str(name), .delim = '/', .special_use = use };
}

static const char *
named(const char *wire)
{
	return exfolders_name(names, wire, '/', NULL, &changed);
}

static int
begin(void **arg)
{
	(void)arg;
	names = exfolders_new();
	return 0;
}

static int
end(void **arg)
{
	(void)arg;
	exfolders_free(&names);
	return 0;
}

static void
levels_are_separated_by_backslashes_and_decoded(void **arg)
{
	(void)arg;
	assert_string_equal(named("Proyectos/Banyan"), "Proyectos\\Banyan");
	assert_false(changed);
	assert_string_equal(named("Entw&APw-rfe"), "Entw\xc3\xbcrfe");
	assert_string_equal(named("inbox"), "Inbox");
	assert_string_equal(named("INBOX/Work"), "Inbox\\Work");
	assert_false(changed);
}

static void
special_use_gives_the_names_that_exchange_knows(void **arg)
{
	const struct folder list[] = { folder("INBOX", NULL), folder("Gesendet", "\\Sent"),
		folder("Gesendet/2003", NULL), folder("Papierkorb", "\\Trash"),
		folder("Archive/Sent", "\\Sent") };

	(void)arg;
	exfolders_survey(names, list, COUNT_OF(list));
	assert_string_equal(named("Gesendet"), "Sent Items");
	assert_string_equal(named("Gesendet/2003"), "Gesendet\\2003");
	assert_string_equal(named("Papierkorb"), "Deleted Items");
	assert_string_equal(named("INBOX"), "Inbox");
}

static void
a_personal_prefix_is_no_level(void **arg)
{
	struct folder list[] = { folder("INBOX", NULL), folder("INBOX.Sent", "\\Sent"),
		folder("INBOX.A.B", NULL) };

	(void)arg;
	for (size_t i = 0; i < COUNT_OF(list); i++) {
		list[i].delim = '.';
		list[i].prefix = slice_str("INBOX.");
	}
	exfolders_survey(names, list, COUNT_OF(list));
	assert_string_equal(named("INBOX.Sent"), "Sent Items");
	assert_string_equal(named("INBOX.A.B"), "A\\B");
	assert_string_equal(named("INBOX"), "Inbox");
}

static void
a_backslash_becomes_an_underscore_and_is_told(void **arg)
{
	(void)arg;
	assert_string_equal(named("a\\b"), "a_b");
	assert_true(changed);
	assert_string_equal(named("a\tb"), "a_b (2)");
	assert_true(changed);
}

static void
names_that_meet_are_numbered_whatever_the_order_of_the_list(void **arg)
{
	const struct folder one[] = { folder("a\\b", NULL), folder("a_b", NULL), folder("A_B", NULL),
		folder("inbox", NULL) };
	const struct folder two[] = { folder("inbox", NULL), folder("A_B", NULL), folder("a_b", NULL),
		folder("a\\b", NULL) };
	char first[3][32];

	(void)arg;
	exfolders_survey(names, one, COUNT_OF(one));
	snprintf(first[0], 32, "%s", named("a\\b"));
	snprintf(first[1], 32, "%s", named("a_b"));
	snprintf(first[2], 32, "%s", named("A_B"));
	assert_false(changed);
	assert_string_not_equal(first[0], first[1]);
	assert_string_not_equal(first[1], first[2]);
	exfolders_survey(names, two, COUNT_OF(two));
	assert_string_equal(named("a\\b"), first[0]);
	assert_string_equal(named("a_b"), first[1]);
	assert_string_equal(named("A_B"), first[2]);
	assert_string_equal(first[2], "A_B");
	assert_string_equal(first[0], "a_b (2)");
}

static void
a_folder_that_is_called_as_a_special_one_gives_way(void **arg)
{
	const struct folder list[] = { folder("Sent Items", NULL), folder("Zzz", "\\Sent") };

	(void)arg;
	exfolders_survey(names, list, COUNT_OF(list));
	assert_string_equal(named("Zzz"), "Sent Items");
	assert_string_equal(named("Sent Items"), "Sent Items (2)");
	assert_true(changed);
}

static void
an_empty_level_has_a_name(void **arg)
{
	(void)arg;
	assert_string_equal(named("A//B"), "A\\_\\B");
	assert_true(changed);
	assert_string_equal(named(""), "_");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(levels_are_separated_by_backslashes_and_decoded),
		TEST(special_use_gives_the_names_that_exchange_knows),
		TEST(a_personal_prefix_is_no_level),
		TEST(a_backslash_becomes_an_underscore_and_is_told),
		TEST(names_that_meet_are_numbered_whatever_the_order_of_the_list),
		TEST(a_folder_that_is_called_as_a_special_one_gives_way),
		TEST(an_empty_level_has_a_name) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
