#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "imap/search.h"

static void
refused(const char *key, const char *words)
{
	const char *fault = search_key_fault(key);

	assert_non_null(fault);
	assert_non_null(strstr(fault, words));
}

static void
keys_of_the_rfc_are_taken(void **state)
{
	static const char *const keys[] = { "ALL", "OR (FROM \"anna\" UNSEEN) LARGER 10000",
		"NOT (DELETED (SEEN))", "SUBJECT \"a ( b\"", "SUBJECT \"Gr\xc3\xbc\xc3\x9f\x65\"",
		"HEADER X-A \"\\\"\\\\\"", "UID 1:*", "SUBJECT \"{3}\"" };

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		assert_null(search_key_fault(keys[i]));
}

static void
what_could_leave_its_command_is_refused(void **state)
{
	char longest[SEARCH_KEY_MAX + 2];

	(void)state;
	refused("", "RFC 3501");
	refused("  ", "RFC 3501");
	refused("A\r\nB LOGOUT", "one line");
	refused("A\nB", "one line");
	refused("A\tB", "one line");
	refused("SUBJECT \"\xff\"", "UTF-8");
	refused("SUBJECT {3}", "double quotes");
	refused("SUBJECT Gr\xc3\xbc", "double quotes");
	refused("SUBJECT a\\b", "double quotes");
	refused("FROM \"anna", "its end");
	refused("FROM \"anna\\", "its end");
	refused("FROM \"a\\b\"", "its end");
	refused("(ALL", "needs its )");
	refused("ALL)", "its (");
	refused(")(", "its (");
	refused("charset UTF-8 ALL", "CHARSET");
	refused("RETURN (COUNT) ALL", "RETURN");
	memset(longest, 'A', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	refused(longest, "800");
}

static void
at_most_eight_literals_are_sent(void **state)
{
	char key[200] = "";

	(void)state;
	for (int i = 0; i < 8; i++)
		strncat(key, "BODY \"\xc3\xbc\" ", sizeof(key) - strlen(key) - 1);
	assert_null(search_key_fault(key));
	strncat(key, "BODY \"\xc3\xbc\"", sizeof(key) - strlen(key) - 1);
	refused(key, "at most 8");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_the_rfc_are_taken),
		cmocka_unit_test(what_could_leave_its_command_is_refused),
		cmocka_unit_test(at_most_eight_literals_are_sent),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
