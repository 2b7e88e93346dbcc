/* Rows of messages by pages, and what is said of single messages: problems, warnings, debts, intents. */
#include <string.h>

#include "state/sqlite.h"

/* Columns as MESSAGE_COLUMNS has them. */
static int
msg_read(const struct query *q, struct arena *a, struct msg *ret, struct err *err)
{
	bool full = false;
	int64_t verdict = col_int(q, 8);

	if (verdict < 0 || verdict >= VERDICTS)
		return db_damaged(q->b, err, "a message has an unknown verdict");
	struct msg m = {
		.uid = (uint32_t)col_int(q, 0),
		.size_known = sqlite3_column_type(q->stmt, 1) != SQLITE_NULL,
		.size = (uint64_t)col_int(q, 1),
		.date.known = sqlite3_column_type(q->stmt, 2) != SQLITE_NULL,
		.date.epoch = col_int(q, 2),
		.date.zone_min = (int16_t)col_int(q, 3),
		.raw_date = col_text(q, 4, a, &full),
		.flags.system = (uint8_t)(col_int(q, 5) & FLAGS_STORED),
		.flags.keywords = col_text(q, 6, a, &full),
		.modseq = (uint64_t)col_int(q, 7),
		.verdict = (enum verdict)verdict,
		.reason = col_text(q, 9, a, &full),
		.wire_bytes = (uint64_t)col_int(q, 10),
		.file_bytes = (uint64_t)col_int(q, 11),
		.expunged = col_int(q, 13) != 0,
		.dest_uid = (uint32_t)col_int(q, 14),
		.dest_own = col_int(q, 15) != 0,
		.gm_msgid = (uint64_t)col_int(q, 17),
		.gm_thrid = (uint64_t)col_int(q, 18),
		.flags.labels = col_text(q, 19, a, &full),
	};
	if (m.flags.keywords == NULL)
		m.flags.keywords = "";
	if (sqlite3_column_bytes(q->stmt, 12) == SHA256_LEN)
		memcpy(m.sha256, sqlite3_column_blob(q->stmt, 12), SHA256_LEN);
	if (sqlite3_column_bytes(q->stmt, 16) == HEAD_LEN) {
		memcpy(m.head, sqlite3_column_blob(q->stmt, 16), HEAD_LEN);
		m.head_known = true;
	}
	*ret = m;
	return full
	    ? err_set(err, ERR_STATE, "texts of messages in the state do not fit into memory")
	    : 0;
}

static int
page_read(struct query *q, struct msg_page *ret, struct err *err)
{
	int rc;

	msg_page_reset(ret);
	while (ret->len < PAGE_MSGS && (rc = query_row(q, err)) != 0) {
		if (rc < 0 || msg_read(q, &ret->arena, &ret->msg[ret->len], err) < 0)
			return -1;
		ret->len++;
	}
	return 0;
}

int
sqlite_page(
    struct backend *b, int64_t folder, uint32_t after, struct msg_page *ret, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b,
	    b->version < 8   ? STMT_MESSAGE_PAGE_7
	    : b->version < 9 ? STMT_MESSAGE_PAGE_8
			     : STMT_MESSAGE_PAGE);

	query_int(&q, folder);
	query_int(&q, after);
	query_int(&q, PAGE_MSGS);
	return page_read(&q, ret, err);
}

int
sqlite_uids(struct backend *b, int64_t folder, uint32_t after, uint32_t *ret, size_t most, size_t *ret_len,
    struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_MESSAGE_UIDS);
	size_t n = 0;
	int rc = 0;

	query_int(&q, folder);
	query_int(&q, after);
	query_int(&q, (int64_t)most);
	while (n < most && (rc = query_row(&q, err)) > 0)
		ret[n++] = (uint32_t)col_int(&q, 0);
	if (rc < 0)
		return -1;
	*ret_len = n;
	return 0;
}

int
sqlite_message(struct backend *b, int64_t folder, uint32_t uid, struct arena *a, struct msg *ret,
    bool *ret_found, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_MESSAGE_GET);

	query_int(&q, folder);
	query_int(&q, uid);
	int rc = query_row(&q, err);
	if (rc < 0 || (rc > 0 && msg_read(&q, a, ret, err) < 0))
		return -1;
	*ret_found = rc > 0;
	return 0;
}

