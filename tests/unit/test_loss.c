/* The book of losses: counted under names, kept as one line of a mark, read back or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "store/loss.h"

static struct loss_book book;

static int
loss_test_begin(void **state)
{
	(void)state;
	loss_init(&book);
	return 0;
}

static int
loss_test_end(void **state)
{
	(void)state;
	loss_done(&book);
	return 0;
}

static void
add(enum loss_kind kind, const char *name, uint32_t uid, uint64_t times)
{
	loss_add(&book, kind, slice_str(name), uid, times);
}

static const char *
text_of(const struct loss_book *b)
{
	static struct buf out;

	buf_done(&out);
	buf_init(&out, 1 << 20);
	loss_text(b, &out);
	assert_false(out.full);
	return out.len > 0 ? out.data : "";
}

static const char *
words_of(enum loss_kind kind)
{
	static struct buf out;

	buf_done(&out);
	buf_init(&out, 1 << 16);
	loss_words(&book, kind, &out);
	return out.len > 0 ? out.data : "";
}

static void
names_are_counted_each_with_its_first_message(void **state)
{
	(void)state;
	add(LOSS_CHARACTER, "U+20AC in Subject", 7, 3);
	add(LOSS_HEADER, "Message-ID", 5, 1);
	add(LOSS_HEADER, "Received", 5, 1);
	add(LOSS_HEADER, "Message-ID", 6, 1);
	add(LOSS_CHARACTER, "U+20AC in Subject", 9, 2);
	add(LOSS_HTML, "", 9, 1);
	assert_int_equal(book.len, 4);
	assert_string_equal(text_of(&book),
	    "1 0,2,2,5,Message-ID 0,1,1,5,Received 3,2,5,7,U+20AC%20in%20Subject 4,1,1,9,");
}

static void
a_line_gives_the_same_book_again(void **state)
{
	char name[16], before[65536];
	struct loss_book again;

	(void)state;
	loss_init(&again);
	assert_string_equal(text_of(&book), "");
	assert_true(loss_read(&again, slice_str("")));
	assert_int_equal(again.len, 0);
	for (uint32_t uid = 1; uid <= 500; uid++) {
		snprintf(name, sizeof name, "a %%%u, b", uid * 7 % 41);
		add((enum loss_kind)(uid % LOSS_KINDS), name, uid, uid);
		snprintf(before, sizeof before, "%s", text_of(&book));
		assert_true(loss_read(&again, slice_str(before)));
		assert_string_equal(text_of(&again), before);
	}
	assert_int_equal(again.len, book.len);
	/* and it goes on like one that was never written down */
	add(LOSS_DATE, "new", 600, 1);
	loss_add(&again, LOSS_DATE, slice_str("new"), 600, 1);
	snprintf(before, sizeof before, "%s", text_of(&book));
	assert_string_equal(text_of(&again), before);
	loss_done(&again);
}

static void
names_beyond_the_limit_are_counted_together(void **state)
{
	char name[16];

	(void)state;
	for (uint32_t uid = 1; uid <= 1000; uid++) {
		snprintf(name, sizeof name, "X-%u", uid);
		add(LOSS_HEADER, name, uid, 1);
		add(LOSS_KEYWORD, name, uid, 1);
	}
	assert_int_equal(book.len, 2 * (LOSS_NAMES_MAX + 1));
	const struct loss *others = &book.loss[LOSS_NAMES_MAX];
	assert_string_equal(others->name, "");
	assert_int_equal(others->messages, 1000 - LOSS_NAMES_MAX);
	assert_int_equal(others->first_uid, LOSS_NAMES_MAX + 1);
	add(LOSS_HEADER, "X-3", 2000, 1);
	assert_int_equal(book.loss[2].messages, 2);
}

/* Told without a name first, then with one: what has none stays the last of its kind. */
static void
what_has_no_name_stands_last(void **state)
{
	(void)state;
	add(LOSS_NAME, "", 1, 1);
	add(LOSS_NAME, "part1.bin", 2, 1);
	add(LOSS_NAME, "", 3, 1);
	assert_string_equal(text_of(&book), "1 5,1,1,2,part1.bin 5,2,2,1,");
	assert_true(loss_read(&book, slice_str(text_of(&book))));
}

static void
any_octets_become_a_printable_name(void **state)
{
	char longer[200];

	(void)state;
	memset(longer, 'x', sizeof longer);
	loss_add(&book, LOSS_HEADER, (struct slice){ "a\0\r\n\xff~", 6 }, 1, 1);
	loss_add(&book, LOSS_HEADER, (struct slice){ longer, sizeof longer }, 1, 1);
	assert_string_equal(book.loss[0].name, "a????~");
	assert_int_equal(strlen(book.loss[1].name), LOSS_NAME_MAX - 1);
	assert_true(loss_read(&book, slice_str(text_of(&book))));
}

