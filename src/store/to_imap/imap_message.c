/* One message into the sink: gathered or streamed, and flags that change later. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mail/header.h"
#include "store/to_imap/imap_sink.h"

static int
keep_alive(struct sink *s, struct err *err)
{
	return sess_is_quiet(s->s) ? dest_noop(s, err) : 0;
}

static bool
whole(enum verdict v)
{
	return v == VERDICT_NONE || v == VERDICT_STORED;
}

/* Must the message be here as a whole before it is sent? */
static bool
gathers(const struct sink *s, const struct folder_at *at, const struct msg *m)
{
	return s->care != CARE_NONE || at->n_cands > 0 || m->wire_bytes == 0 ||
	       m->wire_bytes <= SMALL_MAX || !m->date.known || !whole(m->verdict) ||
	       (at->limit != 0 && m->wire_bytes > at->limit);
}

int
dest_begin(struct sink *s, struct folder_at *at, const struct msg *m, struct err *err)
{
	if (s->broken || s->s == NULL)
		return dest_failed(s, (err_set(err, ERR_CUT, "the connection is closed"), err));
	if (at->full[0] != '\0' && s->care == CARE_NONE)
		return err_set(err, ERR_FOLDER, "the destination is over its quota: %s", at->full);
	if (s->later.kind != ERR_NONE) {
		*err = s->later;
		return dest_failed(s, err);
	}
	if (keep_alive(s, err) < 0)
		return -1;
	if (!at->looked && dest_look(s, at, err) < 0)
		return -1;
	arena_reset(&s->now_arena);
	if (!msg_copy(m, &s->now_arena, &s->now))
		return err_set(err, ERR_MESSAGE, "UID %u: its keywords do not fit", m->uid);
	s->given = s->now.date;
	s->begun = true;
	spool_reset(s->body);
	if (gathers(s, at, m))
		return 0;
	return dest_stream_start(s, at, m->wire_bytes, err);
}

int
dest_write(struct sink *s, struct slice bytes, struct err *err)
{
	if (!s->streams)
		return spool_add(s->body, bytes, err);
	if (s->swallow)
		return 0;
	s->written += bytes.len;
	/* More than was announced would be read as a command. */
	if (s->written > s->announced) {
		s->broken = true;
		err_set(err, ERR_CUT, "UID %u is larger than the source announced", s->now.uid);
		return dest_failed(s, err);
	}
	return stream_write(s->s->in, bytes.data, bytes.len, err) < 0 ? dest_failed(s, err) : 0;
}

/* Without an internal date that of the header is better than the server's clock (quirks row 49). */
static int
date_of_header(struct sink *s, struct err *err)
{
	struct header_facts facts;
	struct slice head;
	struct arena a;

	if (s->given.known)
		return 0;
	if (spool_read(s->body, 0, HEADER_MAX, &head, err) < 0)
		return -1;
	arena_init(&a, 1024 * 1024);
	header_read(head, &a, &facts);
	s->given = facts.sent;
	arena_done(&a);
	return 0;
}

static int
not_whole(struct sink *s, struct folder_at *at, struct err *err)
{
	struct group *g = dest_result(s, OUTCOME_ASIDE);
	struct flight *f = &g->flight[0];
	const char *path;
	const char *why = s->now.reason != NULL ? s->now.reason : verdict_name(s->now.verdict);

	if (dest_set_aside(s, at, why, NULL, &g->arena, &path, err) < 0)
		return -1;
	f->reason = arena_printf(&g->arena, "%s; not sent, kept as %s", why, path);
	return 0;
}

static int
over_limit(struct sink *s, struct folder_at *at, struct err *err)
{
	struct group *g = dest_result(s, OUTCOME_REFUSED);
	const char *path;
	char why[128];

	snprintf(why, sizeof(why),
	    "%" PRIu64 " octets; the destination takes no message over %" PRIu64 " (APPENDLIMIT)",
	    spool_len(s->body), at->limit);
	if (dest_set_aside(s, at, why, NULL, &g->arena, &path, err) < 0)
		return -1;
	g->flight[0].reason = arena_printf(&g->arena, "%s; kept as %s", why, path);
	return 0;
}

