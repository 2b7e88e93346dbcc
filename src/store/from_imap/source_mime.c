/* The last form but the header alone: a message whose MIME parts can be had one by one is put
 * together from them (rules.md 1.2; verdict reconstructed).
 *
 * BODYSTRUCTURE becomes a flat list of steps, the header is read, and then each step gives text of
 * our own (delimiters, MIME headers, notices) or the octets of one part as they arrive. Of the
 * message only headers are held in memory. A part that is refused is replaced by a notice, and
 * named in the reason of the verdict.
 *
 * The header is never changed. So the boundary must be the one that it names: the structure's if it
 * stands in the header, else the header's own, else the structure's. Where neither names one, the
 * parts follow each other without delimiters: a boundary of ours would stand in no header, and
 * nothing says that it does not occur in a part that is still to come. What stood before the first
 * and behind the last part of a multipart cannot be asked for and is lost. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/header.h"
#include "store/from_imap/source_imap.h"

enum {
	MIME_ARENA_MAX = 4 * 1024 * 1024,
	MIME_HEADER_MAX = 256 * 1024, /* of the message, or of a part */
	MIME_TEXT_MAX = MIME_HEADER_MAX + 8 * 1024,
	MIME_MISSING_MAX = 20, /* so many refusals, and the rest is not asked for */
	MIME_LIST_MAX = 400, /* of the missing parts in the reason */
	MIME_ANSWER_MAX = 400, /* of the server's answer in a notice */
	NO_PARENT = -1
};

enum mime_kind { MIME_OPEN, MIME_LEAF, MIME_CLOSE };

struct mime_step {
	enum mime_kind kind;
	int parent; /* index of the multipart's MIME_OPEN */
	const char *section; /* "1.2"; "" for a message that is a multipart */
	const char *type, *boundary;
	const char *header; /* as the structure describes it, without the blank line */
	bool begun; /* a multipart: its first part has been given */
	uint64_t size;
};

struct mime {
	struct arena arena;
	struct mime_step *step;
	size_t n, at;
	struct buf text, header; /* to be handed out next; of a part */
	bool given, leaf; /* text is with the caller; octets of a part follow it */
	unsigned came, missing, unnamed;
	struct buf list;
	char reason[MIME_LIST_MAX + 100];
};

void
source_mime_free(struct source *s)
{
	struct mime *m = s->mime;

	if (m == NULL)
		return;
	arena_done(&m->arena);
	buf_done(&m->text);
	buf_done(&m->header);
	buf_done(&m->list);
	free(m);
	s->mime = NULL;
}

static struct mime *
mime_new(void)
{
	struct mime *m = mem_new(sizeof(*m));

	arena_init(&m->arena, MIME_ARENA_MAX);
	buf_init(&m->text, MIME_TEXT_MAX);
	buf_init(&m->header, MIME_HEADER_MAX);
	buf_init(&m->list, MIME_LIST_MAX);
	snprintf(m->reason, sizeof(m->reason), "put together from its MIME parts");
	return m;
}

/* ---- the plan ---- */

/* One line of visible ASCII that may stand in a header. */
static bool
header_safe(struct slice text, size_t max)
{
	if (text.len == 0 || text.len > max)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < ' ' || text.data[i] == 0x7f || text.data[i] == '"' ||
		    text.data[i] == '\\')
			return false;
	return true;
}

/* The header of a part that does not come itself. */
static const char *
described(struct arena *a, const struct structure *st)
{
	struct buf text;
	const char *copy;

	buf_init(&text, 8 * 1024);
	buf_printf(&text, "Content-Type: %s", st->type);
	for (const struct mime_param *p = st->param; p != NULL; p = p->next)
		if (header_safe(p->name, 64) && header_safe(p->value, BOUNDARY_MAX))
			buf_printf(
			    &text, ";\r\n %.*s=\"%.*s\"", SLICE_ARG(p->name), SLICE_ARG(p->value));
	if (header_safe(st->encoding, 64))
		buf_printf(&text, "\r\nContent-Transfer-Encoding: %.*s", SLICE_ARG(st->encoding));
	copy = arena_copy(a, buf_slice(&text));
	buf_done(&text);
	return copy;
}

