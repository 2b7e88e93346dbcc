/* Capabilities, the protocol level they mean, and the quirks of products. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "imap/caps.h"

static void
level_is(const char *words, enum level want)
{
	struct caps c;

	caps_init(&c);
	caps_add_text(&c, slice_str(words));
	assert_int_equal(caps_level(&c), want);
	caps_done(&c);
}

static void
caps_tell_the_level(void **state)
{
	struct caps none;

	(void)state;
	caps_init(&none);
	assert_int_equal(caps_level(&none), LEVEL_UNKNOWN);
	caps_done(&none);
	level_is("IMAP4rev1", LEVEL_IMAP4REV1);
	level_is("imap4REV1 IDLE", LEVEL_IMAP4REV1);
	level_is("IMAP4rev2 IMAP4rev1", LEVEL_IMAP4REV1);
	level_is("IMAP4rev2", LEVEL_IMAP4REV2);
	level_is("IMAP4", LEVEL_IMAP4);
	level_is("IDLE", LEVEL_IMAP4);
	level_is("IMAP4rev10 XIMAP4rev1", LEVEL_IMAP4);
	for (int l = LEVEL_UNKNOWN; l <= LEVEL_IMAP2_FIRST; l++)
		assert_true(strlen(level_name((enum level)l)) > 0);
}

static void
caps_of_imap4rev2_alone_need_no_words(void **state)
{
	struct caps c;

	(void)state;
	caps_init(&c);
	caps_add_text(&c, slice_str("IMAP4rev2"));
	assert_true(caps_has(&c, CAP_ESEARCH) && caps_has(&c, CAP_LIST_STATUS));
	assert_false(caps_has(&c, CAP_CONDSTORE) || caps_has(&c, CAP_SPECIAL_USE));
	/* With both it speaks IMAP4rev1 until it is told otherwise. */
	caps_add_text(&c, slice_str("IMAP4rev1"));
	assert_false(caps_has(&c, CAP_ESEARCH));
	caps_done(&c);
}

static void
caps_are_known_in_any_case_and_by_whole_words(void **state)
{
	struct caps c;

	(void)state;
	caps_init(&c);
	caps_add_text(&c, slice_str("  IMAP4rev1   auth=plain sasl-ir STATUS=SIZE IDX "));
	assert_true(c.known);
	assert_true(caps_has(&c, CAP_AUTH_PLAIN));
	assert_true(caps_has(&c, CAP_SASL_IR));
	assert_true(caps_has(&c, CAP_STATUS_SIZE));
	assert_false(caps_has(&c, CAP_ID));
	assert_false(caps_has(&c, CAP_STARTTLS));
	assert_string_equal(c.text.data, "IMAP4rev1 auth=plain sasl-ir STATUS=SIZE IDX");
	caps_clear(&c);
	assert_false(c.known);
	assert_false(caps_has(&c, CAP_AUTH_PLAIN));
	assert_string_equal(c.text.data, "");
	caps_done(&c);
}

static void
caps_count_even_where_their_text_is_cut(void **state)
{
	struct caps c;

	(void)state;
	caps_init(&c);
	for (int i = 0; i < 5000; i++)
		caps_add(&c, slice_str("X-FILLER"));
	caps_add(&c, slice_str("CONDSTORE"));
	assert_true(caps_has(&c, CAP_CONDSTORE));
	assert_true(c.text.len <= 8192);
	caps_done(&c);
}

static void
caps_name_what_helps_and_what_is_missing(void **state)
{
	struct caps c;
	struct buf there, missing;

	(void)state;
	caps_init(&c);
	buf_init(&there, 1000);
	buf_init(&missing, 1000);
	caps_add_text(&c, slice_str("IMAP4rev1 ID ESEARCH"));
	caps_useful(&c, true, &there);
	caps_useful(&c, false, &missing);
	assert_string_equal(there.data, "ID ESEARCH");
	assert_string_equal(
	    missing.data, "NAMESPACE LIST-EXTENDED LIST-STATUS STATUS=SIZE SPECIAL-USE CONDSTORE");
	buf_done(&there);
	buf_done(&missing);
	caps_done(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(caps_tell_the_level),
		cmocka_unit_test(caps_of_imap4rev2_alone_need_no_words),
		cmocka_unit_test(caps_are_known_in_any_case_and_by_whole_words),
		cmocka_unit_test(caps_count_even_where_their_text_is_cut),
		cmocka_unit_test(caps_name_what_helps_and_what_is_missing),
	};

	return cmocka_run_group_tests_name("caps", tests, NULL, NULL);
}
