#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "imap/quirk.h"

static bool
has(const char *greeting, const char *product, const char *host, enum quirk q)
{
	return quirk_in(quirks_of(greeting, product, host), q);
}

static void
quirks_are_found_by_greeting_product_or_host(void **state)
{
	(void)state;
	assert_true(
	    has("The Microsoft Exchange IMAP4 service is ready.", NULL, "h", QUIRK_SHORT_LINES));
	assert_true(has(NULL, "Microsoft.Exchange.Imap4.Imap4Server 15.20", "OUTLOOK.office365.com",
	    QUIRK_PLACEHOLDERS));
	assert_true(has(NULL, NULL, "p42-imap.mail.me.com", QUIRK_NO_RFC822) ||
		    has(NULL, NULL, "imap.mail.me.com", QUIRK_NO_RFC822));
	assert_true(has(NULL, "hMailServer", "h", QUIRK_NO_CHECKED_SLICES));
	assert_true(has(NULL, "hmailserver 5.6", "h", QUIRK_NO_CHECKED_SLICES));
	assert_true(has(NULL, NULL, "imap.mail.yahoo.com", QUIRK_SMALL_WINDOWS));
}

static void
a_server_without_a_match_has_no_quirks(void **state)
{
	(void)state;
	assert_int_equal(quirks_of(NULL, NULL, NULL), 0);
	assert_int_equal(quirks_of("", "", ""), 0);
	assert_int_equal(quirks_of("Dovecot (Debian) ready.", "Dovecot", "mail.example.org"), 0);
}

static void
every_quirk_has_a_name_and_a_sentence(void **state)
{
	(void)state;
	for (int q = 0; q < QUIRKS; q++) {
		assert_true(strlen(quirk_name((enum quirk)q)) > 3);
		assert_non_null(strchr(quirk_why((enum quirk)q), ':'));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quirks_are_found_by_greeting_product_or_host),
		cmocka_unit_test(a_server_without_a_match_has_no_quirks),
		cmocka_unit_test(every_quirk_has_a_name_and_a_sentence),
	};

	return cmocka_run_group_tests_name("quirk", tests, NULL, NULL);
}