static const char *
boundary_of(struct arena *a, const struct structure *st)
{
	struct slice b = structure_param(st, "boundary");

	if (b.len == 0 || b.len > BOUNDARY_MAX || memchr(b.data, '\n', b.len) ||
	    memchr(b.data, '\r', b.len) || memchr(b.data, '\0', b.len))
		return NULL;
	return arena_copy(a, b);
}

/* Steps of a tree. False: no room. */
static bool
plan(struct mime *m, const struct structure *st, const char *section, int parent)
{
	int self = (int)m->n++, i = 0;
	struct mime_step *step = &m->step[self];

	*step = (struct mime_step){ .kind = st->multipart ? MIME_OPEN : MIME_LEAF,
		.parent = parent,
		.section = section,
		.type = arena_copy(&m->arena, slice_str(st->type)),
		.header = described(&m->arena, st),
		.size = st->size_known ? st->size : 0 };
	if (st->multipart)
		step->boundary = boundary_of(&m->arena, st);
	if (section == NULL || step->type == NULL || step->header == NULL)
		return false;
	if (!st->multipart)
		return true;
	for (const struct structure *c = st->child; c != NULL; c = c->next) {
		const char *dot = *section != '\0' ? "." : "";

		if (!plan(m, c, arena_printf(&m->arena, "%s%s%d", section, dot, ++i), self))
			return false;
	}
	m->step[m->n++] = (struct mime_step){ .kind = MIME_CLOSE, .parent = self };
	return true;
}

/* The structure leaves with its response: keep what is needed. */
static void
take_structure(struct mime *m, const struct structure *st)
{
	if (m->n > 0 || st == NULL)
		return;
	m->step = arena_take(&m->arena, 2 * st->parts * sizeof(*m->step));
	if (m->step == NULL || !plan(m, st, st->multipart ? "" : "1", NO_PARENT))
		m->n = 0;
}

/* ---- one command, one item ---- */

static bool
is_ours(const struct source *s, const struct resp *r)
{
	uint32_t uid = r->fetch.uid ? r->fetch.uid : uidset_nth(&s->map, r->fetch.seq);

	return r->kind == RESP_FETCH && uid == s->now.uid;
}

static bool
is_item(const struct source *s, const struct resp *r, const char *section)
{
	const struct fetch_data *f = &r->fetch;

	return is_ours(s, r) && f->body != BODY_NIL && !f->has_origin &&
	       slice_eq_nocase(f->section, section);
}

static int
next_item(struct source *s, struct resp *r, struct err *err)
{
	if (r->fetch.body == BODY_LITERAL && sess_skip_body(s->s, r->fetch.octets, err) < 0)
		return -1;
	return sess_more(s->s, r, err);
}

/* Until the item is reached (1: it is in *r and to be read) or the command is answered (0). */
static int
await(struct source *s, const char *section, struct resp *r, struct err *err)
{
	struct asked a;

	for (;;) {
		if (sess_next(s->s, r, &a, err) < 0)
			return -1;
		if (r->kind == RESP_TAGGED)
			return r->state != STATE_OK && source_is_wait_code(r->code)
				   ? sess_refused(s->s, r, a.text, err)
				   : 0;
		while (r->kind == RESP_FETCH && r->more) {
			if (is_item(s, r, section))
				return 1;
			if (next_item(s, r, err) < 0)
				return -1;
		}
		if (is_ours(s, r))
			take_structure(s->mime, r->fetch.structure);
	}
}

static int
ask_section(
    struct source *s, const char *section, const char *what, struct resp *r, struct err *err)
{
	char item[256];

