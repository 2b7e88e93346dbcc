/* See parts.h. The walk (walk.c) finds where everything stands; here it is decided what is the text
 * and what an attachment, and octets are decoded on their way from one spool to another, once, in
 * pieces. */
#include "mail/parts.h"

#include <string.h>

#include "mail/charset.h"
#include "mail/field.h"
#include "mail/parts_head.h"
#include "mail/parts_name.h"
#include "mail/text.h"
#include "mail/walk.h"

enum {
	PARTS_STEP = 64 * 1024, /* octets decoded at once */
	PARTS_BUF_MAX = 32 * 1024 * 1024, /* of what they may become, in the worst case */
	PARTS_BLANK_MAX = 256, /* a text of so few octets is looked at: is it empty? */
	PARTS_SNIFF = 1024, /* of HTML, for its charset */
	PARTS_INNER_HEADER = 16 * 1024 /* of a nested message, for its subject */
};

/* ---- what is what ---- */

static bool
node_is_type(const struct part_node *n, const char *type)
{
	return strcmp(n->type, type) == 0;
}

/* A text that is shown unless it is told to be a file. A name alone makes a part a file, but not
 * the message itself: then there would be nothing to read. */
static bool
node_is_text(const struct part_node *n)
{
	bool text = node_is_type(n, "text/plain") || node_is_type(n, "text/html");

	return n->kind == NODE_LEAF && text && !n->whole && !n->nothing && !n->is_attachment &&
	       (n->name[0] == '\0' || n->parent == NULL);
}

static struct part_node *
node_alternative(const struct part_node *n)
{
	struct part_node *found = n->parent;

	while (found != NULL && found->kind != NODE_ALTERNATIVE)
		found = found->parent;
	return found;
}

static bool
node_is_in(const struct part_node *n, const struct part_node *of)
{
	while (n != NULL && n != of)
		n = n->parent;
	return n != NULL;
}

/* Mailers that make HTML only like to add an empty plain form. */
static int
node_is_blank(const struct mail_parts *p, const struct part_node *n, bool *ret, struct err *err)
{
	struct transfer t;
	struct slice s;
	struct buf b;

	*ret = false;
	if (n->end - n->body > PARTS_BLANK_MAX)
		return 0;
	if (spool_read(p->message, n->body, (size_t)(n->end - n->body), &s, err) < 0)
		return -1;
	transfer_start(&t, n->transfer);
	buf_init(&b, (PARTS_BLANK_MAX + TRANSFER_HELD) * TRANSFER_UU_GROWS);
	transfer_step(&t, s, &b);
	transfer_end(&t, &b);
	*ret = field_trim(buf_slice(&b)).len == 0;
	buf_done(&b);
	return 0;
}

/* Of two forms of one text: plain before HTML, and what has something before what is empty. */
static int
parts_choose_form(
    const struct mail_parts *p, struct part_node *first, struct part_node **ret, struct err *err)
{
	const struct part_node *all = node_alternative(first);
	struct part_node *plain = NULL, *html = NULL;

	*ret = first;
	if (all == NULL)
		return 0;
	for (struct part_node *n = first; n != NULL; n = n->next) {
		if (!node_is_text(n) || !node_is_in(n, all))
			continue;
		if (plain == NULL && node_is_type(n, "text/plain"))
			plain = n;
		else if (html == NULL && node_is_type(n, "text/html"))
			html = n;
	}
	if (plain == NULL || html == NULL)
		return 0;
	bool blank;
	if (node_is_blank(p, plain, &blank, err) < 0)
		return -1;
	plain->nothing = blank;
	*ret = blank ? html : plain;
	return 0;
}

static int
parts_choose_text(struct mail_parts *p, struct part_node *nodes, struct err *err)
{
	struct part_node *first = nodes;

	for (struct part_node *n = nodes; n != NULL; n = n->next) {
		if (n->childless && node_is_blank(p, n, &n->nothing, err) < 0)
			return -1;
	}
	while (first != NULL && !node_is_text(first))
		first = first->next;
	if (first == NULL)
		return 0;
	if (parts_choose_form(p, first, &p->text_node, err) < 0)
		return -1;
	p->text_from = node_is_type(p->text_node, "text/html") ? TEXT_HTML : TEXT_PLAIN;
	return 0;
}

