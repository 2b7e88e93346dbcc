/* The state: what is put is there, totals are what a count would give, and outcomes follow the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "state_help.h"

static int
setup(void **state)
{
	struct job *job = mem_new(sizeof(*job));

	job_start(job);
	*state = job;
	return 0;
}

static int
teardown(void **state)
{
	job_drop(*state);
	free(*state);
	return 0;
}

static void
reopen(struct job *job, enum state_mode mode)
{
	state_close(&job->state);
	OK(state_open(&job->state, job->dir, mode, &job->err));
}

static void
message_comes_back_as_it_was_put(void **state)
{
	struct job *job = *state;
	struct batch *b = batch_new();
	struct msg m = message(5, 77, VERDICT_HEADER_ONLY), got;
	bool found;

	m.raw_date = " 1-Jan-1999 25:00";
	m.date.known = false;
	m.date.epoch = 0;
	m.flags = (struct flags){ .system = FLAG_SEEN | FLAG_RECENT | FLAG_DRAFT, .keywords = "$Junk \\X" };
	m.modseq = UINT64_C(1) << 62;
	m.reason = "BODY[] is NIL; \xff octets";
	batch_message(b, job->inbox.id, &m, VERDICTS);
	struct msg plain = message(UINT32_MAX, 1, VERDICT_NONE);
	plain.size_known = false;
	plain.size = 0;
	memset(plain.sha256, 0, sizeof(plain.sha256));
	batch_message(b, job->inbox.id, &plain, VERDICTS);
	job_put(job, b);

	OK(state_message(job->state, job->inbox.id, 5, &job->arena, &got, &found, &job->err));
	assert_true(found);
	assert_int_equal(got.uid, 5);
	assert_true(got.size_known && got.size == m.size && !got.date.known);
	assert_string_equal(got.raw_date, m.raw_date);
	assert_int_equal(got.flags.system, FLAG_SEEN | FLAG_DRAFT);
	assert_string_equal(got.flags.keywords, "$Junk \\X");
	assert_true(got.modseq == m.modseq && got.verdict == VERDICT_HEADER_ONLY && !got.expunged);
	assert_string_equal(got.reason, m.reason);
	assert_true(got.wire_bytes == m.wire_bytes && got.file_bytes == m.file_bytes);
	assert_memory_equal(got.sha256, m.sha256, SHA256_LEN);
	OK(state_message(job->state, job->inbox.id, UINT32_MAX, &job->arena, &got, &found, &job->err));
	assert_true(found && !got.size_known && got.raw_date == NULL && got.reason == NULL);
	assert_true(got.date.known && got.date.zone_min == 60 && got.date.epoch == plain.date.epoch);
	assert_memory_equal(got.sha256, plain.sha256, SHA256_LEN);
	OK(state_message(job->state, job->inbox.id, 6, &job->arena, &got, &found, &job->err));
	assert_false(found);
}

static void
pages_are_ascending_and_end(void **state)
{
	struct job *job = *state;
	struct msg_page *page = msg_page_new();
	uint32_t after = 0, expected = 0;

	for (uint32_t i = 0; i < 5; i++)
		put_messages(job, job->inbox.id, 1 + i * 1000, 1000);
	do {
		OK(state_page(job->state, job->inbox.id, after, page, &job->err));
		for (size_t i = 0; i < page->len; i++)
			assert_int_equal(page->msg[i].uid, ++expected);
		after = expected;
		assert_true(page->len == PAGE_MSGS || expected == 5000);
	} while (page->len > 0);
	assert_int_equal(expected, 5000);
	OK(state_page(job->state, job->inbox.id, UINT32_MAX, page, &job->err));
	assert_int_equal(page->len, 0);
	msg_page_free(page);
}

/* More than a page, in no order, and one of them twice. */
static void
a_batch_gives_the_pages_that_its_commit_will_give(void **state)
{
	enum { MANY = PAGE_MSGS + 100 };
	struct msg_page *before = msg_page_new(), *after = msg_page_new();
	struct job *job = *state;
	struct batch *b = batch_new();
	int64_t other = job_folder(job, "A", 1).id;
	size_t told = 0;

	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t uid = (i * 1009) % MANY + 1;
		struct msg m = message(uid, uid, VERDICT_STORED);

		batch_message(b, job->inbox.id, &m, VERDICTS);
	}
	struct msg again = message(7, 99, VERDICT_FAILED);
	batch_message(b, job->inbox.id, &again, VERDICT_STORED);
	batch_message(b, other, &again, VERDICTS);
	batch_flags(b, other, 7, &again.flags, 9);
	assert_true(batch_only_adds(b, job->inbox.id));
	assert_false(batch_only_adds(b, other));

	for (uint32_t at = 0; batch_page(b, job->inbox.id, at, before), before->len > 0;
	     at = before->msg[before->len - 1].uid)
		told += before->len;
	assert_int_equal(told, MANY);
	batch_page(b, job->inbox.id, 0, before);
	job_put(job, b);
	OK(state_page(job->state, job->inbox.id, 0, after, &job->err));
	assert_int_equal(before->len, after->len);
	for (size_t i = 0; i < after->len; i++) {
		const struct msg *x = &before->msg[i], *y = &after->msg[i];

		assert_true(x->uid == y->uid && x->verdict == y->verdict && x->size == y->size);
		assert_memory_equal(x->sha256, y->sha256, SHA256_LEN);
	}
	assert_int_equal(after->msg[6].verdict, VERDICT_FAILED);
	msg_page_free(before);
	msg_page_free(after);
}

static void
a_hundred_thousand_rows_keep_their_totals(void **state)
{
	struct job *job = *state;

	for (uint32_t first = 1; first <= 100000; first += 4000)
		put_messages(job, job->inbox.id, first, 4000);
	OK(state_barrier(job->state, &job->err));
	struct folder_rec f = job_look(job, job->inbox.id);
	assert_int_equal(f.listed, 100000);
	assert_int_equal(f.verdicts[VERDICT_STORED], 100000);
}

