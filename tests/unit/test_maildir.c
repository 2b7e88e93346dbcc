/* The Maildir sink: names, batches, what a kill or a full disk leaves, and the next run after it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>

#include "mailtree.h"
#include "store/maildir/maildir.h"

#define OK(call) assert_int_equal(call, 0)

static struct err err;

static int
maildir_test_begin(void **state)
{
	err = (struct err){ 0 };
	return tree_begin(state);
}

/* ---- names ---- */

static void
a_name_holds_date_numbers_sizes_and_flags(void **state)
{
	struct msg m = { .uid = 4294967295u,
		.date = { true, 1700000000, 0 },
		.file_bytes = 10,
		.wire_bytes = 12 };
	char name[MAILDIR_NAME_MAX];

	(void)state;
	maildir_file(name, &m, 4294967295u,
	    FLAG_SEEN | FLAG_DRAFT | FLAG_FLAGGED | FLAG_ANSWERED | FLAG_DELETED, 1 | 1u << 25);
	assert_string_equal(name, "1700000000.V4294967295U4294967295.imex,S=10,W=12:2,DFRSTaz");
	m.date.epoch = -5;
	maildir_file(name, &m, 1, FLAG_RECENT, 0);
	assert_string_equal(name, "0.V1U4294967295.imex,S=10,W=12:2,");
}

static void
a_name_is_taken_apart_again(void **state)
{
	struct maildir_entry e;

	(void)state;
	assert_true(maildir_parse(slice_str("17.V8U9.imex,S=1,W=2:2,FSbc"), &e));
	assert_int_equal(e.uidvalidity, 8);
	assert_int_equal(e.uid, 9);
	assert_int_equal(e.identity_len, 12);
	assert_int_equal(e.base_len, 20);
	assert_int_equal(e.system, FLAG_FLAGGED | FLAG_SEEN);
	assert_true(maildir_parse(slice_str("0.V0U1.imex,S=1,W=2"), &e));
	assert_int_equal(e.base_len, 19);
	assert_int_equal(e.system, 0);
}

static void
names_of_others_are_not_taken_for_ours(void **state)
{
	static const char *const other[] = { "", ".", "1795434472.M770213P26695.vm,S=11,W=14:2,S",
		"17.V8U9.imex", "17.V8U9.imexx,", "17.V8U4294967296.imex,",
		"17.V4294967296U9.imex,", "x17.V8U9.imex,", "17.VU9.imex,", "17.V8U.imex,",
		".V8U9.imex,", "17.V8U+9.imex,", "99999999999999999999.V8U9.imex,",
		"00000000000000000000000000000000000000000000000000000000000000017.V8U9.imex,S=1" };
	struct maildir_entry e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(other); i++)
		assert_false(maildir_parse(slice_str(other[i]), &e));
}

static void
a_path_cannot_leave_the_account(void **state)
{
	(void)state;
	assert_true(maildir_path_valid(""));
	assert_true(maildir_path_valid(".A.B"));
	assert_true(maildir_path_valid(".&AMQ-"));
	static const char *const bad[] = { ".", "..", "../x", ".a/b", "A", "/", "..a",
		".a/../../b" };
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(maildir_path_valid(bad[i]));
	assert_false(maildir_path_valid(NULL));
	OK(tree_open(&err));
	tree.rec.path = "../../etc";
	tree.rec.id = 2;
	assert_int_equal(
	    sink_maildir.folder(tree.sink, &tree.rec, NULL, &tree.aside, &tree.at, &err), -1);
	assert_int_equal(err.kind, ERR_STATE);
}

/* ---- a run ---- */

static void
a_message_appears_when_the_batch_is_synced(void **state)
{
	struct stat st;

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(5, FLAG_SEEN, "", "a\r\nb\r\n", &err));
	assert_int_equal(temp_count("u@h/cur"), 0);
	assert_true(temp_holds("u@h/tmp/cur/1000005.V9U5.imex,S=4,W=6:2,S", "a\nb\n"));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(temp_count("u@h/tmp"), 0);
	assert_true(temp_holds("u@h/cur/1000005.V9U5.imex,S=4,W=6:2,S", "a\nb\n"));
	OK(stat(temp_path("u@h/cur/1000005.V9U5.imex,S=4,W=6:2,S"), &st));
	assert_int_equal(st.st_mtime, 1000005);
	assert_int_equal(st.st_mtim.tv_nsec, 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(tree_row(5)->file_bytes, 4);
}