/* Is it an attachment? Plain text that is shown is not. */
static bool
parts_takes(const struct mail_parts *p, const struct part_node *n)
{
	if (n->hidden || n->nothing || (n->kind != NODE_LEAF && !n->whole))
		return false;
	return n != p->text_node || p->text_from == TEXT_HTML;
}

static bool
parts_is_html_of_text(const struct mail_parts *p, const struct part_node *n)
{
	if (p->text_node == NULL || !node_is_text(n) || !node_is_type(n, "text/html"))
		return false;
	const struct part_node *all = node_alternative(p->text_node);

	return n == p->text_node || (all != NULL && node_is_in(n, all));
}

/* ---- names ---- */

static bool
part_keep_name(struct mail_parts *p, struct mail_part *part, const struct buf *name)
{
	part->name = arena_copy(&p->arena, buf_slice(name));
	return part->name != NULL;
}

/* The subject of a message in the message, in `name`; false: none. */
static int
part_subject(
    struct mail_parts *p, const struct part_node *n, struct buf *name, bool *ret, struct err *err)
{
	size_t max =
	    n->end - n->body < PARTS_INNER_HEADER ? (size_t)(n->end - n->body) : PARTS_INNER_HEADER;
	struct slice header;
	struct field f;
	struct buf text;

	*ret = false;
	if (n->transfer != TRANSFER_NONE)
		return 0;
	if (spool_read(p->message, n->body, max, &header, err) < 0)
		return -1;
	while (field_next(&header, &f)) {
		if (!slice_eq_nocase(f.name, "Subject"))
			continue;
		buf_init(&text, PARTS_INNER_HEADER * 4);
		field_text(f.value, &text);
		for (size_t i = 0; i < text.len; i++) { /* "Re: 1/2" is no path */
			if (text.data[i] == '/' || text.data[i] == '\\')
				text.data[i] = '_';
		}
		*ret = part_name_clean(buf_slice(&text), PARTS_NAME_MAX - 4, name);
		buf_done(&text);
		break;
	}
	if (*ret)
		buf_add_str(name, ".eml");
	return 0;
}

static int
part_name(
    struct mail_parts *p, struct mail_part *part, size_t number, struct buf *name, struct err *err)
{
	const struct part_node *n = part->node;
	bool has = false;

	buf_reset(name);
	if (n->kind == NODE_SIGNED)
		has = buf_add_str(name, "signed.eml");
	else if (n->whole && !n->broken)
		has = buf_add_str(name, "encrypted.eml");
	else if (!n->broken)
		has = part_name_clean(slice_str(n->name), PARTS_NAME_MAX, name);
	if (!has && part->is_html_of_text)
		has = buf_add_str(name, "body.html");
	if (!has && !n->broken && node_is_type(n, "message/rfc822") &&
	    part_subject(p, n, name, &has, err) < 0)
		return -1;
	if (!has) {
		part->name_made = true;
		buf_printf(name, "attachment-%zu.%s", number, type_extension(n->type));
	}
	return part_keep_name(p, part, name)
		   ? 0
		   : err_set(err, ERR_MESSAGE, "its attachments have too many names");
}

static int
parts_list(struct mail_parts *p, struct part_node *nodes, struct err *err)
{
	size_t count = 0;
	struct buf name;
	int done = 0;

	for (const struct part_node *n = nodes; n != NULL; n = n->next)
		count += parts_takes(p, n);
	p->part = arena_take(&p->arena, count * sizeof(*p->part));
	if (p->part == NULL)
		return err_set(err, ERR_MESSAGE, "it has too many parts");
	buf_init(&name, 4 * PARAM_VALUE_MAX);
	for (struct part_node *n = nodes; n != NULL && done == 0; n = n->next) {
		if (!parts_takes(p, n))
			continue;
		struct mail_part *part = &p->part[p->n_parts++];
		*part = (struct mail_part){ .is_html_of_text = parts_is_html_of_text(p, n),
			.whole = n->whole,
			.damaged = n->broken,
			.content_type = n->type,
			.content_id = n->content_id,
			.node = n };
		done = part_name(p, part, p->n_parts, &name, err);
	}
	buf_done(&name);
	return done;
}

