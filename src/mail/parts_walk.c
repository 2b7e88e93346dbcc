/* The structure of a message made a flat list of parts, in the order of the message.
 *
 * Ranges: a leaf is where GMime's content stream says. An entity that is carried whole begins at its
 * first header field, or for a message/rfc822 part at the content, and ends before the next
 * delimiter of a multipart around it (RFC 2046 5.1.1), which is looked for from there. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/parts_inside.h"

enum { SEARCH_STEP = 64 * 1024, BOUNDARY_MAX_OCTETS = 1024 };

struct walk {
	struct mail_parts *p;
	struct parts_gmime *g;
	struct entity *entity;
	size_t cap, numbered;
	const char *boundary[PARTS_DEPTH_MAX + 1];
	size_t depth;
	size_t html;		/* 1 + index of the first HTML part that may be the text; 0: none */
	bool signed_text;	/* below a signed entity: its text alone is looked for */
	bool over;		/* a limit was met: what is left is one part */
	struct err *err;
	bool failed;
};

/* ---- where things are ---- */

static uint64_t
first_field(GMimeObject *object, uint64_t otherwise)
{
	GMimeHeaderList *list = g_mime_object_get_header_list(object);
	int n = g_mime_header_list_get_count(list);
	uint64_t first = otherwise;
	bool found = false;

	for (int i = 0; i < n; i++) {
		gint64 at = g_mime_header_get_offset(g_mime_header_list_get_header_at(list, i));

		if (at >= 0 && (!found || (uint64_t)at < first)) {
			first = (uint64_t)at;
			found = true;
		}
	}
	return first;
}

/* Does a delimiter of one of the multiparts around begin here, at the start of a line? */
static bool
is_delimiter(const struct walk *w, const char *at, size_t len)
{
	for (size_t i = 0; i < w->depth; i++) {
		size_t n = strlen(w->boundary[i]);

		if (len >= n + 2 && memcmp(at, "--", 2) == 0 && memcmp(at + 2, w->boundary[i], n) == 0)
			return true;
	}
	return false;
}

/* The line end before the first delimiter line from `from` on, or the end of the message. */
static uint64_t
find_end(struct walk *w, uint64_t from)
{
	uint64_t at = from, all = spool_len(w->g->message);
	bool line = true;

	while (w->depth > 0 && at < all && !w->failed) {
		struct slice s;

		if (spool_read(w->g->message, at, SEARCH_STEP, &s, w->err) < 0) {
			w->failed = true;
			break;
		}
		const char *p = s.data, *end = s.data + s.len;
		/* A delimiter that the piece cuts is looked at again with what follows. */
		size_t spare = at + s.len < all && s.len > 2 * BOUNDARY_MAX_OCTETS
				   ? BOUNDARY_MAX_OCTETS : 0;

		while (p < end - spare) {
			if (line && is_delimiter(w, p, (size_t)(end - p))) {
				uint64_t hit = at + (uint64_t)(p - s.data);
				struct slice before = { NULL, 0 };
				uint64_t back = hit - from < 2 ? hit - from : 2;

				if (spool_read(w->g->message, hit - back, back, &before, w->err) < 0)
					w->failed = true;
				if (before.len > 0 && before.data[before.len - 1] == '\n')
					hit -= before.len > 1 && before.data[before.len - 2] == '\r'
						   ? 2 : 1;
				return hit;
			}
			const char *lf = memchr(p, '\n', (size_t)(end - spare - p));

			line = lf != NULL;
			p = lf != NULL ? lf + 1 : end - spare;
		}
		at += (uint64_t)(p - s.data);
	}
	return all;
}

static struct entity
leaf_entity(const struct walk *w, GMimePart *part)
{
	GMimeDataWrapper *content = g_mime_part_get_content(part);
	GMimeStream *stream = content != NULL ? g_mime_data_wrapper_get_stream(content) : NULL;
	GMimeContentType *type = g_mime_object_get_content_type(GMIME_OBJECT(part));
	uint64_t all = spool_len(w->g->message);
	struct entity e = { .begin = all, .end = all };

	if (stream != NULL && stream->bound_start >= 0)
		e.begin = (uint64_t)stream->bound_start;
	if (stream != NULL && stream->bound_end >= 0)
		e.end = (uint64_t)stream->bound_end;
	if (e.end > all)
		e.end = all;
	if (e.begin > e.end)
		e.begin = e.end;
	e.encoding = g_mime_part_get_content_encoding(part);
	e.charset = type != NULL ? g_mime_content_type_get_parameter(type, "charset") : NULL;
	return e;
}

/* ---- the list ---- */

