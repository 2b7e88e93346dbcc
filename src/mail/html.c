/* HTML to text (see text.h). A machine that looks at each octet once and holds a name of a tag or
 * an entity, nothing more: no tree, no recursion, nothing that a document could make grow. It
 * follows what browsers do with broken HTML where that matters for the text: "<" before a blank is
 * text, an entity may lack its semicolon, style and script end at their own end tag only.
 *
 * It is no renderer. The document itself is kept beside the text as an attachment. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "mail/charset.h"
#include "mail/text.h"

struct html_entity {
	const char *name;
	uint16_t code;
};

static const struct html_entity html_entities[] = {
#define ENTITY(name, code) { name, code },
#include "mail/entities.def"
#undef ENTITY
};

/* What an element does to lines. */
enum html_kind {
	HTML_INLINE,
	HTML_BR,
	HTML_BLOCK, /* begins and ends a line */
	HTML_PARAGRAPH, /* and a blank one */
	HTML_ITEM,
	HTML_CELL,
	HTML_PRE,
	HTML_RAWTEXT /* its text is none for people */
};

static const struct {
	const char *name;
	enum html_kind kind;
} html_elements[] = {
	{ "address", HTML_BLOCK }, { "article", HTML_BLOCK }, { "blockquote", HTML_PARAGRAPH },
	{ "body", HTML_BLOCK }, { "br", HTML_BR }, { "caption", HTML_BLOCK },
	{ "center", HTML_BLOCK }, { "dd", HTML_BLOCK }, { "div", HTML_BLOCK },
	{ "dl", HTML_PARAGRAPH }, { "dt", HTML_BLOCK }, { "fieldset", HTML_BLOCK },
	{ "footer", HTML_BLOCK }, { "form", HTML_BLOCK }, { "h1", HTML_PARAGRAPH },
	{ "h2", HTML_PARAGRAPH }, { "h3", HTML_PARAGRAPH }, { "h4", HTML_PARAGRAPH },
	{ "h5", HTML_PARAGRAPH }, { "h6", HTML_PARAGRAPH }, { "header", HTML_BLOCK },
	{ "hr", HTML_BLOCK }, { "li", HTML_ITEM }, { "main", HTML_BLOCK }, { "nav", HTML_BLOCK },
	{ "ol", HTML_PARAGRAPH }, { "option", HTML_BLOCK }, { "p", HTML_PARAGRAPH },
	{ "pre", HTML_PRE }, { "script", HTML_RAWTEXT }, { "section", HTML_BLOCK },
	{ "style", HTML_RAWTEXT }, { "table", HTML_BLOCK }, { "td", HTML_CELL },
	{ "textarea", HTML_BLOCK }, { "th", HTML_CELL }, { "title", HTML_RAWTEXT },
	{ "tr", HTML_BLOCK }, { "ul", HTML_PARAGRAPH },
	{ "xml", HTML_RAWTEXT }, /* settings of an office program */
};

void
html_text_start(struct html_text *h, struct buf *out)
{
	*h = (struct html_text){ .state = HTML_TEXT, .out = out };
}

static char
html_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool
html_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool
html_letter(char c)
{
	return html_lower(c) >= 'a' && html_lower(c) <= 'z';
}

/* ---- what is written ---- */

/* Before text: the lines and the blank that are due. */
static void
html_due(struct html_text *h)
{
	if (h->any) {
		for (unsigned i = 0; i < h->lines; i++)
			buf_add(h->out, "\r\n", 2);
	}
	if (h->blank && h->any && h->lines == 0)
		buf_add_byte(h->out, ' ');
	h->lines = 0;
	h->blank = false;
	h->any = true;
}

static void
html_break(struct html_text *h, unsigned at_least)
{
	h->blank = false;
	if (h->lines < at_least)
		h->lines = at_least;
}

static void
html_line_more(struct html_text *h)
{
	h->blank = false;
	if (h->lines < HTML_LINES_MAX)
		h->lines++;
}

