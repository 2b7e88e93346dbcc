/* The body ladder: its order on each level, and what refusals, quirks and wishes leave out
 * (rules.md 1.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "imap/body.h"

/* All forms in the order they would be tried. */
static void
order_is(struct ladder l, bool whole, const char *want)
{
	char got[400] = "";
	uint32_t tried = 0;

	for (enum form f; (f = ladder_first(&l, tried, whole)) != FORM_NONE; tried |= 1u << f) {
		size_t len = strlen(got);

		assert_false(tried >> f & 1);
		snprintf(got + len, sizeof(got) - len, "%s%s%s", len ? ", " : "", form_items(f),
		    f == FORM_SLICES ? "<>" : "");
	}
	assert_string_equal(got, want);
}

static void
ladder_asks_unseen_forms_first_on_imap4rev1(void **state)
{
	(void)state;
	order_is((struct ladder){ .level = LEVEL_IMAP4REV1 }, false,
	    "BODY.PEEK[], RFC822.PEEK, "
	    "BODY.PEEK[HEADER] BODY.PEEK[TEXT], BODY.PEEK[]<>, BODY[], RFC822, RFC822.HEADER "
	    "RFC822.TEXT, BODY.PEEK[1], BODY.PEEK[HEADER], "
	    "RFC822.HEADER");
	order_is((struct ladder){ .level = LEVEL_UNKNOWN }, true,
	    "BODY.PEEK[], RFC822.PEEK, "
	    "BODY.PEEK[HEADER] BODY.PEEK[TEXT], BODY.PEEK[]<>, BODY[], RFC822, RFC822.HEADER "
	    "RFC822.TEXT");
}

static void
ladder_begins_with_rfc822_peek_on_rfc_1730(void **state)
{
	(void)state;
	order_is((struct ladder){ .level = LEVEL_IMAP4 }, false,
	    "RFC822.PEEK, BODY.PEEK[], BODY.PEEK[0] RFC822.TEXT.PEEK, PARTIAL RFC822.PEEK, RFC822, "
	    "RFC822.HEADER RFC822.TEXT, RFC822.HEADER");
}

static void
ladder_has_nothing_unseen_but_the_header_before_imap4(void **state)
{
	(void)state;
	order_is((struct ladder){ .level = LEVEL_IMAP2BIS }, false,
	    "RFC822, RFC822.HEADER RFC822.TEXT, RFC822.HEADER");
	order_is((struct ladder){ .level = LEVEL_IMAP2_FIRST, .no_source_writes = true }, false,
	    "RFC822.HEADER");
}

static void
ladder_has_no_rfc822_on_imap4rev2(void **state)
{
	(void)state;
	order_is((struct ladder){ .level = LEVEL_IMAP4REV2 }, true,
	    "BODY.PEEK[], BODY.PEEK[HEADER] BODY.PEEK[TEXT], BODY.PEEK[]<>, BODY[]");
}

static void
ladder_leaves_out_what_was_refused_or_is_a_quirk(void **state)
{
	struct ladder l = { .level = LEVEL_IMAP4,
		.refused = 1u << FORM_RFC822_PEEK | 1u << FORM_PEEK | 1u << FORM_PEEK_ZERO };

	(void)state;
	order_is(l, true, "PARTIAL RFC822.PEEK, RFC822, RFC822.HEADER RFC822.TEXT");
	order_is((struct ladder){ .level = LEVEL_IMAP4REV1,
		     .quirks = 1u << QUIRK_NO_RFC822 | 1u << QUIRK_NO_CHECKED_SLICES },
	    true,
	    "BODY.PEEK[], BODY.PEEK[HEADER] BODY.PEEK[TEXT], BODY[], RFC822.HEADER RFC822.TEXT");
	l.refused = UINT32_MAX;
	order_is(l, false, "");
}

static void
ladder_without_source_writes_has_only_unseen_forms(void **state)
{
	struct ladder l = { .level = LEVEL_IMAP4REV1, .no_source_writes = true };
	uint32_t unseen =
	    1u << FORM_PEEK | 1u << FORM_RFC822_PEEK | 1u << FORM_PEEK_PARTS | 1u << FORM_SLICES;

	(void)state;
	order_is(
	    l, true, "BODY.PEEK[], RFC822.PEEK, BODY.PEEK[HEADER] BODY.PEEK[TEXT], BODY.PEEK[]<>");
	assert_true(ladder_withheld(&l, unseen));
	assert_false(ladder_withheld(&l, UINT32_MAX));
	l.no_source_writes = false;
	assert_false(ladder_withheld(&l, unseen));
}

static void
forms_know_what_they_do(void **state)
{
	(void)state;
	for (int f = 0; f < FORMS; f++) {
		bool peeks = strstr(form_items((enum form)f), "PEEK") != NULL ||
			     strcmp(form_items((enum form)f), "RFC822.HEADER") == 0;

		assert_int_equal(form_sets_seen((enum form)f), !peeks);
		assert_int_equal(form_parts((enum form)f),
		    f != FORM_PARTIAL && strchr(form_items((enum form)f), ' ') ? 2 : 1);
		assert_int_equal(
		    form_header_only((enum form)f), f == FORM_HEADER || f == FORM_RFC822_HEADER);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ladder_asks_unseen_forms_first_on_imap4rev1),
		cmocka_unit_test(ladder_begins_with_rfc822_peek_on_rfc_1730),
		cmocka_unit_test(ladder_has_nothing_unseen_but_the_header_before_imap4),
		cmocka_unit_test(ladder_has_no_rfc822_on_imap4rev2),
		cmocka_unit_test(ladder_leaves_out_what_was_refused_or_is_a_quirk),
		cmocka_unit_test(ladder_without_source_writes_has_only_unseen_forms),
		cmocka_unit_test(forms_know_what_they_do),
	};

	return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