static struct mail_part *
add_part(struct walk *w, const struct entity *e)
{
	struct mail_parts *p = w->p;

	if (p->n_parts == w->cap) {
		w->cap = w->cap > 0 ? 2 * w->cap : 8;
		p->part = mem_resize(p->part, w->cap, sizeof(*p->part));
		w->entity = mem_resize(w->entity, w->cap, sizeof(*w->entity));
	}
	w->entity[p->n_parts] = *e;
	struct mail_part *one = &p->part[p->n_parts++];

	*one = (struct mail_part){ .name = "", .content_type = "application/octet-stream",
		.content_id = "" };
	return one;
}

static void
describe(struct walk *w, struct mail_part *one, GMimeObject *object, const char *name)
{
	GMimeContentType *type = g_mime_object_get_content_type(object);
	const char *id = g_mime_object_get_content_id(object);
	char *mime = type != NULL ? g_mime_content_type_get_mime_type(type) : NULL;

	if (mime != NULL) {
		char *low = g_ascii_strdown(mime, -1);

		one->content_type = mime_line(low, 256, &w->p->arena);
		g_free(low);
	}
	g_free(mime);
	one->content_id = mime_line(id != NULL ? id : "", 1024, &w->p->arena);
	parts_name(w->p, one, name, ++w->numbered);
}

/* The rest of the message from `begin` as one part: nothing of it is lost. */
static void
add_rest(struct walk *w, uint64_t begin)
{
	struct entity e = { .begin = begin, .end = spool_len(w->g->message) };
	struct mail_part *one = add_part(w, &e);

	one->whole = one->damaged = true;
	parts_name(w->p, one, "rest-of-message.txt", ++w->numbered);
	w->over = true;
}

static void
add_whole(struct walk *w, GMimeObject *object, const char *name)
{
	bool top = object == g_mime_message_get_mime_part(w->g->parsed);
	struct entity e = { .begin = top ? 0 : first_field(object, 0) };

	e.end = top ? spool_len(w->g->message) : find_end(w, e.begin);
	struct mail_part *one = add_part(w, &e);

	one->whole = true;
	describe(w, one, object, name);
}

/* ---- leaves ---- */

static bool
is_attachment(GMimeObject *object)
{
	GMimeContentDisposition *d = g_mime_object_get_content_disposition(object);
	const char *how = d != NULL ? g_mime_content_disposition_get_disposition(d) : NULL;

	return how != NULL && g_ascii_strcasecmp(how, GMIME_DISPOSITION_ATTACHMENT) == 0;
}

static bool
may_be_text(const struct walk *w, GMimePart *part, const char *subtype)
{
	GMimeContentType *type = g_mime_object_get_content_type(GMIME_OBJECT(part));
	bool is = type == NULL ? strcmp(subtype, "plain") == 0
			       : g_mime_content_type_is_type(type, "text", subtype);

	(void)w;
	return is && !is_attachment(GMIME_OBJECT(part)) && g_mime_part_get_filename(part) == NULL;
}

static void
walk_leaf(struct walk *w, GMimePart *part)
{
	struct entity e = leaf_entity(w, part);
	bool html;

	if (w->p->text_from == TEXT_NONE && may_be_text(w, part, "plain")) {
		w->g->text = e;
		w->p->text_from = TEXT_PLAIN;
		return;
	}
	html = w->html == 0 && may_be_text(w, part, "html");
	if (w->signed_text && !html)
		return;
	struct mail_part *one = add_part(w, &e);

	one->is_html_of_text = html;
	describe(w, one, GMIME_OBJECT(part),
	    html ? "body.html" : g_mime_part_get_filename(part));
	if (html)
		w->html = w->p->n_parts;
}

static void
walk_message(struct walk *w, GMimeMessagePart *part)
{
	GMimeMessage *inside = g_mime_message_part_get_message(part);
	const char *subject = inside != NULL ? g_mime_message_get_subject(inside) : NULL;
	const char *said = NULL;
	struct entity e = { .begin = spool_len(w->g->message), .end = spool_len(w->g->message) };
	GMimeContentDisposition *d = g_mime_object_get_content_disposition(GMIME_OBJECT(part));
	char *made = NULL;

	if (inside != NULL) {
		GMimeObject *body = g_mime_message_get_mime_part(inside);
		uint64_t of_body = GMIME_IS_PART(body) ? leaf_entity(w, GMIME_PART(body)).begin : 0;

		e.begin = first_field(GMIME_OBJECT(inside), body ? first_field(body, of_body) : 0);
		if (body != NULL) {
			uint64_t also = first_field(body, e.begin);

			e.begin = also < e.begin ? also : e.begin;
		}
		e.end = find_end(w, e.begin);
	}
	if (d != NULL)
		said = g_mime_content_disposition_get_parameter(d, "filename");
	if (said == NULL && subject != NULL && *subject != '\0')
		said = made = g_strdup_printf("%s.eml", subject);

	struct mail_part *one = add_part(w, &e);

	describe(w, one, GMIME_OBJECT(part), said);
	g_free(made);
}