int
sqlite_twin(struct backend *b, int64_t folder, uint64_t gm_msgid, struct arena *a, struct twin *ret,
    bool *ret_found, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_TWIN);
	bool full = false;

	query_int(&q, folder);
	query_int(&q, (int64_t)gm_msgid);
	int rc = query_row(&q, err);
	if (rc < 0 || (rc > 0 && msg_read(&q, a, &ret->msg, err) < 0))
		return -1;
	*ret_found = rc > 0;
	if (rc == 0)
		return 0;
	ret->path = col_text(&q, 20, a, &full);
	ret->uidvalidity = (uint32_t)col_int(&q, 21);
	if (ret->path == NULL)
		return db_damaged(b, err, "a message has no folder");
	return full ? err_set(err, ERR_STATE, "the path of a folder does not fit into memory") : 0;
}

/* ---- pairs of an old and a new UIDVALIDITY ---- */

/* Pair the rows of the two folders once; the pages are then read from the list of old UIDs.
 * Pairing anew for each page would be quadratic, and an index on the digest would slow every
 * commit for a rare need. */
static int
pairs_fill(struct backend *b, int64_t old_folder, int64_t new_folder, struct err *err)
{
	if (db_exec(b, "CREATE TEMP TABLE IF NOT EXISTS pair(pair_uid INTEGER PRIMARY KEY)", err) <
	    0)
		return -1;
	AUTO(query_done) struct query clear = query_start(b, STMT_PAIR_CLEAR);
	AUTO(query_done) struct query fill = query_start(b, STMT_PAIR_FILL);
	query_int(&fill, old_folder);
	query_int(&fill, new_folder);
	if (query_run(&clear, err) < 0 || query_run(&fill, err) < 0)
		return -1;
	b->pair_old = old_folder;
	b->pair_new = new_folder;
	b->pair_after = 0;
	return 0;
}

int
sqlite_superseded(struct backend *b, int64_t old_folder, int64_t new_folder, struct msg_page *ret,
    struct err *err)
{
	bool filled = b->pair_old == old_folder && b->pair_new == new_folder;

	if (!filled && pairs_fill(b, old_folder, new_folder, err) < 0)
		return -1;
	AUTO(query_done) struct query q = query_start(b, STMT_PAIR_PAGE);
	query_int(&q, old_folder);
	query_int(&q, b->pair_after);
	query_int(&q, PAGE_MSGS);
	if (page_read(&q, ret, err) < 0)
		return -1;
	if (ret->len > 0)
		b->pair_after = ret->msg[ret->len - 1].uid;
	else
		b->pair_old = b->pair_new = 0;
	return 0;
}

/* ---- problems, warnings, debts ---- */

int
sqlite_problems(struct backend *b, int64_t folder, struct arena *a, struct problem **ret,
    size_t *ret_len, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_PROBLEMS);
	AUTO(rows_done) struct rows rows = { .each = sizeof **ret };
	bool full = false;
	int rc;

	query_int(&q, folder);
	while ((rc = query_row(&q, err)) > 0 && !full) {
		struct problem *p = rows_add(&rows);
		int64_t verdict = col_int(&q, 1);

		*p = (struct problem){
			.folder = folder,
			.uid = (uint32_t)col_int(&q, 0),
			.verdict = verdict >= 0 && verdict < VERDICTS ? (enum verdict)verdict
								      : VERDICT_FAILED,
			.reason = col_text(&q, 2, a, &full),
			.from = col_text(&q, 3, a, &full),
			.date = col_text(&q, 4, a, &full),
			.subject = col_text(&q, 5, a, &full),
			.message_id = col_text(&q, 6, a, &full),
			.reply = col_text(&q, 7, a, &full),
		};
	}
	return rc < 0 ? -1 : rows_end(&rows, a, full, ret, ret_len, err);
}