int
dest_end(struct sink *s, struct msg *final, struct err *err)
{
	s->begun = false;
	final->file_bytes = final->wire_bytes;
	memcpy(s->now.sha256, final->sha256, SHA256_LEN);
	memcpy(s->now.head, final->head, HEAD_LEN);
	s->now.head_known = final->head_known;
	s->now.wire_bytes = s->now.file_bytes = final->wire_bytes;
	s->now.verdict = final->verdict;
	s->now.rebuilt = final->rebuilt;
	s->now.reason = final->reason != NULL
			    ? arena_copy(&s->now_arena, slice_str(final->reason))
			    : NULL;
	if (s->streams)
		return dest_stream_end(s, s->at, err);
	if (!whole(final->verdict))
		return not_whole(s, s->at, err);
	if (s->at->limit != 0 && spool_len(s->body) > s->at->limit)
		return over_limit(s, s->at, err);
	if (date_of_header(s, err) < 0)
		return -1;
	if (s->care != CARE_NONE || s->at->n_cands > 0)
		return dest_place(s, s->at, err);
	return dest_add_small(s, s->at, err);
}

/* Of a message that was cut in the middle nothing more can be sent. What went before it is still
 * answered. */
void
dest_abandon(struct sink *s)
{
	struct err ignored = { 0 };

	if (!s->begun)
		return;
	s->begun = false;
	if (!s->streams)
		return;
	s->streams = false;
	if (s->swallow) {
		s->swallow = false;
		return;
	}
	while (!s->broken && s->n_sent > 1)
		if (dest_take(s, &ignored) < 0)
			break;
	/* It never was whole: that one is not in doubt. */
	for (struct group *g = s->first; g != NULL; g = g->next) {
		if (g->next == NULL && g->state == GROUP_SENT) {
			g->state = GROUP_DONE;
			g->given = g->n;
		}
	}
	s->broken = true;
}

static int
amend_word(struct sink *s, const struct msg *was, char sign, struct slice word, struct err *err)
{
	bool taken;

	if (dest_store(s, was->dest_uid, sign, word, &taken, err) < 0)
		return -1;
	if (!taken)
		dest_note(s, EV_REFUSED, was->uid, "UID STORE", s->s->reply, true,
		    sign == '+' ? "the destination does not set %.*s" : "the destination does not take %.*s away",
		    (int)word.len, word.data);
	return 0;
}

/* All at once; one that is refused must not take the others with it. *ret_taken: one answer OK to all. */
static int
amend_words(struct sink *s, const struct msg *was, char sign, const struct flags *f, bool *ret_taken, struct err *err)
{
	struct buf text;
	bool taken = true;
	int rc = 0;

	buf_init(&text, LEX_STRING_MAX);
	flags_text(f, &text);
	if (text.len > 0)
		rc = dest_store(s, was->dest_uid, sign, buf_slice(&text), &taken, err);
	for (const char *p = taken ? "" : text.data; rc == 0 && *p != '\0';) {
		size_t n = strcspn(p, " ");

		rc = amend_word(s, was, sign, (struct slice){ p, n }, err);
		p += n + (p[n] == ' ');
	}
	*ret_taken = taken && text.len > 0;
	buf_done(&text);
	return rc;
}

/* Keywords of a that b has not, in whatever case. */
static const char *
keywords_minus(const char *a, const char *b, struct buf *out)
{
	buf_reset(out);
	for (const char *p = a; *p != '\0';) {
		size_t n = strcspn(p, " ");
		bool there = false;

		for (const char *q = b; *q != '\0' && !there;) {
			size_t k = strcspn(q, " ");

			there = k == n && strncasecmp(p, q, n) == 0;
			q += k + (q[k] == ' ');
		}
		if (!there) {
			if (out->len > 0)
				buf_add_byte(out, ' ');
			buf_add(out, p, n);
		}
		p += n + (p[n] == ' ');
	}
	return out->len > 0 ? out->data : "";
}

/* What was to be set and is not shown, or to be taken away and is. */
static void
amend_lacks(char sign, const struct flags *sent, const struct flight *f, struct buf *ret)
{
	struct flags odd = { .system = sent->system & (sign == '+' ? (uint8_t)~f->system : f->system) };
	struct buf lacks, kept;

	buf_init(&lacks, LEX_STRING_MAX);
	buf_init(&kept, LEX_STRING_MAX);
	odd.keywords = keywords_minus(sent->keywords, f->keywords, &lacks);
	if (sign == '-')
		odd.keywords = keywords_minus(sent->keywords, odd.keywords, &kept);
	flags_text(&odd, ret);
	buf_done(&lacks);
	buf_done(&kept);
}

/* An answer OK is not believed. A copy that is not there any more has no flags. */
static int
amend_look(struct sink *s, const struct msg *was, char sign, const struct flags *sent, struct arena *a, struct err *err)
{
	struct flight f = { .msg = { .dest_uid = was->dest_uid }, .keywords = "" };
	struct buf odd;

	if (dest_read_now(s, &f, a, err) < 0)
		return -1;
	if (!f.there || !f.flags_there)
		return 0;
	buf_init(&odd, LEX_STRING_MAX);
	amend_lacks(sign, sent, &f, &odd);
	if (odd.len > 0)
		dest_note(s, EV_DEST_KEYWORDS, was->uid, NULL, NULL, true,
		    sign == '+' ? "the server did not keep: %s" : "the server did not take away: %s", odd.data);
	buf_done(&odd);
	return 0;
}