/* ---- the tree ---- */

static void walk_object(struct walk *w, GMimeObject *object);

static void
walk_children(struct walk *w, GMimeMultipart *multi)
{
	const char *boundary =
	    g_mime_object_get_content_type_parameter(GMIME_OBJECT(multi), "boundary");
	bool known = boundary != NULL && *boundary != '\0' &&
		     strlen(boundary) < BOUNDARY_MAX_OCTETS - 4;
	int n = g_mime_multipart_get_count(multi);

	if (known)
		w->boundary[w->depth++] = boundary;
	for (int i = 0; i < n && !w->over && !w->failed; i++) {
		GMimeObject *child = g_mime_multipart_get_part(multi, i);

		if (w->p->n_parts >= PARTS_MAX - 1)
			add_rest(w, first_field(child, GMIME_IS_PART(child)
			    ? leaf_entity(w, GMIME_PART(child)).begin : 0));
		else
			walk_object(w, child);
	}
	w->depth -= known;
}

/* A signature covers the octets: they are carried as they are, and the text is shown beside. */
static void
walk_signed(struct walk *w, GMimeMultipart *multi)
{
	bool was = w->signed_text;

	add_whole(w, GMIME_OBJECT(multi), "signed.eml");
	w->signed_text = true;
	if (g_mime_multipart_get_count(multi) > 0 && w->depth < PARTS_DEPTH_MAX)
		walk_object(w, g_mime_multipart_get_part(multi, 0));
	w->signed_text = was;
}

static bool
is_multipart(GMimeObject *object, const char *subtype)
{
	GMimeContentType *type = g_mime_object_get_content_type(object);

	return type != NULL && g_mime_content_type_is_type(type, "multipart", subtype);
}

static void
walk_object(struct walk *w, GMimeObject *object)
{
	if (GMIME_IS_PART(object)) {
		walk_leaf(w, GMIME_PART(object));
	} else if (GMIME_IS_MESSAGE_PART(object)) {
		if (!w->signed_text)
			walk_message(w, GMIME_MESSAGE_PART(object));
	} else if (GMIME_IS_MULTIPART(object)) {
		if (is_multipart(object, "signed") && !w->signed_text)
			walk_signed(w, GMIME_MULTIPART(object));
		else if (is_multipart(object, "encrypted") && !w->signed_text)
			add_whole(w, object, "encrypted.eml");
		else if (w->depth < PARTS_DEPTH_MAX)
			walk_children(w, GMIME_MULTIPART(object));
		else
			add_rest(w, first_field(object, 0));
	}
}

/* A tree without leaves that holds octets: GMime gave up on its nesting. */
static void
walk_top(struct walk *w)
{
	GMimeObject *top = g_mime_message_get_mime_part(w->g->parsed);

	if (top != NULL)
		walk_object(w, top);
	if (w->p->n_parts == 0 && w->p->text_from == TEXT_NONE && top != NULL && !GMIME_IS_PART(top))
		add_rest(w, 0);
}

/* Without plain text the text of the first HTML part is the text. */
static void
walk_html_text(struct walk *w)
{
	if (w->p->text_from != TEXT_NONE || w->html == 0)
		return;
	w->g->text = w->entity[w->html - 1];
	w->p->text_from = TEXT_HTML;
}

int
parts_walk(struct mail_parts *p, struct parts_gmime *g, struct err *err)
{
	struct walk w = { .p = p, .g = g, .err = err };
	struct mail_part *grown;

	walk_top(&w);
	walk_html_text(&w);
	grown = p->part;
	p->part = arena_take(&p->arena, (p->n_parts + 1) * sizeof(*p->part));
	g->entity = arena_take(&p->arena, (p->n_parts + 1) * sizeof(*g->entity));
	if (p->part != NULL && g->entity != NULL && p->n_parts > 0) {
		memcpy(p->part, grown, p->n_parts * sizeof(*p->part));
		memcpy(g->entity, w.entity, p->n_parts * sizeof(*g->entity));
	}
	bool full = p->part == NULL || g->entity == NULL;

	free(grown);
	free(w.entity);
	if (w.failed)
		return -1;
	return full ? err_set(err, ERR_MESSAGE, "the message has too many parts") : 0;
}
