/* mbox files of imex and of many other programs, read as a source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/resource.h>

#include "shelf_help.h"
#include "store/mbox/mbox_from.h"
#include "store/mbox/mbox_scan.h"
#include "store/tree.h"

#define FROM "From a@b Mon Jan  1 00:00:10 2024\n"
#define HEAD(name, v)                                                                              \
	"{\"folder\":\"" name "\",\"name\":\"" name "\",\"delim\":\"/\",\"uidvalidity\":" #v       \
	",\"special_use\":[],\"subscribed\":false}\n"
#define LINE(uid, v, at, stored, wire, more)                                                       \
	"{\"uid\":" #uid ",\"uidvalidity\":" #v ",\"file\":\"folder.mbox\",\"at\":" #at            \
	",\"flags\":[\"\\\\Seen\"],\"keywords\":[\"kw\"],\"internaldate\":\"17-Jul-1996 02:44:25 " \
	"-0700\""                                                                                  \
	",\"size\":" #wire ",\"wire\":" #wire ",\"stored\":" #stored                               \
	",\"verdict\":\"stored\"" more "}\n"

static void
enter_one(const char *file, const char *folder)
{
	assert_int_equal(read_open(&shelf_mbox, file, false), 0);
	assert_int_equal(read_enter(folder), 0);
}

/* ---- of imex ---- */

/* From_ is 34 octets; at 0: 19 octets; blank; at 54. */
static void
put_ours(void)
{
	put("t/INBOX/folder.mbox",
	    FROM "A: b\n\n>From c\n>>From\n\n" FROM "C: d\r\n\r\nx\ny\r\n\n");
	put("t/INBOX/folder.jsonl", HEAD("INBOX", 7) LINE(1, 7, 0, 21, 25, ",\"eol\":\"lf\"")
					LINE(5, 7, 56, 13, 13, ",\"eol\":\"wire\""));
}

static void
what_imex_wrote_is_found_by_the_sidecar(void **state)
{
	(void)state;
	put_ours();
	assert_int_equal(read_open(&shelf_mbox, "t", true), 0);
	assert_string_equal(read_names(), "INBOX");
	assert_int_equal(rd.list.folder[0].counts.messages, 2);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.head.exists, 2);
	assert_int_equal(rd.head.uidvalidity, 7);
	assert_string_equal(read_flags(), "1:\\Seen kw; 5:\\Seen kw");
	assert_int_equal(read_msg(1)->date.epoch, 837596665);
	assert_true(body_is(1, "A: b\r\n\r\nFrom c\r\n>>From\r\n"));
	assert_true(body_is(5, "C: d\r\n\r\nx\ny\r\n"));
	assert_int_equal(rd.ops->notes(rd.shelf)->len, 0);
}

