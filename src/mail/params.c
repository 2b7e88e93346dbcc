/* Parameters of a field (see field.h). The field is cut at its semicolons once; what is asked for
 * is then found and decoded alone. Written for what mailers do: unquoted names with blanks, raw
 * octets, encoded words in quotes, paths of DOS in which a backslash escapes nothing. */
#include <string.h>

#include "base/mem.h"
#include "mail/charset.h"
#include "mail/field.h"

enum { SECTION_MAX = 999 };

/* Octets up to the semicolon outside quotes. A quote that nobody closes ends with the parameter,
 * and from there on quotes are no longer looked at, so that no octet is read over and over. */
static size_t
param_len(struct slice s, bool *io_open)
{
	bool quoted = false;
	size_t at = 0;

	for (; at < s.len && (quoted || s.data[at] != ';'); at++) {
		if (s.data[at] == '"' && !*io_open)
			quoted = !quoted;
		else if (quoted && s.data[at] == '\\' && at + 1 < s.len)
			at++;
	}
	if (!quoted)
		return at;
	*io_open = true;
	const char *semicolon = memchr(s.data, ';', s.len);
	return semicolon != NULL ? (size_t)(semicolon - s.data) : s.len;
}

/* "name*3*": the stars and the number are taken off. False: it is no name. */
static bool
param_name(struct slice *io, int *ret_section, bool *ret_extended)
{
	*io = field_trim(*io);
	*ret_section = -1;
	*ret_extended = io->len > 1 && io->data[io->len - 1] == '*';
	if (*ret_extended)
		io->len--;
	const char *star = io->len > 0 ? memchr(io->data, '*', io->len) : NULL;
	if (star != NULL) {
		struct slice digits = { star + 1, (size_t)(io->data + io->len - star - 1) };
		uint64_t section;

		if (!slice_u64(digits, SECTION_MAX, &section))
			return false;
		*ret_section = (int)section;
		io->len = (size_t)(star - io->data);
	}
	return io->len > 0;
}

static void
params_add(struct params *p, struct slice one)
{
	const char *equals = memchr(one.data, '=', one.len);
	int section;
	bool extended;

	if (equals == NULL || p->len == PARAMS_MAX)
		return;
	struct slice name = { one.data, (size_t)(equals - one.data) };
	struct slice value = { equals + 1, one.len - name.len - 1 };
	if (!param_name(&name, &section, &extended))
		return;
	p->one[p->len].name = name;
	p->one[p->len].value = field_trim(value);
	p->one[p->len].section = section;
	p->one[p->len++].extended = extended;
}

void
params_read(struct slice value, struct params *ret)
{
	if (value.len > PARAMS_OCTETS_MAX)
		value.len = PARAMS_OCTETS_MAX;
	bool open = false;
	ret->len = 0;
	for (bool first = true; first || value.len > 0; first = false) {
		size_t len = value.len > 0 ? param_len(value, &open) : 0;
		struct slice one = { value.data, len };

		if (first)
			ret->value = field_trim(one);
		else
			params_add(ret, one);
		if (len < value.len)
			len++;
		value.data += len;
		value.len -= len;
	}
}

/* Without quotes and folds. Inside quotes a backslash escapes a quote or a backslash; before
 * anything else it is one itself ("C:\temp\x.doc" is what people meant). */
static void
param_unquote(struct slice v, struct buf *out)
{
	bool quoted = v.len > 0 && *v.data == '"';

	for (size_t i = quoted; i < v.len; i++) {
		char c = v.data[i];

		if (quoted && c == '"')
			break;
		if (quoted && c == '\\' && i + 1 < v.len &&
		    (v.data[i + 1] == '"' || v.data[i + 1] == '\\'))
			c = v.data[++i];
		if (c != '\r' && c != '\n')
			buf_add_byte(out, c);
	}
}

static void
param_unpercent(struct slice v, struct buf *out)
{
	for (size_t i = 0; i < v.len; i++) {
		char c = v.data[i];

		if (c == '%' && i + 2 < v.len && hex_value(v.data[i + 1]) >= 0 &&
		    hex_value(v.data[i + 2]) >= 0) {
			c = (char)(hex_value(v.data[i + 1]) << 4 | hex_value(v.data[i + 2]));
			i += 2;
		}
		buf_add_byte(out, c);
	}
}

