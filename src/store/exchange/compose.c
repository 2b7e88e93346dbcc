/* Order of the records: body, attachments in the order of the message, the source, then a record
 * for each field that does not fit into the line. Everything has its length in front, so each part is
 * spooled before it is written; what fits into memory costs one copy. */
#include "store/exchange/compose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/parts.h"
#include "store/exchange/text.h"

enum {
	PART_MEMORY = 8 * 1024 * 1024,
	STEP = 256 * 1024,
	HEAD_MAX = 16 * 1024,
	DATA_PARTS = 6
};

enum which { FOLDER, SENDER, TO, CC, BCC, SUBJECT, FIELDS };

static const char *const which_name[FIELDS] = { "Folder", "Sender", "To", "Cc", "Bcc", "Subject" };

struct excompose {
	struct excompose_how how;
	struct digest *digest;
	struct spool *part, *coded;
	struct exfield field[FIELDS];
	struct buf head, body, piece, one;
	struct exrecip *recip;
	size_t recip_cap;
	/* of the message */
	struct exsec *sec;
	struct loss_book *losses;
	uint32_t uid;
	bool source;		/* the message itself is attached */
};

struct excompose *
excompose_new(const struct excompose_how *how)
{
	struct excompose *c = mem_new(sizeof(*c));

	c->how = *how;
	c->digest = digest_new();
	c->part = spool_new(how->dir, PART_MEMORY);
	c->coded = spool_new(how->dir, PART_MEMORY);
	for (int i = 0; i < FIELDS; i++)
		exfield_init(&c->field[i]);
	buf_init(&c->head, HEAD_MAX);
	buf_init(&c->body, 1024);
	buf_init(&c->piece, 8 * STEP);
	buf_init(&c->one, HEAD_MAX * 8);
	return c;
}

void
excompose_free(struct excompose **ref)
{
	struct excompose *c = *ref;

	if (c == NULL)
		return;
	digest_free(c->digest);
	spool_free(&c->part);
	spool_free(&c->coded);
	for (int i = 0; i < FIELDS; i++)
		exfield_done(&c->field[i]);
	buf_done(&c->head);
	buf_done(&c->body);
	buf_done(&c->piece);
	buf_done(&c->one);
	free(c->recip);
	free(c);
	*ref = NULL;
}

/* ---- losses ---- */

static void
lose(struct excompose *c, enum loss_kind kind, const char *name, uint64_t times)
{
	loss_add(c->losses, kind, slice_str(name), c->uid, times);
}

static void
lose_characters(struct excompose *c, const struct codepage_lacks *lacks, const char *where)
{
	char name[64];

	if (lacks->count == 0)
		return;
	(void)snprintf(name, sizeof(name), "U+%04X in %s", (unsigned)lacks->first, where);
	lose(c, LOSS_CHARACTER, name, lacks->count);
}

static void
lose_flags(struct excompose *c, const struct flags *f)
{
	struct slice rest = slice_str(f->keywords);

	if (f->system & FLAG_ANSWERED)
		lose(c, LOSS_FLAG, "\\Answered", 1);
	if (f->system & FLAG_DELETED)
		lose(c, LOSS_FLAG, "\\Deleted", 1);
	if (f->system & FLAG_FLAGGED)
		lose(c, LOSS_FLAG, "\\Flagged", 1);
	while (rest.len > 0) {
		const char *blank = memchr(rest.data, ' ', rest.len);
		size_t len = blank != NULL ? (size_t)(blank - rest.data) : rest.len;

		loss_add(c->losses, LOSS_KEYWORD, (struct slice){ rest.data, len }, c->uid, 1);
		len += blank != NULL;
		rest = (struct slice){ rest.data + len, rest.len - len };
	}
}

/* The source that is attached has every field. */
static void
lose_header(struct excompose *c, const struct mail_parts *p)
{
	for (size_t i = 0; !c->source && i < p->n_others; i++)
		lose(c, LOSS_HEADER, p->others[i], 1);
	if (!c->source && p->n_from > 1)
		lose(c, LOSS_HEADER, "From (second and further)", 1);
}

/* ---- records ---- */

static int
put(struct excompose *c, struct slice octets, struct err *err)
{
	if (octets.len == 0)
		return 0;
	digest_add(c->digest, octets.data, octets.len);
	if (c->sec->put(c->sec->arg, octets, err) < 0)
		return -1;
	c->sec->at += octets.len;
	return 0;
}

static int
put_head(struct excompose *c, const struct exrecord *r, struct err *err)
{
	struct exnotes notes = { 0 };

	buf_reset(&c->head);
	if (!exrecord_head(r, c->how.page, &c->head, &notes))
		return err_set(err, ERR_MESSAGE, "the name of an attachment is too long");
	lose_characters(c, &notes.lacks, "a file name");
	return put(c, buf_slice(&c->head), err);
}

