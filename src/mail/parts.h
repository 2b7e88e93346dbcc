/* A message taken apart for people: who, what, when, the text, and every other part as an
 * attachment with its octets decoded (RFC 2045 to 2049, 2231, 2183; GMime does the work). Nothing
 * that a message holds is an error; errors are those of reading the spool and of memory limits.
 *
 * The text is the first text/plain part that is not an attachment (of a multipart/alternative the
 * plain one); where there is none, the text of the first text/html. Everything else is an
 * attachment, the HTML form of the text too ("body.html"). A message/rfc822 part is one attachment
 * with its own octets ("Subject.eml"). multipart/signed and multipart/encrypted are carried whole:
 * one attachment with the octets of the entity, header included; of a signed one the text is shown
 * as well. A part whose transfer encoding is broken is decoded as far as it goes and marked. */
#ifndef MAIL_PARTS_H
#define MAIL_PARTS_H

#include "base/arena.h"
#include "base/spool.h"
#include "mail/date.h"

enum { PARTS_MAX = 4096, PARTS_DEPTH_MAX = 64 };

struct mail_address {
	const char *name;	/* UTF-8, one line, "" none */
	const char *address;	/* addr-spec, "" for what is none (the name has the text then) */
};

struct mail_part {
	const char *name;	/* UTF-8 without directories and control characters; never "" */
	bool name_made;		/* the part had none */
	bool is_html_of_text;
	bool whole;		/* signed or encrypted, carried whole */
	bool damaged;		/* its encoding is broken */
	const char *content_type;	/* "image/png", lower case */
	const char *content_id;	/* without <>; "" none */
};

enum text_from { TEXT_NONE, TEXT_PLAIN, TEXT_HTML };

struct mail_parts {
	struct arena arena;	/* holds everything below */
	struct mail_address *from, *to, *cc, *bcc;	/* groups are flattened; Sender if no From */
	size_t n_from, n_to, n_cc, n_bcc;
	const char *subject;	/* UTF-8, one line */
	const char *message_id;
	struct date sent;	/* Date; !known: absent or no date */
	int priority;		/* -1 low, 0, 1 high: Importance, else Priority, X-Priority,
				 * X-MSMail-Priority (exchange-migration 4.4) */
	bool priority_known;
	const char *const *others;	/* names of header fields that are told by none of the
					 * above and do not describe MIME, each once, as written */
	size_t n_others;
	enum text_from text_from;
	struct mail_part *part;
	size_t n_parts;
	void *gmime;		/* the parsed message */
};

/* `message` is the wire form and must stay as it is until parts_close. ERR_MESSAGE over a limit. */
int parts_open(struct mail_parts *ret, struct spool *message, struct err *err) WARN_UNUSED;
void parts_close(struct mail_parts *p);	/* zeroed: nothing */
/* The text in UTF-8 with CRLF line ends, appended to `out` piece by piece; bad octets are U+FFFD. */
int parts_text(struct mail_parts *p, struct spool *out, struct err *err) WARN_UNUSED;
/* The octets of part i, decoded. */
int parts_octets(struct mail_parts *p, size_t i, struct spool *out, struct err *err) WARN_UNUSED;

#endif
