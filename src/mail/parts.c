/* See parts.h and parts_inside.h: parsing, and what the header says. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "mail/parts_inside.h"

enum {
	PARTS_ARENA = 32 * 1024 * 1024,
	LINE_MAX_OCTETS = 32 * 1024,	/* of a subject or a name */
	ADDRESSES_MAX = 65536,
	OTHERS_MAX = 4096
};

/* ---- opening and closing ---- */

static void
gmime_free(struct parts_gmime *g)
{
	if (g == NULL)
		return;
	if (g->parsed != NULL)
		g_object_unref(g->parsed);
	if (g->stream != NULL)
		g_object_unref(g->stream);
	if (g->octets != NULL)
		(void)g_byte_array_free(g->octets, FALSE);
	free(g);
}

void
parts_close(struct mail_parts *p)
{
	gmime_free(p->gmime);
	p->gmime = NULL;
	arena_done(&p->arena);
}

/* The spool as a stream, without a copy. */
static GMimeStream *
parts_stream(struct parts_gmime *g)
{
	struct slice all = spool_memory(g->message);
	GMimeStream *stream;

	if (all.data == NULL) {
		stream = g_mime_stream_fs_new(spool_fd(g->message));
		g_mime_stream_fs_set_owner(GMIME_STREAM_FS(stream), FALSE);
		return stream;
	}
	g->octets = g_byte_array_new();
	/* The array only lends; the cast takes away a const that nobody writes through. */
	g->octets->data = (guint8 *)(uintptr_t)all.data;
	g->octets->len = (guint)all.len;
	stream = g_mime_stream_mem_new();
	g_mime_stream_mem_set_byte_array(GMIME_STREAM_MEM(stream), g->octets);
	g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(stream), FALSE);
	return stream;
}

static void
parts_parse(struct parts_gmime *g)
{
	GMimeParser *parser;

	g->stream = parts_stream(g);
	(void)g_mime_stream_seek(g->stream, 0, GMIME_STREAM_SEEK_SET);
	parser = g_mime_parser_new_with_stream(g->stream);
	g_mime_parser_set_persist_stream(parser, TRUE);
	g->parsed = g_mime_parser_construct_message(parser, mime_options());
	g_object_unref(parser);
}

/* ---- the header ---- */

static const char *
header_raw(const struct parts_gmime *g, const char *name)
{
	GMimeHeaderList *list = g_mime_object_get_header_list(GMIME_OBJECT(g->parsed));
	GMimeHeader *h = g_mime_header_list_get_header(list, name);

	return h != NULL ? g_mime_header_get_raw_value(h) : NULL;
}

struct people {
	struct mail_address *one;
	size_t len, cap;
};

static void
people_add(struct mail_parts *p, struct people *to, const char *name, const char *address)
{
	if (to->len == ADDRESSES_MAX)
		return;
	if (to->len == to->cap) {
		to->cap = to->cap > 0 ? 2 * to->cap : 8;
		to->one = mem_resize(to->one, to->cap, sizeof(*to->one));
	}
	to->one[to->len++] = (struct mail_address){
		.name = mime_line(name != NULL ? name : "", LINE_MAX_OCTETS, &p->arena),
		.address = mime_line(address != NULL ? address : "", LINE_MAX_OCTETS, &p->arena),
	};
}

/* Groups are flattened; one without members is kept by its name. */
static void
people_list(struct mail_parts *p, struct people *to, InternetAddressList *list, int depth)
{
	for (int i = 0, n = internet_address_list_length(list); i < n; i++) {
		InternetAddress *one = internet_address_list_get_address(list, i);
		const char *name = internet_address_get_name(one);

		if (INTERNET_ADDRESS_IS_MAILBOX(one)) {
			people_add(p, to, name,
			    internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(one)));
			continue;
		}
		InternetAddressList *members =
		    internet_address_group_get_members(INTERNET_ADDRESS_GROUP(one));

		if (members != NULL && internet_address_list_length(members) > 0 && depth < 8)
			people_list(p, to, members, depth + 1);
		else
			people_add(p, to, name, "");
	}
}

static bool
is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

/* A field that holds something is never nobody: what is no address is kept as a name. */
static void
people_read(struct mail_parts *p, const struct parts_gmime *g, GMimeAddressType type,
    const char *field, struct mail_address **ret, size_t *ret_len)
{
	struct people to = { 0 };
	InternetAddressList *list = g_mime_message_get_addresses(g->parsed, type);
	const char *raw = header_raw(g, field);

	if (list != NULL)
		people_list(p, &to, list, 0);
	if (to.len == 0 && raw != NULL && !is_blank(raw)) {
		char *unfolded = g_mime_utils_header_decode_text(mime_options(), raw);

		people_add(p, &to, unfolded != NULL ? g_strstrip(unfolded) : raw, "");
		g_free(unfolded);
	}
	*ret = to.len > 0 ? arena_take(&p->arena, to.len * sizeof(**ret)) : NULL;
	*ret_len = *ret != NULL ? to.len : 0;
	if (*ret != NULL)
		memcpy(*ret, to.one, to.len * sizeof(**ret));
	free(to.one);
}

static void
read_date(struct mail_parts *p, const struct parts_gmime *g)
{
	GDateTime *when = g_mime_message_get_date(g->parsed);

	if (when == NULL)
		return;
	GTimeSpan zone_min = g_date_time_get_utc_offset(when) / G_TIME_SPAN_MINUTE;
	p->sent = (struct date){ .known = true, .epoch = g_date_time_to_unix(when) };
	if (zone_min >= -24 * 60 && zone_min <= 24 * 60)
		p->sent.zone_min = (int16_t)zone_min;
}

