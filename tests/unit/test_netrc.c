/* ~/.netrc as ftp and curl read it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/cli/netrc.h"

static void
finds(const char *text, const char *host, const char *user, const char *password)
{
	struct secret *s = netrc_find(slice_str(text), host, user);

	if (!password) {
		assert_null(s);
		return;
	}
	assert_non_null(s);
	assert_true(slice_eq(secret_value(s), password));
	secret_free(s);
}

static const char usual[] =
    "# mail\nmachine a.example login anna password one\n"
    "machine a.example\n\tlogin bert\n\tpassword two\n"
    "machine b.example password any\nmachine empty login x\n"
    "default login carl password last\n";

static void
entries_match_by_host_and_login(void **state)
{
	(void)state;
	finds(usual, "a.example", "anna", "one");
	finds(usual, "a.example", "bert", "two");
	finds(usual, "A.Example", "bert", "two");
	finds(usual, "b.example", "whoever", "any");
	finds(usual, "c.example", "carl", "last");
	finds(usual, "c.example", "anna", NULL);
	finds(usual, "empty", "x", NULL);
}

static void
the_password_may_come_before_the_login(void **state)
{
	(void)state;
	finds("machine h password p login u\n", "h", "u", "p");
	finds("machine h password p login v machine h password q login u", "h", "u", "q");
}

static void
quotes_and_escapes_hold_blanks(void **state)
{
	(void)state;
	finds("machine h login \"a b\" password \"p \\\"q\\\\ r\"\n", "h", "a b", "p \"q\\ r");
	finds("machine h login u password \"open end", "h", "u", "open end");
	finds("machine h login u password a#b\n", "h", "u", "a#b");
	finds("machine h login u password \"\"\n", "h", "u", "");
}

static void
macros_and_other_words_are_passed_over(void **state)
{
	(void)state;
	finds("machine x macdef init\nmachine h login u password bad\n\nmachine h login u password good\n",
	    "h", "u", "good");
	finds("machine h account machine login u password p\n", "h", "u", "p");
}

static void
torn_files_end_quietly(void **state)
{
	static const char whole[] = "machine h login u password pass account x macdef y\nz\n\n\"";

	(void)state;
	for (size_t len = 0; len <= sizeof(whole) - 1; len++) {
		struct secret *s = netrc_find((struct slice){ whole, len }, "h", "u");

		assert_true((s != NULL) == (len > 27));
		secret_free(s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_match_by_host_and_login),
		cmocka_unit_test(the_password_may_come_before_the_login),
		cmocka_unit_test(quotes_and_escapes_hold_blanks),
		cmocka_unit_test(macros_and_other_words_are_passed_over),
		cmocka_unit_test(torn_files_end_quietly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