/* ---- totals ---- */

enum { UIDS = 60, FOLDERS = 3 };

struct model {
	bool there, expunged;
	enum verdict verdict;
	uint64_t bytes;
};

static void
random_op(struct batch *b, int64_t folder, uint32_t uid, struct model *m)
{
	/* Now and then the caller is wrong about what the row was. */
	enum verdict old = rand() % 8 == 0 ? (enum verdict)(rand() % (VERDICTS + 1)) : m->there ? m->verdict : VERDICTS;
	struct msg msg = message(uid, (uint32_t)(rand() % 500), (enum verdict)(rand() % VERDICTS));

	switch (rand() % 6) {
	case 0:
		batch_expunged(b, folder, uid, old);
		m->expunged = m->there;
		break;
	case 1:
		batch_forget(b, folder, uid, old);
		m->there = m->expunged = false;
		break;
	case 2:
		batch_flags(b, folder, uid, &msg.flags, 9);
		break;
	case 3:
		batch_mirrored(b, folder, uid);
		m->verdict = m->expunged ? VERDICT_GONE : m->verdict;
		break;
	default:
		batch_message(b, folder, &msg, old);
		*m = (struct model){ .there = true, .verdict = msg.verdict, .bytes = msg.wire_bytes };
	}
}

static void
assert_totals(const struct folder_rec *f, const struct model m[UIDS])
{
	struct folder_rec sum = { .id = 0 };

	for (size_t i = 0; i < UIDS; i++) {
		if (!m[i].there)
			continue;
		sum.expunged += m[i].expunged;
		sum.mirrored += m[i].expunged && m[i].verdict == VERDICT_GONE;
		if (m[i].expunged)
			continue;
		sum.listed++;
		sum.verdicts[m[i].verdict]++;
		sum.bytes += verdict_has_file(m[i].verdict) ? m[i].bytes : 0;
	}
	assert_int_equal(f->listed, sum.listed);
	assert_int_equal(f->expunged, sum.expunged);
	assert_int_equal(f->mirrored, sum.mirrored);
	assert_int_equal(f->bytes, sum.bytes);
	assert_memory_equal(f->verdicts, sum.verdicts, sizeof(sum.verdicts));
}

static void
totals_equal_a_recount_after_random_operations(void **state)
{
	static struct model model[FOLDERS][UIDS];
	struct job *job = *state;
	struct folder_rec f[FOLDERS] = {
		job->inbox, job_folder(job, "A", 1), job_folder(job, "B", 1)
	};

	srand(20261122);
	memset(model, 0, sizeof(model));
	for (int round = 0; round < 200; round++) {
		struct batch *b = batch_new();

		for (int n = rand() % 40; n > 0; n--) {
			size_t at = (size_t)(rand() % FOLDERS), uid = (size_t)(rand() % UIDS);

			random_op(b, f[at].id, (uint32_t)uid + 1, &model[at][uid]);
		}
		job_put(job, b);
	}
	reopen(job, STATE_READ);
	for (size_t i = 0; i < FOLDERS; i++) {
		struct folder_rec is = job_look(job, f[i].id);

		assert_totals(&is, model[i]);
	}
}

static void
a_mirrored_row_has_no_copy_and_keeps_its_digest(void **state)
{
	struct job *job = *state;
	struct msg m = message(5, 5, VERDICT_STORED), got;
	struct batch *b = batch_new();
	bool found;

	m.dest_uid = 77;
	m.dest_own = true;
	batch_message(b, job->inbox.id, &m, VERDICTS);
	batch_mirrored(b, job->inbox.id, 5); /* it is there: nothing */
	batch_expunged(b, job->inbox.id, 5, VERDICT_STORED);
	batch_mirrored(b, job->inbox.id, 5);
	batch_mirrored(b, job->inbox.id, 6); /* no such row */
	job_put(job, b);
	OK(state_message(job->state, job->inbox.id, 5, &job->arena, &got, &found, &job->err));
	assert_true(found && got.expunged && got.verdict == VERDICT_GONE);
	assert_true(got.dest_uid == 0 && !got.dest_own);
	assert_memory_equal(got.sha256, m.sha256, SHA256_LEN);
	assert_int_equal(job_look(job, job->inbox.id).mirrored, 1);
	/* It comes back. */
	b = batch_new();
	batch_message(b, job->inbox.id, &m, VERDICT_GONE);
	job_put(job, b);
	assert_int_equal(job_look(job, job->inbox.id).mirrored, 0);
	assert_int_equal(job_look(job, job->inbox.id).expunged, 0);
	assert_int_equal(job_look(job, job->inbox.id).listed, 1);
}

/* ---- folders ---- */

static void
folder_is_found_again_with_what_was_committed(void **state)
{
	struct job *job = *state;
	struct batch *b = batch_new();
	struct folder_rec f = job->inbox;

	f.mark = "offset 17";
	f.uidnext = 100;
	f.messages = 12;
	f.highestmodseq = UINT64_C(1) << 60;
	f.proof = (struct folder_proof){
		.proved = true, .searched_known = true, .exists = 12, .searched = 12, .fetched = 11,
		.uidnext = 100, .at_ms = 123456789012, .late = 3, .carried = true, .why = "no SEARCH"
	};
	batch_folder(b, &f);
	batch_mark(b, f.id, "offset 18");
	job_settle(job, b);
	reopen(job, STATE_RUN);
	job_claim(job, "u@h");
	struct folder_rec got = job_folder(job, "INBOX", 7);
	assert_int_equal(got.id, f.id);
	assert_string_equal(got.mark, "offset 18");
	assert_true(got.uidnext == 100 && got.messages == 12 && got.highestmodseq == f.highestmodseq);
	assert_string_equal(got.proof.why, "no SEARCH");
	got.proof.why = f.proof.why;
	assert_memory_equal(&got.proof, &f.proof, sizeof(f.proof));
}

