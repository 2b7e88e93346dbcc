/* base/event: the line in the file, the line on the terminal, and what survives a kill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/event.h"
#include "base/json.h"
#include "tempdir.h"

static const char refusal[] =
    "0004 BAD UID Request \"0004 UID FETCH 5 (RFC822.PEEK)\" at column 25\r\n";
static const struct event seed = {
	.no = EV_REFUSED, .level = LEVEL_WARNING, .account = "usuario1%ncc%migracion", .folder = "INBOX",
	.uid = 5, .command = "UID FETCH 5 (RFC822.PEEK)",
	.reply = { refusal, sizeof(refusal) - 1 },
};

static json_t *
line_of(size_t n)
{
	char *text = temp_read("events.jsonl", NULL);
	char *rest = text, *line = NULL;

	for (size_t i = 0; i <= n; i++)
		line = strsep(&rest, "\n");
	json_t *root = line != NULL ? json_loads(line, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL) : NULL;

	free(text);
	assert_non_null(root);
	return root;
}

static const char *
field(json_t *root, const char *key)
{
	return json_string_value(json_object_get(root, key));
}

static void
event_line_has_the_fields_of_the_contract(void **state)
{
	struct evlog *log = NULL;
	struct err err;

	(void)state;
	assert_int_equal(evlog_open(&log, temp_dir, NULL, LEVEL_INFO, &err), 0);
	evlog_put(log, &seed, "asked with %s instead", "RFC822");
	assert_int_equal(evlog_sync(log, NULL, &err), 0);
	evlog_close(&log);
	evlog_close(&log);
	json_t *e = line_of(0);

	assert_int_equal(json_integer_value(json_object_get(e, "event")), 14002);
	assert_string_equal(field(e, "source"), "imex");
	assert_string_equal(field(e, "level"), "warning");
	assert_string_equal(field(e, "account"), "usuario1%ncc%migracion");
	assert_string_equal(field(e, "folder"), "INBOX");
	assert_int_equal(json_integer_value(json_object_get(e, "uid")), 5);
	assert_string_equal(field(e, "command"), "UID FETCH 5 (RFC822.PEEK)");
	assert_string_equal(field(e, "reply"), refusal);
	assert_string_equal(field(e, "text"), "asked with RFC822 instead");
	assert_int_equal(strlen(field(e, "time")), 24);
	assert_int_equal(json_object_size(e), 10);
	json_decref(e);
}

static void
event_leaves_out_what_is_not_known_and_has_words_of_its_own(void **state)
{
	struct event e = { .no = EV_RUN_START, .level = LEVEL_INFO };
	struct evlog *log = NULL;
	struct err err;

	(void)state;
	assert_int_equal(evlog_open(&log, temp_dir, NULL, LEVEL_INFO, &err), 0);
	evlog_put(log, &e, "%s", "");
	evlog_close(&log);
	json_t *root = line_of(0);

	assert_string_equal(field(root, "text"), "run started");
	assert_int_equal(json_object_size(root), 5);
	json_decref(root);
	assert_int_equal(event_default_level(EV_PARSE), LEVEL_ERROR);
	assert_int_equal(event_default_level(EV_RUN_START), LEVEL_INFO);
}

static void
event_reply_that_is_not_utf8_is_there_in_base64_too(void **state)
{
	struct event e = { .no = EV_PARSE, .level = LEVEL_ERROR, .reply = { "* \xe9\0 x", 6 } };
	struct evlog *log = NULL;
	struct err err;

	(void)state;
	assert_int_equal(evlog_open(&log, temp_dir, NULL, LEVEL_INFO, &err), 0);
	evlog_put(log, &e, "x");
	evlog_close(&log);
	json_t *root = line_of(0);

	assert_string_equal(field(root, "reply_b64"), "KiDpACB4");
	assert_int_equal(json_string_length(json_object_get(root, "reply")), 8);
	assert_null(json_object_get(root, "reply_bytes"));
	json_decref(root);
}

static void
event_reply_over_8_kib_is_cut_between_characters_and_marked(void **state)
{
	static char reply[20000];
	struct event e = { .no = EV_PARSE, .level = LEVEL_ERROR };
	struct evlog *log = NULL;
	struct err err;

	(void)state;
	assert_int_equal(evlog_open(&log, temp_dir, NULL, LEVEL_INFO, &err), 0);
	for (size_t shift = 0; shift < 4; shift++) {
		memset(reply, 'a', sizeof(reply));
		for (size_t i = shift; i + 3 <= sizeof(reply); i += 3)
			memcpy(reply + i, "\xe2\x82\xac", 3);
		e.reply = (struct slice){ reply, 20000 - 20000 % 3 + shift };
		evlog_put(log, &e, "x");
	}
	memset(reply, 1, sizeof(reply));
	e.reply = (struct slice){ reply, sizeof(reply) };
	evlog_put(log, &e, "x");
	memset(reply, 0xff, sizeof(reply));
	evlog_put(log, &e, "x");
	assert_int_equal(evlog_sync(log, NULL, &err), 0);
	evlog_close(&log);
	for (size_t i = 0; i < 6; i++) {
		json_t *root = line_of(i);
		size_t len = json_string_length(json_object_get(root, "reply"));

		assert_true(json_integer_value(json_object_get(root, "reply_bytes")) >= 19998);
		assert_true(i == 5 ? len == 3 * 8192 : len >= 8190 && len <= 8192);
		assert_int_equal(json_object_get(root, "reply_b64") != NULL, i == 5);
		json_decref(root);
	}
}

static void
event_log_cuts_a_torn_last_line_at_open_and_nothing_else(void **state)
{
	static char torn[200000];
	static const char *const before[] = { "", "{\"a\":1}\n", "{\"a\":1}\n\n" };
	struct evlog *log = NULL;
	struct err err;

	(void)state;
	memset(torn, 't', sizeof(torn));
	for (size_t i = 0; i < 3; i++) {
		for (size_t len = 0; len <= sizeof(torn); len = len < 3 ? len + 1 : len * 7) {
			temp_write("events.jsonl", before[i], strlen(before[i]), "w");
			temp_write("events.jsonl", torn, len, "a");
			assert_int_equal(evlog_open(&log, temp_dir, NULL, LEVEL_INFO, &err), 0);
			evlog_close(&log);
			assert_true(temp_holds("events.jsonl", before[i]));
		}
	}
}

static void
event_log_keeps_a_failed_write_for_the_barrier_and_goes_on_in_a_new_line(void **state)
{
	struct rlimit old, small;
	struct evlog *log = NULL;
	struct stat st;
	struct err err;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(evlog_open(&log, temp_dir, NULL, LEVEL_INFO, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){ .rlim_cur = 100, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	evlog_put(log, &seed, "does not fit");
	evlog_put(log, &seed, "does not fit either: not a byte of it");
	int synced = evlog_sync(log, NULL, &err);

	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(synced, -1);
	assert_int_equal(err.sys, EFBIG);
	/* Nor does a sync of all that is around it make up for that. */
	assert_int_equal(stat(temp_dir, &st), 0);
	assert_int_equal(evlog_sync(log, &st.st_dev, &err), -1);
	evlog_put(log, &seed, "fits");
	assert_int_equal(evlog_sync(log, NULL, &err), -1);
	evlog_close(&log);
	json_t *root = line_of(1);

	assert_string_equal(field(root, "text"), "fits");
	json_decref(root);
}

