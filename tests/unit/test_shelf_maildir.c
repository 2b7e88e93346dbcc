/* Maildirs of imex and of others, read as a source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailtree.h"
#include "shelf_help.h"

#define HEAD(name, v)                                                                              \
	"{\"folder\":\"" name "\",\"name\":\"" name "\",\"delim\":\".\",\"uidvalidity\":" #v       \
	",\"special_use\":[\"\\\\Sent\"],\"subscribed\":true}\n"
#define LINE(uid, v, s, w, more)                                                                   \
	"{\"uid\":" #uid ",\"uidvalidity\":" #v ",\"file\":\"1000.V" #v "U" #uid ".imex,S=" #s     \
	",W=" #w                                                                                   \
	"\",\"flags\":[\"\\\\Seen\"],\"keywords\":[\"$Forwarded\",\"b&c\"],\"internaldate\":"      \
	"\" 7-Jul-1996 02:44:25 -0700\",\"size\":12,\"wire\":" #w ",\"stored\":" #s                \
	",\"verdict\":"                                                                            \
	"\"stored\"" more "}\n"

/* INBOX of imex: UID 1 as LF, UID 2 as it came. */
static void
put_ours(void)
{
	put_maildir("t/");
	put("t/folder.jsonl", HEAD("INBOX", 7) LINE(1, 7, 4, 6, "") LINE(2, 7, 5, 5, ""));
	put("t/dovecot-keywords", "0 $Forwarded\n1 later\n");
	put("t/cur/1000.V7U1.imex,S=4,W=6:2,Sa", "a\nb\n");
	put("t/cur/1000.V7U2.imex,S=5,W=5:2,S", "a\nb\r\n");
}

static void
what_imex_wrote_comes_back_with_uid_date_size_flags_and_octets(void **state)
{
	(void)state;
	put_ours();
	assert_int_equal(read_open(&shelf_maildir, "t", true), 0);
	assert_string_equal(read_names(), "INBOX");
	assert_int_equal(rd.list.folder[0].delim, '.');
	assert_int_equal(rd.list.folder[0].attrs & FOLDER_SUBSCRIBED, FOLDER_SUBSCRIBED);
	assert_string_equal(rd.list.folder[0].special_use, "\\Sent");
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.head.exists, 2);
	assert_int_equal(rd.head.uidvalidity, 7);
	assert_int_equal(rd.head.uidnext, 3);
	assert_int_equal(rd.page->len, 2);
	const struct msg *m = read_msg(1);
	assert_non_null(m);
	assert_int_equal(m->size, 12);
	assert_string_equal(m->raw_date, " 7-Jul-1996 02:44:25 -0700");
	assert_true(m->date.known);
	assert_string_equal(read_flags(), "1:\\Seen $Forwarded b&c; 2:\\Seen b&c");
	assert_true(body_is(1, "a\r\nb\r\n"));
	assert_true(body_is(2, "a\nb\r\n"));
	assert_int_equal(rd.ops->notes(rd.shelf)->len, 0);
}