static void
new_uidvalidity_makes_the_old_folder_vanish_until_it_is_back(void **state)
{
	struct job *job = *state;
	struct folder_rec second = job_folder(job, "INBOX", 8);

	assert_int_not_equal(second.id, job->inbox.id);
	assert_true(job_look(job, job->inbox.id).vanished);
	assert_false(job_look(job, second.id).vanished);
	struct folder_rec first = job_folder(job, "INBOX", 7);
	assert_int_equal(first.id, job->inbox.id);
	assert_false(first.vanished);
	assert_true(job_look(job, second.id).vanished);
}

static void
unknown_uidvalidity_is_the_current_folder(void **state)
{
	struct job *job = *state;

	assert_int_equal(job_folder(job, "INBOX", 0).id, job->inbox.id);
	struct folder_rec fresh = job_folder(job, "Fresh", 0);
	assert_int_equal(job_folder(job, "Fresh", 0).id, fresh.id);
	struct folder_rec known = job_folder(job, "Fresh", 12);
	assert_int_equal(known.id, fresh.id);
	assert_int_equal(known.uidvalidity, 12);
	struct folder_rec used = job_folder(job, "Used", 0);
	put_messages(job, used.id, 1, 1);
	assert_int_not_equal(job_folder(job, "Used", 12).id, used.id);
}

static void
folder_takes_what_the_source_says_now(void **state)
{
	struct job *job = *state;
	struct folder_rec f = {
		.name = "INBOX", .uidvalidity = 7, .delim = '.', .special_use = "\\Sent", .subscribed = true,
		.path = "another", .mark = "another", .name_mapped = true, .excluded = true
	};

	OK(state_folder(job->state, &job->lease, &f, &job->arena, &job->err));
	assert_string_equal(f.path, "INBOX");	/* where its files are */
	assert_string_equal(f.mark, "");
	struct folder_rec got = job_look(job, f.id);
	assert_string_equal(got.special_use, "\\Sent");
	assert_true(got.subscribed && got.name_mapped && got.excluded && got.delim == '.');
	assert_null(got.mailbox_id);
	f.special_use = NULL;
	OK(state_folder(job->state, &job->lease, &f, &job->arena, &job->err));
	assert_null(job_look(job, f.id).special_use);

	struct batch *b = batch_new();

	f.mailbox_id = "F1";
	batch_folder(b, &f);
	f.mailbox_id = NULL;	/* not told: what was told stays */
	batch_folder(b, &f);
	job_put(job, b);
	assert_string_equal(job_look(job, f.id).mailbox_id, "F1");
}

static void
a_renamed_folder_keeps_its_record_and_its_warnings(void **state)
{
	struct job *job = *state;
	struct folder_rec old = job_folder(job, "Sent", 2), now = job_folder(job, "Sent", 3);
	const struct folder_renaming to = { .from = "Sent", .to = "Gone", .shown_from = "Sent",
		.shown_to = "Gone", .path = ".Gone" };
	struct batch *b = batch_new();
	struct warning *w;
	size_t n;

	now.highestmodseq = 9;
	batch_folder(b, &now);
	batch_warning(b, &(struct warning){ .event = EV_UIDVALIDITY, .folder = "Sent", .text = "x" });
	job_settle(job, b);
	OK(state_folder_rename(job->state, &job->lease, &to, &job->err));
	reopen(job, STATE_RUN);
	job_claim(job, "u@h");
	assert_string_equal(job_look(job, old.id).path, ".Gone");
	assert_string_equal(job_look(job, now.id).name, "Gone");
	assert_true(job_look(job, now.id).highestmodseq == 0);	/* it is opened once more */
	assert_string_equal(job_look(job, job->inbox.id).name, "INBOX");
	assert_int_equal(job_folder(job, "Gone", 3).id, now.id);
	OK(state_warnings(job->state, job->lease.account, &job->arena, &w, &n, &job->err));
	assert_int_equal(n, 1);
	assert_string_equal(w[0].folder, "Gone");
}

static void
a_renamed_folder_takes_the_name_of_one_that_was_only_left_out(void **state)
{
	struct job *job = *state;
	struct folder_rec old = job_folder(job, "Sent", 2), out = job_folder(job, "Gone", 2), other;
	const struct folder_renaming to = { .from = "Sent", .to = "Gone", .shown_from = "Sent", .shown_to = "Gone" };
	struct batch *b = batch_new();

	out.excluded = true;
	batch_folder(b, &out);
	job_settle(job, b);
	OK(state_folder_rename(job->state, &job->lease, &to, &job->err));
	assert_int_equal(job_folder(job, "Gone", 2).id, old.id);
	/* What is more than that stays, and its name is taken. */
	other = job_folder(job, "Other", 2);
	const struct folder_renaming taken = { .from = "Other", .to = "Gone", .shown_from = "", .shown_to = "" };
	assert_int_equal(state_folder_rename(job->state, &job->lease, &taken, &job->err), -1);
	assert_int_equal(job_folder(job, "Gone", 2).id, old.id);
	assert_int_equal(job_folder(job, "Other", 2).id, other.id);
}

static void
folders_come_in_name_order_with_any_octets(void **state)
{
	struct job *job = *state;
	static const char *const names[] = { "Z", "a\xff\xfe", "&AOk-", "A'\"B", "a" };
	static const char *const sorted[] = { "&AOk-", "A'\"B", "INBOX", "Z", "a", "a\xff\xfe" };
	struct folder_rec *f;
	size_t n;

	for (size_t i = 0; i < COUNT_OF(names); i++)
		(void)job_folder(job, names[i], 1);
	OK(state_folders(job->state, job->lease.account, &job->arena, &f, &n, &job->err));
	assert_int_equal(n, COUNT_OF(sorted));
	for (size_t i = 0; i < n; i++)
		assert_string_equal(f[i].name, sorted[i]);
}