static int
put_spool(struct excompose *c, const struct exrecord *r, struct spool *data, struct err *err)
{
	static const struct slice crlf = { "\r\n", 2 };
	struct slice piece;

	if (put_head(c, r, err) < 0)
		return -1;
	for (uint64_t at = 0; at < r->length; at += piece.len) {
		if (spool_read(data, at, STEP, &piece, err) < 0 || put(c, piece, err) < 0)
			return -1;
		if (piece.len == 0)
			return err_set(err, ERR_DISK, "a spooled part became shorter");
	}
	return put(c, crlf, err);
}

/* As much of UTF-8 text as ends with a character. */
static size_t
whole_characters(struct slice s)
{
	size_t back = 0;

	while (back < 3 && back < s.len && ((unsigned char)s.data[s.len - 1 - back] & 0xc0) == 0x80)
		back++;
	if (back >= s.len)
		return s.len;
	unsigned char lead = (unsigned char)s.data[s.len - 1 - back];
	size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;

	return need > back + 1 ? s.len - back - 1 : s.len;
}

static int
text_in_codepage(struct excompose *c, struct err *err)
{
	struct codepage_lacks lacks = { 0 };
	struct slice piece;

	spool_reset(c->coded);
	for (uint64_t at = 0;;) {
		if (spool_read(c->part, at, STEP, &piece, err) < 0)
			return -1;
		if (piece.len == 0)
			break;
		size_t whole = whole_characters(piece);

		piece.len = whole > 0 ? whole : piece.len;
		at += piece.len;
		buf_reset(&c->piece);
		if (!codepage_encode(c->how.page, piece, &c->piece, &lacks))
			return err_set(err, ERR_MESSAGE, "the text is too long for its code page");
		if (spool_add(c->coded, buf_slice(&c->piece), err) < 0)
			return -1;
	}
	lose_characters(c, &lacks, "the text");
	return 0;
}

static int
put_body(struct excompose *c, struct mail_parts *p, bool last, struct err *err)
{
	struct exrecord r = { .type = EXRECORD_BODY, .last = last, .position = -1 };

	spool_reset(c->part);
	if (parts_text(p, c->part, err) < 0 || text_in_codepage(c, err) < 0)
		return -1;
	if (p->text_damaged)
		lose(c, LOSS_PART, "the text", 1);
	if (p->text_from == TEXT_HTML)
		lose(c, LOSS_HTML, "", 1);
	r.length = spool_len(c->coded);
	return put_spool(c, &r, c->coded, err);
}

static int
put_part(struct excompose *c, struct mail_parts *p, size_t i, bool last, struct err *err)
{
	struct exrecord r = { .type = EXRECORD_ATTACHMENT,
		.last = last,
		.name = slice_str(p->part[i].name),
		.position = -1 };

	spool_reset(c->part);
	if (parts_octets(p, i, c->part, err) < 0)
		return -1;
	if (p->part[i].damaged)
		lose(c, LOSS_PART, p->part[i].name, 1);
	if (p->part[i].name_made)
		lose(c, LOSS_NAME, p->part[i].name, 1);
	r.length = spool_len(c->part);
	return put_spool(c, &r, c->part, err);
}

static int
put_source(struct excompose *c, struct spool *message, bool last, struct err *err)
{
	const struct exrecord r = { .type = EXRECORD_ATTACHMENT,
		.length = spool_len(message),
		.last = last,
		.name = slice_str(EXCOMPOSE_SOURCE),
		.position = -1 };

	return put_spool(c, &r, message, err);
}

static int
put_records(
    struct excompose *c, struct mail_parts *p, struct spool *message, struct err *err)
{
	size_t after = p->n_parts + c->source;

	if (put_body(c, p, after == 0, err) < 0)
		return -1;
	for (size_t i = 0; i < p->n_parts; i++)
		if (put_part(c, p, i, --after == 0, err) < 0)
			return -1;
	return c->source ? put_source(c, message, true, err) : 0;
}

/* ---- fields ---- */

static void
people(struct excompose *c, enum which w, const struct mail_address *who, size_t n)
{
	if (n > c->recip_cap) {
		c->recip_cap = n;
		c->recip = mem_resize(c->recip, n, sizeof(*c->recip));
	}
	for (size_t i = 0; i < n; i++)
		c->recip[i] = (struct exrecip){ .display = slice_str(who[i].name),
			.type = slice_str(who[i].address[0] != '\0' ? "SMTP" : ""),
			.address = slice_str(who[i].address) };
	exfield_recips(&c->field[w], c->how.page, c->recip, n);
}

