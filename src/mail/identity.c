/* See identity.h. One octet after the other through a small machine, so that where the octets are
 * cut makes no difference; what is known to be plain goes to the digest in one piece. */
#include "mail/identity.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { NAME_MAX_LEN = 256, OUT_MAX = 4096, FROM_LEN = 5 };

/* Where the next octet stands. */
enum at {
	AT_LINE, /* first of a line of the header */
	AT_NAME, /* in what may be a field's name */
	AT_COLON, /* in blanks after it */
	AT_VALUE,
	AT_BODY_LINE, /* before what is not '>' or "From ", on a line of the body */
	AT_BODY
};

struct identity_maker {
	struct digest *head, *whole, *exact;
	uint64_t octets;
	enum at at;
	bool first; /* the first line */
	/* header */
	char name[NAME_MAX_LEN]; /* of this line, as it stands; with the blanks after it */
	size_t name_len, word_len; /* with, without these blanks */
	bool field; /* a field's value is at hand, or was in the line before */
	bool kept; /* it belongs to the head */
	bool odd; /* no field: its octets are kept */
	bool blank, some; /* a blank to be written before what comes; something was written */
	/* body */
	uint64_t quotes; /* '>' not yet written */
	size_t match; /* octets of "From " seen */
	char out[OUT_MAX];
	size_t out_len;
};

static const char identity_from[] = "From ";

struct identity_maker *
identity_new(void)
{
	struct identity_maker *m = mem_new(sizeof(*m));

	m->head = digest_new();
	m->whole = digest_new();
	m->exact = digest_new();
	identity_start(m);
	return m;
}

void
identity_free(struct identity_maker *m)
{
	if (m == NULL)
		return;
	digest_free(m->head);
	digest_free(m->whole);
	digest_free(m->exact);
	free(m);
}

void
identity_start(struct identity_maker *m)
{
	digest_start(m->head);
	digest_start(m->whole);
	digest_start(m->exact);
	m->octets = 0;
	m->at = AT_LINE;
	m->first = true;
	m->name_len = m->word_len = 0;
	m->field = m->kept = m->odd = m->blank = m->some = false;
	m->quotes = 0;
	m->match = 0;
	m->out_len = 0;
}

/* ---- what is digested ---- */

static void
out_flush(struct identity_maker *m)
{
	if (m->at < AT_BODY_LINE)
		digest_add(m->head, m->out, m->out_len);
	digest_add(m->whole, m->out, m->out_len);
	m->out_len = 0;
}

static void
out_put(struct identity_maker *m, char c)
{
	if (m->out_len == OUT_MAX)
		out_flush(m);
	m->out[m->out_len++] = c;
}

static void
out_add(struct identity_maker *m, const char *data, size_t len)
{
	if (len > OUT_MAX / 4) {
		out_flush(m);
		digest_add(m->whole, data, len);
		return;
	}
	for (size_t i = 0; i < len; i++)
		out_put(m, data[i]);
}

/* ---- header ---- */

static bool
name_kept(struct slice name)
{
	static const char *const kept[] = { "from", "sender", "reply-to", "to", "cc", "bcc",
		"subject", "date", "message-id", "in-reply-to", "references", "mime-version",
		"content-type", "content-transfer-encoding" };

	for (size_t i = 0; i < COUNT_OF(kept); i++)
		if (slice_eq_nocase(name, kept[i]))
			return true;
	return false;
}

static void
value_octet(struct identity_maker *m, unsigned char c)
{
	if (!m->kept)
		return;
	if (c == ' ' || c == '\t') {
		m->blank = m->some;
		return;
	}
	if (m->blank)
		out_put(m, ' ');
	m->blank = false;
	m->some = true;
	if (m->odd)
		out_put(m, c == '\0' ? (char)0x80 : (char)c);
	else
		out_put(m, c == '\0' || c > 0x7f ? 'X' : (char)c);
}

static void
value_begin(struct identity_maker *m, bool kept, bool odd)
{
	m->at = AT_VALUE;
	m->field = true;
	m->kept = kept;
	m->odd = odd;
	m->blank = m->some = false;
}

/* A field came to its end: the line after it does not continue it, or there is none. */
static void
value_end(struct identity_maker *m)
{
	if (m->field && m->kept && (m->some || !m->odd))
		out_put(m, '\n');
	m->field = false;
}

static void
name_is_field(struct identity_maker *m)
{
	struct slice name = { m->name, m->word_len };

	value_begin(m, name_kept(name), false);
	for (size_t i = 0; m->kept && i < name.len; i++)
		out_put(m, (char)(name.data[i] | 0x20)); /* letters and '-', which has it */
	if (m->kept)
		out_put(m, ':');
}

/* "From " or ">From " before the first field: the mark of an mbox file. */
static bool
name_is_mbox(const struct identity_maker *m)
{
	size_t q = 0;

	while (q < m->word_len && m->name[q] == '>')
		q++;
	return m->first && m->name_len > m->word_len && m->word_len - q == FROM_LEN - 1 &&
	       memcmp(m->name + q, identity_from, FROM_LEN - 1) == 0;
}