/* ---- open, close ---- */

struct parts_seen {
	struct mail_parts *p;
	bool full;
};

static void
parts_header_seen(void *arg, struct slice header)
{
	struct parts_seen *seen = arg;

	seen->full = !parts_head(seen->p, header);
}

static int
parts_read(struct mail_parts *p, struct err *err)
{
	struct walk w = {
		.message = p->message, .len = spool_len(p->message), .arena = &p->arena, .err = err
	};
	struct parts_seen seen = { .p = p };

	if (walk_run(&w, parts_header_seen, &seen) < 0)
		return -1;
	if (seen.full)
		return err_set(err, ERR_MESSAGE, "its header needs more than %d MiB of memory",
		    PARTS_ARENA_MAX / 1024 / 1024);
	return parts_choose_text(p, w.first, err) < 0 ? -1 : parts_list(p, w.first, err);
}

int
parts_open(struct mail_parts *ret, struct spool *message, struct err *err)
{
	*ret = (struct mail_parts){ .message = message };
	arena_init(&ret->arena, PARTS_ARENA_MAX);
	if (parts_read(ret, err) == 0)
		return 0;
	parts_close(ret);
	return -1;
}

void
parts_close(struct mail_parts *p)
{
	arena_done(&p->arena);
	*p = (struct mail_parts){ .message = NULL };
}

/* ---- octets ---- */

/* A part on its way: raw octets of the message through its transfer encoding. */
struct parts_pump {
	struct mail_parts *p;
	const struct part_node *node;
	uint64_t at;
	bool ended;
	struct transfer transfer; /* its kind is the node's, or NONE to have it as it stands */
	struct buf decoded;
};

static void
pump_open(
    struct parts_pump *u, struct mail_parts *p, const struct part_node *n, enum transfer_kind kind)
{
	*u = (struct parts_pump){ .p = p, .node = n, .at = n->body };
	transfer_start(&u->transfer, kind);
	buf_init(&u->decoded, PARTS_BUF_MAX);
}

/* The next decoded octets, borrowed until the next call; len 0: the end. */
static int
pump_next(struct parts_pump *u, struct slice *ret, struct err *err)
{
	const struct part_node *n = u->node;
	enum transfer_kind kind = u->transfer.kind;
	bool plain = kind == TRANSFER_NONE || kind == TRANSFER_UNKNOWN;

	*ret = (struct slice){ "", 0 };
	while (ret->len == 0 && !u->ended) {
		size_t step = n->end - u->at < PARTS_STEP ? (size_t)(n->end - u->at) : PARTS_STEP;
		struct slice raw;

		if (spool_read(u->p->message, u->at, step, &raw, err) < 0)
			return -1;
		u->at += raw.len;
		u->ended = raw.len == 0;
		if (plain) {
			*ret = raw;
			continue;
		}
		buf_reset(&u->decoded);
		if (u->ended)
			transfer_end(&u->transfer, &u->decoded);
		else
			transfer_step(&u->transfer, raw, &u->decoded);
		*ret = buf_slice(&u->decoded);
	}
	return 0;
}

static void
pump_close(struct parts_pump *u)
{
	buf_done(&u->decoded);
}

static int
pump_all(struct parts_pump *u, struct spool *out, struct err *err)
{
	struct slice piece;

	do {
		if (pump_next(u, &piece, err) < 0 || spool_add(out, piece, err) < 0)
			return -1;
	} while (piece.len > 0);
	return 0;
}

/* uuencode without a beginning has given nothing: then it is carried as it stands. */
static bool
pump_gave_nothing(const struct parts_pump *u)
{
	return u->transfer.kind == TRANSFER_UU && !u->transfer.begun;
}

