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
	assert_true(has("Microsoft Exchange ready for OUTLOOK.COM", NULL, "h", QUIRK_SMALL_WINDOWS));
	assert_true(has(NULL, "Microsoft.Exchange.Imap4.Imap4Server 15.20", "OUTLOOK.office365.com",
	    QUIRK_SMALL_WINDOWS));
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
what_is_seen_at_run_time_is_never_matched(void **state)
{
	(void)state;
	for (unsigned q = 0; q < QUIRKS; q++) {
		const struct quirk_entry *e = quirk_get((enum quirk)q);

		assert_int_equal(quirk_in(quirks_of(e->sign, e->why, e->name), (enum quirk)q),
		    e->kind == QUIRK_IS_MATCHED);
	}
}

static void
every_quirk_is_told_whole_and_found_by_its_name(void **state)
{
	(void)state;
	for (unsigned q = 0; q < QUIRKS; q++) {
		const struct quirk_entry *e = quirk_get((enum quirk)q);

		assert_ptr_equal(quirk_find(e->name), e);
		assert_true(strlen(e->sign) > 2 && strlen(e->does) > 8 && strlen(e->why) > 8);
		assert_true(strncmp(e->scene, "scenes/", 7) == 0 || strncmp(e->scene, "moves/", 6) == 0);
	}
	assert_null(quirk_find("none"));
	assert_null(quirk_find(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quirks_are_found_by_greeting_product_or_host),
		cmocka_unit_test(a_server_without_a_match_has_no_quirks),
		cmocka_unit_test(what_is_seen_at_run_time_is_never_matched),
		cmocka_unit_test(every_quirk_is_told_whole_and_found_by_its_name),
	};

	return cmocka_run_group_tests_name("quirk", tests, NULL, NULL);
}