static void
what_cannot_be_undone_keeps_its_octets(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "a\r\nb\n", &err));
	tree.place.keep_crlf = true;
	OK(tree_seal(TREE_COMMIT, &err));
	OK(tree_again(false, &err));
	OK(tree_add(2, 0, "", "a\r\nb\r\n", &err));
	OK(tree_add(3, 0, "", "", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds("u@h/cur/1000001.V9U1.imex,S=5,W=5:2,", "a\r\nb\n"));
	assert_true(temp_holds("u@h/cur/1000002.V9U2.imex,S=6,W=6:2,", "a\r\nb\r\n"));
	assert_true(temp_holds("u@h/cur/1000003.V9U3.imex,S=0,W=0:2,", ""));
}

static void
a_date_that_names_cannot_hold_becomes_the_epoch(void **state)
{
	struct msg m = tree_msg(1, 0, "", "x");
	struct stat st;

	(void)state;
	m.date = (struct date){ .known = false };
	OK(tree_open(&err));
	OK(tree_put(&m, "x", &err));
	m = tree_msg(2, 0, "", "x");
	m.date = (struct date){ true, -86400, 0 };
	OK(tree_put(&m, "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(stat(temp_path("u@h/cur/0.V9U1.imex,S=1,W=1:2,"), &st));
	assert_int_equal(st.st_mtime, 0);
	OK(stat(temp_path("u@h/cur/0.V9U2.imex,S=1,W=1:2,"), &st));
	assert_int_equal(st.st_mtime, 0);
}

static void
an_empty_folder_is_made_whole(void **state)
{
	struct stat st;

	(void)state;
	tree.rec.name = "A/B";
	tree.rec.path = ".A.B";
	OK(tree_open(&err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(temp_count("u@h/.A.B/cur"), 0);
	assert_int_equal(temp_count("u@h/.A.B/new"), 0);
	assert_int_equal(temp_count("u@h/.A.B/tmp"), 0);
	assert_int_equal(temp_count("u@h/cur"), 0);
	assert_true(temp_holds("u@h/.A.B/maildirfolder", ""));
	assert_false(temp_has("u@h/maildirfolder"));
	assert_true(temp_has("u@h/.A.B/folder.jsonl"));
	assert_true(tree.mark[0] != '\0');
	OK(stat(temp_path("u@h/.A.B"), &st));
	assert_int_equal(st.st_mode & 07777, 0700);
}

static int
open_files(void)
{
	int n = 0;

	for (int fd = 0; fd < 1000; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Descriptor limits, many folders in one batch, and one that is come back to. */
static void
folders_share_a_batch_and_are_come_back_to(void **state)
{
	struct folder_at *at[40];
	char path[16], name[80];
	uint64_t aside;

	(void)state;
	OK(tree_open(&err));
	for (uint32_t i = 0; i < COUNT_OF(at); i++) {
		snprintf(path, sizeof path, ".f%02u", i);
		struct folder_rec rec = {
			.id = 100 + i, .name = path + 1, .path = path, .mark = "", .uidvalidity = 5
		};

		OK(sink_maildir.folder(tree.sink, &rec, NULL, &aside, &at[i], &err));
		tree.at = at[i];
		OK(tree_add(1, 0, "", "x", &err));
		if (i % 7 == 6)
			OK(tree_seal(TREE_COMMIT, &err));
	}
	for (uint32_t i = 0; i < COUNT_OF(at); i++) {
		tree.at = at[i];
		OK(tree_add(2, 0, "kw", "y", &err));
	}
	OK(tree_seal(TREE_COMMIT, &err));
	for (uint32_t i = 0; i < COUNT_OF(at); i++) {
		snprintf(name, sizeof name, "u@h/.f%02u/cur", i);
		assert_int_equal(temp_count(name), 2);
		snprintf(name, sizeof name, "u@h/.f%02u/dovecot-keywords", i);
		assert_true(temp_holds(name, "0 kw\n"));
		snprintf(name, sizeof name, "u@h/.f%02u/folder.jsonl.2", i);
		assert_false(temp_has(name));
	}
	OK(sink_maildir.folder(tree.sink, &tree.rec, NULL, &aside, &tree.at, &err));
	assert_true(open_files() < 20);
}

static void
a_batch_is_full_at_its_limits(void **state)
{
	(void)state;
	tree.place.batch_files = 20;
	OK(tree_open(&err));
	uint32_t n = 0;
	while (!sink_maildir.full(tree.sink)) {
		assert_true(n < 20);
		OK(tree_add(++n, 0, "", "x", &err));
	}
	assert_true(n > 5);
	OK(tree_seal(TREE_COMMIT, &err));
	assert_false(sink_maildir.full(tree.sink));
	tree.place.batch_files = 0;
	OK(tree_again(false, &err));
	while (!sink_maildir.full(tree.sink) && tree.n_held < 200)
		OK(tree_add(++n, 0, "", "x", &err));
	assert_int_equal(tree.n_held, tree_each_file ? 128 : 200);
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(temp_count("u@h/cur"), (int)n);
}

static void
keywords_become_letters_before_their_names_appear(void **state)
{
	struct folder_notes notes;

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "$Forwarded Work", "x", &err));
	OK(tree_add(2, FLAG_SEEN, "Work \\Odd", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds("u@h/dovecot-keywords", "0 $Forwarded\n1 Work\n"));
	assert_true(temp_has("u@h/cur/1000001.V9U1.imex,S=1,W=1:2,ab"));
	assert_true(temp_has("u@h/cur/1000002.V9U2.imex,S=1,W=1:2,Sb"));
	sink_maildir.notes(tree.at, &notes);
	assert_int_equal(notes.keywords_left, 1);
	assert_string_equal(notes.keyword, "\\Odd");
	assert_null(notes.changed);
}

static void
letters_are_the_same_after_a_kill(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "one", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(tree_add(2, 0, "two", "x", &err));
	OK(tree_add(3, 0, "three", "x", &err));
	OK(tree_seal(TREE_SYNC_ONLY, &err));
	OK(tree_again(true, &err));
	OK(tree_add(2, 0, "two", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(tree_add(3, 0, "three", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds("u@h/dovecot-keywords", "0 one\n1 two\n2 three\n"));
	assert_true(temp_has("u@h/cur/1000003.V9U3.imex,S=1,W=1:2,c"));
}

static void
an_abandoned_message_leaves_nothing(void **state)
{
	struct msg m = tree_msg(1, 0, "", "x");
	static char big[200000];

	(void)state;
	memset(big, 'x', sizeof big);
	OK(tree_open(&err));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(sink_maildir.begin(tree.sink, tree.at, &m, &err));
	OK(sink_maildir.write(tree.sink, (struct slice){ big, sizeof big }, &err));
	assert_int_equal(temp_count("u@h/tmp"), 1);
	sink_maildir.abandon(tree.sink);
	sink_maildir.abandon(tree.sink);
	assert_int_equal(temp_count("u@h/tmp"), 0);
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(temp_count("u@h/cur"), 1);
}

/* The date of the listing and the one that came with the body may differ. */
static void
the_final_name_is_of_what_was_known_last(void **state)
{
	struct msg m = { .uid = 0, .flags = { 0, "" } };

	(void)state;
	OK(tree_open(&err));
	OK(sink_maildir.begin(tree.sink, tree.at, &m, &err));
	OK(sink_maildir.write(tree.sink, (struct slice){ "x", 1 }, &err));
	m = tree_msg(8, FLAG_FLAGGED, "", "x");
	OK(sink_maildir.end(tree.sink, &m, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_has("u@h/cur/1000008.V9U8.imex,S=1,W=1:2,F"));
	assert_int_equal(temp_count("u@h/tmp"), 0);
}

/* ---- flags and removal ---- */

static void
amend(uint32_t uid, uint8_t system, const char *keywords)
{
	struct flags now = { system, keywords };

	OK(sink_maildir.amend(tree.sink, tree.at, tree_row(uid), &now, &err));
}

static void
a_flag_change_is_a_rename_and_a_line(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	amend(1, FLAG_SEEN | FLAG_FLAGGED, "new");
	assert_true(temp_has("u@h/cur/1000001.V9U1.imex,S=1,W=1:2,"));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(temp_count("u@h/cur"), 1);
	assert_true(temp_has("u@h/cur/1000001.V9U1.imex,S=1,W=1:2,FSa"));
	char *lines = temp_read("u@h/folder.jsonl", NULL);
	assert_non_null(
	    strstr(strstr(lines, "\"flags\":[]") + 1, "\"flags\":[\"\\\\Flagged\",\"\\\\Seen\"]"));
	free(lines);
	amend(
	    1, FLAG_SEEN | FLAG_FLAGGED, "new"); /* repeated, as after a crash before the commit */
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_has("u@h/cur/1000001.V9U1.imex,S=1,W=1:2,FSa"));
	tree_row(1)->flags = (struct flags){ FLAG_SEEN | FLAG_FLAGGED, "new" };
	amend(1, 0, "");
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_has("u@h/cur/1000001.V9U1.imex,S=1,W=1:2,"));
}

static void
a_message_can_be_amended_in_the_batch_that_stores_it(void **state)
{
	struct flags now = { FLAG_SEEN, "" };

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(sink_maildir.amend(tree.sink, tree.at, &tree.held[0], &now, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(temp_count("u@h/cur"), 1);
	assert_true(temp_has("u@h/cur/1000001.V9U1.imex,S=1,W=1:2,S"));
}

static void
a_file_that_somebody_moved_is_found_by_its_identity(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_add(2, 0, "", "y", &err));
	OK(tree_add(3, 0, "", "z", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(rename(temp_path("u@h/cur/1000001.V9U1.imex,S=1,W=1:2,"),
	    temp_path("u@h/cur/1000001.V9U1.imex,S=1,W=1:2,RT")));
	OK(rename(temp_path("u@h/cur/1000002.V9U2.imex,S=1,W=1:2,"),
	    temp_path("u@h/new/1000002.V9U2.imex,S=1,W=1")));
	OK(unlink(temp_path("u@h/cur/1000003.V9U3.imex,S=1,W=1:2,")));
	amend(1, FLAG_SEEN, "");
	amend(2, FLAG_SEEN, "");
	amend(3, FLAG_SEEN, "");
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds("u@h/cur/1000001.V9U1.imex,S=1,W=1:2,S", "x"));
	assert_true(temp_holds("u@h/cur/1000002.V9U2.imex,S=1,W=1:2,S", "y"));
	assert_int_equal(temp_count("u@h/cur"), 2);
	assert_int_equal(temp_count("u@h/new"), 0);
}

static void
a_removed_copy_is_gone_after_the_sync(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, FLAG_SEEN, "", "x", &err));
	OK(tree_add(2, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(rename(temp_path("u@h/cur/1000002.V9U2.imex,S=1,W=1:2,"),
	    temp_path("u@h/cur/1000002.V9U2.imex,S=1,W=1:2,T")));
	OK(sink_maildir.remove(tree.sink, tree.at, 9, tree_row(1), &err));
	OK(sink_maildir.remove(tree.sink, tree.at, 9, tree_row(2), &err));
	assert_int_equal(temp_count("u@h/cur"), 2);
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(temp_count("u@h/cur"), 0);
	OK(sink_maildir.remove(tree.sink, tree.at, 9, tree_row(1), &err));
	OK(tree_seal(TREE_COMMIT, &err));
}

/* UIDVALIDITY changed: the copy under the old number goes, the new one stays. */
static void
a_superseded_copy_is_removed_by_its_own_uidvalidity(void **state)
{
	struct msg old;

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	old = *tree_row(1);
	tree.rec.uidvalidity = 10;
	tree.rec.id = 2;
	tree.n_rows = 0;
	OK(tree_again(false, &err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(sink_maildir.remove(tree.sink, tree.at, 9, &old, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(temp_count("u@h/cur"), 1);
	assert_true(temp_has("u@h/cur/1000001.V10U1.imex,S=1,W=1:2,"));
	assert_false(temp_has("u@h/folder.jsonl.2"));
}

static void
a_better_copy_replaces_the_older_one(void **state)
{
	struct msg header = tree_msg(1, 0, "", "h\r\n"),
		   whole = tree_msg(1, 0, "", "h\r\n\r\nbody\r\n");
	struct msg same;

	(void)state;
	header.verdict = VERDICT_HEADER_ONLY;
	OK(tree_open(&err));
	OK(tree_put(&header, "h\r\n", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	header = *tree_row(1);
	OK(tree_put(&whole, "h\r\n\r\nbody\r\n", &err));
	OK(sink_maildir.remove(tree.sink, tree.at, 9, &header, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(temp_count("u@h/cur"), 1);
	assert_true(temp_has("u@h/cur/1000001.V9U1.imex,S=8,W=11:2,"));
	/* the same again: the new copy has the very name of the old one */
	same = *tree_row(1);
	OK(tree_put(&whole, "h\r\n\r\nbody\r\n", &err));
	OK(sink_maildir.remove(tree.sink, tree.at, 9, &same, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_has("u@h/cur/1000001.V9U1.imex,S=8,W=11:2,"));
	/* repeated after a crash: the older one has gone, the newer must not */
	OK(tree_put(&whole, "h\r\n\r\nbody\r\n", &err));
	OK(sink_maildir.remove(tree.sink, tree.at, 9, &header, &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_has("u@h/cur/1000001.V9U1.imex,S=8,W=11:2,"));
}

/* Its copy was found to be another (msg_lost): what lies in its place, whatever its flags are now, may be somebody's. */
static void
what_lies_in_the_place_of_a_message_that_comes_again_is_kept(void **state)
{
	struct msg again = tree_msg(1, 0, "", "mine");

	(void)state;
	again.again = true;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "mine", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	for (int n = 1; n <= 2; n++) {
		temp_write("u@h/cur/1000001.V9U1.imex,S=4,W=4:2,", "more", 4, "wb");
		if (n == 2)
			OK(rename(temp_path("u@h/cur/1000001.V9U1.imex,S=4,W=4:2,"),
			    temp_path("u@h/new/1000001.V9U1.imex,S=4,W=4")));
		tree_row(1)->verdict = VERDICT_FAILED;
		OK(tree_again(n == 1, &err));
		assert_int_equal(tree.aside, 0);
		OK(tree_put(&again, "mine", &err));
		OK(tree_seal(TREE_COMMIT, &err));
		assert_int_equal(temp_count("u@h/cur") + temp_count("u@h/new"), 1);
		assert_true(temp_holds("u@h/cur/1000001.V9U1.imex,S=4,W=4:2,", "mine"));
		assert_int_equal(temp_count("u@h/tmp"), n);
	}
	assert_true(temp_holds("u@h/tmp/1000001.V9U1.imex.damaged", "more"));
	assert_true(temp_holds("u@h/tmp/1000001.V9U1.imex.damaged2", "more"));
	/* what a run that was killed has stored already */
	OK(rename(temp_path("u@h/cur/1000001.V9U1.imex,S=4,W=4:2,"),
	    temp_path("u@h/cur/1000001.V9U1.imex,S=4,W=4:2,T")));
	tree_row(1)->verdict = VERDICT_FAILED;
	OK(tree_again(true, &err));
	OK(tree_put(&again, "mine", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(temp_count("u@h/cur"), 1);
	assert_int_equal(temp_count("u@h/tmp"), 2);
}

/* ---- kills, errors, the next run ---- */

static void
files_without_a_row_are_set_aside_after_a_kill(void **state)
{
	(void)state;
	OK(tree_open(&err));
	for (uint32_t uid = 1; uid <= 10; uid++)
		OK(tree_add(uid, 0, "", "kept", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	OK(tree_add(11, FLAG_SEEN, "", "lost", &err));
	OK(tree_add(12, 0, "", "lost", &err));
	OK(tree_seal(TREE_SYNC_ONLY, &err));
	temp_write("u@h/new/1000013.V9U13.imex,S=4,W=4", "lost", 4, "wb");
	temp_write("u@h/cur/1000011.V8U11.imex,S=4,W=4:2,", "older", 5, "wb");
	temp_write("u@h/cur/foreign.name:2,S", "theirs", 6, "wb");
	OK(tree_again(true, &err));
	assert_int_equal(tree.aside, 3);
	assert_int_equal(temp_count("u@h/cur"), 12);
	assert_true(temp_holds("u@h/tmp/1000011.V9U11.imex", "lost"));
	assert_true(temp_holds("u@h/tmp/1000013.V9U13.imex", "lost"));
	assert_true(temp_has("u@h/cur/foreign.name:2,S"));
	OK(tree_add(11, 0, "", "new", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_holds("u@h/cur/1000011.V9U11.imex,S=3,W=3:2,", "new"));
	assert_false(temp_has("u@h/tmp/1000011.V9U11.imex"));
}

static void
a_clean_end_sets_nothing_aside(void **state)
{
	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	temp_write("u@h/cur/1000002.V9U2.imex,S=1,W=1:2,", "x", 1, "wb");
	OK(tree_again(false, &err));
	assert_int_equal(tree.aside, 0);
	assert_int_equal(temp_count("u@h/cur"), 2);
}

/* Kill at each stage of a second batch, then resume: the tree must be that of an undisturbed run.
 */
static void
a_resumed_run_ends_like_an_undisturbed_one(void **state)
{
	char *want = NULL;

	(void)state;
	for (int stage = -1; stage <= TREE_DROP; stage++) {
		if (stage >= 0) {
			tree_close();
			OK(temp_dir_remove(state));
			OK(temp_dir_make(state));
			tree_init();
		}
		OK(tree_open(&err));
		OK(tree_add(1, 0, "a", "one\r\n", &err));
		OK(tree_seal(TREE_COMMIT, &err));
		if (stage >= 0) {
			OK(tree_add(2, FLAG_SEEN, "b", "two\r\n", &err));
			OK(tree_seal((enum tree_end)stage, &err));
			OK(tree_again(true, &err));
		}
		if (tree_row(2) == NULL)
			OK(tree_add(2, FLAG_SEEN, "b", "two\r\n", &err));
		OK(tree_seal(TREE_COMMIT, &err));
		char *lines = temp_read("u@h/folder.jsonl", NULL);
		if (want == NULL)
			want = lines;
		assert_string_equal(lines, want);
		assert_true(temp_holds("u@h/dovecot-keywords", "0 a\n1 b\n"));
		assert_true(temp_holds("u@h/cur/1000002.V9U2.imex,S=4,W=5:2,Sb", "two\n"));
		assert_int_equal(temp_count("u@h/cur"), 2);
		assert_int_equal(temp_count("u@h/tmp"), 0);
		assert_int_equal(temp_count("u@h"), 5);
		if (lines != want)
			free(lines);
	}
	free(want);
}

static void
the_same_folder_again_is_not_swept(void **state)
{
	struct folder_at *again;

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_SYNC_ONLY, &err));
	OK(tree_again(true, &err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_SYNC_ONLY, &err)); /* synced, its commit is still to come */
	OK(sink_maildir.folder(tree.sink, &tree.rec, &tree_feed, &tree.aside, &again, &err));
	assert_ptr_equal(again, tree.at);
	assert_int_equal(tree.aside, 0);
	assert_int_equal(temp_count("u@h/cur"), 1);
}

static void
a_foreign_sidecar_is_told(void **state)
{
	struct folder_notes notes;

	(void)state;
	OK(tree_open(&err));
	OK(tree_seal(TREE_COMMIT, &err));
	temp_write("u@h/folder.jsonl", "[", 1, "r+b");
	OK(tree_again(false, &err));
	sink_maildir.notes(tree.at, &notes);
	assert_non_null(notes.changed);
	assert_non_null(strstr(notes.changed, "folder.jsonl.2"));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_true(temp_has("u@h/folder.jsonl.2"));
	OK(tree_again(false, &err));
	sink_maildir.notes(tree.at, &notes);
	assert_null(notes.changed);
}

/* The engine writes the folder's record with the mark it was opened with; the newest must win. */
static void
the_newest_mark_is_told_again_with_an_empty_batch(void **state)
{
	struct batch *b = batch_new();
	struct pending *p;

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	batch_folder(b, &tree.rec);
	OK(sink_maildir.seal(tree.sink, b, &p, &err));
	assert_null(p);
	assert_int_equal(b->op[b->len - 1].kind, OP_MARK);
	assert_string_equal(b->op[b->len - 1].mark, tree.mark);
	batch_free(&b);
}

static void
store_one(uint32_t uid)
{
	struct flags now = { FLAG_SEEN, "seen" };

	OK(tree_add(uid, 0, uid % 9 == 0 ? "kw" : "", "x\r\n", &err));
	if (uid % 3 == 0)
		OK(sink_maildir.amend(tree.sink, tree.at, &tree.held[tree.n_held - 1], &now, &err));
}

static void
batches_are_synced_while_the_next_is_written(void **state)
{
	(void)state;
	tree_store_while_settled(".B", store_one);
	assert_int_equal(temp_count("u@h/cur") + temp_count("u@h/.B/cur"), 400);
	assert_int_equal(temp_count("u@h/tmp") + temp_count("u@h/.B/tmp"), 0);
	assert_false(temp_has("u@h/folder.jsonl.2"));
	assert_true(temp_holds("u@h/.B/dovecot-keywords", "0 seen\n1 kw\n"));
}

static void
limit_files(rlim_t bytes)
{
	struct rlimit l;

	getrlimit(RLIMIT_FSIZE, &l);
	l.rlim_cur = bytes;
	setrlimit(RLIMIT_FSIZE, &l);
}

static void
a_full_disk_leaves_what_was_committed(void **state)
{
	static char big[100000];

	(void)state;
	memset(big, 'x', sizeof big - 1);
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	char *lines = temp_read("u@h/folder.jsonl", NULL);
	signal(SIGXFSZ, SIG_IGN);
	/* in a message */
	limit_files(70000);
	assert_int_equal(tree_add(2, 0, "", big, &err), -1);
	assert_int_equal(err_exit_code(err.kind), 74);
	limit_files(RLIM_INFINITY);
	assert_int_equal(temp_count("u@h/tmp"), 0);
	/* in the sidecar, after the files */
	OK(tree_add(3, 0, "", "x", &err));
	OK(tree_add(4, FLAG_SEEN, "", "x", &err));
	limit_files(strlen(lines) + 20);
	assert_int_equal(tree_seal(TREE_COMMIT, &err), -1);
	limit_files(RLIM_INFINITY);
	assert_int_equal(temp_count("u@h/cur"), 1);
	assert_true(temp_holds("u@h/folder.jsonl", lines));
	free(lines);
	/* and the next run, which nobody killed, goes on */
	OK(tree_again(false, &err));
	for (uint32_t uid = 2; uid <= 4; uid++)
		OK(tree_add(uid, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	assert_int_equal(temp_count("u@h/cur"), 4);
	assert_int_equal(temp_count("u@h/tmp"), 0);
	assert_false(temp_has("u@h/folder.jsonl.2"));
}

/* Rename fails for the second message: the first and the flag change are taken back. */
static void
a_batch_that_fails_in_the_middle_is_taken_back(void **state)
{
	struct flags now = { FLAG_SEEN, "" };

	(void)state;
	OK(tree_open(&err));
	OK(tree_add(1, 0, "", "x", &err));
	OK(tree_seal(TREE_COMMIT, &err));
	char *lines = temp_read("u@h/folder.jsonl", NULL);
	OK(sink_maildir.amend(tree.sink, tree.at, tree_row(1), &now, &err));
	OK(tree_add(2, 0, "", "x", &err));
	OK(tree_add(3, 0, "", "x", &err));
	OK(mkdir(temp_path("u@h/cur/1000003.V9U3.imex,S=1,W=1:2,"), 0700));
	assert_int_equal(tree_seal(TREE_COMMIT, &err), -1);
	assert_true(temp_has("u@h/cur/1000001.V9U1.imex,S=1,W=1:2,"));
	assert_true(temp_has("u@h/tmp/1000002.V9U2.imex"));
	assert_int_equal(temp_count("u@h/cur"), 2);
	assert_true(temp_holds("u@h/folder.jsonl", lines));
	free(lines);
}

static void
a_place_that_cannot_be_made_is_said(void **state)
{
	(void)state;
	temp_write("u@h", "a file", 6, "wb");
	assert_int_equal(tree_open(&err), -1);
	assert_int_equal(err.kind, ERR_CREATE);
	assert_true(temp_holds("u@h", "a file"));
}

/* Each in both ways of making a batch durable. */
static char each_file[] = "fsync";

#define IN_WAY(name, f, way)                                                                       \
	{                                                                                          \
		name, f, maildir_test_begin, tree_end, way                                 \
	}
#define WITH_DIR(f) IN_WAY(#f, f, NULL), IN_WAY(#f "_by_fsync", f, each_file)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_holds_date_numbers_sizes_and_flags),
		cmocka_unit_test(a_name_is_taken_apart_again),
		cmocka_unit_test(names_of_others_are_not_taken_for_ours),
		WITH_DIR(a_path_cannot_leave_the_account),
		WITH_DIR(a_message_appears_when_the_batch_is_synced),
		WITH_DIR(what_cannot_be_undone_keeps_its_octets),
		WITH_DIR(a_date_that_names_cannot_hold_becomes_the_epoch),
		WITH_DIR(an_empty_folder_is_made_whole),
		WITH_DIR(folders_share_a_batch_and_are_come_back_to),
		WITH_DIR(a_batch_is_full_at_its_limits),
		WITH_DIR(keywords_become_letters_before_their_names_appear),
		WITH_DIR(letters_are_the_same_after_a_kill),
		WITH_DIR(an_abandoned_message_leaves_nothing),
		WITH_DIR(the_final_name_is_of_what_was_known_last),
		WITH_DIR(a_flag_change_is_a_rename_and_a_line),
		WITH_DIR(a_message_can_be_amended_in_the_batch_that_stores_it),
		WITH_DIR(a_file_that_somebody_moved_is_found_by_its_identity),
		WITH_DIR(a_removed_copy_is_gone_after_the_sync),
		WITH_DIR(a_superseded_copy_is_removed_by_its_own_uidvalidity),
		WITH_DIR(a_better_copy_replaces_the_older_one),
		WITH_DIR(what_lies_in_the_place_of_a_message_that_comes_again_is_kept),
		WITH_DIR(files_without_a_row_are_set_aside_after_a_kill),
		WITH_DIR(a_clean_end_sets_nothing_aside),
		WITH_DIR(a_resumed_run_ends_like_an_undisturbed_one),
		WITH_DIR(the_same_folder_again_is_not_swept),
		WITH_DIR(a_foreign_sidecar_is_told),
		WITH_DIR(the_newest_mark_is_told_again_with_an_empty_batch),
		WITH_DIR(batches_are_synced_while_the_next_is_written),
		WITH_DIR(a_full_disk_leaves_what_was_committed),
		WITH_DIR(a_batch_that_fails_in_the_middle_is_taken_back),
		WITH_DIR(a_place_that_cannot_be_made_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