static void
html_put(struct html_text *h, const char *text, size_t len)
{
	html_due(h);
	buf_add(h->out, text, len);
}

/* In <pre> every blank and line end counts. */
static void
html_put_pre(struct html_text *h, char c)
{
	bool second = c == '\n' && h->cr;

	h->cr = c == '\r';
	if (second)
		return;
	if (c == '\r' || c == '\n')
		h->lines++; /* written before the next text: never more than there were */
	else
		html_put(h, " ", 1);
}

static void
html_put_blank(struct html_text *h, char c)
{
	if (h->pre > 0)
		html_put_pre(h, c);
	else
		h->blank = true;
}

/* ---- entities ---- */

static int
html_entity_compare(const void *key, const void *row)
{
	return strcmp(key, ((const struct html_entity *)row)->name);
}

static uint32_t
html_number(const char *digits)
{
	bool hex = *digits == 'x' || *digits == 'X';
	char *end;
	unsigned long value = strtoul(digits + hex, &end, hex ? 16 : 10);

	if (end == digits + hex || *end != '\0' || value > 0x10ffff)
		return 0;
	return (uint32_t)value;
}

/* 0: none. Numbers from 128 to 159 mean windows-1252 to everybody. */
static uint32_t
html_entity_code(const char *name)
{
	if (*name == '#') {
		uint32_t code = html_number(name + 1);
		struct buf one;

		if (code < 0x80 || code > 0x9f)
			return code;
		char octet = (char)code;
		uint32_t found = 0xfffd;
		buf_init(&one, 8);
		charset_once(
		    (struct slice){ "windows-1252", 12 }, (struct slice){ &octet, 1 }, &one);
		(void)utf8_next(buf_slice(&one), &found);
		buf_done(&one);
		return found;
	}
	if (strcmp(name, "apos") == 0)
		return '\'';
	const struct html_entity *row = bsearch(name, html_entities, COUNT_OF(html_entities),
	    sizeof(html_entities[0]), html_entity_compare);
	return row != NULL ? row->code : 0;
}

/* The entity that was gathered has ended. One that is none is text. */
static void
html_entity_end(struct html_text *h, bool semicolon)
{
	h->entity[h->n_entity] = '\0';
	uint32_t code = html_entity_code(h->entity);

	h->state = HTML_TEXT;
	if (code == 0) {
		html_put(h, "&", 1);
		html_put(h, h->entity, h->n_entity);
		if (semicolon)
			html_put(h, ";", 1);
	} else if (code == 0xa0) {
		html_put(h, " ", 1); /* stays where blanks are folded */
	} else if (code <= ' ') {
		html_put_blank(h, ' ');
	} else if (code == 0xad || code == 0x200b) {
		return; /* may break a line; is no text */
	} else {
		html_due(h);
		utf8_put(h->out, code);
	}
}

/* ---- tags ---- */

static enum html_kind
html_kind_of(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(html_elements); i++) {
		if (strcmp(name, html_elements[i].name) == 0)
			return html_elements[i].kind;
	}
	return HTML_INLINE;
}

static void
html_pre(struct html_text *h)
{
	html_break(h, 1);
	h->cr = false;
	if (!h->closing)
		h->pre += h->pre < 1000;
	else
		h->pre -= h->pre > 0;
}

/* The head is nothing special: its text stands in elements whose text is left out, and other text
 * in it shows that it was never closed. */
static void
html_tag_acts(struct html_text *h, enum html_kind kind)
{
	switch (kind) {
	case HTML_INLINE:
		break;
	case HTML_BR:
		html_line_more(h);
		break;
	case HTML_BLOCK:
		html_break(h, 1);
		break;
	case HTML_PARAGRAPH:
		html_break(h, 2);
		break;
	case HTML_ITEM:
		html_break(h, 1);
		if (!h->closing)
			html_put(h, "* ", 2);
		break;
	case HTML_CELL:
		h->blank = h->blank || h->lines == 0;
		break;
	case HTML_PRE:
		html_pre(h);
		break;
	case HTML_RAWTEXT:
		if (!h->closing) {
			memcpy(h->raw, h->name, sizeof(h->raw));
			h->state = HTML_RAW;
			h->n_name = 0;
			h->raw_closing = false;
		}
		break;
	}
}