static void
flags_that_another_program_changed_are_those_of_the_name(void **state)
{
	(void)state;
	put_ours();
	assert_int_equal(rename(temp_path("t/cur/1000.V7U1.imex,S=4,W=6:2,Sa"),
			     temp_path("t/new/1000.V7U1.imex,S=4,W=6:2,FTb")),
	    0);
	assert_int_equal(read_open(&shelf_maildir, "t", true), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_string_equal(read_flags(), "1:\\Deleted \\Flagged b&c later; 2:\\Seen b&c");
	assert_true(body_is(1, "a\r\nb\r\n"));
}

static void
a_message_renamed_after_the_listing_is_still_read(void **state)
{
	(void)state;
	put_ours();
	assert_int_equal(read_open(&shelf_maildir, "t", true), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rename(temp_path("t/cur/1000.V7U1.imex,S=4,W=6:2,Sa"),
			     temp_path("t/new/1000.V7U1.imex,S=4,W=6:2,")),
	    0);
	assert_true(body_is(1, "a\r\nb\r\n"));
	assert_int_equal(unlink(temp_path("t/cur/1000.V7U2.imex,S=5,W=5:2,S")), 0);
	assert_null(read_body(2));
	assert_int_equal(rd.b.verdict, VERDICT_GONE);
	assert_true(rd.b.absent);
}

static void
mail_that_others_delivered_is_numbered_behind_the_highest(void **state)
{
	(void)state;
	put_ours();
	put("t/new/2000.b.host", "x\n");
	put("t/cur/1500.a.host:2,R", "y\n");
	put_time("t/cur/1500.a.host:2,R", 5000);
	assert_int_equal(read_open(&shelf_maildir, "t", true), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.head.exists, 4);
	assert_int_equal(rd.head.uidnext, 5);
	assert_true(body_is(3, "y\r\n"));
	assert_true(body_is(4, "x\r\n"));
	assert_int_equal(read_msg(3)->date.epoch, 5000);
	assert_int_equal(read_msg(3)->flags.system, FLAG_ANSWERED);
}

static void
dovecot_goes_on_with_the_uids_when_it_served_the_folder(void **state)
{
	(void)state;
	put_ours();
	put("t/cur/1500.a.host:2,", "y\n");
	put("t/cur/1600.b.host:2,", "z\n");
	put("t/dovecot-uidlist", "3 V7 N50 G0011\n1 :1000.V7U1.imex,S=4,W=6\n40 W3 :1600.b.host\n");
	assert_int_equal(read_open(&shelf_maildir, "t", true), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_true(body_is(40, "z\r\n"));
	assert_true(body_is(50, "y\r\n"));
	assert_int_equal(rd.head.uidnext, 51);
	put("t/dovecot-uidlist", "3 V8 N50 G0011\n40 :1600.b.host\n");
	assert_int_equal(read_open(&shelf_maildir, "t", true), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_true(body_is(3, "y\r\n"));
	assert_true(body_is(4, "z\r\n"));
}

static void
messages_that_another_program_removed_are_not_listed_but_told_of(void **state)
{
	(void)state;
	put_ours();
	assert_int_equal(unlink(temp_path("t/cur/1000.V7U2.imex,S=5,W=5:2,S")), 0);
	assert_int_equal(read_open(&shelf_maildir, "t", true), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.page->len, 1);
	assert_true(noted("1 messages of the sidecar have no file"));
}

static void
two_files_of_one_uid_are_two_messages(void **state)
{
	(void)state;
	put_ours();
	put("t/new/1000.V7U1.imex,S=2,W=3", "c\n");
	assert_int_equal(read_open(&shelf_maildir, "t", true), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.page->len, 3);
	assert_true(noted("have the UID of another file"));
}

static void
what_is_left_of_an_older_uidvalidity_is_a_folder_of_its_own(void **state)
{
	(void)state;
	put_maildir("t/");
	put("t/folder.jsonl", HEAD("INBOX", 7) LINE(1, 7, 4, 6, "") LINE(2, 7, 2, 3, "") LINE(3, 7,
				  2, 3, "") "{\"uid\":2,\"uidvalidity\":7,\"removed\":true}\n");
	put("t/folder.jsonl.2", HEAD("INBOX", 9) LINE(1, 9, 2, 3, ""));
	put("t/cur/1000.V7U1.imex,S=4,W=6:2,S", "a\nb\n");
	put("t/cur/1000.V9U1.imex,S=2,W=3:2,", "n\n");
	assert_int_equal(read_open(&shelf_maildir, "t", true), 0);
	assert_string_equal(read_names(), "INBOX INBOX (UIDVALIDITY 7)");
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.head.uidvalidity, 9);
	assert_int_equal(rd.page->len, 1);
	assert_true(body_is(1, "n\r\n"));
	assert_int_equal(read_enter("INBOX (UIDVALIDITY 7)"), 0);
	assert_int_equal(rd.head.uidvalidity, 7);
	assert_int_equal(rd.page->len, 1);
	assert_true(body_is(1, "a\r\nb\r\n"));
	/* Without files of it there is no such folder. */
	assert_int_equal(unlink(temp_path("t/cur/1000.V7U1.imex,S=4,W=6:2,S")), 0);
	assert_int_equal(read_open(&shelf_maildir, "t", true), 0);
	assert_string_equal(read_names(), "INBOX");
}

static void
the_verdict_and_digest_of_the_sidecar_go_with_the_body(void **state)
{
	(void)state;
	put_maildir("t/");
	put("t/folder.jsonl",
	    HEAD("INBOX",
		7) "{\"uid\":1,\"uidvalidity\":7,\"file\":\"x\",\"wire\":3,\"stored\":2,"
		   "\"verdict\":\"header-only\",\"sha256\":"
		   "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}\n");
	put("t/cur/1000.V7U1.imex,S=2,W=3:2,", "n\n");
	assert_int_equal(read_open(&shelf_maildir, "t", true), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_true(body_is(1, "n\r\n"));
	assert_int_equal(rd.b.good, VERDICT_HEADER_ONLY);
	assert_int_equal(rd.b.sha256[2], 0x22);
}

static void
what_the_sink_writes_is_what_the_shelf_reads(void **state)
{
	static const char *const wire[] = { "A: 1\r\n\r\nx\r\n", "B: 2\n\nbare\r\n", "",
		"C\r\r\n" };
	uint8_t sum[SHA256_LEN];

	(void)state;
	tree_init();
	assert_int_equal(tree_open(&rd.err), 0);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(tree_add(10 * i + 1, FLAG_SEEN, i == 1 ? "$Forwarded a(b" : "",
				     wire[i], &rd.err),
		    0);
	assert_int_equal(tree_seal(TREE_COMMIT, &rd.err), 0);
	tree_close();
	assert_int_equal(read_open(&shelf_maildir, "u@h", true), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.head.uidvalidity, tree.rec.uidvalidity);
	assert_int_equal(rd.head.exists, 4);
	for (uint32_t i = 0; i < 4; i++) {
		const struct msg *m = read_msg(10 * i + 1), *row = tree_row(10 * i + 1);

		assert_non_null(m);
		assert_int_equal(m->date.epoch, row->date.epoch);
		assert_int_equal(m->date.zone_min, row->date.zone_min);
		assert_null(m->raw_date);
		assert_int_equal(m->size, row->size);
		assert_true(flags_equal(&m->flags, &row->flags));
		assert_true(body_is(10 * i + 1, wire[i]));
		digest_once(wire[i], strlen(wire[i]), sum);
		assert_memory_equal(rd.b.sha256, sum, sizeof sum);
	}
	assert_int_equal(rd.ops->notes(rd.shelf)->len, 0);
}

/* ---- of others ---- */

static void
a_maildir_of_others_is_numbered_in_order_of_names(void **state)
{
	uint32_t v;

	(void)state;
	put_maildir("t/");
	put("t/cur/20.b:2,S", "b\n");
	put("t/new/10.a", "a\r\n");
	put("t/cur/30.c;2,FP", "c\n");
	put_time("t/cur/20.b:2,S", 777);
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_string_equal(read_names(), "INBOX");
	assert_int_equal(read_enter("INBOX"), 0);
	assert_string_equal(read_flags(), "1:; 2:\\Seen; 3:\\Flagged $Forwarded");
	assert_true(body_is(1, "a\r\n"));
	assert_true(body_is(2, "b\r\n"));
	assert_int_equal(read_msg(2)->date.epoch, 777);
	assert_false(read_msg(2)->size_known);
	v = rd.head.uidvalidity;
	assert_int_not_equal(v, 0);
	/* Flags and new/ do not count, another message does. */
	assert_int_equal(rename(temp_path("t/new/10.a"), temp_path("t/cur/10.a:2,S")), 0);
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.head.uidvalidity, v);
	put("t/new/40.d", "d\n");
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_not_equal(rd.head.uidvalidity, v);
}

static void
line_ends_are_those_that_the_first_line_has(void **state)
{
	(void)state;
	put_maildir("t/");
	put("t/cur/1:2,", "A: b\n\nx\r\ny\n");
	put("t/cur/2:2,", "A: b\r\n\r\nx\ny\r\n");
	put("t/cur/3:2,", "no end");
	put("t/cur/4:2,", "");
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_true(body_is(1, "A: b\r\n\r\nx\r\ny\r\n"));
	assert_true(noted("'cur/1:2,' has both LF and CRLF"));
	assert_true(body_is(2, "A: b\r\n\r\nx\ny\r\n"));
	assert_true(body_is(3, "no end"));
	assert_true(body_is(4, ""));
}

static void
dovecot_uidlist_and_keywords_of_others_are_taken(void **state)
{
	(void)state;
	put_maildir("t/");
	put("t/cur/10.a,S=2:2,Sab", "a\n");
	put("t/cur/20.b:2,c", "b\n");
	put("t/cur/30.c:2,", "c\n");
	put("t/dovecot-keywords", "0 work\n1 home\nx y\n99 z\n");
	put("t/dovecot-uidlist",
	    "3 V1234 N100 Gabc\n7 W3 S2 :10.a,S=2:2,S\n9 :20.b\n9 :30.c\nbad\n");
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	/* The last one's number is not the list's, and the next time may be another's. */
	const uint32_t made = rd.head.uidvalidity;
	assert_int_not_equal(made, 1234);
	assert_true(noted("'dovecot-uidlist' has no UIDs of 1 message"));
	assert_string_equal(read_flags(), "7:\\Seen home work; 9:; 100:");
	assert_int_equal(rd.head.uidnext, 101);
	assert_true(noted("'dovecot-uidlist': 2 lines cannot be used, the first is line 4"));
	assert_true(noted("marked with the letter 'c', to which 'dovecot-keywords' gives no name"));
	/* Another flag alone changes nothing of that. */
	assert_int_equal(rename(temp_path("t/cur/20.b:2,c"), temp_path("t/cur/20.b:2,S")), 0);
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.head.uidvalidity, made);
	put("t/dovecot-uidlist", "3 V1234 N101 Gabc\n7 :10.a,S=2\n9 :20.b\n100 :30.c\n");
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.head.uidvalidity, 1234);
	assert_string_equal(read_flags(), "7:\\Seen home work; 9:\\Seen; 100:");
}