static void
sums_do_not_wrap(void **state)
{
	(void)state;
	add(LOSS_CHARACTER, "x", 1, UINT64_MAX);
	add(LOSS_CHARACTER, "x", 1, 5);
	assert_true(book.loss[0].times == UINT64_MAX);
	assert_true(loss_read(&book, slice_str(text_of(&book))));
}

static void
what_is_no_such_line_is_refused_and_changes_nothing(void **state)
{
	static const char *const bad[] = { " ", "2", "1 ", "1  ", "1x", "10,1,1,1,a", "1 0,1,1,1",
		"1 11,1,1,1,a", "1 -1,1,1,1,a", "1 0,1,1,4294967296,a",
		"1 0,18446744073709551616,1,1,a", "1 0,1,1,1,a ", "1 0,1,1,1,%2", "1 0,1,1,1,%41",
		"1 0,1,1,1,%", "1 0,1,1,1,\xff", "1 0,1,1,1,\n", "1 1,1,1,1,a 0,1,1,1,a",
		"1 0,1,1,1,a 0,1,1,1,a", "1 0,1,1,1, 0,1,1,1,a", "1 ,,,,", "1 0,1,1,1,a  0,1,1,1,b",
		"1 0,1,1,1,012345678901234567890123456789012345678901234567" };

	(void)state;
	add(LOSS_FLAG, "\\Answered", 3, 1);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (loss_read(&book, slice_str(bad[i])))
			fail_msg("'%s' was read", bad[i]);
		assert_string_equal(text_of(&book), "1 1,1,1,3,\\Answered");
	}
	char many[4096] = "1";
	for (unsigned i = 0; i <= LOSS_NAMES_MAX; i++) {
		assert_true(loss_read(&book, slice_str(many)));
		snprintf(many + strlen(many), sizeof many - strlen(many), " 0,1,1,1,n%u", i);
	}
	assert_false(loss_read(&book, slice_str(many)));
}

/* Each line cut at each octet, and each octet changed: no fault, and what is read is a book. */
static void
hostile_lines_do_no_harm(void **state)
{
	static const char line[] = "1 0,2,2,5,Message-ID 3,2,5,7,U+20AC%20in%20Subject 4,1,1,9,";
	char *text = malloc(sizeof line);

	(void)state;
	for (size_t n = 0; n < sizeof line; n++) {
		char *cut = malloc(n + 1);

		memcpy(cut, line, n);
		(void)loss_read(&book, (struct slice){ cut, n });
		free(cut);
		for (unsigned c = 0; c < 256 && n + 1 < sizeof line; c++) {
			memcpy(text, line, sizeof line);
			text[n] = (char)c;
			if (loss_read(&book, (struct slice){ text, sizeof line - 1 }))
				assert_true(loss_read(&book, slice_str(text_of(&book))));
		}
	}
	free(text);
}

static void
a_sentence_tells_one_kind(void **state)
{
	(void)state;
	assert_string_equal(words_of(LOSS_HEADER), "");
	add(LOSS_HTML, "", 4, 1);
	assert_string_equal(words_of(LOSS_HTML),
	    "1 message has a body in HTML only: its text is the body, the HTML an attachment");
	add(LOSS_FLAG, "\\Answered", 1, 1);
	add(LOSS_FLAG, "\\Answered", 2, 1);
	assert_string_equal(words_of(LOSS_FLAG),
	    "2 messages have flags that exchange files have no column for: \\Answered (2)");
	add(LOSS_FLAG, "\\Flagged", 2, 1);
	assert_string_equal(words_of(LOSS_FLAG), "at least 2 messages have flags that exchange files have "
						 "no column for: \\Answered (2), \\Flagged (1)");
	for (int kind = 0; kind < LOSS_KINDS; kind++) {
		add((enum loss_kind)kind, "name", 1, 1);
		assert_true(strlen(words_of((enum loss_kind)kind)) > 40);
	}
}

/* One message with a thousand names is one message, not a thousand. */
static void
others_do_not_count_as_messages_where_names_do(void **state)
{
	char name[16];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		add(LOSS_HEADER, name, 1, 1);
	}
	assert_non_null(strstr(words_of(LOSS_HEADER), "others (976)"));
	assert_int_equal(strncmp(words_of(LOSS_HEADER), "at least 1 message has ", 23), 0);
}

#define WITH_BOOK(f) cmocka_unit_test_setup_teardown(f, loss_test_begin, loss_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_BOOK(names_are_counted_each_with_its_first_message),
		WITH_BOOK(a_line_gives_the_same_book_again),
		WITH_BOOK(names_beyond_the_limit_are_counted_together),
		WITH_BOOK(what_has_no_name_stands_last),
		WITH_BOOK(any_octets_become_a_printable_name),
		WITH_BOOK(sums_do_not_wrap),
		WITH_BOOK(what_is_no_such_line_is_refused_and_changes_nothing),
		WITH_BOOK(hostile_lines_do_no_harm),
		WITH_BOOK(a_sentence_tells_one_kind),
		WITH_BOOK(others_do_not_count_as_messages_where_names_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