	snprintf(item, sizeof(item), "%s%s", section, what);
	s->at_uid = s->now.uid;
	if (sess_send(
		s->s, ASKED_ALONE, NULL, err, "UID FETCH %u (BODY.PEEK[%s])", s->now.uid, item) < 0)
		return -1;
	return await(s, item, r, err);
}

static int
mime_bad(struct source *s, const char *why, struct err *err)
{
	s->now.active = false;
	s->at_uid = 0;
	stream_set_grace(s->s->in, 0);
	return err_set(err, ERR_MESSAGE, "UID %u: %s", s->now.uid, why);
}

/* Behind the octets of an item: the rest of its response, and the answer to the command. Only then
 * is it known whose it was. */
static int
finish_item(struct source *s, struct resp *r, struct err *err)
{
	bool named = r->fetch.uid != 0, other = false;

	do {
		if (sess_more(s->s, r, err) < 0)
			return -1;
		if (r->more && r->fetch.body == BODY_LITERAL &&
		    sess_skip_body(s->s, r->fetch.octets, err) < 0)
			return -1;
	} while (r->more);
	other = r->fetch.uid != 0 && r->fetch.uid != s->now.uid;
	if (r->kind == RESP_GARBAGE && !named)
		other = true;
	do {
		if (sess_next(s->s, r, NULL, err) < 0 || sess_drop(s->s, r, err) < 0)
			return -1;
	} while (r->kind != RESP_TAGGED);
	return other ? mime_bad(s, "a part in the answer is another message's", err) : 0;
}

/* Read a header into m->header; nothing in it: it did not come, or is too large. */
static int
read_header(struct source *s, const char *section, const char *what, struct err *err)
{
	struct mime *m = s->mime;
	struct resp r;
	int rc = ask_section(s, section, what, &r, err);

	buf_reset(&m->header);
	if (rc <= 0)
		return rc;
	if (r.fetch.body == BODY_INLINE)
		buf_add(&m->header, r.fetch.text.data, r.fetch.text.len);
	for (uint64_t left = r.fetch.body == BODY_LITERAL ? r.fetch.octets : 0; left > 0;) {
		struct slice piece;

		if (sess_literal_part(s->s, &left, &piece, err) < 0)
			return -1;
		buf_add(&m->header, piece.data, piece.len);
	}
	if (m->header.full)
		buf_reset(&m->header);
	return finish_item(s, &r, err);
}

/* ---- text of our own ---- */

/* A header with its blank line, whatever line ends it came with. */
static void
add_header(struct buf *out, struct slice header)
{
	while (header.len > 0 &&
	       (header.data[header.len - 1] == '\r' || header.data[header.len - 1] == '\n'))
		header.len--;
	buf_add(out, header.data, header.len);
	buf_add_str(out, header.len > 0 ? "\r\n\r\n" : "\r\n");
}

static void
add_delimiter(struct mime *m, const struct mime_step *step)
{
	struct mime_step *parent;

	if (step->parent == NO_PARENT)
		return;
	parent = &m->step[step->parent];
	if (parent->begun)
		buf_add_str(&m->text, "\r\n");
	parent->begun = true;
	if (parent->boundary != NULL)
		buf_printf(&m->text, "--%s\r\n", parent->boundary);
}

/* The boundary that readers will find in `header`. */
static const char *
boundary_in(struct mime *m, struct slice header, const char *stated)
{
	char named[BOUNDARY_MAX + 1];
	const char *found = NULL;

	if (stated != NULL && memmem(header.data, header.len, stated, strlen(stated)) != NULL)
		return stated;
	if (header_boundary(header, named))
		found = arena_copy(&m->arena, slice_str(named));
	return found != NULL ? found : stated;
}

/* The tag of an answer is another one in each run. */
static void
add_answer(struct buf *out, const char *reply)
{
	const char *blank = strchr(reply, ' ');
	size_t len = 0;

	for (const char *c = blank ? blank + 1 : reply; *c != '\0' && len < MIME_ANSWER_MAX; c++)
		len += buf_add_byte(out, *c < ' ' || *c == 0x7f ? '?' : *c);
}

