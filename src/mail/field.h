/* Header fields as they stand in a message (RFC 5322 2.2), found by a walk that takes any octets
 * and never looks twice at one; and what is in them: text with encoded words (RFC 2047), dates,
 * parameters (RFC 2045 5.1, 2231). Functions over slices; no lock on the way of common values. */
#ifndef MAIL_FIELD_H
#define MAIL_FIELD_H

#include "base/buf.h"
#include "mail/date.h"

struct field {
	struct slice name, value; /* value: with its folds, without the last line end */
};

/* The next field off *rest; lines that are none are passed over, but one that stands between fields
 * is taken for the rest of the one before it, broken without a blank. False at the blank line or
 * the end. */
bool field_next(struct slice *rest, struct field *ret);
/* Octets of the header at the start of `data`, the blank line included: it ends there, or before
 * the first line that can be no part of it (the blank line is missing, the body begins). An mbox line
 * ("From x", ">From x") does not end it. False: `data` ends before the header does. */
bool field_header_len(struct slice data, size_t *ret);

/* One line of UTF-8 for people, added to `out`: unfolded, encoded words decoded, raw octets taken
 * for UTF-8 or windows-1252, control characters made blanks, blanks at both ends taken off. */
void field_text(struct slice value, struct buf *out);
/* Is there nothing to decode: printable ASCII in one line and no encoded word? */
bool field_is_plain(struct slice value);
int hex_value(char digit); /* -1: none */
struct slice field_trim(struct slice s); /* blanks and line ends at both ends */
/* A Date field in any form that people have sent; what GMime alone understands goes there. */
bool field_date(struct slice value, struct date *ret);

enum { PARAMS_MAX = 64, PARAM_VALUE_MAX = 4096, PARAMS_OCTETS_MAX = 64 * 1024 };

/* "value; name=x; name*0*=y": what is found, as it stands. Borrowed from the field. */
struct params {
	struct slice value; /* before the first semicolon, trimmed */
	size_t len;
	struct {
		struct slice name; /* without the stars */
		struct slice value; /* quotes included */
		int section; /* of a value in pieces, -1: whole */
		bool extended; /* percent-encoded, with its charset */
	} one[PARAMS_MAX];
};

/* Beyond PARAMS_OCTETS_MAX octets or PARAMS_MAX parameters nothing is looked at. */
void params_read(struct slice value, struct params *ret);
/* Added to `out` as UTF-8: the form of RFC 2231 before the plain one, encoded words in quotes too
 * (they are forbidden and common). False: there is none, or it is empty. */
bool params_text(const struct params *p, const char *name, struct buf *out);
/* A token or quoted string as octets: charset, boundary. False: none, empty, over `max`. */
bool params_octets(const struct params *p, const char *name, size_t max, struct buf *out);

#endif