/* Not a list: it is quoted as one value. */
static void
sender(struct excompose *c, const struct mail_address *who, size_t n)
{
	bool has_address = n > 0 && who[0].address[0] != '\0';
	const char *name = n == 0 ? "" : who[0].name[0] != '\0' ? who[0].name : who[0].address;

	buf_reset(&c->one);
	(void)buf_add_str(&c->one, name);
	if (has_address)
		(void)buf_printf(&c->one, "[SMTP:%s]", who[0].address);
	exfield_text(&c->field[SENDER], c->how.page, buf_slice(&c->one));
}

static void
make_fields(struct excompose *c, const struct mail_parts *p, const char *folder)
{
	exfield_text(&c->field[FOLDER], c->how.page, slice_str(folder));
	sender(c, p->from, p->n_from);
	people(c, TO, p->to, p->n_to);
	people(c, CC, p->cc, p->n_cc);
	people(c, BCC, p->bcc, p->n_bcc);
	exfield_text(&c->field[SUBJECT], c->how.page, slice_str(p->subject));
	for (int i = 0; i < FIELDS; i++)
		lose_characters(c, &c->field[i].notes.lacks, which_name[i]);
}

/* What does not fit into the line goes into a record of its own. */
static int
put_others(struct excompose *c, struct err *err)
{
	static const struct slice crlf = { "\r\n", 2 };

	for (int i = 0; i < FIELDS; i++) {
		struct exfield *f = &c->field[i];
		struct exrecord r = { .type = EXRECORD_OTHER, .last = true, .position = -1 };
		uint64_t at = c->sec->at;

		if (!f->apart)
			continue;
		r.length = f->data.len;
		if (put_head(c, &r, err) < 0 || put(c, buf_slice(&f->data), err) < 0 ||
		    put(c, crlf, err) < 0)
			return -1;
		exfield_point(f, c->sec->name, at);
	}
	return 0;
}

static void
date_field(struct excompose *c, const struct date *d, const char *name, char ret[DATE14_MAX])
{
	if (!date14_write(d, ret))
		lose(c, LOSS_DATE, name, 1);
}

static int
put_line(struct excompose *c, const struct mail_parts *p, const struct msg *m, bool drafts,
    struct buf *pri, struct err *err)
{
	static const char *const priority[] = { "-1", "0", "1" };
	char sent[DATE14_MAX], received[DATE14_MAX];
	size_t from = pri->len;

	date_field(c, &p->sent, "Send-Date", sent);
	date_field(c, &m->date, "Received-Date", received);
	const struct expri line = { .folder = buf_slice(&c->field[FOLDER].cell),
		.sender = buf_slice(&c->field[SENDER].cell),
		.to = buf_slice(&c->field[TO].cell),
		.cc = buf_slice(&c->field[CC].cell),
		.bcc = buf_slice(&c->field[BCC].cell),
		.subject = buf_slice(&c->field[SUBJECT].cell),
		.sent = sent,
		.received = received,
		.priority = priority[p->priority + 1],
		.unread = !(m->flags.system & FLAG_SEEN),
		.unsent = (m->flags.system & FLAG_DRAFT) || drafts,
		.body = buf_slice(&c->body) };

	if (!expri_line(&line, pri))
		return err_set(err, ERR_MESSAGE, "the line of the message is too long");
	digest_add(c->digest, pri->data + from, pri->len - from);
	return 0;
}

/* A message over the limits of taking apart is carried as it is. */
static int
take_apart(struct excompose *c, struct spool *message, struct mail_parts *ret, struct err *err)
{
	c->source = c->how.full_source;
	if (parts_open(ret, message, err) == 0)
		return 0;
	if (err->kind != ERR_MESSAGE)
		return -1;
	*err = (struct err){ 0 };
	*ret = (struct mail_parts){ .subject = "", .message_id = "" };
	arena_init(&ret->arena, 1024);
	c->source = true;
	lose(c, LOSS_PART, "the message", 1);
	return 0;
}

int
excompose_message(struct excompose *c, struct spool *message, const struct msg *m,
    const char *folder, bool drafts, struct exsec *sec, struct buf *pri, struct loss_book *losses,
    uint8_t ret_sha256[SHA256_LEN], struct err *err)
{
	struct mail_parts p;
	int rc = -1;

	c->sec = sec;
	c->losses = losses;
	c->uid = m->uid;
	if (take_apart(c, message, &p, err) < 0)
		return -1;
	digest_start(c->digest);
	buf_reset(&c->body);
	(void)expointer_write(sec->name, sec->at, &c->body);
	make_fields(c, &p, folder);
	lose_header(c, &p);
	lose_flags(c, &m->flags);
	if (drafts && !(m->flags.system & FLAG_DRAFT))
		lose(c, LOSS_UNSENT, "", 1);
	if (put_records(c, &p, message, err) == 0 && put_others(c, err) == 0 &&
	    put_line(c, &p, m, drafts, pri, err) == 0) {
		digest_end(c->digest, ret_sha256);
		rc = 0;
	}
	parts_close(&p);
	return rc;
}
