/* A folder that somebody has deleted and made anew may have the UIDVALIDITY that it had: some servers have one for all
 * folders and all time. What tells is UIDNEXT, which never goes back while UIDVALIDITY is the same (RFC 3501 2.3.1.1): it
 * is not above a UID that a copy has had. Some servers state it wrongly, or make it of what is there; so it is looked at
 * what is there. A message with a higher UID than the server states is proof that it is wrong. Where messages with the UIDs
 * of rows are the copies that the rows speak of, the folder is the one of before, and only UIDs from UIDNEXT on are void,
 * since they are given to other messages from now on; else all are. What has lost its copy in this way is looked
 * for, as under another UIDVALIDITY, before it is sent: a wrong guess costs time, and doubles nothing. */
#include <string.h>

#include "base/mem.h"
#include "store/to_imap/imap_sink.h"

enum { SAMPLE_COPIES = 3 };

struct anew {
	struct uidset named; /* UIDs that rows name, and that are there */
	struct uidset chosen; /* of those, what is compared */
	size_t agreed, differ;
};

void
dest_mark_read(const char *mark, struct dest_mark *ret)
{
	uint32_t number[3] = { 0 };
	size_t n = 0;

	*ret = (struct dest_mark){ .made = false };
	while (*mark != '\0') {
		struct slice word = { mark, strcspn(mark, " ") };
		uint64_t value;

		if (slice_eq(word, "made"))
			ret->made = true;
		else if (n < COUNT_OF(number) && slice_u64(word, UINT32_MAX, &value))
			number[n++] = (uint32_t)value;
		mark += word.len + (mark[word.len] == ' ');
	}
	ret->uidvalidity = number[0];
	ret->born = number[1];
	ret->top = number[2];
	ret->top_known = n == COUNT_OF(number);
}

void
dest_mark_write(struct folder_at *at)
{
	buf_reset(&at->mark);
	buf_printf(&at->mark, "%u %u %u%s", at->uidvalidity, at->born, at->top, at->made ? " made" : "");
}

uint32_t
dest_top(const struct folder_rec *rec)
{
	struct dest_mark mark;

	dest_mark_read(rec->mark, &mark);
	if (mark.top_known)
		return mark.top;
	/* Of a job of before: each copy has a UID of its own. */
	return rec->verdicts[VERDICT_STORED] < UINT32_MAX ? (uint32_t)rec->verdicts[VERDICT_STORED] : UINT32_MAX;
}

void
dest_top_rises(struct folder_at *at, uint32_t uid)
{
	if (uid <= at->top)
		return;
	at->top = uid;
	dest_mark_write(at);
	at->marked = true;
}

/* Each row with a copy. */
static int
walk_rows(struct sink *s, struct folder_at *at, struct anew *n,
    int (*take)(struct sink *s, struct anew *n, const struct msg *row, struct err *err), struct err *err)
{
	struct msg_page *page = msg_page_new();
	uint32_t after = 0;
	int rc;

	while ((rc = at->rows.next(at->rows.arg, after, page, err)) == 0 && page->len > 0) {
		for (size_t i = 0; rc == 0 && i < page->len; i++)
			if (page->msg[i].dest_uid != 0)
				rc = take(s, n, &page->msg[i], err);
		if (rc < 0)
			break;
		after = page->msg[page->len - 1].uid;
	}
	msg_page_free(page);
	return rc;
}

static int
take_named(struct sink *s, struct anew *n, const struct msg *row, struct err *err)
{
	(void)s;
	(void)err;
	uidset_add(&n->named, row->dest_uid, row->dest_uid);
	return 0;
}

static int
compare(struct sink *s, struct anew *n, const struct msg *row, struct err *err)
{
	struct identity id;
	bool found;

	if (!uidset_has(&n->chosen, row->dest_uid))
		return 0;
	if (dest_identity(s, row->dest_uid, &id, &found, err) < 0)
		return -1;
	if (found && memcmp(id.exact, row->sha256, SHA256_LEN) == 0)
		n->agreed++;
	else
		n->differ++;
	return 0;
}

/* Of what is there: the first, the last, and one between. */
static void
choose(struct anew *n, const struct uidset *there)
{
	struct uidset gone;
	uint64_t count;

	uidset_init(&gone);
	uidset_sort(&n->named);
	uidset_minus(&n->named, there, &gone);
	uidset_sort(&gone);
	uidset_minus(&n->named, &gone, &n->chosen);
	uidset_sort(&n->chosen);
	(void)uidset_copy(&n->chosen, &n->named);
	uidset_clear(&n->chosen);
	count = uidset_count(&n->named);
	for (uint64_t i = 0; i < SAMPLE_COPIES && count > 0; i++) {
		uint32_t uid = uidset_nth(&n->named, 1 + (count - 1) * i / (SAMPLE_COPIES - 1));

		uidset_add(&n->chosen, uid, uid);
	}
	uidset_sort(&n->chosen);
	uidset_done(&gone);
}

static int
look(struct sink *s, struct folder_at *at, struct anew *n, struct err *err)
{
	struct uidset there;
	int rc;

	uidset_init(&there);
	rc = dest_uids(s, at, &there, err);
	if (rc == 0 && uidset_last(&there) >= at->uidnext)
		at->uidnext = uidset_last(&there) < UINT32_MAX ? uidset_last(&there) + 1 : UINT32_MAX;
	if (rc == 0 && at->uidnext <= at->top)
		rc = walk_rows(s, at, n, take_named, err);
	choose(n, &there);
	if (rc == 0 && n->chosen.len > 0)
		rc = walk_rows(s, at, n, compare, err);
	uidset_done(&there);
	return rc;
}

int
dest_find_anew(struct sink *s, struct folder_at *at, struct err *err)
{
	struct anew n = { .agreed = 0 };
	int rc;

	if (at->uidnext > at->top)
		return 0;
	uidset_init(&n.named);
	uidset_init(&n.chosen);
	rc = look(s, at, &n, err);
	uidset_done(&n.named);
	uidset_done(&n.chosen);
	if (rc < 0 || at->uidnext > at->top)
		return rc;
	at->void_from = n.agreed > 0 && n.differ == 0 ? at->uidnext : 1;
	return 0;
}