/* What was collected is no name. */
static void
name_is_odd(struct identity_maker *m)
{
	value_begin(m, !name_is_mbox(m), true);
	for (size_t i = 0; i < m->name_len; i++)
		value_octet(m, (unsigned char)m->name[i]);
}

static void
name_octet(struct identity_maker *m, unsigned char c)
{
	bool blank = c == ' ' || c == '\t';

	if (c == ':' && m->word_len > 0) {
		name_is_field(m);
	} else if (m->name_len == NAME_MAX_LEN || (m->at == AT_COLON && !blank) ||
		   (c != '\0' && c < ' ' && !blank) || c == 0x7f || c == ':') {
		name_is_odd(m);
		value_octet(m, c);
	} else {
		m->name[m->name_len++] = (char)c;
		if (blank)
			m->at = AT_COLON;
		else
			m->word_len = m->name_len;
	}
}

static void
header_line_end(struct identity_maker *m)
{
	if (m->at == AT_LINE) { /* the empty line */
		value_end(m);
		out_flush(m);
		m->at = AT_BODY_LINE;
		out_put(m, '\n');
		return;
	}
	if (m->at == AT_NAME || m->at == AT_COLON)
		name_is_odd(m);
	m->blank = m->some;
	m->at = AT_LINE;
	m->first = false;
}

static void
header_octet(struct identity_maker *m, unsigned char c)
{
	if (c == '\n') {
		header_line_end(m);
	} else if (m->at == AT_VALUE) {
		value_octet(m, c);
	} else if (m->at == AT_LINE && (c == ' ' || c == '\t')) {
		if (!m->field)
			value_begin(m, true, true);
		m->at = AT_VALUE;
		value_octet(m, c);
	} else {
		if (m->at == AT_LINE) {
			value_end(m);
			m->at = AT_NAME;
			m->name_len = m->word_len = 0;
		}
		name_octet(m, c);
	}
}

/* ---- body ---- */

/* What was held at the start of the line is not what mbox files quote. */
static void
body_held(struct identity_maker *m)
{
	m->at = AT_BODY;
	for (; m->quotes > 0; m->quotes--)
		out_put(m, '>');
	out_add(m, identity_from, m->match);
	m->match = 0;
}

/* True: the octet was taken. */
static bool
body_line_start(struct identity_maker *m, char c)
{
	if (c == '>' && m->match == 0) {
		m->quotes++;
		return true;
	}
	if (c != identity_from[m->match]) {
		body_held(m);
		return false;
	}
	if (++m->match == FROM_LEN) {
		m->quotes = 0;
		body_held(m);
	}
	return true;
}

/* How many octets from here on are plain. */
static size_t
body_run(struct slice in)
{
	size_t i = 0;

	while (i < in.len && in.data[i] != '\n' && in.data[i] != '\r' && in.data[i] != '\0')
		i++;
	return i;
}

/* Take some of `in`, which is not empty. */
static size_t
body_take(struct identity_maker *m, struct slice in)
{
	char c = in.data[0];

	if (m->at == AT_BODY_LINE && body_line_start(m, c))
		return 1;
	if (c == '\n' || c == '\r') {
		m->at = AT_BODY_LINE;
		return 1;
	}
	if (c == '\0') {
		out_put(m, (char)0x80);
		return 1;
	}

	size_t run = body_run(in);

	out_add(m, in.data, run);
	return run;
}

/* ---- the whole ---- */

void
identity_add(struct identity_maker *m, struct slice octets)
{
	size_t i = 0;

	if (octets.len == 0)
		return;
	digest_add(m->exact, octets.data, octets.len);
	m->octets += octets.len;
	for (; i < octets.len && m->at < AT_BODY_LINE; i++)
		if (octets.data[i] != '\r')
			header_octet(m, (unsigned char)octets.data[i]);
	while (i < octets.len)
		i += body_take(m, (struct slice){ octets.data + i, octets.len - i });
}

void
identity_end(struct identity_maker *m, struct identity *ret)
{
	if (m->at < AT_BODY_LINE) { /* as if the empty line came, and then nothing */
		if (m->at != AT_LINE)
			header_line_end(m);
		header_line_end(m);
	}
	if (m->at == AT_BODY_LINE)
		body_held(m);
	out_flush(m);
	digest_end(m->head, ret->head);
	digest_end(m->whole, ret->whole);
	digest_end(m->exact, ret->exact);
	ret->octets = m->octets;
}

void
identity_head(struct identity_maker *m, struct slice header, uint8_t ret[SHA256_LEN])
{
	struct identity all;

	identity_start(m);
	identity_add(m, header);
	identity_end(m, &all);
	memcpy(ret, all.head, SHA256_LEN);
}