/* The first of the four fields that says something (exchange-migration 4.4). */
static void
read_priority(struct mail_parts *p, const struct parts_gmime *g)
{
	static const struct {
		const char *field, *word;
		int priority;
	} words[] = {
		{ "Importance", "high", 1 }, { "Importance", "normal", 0 },
		{ "Importance", "low", -1 }, { "Priority", "urgent", 1 },
		{ "Priority", "normal", 0 }, { "Priority", "non-urgent", -1 },
		{ "X-Priority", "1", 1 }, { "X-Priority", "2", 1 }, { "X-Priority", "3", 0 },
		{ "X-Priority", "4", -1 }, { "X-Priority", "5", -1 },
		{ "X-MSMail-Priority", "high", 1 }, { "X-MSMail-Priority", "normal", 0 },
		{ "X-MSMail-Priority", "low", -1 },
	};

	for (size_t i = 0; i < COUNT_OF(words) && !p->priority_known; i++) {
		const char *said = header_raw(g, words[i].field);
		size_t len = strlen(words[i].word);

		if (said == NULL)
			continue;
		said += strspn(said, " \t\r\n");
		if (strncasecmp(said, words[i].word, len) == 0 && !g_ascii_isalnum(said[len])) {
			p->priority = words[i].priority;
			p->priority_known = true;
		}
	}
}

static bool
field_has_place(const struct mail_parts *p, const struct parts_gmime *g, const char *name)
{
	static const char *const placed[] = { "From", "To", "Cc", "Bcc", "Subject", "Date",
		"Importance", "Priority", "X-Priority", "X-MSMail-Priority", "MIME-Version" };

	(void)p;
	for (size_t i = 0; i < COUNT_OF(placed); i++)
		if (strcasecmp(name, placed[i]) == 0)
			return true;
	/* A Sender stands in for a From that is not there. */
	if (strcasecmp(name, "Sender") == 0)
		return header_raw(g, "From") == NULL;
	return strncasecmp(name, "Content-", 8) == 0;
}

static void
read_others(struct mail_parts *p, const struct parts_gmime *g)
{
	GMimeHeaderList *list = g_mime_object_get_header_list(GMIME_OBJECT(g->parsed));
	GHashTable *seen = g_hash_table_new(g_str_hash, g_str_equal);
	int n = g_mime_header_list_get_count(list);
	const char **names = arena_take(&p->arena, ((size_t)(n < OTHERS_MAX ? n : OTHERS_MAX) + 1) *
	    sizeof(*names));

	for (int i = 0; names != NULL && i < n && p->n_others < OTHERS_MAX; i++) {
		const char *name =
		    g_mime_header_get_name(g_mime_header_list_get_header_at(list, i));

		if (name == NULL || field_has_place(p, g, name))
			continue;
		char *low = g_ascii_strdown(name, -1);
		const char *key = mime_line(low, 256, &p->arena);

		g_free(low);
		if (g_hash_table_add(seen, (gpointer)(uintptr_t)key))
			names[p->n_others++] = mime_line(name, 256, &p->arena);
	}
	p->others = names;
	g_hash_table_destroy(seen);
}

static void
read_head(struct mail_parts *p, const struct parts_gmime *g)
{
	const char *subject = g_mime_message_get_subject(g->parsed);
	const char *id = g_mime_message_get_message_id(g->parsed);

	p->subject = mime_line(subject != NULL ? subject : "", LINE_MAX_OCTETS, &p->arena);
	p->message_id = mime_line(id != NULL ? id : "", LINE_MAX_OCTETS, &p->arena);
	people_read(p, g, GMIME_ADDRESS_TYPE_FROM, "From", &p->from, &p->n_from);
	if (p->n_from == 0)
		people_read(p, g, GMIME_ADDRESS_TYPE_SENDER, "Sender", &p->from, &p->n_from);
	people_read(p, g, GMIME_ADDRESS_TYPE_TO, "To", &p->to, &p->n_to);
	people_read(p, g, GMIME_ADDRESS_TYPE_CC, "Cc", &p->cc, &p->n_cc);
	people_read(p, g, GMIME_ADDRESS_TYPE_BCC, "Bcc", &p->bcc, &p->n_bcc);
	read_date(p, g);
	read_priority(p, g);
	read_others(p, g);
}

/* Nothing that GMime could read: the octets are one attachment. */
static int
parts_none(struct mail_parts *p, struct parts_gmime *g, struct err *err)
{
	p->subject = p->message_id = "";
	p->part = arena_take(&p->arena, sizeof(*p->part));
	g->entity = arena_take(&p->arena, sizeof(*g->entity));
	if (p->part == NULL || g->entity == NULL)
		return err_set(err, ERR_MESSAGE, "the message has too much header");
	p->n_parts = 1;
	p->part[0] = (struct mail_part){
		.name = "message.eml", .content_type = "message/rfc822", .content_id = "",
		.whole = true, .damaged = true
	};
	g->entity[0] = (struct entity){ .end = spool_len(g->message) };
	return 0;
}

int
parts_open(struct mail_parts *ret, struct spool *message, struct err *err)
{
	struct parts_gmime *g = mem_new(sizeof(*g));
	struct mail_parts p = { .gmime = g };
	int rc;

	(void)mime_options();
	arena_init(&p.arena, PARTS_ARENA);
	g->message = message;
	if (spool_len(message) > 0)
		parts_parse(g);
	if (g->parsed == NULL) {
		rc = spool_len(message) > 0 ? parts_none(&p, g, err) : 0;
		if (rc == 0 && p.n_parts == 0)
			p.subject = p.message_id = "";
	} else {
		read_head(&p, g);
		rc = parts_walk(&p, g, err);
	}
	if (rc < 0) {
		parts_close(&p);
		return -1;
	}
	*ret = p;
	return 0;
}