int
sqlite_warnings(struct backend *b, int64_t account, struct arena *a, struct warning **ret,
    size_t *ret_len, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_WARNINGS);
	AUTO(rows_done) struct rows rows = { .each = sizeof **ret };
	bool full = false;
	int rc;

	query_int(&q, account);
	while ((rc = query_row(&q, err)) > 0 && !full) {
		struct warning *w = rows_add(&rows);

		w->event = (int)col_int(&q, 0);
		w->folder = col_text(&q, 1, a, &full);
		w->uid = (uint32_t)col_int(&q, 2);
		w->text = col_text(&q, 3, a, &full);
	}
	return rc < 0 ? -1 : rows_end(&rows, a, full, ret, ret_len, err);
}

/* UIDs that a statement gives for a folder. */
static int
uids_of(struct backend *b, enum stmt_no no, int64_t folder, struct arena *a, uint32_t **ret, size_t *ret_len,
    struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, no);
	AUTO(rows_done) struct rows rows = { .each = sizeof **ret };
	int rc;

	query_int(&q, folder);
	while ((rc = query_row(&q, err)) > 0)
		*(uint32_t *)rows_add(&rows) = (uint32_t)col_int(&q, 0);
	return rc < 0 ? -1 : rows_end(&rows, a, false, ret, ret_len, err);
}

int
sqlite_debts(struct backend *b, int64_t folder, struct arena *a, uint32_t **ret, size_t *ret_len,
    struct err *err)
{
	return uids_of(b, STMT_DEBTS, folder, a, ret, ret_len, err);
}

int
sqlite_shared_copies(struct backend *b, int64_t folder, struct arena *a, uint32_t **ret, size_t *ret_len,
    struct err *err)
{
	return uids_of(b, STMT_SHARED_COPIES, folder, a, ret, ret_len, err);
}

/* A number of no row, or not of 32 bits, is damage; so is a digest of another length. */
static int
numbered_row(const struct query *q, struct numbering *ret, struct err *err)
{
	struct numbered n = { .uid = (uint32_t)col_int(q, 0),
		.size_known = sqlite3_column_type(q->stmt, 1) != SQLITE_NULL,
		.size = (uint64_t)col_int(q, 1),
		.date_known = sqlite3_column_type(q->stmt, 2) != SQLITE_NULL,
		.date = col_int(q, 2),
		.head_known = sqlite3_column_bytes(q->stmt, 3) == SHA256_LEN };

	if (n.head_known)
		memcpy(n.head, sqlite3_column_blob(q->stmt, 3), SHA256_LEN);
	if (n.uid == 0 || col_int(q, 0) >= UINT32_MAX || !numbering_add(ret, &n))
		return db_damaged(q->b, err, "a message has a number that cannot be");
	return 0;
}

int
sqlite_numbering(struct backend *b, int64_t folder, struct numbering *ret, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_NUMBERING);
	AUTO(query_done) struct query last = query_start(b, STMT_MESSAGE_LAST);
	int rc;

	numbering_clear(ret);
	query_int(&q, folder);
	while ((rc = query_row(&q, err)) > 0)
		if (numbered_row(&q, ret, err) < 0)
			return -1;
	ret->stored = ret->len;
	query_int(&last, folder);
	if (rc == 0 && (rc = query_row(&last, err)) > 0 && col_int(&last, 0) >= ret->next)
		ret->next = (uint32_t)col_int(&last, 0) + 1;
	return rc < 0 ? -1 : 0;
}

int
sqlite_intents(struct backend *b, int64_t folder, struct arena *a, struct intent **ret,
    size_t *ret_len, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_INTENTS);
	AUTO(rows_done) struct rows rows = { .each = sizeof **ret };
	int rc;

	query_int(&q, folder);
	while ((rc = query_row(&q, err)) > 0) {
		struct intent *i = rows_add(&rows);

		*i = (struct intent){
			.uid = (uint32_t)col_int(&q, 0),
			.size_known = sqlite3_column_type(q.stmt, 1) != SQLITE_NULL,
			.size = (uint64_t)col_int(&q, 1),
			.date_known = sqlite3_column_type(q.stmt, 2) != SQLITE_NULL,
			.date = col_int(&q, 2),
			.dest_uidvalidity = (uint32_t)col_int(&q, 3),
			.dest_uidnext = (uint32_t)col_int(&q, 4),
			.at_ms = col_int(&q, 5),
		};
	}
	return rc < 0 ? -1 : rows_end(&rows, a, false, ret, ret_len, err);
}
