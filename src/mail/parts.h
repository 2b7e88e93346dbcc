/* A message taken apart for people: who, what, when, the text, and every other part as an
 * attachment with its octets decoded (RFC 5322, 2045 to 2049, 2231, 2183). Nothing that a message
 * holds is an error; errors are those of reading and writing spools and of memory limits.
 *
 * The text is the first text part, plain or HTML, that is not an attachment; of the forms in one
 * multipart/alternative the plain one, unless it is empty and the HTML is not. Text of HTML is made
 * by mail/text.h. Everything else is an attachment, the HTML form of the text too ("body.html").
 *
 *  - A message/rfc822 part is one attachment with its own octets ("Subject.eml").
 *  - multipart/signed and multipart/encrypted are carried whole: one attachment with the octets of
 *    the entity, header included ("signed.eml", "encrypted.eml"); of a signed one the text is shown
 *    as well, its other parts are in it.
 *  - A part whose transfer encoding is broken is decoded as far as it goes and marked; one whose
 *    encoding is not known, or uuencode without a beginning, is carried as it is and marked.
 *  - A multipart without a part in it (no boundary, or one that never comes) is text.
 *  - Beyond PARTS_MAX parts the rest of the message is one attachment as it stands; so is a
 *    multipart below PARTS_DEPTH_MAX others, a part whose header is larger than PARTS_HEADER_MAX,
 *    and the whole message if that is true of its own header. They are `whole` and `damaged`.
 *
 * What stands before the first and behind the last boundary of a multipart is no part
 * (RFC 2046 5.1.1) and not told. */
#ifndef MAIL_PARTS_H
#define MAIL_PARTS_H

#include "base/arena.h"
#include "base/spool.h"
#include "mail/address.h"
#include "mail/date.h"

enum {
	PARTS_MAX = 4096,
	PARTS_DEPTH_MAX = 64,
	PARTS_HEADER_MAX = 4 * 1024 * 1024,
	PARTS_OTHERS_MAX = 256, /* names in `others`; more are not told */
	PARTS_NAME_MAX = 200, /* octets of a part's name; longer ones keep their extension */
	PARTS_ARENA_MAX = 64 * 1024 * 1024
};

struct part_node;
struct mail_part {
	const char *name; /* UTF-8 without directories and control characters; never "" */
	bool name_made; /* it is a file and had none: "attachment-3.png" */
	bool is_html_of_text;
	bool whole; /* carried with its own header, as it stands in the message */
	bool damaged; /* its encoding is broken; known after parts_octets */
	const char *content_type; /* "image/png", lower case, never "" */
	const char *content_id; /* without <>; "" none */
	struct part_node *node; /* where it stands */
};

enum text_from { TEXT_NONE, TEXT_PLAIN, TEXT_HTML };

struct mail_parts {
	struct arena arena; /* holds everything below */
	struct mail_address *from, *to, *cc, *bcc; /* groups are flattened; Sender if no From */
	size_t n_from, n_to, n_cc, n_bcc;
	const char *subject; /* UTF-8, one line */
	const char *message_id; /* as written, with its <> */
	struct date sent; /* Date; !known: absent or no date */
	int priority; /* -1 low, 0, 1 high: Importance, else Priority, X-Priority,
		       * X-MSMail-Priority (exchange-migration 4.4) */
	bool priority_known;
	const char *const *others; /* names of header fields that are told by none of the
				    * above and do not describe MIME, each once, as written */
	size_t n_others;
	enum text_from text_from;
	bool text_damaged; /* as mail_part.damaged; known after parts_text */
	struct mail_part *part;
	size_t n_parts;
	struct part_node *text_node; /* NULL: TEXT_NONE */
	struct spool *message;
};

/* `message` is the wire form (LF alone ends lines too). It must stay as it is until parts_close and
 * be read by nobody else meanwhile. ERR_MESSAGE over PARTS_ARENA_MAX; then *ret is closed. */
int parts_open(struct mail_parts *ret, struct spool *message, struct err *err) WARN_UNUSED;
void parts_close(struct mail_parts *p); /* zeroed: nothing */
/* The text in UTF-8 with CRLF line ends, appended to `out` piece by piece; bad octets are U+FFFD. */
int parts_text(struct mail_parts *p, struct spool *out, struct err *err) WARN_UNUSED;
/* The octets of part i, decoded, appended to `out`. */
int parts_octets(struct mail_parts *p, size_t i, struct spool *out, struct err *err) WARN_UNUSED;

#endif
