/* Flags and keywords of one answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/flags.h"

struct world {
	struct arena arena;
	struct flag_set set;
	struct flags flags;
	struct buf text;
};

static int
setup(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	arena_init(&w->arena, 1 << 20);
	flag_set_init(&w->set, &w->arena);
	buf_init(&w->text, 1 << 20);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	arena_done(&w->arena);
	buf_done(&w->text);
	free(w);
	return 0;
}

static void
add(struct world *w, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_true(flag_set_add(&w->set, slice_str(names[i])));
	assert_true(flag_set_end(&w->set, &w->flags));
	flags_text(&w->flags, &w->text);
}

static void
no_flags_are_empty(void **state)
{
	struct world *w = *state;

	add(w, NULL, 0);
	assert_int_equal(w->flags.system, 0);
	assert_string_equal(w->flags.keywords, "");
	assert_string_equal(w->text.data != NULL ? w->text.data : "", "");
}

static void
system_flags_are_bits_in_any_case(void **state)
{
	static const char *const names[] = { "\\seen", "\\ANSWERED", "\\Flagged", "\\deleted", "\\Draft", "\\Recent" };
	struct world *w = *state;

	add(w, names, COUNT_OF(names));
	assert_int_equal(w->flags.system, FLAGS_STORED | FLAG_RECENT);
	assert_string_equal(w->text.data, "\\Answered \\Deleted \\Draft \\Flagged \\Seen");
}

static void
keywords_are_sorted_unique_and_keep_their_case(void **state)
{
	static const char *const names[] = {
		"b", "$Forwarded", "B", "\\Seen", "b", "\\*", "\\XList", "", "a", "Seen", "a\xff", "ab"
	};
	struct world *w = *state;

	add(w, names, COUNT_OF(names));
	assert_string_equal(w->flags.keywords, "$Forwarded B Seen \\XList a ab a\xff b");
	assert_string_equal(w->text.data, "\\Seen $Forwarded B Seen \\XList a ab a\xff b");
}

static void
blanks_inside_a_keyword_do_not_make_it_two(void **state)
{
	static const char *const names[] = { "to do", "line\r\nend", "tab\there", "\x7f" };
	struct world *w = *state;

	assert_true(flag_set_add(&w->set, (struct slice){ "nul\0x", 5 }));
	add(w, names, COUNT_OF(names));
	assert_string_equal(w->flags.keywords, "%7F line%0D%0Aend nul%00x tab%09here to%20do");
}

static void
a_thousand_keywords_are_all_kept(void **state)
{
	struct world *w = *state;
	char name[16];

	for (int i = 999; i >= 0; i--) {
		snprintf(name, sizeof(name), "k%03d", i);
		assert_true(flag_set_add(&w->set, slice_str(name)));
	}
	assert_true(flag_set_end(&w->set, &w->flags));
	assert_int_equal(strlen(w->flags.keywords), 1000 * 5 - 1);
	assert_memory_equal(w->flags.keywords, "k000 k001 ", 10);
}

static void
too_many_flags_end_at_the_limit_of_the_arena(void **state)
{
	struct world *w = *state;
	int taken = 0;

	while (taken < 1 << 20 && flag_set_add(&w->set, slice_str("keyword")))
		taken++;
	assert_true(taken > 1000 && taken < 1 << 20);
}

static void
labels_keep_their_blanks_and_are_sorted(void **state)
{
	static const char *const names[] = { "two words", "\\Inbox", "a\nb", "", "\\Inbox", "A" };
	struct world *w = *state;
	const char *labels;

	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_true(label_set_add(&w->set, slice_str(names[i])));
	assert_true(label_set_end(&w->set, &labels));
	assert_string_equal(labels, "A\n\\Inbox\na b\ntwo words");
	flag_set_init(&w->set, &w->arena);
	assert_true(label_set_end(&w->set, &labels));
	assert_string_equal(labels, "");
}

static void
labels_that_are_not_told_are_no_difference(void **state)
{
	struct flags some = { .keywords = "a", .labels = "Work" }, none = { .keywords = "a", .labels = "" };
	struct flags unknown = { .keywords = "a" };

	assert_false(flags_equal(&some, &none));
	assert_true(flags_equal(&some, &unknown));
	assert_true(flags_equal(&unknown, &none));
	(void)state;
}

static void
recent_is_no_difference(void **state)
{
	(void)state;
	struct flags a = { .system = FLAG_SEEN | FLAG_RECENT, .keywords = "x" }, b = { .system = FLAG_SEEN, .keywords = "x" };

	assert_true(flags_equal(&a, &b));
	b.keywords = "x y";
	assert_false(flags_equal(&a, &b));
	b.keywords = "x";
	b.system = FLAG_SEEN | FLAG_DRAFT;
	assert_false(flags_equal(&a, &b));
	a.keywords = NULL;
	b = (struct flags){ .system = FLAG_SEEN, .keywords = "" };
	assert_true(flags_equal(&a, &b));
}

static bool
stands_for(const char *label, const char *name, const char *use)
{
	return label_is_folder(slice_str(label), slice_str(name), use);
}

static void
labels_are_told_from_those_that_folders_stand_for(void **state)
{
	const char *at = "A b\n\\Important\nc", *none = "";
	struct slice one;

	(void)state;
	assert_true(label_next(&at, &one) && slice_eq(one, "A b"));
	assert_true(label_next(&at, &one) && slice_eq(one, "\\Important"));
	assert_true(label_next(&at, &one) && slice_eq(one, "c"));
	assert_false(label_next(&at, &one));
	assert_false(label_next(&none, &one));
	assert_true(label_in("A b\nc", slice_str("c")));
	assert_false(label_in("A b\nc", slice_str("A")));
	assert_true(stands_for("\\Inbox", "inbox", NULL));
	assert_true(stands_for("\\Sent", "[Gmail]/Gesendet", "\\Sent"));
	assert_true(stands_for("\\Draft", "[Gmail]/Drafts", "\\Drafts"));
	assert_true(stands_for("Work", "Work", NULL));
	assert_false(stands_for("Work", "work", NULL));
	assert_false(stands_for("\\Sent", "Sent", NULL));
	assert_true(label_is_given(slice_str("Work")) && label_is_given(slice_str("\\Important")));
	assert_false(label_is_given(slice_str("\\Trash")) || label_is_given(slice_str("\\Starred")) || label_is_given(slice_str("")));
}

static void
maildir_letters_are_in_order(void **state)
{
	char letters[8];

	(void)state;
	flags_maildir(FLAGS_STORED | FLAG_RECENT, letters);
	assert_string_equal(letters, "DFRST");
	flags_maildir(FLAG_SEEN | FLAG_ANSWERED, letters);
	assert_string_equal(letters, "RS");
	flags_maildir(0, letters);
	assert_string_equal(letters, "");
}

#define FLAG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FLAG_TEST(no_flags_are_empty),
		FLAG_TEST(system_flags_are_bits_in_any_case),
		FLAG_TEST(keywords_are_sorted_unique_and_keep_their_case),
		FLAG_TEST(blanks_inside_a_keyword_do_not_make_it_two),
		FLAG_TEST(a_thousand_keywords_are_all_kept),
		FLAG_TEST(too_many_flags_end_at_the_limit_of_the_arena),
		FLAG_TEST(labels_keep_their_blanks_and_are_sorted),
		cmocka_unit_test(labels_that_are_not_told_are_no_difference),
		cmocka_unit_test(labels_are_told_from_those_that_folders_stand_for),
		cmocka_unit_test(recent_is_no_difference),
		cmocka_unit_test(maildir_letters_are_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