int
parts_octets(struct mail_parts *p, size_t i, struct spool *out, struct err *err)
{
	struct mail_part *part = &p->part[i];
	const struct part_node *n = part->node;
	struct parts_pump u;

	if (n->whole)
		return spool_copy_range(p->message, n->start, n->end, out, err);
	if (n->transfer == TRANSFER_NONE)
		return spool_copy_range(p->message, n->body, n->end, out, err);
	pump_open(&u, p, n, n->transfer);
	int done = pump_all(&u, out, err);
	part->damaged = u.transfer.damaged;
	bool nothing = pump_gave_nothing(&u);
	pump_close(&u);
	if (done == 0 && nothing)
		return spool_copy_range(p->message, n->body, n->end, out, err);
	return done;
}

/* ---- text ---- */

/* Decoded octets to UTF-8, and then lines or HTML. */
struct parts_text {
	struct charset charset;
	struct buf utf8, made;
	bool is_html, started;
	struct html_text html;
	struct text_lines lines;
};

/* A byte order mark is no text. */
static struct slice
text_after_mark(struct slice utf8)
{
	if (utf8.len >= 3 && memcmp(utf8.data, "\xef\xbb\xbf", 3) == 0)
		return (struct slice){ utf8.data + 3, utf8.len - 3 };
	return utf8;
}

static int
text_put(struct parts_text *t, struct spool *out, struct err *err)
{
	struct slice utf8 = buf_slice(&t->utf8);

	if (!t->started && utf8.len > 0) {
		utf8 = text_after_mark(utf8);
		t->started = true;
	}
	buf_reset(&t->made);
	if (t->is_html)
		html_text_step(&t->html, utf8);
	else
		text_lines_add(&t->lines, utf8, &t->made);
	return spool_add(out, buf_slice(&t->made), err);
}

static void
text_charset(struct parts_text *t, const struct part_node *n, struct slice start)
{
	struct slice name = slice_str(n->charset), named;

	if (start.len > PARTS_SNIFF)
		start.len = PARTS_SNIFF;
	if (name.len == 0 && t->is_html && html_charset(start, &named) &&
	    !slice_starts_nocase(named, "utf-16"))
		name = named;
	(void)charset_start(&t->charset, name);
}

static int
text_run(struct parts_text *t, struct parts_pump *u, struct spool *out, struct err *err)
{
	struct slice piece;
	bool first = true;

	do {
		if (pump_next(u, &piece, err) < 0)
			return -1;
		if (first)
			text_charset(t, u->node, piece);
		first = false;
		buf_reset(&t->utf8);
		if (piece.len > 0)
			charset_step(&t->charset, piece, &t->utf8);
		else
			charset_end(&t->charset, &t->utf8);
		if (text_put(t, out, err) < 0)
			return -1;
	} while (piece.len > 0);
	if (!t->is_html)
		return 0;
	buf_reset(&t->made);
	html_text_end(&t->html);
	return spool_add(out, buf_slice(&t->made), err);
}

static int
text_once(struct mail_parts *p, enum transfer_kind kind, struct spool *out, bool *ret_again,
    struct err *err)
{
	struct parts_text t = { .is_html = p->text_from == TEXT_HTML };
	struct parts_pump u;

	buf_init(&t.utf8, PARTS_BUF_MAX);
	buf_init(&t.made, PARTS_BUF_MAX);
	html_text_start(&t.html, &t.made);
	pump_open(&u, p, p->text_node, kind);
	int done = text_run(&t, &u, out, err);
	p->text_damaged = p->text_damaged || u.transfer.damaged;
	*ret_again = pump_gave_nothing(&u);
	pump_close(&u);
	buf_done(&t.made);
	buf_done(&t.utf8);
	return done;
}

int
parts_text(struct mail_parts *p, struct spool *out, struct err *err)
{
	bool again;

	if (p->text_node == NULL)
		return 0;
	if (text_once(p, p->text_node->transfer, out, &again, err) < 0)
		return -1;
	return again ? text_once(p, TRANSFER_NONE, out, &again, err) : 0;
}