static void
the_version_1_of_courier_and_of_old_dovecots_is_read(void **state)
{
	(void)state;
	put_maildir("t/");
	put("t/cur/10.a:2,S", "a\n");
	put("t/courierimapuiddb", "1 555 20\n12 10.a\n");
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.head.uidvalidity, 555);
	assert_int_equal(rd.head.uidnext, 20);
	assert_non_null(read_msg(12));
}

static void
a_uidlist_that_leaves_no_room_is_not_used(void **state)
{
	(void)state;
	put_maildir("t/");
	put("t/cur/10.a:2,S", "a\n");
	put("t/cur/11.b:2,S", "b\n");
	put("t/dovecot-uidlist", "3 V1 N4294967295 Gabc\n4294967294 :10.a\n");
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_non_null(read_msg(1));
	assert_non_null(read_msg(2));
	assert_true(noted("leaves no UIDs"));
	put("t/dovecot-uidlist", "garbage\n10 :10.a\n");
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_non_null(read_msg(1));
	assert_true(noted("line 1 is none that is known"));
}

static void
all_styles_of_folders_are_found(void **state)
{
	(void)state;
	put_maildir("t/");
	put_maildir("t/.Sent/");
	put_maildir("t/.A.B&AOQ-/");
	put_maildir("t/.x\\2ey/");
	put_maildir("t/Nested/");
	put_maildir("t/Nested/deep/");
	put_maildir("t/.Nested.directory/kmail/");
	put("t/.git/objects/x", "From nobody Mon Jan  1 00:00:00 2024\n");
	put("t/plain/file.txt", "hello");
	put("t/subscriptions", "V\t2\n\nA\tB&AOQ-\nSent\n");
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_string_equal(
	    read_names(), "INBOX A/B&AOQ- Nested Nested/deep Nested/kmail Sent x.y");
	assert_int_equal(read_folder("A/B&AOQ-")->attrs, FOLDER_SUBSCRIBED);
	assert_int_equal(read_folder("Sent")->attrs, FOLDER_SUBSCRIBED);
	assert_int_equal(read_folder("Nested")->attrs, 0);
}