/* The index of the parameter with the least section from `section` on; -1: none. Sections that are
 * missing are passed over: a name with a hole is better than half a name. */
static int
params_find(const struct params *p, const char *name, int section)
{
	int found = -1;

	for (size_t i = 0; i < p->len; i++) {
		bool plain = p->one[i].section < 0 && !p->one[i].extended;
		bool fits = section < 0 ? plain : p->one[i].section >= section;

		if (fits && slice_eq_nocase(p->one[i].name, name) &&
		    (found < 0 || p->one[i].section < p->one[found].section))
			found = (int)i;
	}
	return found;
}

/* Take "charset'language'" off an extended value. */
static struct slice
param_charset(struct slice *io)
{
	const char *first = memchr(io->data, '\'', io->len);
	const char *end = io->data + io->len;
	const char *second =
	    first != NULL ? memchr(first + 1, '\'', (size_t)(end - first - 1)) : NULL;

	if (second == NULL)
		return (struct slice){ "", 0 };
	struct slice charset = { io->data, (size_t)(first - io->data) };
	*io = (struct slice){ second + 1, (size_t)(end - second - 1) };
	return charset;
}

/* A value of RFC 2231, in one piece or many, as octets; *ret_charset borrowed from `plain`. */
static bool
params_extended(
    const struct params *p, const char *name, struct buf *octets, struct buf *ret_charset)
{
	int at = params_find(p, name, 0);

	if (at < 0) { /* "name*=": the one that is whole and extended */
		for (size_t i = 0; i < p->len && at < 0; i++) {
			if (p->one[i].extended && slice_eq_nocase(p->one[i].name, name))
				at = (int)i;
		}
	}
	for (bool first = true; at >= 0; first = false) {
		struct buf plain;

		buf_init(&plain, PARAM_VALUE_MAX);
		param_unquote(p->one[at].value, &plain);
		struct slice v = buf_slice(&plain);
		if (first && p->one[at].extended) {
			struct slice charset = param_charset(&v);
			buf_add(ret_charset, charset.data, charset.len);
		}
		if (p->one[at].extended)
			param_unpercent(v, octets);
		else
			buf_add(octets, v.data, v.len);
		buf_done(&plain);
		int section = p->one[at].section;
		at = section < 0 ? -1 : params_find(p, name, section + 1);
	}
	return octets->len > 0;
}

/* No name needs a NUL, and a string would end at it. */
static void
param_drop_nul(struct buf *b, size_t from)
{
	size_t to = from;

	for (size_t i = from; i < b->len; i++) {
		if (b->data[i] != '\0')
			b->data[to++] = b->data[i];
	}
	if (to < b->len)
		b->data[to] = '\0';
	b->len = to;
}

bool
params_text(const struct params *p, const char *name, struct buf *out)
{
	struct buf octets, charset;
	size_t from = out->len;

	buf_init(&octets, PARAM_VALUE_MAX);
	buf_init(&charset, PARAM_VALUE_MAX);
	if (params_extended(p, name, &octets, &charset) && charset.len > 0) {
		charset_once(buf_slice(&charset), buf_slice(&octets), out);
		param_drop_nul(out, from);
	} else {
		int at = octets.len > 0 ? -1 : params_find(p, name, -1);

		if (at >= 0)
			param_unquote(p->one[at].value, &octets);
		field_text(buf_slice(&octets), out);
	}
	buf_done(&charset);
	buf_done(&octets);
	return out->len > from;
}

bool
params_octets(const struct params *p, const char *name, size_t max, struct buf *out)
{
	size_t from = out->len;
	struct buf charset;
	int at = params_find(p, name, -1);

	if (at < 0) {
		buf_init(&charset, PARAM_VALUE_MAX);
		(void)params_extended(p, name, out, &charset);
		buf_done(&charset);
	} else {
		struct slice v = p->one[at].value;

		for (size_t i = 0; i < v.len && *v.data != '"'; i++) {
			if (v.data[i] == ' ' || v.data[i] == '\t' || v.data[i] == '(')
				v.len = i; /* what follows a token is a comment */
		}
		param_unquote(v, out);
	}
	return out->len > from && out->len - from <= max;
}