/* ---- a new UIDVALIDITY ---- */

static void
put_bodies(struct job *job, int64_t folder, const uint32_t *body, size_t n)
{
	struct batch *b = batch_new();

	for (size_t i = 0; i < n; i++) {
		struct msg m = message((uint32_t)i + 1, body[i], VERDICT_STORED);

		batch_message(b, folder, &m, VERDICTS);
	}
	job_put(job, b);
}

/* Forget what is paired, in batches of `each`, at most `most`; gives how many there were. */
static size_t
forget_pairs(struct job *job, int64_t old, int64_t new, size_t most)
{
	struct msg_page *page = msg_page_new();
	size_t n = 0;

	do {
		struct batch *b = batch_new();

		OK(state_superseded(job->state, old, new, page, &job->err));
		for (size_t i = 0; i < page->len && n < most; i++, n++)
			batch_forget(b, old, page->msg[i].uid, page->msg[i].verdict);
		job_put(job, b);
	} while (page->len > 0 && n < most);
	msg_page_free(page);
	return n;
}

static void
equal_messages_are_paired_one_to_one(void **state)
{
	struct job *job = *state;
	struct folder_rec new = job_folder(job, "INBOX", 8);
	static const uint32_t old_bodies[] = { 1, 1, 1, 2, 3, 3 }, new_bodies[] = { 3, 1, 1, 9, 3, 3 };

	put_bodies(job, job->inbox.id, old_bodies, 6);
	put_bodies(job, new.id, new_bodies, 6);
	assert_int_equal(forget_pairs(job, job->inbox.id, new.id, 100), 4);
	struct folder_rec f = job_look(job, job->inbox.id);
	assert_int_equal(f.listed, 2);	/* a third copy of 1, and 2 */
	assert_int_equal(f.bytes, 1001 + 1002);
	/* Once more: the copies that are left have no partner of their own. */
	assert_int_equal(forget_pairs(job, job->inbox.id, new.id, 100), 0);
}

static void
pairing_goes_on_after_a_kill_as_if_there_was_none(void **state)
{
	struct job *job = *state;
	struct folder_rec new = job_folder(job, "INBOX", 8);
	static const uint32_t old_bodies[] = { 4, 4, 4, 4, 5 }, new_bodies[] = { 4, 4, 5 };

	put_bodies(job, job->inbox.id, old_bodies, 5);
	put_bodies(job, new.id, new_bodies, 3);
	assert_int_equal(forget_pairs(job, job->inbox.id, new.id, 1), 1);
	reopen(job, STATE_RUN);
	job_claim(job, "u@h");
	assert_int_equal(forget_pairs(job, job->inbox.id, new.id, 100), 2);
	assert_int_equal(job_look(job, job->inbox.id).listed, 2);
}

static void
pairs_come_in_pages_and_leave_out_what_has_no_file(void **state)
{
	struct job *job = *state;
	struct folder_rec new = job_folder(job, "INBOX", 8);
	struct batch *b = batch_new();

	put_messages(job, job->inbox.id, 1, PAGE_MSGS + 100);
	put_messages(job, new.id, 1, PAGE_MSGS + 100);
	struct msg failed = message(3, 3, VERDICT_FAILED);
	batch_message(b, new.id, &failed, VERDICT_STORED);
	batch_expunged(b, job->inbox.id, 4, VERDICT_STORED);
	job_put(job, b);
	assert_int_equal(forget_pairs(job, job->inbox.id, new.id, SIZE_MAX), PAGE_MSGS + 98);
	assert_int_equal(job_look(job, job->inbox.id).expunged, 1);
}

/* ---- problems, warnings, debts ---- */

static void
problems_are_kept_until_solved(void **state)
{
	struct job *job = *state;
	char *reply = mem_new(9000);
	struct problem p = {
		.folder = job->inbox.id, .uid = 5, .verdict = VERDICT_FAILED, .reason = "r", .from = "f",
		.subject = "s", .message_id = "<m>", .reply = memset(reply, 'x', 8999)
	};
	struct batch *b = batch_new();
	struct problem *got;
	size_t n;

	batch_problem(b, &p);
	p.uid = 6;
	batch_problem(b, &p);
	p.uid = 5;
	p.reason = "again";
	batch_problem(b, &p);
	batch_problem_solved(b, job->inbox.id, 6);
	batch_problem_solved(b, job->inbox.id, 7);
	job_put(job, b);
	free(reply);
	OK(state_problems(job->state, job->inbox.id, &job->arena, &got, &n, &job->err));
	assert_int_equal(n, 1);
	assert_int_equal(got[0].uid, 5);
	assert_int_equal(got[0].verdict, VERDICT_FAILED);
	assert_string_equal(got[0].reason, "again");
	assert_string_equal(got[0].message_id, "<m>");
	assert_null(got[0].date);
	assert_int_equal(strlen(got[0].reply), 8192);
}

static uint64_t
warnings(struct job *job, struct warning **ret)
{
	struct account_rec *a;
	size_t n, accounts;

	OK(state_warnings(job->state, job->lease.account, &job->arena, ret, &n, &job->err));
	OK(state_accounts(job->state, &job->arena, &a, &accounts, &job->err));
	assert_int_equal(a[0].warnings, n);
	return n;
}

