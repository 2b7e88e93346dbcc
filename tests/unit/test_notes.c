#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "imap/notes.h"

static void
notes_keep_copies_of_their_texts(void **state)
{
	static struct notes n;
	char folder[] = "INBOX", command[] = "NOOP", reply[] = "0001 BAD\0x";
	struct event e = { .no = EV_REFUSED,
		.level = LEVEL_WARNING,
		.folder = folder,
		.command = command,
		.uid = 7,
		.reply = { reply, 10 } };

	(void)state;
	notes_init(&n);
	notes_add(&n, &e, true, "text %d", 1);
	memset(folder, 'x', 5);
	memset(command, 'x', 4);
	memset(reply, 'x', 10);
	assert_int_equal(n.len, 1);
	assert_string_equal(n.note[0].text, "text 1");
	assert_string_equal(n.note[0].event.folder, "INBOX");
	assert_string_equal(n.note[0].event.command, "NOOP");
	assert_memory_equal(n.note[0].event.reply.data, "0001 BAD\0x", 10);
	assert_int_equal(n.note[0].event.uid, 7);
	assert_true(n.note[0].standing);
	notes_clear(&n);
	assert_int_equal(n.len, 0);
	notes_done(&n);
}

static void
notes_over_the_limit_are_counted(void **state)
{
	static struct notes n;
	struct event e = { .no = EV_PARSE };

	(void)state;
	notes_init(&n);
	for (int i = 0; i < NOTES_MAX + 5; i++)
		notes_add(&n, &e, false, "note %d", i);
	assert_int_equal(n.len, NOTES_MAX);
	assert_int_equal(n.dropped, 5);
	assert_string_equal(n.note[NOTES_MAX - 1].text, "note 511");
	notes_clear(&n);
	assert_int_equal(n.dropped, 0);
	notes_done(&n);
}

static void
notes_without_room_for_a_reply_are_kept_without_it(void **state)
{
	static struct notes n;
	size_t len = 9 * 1024 * 1024;
	char *large = calloc(1, len);
	struct event e = { .no = EV_PARSE, .reply = { large, len } };

	(void)state;
	notes_init(&n);
	notes_add(&n, &e, false, "x");
	assert_int_equal(n.len, 1);
	assert_null(n.note[0].event.reply.data);
	assert_int_equal(n.note[0].event.reply.len, 0);
	notes_done(&n);
	free(large);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_keep_copies_of_their_texts),
		cmocka_unit_test(notes_over_the_limit_are_counted),
		cmocka_unit_test(notes_without_room_for_a_reply_are_kept_without_it),
	};

	return cmocka_run_group_tests_name("notes", tests, NULL, NULL);
}
