/* What is at a path, told by content. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "shelf_help.h"

#define FROM "From a@b Mon Jan  1 00:00:10 2024\n"
#define HEAD                                                                                       \
	"{\"folder\":\"INBOX\",\"name\":\"INBOX\",\"delim\":\"/\",\"uidvalidity\":7,"              \
	"\"special_use\":[],\"subscribed\":false}\n"

static struct shelf_found found;
static struct err err;

static int
find(const char *name)
{
	if (found.len > 0)
		shelf_found_done(&found);
	found = (struct shelf_found){ .len = 0 };
	err = (struct err){ 0 };
	int done = shelf_find(temp_path(name), &found, &err);
	if (done < 0)
		fprintf(stderr, "# %s\n", err.text);
	return done;
}

static int
end(void **state)
{
	if (found.len > 0)
		shelf_found_done(&found);
	found = (struct shelf_found){ .len = 0 };
	return temp_dir_remove(state);
}

static void
a_job_gives_a_place_for_each_account(void **state)
{
	(void)state;
	put("job/imex.db", "x");
	put("job/mail/usuario1%25ncc%25migracion@mail.example.org%3A1143/INBOX/folder.jsonl", HEAD);
	put("job/mail/usuario1%25ncc%25migracion@mail.example.org%3A1143/INBOX/1.eml",
	    "A: b\r\n\r\n");
	put("job/mail/anna@%5B2001%3Adb8%3A%3A1%5D~2/INBOX/folder.jsonl", HEAD);
	assert_int_equal(find("job"), 0);
	assert_int_equal(found.len, 2);
	assert_int_equal(found.format, FORMAT_EML);
	assert_true(found.place[0].ours);
	assert_string_equal(found.place[0].dir, temp_path("job"));
	assert_string_equal(found.place[0].login, "anna");
	assert_string_equal(found.place[0].host, "2001:db8::1");
	assert_string_equal(found.place[0].port, "");
	assert_string_equal(found.place[1].login, "usuario1%ncc%migracion");
	assert_string_equal(found.place[1].host, "mail.example.org");
	assert_string_equal(found.place[1].port, "1143");
	/* mail/ itself, and an account in it. */
	assert_int_equal(find("job/mail"), 0);
	assert_int_equal(found.len, 2);
	assert_null(found.place[0].dir);
	assert_int_equal(find("job/mail/anna@%5B2001%3Adb8%3A%3A1%5D~2"), 0);
	assert_int_equal(found.len, 1);
	assert_string_equal(found.place[0].login, "anna");
	assert_true(found.place[0].ours);
}

static void
each_format_of_imex_is_known(void **state)
{
	(void)state;
	put("m/events.jsonl", "");
	put_maildir("m/mail/a@b/");
	put("m/mail/a@b/folder.jsonl", HEAD);
	assert_int_equal(find("m"), 0);
	assert_int_equal(found.format, FORMAT_MAILDIR);
	put("x/imex.db", "");
	put("x/mail/a@b/INBOX/folder.jsonl", HEAD);
	put("x/mail/a@b/INBOX/folder.mbox", FROM "A: b\n\n");
	assert_int_equal(find("x"), 0);
	assert_int_equal(found.format, FORMAT_MBOX);
	put("e/imex.db", "");
	put("e/mail/imex.PKL", "1252\r\n\r\nFilename,Filetype\r\n00000001.PRI,Primary\r\n");
	put("e/mail/imex-2.PKL", "1252\r\n\r\nFilename,Filetype\r\n00000002.PRI,Primary\r\n");
	put("e/mail/00000001.PRI", "MAILMESSAGE,SMTP:a@b\r\n");
	put("e/mail/a@b/INBOX/folder.jsonl", HEAD);
	assert_int_equal(find("e"), 0);
	assert_int_equal(found.len, 1);
	assert_int_equal(found.format, FORMAT_EXCHANGE);
	assert_string_equal(found.place[0].path, temp_path("e/mail/imex.PKL"));
	assert_string_equal(found.place[0].account_dir, temp_path("e/mail/a@b"));
	assert_string_equal(found.place[0].login, "a");
	put("n/imex.db", "");
	put("n/mail/", "");
	assert_int_equal(find("n"), -1);
	assert_int_equal(err.kind, ERR_NO_INPUT);
}