/* In place of a part; as a part of its own where the message has several. */
static void
add_notice(struct source *s, const struct mime_step *step, bool asked)
{
	struct buf *out = &s->mime->text;

	buf_add_str(out, "Content-Type: text/plain; charset=us-ascii\r\n\r\n");
	buf_printf(out, "Part %s of this message (%s", step->section, step->type);
	if (step->size > 0)
		buf_printf(out, ", %llu octets", (unsigned long long)step->size);
	buf_add_str(out, ") could not be had when it was copied.\r\n");
	if (asked) {
		buf_add_str(out, "The server answered: ");
		add_answer(out, s->s->reply);
		buf_add_str(out, "\r\n");
	} else {
		buf_add_str(out, "It was not asked for, since too many others were refused.\r\n");
	}
}

/* Name the part in the reason of the verdict. */
static void
note_missing(struct mime *m, const struct mime_step *step)
{
	if (!buf_printf(
		&m->list, "%s%s (%s)", m->missing > 0 ? ", " : "", step->section, step->type))
		m->unnamed++;
	m->missing++;
	snprintf(m->reason, sizeof(m->reason),
	    m->unnamed ? "put together from its MIME parts; %s %s and %u more missing"
		       : "put together from its MIME parts; %s %s missing",
	    m->missing > 1 ? "parts" : "part", m->list.data, m->unnamed);
}

/* ---- the steps ---- */

static int
open_multipart(struct source *s, struct mime_step *step, struct err *err)
{
	struct mime *m = s->mime;
	struct slice header;

	if (read_header(s, step->section, ".MIME", err) < 0)
		return -1;
	header = m->header.len > 0 ? buf_slice(&m->header) : slice_str(step->header);
	step->boundary = boundary_in(m, header, step->boundary);
	add_delimiter(m, step);
	add_header(&m->text, header);
	return 0;
}

/* An empty part is one only where the structure says so. 1: its octets are to be read. */
static int
ask_leaf(struct source *s, const struct mime_step *step, struct err *err)
{
	struct resp r;
	int rc = ask_section(s, step->section, "", &r, err);

	if (rc <= 0)
		return rc;
	if (r.fetch.octets == 0)
		return finish_item(s, &r, err) < 0 ? -1 : step->size == 0;
	s->now.resp = r;
	s->now.left = r.fetch.octets;
	s->now.inline_given = false;
	s->mime->leaf = true;
	return 1;
}

/* The MIME header is asked for first: once the octets of the part flow, nothing else can be. */
static int
give_leaf(struct source *s, const struct mime_step *step, struct err *err)
{
	struct mime *m = s->mime;
	bool asked = m->missing < MIME_MISSING_MAX;
	int rc;

	buf_reset(&m->header);
	if (asked && step->parent != NO_PARENT && read_header(s, step->section, ".MIME", err) < 0)
		return -1;
	rc = asked ? ask_leaf(s, step, err) : 0;
	if (rc < 0)
		return -1;
	add_delimiter(m, step);
	if (rc == 0) {
		note_missing(m, step);
		add_notice(s, step, asked);
		return 0;
	}
	m->came++;
	if (step->parent != NO_PARENT)
		add_header(
		    &m->text, m->header.len > 0 ? buf_slice(&m->header) : slice_str(step->header));
	return 0;
}

static int
take_step(struct source *s, struct mime_step *step, struct err *err)
{
	struct mime *m = s->mime;
	const char *boundary;

	if (step->kind == MIME_OPEN)
		return open_multipart(s, step, err);
	if (step->kind == MIME_LEAF)
		return give_leaf(s, step, err);
	boundary = m->step[step->parent].boundary;
	if (boundary != NULL)
		buf_printf(&m->text, "\r\n--%s--\r\n", boundary);
	return 0;
}

