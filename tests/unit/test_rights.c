/* Access rights of one server in the letters of another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imap/rights.h"

static const char *const old = "IMAP4rev1 ACL", *const new = "IMAP4rev1 ACL RIGHTS=kxte";

static struct rights_side
side(const char *words)
{
	struct caps c;
	struct rights_side ret;

	caps_init(&c);
	caps_add_text(&c, slice_str(words));
	rights_side(&c, &ret);
	caps_done(&c);
	return ret;
}

static void
becomes(const char *from, const char *rights, bool negative, const char *to, const char *want,
    const char *lost)
{
	struct rights_side a = side(from), b = side(to);
	char text[RIGHTS_TEXT_MAX];
	uint32_t left,
	    r = rights_translate(rights_read(slice_str(rights)), &a, &b, negative, &left);

	rights_text(r, text);
	assert_string_equal(text, want);
	rights_text(left, text);
	assert_string_equal(text, lost);
}

static void
rights_of_equal_servers_stay(void **state)
{
	(void)state;
	becomes(old, "lrswipcda", false, old, "acdilprsw", "");
	becomes(new, "lrswipkxteacd", false, new, "aeiklprstwx", "");
	becomes(new, "lr09", false, new, "lr", "");
	becomes(new, "", false, old, "", "");
}

static void
rights_of_old_servers_become_the_new_ones(void **state)
{
	(void)state;
	becomes(old, "lrc", false, new, "klrx", "");
	becomes(old, "lrd", false, new, "elrt", "");
}

static void
rights_nobody_had_are_not_given_to_old_servers(void **state)
{
	(void)state;
	becomes(new, "lrkxte", false, old, "cdlr", "");
	becomes(new, "lrkt", false, old, "clr", "t");
	becomes(new, "lrxe", false, old, "lr", "ex");
}

static void
rights_that_are_denied_are_denied_wholly(void **state)
{
	(void)state;
	becomes(new, "t", true, old, "d", "");
	becomes(new, "x", true, old, "c", "");
}

static void
rights_that_the_other_lacks_are_told(void **state)
{
	(void)state;
	becomes("ACL RIGHTS=kxten", "lrn", false, new, "lr", "n");
	becomes("ACL RIGHTS=kxten", "lrn", false, "ACL RIGHTS=texkn", "lnr", "");
}

static void
rights_own_is_the_login_with_or_without_its_domain(void **state)
{
	(void)state;
	assert_true(rights_own(slice_str("anna"), "anna"));
	assert_true(rights_own(slice_str("anna"), "anna@example.org"));
	assert_true(rights_own(slice_str("anna@example.org"), "anna@example.org"));
	assert_false(rights_own(slice_str("anna@example.org"), "anna"));
	assert_false(rights_own(slice_str("ann"), "anna"));
	assert_false(rights_own(slice_str("anyone"), "anna@example.org"));
	assert_false(rights_own(slice_str(""), "anna"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rights_of_equal_servers_stay),
		cmocka_unit_test(rights_of_old_servers_become_the_new_ones),
		cmocka_unit_test(rights_nobody_had_are_not_given_to_old_servers),
		cmocka_unit_test(rights_that_are_denied_are_denied_wholly),
		cmocka_unit_test(rights_that_the_other_lacks_are_told),
		cmocka_unit_test(rights_own_is_the_login_with_or_without_its_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
