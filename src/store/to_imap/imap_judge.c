/* What the server made of a message: flags, date and size as it shows them against what was sent.
 * Flags that are missing are set once more; a size that differs is looked into with care. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/to_imap/imap_sink.h"

enum { DAY = 86400 };
static const int64_t date_end = INT64_C(4291747200); /* 2106-01-01 */

bool
dest_harmless(const struct sink *s, int64_t delta)
{
	for (size_t i = 0; i < s->n_deltas; i++)
		if (s->delta[i] == delta)
			return true;
	return delta == 0;
}

void
dest_odd(struct folder_at *at, const struct flight *f, enum odd_kind kind)
{
	at->odd = mem_resize(at->odd, at->n_odd + 1, sizeof(*at->odd));
	at->odd[at->n_odd++] = (struct odd){
		.uid = f->msg.uid, .kind = kind, .dest_uid = f->msg.dest_uid, .size = f->size
	};
}

void
dest_group_odd(struct sink *s, struct group *g)
{
	for (size_t i = 0; i < g->n; i++) {
		uidset_remove(&s->at->claimed, g->flight[i].msg.dest_uid);
		dest_odd(s->at, &g->flight[i], ODD_WHERE);
	}
	dest_group_done(g, OUTCOME_CAREFUL);
}

void
dest_judge(struct sink *s, struct flight *f)
{
	f->own = true;
	f->kind = OUTCOME_STORED;
	if (f->there && dest_harmless(s, (int64_t)f->size - (int64_t)f->octets))
		return;
	dest_odd(s->at, f, f->there ? ODD_SIZE : ODD_NOT_THERE);
	uidset_remove(&s->at->claimed, f->msg.dest_uid);
	f->kind = OUTCOME_CAREFUL;
}

/* ---- flags ---- */

static bool
list_has(const char *list, const char *word, size_t len)
{
	for (const char *p = list; *p != '\0';) {
		size_t n = strcspn(p, " ");

		if (n == len && strncasecmp(p, word, len) == 0)
			return true;
		p += n + (p[n] == ' ');
	}
	return false;
}

/* Flags that were sent and are not shown. */
static void
flags_missing(const struct flight *f, struct flags *ret, struct buf *keywords)
{
	*ret = (struct flags){ .system = f->sent.system & FLAGS_STORED & (uint8_t)~f->system };
	for (const char *p = f->sent.keywords; *p != '\0';) {
		size_t n = strcspn(p, " ");

		if (!list_has(f->keywords, p, n)) {
			if (keywords->len > 0)
				buf_add_byte(keywords, ' ');
			buf_add(keywords, p, n);
		}
		p += n + (p[n] == ' ');
	}
	ret->keywords = keywords->len > 0 ? keywords->data : "";
}

int
dest_store(struct sink *s, uint32_t uid, char sign, struct slice words, bool *ret_taken, struct err *err)
{
	struct resp r;
	uint32_t tag;

	if (sess_send(s->s, DEST_OTHER, &tag, err, "UID STORE %u %cFLAGS.SILENT (%.*s)", uid, sign,
		(int)words.len, words.data) < 0)
		return dest_failed(s, err);
	if (dest_wait(s, tag, &r, err) < 0)
		return -1;
	if (sess_must_wait(&r)) {
		sess_refused(s->s, &r, "setting flags on the destination", err);
		return dest_failed(s, err);
	}
	*ret_taken = r.state == STATE_OK;
	return 0;
}

/* Each keyword alone: one that is refused must not take the others with it. What became of them is
 * seen when they are read back. */
static int
store_flags(struct sink *s, uint32_t uid, const struct flags *f, struct err *err)
{
	const struct flags system = { .system = f->system, .keywords = "" };
	struct buf text;
	bool taken;
	int rc = 0;

	buf_init(&text, 1024);
	flags_text(&system, &text);
	if (text.len > 0)
		rc = dest_store(s, uid, '+', buf_slice(&text), &taken, err);
	buf_done(&text);
	for (const char *p = f->keywords; rc == 0 && *p != '\0';) {
		size_t n = strcspn(p, " ");

		rc = dest_store(s, uid, '+', (struct slice){ p, n }, &taken, err);
		p += n + (p[n] == ' ');
	}
	return rc;
}

