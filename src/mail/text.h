/* Text on its way to people: line ends made CRLF, or HTML made text. Input and output are UTF-8,
 * piece by piece. */
#ifndef MAIL_TEXT_H
#define MAIL_TEXT_H

#include "base/buf.h"

/* CR, LF and CRLF become CRLF. */
struct text_lines {
	bool cr; /* the last piece ended in CR, already written as CRLF */
};

/* Added to `out`: at most twice the octets of `piece`. */
void text_lines_add(struct text_lines *t, struct slice piece, struct buf *out);

enum { HTML_NAME_MAX = 16, HTML_ENTITY_MAX = 12, HTML_LINES_MAX = 3 };

/* Tags out, entities decoded, blanks folded, lines broken where the elements do, what is not text
 * (style, script, title, comments) left out. What comes out is bounded by what goes in. */
struct html_text {
	enum {
		HTML_TEXT,
		HTML_OPEN, /* "<" was seen */
		HTML_NAME,
		HTML_TAG, /* behind the name */
		HTML_QUOTE, /* in an attribute's value */
		HTML_DECLARATION, /* <!x, <?x */
		HTML_COMMENT,
		HTML_RAW, /* inside style, script, title: up to its end tag */
		HTML_ENTITY
	} state;
	char quote; /* that ends HTML_QUOTE */
	bool value; /* HTML_TAG: "=" was seen, a quote may follow */
	bool closing; /* the tag is an end tag */
	bool raw_closing;
	unsigned pre; /* depth of <pre> */
	char name[HTML_NAME_MAX + 1], raw[HTML_NAME_MAX + 1];
	char entity[HTML_ENTITY_MAX + 1];
	size_t n_name, n_entity;
	unsigned dashes; /* at the end of a comment */
	unsigned lines; /* line breaks to be written before the next text */
	bool blank, any; /* a blank to be written; there was text */
	bool cr; /* in <pre>: the last octet was CR */
	struct buf *out;
};

void html_text_start(struct html_text *h, struct buf *out);
/* Added to `out`; 8 octets for each one of `piece`, and 64, are enough. */
void html_text_step(struct html_text *h, struct slice piece);
void html_text_end(struct html_text *h);
/* The charset that the first octets of an HTML text name, for one whose header names none. */
bool html_charset(struct slice start, struct slice *ret);

#endif