static void
warnings_replace_each_other_and_go(void **state)
{
	struct job *job = *state;
	struct batch *b = batch_new();
	struct warning *got;

	batch_warning(b, &(struct warning){ EV_SIZE_DIFFERS, "INBOX", 5, "one" });
	batch_warning(b, &(struct warning){ EV_SIZE_DIFFERS, "INBOX", 5, "two" });
	batch_warning(b, &(struct warning){ EV_SIZE_DIFFERS, "INBOX", 6, "three" });
	batch_warning(b, &(struct warning){ EV_INSECURE, NULL, 0, "four" });
	job_put(job, b);
	assert_int_equal(warnings(job, &got), 3);
	assert_int_equal(got[0].event, EV_INSECURE);
	assert_string_equal(got[0].folder, "");
	assert_string_equal(got[1].text, "two");
	b = batch_new();
	batch_warning_gone(b, EV_SIZE_DIFFERS, "INBOX", 5);
	batch_warning_gone(b, EV_SIZE_DIFFERS, "INBOX", 5);
	batch_warning_gone(b, EV_INSECURE, NULL, 0);
	job_put(job, b);
	assert_int_equal(warnings(job, &got), 1);
	assert_int_equal(got[0].uid, 6);
}

static void
debts_stand_until_paid(void **state)
{
	struct job *job = *state;
	struct batch *b = batch_new();
	uint32_t *got;
	size_t n;

	for (uint32_t uid = 9; uid > 0; uid--)
		batch_debt(b, job->inbox.id, uid);
	batch_debt(b, job->inbox.id, 4);
	job_settle(job, b);
	reopen(job, STATE_RUN);
	job_claim(job, "u@h");
	b = batch_new();
	batch_debt_paid(b, job->inbox.id, 2);
	batch_debt_paid(b, job->inbox.id, 200);
	job_put(job, b);
	OK(state_debts(job->state, job->inbox.id, &job->arena, &got, &n, &job->err));
	assert_int_equal(n, 8);
	assert_int_equal(got[0], 1);
	assert_int_equal(got[1], 3);
	assert_int_equal(got[7], 9);
}

static void
numbers_of_messages_without_uids_are_kept(void **state)
{
	struct job *job = *state;
	struct numbering got = { 0 };
	struct batch *b = batch_new();
	struct numbered one = { .uid = 7, .size_known = true, .size = 133, .head_known = true,
		.head = { 1, 2, 3 } };

	batch_numbered(b, job->inbox.id, &one);
	one = (struct numbered){ .uid = 2, .date_known = true, .date = -5 };
	batch_numbered(b, job->inbox.id, &one);
	job_settle(job, b);
	reopen(job, STATE_RUN);
	OK(state_numbering(job->state, job->inbox.id, &got, &job->err));
	assert_int_equal(got.len, 2);
	assert_int_equal(got.stored, 2);
	assert_int_equal(got.next, 8);
	assert_int_equal(got.one[0].uid, 2);
	assert_false(got.one[0].size_known || got.one[0].head_known);
	assert_int_equal(got.one[0].date, -5);
	assert_int_equal(got.one[1].size, 133);
	assert_true(got.one[1].head_known && got.one[1].head[2] == 3);
	job_claim(job, "u@h");
	put_messages(job, job->inbox.id, 20, 1);
	OK(state_barrier(job->state, &job->err));
	OK(state_numbering(job->state, job->inbox.id, &got, &job->err));
	assert_int_equal(got.next, 21);
	numbering_done(&got);
}

/* ---- the job ---- */