static int
mime_whole(struct source *s, struct slice *ret, struct err *err)
{
	if (s->mime->came == 0)
		return mime_bad(s, "the server gives none of the MIME parts", err);
	*ret = (struct slice){ "", 0 };
	stream_set_grace(s->s->in, 0);
	s->now.active = false;
	s->at_uid = 0;
	s->alone_good = true;
	return 0;
}

int
source_mime_read(struct source *s, struct slice *ret, struct err *err)
{
	struct mime *m = s->mime;

	for (;;) {
		if (m->given)
			buf_reset(&m->text);
		m->given = m->text.len > 0;
		if (m->given) {
			*ret = buf_slice(&m->text);
			return 0;
		}
		if (m->leaf) {
			if (source_lend(s, ret, err) < 0)
				return -1;
			if (ret->len > 0)
				return 0;
			m->leaf = false;
			if (finish_item(s, &s->now.resp, err) < 0)
				return -1;
			continue;
		}
		if (m->at == m->n)
			return mime_whole(s, ret, err);
		if (take_step(s, &m->step[m->at++], err) < 0)
			return -1;
	}
}

/* BAD speaks of the form, not of the message. */
static void
learn_refusal(struct source *s, uint32_t uid, const char *command)
{
	struct event e = { .no = EV_REFUSED,
		.level = LEVEL_WARNING,
		.folder = s->folder,
		.uid = uid,
		.command = command,
		.reply = sess_reply(s->s),
		.reply_bytes = s->s->reply_octets };

	s->facts.refused_forms |= 1u << FORM_MIME_PARTS;
	notes_add(&s->notes, &e, true, "the server refuses this form; the next one is tried");
}

/* Structure and header. 0: *ret_can says whether the message can be put together. */
static int
prepare(struct source *s, bool *ret_can, struct err *err)
{
	struct mime *m = s->mime;
	char command[64];
	struct resp r;

	*ret_can = false;
	snprintf(command, sizeof(command), "UID FETCH %u (BODYSTRUCTURE)", s->now.uid);
	if (sess_send(s->s, ASKED_ALONE, NULL, err, "%s", command) < 0 ||
	    await(s, "BODYSTRUCTURE", &r, err) < 0)
		return -1;
	if (r.state == STATE_BAD)
		learn_refusal(s, s->now.uid, command);
	if (m->n == 0)
		return 0;
	if (read_header(s, "HEADER", "", err) < 0)
		return -1;
	if (m->header.len == 0)
		return 0;
	if (m->step[0].kind == MIME_OPEN) {
		m->step[0].boundary = boundary_in(m, buf_slice(&m->header), m->step[0].boundary);
		m->at = 1;
	}
	add_header(&m->text, buf_slice(&m->header));
	*ret_can = true;
	return 0;
}

enum step
source_mime_start(struct source *s, struct doubt *d, struct offer *ret, struct err *err)
{
	struct err local = { 0 };
	bool can = false;

	d->tried |= 1u << FORM_MIME_PARTS;
	source_mime_free(s);
	s->mime = mime_new();
	s->now = (struct reading){ .active = true, .uid = d->uid, .form = FORM_MIME_PARTS };
	s->at_uid = d->uid;
	s->alone_good = false;
	if (prepare(s, &can, &local) < 0 && local.kind != ERR_MESSAGE) {
		*err = local;
		return STEP_ERR;
	}
	if (!can) {
		s->now = (struct reading){ 0 };
		s->at_uid = 0;
		return STEP_END;
	}
	stream_set_grace(s->s->in, GRACE_MS);
	*ret = (struct offer){ .uid = d->uid,
		.good = VERDICT_RECONSTRUCTED,
		.has_meta = s->meta_known,
		.msg = s->meta,
		.reason = s->mime->reason,
		.command = d->command,
		.reply = d->reply,
		.reply_bytes = d->reply_bytes,
		.refused = d->refused };
	return STEP_ITEM;
}