static void
inbox_is_known_in_any_case_and_twins_get_a_number(void **state)
{
	(void)state;
	put_maildir("t/Inbox/");
	put_maildir("t/Inbox/sub/");
	put_maildir("t/inbox/");
	put_maildir("t/Entwürfe/");
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_string_equal(read_names(), "INBOX Entw&APw-rfe INBOX (2) INBOX/sub");
	assert_true(noted("two places hold a folder 'INBOX'"));
}

static void
links_and_special_files_are_not_opened(void **state)
{
	(void)state;
	put_maildir("t/");
	put_maildir("away/");
	put("away/cur/1:2,", "secret\n");
	assert_int_equal(symlink("../away", temp_path("t/linked")), 0);
	assert_int_equal(symlink("../../away/cur/1:2,", temp_path("t/cur/9:2,")), 0);
	assert_int_equal(mkfifo(temp_path("t/cur/8:2,"), 0600), 0);
	put("t/cur/7:2,", "ok\n");
	assert_int_equal(symlink("/dev/zero", temp_path("t/subscriptions")), 0);
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_string_equal(read_names(), "INBOX");
	assert_true(noted("'linked': it is a symbolic link"));
	assert_true(noted("'subscriptions': it is a symbolic link, and those are not followed; the folders"));
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.page->len, 1);
	assert_true(body_is(1, "ok\r\n"));
	assert_true(noted("and 1 more are no regular files"));
}