static int
amend_some(struct sink *s, struct folder_at *at, const struct msg *was, char sign, const struct flags *f, struct err *err)
{
	struct arena a;
	struct flags sent;
	const char *left;
	bool taken;
	int rc;

	arena_init(&a, 1024 * 1024);
	if (!dest_flags(at, f, &a, &sent, &left)) {
		rc = err_set(err, ERR_MESSAGE, "UID %u: its keywords do not fit into memory", was->uid);
	} else {
		if (*left != '\0' && sign == '+')
			dest_note(s, EV_DEST_KEYWORDS, was->uid, NULL, NULL, true, "the server has no place for: %s", left);
		rc = amend_words(s, was, sign, &sent, &taken, err);
		if (rc == 0 && taken)
			rc = amend_look(s, was, sign, &sent, &a, err);
	}
	arena_done(&a);
	return rc;
}

static int
amend_labels(struct sink *s, const struct msg *was, const struct flags *now, struct err *err)
{
	struct buf left;
	int rc;

	buf_init(&left, LEX_STRING_MAX);
	rc = dest_set_labels(s, was->dest_uid, now->labels, was->flags.labels, &left, err);
	if (rc == 0 && left.len > 0)
		dest_note(s, EV_DEST_KEYWORDS, was->uid, NULL, NULL, true, "the server did not keep the labels: %s", left.data);
	buf_done(&left);
	return rc;
}

/* Only what has changed on the source is changed: what people did on the server since stays. What the server refuses
 * is told. */
int
dest_amend(struct sink *s, struct folder_at *at, const struct msg *was, const struct flags *now,
    struct err *err)
{
	struct flags plus = { .system = now->system & (uint8_t)~was->flags.system & FLAGS_STORED };
	struct flags minus = { .system = was->flags.system & (uint8_t)~now->system & FLAGS_STORED };
	struct buf b1, b2;
	int rc;

	if (was->dest_uid == 0 || s->s == NULL)
		return 0;
	buf_init(&b1, LEX_STRING_MAX);
	buf_init(&b2, LEX_STRING_MAX);
	plus.keywords = keywords_minus(now->keywords, was->flags.keywords, &b1);
	minus.keywords = keywords_minus(was->flags.keywords, now->keywords, &b2);
	rc = amend_some(s, at, was, '+', &plus, err);
	if (rc == 0)
		rc = amend_some(s, at, was, '-', &minus, err);
	if (rc == 0 && was->dest_own)
		rc = amend_labels(s, was, now, err);
	buf_done(&b1);
	buf_done(&b2);
	return rc;
}

/* The copy is where it is; only its flags may have to follow. */
int
dest_adopt(struct sink *s, struct folder_at *at, const struct folder_rec *old, const struct msg *was,
    const struct msg *now, bool *ret_done, struct err *err)
{
	(void)old;
	*ret_done = false;
	if (was->dest_uid == 0)
		return 0;
	if (!flags_equal(&now->flags, &was->flags) && dest_amend(s, at, was, &now->flags, err) < 0)
		return -1;
	*ret_done = true;
	return 0;
}

/* Nothing is ever removed from a server on its own account (rules.md 2.4). */
int
dest_remove(struct sink *s, struct folder_at *at, uint32_t uidvalidity, const struct msg *was,
    struct err *err)
{
	(void)s;
	(void)at;
	(void)uidvalidity;
	(void)was;
	(void)err;
	return 0;
}

bool
dest_full(const struct sink *s)
{
	(void)s;
	return false;
}

int
dest_seal(struct sink *s, struct batch *b, struct pending **ret, struct err *err)
{
	(void)err;
	*ret = NULL;
	for (struct folder_at *at = s->folders; at != NULL; at = at->next) {
		if (!at->marked)
			continue;
		if (at->void_from != 0 && !at->void_told)
			batch_unplaced(b, at->id, at->void_from);
		at->void_told = true;
		batch_mark(b, at->id, at->mark.data);
		at->marked = false;
	}
	return 0;
}

int
dest_finish(struct sink *s, struct folder_at *at, const struct folder_rec *rec,
    const struct row_feed *rows, struct err *err)
{
	(void)s;
	(void)at;
	(void)rec;
	(void)rows;
	(void)err;
	return 0;
}