static void
trees_and_files_of_others_are_known(void **state)
{
	(void)state;
	put_maildir("maildir/");
	assert_int_equal(find("maildir"), 0);
	assert_int_equal(found.format, FORMAT_MAILDIR);
	assert_false(found.place[0].ours);
	assert_string_equal(found.place[0].login, "maildir");
	assert_string_equal(found.place[0].host, "");
	put_maildir("nested/A/B/");
	assert_int_equal(find("nested"), 0);
	assert_int_equal(found.format, FORMAT_MAILDIR);
	put("mboxes/Inbox", FROM "A: b\n\n");
	put("mboxes/Inbox.msf", "x");
	assert_int_equal(find("mboxes"), 0);
	assert_int_equal(found.format, FORMAT_MBOX);
	assert_int_equal(find("mboxes/Inbox"), 0);
	assert_int_equal(found.format, FORMAT_MBOX);
	put("emls/a/1.eml", "A: b\n\n");
	put("emls/a/2.eml", "anything");
	assert_int_equal(find("emls"), 0);
	assert_int_equal(found.format, FORMAT_EML);
	assert_int_equal(find("emls/a/1.eml"), 0);
	assert_int_equal(found.format, FORMAT_EML);
	assert_string_equal(found.place[0].login, "1");
	put("message", "Received: x\r\n\r\n");
	assert_int_equal(find("message"), 0);
	assert_int_equal(found.format, FORMAT_EML);
	put("junky", "some junk\n" FROM "A: b\n\n");
	assert_int_equal(find("junky"), 0);
	assert_int_equal(found.format, FORMAT_MBOX);
	put("set/IMEX.PKL", "1252\r\n\r\nFilename,Filetype\r\n");
	put("set/imex-2.PKL", "1252\r\n\r\nFilename,Filetype\r\n");
	assert_int_equal(find("set"), 0);
	assert_int_equal(found.format, FORMAT_EXCHANGE);
	assert_int_equal(found.len, 1); /* they continue each other */
	assert_int_equal(find("set/imex-2.PKL"), 0);
	assert_int_equal(found.len, 1);
}

static void
several_formats_are_named_and_nothing_is_guessed(void **state)
{
	(void)state;
	put_maildir("t/A/");
	put("t/old/archive", FROM "A: b\n\n");
	assert_int_equal(find("t"), -1);
	assert_int_equal(err.kind, ERR_MALFORMED);
	assert_non_null(strstr(err.text, "a Maildir ('A')"));
	assert_non_null(strstr(err.text, "an mbox file ('old/archive')"));
}

static void
what_is_no_mail_is_said_with_what_was_looked_for(void **state)
{
	(void)state;
	assert_int_equal(find("nowhere"), -1);
	assert_int_equal(err.kind, ERR_NO_INPUT);
	put("empty/", "");
	assert_int_equal(find("empty"), -1);
	assert_int_equal(err.kind, ERR_NO_INPUT);
	put("text/a.txt", "hello");
	assert_int_equal(find("text"), -1);
	assert_int_equal(err.kind, ERR_MALFORMED);
	assert_non_null(strstr(err.text, "looked for: a job of imex"));
	assert_int_equal(find("text/a.txt"), -1);
	assert_int_equal(err.kind, ERR_MALFORMED);
	put("zero", "");
	assert_int_equal(find("zero"), -1);
	assert_int_equal(err.kind, ERR_NO_INPUT);
	assert_int_equal(mkfifo(temp_path("pipe"), 0600), 0);
	assert_int_equal(find("pipe"), -1);
	assert_int_equal(err.kind, ERR_MALFORMED);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, temp_dir_make, end)
	const struct CMUnitTest tests[] = {
		T(a_job_gives_a_place_for_each_account),
		T(each_format_of_imex_is_known),
		T(trees_and_files_of_others_are_known),
		T(several_formats_are_named_and_nothing_is_guessed),
		T(what_is_no_mail_is_said_with_what_was_looked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