static void
fields_that_the_sink_inserted_are_left_out(void **state)
{
	(void)state;
	put("t/INBOX/folder.mbox", FROM "A: b\nStatus: RO\nX-Keywords: k\n\nx\n\n");
	put("t/INBOX/folder.jsonl", HEAD("INBOX", 7) LINE(1, 7, 0, 33, 11,
					",\"eol\":\"lf\",\"status_at\":5,\"status_len\":25"));
	assert_int_equal(read_open(&shelf_mbox, "t", true), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_true(body_is(1, "A: b\r\n\r\nx\r\n"));
}

static void
what_another_program_appended_is_numbered_behind_the_highest(void **state)
{
	(void)state;
	put_ours();
	temp_write(
	    "t/INBOX/folder.mbox", FROM "N: 1\n\nnew\n\n", strlen(FROM "N: 1\n\nnew\n\n"), "ab");
	put("t/INBOX/folder.mbox.2", FROM "N: 2\n\nother\n\n");
	assert_int_equal(read_open(&shelf_mbox, "t", true), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.head.exists, 4);
	assert_int_equal(rd.head.uidnext, 8);
	assert_true(body_is(6, "N: 1\r\n\r\nnew\r\n"));
	assert_true(body_is(7, "N: 2\r\n\r\nother\r\n"));
	assert_true(noted("there are 1 messages that imex did not write"));
}

static void
a_place_outside_the_file_or_without_a_start_is_a_failed_message(void **state)
{
	(void)state;
	put("t/INBOX/folder.mbox", FROM "A: b\n\nx\n\n");
	put("t/INBOX/folder.jsonl",
	    HEAD("INBOX", 7) LINE(1, 7, 9999, 2, 2, "") LINE(2, 7, 3, 2, 2, "")
		LINE(3, 7, 0, 999, 2, "") "{\"uid\":4,\"uidvalidity\":7,\"file\":\"../"
					  "x\",\"at\":0,\"wire\":1,\"stored\":1}\n"
					  "{\"uid\":5,\"uidvalidity\":7,\"file\":\"gone\",\"at\":0,"
					  "\"wire\":1,\"stored\":1}\n"
					  "{\"uid\":6,\"uidvalidity\":7,\"file\":\"folder.mbox\","
					  "\"wire\":1,\"stored\":1}\n");
	assert_int_equal(read_open(&shelf_mbox, "t", true), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	for (uint32_t uid = 1; uid <= 6; uid++) {
		assert_null(read_body(uid));
		assert_int_equal(rd.b.verdict, VERDICT_FAILED);
		assert_non_null(rd.b.reason);
	}
	assert_null(read_body(2));
	assert_non_null(strstr(rd.b.reason, "'folder.mbox' at octet 3: no message starts there"));
	assert_null(read_body(3));
	assert_non_null(strstr(rd.b.reason, "tells of 999 octets, the file has 9 there"));
}

static void
a_file_that_was_rewritten_is_told_of(void **state)
{
	(void)state;
	put_ours();
	put("t/INBOX/folder.mbox", FROM "A: b\n\nx\n\n");
	assert_int_equal(read_open(&shelf_mbox, "t", true), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_true(noted("another program rewrote the file"));
}

static void
verify_finds_octets_that_no_line_covers(void **state)
{
	struct tree *t;
	struct err err = { 0 };
	struct stored s;
	char name[512];
	const struct folder_rec rec = { .name = "INBOX", .path = "INBOX", .uidvalidity = 7 };
	struct msg row = { .uid = 1, .flags.keywords = "kw" };

	(void)state;
	put("t/INBOX/folder.mbox",
	    FROM "A: b\n\nx\n\njunk\n" FROM "C: d\n\ny\n\n" FROM "E: f\n\nz\n\n");
	put("t/INBOX/folder.jsonl", HEAD("INBOX", 7) LINE(1, 7, 0, 8, 11, ",\"eol\":\"lf\"")
					LINE(2, 7, 48, 8, 11, ",\"eol\":\"lf\""));
	assert_int_equal(tree_mbox.open(&t, temp_path("t"), &err), 0);
	assert_int_equal(tree_mbox.enter(t, &rec, &err), 0);
	assert_int_equal(tree_mbox.look(t, &row, &s, &err), 0);
	assert_true(s.found);
	assert_string_equal(s.name, "folder.mbox at 0");
	assert_int_equal(s.wire_bytes, 11);
	assert_int_equal(s.system, FLAG_SEEN);
	assert_false(s.keywords_differ);
	assert_int_equal(s.mtime, 837596665);
	row.uid = 2;
	assert_int_equal(tree_mbox.look(t, &row, &s, &err), 0);
	assert_true(s.found);
	row.uid = 9;
	assert_int_equal(tree_mbox.look(t, &row, &s, &err), 0);
	assert_false(s.found);
	assert_true(tree_mbox.stray(t, name));
	assert_string_equal(name, "folder.mbox at 91");
	assert_true(tree_mbox.stray(t, name));
	assert_string_equal(name, "folder.mbox at 43, 5 octets");
	assert_false(tree_mbox.stray(t, name));
	tree_mbox.close(&t);
}

/* ---- of others ---- */

static void
mboxo_and_mboxrd_lose_one_quote(void **state)
{
	(void)state;
	put("o", FROM "A: b\n\n>From x\n\n");
	enter_one("o", "o");
	assert_true(body_is(1, "A: b\r\n\r\nFrom x\r\n"));
	assert_true(noted("mboxo or mboxrd"));
	put("rd", FROM "A: b\n\n>>From x\n>From y\n>not\n>>>From z\n\n");
	enter_one("rd", "rd");
	assert_true(body_is(1, "A: b\r\n\r\n>From x\r\nFrom y\r\n>not\r\n>>From z\r\n"));
	assert_true(noted("'rd': mboxrd"));
}

static void
content_length_decides_where_all_messages_have_a_right_one(void **state)
{
	(void)state;
	put("cl2", FROM "Content-Length: 53\n\nx\n\n" FROM "B: not\n\n>From q\n"
			"\n" FROM "Content-Length: 2\n\ny\n\n");
	enter_one("cl2", "cl2");
	assert_int_equal(rd.head.exists, 2);
	assert_true(
	    body_is(1, "Content-Length: 53\r\n\r\nx\r\n\r\nFrom a@b Mon Jan  1 00:00:10 2024\r\n"
		       "B: not\r\n\r\n>From q\r\n"));
	assert_true(body_is(2, "Content-Length: 2\r\n\r\ny\r\n"));
	assert_true(noted("mboxcl2"));
	put("cl", FROM "Content-Length: 8\n\n>From q\n\n" FROM "Content-Length: 2\n\ny\n\n");
	enter_one("cl", "cl");
	assert_true(body_is(1, "Content-Length: 8\r\n\r\nFrom q\r\n"));
	assert_true(noted("mboxcl:"));
}

static void
one_message_with_a_content_length_does_not_swallow_its_neighbours(void **state)
{
	(void)state;
	put("m", FROM "A: 1\n\nx\n\n" FROM "Content-Length: 46\n\ny\n\n" FROM "C: 3\n\nz\n\n" FROM
		      "D: 4\n\nw\n\n");
	enter_one("m", "m");
	assert_int_equal(rd.head.exists, 4);
	assert_true(body_is(2, "Content-Length: 46\r\n\r\ny\r\n"));
	/* A wrong one is of no interest. */
	put("m", FROM "Content-Length: 3\n\nlonger\n\n" FROM "Content-Length: 77777\n\ny\n\n");
	enter_one("m", "m");
	assert_true(body_is(1, "Content-Length: 3\r\n\r\nlonger\r\n"));
	assert_true(body_is(2, "Content-Length: 77777\r\n\r\ny\r\n"));
}

static void
messages_end_before_the_blank_line_that_separates_them(void **state)
{
	(void)state;
	put("m", FROM "A: 1\n\n\nx\n\n\n" FROM "B: 2\n\n" FROM "C: 3\n\ny");
	enter_one("m", "m");
	assert_true(body_is(1, "A: 1\r\n\r\n\r\nx\r\n\r\n"));
	assert_true(body_is(2, "B: 2\r\n\r\n"));
	assert_true(body_is(3, "C: 3\r\n\r\ny"));
	put("crlf", "From a Mon Jan 1 00:00:10 2024\r\nA: 1\r\n\r\nx\r\n\r\n"
		    "From b Mon Jan 1 00:00:10 2024\r\nB: 2\r\n\r\ny\r\n\r\n");
	enter_one("crlf", "crlf");
	assert_true(body_is(1, "A: 1\r\n\r\nx\r\n"));
	assert_true(body_is(2, "B: 2\r\n\r\ny\r\n"));
}

static void
a_from_line_without_a_date_starts_a_message_only_where_a_header_follows(void **state)
{
	(void)state;
	put("m",
	    "From \nA: 1\n\nFrom here on\nit is text\n\nFrom there\ntoo\n\nFrom - x\nB: 2\n\ny\n");
	enter_one("m", "m");
	assert_int_equal(rd.head.exists, 2);
	assert_true(
	    body_is(1, "A: 1\r\n\r\nFrom here on\r\nit is text\r\n\r\nFrom there\r\ntoo\r\n"));
	assert_true(body_is(2, "B: 2\r\n\r\ny\r\n"));
	assert_true(noted("2 lines \"From \" without a date"));
}

static void
flags_come_from_the_fields_that_programs_keep_them_in(void **state)
{
	(void)state;
	put("m", FROM "Status: RO\nX-Status: AF\nX-Keywords: b a   \n\nx\n\n" FROM
		      "X-Mozilla-Status: 000d\nX-Mozilla-Keys: $label1\n\ny\n\n" FROM
		      "Status: O\n\nStatus: R\n\n");
	enter_one("m", "m");
	assert_string_equal(read_flags(),
	    "1:\\Answered \\Flagged \\Seen a b; 2:\\Deleted \\Flagged \\Seen $label1; 3:");
	assert_true(body_is(1, "Status: RO\r\nX-Status: AF\r\nX-Keywords: b a   \r\n\r\nx\r\n"));
}

static void
uids_of_dovecot_and_uw_are_taken_and_the_pseudo_message_left_out(void **state)
{
	(void)state;
	put("m", FROM
	    "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1234 0000000020\n"
	    "Status: RO\n\nThis text is part of the internal format.\n\n" FROM
	    "X-UID: 3\n\nx\n\n" FROM "X-UID: 20\n\ny\n\n" FROM "N: 1\n\nz\n\n");
	enter_one("m", "m");
	/* The last one's number may be another's the next time. */
	assert_int_not_equal(rd.head.uidvalidity, 1234);
	assert_true(noted("1 message has no UID that goes on"));
	assert_int_equal(rd.page->len, 3);
	assert_non_null(read_msg(3));
	assert_non_null(read_msg(20));
	assert_true(body_is(21, "N: 1\r\n\r\nz\r\n"));
	assert_true(noted("1 pseudo message"));
	put("d", FROM "X-IMAPbase: 77 0000000009 kw\nX-UID: 4\n\nx\n\n" FROM
		      "X-UID: 2\n\ny\n\n" FROM "X-UID: 9\n\nz\n\n");
	enter_one("d", "d");
	assert_int_not_equal(rd.head.uidvalidity, 77);
	assert_string_equal(read_flags(), "4:; 10:; 11:");
	put("d", FROM "X-IMAPbase: 77 0000000009 kw\nX-UID: 4\n\nx\n\n" FROM
		      "X-UID: 6\n\ny\n\n" FROM "X-UID: 9\n\nz\n\n");
	enter_one("d", "d");
	assert_int_equal(rd.head.uidvalidity, 77);
	assert_string_equal(read_flags(), "4:; 6:; 9:");
}

static void
a_changed_file_has_another_uidvalidity(void **state)
{
	uint32_t v;

	(void)state;
	put("m", FROM "A: 1\n\nx\n\n");
	enter_one("m", "m");
	v = rd.head.uidvalidity;
	assert_int_not_equal(v, 0);
	put_time("m", 12345);
	enter_one("m", "m");
	assert_int_equal(rd.head.uidvalidity, v);
	put("m", FROM "A: 1\n\ny\n\n");
	enter_one("m", "m");
	assert_int_not_equal(rd.head.uidvalidity, v);
}

static void
the_internal_date_is_that_of_the_from_line_else_of_the_header_else_of_the_file(void **state)
{
	(void)state;
	put("m", FROM "Date: Tue, 2 Jan 2024 00:00:00 +0000\n\nx\n\n"
		      "From \nDate: Tue, 2 Jan 2024 00:00:00 +0000\n\ny\n\nFrom -\nA: b\n\nz\n\n");
	put_time("m", 4242);
	enter_one("m", "m");
	assert_int_equal(read_msg(1)->date.epoch, 1704067210);
	assert_int_equal(read_msg(2)->date.epoch, 1704153600);
	assert_int_equal(read_msg(3)->date.epoch, 4242);
}

static int64_t
from_date(const char *line)
{
	struct date d = { .epoch = -7 };

	return mbox_from_date(slice_str(line), &d) ? d.epoch : -1;
}

static void
dates_of_from_lines_come_in_many_forms(void **state)
{
	(void)state;
	assert_int_equal(from_date("From a Mon Jan  1 00:00:10 2024"), 1704067210);
	assert_int_equal(from_date("From a  Mon Jan 1 00:00 2024"), 1704067200);
	assert_int_equal(
	    from_date("From \"Mon Day\" <a@b> Mon Jan 01 01:00:10 2024 +0100"), 1704067210);
	assert_int_equal(from_date("From a Mon Jan  1 01:00:10 MET 2024"), 1704067210);
	assert_int_equal(from_date("From a Mon Jan  1 02:00:10 MET DST 2024"), 1704067210);
	assert_int_equal(from_date("From a Mon, 1 Jan 2024 00:00:10 +0000"), 1704067210);
	assert_int_equal(from_date("From - Mon Jan 01 00:00:10 2024\r"), 1704067210);
	assert_int_equal(from_date("From a Mon Jan  1 00:00:10 2024 remote from b"), 1704067210);
	assert_int_equal(from_date("From Monday Mon 1"), -1);
	assert_int_equal(from_date("From here Mon Jan 1 2024"), -1);
	assert_int_equal(from_date("From a Mon Jan 99 00:00:10 2024"), -1);
	assert_int_equal(from_date("From "), -1);
}

static void
what_stands_before_the_first_message_is_told_of(void **state)
{
	static const char zeros[4096];

	(void)state;
	put("x.mbox", "\n\nsome junk\nmore\n\n" FROM "A: 1\n\nx\n\n");
	enter_one("x.mbox", "x");
	assert_int_equal(rd.head.exists, 1);
	assert_true(noted("16 octets from octet 2 on stand before the first line"));
	put_octets("z", zeros, sizeof zeros);
	temp_write("z", FROM "A: 1\n\nx\0y\n\n", strlen(FROM) + 11, "ab");
	enter_one("z", "z");
	assert_int_equal(rd.head.exists, 1);
	assert_non_null(read_body(1));
	assert_int_equal(rd.body.len, 13);
	assert_memory_equal(rd.body.data, "A: 1\r\n\r\nx\0y\r\n", 13);
}

static void
trees_of_thunderbird_apple_and_mutt_are_found(void **state)
{
	(void)state;
	put("t/Inbox", FROM "A: 1\n\nx\n\n");
	put("t/Inbox.msf", "// <!-- <mdb:mork");
	put("t/Inbox.sbd/Sub", FROM "A: 1\n\nx\n\n");
	put("t/Empty", "");
	put("t/Empty.msf", "// <!-- <mdb:mork");
	put("t/nothing", "");
	put("t/popstate.dat", "hello\n");
	put("t/Apple.mbox/mbox", FROM "A: 1\n\nx\n\n");
	put("t/Apple.mbox/table_of_contents", "binary");
	put("t/Archive/2024.mbox", FROM "A: 1\n\nx\n\n");
	put("t/Archive/Entw\xc3\xbcrfe", FROM "A: 1\n\nx\n\n");
	put("t/Archive/.hidden", FROM "A: 1\n\nx\n\n");
	assert_int_equal(read_open(&shelf_mbox, "t", false), 0);
	assert_string_equal(
	    read_names(), "INBOX Apple Archive/2024 Archive/Entw&APw-rfe Empty INBOX/Sub");
	assert_true(noted("are no mbox and were passed over"));
	assert_int_equal(read_enter("Empty"), 0);
	assert_int_equal(rd.head.exists, 0);
}

static void
a_place_that_is_a_link_to_a_file_is_read_but_links_below_a_place_are_not(void **state)
{
	(void)state;
	put("away/real", FROM "A: 1\n\nx\n\n");
	assert_int_equal(symlink("away/real", temp_path("link")), 0);
	enter_one("link", "real");
	assert_true(body_is(1, "A: 1\r\n\r\nx\r\n"));
	put("t/here", FROM "A: 1\n\nx\n\n");
	assert_int_equal(symlink("../away/real", temp_path("t/link")), 0);
	assert_int_equal(symlink("../away", temp_path("t/dir")), 0);
	assert_int_equal(read_open(&shelf_mbox, "t", false), 0);
	assert_string_equal(read_names(), "here");
	assert_true(noted("'link': it is a symbolic link"));
	assert_true(noted("'dir': it is a symbolic link"));
}

static void
an_endless_line_takes_no_memory(void **state)
{
	struct rusage before, after;
	struct slice part;
	uint64_t octets = 0;

	(void)state;
	put("m", FROM "A: 1\n\n>");
	assert_int_equal(truncate(temp_path("m"), INT64_C(300) << 20), 0);
	temp_write("m", "\n\n" FROM "B: 2\n\nlast\n\n", strlen(FROM) + 14, "ab");
	getrusage(RUSAGE_SELF, &before);
	enter_one("m", "m");
	assert_int_equal(rd.head.exists, 2);
	assert_true(body_is(2, "B: 2\r\n\r\nlast\r\n"));
	assert_int_equal(rd.ops->begin(rd.shelf, 1, &rd.b, &rd.err), 0);
	do {
		assert_int_equal(rd.ops->read(rd.shelf, &part, &rd.err), 0);
		octets += part.len;
	} while (part.len > 0);
	getrusage(RUSAGE_SELF, &after);
	assert_int_equal(octets, (UINT64_C(300) << 20) - strlen(FROM) + 4);
	assert_true(after.ru_maxrss - before.ru_maxrss < 16 * 1024);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, temp_dir_make, shelf_test_end)
	const struct CMUnitTest tests[] = {
		T(what_imex_wrote_is_found_by_the_sidecar),
		T(fields_that_the_sink_inserted_are_left_out),
		T(what_another_program_appended_is_numbered_behind_the_highest),
		T(a_place_outside_the_file_or_without_a_start_is_a_failed_message),
		T(a_file_that_was_rewritten_is_told_of),
		T(verify_finds_octets_that_no_line_covers),
		T(mboxo_and_mboxrd_lose_one_quote),
		T(content_length_decides_where_all_messages_have_a_right_one),
		T(one_message_with_a_content_length_does_not_swallow_its_neighbours),
		T(messages_end_before_the_blank_line_that_separates_them),
		T(a_from_line_without_a_date_starts_a_message_only_where_a_header_follows),
		T(flags_come_from_the_fields_that_programs_keep_them_in),
		T(uids_of_dovecot_and_uw_are_taken_and_the_pseudo_message_left_out),
		T(a_changed_file_has_another_uidvalidity),
		T(the_internal_date_is_that_of_the_from_line_else_of_the_header_else_of_the_file),
		T(dates_of_from_lines_come_in_many_forms),
		T(what_stands_before_the_first_message_is_told_of),
		T(trees_of_thunderbird_apple_and_mutt_are_found),
		T(a_place_that_is_a_link_to_a_file_is_read_but_links_below_a_place_are_not),
		T(an_endless_line_takes_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
