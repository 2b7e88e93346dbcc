/* Verdicts, and pages of messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mail/msg.h"

static void
verdicts_have_names_and_meanings(void **state)
{
	static const struct {
		enum verdict v;
		const char *name;
		bool good, file;
	} table[] = {
		{ VERDICT_NONE, "none", false, false }, { VERDICT_STORED, "stored", true, true },
		{ VERDICT_EXCLUDED, "excluded", true, false }, { VERDICT_GONE, "gone", true, false },
		{ VERDICT_PHANTOM, "phantom", true, false }, { VERDICT_RECONSTRUCTED, "reconstructed", false, true },
		{ VERDICT_HEADER_ONLY, "header-only", false, true }, { VERDICT_PLACEHOLDER, "placeholder", false, true },
		{ VERDICT_REFUSED, "refused", false, false }, { VERDICT_FAILED, "failed", false, false },
		{ VERDICTS, "unknown", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(table[i].v, i);
		assert_string_equal(verdict_name(table[i].v), table[i].name);
		assert_int_equal(verdict_good(table[i].v), table[i].good);
		assert_int_equal(verdict_has_file(table[i].v), table[i].file);
	}
}

static void
lost_is_what_failed_and_has_the_digest_of_what_was_stored(void **state)
{
	struct msg m = { .verdict = VERDICT_FAILED };

	(void)state;
	assert_false(msg_lost(&m));
	m.sha256[SHA256_LEN - 1] = 1;
	assert_true(msg_lost(&m));
	m.verdict = VERDICT_STORED;
	assert_false(msg_lost(&m));
	m.verdict = VERDICT_REFUSED;
	assert_false(msg_lost(&m));
}

static void
copy_owns_its_texts(void **state)
{
	char keywords[] = "a b", raw[] = "raw", reason[] = "why";
	struct msg m = { .uid = 7, .raw_date = raw, .reason = reason, .flags.keywords = keywords }, copy;
	struct msg_page *p = msg_page_new();

	(void)state;
	assert_true(msg_copy(&m, &p->arena, &copy));
	keywords[0] = raw[0] = reason[0] = '#';
	assert_int_equal(copy.uid, 7);
	assert_string_equal(copy.flags.keywords, "a b");
	assert_string_equal(copy.raw_date, "raw");
	assert_string_equal(copy.reason, "why");
	m = (struct msg){ .uid = 8 };
	assert_true(msg_copy(&m, &p->arena, &copy));
	assert_string_equal(copy.flags.keywords, "");
	assert_null(copy.raw_date);
	assert_null(copy.reason);
	msg_page_free(p);
	msg_page_free(NULL);
}

static void
copy_that_does_not_fit_changes_nothing(void **state)
{
	struct msg m = { .uid = 7, .reason = "a reason that is too long" }, copy = { .uid = 1 };
	struct arena a;

	(void)state;
	arena_init(&a, 8);
	assert_false(msg_copy(&m, &a, &copy));
	assert_int_equal(copy.uid, 1);
	arena_done(&a);
}

static void
reset_empties_a_page(void **state)
{
	struct msg_page *p = msg_page_new();

	(void)state;
	p->len = 3;
	assert_non_null(arena_take(&p->arena, 1000));
	msg_page_reset(p);
	assert_int_equal(p->len, 0);
	assert_int_equal(p->arena.used_bytes, 0);
	msg_page_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_have_names_and_meanings),
		cmocka_unit_test(lost_is_what_failed_and_has_the_digest_of_what_was_stored),
		cmocka_unit_test(copy_owns_its_texts),
		cmocka_unit_test(copy_that_does_not_fit_changes_nothing),
		cmocka_unit_test(reset_empties_a_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
