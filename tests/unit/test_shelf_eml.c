/* Messages in single files, of imex and of others, read as a source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/digest.h"
#include "shelf_help.h"
#include "store/shelf_dir.h"
#include "store/tree.h"

#define HEAD(name, v)                                                                              \
	"{\"folder\":\"" name "\",\"name\":\"" name "\",\"delim\":\"/\",\"uidvalidity\":" #v       \
	",\"special_use\":[],\"subscribed\":false}\n"
#define LINE(uid, v, file, n)                                                                      \
	"{\"uid\":" #uid ",\"uidvalidity\":" #v ",\"file\":\"" file "\",\"flags\":[\"\\\\Seen\"]," \
	"\"keywords\":[],\"internaldate\":\"17-Jul-1996 02:44:25 "                                 \
	"-0700\",\"size\":null,\"wire\":" #n ",\"stored\":" #n ",\"verdict\":\"stored\"}\n"

static void
what_imex_wrote_is_found_by_the_sidecar(void **state)
{
	(void)state;
	put("t/INBOX/5.eml", "A: b\r\n\r\nx\ny\r\n");
	put("t/INBOX/folder.jsonl",
	    HEAD("INBOX", 7) LINE(5, 7, "5.eml", 13) LINE(6, 7, "6.eml", 2));
	put("t/A%3Fb/folder.jsonl", "damaged\n");
	assert_int_equal(read_open(&shelf_eml, "t", true), 0);
	assert_string_equal(read_names(), "INBOX A?b");
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.head.exists, 2);
	assert_int_equal(rd.head.uidnext, 7);
	assert_true(body_is(5, "A: b\r\n\r\nx\ny\r\n"));
	assert_null(read_body(6));
	assert_int_equal(rd.b.verdict, VERDICT_FAILED);
	assert_true(rd.b.absent);
	assert_non_null(strstr(rd.b.reason, "'6.eml': No such file"));
}

static void
a_file_that_no_line_tells_of_is_a_message_behind_the_highest(void **state)
{
	(void)state;
	put("t/INBOX/5.eml", "A: b\r\n\r\n");
	put("t/INBOX/9.eml", "taken back\r\n");
	put("t/INBOX/other.eml", "O: 1\n\nx\n");
	put("t/INBOX/100.eml", "O: 2\n\nx\n");
	put("t/INBOX/5.V6.eml", "old\r\n");
	put("t/INBOX/folder.jsonl",
	    HEAD("INBOX", 6) LINE(5, 6, "5.V6.eml", 5) HEAD("INBOX", 7)
		LINE(5, 7, "5.eml", 8) "{\"uid\":9,\"uidvalidity\":7,\"removed\":true}\n");
	assert_int_equal(read_open(&shelf_eml, "t", true), 0);
	assert_string_equal(read_names(), "INBOX INBOX (UIDVALIDITY 6)");
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.head.exists, 3);
	assert_string_equal(read_flags(), "5:\\Seen; 10:; 11:");
	assert_true(body_is(10, "O: 2\r\n\r\nx\r\n"));
	assert_true(body_is(11, "O: 1\r\n\r\nx\r\n"));
	assert_true(noted("'100.eml' and 1 more files are not told of"));
	assert_int_equal(read_enter("INBOX (UIDVALIDITY 6)"), 0);
	assert_int_equal(rd.head.exists, 1);
	assert_true(body_is(5, "old\r\n"));
}

static void
a_tree_of_others_is_numbered_in_natural_order(void **state)
{
	(void)state;
	put("t/Work/10.eml", "T: ten\n\nx\n");
	put("t/Work/2.EML", "T: two\r\n\r\nx\r\n");
	put("t/Work/a.txt", "no mail");
	put("t/Work/deep/x.eml", "X: 1\n\n");
	put("t/root.eml", "R: 1\n\n");
	assert_int_equal(read_open(&shelf_eml, "t", false), 0);
	assert_string_equal(read_names(), "INBOX Work Work/deep");
	assert_int_equal(read_enter("Work"), 0);
	assert_int_equal(rd.head.exists, 2);
	assert_true(body_is(1, "T: two\r\n\r\nx\r\n"));
	assert_true(body_is(2, "T: ten\r\n\r\nx\r\n"));
	put("t/inbox/1.eml", "I: 1\n\n");
	assert_int_equal(read_open(&shelf_eml, "t", false), 0);
	assert_string_equal(read_names(), "INBOX Work Work/deep t");
}

static void
the_date_is_the_headers_before_the_files(void **state)
{
	(void)state;
	put("t/1.eml", "Date: Tue, 2 Jan 2024 00:00:00 +0100\n\nx\n");
	put("t/2.eml", "Received: from a; Tue, 2 Jan 2024 00:00:00 +0000\n\nx\n");
	put("t/3.eml", "A: b\n\nDate: Tue, 2 Jan 2024 00:00:00 +0000\n");
	put_time("t/1.eml", 99);
	put_time("t/3.eml", 99);
	assert_int_equal(read_open(&shelf_eml, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(read_msg(1)->date.epoch, 1704150000);
	assert_int_equal(read_msg(1)->date.zone_min, 60);
	assert_int_equal(read_msg(2)->date.epoch, 1704153600);
	assert_int_equal(read_msg(3)->date.epoch, 99);
}

static void
one_file_is_an_inbox_of_one_message(void **state)
{
	(void)state;
	put("mail", "A: b\n\nx\n");
	assert_int_equal(read_open(&shelf_eml, "mail", false), 0);
	assert_string_equal(read_names(), "INBOX");
	assert_int_equal(read_enter("INBOX"), 0);
	assert_true(body_is(1, "A: b\r\n\r\nx\r\n"));
}

static void
a_changed_tree_has_another_uidvalidity(void **state)
{
	uint32_t v;

	(void)state;
	put("t/1.eml", "A: b\n\nx\n");
	put_time("t/1.eml", 99);
	assert_int_equal(read_open(&shelf_eml, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	v = rd.head.uidvalidity;
	assert_int_equal(read_open(&shelf_eml, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.head.uidvalidity, v);
	put("t/2.eml", "A: b\n\nx\n");
	assert_int_equal(read_open(&shelf_eml, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_not_equal(rd.head.uidvalidity, v);
}

static void
natural_order_is_an_order(void **state)
{
	static const char *const sorted[] = { "1.eml", "2.eml", "02x.eml", "10.eml",
		"99999999999999999999999.eml", "a1b2", "a1b10", "a01b11", "a2", "b" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sorted); i++) {
		for (size_t k = 0; k < COUNT_OF(sorted); k++) {
			int order = shelf_name_natural(sorted[i], sorted[k]);

			assert_true(i == k ? order == 0 : i < k ? order < 0 : order > 0);
		}
	}
}

static void
verify_looks_at_files_through_the_sidecar(void **state)
{
	struct tree *t;
	struct err err = { 0 };
	struct stored s;
	char name[512];
	uint8_t sum[SHA256_LEN];
	const struct folder_rec rec = { .name = "INBOX", .path = "INBOX", .uidvalidity = 7 };
	const struct folder_rec none = { .name = "Gone", .path = "Gone", .uidvalidity = 7 };
	struct msg row = { .uid = 5, .flags = { FLAG_SEEN, "kw" } };

	(void)state;
	put("t/INBOX/5.eml", "A: b\r\n\r\nx\r\n");
	put("t/INBOX/stray.eml", "A: b\r\n\r\n");
	put("t/INBOX/folder.jsonl",
	    HEAD("INBOX", 7) LINE(5, 7, "5.eml", 11) LINE(6, 7, "6.eml", 2));
	assert_int_equal(tree_eml.open(&t, temp_path("t"), &err), 0);
	assert_int_equal(tree_eml.enter(t, &none, &err), -1);
	assert_int_equal(err.kind, ERR_NO_INPUT);
	assert_int_equal(tree_eml.enter(t, &rec, &err), 0);
	assert_int_equal(tree_eml.look(t, &row, &s, &err), 0);
	assert_true(s.found);
	assert_string_equal(s.name, "5.eml");
	assert_int_equal(s.wire_bytes, 11);
	digest_once("A: b\r\n\r\nx\r\n", 11, sum);
	assert_memory_equal(s.sha256, sum, sizeof sum);
	assert_int_equal(s.system, FLAG_SEEN);
	assert_true(s.keywords_differ);
	row.uid = 6;
	assert_int_equal(tree_eml.look(t, &row, &s, &err), 0);
	assert_false(s.found);
	assert_non_null(strstr(s.why, "'6.eml'"));
	assert_true(tree_eml.stray(t, name));
	assert_string_equal(name, "stray.eml");
	assert_false(tree_eml.stray(t, name));
	tree_eml.close(&t);
	assert_int_equal(tree_eml.open(&t, temp_path("nowhere"), &err), -1);
	assert_int_equal(err.kind, ERR_NO_INPUT);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, temp_dir_make, shelf_test_end)
	const struct CMUnitTest tests[] = {
		T(what_imex_wrote_is_found_by_the_sidecar),
		T(a_file_that_no_line_tells_of_is_a_message_behind_the_highest),
		T(a_tree_of_others_is_numbered_in_natural_order),
		T(the_date_is_the_headers_before_the_files),
		T(one_file_is_an_inbox_of_one_message),
		T(a_changed_tree_has_another_uidvalidity),
		T(natural_order_is_an_order),
		T(verify_looks_at_files_through_the_sidecar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