/* Copied without it, the messages would have lost keywords or numbers, and nobody would ask again. */
static void
a_folder_fails_with_keywords_or_numbers_that_cannot_be_read(void **state)
{
	(void)state;
	put_maildir("t/");
	put("t/cur/7:2,a", "ok\n");
	assert_int_equal(mkfifo(temp_path("t/dovecot-keywords"), 0600), 0);
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), -1);
	assert_int_equal(rd.err.kind, ERR_FOLDER);
	assert_non_null(strstr(rd.err.text, "cannot read 'dovecot-keywords': it is no regular file"));
	assert_int_equal(unlink(temp_path("t/dovecot-keywords")), 0);
	assert_int_equal(symlink("/dev/zero", temp_path("t/dovecot-uidlist")), 0);
	assert_int_equal(read_enter("INBOX"), -1);
	assert_int_equal(rd.err.kind, ERR_FOLDER);
	assert_non_null(strstr(rd.err.text, "cannot read 'dovecot-uidlist': it is a symbolic link"));
	assert_int_equal(unlink(temp_path("t/dovecot-uidlist")), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_true(body_is(1, "ok\r\n"));
}

static void
directories_are_read_below_many_others(void **state)
{
	char path[512] = "t/";

	(void)state;
	for (int i = 0; i < 200; i++)
		strncat(path, "d/", sizeof path - strlen(path) - 1);
	put_maildir(path);
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
}