static void
event_that_found_no_room_at_all_leaves_no_trace(void **state)
{
	struct rlimit old, small;
	struct evlog *log = NULL;
	struct err err;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	temp_write("events.jsonl", "{}\n", 3, "w");
	assert_int_equal(evlog_open(&log, temp_dir, NULL, LEVEL_INFO, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){ .rlim_cur = 3, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	evlog_put(log, &seed, "no room");
	setrlimit(RLIMIT_FSIZE, &old);
	evlog_put(log, &seed, "room");
	evlog_close(&log);
	json_t *root = line_of(1);

	assert_string_equal(field(root, "text"), "room");
	json_decref(root);
}

enum { THREADS = 4, EACH = 500 };

static void *
put_many(void *log)
{
	for (int i = 0; i < EACH; i++)
		evlog_put(log, &seed, "number %d", i);
	return NULL;
}

static void
event_lines_of_many_threads_do_not_mix(void **state)
{
	struct evlog *log = NULL;
	pthread_t thread[THREADS];
	struct err err;
	size_t lines = 0;

	(void)state;
	assert_int_equal(evlog_open(&log, temp_dir, NULL, LEVEL_INFO, &err), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, put_many, log);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(evlog_sync(log, NULL, &err), 0);
		pthread_join(thread[i], NULL);
	}
	evlog_close(&log);
	char *text = temp_read("events.jsonl", NULL), *rest = text;

	for (char *line = strsep(&rest, "\n"); rest != NULL; line = strsep(&rest, "\n"), lines++) {
		json_t *root = json_loads(line, 0, NULL);

		assert_non_null(root);
		json_decref(root);
	}
	free(text);
	assert_int_equal(lines, THREADS * EACH);
}

static void
event_log_needs_no_file_no_terminal_and_not_even_to_exist(void **state)
{
	struct evlog *log = NULL;
	struct err err;

	(void)state;
	evlog_put(NULL, &seed, "x");
	assert_int_equal(evlog_sync(NULL, NULL, &err), 0);
	evlog_set_screen(NULL, NULL, NULL, NULL);
	assert_int_equal(evlog_open(&log, NULL, NULL, LEVEL_INFO, &err), 0);
	evlog_put(log, &seed, "x");
	assert_int_equal(evlog_sync(log, NULL, &err), 0);
	evlog_close(&log);
	assert_int_equal(evlog_open(&log, temp_path("none"), NULL, LEVEL_INFO, &err), -1);
	assert_null(log);
}

static void
hidden(void *arg)
{
	fputs("<", arg);
}

static void
shown(void *arg)
{
	fputs(">", arg);
}

static void
event_on_the_terminal_is_one_visible_line_between_hide_and_show(void **state)
{
	struct event info = { .no = EV_RUN_START, .level = LEVEL_INFO };
	struct event debug = { .no = EV_RUN_START, .level = LEVEL_DEBUG };
	struct event plain = { .no = EV_ALERT, .level = LEVEL_ERROR, .folder = "a\nb" };
	struct evlog *log = NULL;
	struct err err;
	char *said = NULL;
	size_t len;
	FILE *terminal = open_memstream(&said, &len);

	(void)state;
	assert_int_equal(evlog_open(&log, NULL, terminal, LEVEL_INFO, &err), 0);
	evlog_put(log, &seed, "asked again");
	evlog_set_screen(log, hidden, shown, terminal);
	evlog_put(log, &debug, "not shown");
	evlog_put(log, &info, "started");
	evlog_put(log, &plain, "x\x1b[2J");
	evlog_close(&log);
	fclose(terminal);
	assert_string_equal(said, "warning: [usuario1%ncc%migracion INBOX uid 5] asked again (server: \"0004 BAD UID "
	    "Request \"0004 UID FETCH 5 (RFC822.PEEK)\" at column 25\")\n"
	    "<started\n><error: [a\\x0ab] x\\x1b[2J\n>");
	free(said);
}

static void
shows(const char *text, size_t len, const char *want)
{
	struct buf b;

	buf_init(&b, 1000);
	text_visible((struct slice){ text, len }, &b);
	assert_string_equal(b.data, want);
	buf_done(&b);
}

static void
text_visible_shows_what_a_terminal_would_obey(void **state)
{
	(void)state;
	shows("f\xc3\xbcr \xe2\x82\xac \xf0\x9f\x93\xa7", 13, "f\xc3\xbcr \xe2\x82\xac \xf0\x9f\x93\xa7");
	shows("\x1b[31m\r\n\0\x7f", 9, "\\x1b[31m\\x0d\\x0a\\x00\\x7f");
	shows("\xc2\x9b" "2J", 4, "\\u{9b}2J");
	shows("\xe2\x80\xae" "gpj.exe", 10, "\\u{202e}gpj.exe");
	shows("\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\xa8\xe2\x80\xa9", 18,
	    "\\u{2066}\\u{2069}\\u{200e}\\u{200f}\\u{2028}\\u{2029}");
	shows("a\xff\xc3", 3, "a\\xff\\xc3");
}

/* Renamed in the middle of its life: no event is lost, and both files hold whole lines. */
static void
event_log_of_several_processes_tells_whose_a_line_is_and_cuts_nothing(void **state)
{
	struct evlog *first = NULL, *second = NULL;
	struct err err;

	(void)state;
	assert_int_equal(evlog_open(&first, temp_dir, NULL, LEVEL_INFO, &err), 0);
	evlog_put(first, &seed, "one");
	FILE *torn = fopen(temp_path("events.jsonl"), "a");
	assert_non_null(torn);
	assert_true(fputs("{\"time\"", torn) >= 0);
	assert_int_equal(fclose(torn), 0);
	assert_int_equal(evlog_join(&second, temp_dir, NULL, LEVEL_INFO, &err), 0);
	evlog_share(first);
	evlog_put(second, &seed, "two");
	evlog_put(first, &seed, "three");
	evlog_close(&first);
	evlog_close(&second);
	FILE *file = fopen(temp_path("events.jsonl"), "r");
	assert_non_null(file);
	char line[4096];
	for (int i = 0; i < 4; i++) {
		assert_non_null(fgets(line, sizeof(line), file));
		assert_int_equal(strcmp(line, "{\"time\"\n") == 0, i == 1);
		assert_int_equal(strstr(line, "\"process\":") != NULL, i > 1);
	}
	assert_null(fgets(line, sizeof(line), file));
	assert_int_equal(fclose(file), 0);
}

static void
event_log_that_was_renamed_goes_on_in_a_new_file(void **state)
{
	struct event e = { .no = EV_RUN_START, .level = LEVEL_INFO };
	struct evlog *log = NULL;
	struct err err;
	char from[4200], to[4200];

	(void)state;
	snprintf(from, sizeof(from), "%s/events.jsonl", temp_dir);
	snprintf(to, sizeof(to), "%s/events.jsonl.1", temp_dir);
	assert_int_equal(evlog_open(&log, temp_dir, NULL, LEVEL_INFO, &err), 0);
	evlog_put(log, &e, "first");
	assert_int_equal(rename(from, to), 0);
	evlog_put(log, &e, "second");
	assert_int_equal(evlog_reopen(log, &err), 0);
	evlog_put(log, &e, "third");
	assert_int_equal(evlog_reopen(log, &err), 0);
	evlog_put(log, &e, "fourth");
	assert_int_equal(evlog_sync(log, NULL, &err), 0);
	evlog_close(&log);

	const char *const texts[] = { "third", "fourth" };
	char *old = temp_read("events.jsonl.1", NULL);

	assert_non_null(strstr(old, "first"));
	assert_non_null(strstr(old, "second"));
	assert_null(strstr(old, "third"));
	free(old);
	for (size_t i = 0; i < 2; i++) {
		json_t *line = line_of(i);

		assert_string_equal(field(line, "text"), texts[i]);
		json_decref(line);
	}
}

/* Where the new file cannot be, events go on into the old one. */
static void
event_log_that_cannot_be_opened_again_keeps_its_file(void **state)
{
	struct event e = { .no = EV_RUN_START, .level = LEVEL_INFO };
	struct evlog *log = NULL;
	struct err err = { 0 };
	char from[4200], to[4200];

	(void)state;
	snprintf(from, sizeof(from), "%s/events.jsonl", temp_dir);
	snprintf(to, sizeof(to), "%s/events.jsonl.1", temp_dir);
	assert_int_equal(evlog_open(&log, temp_dir, NULL, LEVEL_INFO, &err), 0);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(symlink("events.jsonl.1", from), 0);
	assert_int_equal(evlog_reopen(log, &err), -1);
	assert_int_not_equal(err.kind, ERR_NONE);
	evlog_put(log, &e, "still there");
	evlog_close(&log);

	char *old = temp_read("events.jsonl.1", NULL);

	assert_non_null(strstr(old, "still there"));
	free(old);
	assert_int_equal(evlog_reopen(NULL, &err), 0);
}

#define EVENT_TEST(name) cmocka_unit_test_setup_teardown(name, temp_dir_make, temp_dir_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EVENT_TEST(event_line_has_the_fields_of_the_contract),
		EVENT_TEST(event_leaves_out_what_is_not_known_and_has_words_of_its_own),
		EVENT_TEST(event_reply_that_is_not_utf8_is_there_in_base64_too),
		EVENT_TEST(event_reply_over_8_kib_is_cut_between_characters_and_marked),
		EVENT_TEST(event_log_cuts_a_torn_last_line_at_open_and_nothing_else),
		EVENT_TEST(event_log_keeps_a_failed_write_for_the_barrier_and_goes_on_in_a_new_line),
		EVENT_TEST(event_that_found_no_room_at_all_leaves_no_trace),
		EVENT_TEST(event_lines_of_many_threads_do_not_mix),
		EVENT_TEST(event_log_needs_no_file_no_terminal_and_not_even_to_exist),
		EVENT_TEST(event_on_the_terminal_is_one_visible_line_between_hide_and_show),
		EVENT_TEST(event_log_of_several_processes_tells_whose_a_line_is_and_cuts_nothing),
		EVENT_TEST(event_log_that_was_renamed_goes_on_in_a_new_file),
		EVENT_TEST(event_log_that_cannot_be_opened_again_keeps_its_file),
		cmocka_unit_test(text_visible_shows_what_a_terminal_would_obey),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