static void
html_tag_end(struct html_text *h)
{
	h->name[h->n_name] = '\0';
	h->state = HTML_TEXT;
	html_tag_acts(h, html_kind_of(h->name));
}

static void
html_name_begin(struct html_text *h, char c)
{
	h->state = HTML_NAME;
	h->value = false;
	h->name[0] = html_lower(c);
	h->n_name = 1;
}

/* Behind "<" or "</". */
static void
html_open(struct html_text *h, char c)
{
	if (c == '/' && !h->closing) {
		h->closing = true;
	} else if (html_letter(c)) {
		html_name_begin(h, c);
	} else if (c == '!' || c == '?') {
		h->state = HTML_DECLARATION;
		h->n_name = 0;
	} else if (h->closing) {
		h->state = c == '>' ? HTML_TEXT : HTML_DECLARATION;
		h->n_name = 3; /* no comment */
	} else {
		h->state = HTML_TEXT;
		html_put(h, "<", 1);
		html_text_step(h, (struct slice){ &c, 1 });
	}
}

static void
html_tag(struct html_text *h, char c)
{
	if (c == '>') {
		html_tag_end(h);
	} else if ((c == '"' || c == '\'') && h->value) {
		h->state = HTML_QUOTE;
		h->quote = c;
	} else if (!html_blank(c)) {
		h->value = c == '=';
	}
}

static void
html_name(struct html_text *h, char c)
{
	if (html_blank(c) || c == '/' || c == '>') {
		h->state = HTML_TAG;
		html_tag(h, c);
	} else if (h->n_name < HTML_NAME_MAX) {
		h->name[h->n_name++] = html_lower(c);
	} else {
		h->name[0] = '?'; /* too long: none that is known */
	}
}

static void
html_declaration(struct html_text *h, char c)
{
	if (h->n_name < 2 && c == '-') {
		if (++h->n_name == 2) {
			h->state = HTML_COMMENT;
			h->dashes = 2; /* "<!-->" is whole */
		}
		return;
	}
	h->n_name = 3;
	if (c == '>')
		h->state = HTML_TEXT;
}

static void
html_comment(struct html_text *h, char c)
{
	if (c == '>' && h->dashes >= 2)
		h->state = HTML_TEXT;
	h->dashes = c == '-' ? h->dashes + (h->dashes < 2) : 0;
}

/* Up to "</style": then the rest of the tag is passed over. */
static void
html_raw(struct html_text *h, char c)
{
	if (c == '<') {
		h->n_name = 0;
		h->raw_closing = true;
	} else if (h->raw_closing && h->n_name == 0 && c == '/') {
		h->n_name = 1;
	} else if (h->raw_closing && h->n_name > 0 && h->raw[h->n_name - 1] != '\0' &&
		   html_lower(c) == h->raw[h->n_name - 1]) {
		h->n_name++;
	} else if (h->raw_closing && h->n_name > 0 && h->raw[h->n_name - 1] == '\0' &&
		   (html_blank(c) || c == '/' || c == '>')) {
		h->name[0] = '?';
		h->n_name = 1;
		h->closing = true;
		h->value = false;
		h->state = HTML_TAG;
		html_tag(h, c);
	} else {
		h->raw_closing = false;
	}
}

static void
html_entity(struct html_text *h, char c)
{
	bool number = h->n_entity > 0 && h->entity[0] == '#';
	bool goes_on = html_letter(c) || (c >= '0' && c <= '9') || (c == '#' && h->n_entity == 0);

	if (c == ';') {
		html_entity_end(h, true);
	} else if (goes_on && h->n_entity < HTML_ENTITY_MAX &&
		   !(number && h->n_entity > 1 && html_letter(c) &&
		       html_lower(h->entity[1]) != 'x')) {
		h->entity[h->n_entity++] = c;
	} else {
		html_entity_end(h, false);
		html_text_step(h, (struct slice){ &c, 1 });
	}
}