static void
a_file_that_cannot_be_read_is_a_failed_message(void **state)
{
	(void)state;
	put_maildir("t/");
	put("t/cur/1:2,", "a\n");
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(unlink(temp_path("t/cur/1:2,")), 0);
	assert_int_equal(symlink("/etc/hostname", temp_path("t/cur/1:2,")), 0);
	assert_null(read_body(1));
	assert_int_equal(rd.b.verdict, VERDICT_FAILED);
	assert_non_null(strstr(rd.b.reason, "'cur/1:2,': it is a symbolic link"));
}

static void
a_file_that_becomes_shorter_is_an_error_of_the_message(void **state)
{
	char *big = calloc(1, 300000);

	(void)state;
	put_maildir("t/");
	memset(big, 'x', 300000);
	put_octets("t/cur/1:2,", big, 300000);
	free(big);
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	assert_int_equal(rd.ops->begin(rd.shelf, 1, &rd.b, &rd.err), 0);
	assert_int_equal(truncate(temp_path("t/cur/1:2,"), 1000), 0);
	struct slice part;
	assert_int_equal(rd.ops->read(rd.shelf, &part, &rd.err), 0);
	assert_int_equal(rd.ops->read(rd.shelf, &part, &rd.err), -1);
	assert_int_equal(rd.err.kind, ERR_MESSAGE);
	assert_non_null(
	    strstr(rd.err.text, "'cur/1:2,': the file became shorter: nothing at octet 1000"));
}

static void
a_folder_of_many_pages_is_listed_whole(void **state)
{
	char name[64];
	uint32_t after = 0, seen = 0;

	(void)state;
	put_maildir("t/");
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof name, "t/cur/%05d.x:2,", i);
		put(name, "");
	}
	assert_int_equal(read_open(&shelf_maildir, "t", false), 0);
	assert_int_equal(read_enter("INBOX"), 0);
	do {
		assert_int_equal(rd.ops->list(rd.shelf, after, rd.page, &rd.err), 0);
		for (size_t i = 0; i < rd.page->len; i++)
			assert_int_equal(rd.page->msg[i].uid, ++seen);
		after = seen;
	} while (rd.page->len > 0);
	assert_int_equal(seen, 5000);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, temp_dir_make, shelf_test_end)
	const struct CMUnitTest tests[] = {
		T(what_imex_wrote_comes_back_with_uid_date_size_flags_and_octets),
		T(flags_that_another_program_changed_are_those_of_the_name),
		T(a_message_renamed_after_the_listing_is_still_read),
		T(mail_that_others_delivered_is_numbered_behind_the_highest),
		T(dovecot_goes_on_with_the_uids_when_it_served_the_folder),
		T(messages_that_another_program_removed_are_not_listed_but_told_of),
		T(two_files_of_one_uid_are_two_messages),
		T(what_is_left_of_an_older_uidvalidity_is_a_folder_of_its_own),
		T(the_verdict_and_digest_of_the_sidecar_go_with_the_body),
		T(what_the_sink_writes_is_what_the_shelf_reads),
		T(a_maildir_of_others_is_numbered_in_order_of_names),
		T(line_ends_are_those_that_the_first_line_has),
		T(dovecot_uidlist_and_keywords_of_others_are_taken),
		T(the_version_1_of_courier_and_of_old_dovecots_is_read),
		T(a_uidlist_that_leaves_no_room_is_not_used),
		T(all_styles_of_folders_are_found),
		T(inbox_is_known_in_any_case_and_twins_get_a_number),
		T(links_and_special_files_are_not_opened),
		T(a_folder_fails_with_keywords_or_numbers_that_cannot_be_read),
		T(directories_are_read_below_many_others),
		T(a_file_that_cannot_be_read_is_a_failed_message),
		T(a_file_that_becomes_shorter_is_an_error_of_the_message),
		T(a_folder_of_many_pages_is_listed_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