static void
birth_facts_are_fixed_and_named_when_they_differ(void **state)
{
	struct job *job = *state;
	struct job_birth birth = { "extract", "maildir", "lf", "UTC", "utf-8" }, got;

	assert_int_equal(state_birth_read(job->state, &got, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_NO_INPUT);
	OK(state_birth(job->state, &birth, &job->err));
	reopen(job, STATE_RUN);
	OK(state_birth(job->state, &birth, &job->err));
	OK(state_birth_read(job->state, &got, &job->err));
	assert_memory_equal(&got, &birth, sizeof(got));
	memcpy(birth.eol, "crlf", 5);
	assert_int_equal(state_birth(job->state, &birth, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_OTHER_JOB);
	assert_non_null(strstr(job->err.text, "line ends 'lf', not 'crlf'"));
}

static void
notes_are_kept(void **state)
{
	struct job *job = *state;
	char *got;

	OK(state_note_get(job->state, "options", &got, &job->err));
	assert_null(got);
	OK(state_note_set(job->state, "options", "{}", &job->err));
	OK(state_note_set(job->state, "options", "{\"a\":1}", &job->err));
	OK(state_note_get(job->state, "options", &got, &job->err));
	assert_string_equal(got, "{\"a\":1}");
	free(got);
	OK(state_note_set(job->state, "options", NULL, &job->err));
	OK(state_note_get(job->state, "options", &got, &job->err));
	assert_null(got);
}

static void
notes_are_listed_by_what_their_keys_begin_with(void **state)
{
	static const struct job_note many[] = { { "a/\xff", "3" }, { "a/", "1" }, { "a", "0" },
		{ "a/b", "2" }, { "a0", "4" }, { "A/", "5" } };
	struct job *job = *state;
	struct job_note *got;
	size_t n;

	OK(state_notes_set(job->state, many, COUNT_OF(many), &job->err));
	OK(state_notes(job->state, "a/", &job->arena, &got, &n, &job->err));
	assert_int_equal(n, 3);
	assert_string_equal(got[0].key, "a/");
	assert_string_equal(got[1].value, "2");
	assert_string_equal(got[2].key, "a/\xff");
}

static void
accounts_are_queued_in_one_go_and_keep_what_is_known(void **state)
{
	struct account_rec many[3] = {
		{ .name = "u@h", .dir = "u@h", .login = "u", .host = "h", .port = "993" },
		{ .name = "v@h", .dir = "v@h", .login = "v", .host = "h", .port = "993" },
		{ .name = "V@h", .dir = "V@h", .login = "V", .host = "h", .port = "993" },
	};
	struct job *job = *state;
	struct lease old = job->lease;

	many[1].bytes_known = 77;
	OK(state_account_end(job->state, &old, ACCOUNT_FAILED, "no", 77, &job->err));
	OK(state_account_queue(job->state, many, COUNT_OF(many), &job->arena, &job->err));
	for (size_t i = 0; i < COUNT_OF(many); i++)
		assert_int_equal(many[i].status, ACCOUNT_QUEUED);
	assert_int_equal(many[0].id, old.account);
	assert_true(many[0].ended_ms > 0);
	assert_string_equal(many[0].error, "");
	assert_int_equal(many[1].bytes_known, 77);
	assert_int_equal(many[1].started_ms, 0);
	assert_string_equal(many[2].dir, "V@h~2");
	OK(state_account_queue(job->state, &many[1], 1, &job->arena, &job->err));
	assert_int_equal(many[1].bytes_known, 77);
	job_claim(job, "u@h");
	assert_true(job->lease.epoch > old.epoch);
	assert_int_equal(state_account_size(job->state, &old, 5, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_TAKEN);
}

static void
account_waits_and_counts_the_octets_of_a_day(void **state)
{
	struct job *job = *state;
	struct account_rec *a;
	uint64_t total;
	size_t n;

	OK(state_account_wait(job->state, &job->lease, 12345, "the server asked for it", &job->err));
	OK(state_account_size(job->state, &job->lease, 99, &job->err));
	OK(state_account_day(job->state, &job->lease, 20000, 10, &total, &job->err));
	assert_int_equal(total, 10);
	OK(state_account_day(job->state, &job->lease, 20000, 5, &total, &job->err));
	assert_int_equal(total, 15);
	OK(state_account_day(job->state, &job->lease, 20001, 7, &total, &job->err));
	assert_int_equal(total, 7);
	OK(state_accounts(job->state, &job->arena, &a, &n, &job->err));
	assert_int_equal(a->status, ACCOUNT_WAITING);
	assert_int_equal(a->retry_at_ms, 12345);
	assert_string_equal(a->error, "the server asked for it");
	assert_int_equal(a->day, 20001);
	assert_int_equal(a->bytes_day, 7);
	assert_int_equal(a->bytes_known, 99);
	job_claim(job, "u@h");
	OK(state_accounts(job->state, &job->arena, &a, &n, &job->err));
	assert_int_equal(a->status, ACCOUNT_RUNNING);
	assert_int_equal(a->retry_at_ms, 0);
	assert_int_equal(a->attempts, 2);
}

static void
tallies_are_the_sums_of_folders_that_are_there(void **state)
{
	struct job *job = *state;
	struct folder_rec f = { .name = "X", .path = "X", .mark = "", .uidvalidity = 1,
		.excluded = true };
	struct msg m = message(5, 5, VERDICT_FAILED);
	struct batch *b = batch_new();
	struct tally *t;
	size_t n;

	batch_message(b, job->inbox.id, &m, VERDICTS);
	job_put(job, b);
	put_messages(job, job->inbox.id, 1, 2);
	put_messages(job, job_folder(job, "Gone", 1).id, 1, 4);
	(void)job_folder(job, "Gone", 2);	/* the first one is vanished now */
	OK(state_folder(job->state, &job->lease, &f, &job->arena, &job->err));
	job_claim(job, "none@h");
	OK(state_tallies(job->state, &job->arena, &t, &n, &job->err));
	assert_int_equal(n, 1);
	assert_int_equal(t->folders, 2);
	assert_int_equal(t->proved, 0);
	assert_int_equal(t->listed, 3);
	assert_int_equal(t->verdicts[VERDICT_STORED], 2);
	assert_int_equal(t->verdicts[VERDICT_FAILED], 1);
	assert_int_equal(t->bytes, 1001 + 1002);
}

static void
run_without_an_end_is_unclean_until_the_next_one_ends(void **state)
{
	struct job *job = *state;
	int64_t run;

	assert_false(state_was_unclean(job->state));
	OK(state_run_begin(job->state, "0.1", "{}", &run, &job->err));
	reopen(job, STATE_RUN);
	assert_true(state_was_unclean(job->state));
	OK(state_run_begin(job->state, "0.1", "{}", &run, &job->err));
	reopen(job, STATE_RUN);
	assert_true(state_was_unclean(job->state));
	OK(state_run_begin(job->state, "0.1", "{}", &run, &job->err));
	OK(state_run_end(job->state, run, 0, &job->err));
	reopen(job, STATE_RUN);
	assert_false(state_was_unclean(job->state));
}

static void
twins_by_case_get_directories_of_their_own(void **state)
{
	struct job *job = *state;
	static const char *const keys[] = { "U@h", "u@H", "u@h", "U@h" };
	static const char *const dirs[] = { "U@h~2", "u@H~3", "u@h", "U@h~2" };

	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		struct account_rec a = { .name = "n", .dir = keys[i], .login = "u", .host = "h", .port = "" };

		OK(state_claim(job->state, &a, &job->arena, &job->lease, &job->err));
		assert_string_equal(a.dir, dirs[i]);
	}
}

static void
account_shows_how_it_ended(void **state)
{
	struct job *job = *state;
	struct account_rec *a;
	size_t n;

	OK(state_account_end(job->state, &job->lease, ACCOUNT_FAILED, "login refused", 77, &job->err));
	OK(state_accounts(job->state, &job->arena, &a, &n, &job->err));
	assert_int_equal(n, 1);
	assert_int_equal(a[0].status, ACCOUNT_FAILED);
	assert_string_equal(a[0].error, "login refused");
	assert_int_equal(a[0].error_exit, 77);
	assert_true(a[0].started_ms > 0 && a[0].ended_ms >= a[0].started_ms);
	job_claim(job, "u@h");
	OK(state_accounts(job->state, &job->arena, &a, &n, &job->err));
	assert_int_equal(a[0].status, ACCOUNT_RUNNING);
	assert_string_equal(a[0].error, "");
}

static void
servers_remember_what_was_learnt(void **state)
{
	struct job *job = *state;
	struct server_facts f, want = {
		.product = "Banyan", .refused_forms = 5, .works_form = 1, .quirks = UINT32_MAX, .connections = 3
	};

	OK(state_server_get(job->state, "h:143", &f, &job->err));
	assert_true(f.works_form == -1 && f.refused_forms == 0 && *f.product == '\0');
	OK(state_server_set(job->state, "h:143", &want, &job->err));
	OK(state_server_get(job->state, "h:143", &f, &job->err));
	assert_memory_equal(&f, &want, sizeof(f));
}

/* Two accounts of one server that run at the same time do not know of each other's findings. */
static void
what_accounts_learn_at_the_same_time_is_joined(void **state)
{
	struct job *job = *state;
	const uint32_t second = 2u << LEARNT_LISTING_SHIFT, first = 1u << LEARNT_LISTING_SHIFT;
	struct server_facts f, one = { .product = "x", .refused_forms = 1, .works_form = 4,
				       .quirks = LEARNT_NO_SEARCH | second },
			       other = { .refused_forms = 2, .works_form = -1,
				   .quirks = LEARNT_NO_STATUS | first, .connections = 2 };

	OK(state_server_set(job->state, "h:143", &one, &job->err));
	OK(state_server_set(job->state, "h:143", &other, &job->err));
	OK(state_server_get(job->state, "h:143", &f, &job->err));
	assert_int_equal(f.refused_forms, 3);
	assert_int_equal(f.works_form, 4);
	assert_int_equal(f.quirks, LEARNT_NO_SEARCH | LEARNT_NO_STATUS | second);
	assert_int_equal(f.connections, 2);
	assert_string_equal(f.product, "x");
}

/* One account's bad message was refused in a form that works for the other's. */
static void
a_form_that_works_is_not_refused(void **state)
{
	struct job *job = *state;
	struct server_facts f, one = { .refused_forms = 7, .works_form = -1 }, other = { .works_form = 1, .proven = 1 };

	OK(state_server_set(job->state, "h:143", &one, &job->err));
	OK(state_server_set(job->state, "h:143", &other, &job->err));
	OK(state_server_get(job->state, "h:143", &f, &job->err));
	assert_int_equal(f.refused_forms, 5);
	assert_int_equal(f.works_form, 1);
	/* In this run alone. */
	assert_int_equal(f.proven, 0);
	server_facts_join(&f, &other);
	assert_int_equal(f.proven, 1);
	other = (struct server_facts){ .works_form = 2 };
	server_facts_join(&f, &other);
	assert_int_equal(f.proven, 0);
}

/* ---- outcome ---- */

static void
outcome_follows_accounts_folders_verdicts_and_warnings(void **state)
{
	struct job *job = *state;
	struct batch *b;

	assert_int_equal(job_outcome(job), 2);	/* running */
	OK(state_account_end(job->state, &job->lease, ACCOUNT_DONE, NULL, 0, &job->err));
	assert_int_equal(job_outcome(job), 2);	/* INBOX unproved */
	job_prove(job, &job->inbox);
	assert_int_equal(job_outcome(job), 0);
	b = batch_new();
	batch_warning(b, &(struct warning){ EV_REFUSED, "", 0, "recovered" });
	job_put(job, b);
	assert_int_equal(job_outcome(job), 1);
	for (int v = 0; v < VERDICTS; v++) {
		struct msg m = message(1, 1, (enum verdict)v);

		b = batch_new();
		batch_message(b, job->inbox.id, &m, VERDICTS);
		job_put(job, b);
		assert_int_equal(job_outcome(job), verdict_good((enum verdict)v) ? 1 : 2);
	}
}

static void
outcome_passes_over_excluded_and_vanished_folders(void **state)
{
	struct job *job = *state;
	struct folder_rec f = job_folder(job, "A", 1);
	struct msg m = message(1, 1, VERDICT_FAILED);
	struct batch *b = batch_new();

	batch_message(b, f.id, &m, VERDICTS);
	job_put(job, b);
	job_prove(job, &job->inbox);
	OK(state_account_end(job->state, &job->lease, ACCOUNT_DONE, NULL, 0, &job->err));
	assert_int_equal(job_outcome(job), 2);
	b = batch_new();
	f.excluded = true;
	batch_folder(b, &f);
	job_put(job, b);
	assert_int_equal(job_outcome(job), 0);
	b = batch_new();
	f.excluded = false;
	f.vanished = true;
	batch_folder(b, &f);
	job_put(job, b);
	assert_int_equal(job_outcome(job), 0);
}

/* ---- reading beside a run ---- */

static void
reader_sees_what_is_committed_beside_a_running_job(void **state)
{
	struct job *job = *state, other = *job;

	put_messages(job, job->inbox.id, 1, 10);
	OK(state_barrier(job->state, &job->err));
	expect_ok(state_open(&other.state, job->dir, STATE_READ, &other.err), &other.err, "open");
	assert_int_equal(job_look(&other, job->inbox.id).listed, 10);
	put_messages(job, job->inbox.id, 11, 10);
	OK(state_barrier(job->state, &job->err));
	assert_int_equal(job_look(&other, job->inbox.id).listed, 20);
	state_close(&other.state);
}

/* A run first asks what the job was begun with, before it writes and so brings the state up to
 * date. */
static void
reader_learns_the_birth_from_an_older_state(void **state)
{
	static const char back[] =
	    "DROP INDEX message_gm_msgid; ALTER TABLE message DROP COLUMN gm_msgid;"
	    "ALTER TABLE message DROP COLUMN gm_thrid; ALTER TABLE message DROP COLUMN labels;"
	    "ALTER TABLE account DROP COLUMN dest;"
	    "DROP TABLE process; DROP TABLE place; DROP TABLE bearing;"
	    "ALTER TABLE account DROP COLUMN owner; ALTER TABLE account DROP COLUMN round;"
	    "DROP TABLE intent; DROP TABLE numbered; ALTER TABLE message DROP COLUMN dest_uid;"
	    "ALTER TABLE message DROP COLUMN dest_own; ALTER TABLE message DROP COLUMN head;"
	    "ALTER TABLE account DROP COLUMN retry_at_ms; ALTER TABLE account DROP COLUMN attempts;"
	    "ALTER TABLE account DROP COLUMN day; ALTER TABLE account DROP COLUMN bytes_day;"
	    "ALTER TABLE account DROP COLUMN bytes_known; ALTER TABLE run DROP COLUMN who;"
	    "ALTER TABLE run DROP COLUMN host; ALTER TABLE run DROP COLUMN pid;"
	    "ALTER TABLE folder DROP COLUMN n_mirrored; ALTER TABLE folder DROP COLUMN mailbox_id;"
	    "PRAGMA user_version=1";
	struct job *job = *state;
	struct account_rec *account;
	struct folder_rec *folder;
	struct tally *sum;
	struct run_rec *run;
	int64_t number;
	size_t n;
	struct job_birth birth = { .command = "extract", .format = "mbox" };
	struct msg_page *page = msg_page_new();
	sqlite3 *db = NULL;

	OK(state_birth(job->state, &birth, &job->err));
	OK(state_run_begin(job->state, "0.1", "extract x", &number, &job->err));
	state_close(&job->state);
	assert_int_equal(sqlite3_open(job->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, back, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	OK(state_open(&job->state, job->dir, STATE_READ, &job->err));
	OK(state_birth_read(job->state, &birth, &job->err));
	assert_string_equal(birth.format, "mbox");
	assert_int_equal(state_page(job->state, job->inbox.id, 0, page, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_CONFIG);
	assert_non_null(strstr(job->err.text, "older imex"));
	OK(state_accounts(job->state, &job->arena, &account, &n, &job->err));
	assert_int_equal(n, 1);
	assert_int_equal(account->attempts, 0);
	OK(state_folders(job->state, account->id, &job->arena, &folder, &n, &job->err));
	assert_int_equal(n, 1);
	assert_int_equal(folder->mirrored, 0);
	OK(state_tallies(job->state, &job->arena, &sum, &n, &job->err));
	assert_int_equal(sum->folders, 1);
	OK(state_runs(job->state, &job->arena, &run, &n, &job->err));
	assert_int_equal(n, 1);
	assert_string_equal(run->options, "extract x");
	assert_string_equal(run->who, "");
	state_close(&job->state);
	OK(state_open(&job->state, job->dir, STATE_RUN, &job->err));
	OK(state_page(job->state, job->inbox.id, 0, page, &job->err));
	msg_page_free(page);
	job_claim(job, "u@h");
	OK(state_accounts(job->state, &job->arena, &account, &n, &job->err));
	assert_int_equal(account->attempts, 1);
	OK(state_run_begin(job->state, "0.3", "", &number, &job->err));
	OK(state_runs(job->state, &job->arena, &run, &n, &job->err));
	assert_int_equal(n, 2);
	assert_int_equal(run[0].exit_code, -1);
	assert_int_equal(run[1].pid, getpid());
	assert_non_null(strchr(run[1].who, '('));
}

#define STATE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STATE_TEST(message_comes_back_as_it_was_put),
		STATE_TEST(pages_are_ascending_and_end),
		STATE_TEST(a_batch_gives_the_pages_that_its_commit_will_give),
		STATE_TEST(a_hundred_thousand_rows_keep_their_totals),
		STATE_TEST(totals_equal_a_recount_after_random_operations),
		STATE_TEST(a_mirrored_row_has_no_copy_and_keeps_its_digest),
		STATE_TEST(folder_is_found_again_with_what_was_committed),
		STATE_TEST(new_uidvalidity_makes_the_old_folder_vanish_until_it_is_back),
		STATE_TEST(unknown_uidvalidity_is_the_current_folder),
		STATE_TEST(folder_takes_what_the_source_says_now),
		STATE_TEST(a_renamed_folder_keeps_its_record_and_its_warnings),
		STATE_TEST(a_renamed_folder_takes_the_name_of_one_that_was_only_left_out),
		STATE_TEST(folders_come_in_name_order_with_any_octets),
		STATE_TEST(equal_messages_are_paired_one_to_one),
		STATE_TEST(pairing_goes_on_after_a_kill_as_if_there_was_none),
		STATE_TEST(pairs_come_in_pages_and_leave_out_what_has_no_file),
		STATE_TEST(problems_are_kept_until_solved),
		STATE_TEST(warnings_replace_each_other_and_go),
		STATE_TEST(debts_stand_until_paid),
		STATE_TEST(numbers_of_messages_without_uids_are_kept),
		STATE_TEST(birth_facts_are_fixed_and_named_when_they_differ),
		STATE_TEST(notes_are_kept),
		STATE_TEST(accounts_are_queued_in_one_go_and_keep_what_is_known),
		STATE_TEST(account_waits_and_counts_the_octets_of_a_day),
		STATE_TEST(tallies_are_the_sums_of_folders_that_are_there),
		STATE_TEST(notes_are_listed_by_what_their_keys_begin_with),
		STATE_TEST(run_without_an_end_is_unclean_until_the_next_one_ends),
		STATE_TEST(twins_by_case_get_directories_of_their_own),
		STATE_TEST(account_shows_how_it_ended),
		STATE_TEST(servers_remember_what_was_learnt),
		STATE_TEST(what_accounts_learn_at_the_same_time_is_joined),
		STATE_TEST(a_form_that_works_is_not_refused),
		STATE_TEST(outcome_follows_accounts_folders_verdicts_and_warnings),
		STATE_TEST(outcome_passes_over_excluded_and_vanished_folders),
		STATE_TEST(reader_sees_what_is_committed_beside_a_running_job),
		STATE_TEST(reader_learns_the_birth_from_an_older_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