/* A run of text without anything that means something. */
static size_t
html_plain_run(struct slice s)
{
	size_t at = 0;

	while (at < s.len && s.data[at] != '<' && s.data[at] != '&' && !html_blank(s.data[at]))
		at++;
	return at;
}

/* Returns the octets taken. */
static size_t
html_text(struct html_text *h, struct slice s)
{
	size_t run = html_plain_run(s);

	if (run > 0) {
		html_put(h, s.data, run);
		h->cr = false;
		return run;
	}
	if (*s.data == '<') {
		h->state = HTML_OPEN;
		h->closing = false;
	} else if (*s.data == '&') {
		h->state = HTML_ENTITY;
		h->n_entity = 0;
	} else {
		html_put_blank(h, *s.data);
	}
	return 1;
}

/* States in which only a few octets matter: go to the next of them. */
static size_t
html_pass(const struct html_text *h, struct slice s)
{
	char stop = h->state == HTML_QUOTE ? h->quote : h->state == HTML_RAW ? '<' : '-';
	bool may = h->state == HTML_QUOTE || (h->state == HTML_RAW && !h->raw_closing) ||
		   (h->state == HTML_COMMENT && h->dashes == 0);
	const char *at = may ? memchr(s.data, stop, s.len) : s.data;

	return at != NULL ? (size_t)(at - s.data) : s.len;
}

static void
html_octet(struct html_text *h, char c)
{
	switch (h->state) {
	case HTML_TEXT:
		break;
	case HTML_OPEN:
		html_open(h, c);
		break;
	case HTML_NAME:
		html_name(h, c);
		break;
	case HTML_TAG:
		html_tag(h, c);
		break;
	case HTML_QUOTE:
		h->state = c == h->quote ? HTML_TAG : HTML_QUOTE;
		h->value = h->state == HTML_QUOTE;
		break;
	case HTML_DECLARATION:
		html_declaration(h, c);
		break;
	case HTML_COMMENT:
		html_comment(h, c);
		break;
	case HTML_RAW:
		html_raw(h, c);
		break;
	case HTML_ENTITY:
		html_entity(h, c);
		break;
	}
}

void
html_text_step(struct html_text *h, struct slice piece)
{
	while (piece.len > 0) {
		size_t used = h->state == HTML_TEXT ? html_text(h, piece) : html_pass(h, piece);

		if (h->state != HTML_TEXT && used == 0) {
			html_octet(h, *piece.data);
			used = 1;
		}
		piece.data += used;
		piece.len -= used;
	}
}

void
html_text_end(struct html_text *h)
{
	if (h->state == HTML_ENTITY)
		html_entity_end(h, false);
	else if (h->state == HTML_OPEN)
		html_put(h, h->closing ? "</" : "<", h->closing ? 2 : 1);
	if (h->any)
		buf_add(h->out, "\r\n", 2);
}

bool
html_charset(struct slice start, struct slice *ret)
{
	static const char key[] = "charset";

	for (size_t i = 0; i + sizeof(key) < start.len; i++) {
		struct slice at = { start.data + i, start.len - i };
		size_t from = sizeof(key) - 1, len;

		if (!slice_starts_nocase(at, key))
			continue;
		while (from < at.len && (html_blank(at.data[from]) || at.data[from] == '=' ||
					    at.data[from] == '"' || at.data[from] == '\''))
			from++;
		for (len = 0; from + len < at.len; len++) {
			char c = at.data[from + len];
			if (!html_letter(c) && (c < '0' || c > '9') && c != '-' && c != '_')
				break;
		}
		*ret = (struct slice){ at.data + from, len };
		return len > 0;
	}
	return false;
}