void
dest_seen(struct flight *f, struct arena *a, const struct fetch_data *d)
{
	f->there = true;
	if (d->has_size)
		f->size = d->size;
	if (d->has_date) {
		f->date_there = d->date.known;
		f->date = d->date.epoch;
	}
	if (d->has_flags) {
		const char *copy = arena_copy(a, slice_str(d->flags.keywords));

		f->flags_there = true;
		f->system = d->flags.system;
		f->keywords = copy != NULL ? copy : "";
	}
}

int
dest_read_now(struct sink *s, struct flight *f, struct arena *a, struct err *err)
{
	struct resp r = { 0 };
	struct asked asked;
	uint32_t tag;

	f->there = false;
	if (sess_send(s->s, DEST_OTHER, &tag, err,
		"UID FETCH %u (UID FLAGS INTERNALDATE RFC822.SIZE)", f->msg.dest_uid) < 0)
		return dest_failed(s, err);
	do {
		if (dest_pump(s, &r, &asked, err) < 0)
			return -1;
		if (r.kind == RESP_FETCH && r.fetch.uid == f->msg.dest_uid)
			dest_seen(f, a, &r.fetch);
		if (sess_drop(s->s, &r, err) < 0)
			return dest_failed(s, err);
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	return 0;
}

/* Some servers (Courier) show what was appended only after a NOOP. */
int
dest_read_one(struct sink *s, struct flight *f, struct arena *a, struct err *err)
{
	if (dest_read_now(s, f, a, err) < 0)
		return -1;
	if (f->there)
		return 0;
	return dest_refresh(s, err) < 0 ? -1 : dest_read_now(s, f, a, err);
}

/* System flags that were not sent. */
static uint8_t
flags_besides(const struct flight *f)
{
	return f->system & FLAGS_STORED & (uint8_t)~f->sent.system;
}

/* The server has put \Deleted on it. */
static bool
is_marked(const struct flight *f)
{
	return (flags_besides(f) & FLAG_DELETED) != 0;
}

/* Of those that are to go: what is marked as deleted would be removed by whoever expunges. The others only while
 * nobody else can have set them, and not \Draft, which servers give all that lies in the folder of drafts. */
static uint8_t
unwanted(const struct sink *s, const struct flight *f)
{
	uint8_t may = FLAG_DELETED;

	if (f->msg.dest_uid >= s->at->first)
		may |= (FLAG_SEEN | FLAG_ANSWERED | FLAG_FLAGGED) & (uint8_t)~s->kept_flags;
	return flags_besides(f) & may;
}

static int
take_off(struct sink *s, struct group *g, struct flight *f, struct err *err)
{
	const struct flags off = { .system = unwanted(s, f), .keywords = "" };
	struct buf text;
	bool taken;
	int rc;

	if (off.system == 0)
		return 0;
	buf_init(&text, 256);
	flags_text(&off, &text);
	rc = dest_store(s, f->msg.dest_uid, '-', buf_slice(&text), &taken, err);
	if (rc == 0)
		rc = dest_read_one(s, f, &g->arena, err);
	/* A server that will have it so is not asked for each message. */
	if (rc == 0)
		s->kept_flags |= off.system & f->system;
	buf_done(&text);
	return rc;
}

static int
mend_flags(struct sink *s, struct group *g, struct flight *f, struct err *err)
{
	struct flags missing;
	struct buf keywords;
	int rc = 0;

	if (!f->flags_there)
		return 0;
	if (take_off(s, g, f, err) < 0)
		return -1;
	buf_init(&keywords, LEX_STRING_MAX);
	flags_missing(f, &missing, &keywords);
	if (missing.system != 0 || *missing.keywords != '\0') {
		rc = store_flags(s, f->msg.dest_uid, &missing, err);
		if (rc == 0)
			rc = dest_read_one(s, f, &g->arena, err);
	}
	buf_done(&keywords);
	return rc;
}

int
dest_mend_flags(struct sink *s, struct group *g, struct flight *f, struct err *err)
{
	struct buf left;
	int rc;

	if (!f->there)
		return 0;
	if (mend_flags(s, g, f, err) < 0)
		return -1;
	buf_init(&left, LEX_STRING_MAX);
	rc = dest_set_labels(s, f->msg.dest_uid, f->msg.flags.labels, NULL, &left, err);
	f->labels_left = rc == 0 && left.len > 0 ? arena_copy(&g->arena, buf_slice(&left)) : NULL;
	buf_done(&left);
	return rc;
}

/* ---- what is worth a warning ---- */

static void
remark(struct outcome *o, enum event_no no, const char *text)
{
	if (o->n_remarks == OUTCOME_REMARKS || text == NULL)
		return;
	o->remark[o->n_remarks].no = no;
	o->remark[o->n_remarks++].text = text;
}

static void
remark_flags(const struct flight *f, struct arena *a, struct outcome *o)
{
	const struct flags besides = { .system = flags_besides(f) & (uint8_t)~FLAG_DELETED, .keywords = "" };
	struct flags missing;
	struct buf keywords, text;

	if (*f->left != '\0')
		remark(o, EV_DEST_KEYWORDS,
		    arena_printf(a, "the server has no place for: %s", f->left));
	if (f->labels_left != NULL)
		remark(o, EV_DEST_KEYWORDS, arena_printf(a, "the server did not keep the labels: %s", f->labels_left));
	if (!f->flags_there)
		return;
	if (is_marked(f))
		remark(o, EV_DEST_KEYWORDS, "the server has marked it as deleted, and keeps the mark: it goes with the next expunge");
	buf_init(&keywords, LEX_STRING_MAX);
	buf_init(&text, LEX_STRING_MAX);
	if (besides.system != 0) {
		flags_text(&besides, &text);
		remark(o, EV_DEST_KEYWORDS, arena_printf(a, "the copy has besides: %s", text.data ? text.data : ""));
		buf_reset(&text);
	}
	flags_missing(f, &missing, &keywords);
	if (missing.system != 0 || *missing.keywords != '\0') {
		flags_text(&missing, &text);
		remark(o, EV_DEST_KEYWORDS,
		    arena_printf(a, "the server did not keep: %s", text.data ? text.data : ""));
	}
	buf_done(&keywords);
	buf_done(&text);
}

bool
dest_date_plain(const struct date *d)
{
	return d->epoch >= DAY && d->epoch < date_end && d->epoch <= clock_wall_ms() / 1000;
}

static void
remark_date(const struct flight *f, struct arena *a, struct outcome *o)
{
	const struct date *d = &f->msg.date;
	char was[DATE_TEXT_MAX], is[DATE_TEXT_MAX];

	if (!f->date_there || !d->known || f->date == d->epoch)
		return;
	date_format(d, was);
	date_format(&(struct date){ .known = true, .epoch = f->date }, is);

	remark(o, EV_DEST_DATE,
	    arena_printf(a, "the internal date is %s on the server, it was %s%s", is, was,
		!dest_date_plain(d) ? ", which many servers cannot hold" : ""));
}

void
dest_remarks(const struct flight *f, struct arena *a, struct outcome *o)
{
	if (f->repaired != NULL)
		remark(o, EV_DEST_REPAIRED, f->repaired);
	remark_flags(f, a, o);
	remark_date(f, a, o);
	if (f->there && f->repaired == NULL && f->size != f->octets)
		remark(o, EV_DEST_CHANGED,
		    arena_printf(a,
			"the server stores %" PRIu64 " octets of %" PRIu64
			"; the message is the same but for what it adds or changes in line ends",
			f->size, f->octets));
}
