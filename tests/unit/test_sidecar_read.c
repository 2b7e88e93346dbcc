/* Sidecars read back, whole ones and damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "shelf_help.h"
#include "store/sidecar_read.h"
#include "store/sidecar_scan.h"

#define HEAD7                                                                                      \
	"{\"folder\":\"A/Entwürfe\",\"name\":\"A/Entw&APw-rfe\",\"delim\":\"/"                    \
	"\",\"uidvalidity\":7,"                                                                    \
	"\"special_use\":[\"\\\\Drafts\",\"\\\\Important\"],\"subscribed\":true}\n"
#define HEAD9                                                                                      \
	"{\"folder\":\"A\",\"name\":\"A\",\"delim\":null,\"uidvalidity\":9,"                       \
	"\"special_use\":[],\"subscribed\":false}\n"
#define SHA "\"sha256\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\""
#define LINE(uid, v, more)                                                                         \
	"{\"uid\":" #uid ",\"uidvalidity\":" #v ",\"file\":\"" #uid                                \
	".eml\",\"flags\":[\"\\\\Seen\"],"                                                         \
	"\"keywords\":[\"b\",\"a\"],\"internaldate\":\"17-Jul-1996 02:44:25 -0700\",\"size\":12,"  \
	"\"wire\":10,\"stored\":9," SHA ",\"verdict\":\"stored\"" more "}\n"

static int dir = -1;
static struct sidecar_index *x;
static struct notes notes;
static struct arena arena;

static int
begin(void **state)
{
	struct err err;

	notes_init(&notes);
	arena_init(&arena, 1024 * 1024);
	return temp_dir_make(state) < 0 ? -1 : file_open_dir(AT_FDCWD, temp_dir, &dir, &err);
}

static int
end(void **state)
{
	sidecar_index_free(&x);
	notes_done(&notes);
	arena_done(&arena);
	file_close(&dir);
	return temp_dir_remove(state);
}

static void
index_now(void)
{
	struct err err = { 0 };

	sidecar_index_free(&x);
	assert_int_equal(sidecar_index_read(&x, dir, "A", NULL, &notes, &err), 0);
}

static struct sidecar_line
line_of(uint32_t v, uint32_t uid)
{
	const struct sidecar_entry *e = sidecar_index_find(x, v, uid);
	struct sidecar_line l = { .file = NULL };
	struct err err = { 0 };

	assert_non_null(e);
	assert_int_equal(sidecar_index_line(x, e, &arena, &l, &err), 0);
	return l;
}

static void
no_sidecar_is_no_index(void **state)
{
	(void)state;
	index_now();
	assert_null(x);
}

static void
a_line_comes_back_as_it_was_written(void **state)
{
	(void)state;
	put("folder.jsonl",
	    HEAD7 LINE(5, 7, ",\"at\":120,\"eol\":\"lf\",\"status_at\":3,\"status_len\":4"));
	index_now();
	struct sidecar_line l = line_of(7, 5);
	assert_int_equal(l.msg.uid, 5);
	assert_string_equal(l.file, "5.eml");
	assert_int_equal(l.msg.flags.system, FLAG_SEEN);
	assert_string_equal(l.msg.flags.keywords, "a b");
	assert_true(l.msg.date.known);
	assert_int_equal(l.msg.date.epoch, 837596665);
	assert_null(l.msg.raw_date);
	assert_int_equal(l.msg.size, 12);
	assert_int_equal(l.msg.wire_bytes, 10);
	assert_int_equal(l.msg.file_bytes, 9);
	assert_true(l.sha256_known);
	assert_int_equal(l.msg.sha256[1], 0x11);
	assert_int_equal(l.msg.sha256[31], 0xff);
	assert_int_equal(l.at, 120);
	assert_int_equal(l.eol, SIDECAR_EOL_LF);
	assert_int_equal(l.status_at, 3);
	assert_int_equal(l.status_len, 4);
	assert_int_equal(notes.len, 0);
}

static void
the_folder_line_tells_name_delimiter_use_and_subscription(void **state)
{
	(void)state;
	put("folder.jsonl", HEAD7);
	index_now();
	const struct sidecar_folder *f = sidecar_index_folder(x);
	assert_true(f->known);
	assert_true(slice_eq(f->name, "A/Entw&APw-rfe"));
	assert_int_equal(f->delim, '/');
	assert_int_equal(f->uidvalidity, 7);
	assert_string_equal(f->special_use, "\\Drafts \\Important");
	assert_true(f->subscribed);
}

static void
a_name_that_is_not_utf8_comes_from_its_base64(void **state)
{
	(void)state;
	put("folder.jsonl",
	    "{\"folder\":\"x\",\"name\":\"M\\ufffdll\",\"name_b64\":\"TfxsbA==\",\"delim\":\".\","
	    "\"uidvalidity\":1}\n");
	index_now();
	assert_true(slice_eq(sidecar_index_folder(x)->name, "M\xfcll"));
}

static void
the_last_line_of_a_uid_counts_and_a_removed_one_is_kept_as_such(void **state)
{
	uint32_t highest;

	(void)state;
	put("folder.jsonl",
	    HEAD7 LINE(1, 7, "") LINE(2, 7, "") LINE(
		3, 7, "") "{\"uid\":1,\"uidvalidity\":7,\"file\":\"x\",\"wire\":99,\"stored\":99}\n"
			  "{\"uid\":3,\"uidvalidity\":7,\"removed\":true}\n");
	index_now();
	assert_int_equal(line_of(7, 1).msg.wire_bytes, 99);
	assert_int_equal(sidecar_index_count(x, 7, &highest), 2);
	assert_int_equal(highest, 2);
	assert_true(sidecar_index_find(x, 7, 3)->removed);
	assert_null(sidecar_index_find(x, 7, 4));
}

static void
the_last_folder_line_over_all_files_is_the_current_one(void **state)
{
	uint32_t older;

	(void)state;
	put("folder.jsonl", HEAD7 LINE(1, 7, "") LINE(2, 7, ""));
	put("folder.jsonl.2", HEAD9 LINE(1, 9, ",\"at\":1"));
	index_now();
	assert_int_equal(sidecar_index_folder(x)->uidvalidity, 9);
	assert_int_equal(line_of(9, 1).at, 1);
	assert_false(line_of(7, 1).at_known);
	assert_true(sidecar_index_older(x, 0, &older));
	assert_int_equal(older, 7);
	assert_false(sidecar_index_older(x, 1, &older));
}

static void
a_torn_last_line_is_ignored(void **state)
{
	(void)state;
	put("folder.jsonl", HEAD7 LINE(1, 7, "") "{\"uid\":2,\"uidvalidity\":7,\"fi");
	index_now();
	assert_non_null(sidecar_index_find(x, 7, 1));
	assert_null(sidecar_index_find(x, 7, 2));
	assert_int_equal(notes.len, 0);
}

static void
a_damaged_line_is_noted_with_its_number_and_the_rest_is_read(void **state)
{
	(void)state;
	put("folder.jsonl", HEAD7 LINE(1, 7, "") "{\"uid\":2,\"uidva\n" LINE(3, 7, ""));
	index_now();
	assert_non_null(sidecar_index_find(x, 7, 3));
	assert_int_equal(notes.len, 1);
	assert_true(notes.note[0].standing);
	assert_non_null(strstr(notes.note[0].text, "'A/folder.jsonl' line 3:"));
}

static void
a_line_that_is_damaged_inside_is_an_error_of_that_message(void **state)
{
	struct sidecar_line l;
	struct err err = { 0 };

	(void)state;
	put("folder.jsonl",
	    HEAD7 "{\"uid\":2,\"uidvalidity\":7,\"file\":\"x\",\"x\":\"\\q\"}\n" LINE(3, 7, ""));
	index_now();
	assert_int_equal(sidecar_index_line(x, sidecar_index_find(x, 7, 2), &arena, &l, &err), -1);
	assert_int_equal(err.kind, ERR_MESSAGE);
	assert_non_null(strstr(err.text, "folder.jsonl"));
	(void)line_of(7, 3);
}

static void
a_line_that_is_too_long_is_passed_over(void **state)
{
	size_t len = SIDECAR_LINE_MAX + 100;
	char *big = malloc(len + 1);

	(void)state;
	memset(big, 'x', len);
	big[len - 1] = '\n';
	put("folder.jsonl", HEAD7 LINE(1, 7, ""));
	temp_write("folder.jsonl", big, len, "ab");
	temp_write("folder.jsonl", LINE(3, 7, ""), strlen(LINE(3, 7, "")), "ab");
	free(big);
	index_now();
	assert_non_null(sidecar_index_find(x, 7, 1));
	(void)line_of(7, 3);
	assert_int_equal(notes.len, 1);
	assert_non_null(strstr(notes.note[0].text, "line 3:"));
}

static void
many_changes_of_one_message_take_the_place_of_one(void **state)
{
	uint32_t highest;
	FILE *out = fopen(temp_path("folder.jsonl"), "wb");

	(void)state;
	fputs(HEAD7, out);
	for (unsigned i = 0; i < 20000; i++)
		fprintf(out,
		    "{\"uid\":%u,\"uidvalidity\":7,\"file\":\"x\",\"wire\":%u,\"stored\":1}\n",
		    i % 10 + 1, i);
	fclose(out);
	index_now();
	assert_int_equal(sidecar_index_count(x, 7, &highest), 10);
	assert_int_equal(line_of(7, 10).msg.wire_bytes, 19999);
	assert_int_equal(line_of(7, 1).msg.wire_bytes, 19990);
}

#define AMEND(uid, v, flag)                                                                        \
	"{\"uid\":" #uid ",\"uidvalidity\":" #v ",\"flags\":[\"\\\\" flag "\"],\"keywords\":[]}\n"

static void
a_line_without_a_file_changes_flags_and_keywords_alone(void **state)
{
	uint32_t highest;

	(void)state;
	put("folder.jsonl",
	    HEAD7 AMEND(1, 7, "Draft") LINE(1, 7, "") LINE(2, 7, "") LINE(3, 7, "")
		AMEND(1, 7, "Deleted") AMEND(2, 7, "Draft") AMEND(2, 7, "Flagged") LINE(3, 7, ""));
	put("folder.jsonl.2",
	    AMEND(1, 7, "Answered") LINE(4, 7, "") AMEND(4, 7, "Draft") LINE(4, 7, "") AMEND(9, 7,
		"Draft") "{\"uid\":5,\"uidvalidity\":7,\"removed\":true}\n" AMEND(5, 7, "Draft"));
	index_now();
	struct sidecar_line l = line_of(7, 1);
	assert_int_equal(l.msg.flags.system, FLAG_ANSWERED);
	assert_string_equal(l.msg.flags.keywords, "");
	assert_int_equal(l.msg.wire_bytes, 10);
	assert_string_equal(l.file, "1.eml");
	assert_int_equal(line_of(7, 2).msg.flags.system, FLAG_FLAGGED);
	assert_int_equal(line_of(7, 3).msg.flags.system, FLAG_SEEN);
	assert_int_equal(line_of(7, 4).msg.flags.system, FLAG_SEEN);
	assert_null(sidecar_index_find(x, 7, 9));
	assert_true(sidecar_index_find(x, 7, 5)->removed);
	assert_int_equal(sidecar_index_count(x, 7, &highest), 4);
	assert_int_equal(notes.len, 1);
	assert_non_null(strstr(notes.note[0].text, "1 lines of the sidecar change the flags"));
}

static void
keywords_that_are_not_utf_8_are_read_from_their_octets(void **state)
{
	(void)state;
	put("folder.jsonl",
	    HEAD7 "{\"uid\":1,\"uidvalidity\":7,\"file\":\"1.eml\",\"wire\":10,\"stored\":10,\"flags\":[],\"keywords\":[\"\xef\xbf\xbd\","
		  "\"b\"],\"keywords_b64\":\"5CBi\"}\n"
		  "{\"uid\":2,\"uidvalidity\":7,\"file\":\"2.eml\",\"wire\":10,\"stored\":10,\"flags\":[],\"keywords\":[\"b\"]}\n");
	index_now();
	struct sidecar_line l = line_of(7, 1);
	assert_string_equal(l.msg.flags.keywords, "b \xe4");
	assert_string_equal(line_of(7, 2).msg.flags.keywords, "b");
}

static void
lines_beyond_the_window_are_read_in_any_order(void **state)
{
	FILE *out = fopen(temp_path("folder.jsonl"), "wb");

	(void)state;
	fputs(HEAD7, out);
	for (unsigned i = 1; i <= 3000; i++)
		fprintf(out,
		    "{\"uid\":%u,\"uidvalidity\":7,\"file\":\"x\",\"wire\":%u,\"stored\":1,\"pad\":"
		    "\"%0100u\"}\n",
		    i, i, i);
	fclose(out);
	index_now();
	for (uint32_t uid = 3000; uid > 7; uid -= 7)
		assert_int_equal(line_of(7, uid).msg.wire_bytes, uid);
	assert_int_equal(line_of(7, 3000).msg.wire_bytes, 3000);
}

static void
a_file_name_that_leads_elsewhere_is_none(void **state)
{
	(void)state;
	put("folder.jsonl",
	    HEAD7 "{\"uid\":1,\"uidvalidity\":7,\"wire\":1,\"stored\":1,\"file\":\"../x\"}\n"
		  "{\"uid\":2,\"uidvalidity\":7,\"wire\":1,\"stored\":1,\"file\":\"..\"}\n"
		  "{\"uid\":3,\"uidvalidity\":7,\"wire\":1,\"stored\":1,\"file\":\"\"}\n"
		  "{\"uid\":4,\"uidvalidity\":7,\"wire\":1,\"stored\":1,\"file\":7}\n");
	index_now();
	for (uint32_t uid = 1; uid <= 4; uid++)
		assert_null(line_of(7, uid).file);
}

static void
a_raw_date_that_is_no_date_is_kept(void **state)
{
	(void)state;
	put("folder.jsonl", HEAD7 "{\"uid\":1,\"uidvalidity\":7,\"file\":\"x\",\"wire\":1,"
				  "\"stored\":1,\"internaldate\":\"00-Jan-0000\"}\n"
				  "{\"uid\":2,\"uidvalidity\":7,\"file\":\"x\",\"wire\":1,"
				  "\"stored\":1,\"internaldate\":\" 7-Jul-1996 02:44:25 -0700\"}\n"
				  "{\"uid\":3,\"uidvalidity\":7,\"file\":\"x\",\"wire\":1,"
				  "\"stored\":1,\"internaldate\":null,\"size\":null}\n");
	index_now();
	assert_false(line_of(7, 1).msg.date.known);
	assert_string_equal(line_of(7, 1).msg.raw_date, "00-Jan-0000");
	assert_true(line_of(7, 2).msg.date.known);
	assert_string_equal(line_of(7, 2).msg.raw_date, " 7-Jul-1996 02:44:25 -0700");
	assert_null(line_of(7, 3).msg.raw_date);
	assert_false(line_of(7, 3).msg.size_known);
}

static void
a_sidecar_that_is_a_link_or_a_pipe_is_an_error_of_the_folder(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(symlink("/etc/hostname", temp_path("folder.jsonl")), 0);
	assert_int_equal(sidecar_index_read(&x, dir, "A", NULL, &notes, &err), -1);
	assert_int_equal(err.kind, ERR_FOLDER);
	assert_int_equal(unlink(temp_path("folder.jsonl")), 0);
	assert_int_equal(mkfifo(temp_path("folder.jsonl"), 0600), 0);
	assert_int_equal(sidecar_index_read(&x, dir, "A", NULL, &notes, &err), -1);
}

static enum sidecar_kind
kind_of(const char *line)
{
	struct sidecar_scanned s;

	sidecar_scan(slice_str(line), &s);
	return s.kind;
}

static void
a_scan_takes_what_is_json_and_refuses_what_is_not(void **state)
{
	(void)state;
	assert_int_equal(kind_of("{\"uid\":5}"), SIDECAR_AMENDED);
	assert_int_equal(kind_of(" { \"a\" : [ {\"b\":\"]}\"} ] , \"uid\" : 5 , \"file\":\"\"} "),
	    SIDECAR_MESSAGE);
	assert_int_equal(kind_of("{\"uid\":5,\"removed\":true}"), SIDECAR_REMOVED);
	assert_int_equal(kind_of("{\"uid\":5,\"removed\":false,\"file\":\"x\"}"), SIDECAR_MESSAGE);
	assert_int_equal(kind_of("{\"folder\":\"x\"}"), SIDECAR_FOLDER);
	assert_int_equal(kind_of(""), SIDECAR_BAD);
	assert_int_equal(kind_of("{}"), SIDECAR_BAD);
	assert_int_equal(kind_of("{\"uid\":0}"), SIDECAR_BAD);
	assert_int_equal(kind_of("{\"uid\":4294967296}"), SIDECAR_BAD);
	assert_int_equal(kind_of("{\"uid\":5"), SIDECAR_BAD);
	assert_int_equal(kind_of("{\"uid\":5}x"), SIDECAR_BAD);
	assert_int_equal(kind_of("{\"uid\":5,}"), SIDECAR_BAD);
	assert_int_equal(kind_of("{\"uid\":5,\"a\":[}"), SIDECAR_BAD);
	assert_int_equal(kind_of("{\"uid\":5,\"a\":\"\\\"}"), SIDECAR_BAD);
	assert_int_equal(kind_of("[\"uid\",5]"), SIDECAR_BAD);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		T(no_sidecar_is_no_index),
		T(a_line_comes_back_as_it_was_written),
		T(the_folder_line_tells_name_delimiter_use_and_subscription),
		T(a_name_that_is_not_utf8_comes_from_its_base64),
		T(the_last_line_of_a_uid_counts_and_a_removed_one_is_kept_as_such),
		T(the_last_folder_line_over_all_files_is_the_current_one),
		T(a_torn_last_line_is_ignored),
		T(a_damaged_line_is_noted_with_its_number_and_the_rest_is_read),
		T(a_line_that_is_damaged_inside_is_an_error_of_that_message),
		T(a_line_that_is_too_long_is_passed_over),
		T(many_changes_of_one_message_take_the_place_of_one),
		T(a_line_without_a_file_changes_flags_and_keywords_alone),
		T(keywords_that_are_not_utf_8_are_read_from_their_octets),
		T(lines_beyond_the_window_are_read_in_any_order),
		T(a_file_name_that_leads_elsewhere_is_none),
		T(a_raw_date_that_is_no_date_is_kept),
		T(a_sidecar_that_is_a_link_or_a_pipe_is_an_error_of_the_folder),
		T(a_scan_takes_what_is_json_and_refuses_what_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
