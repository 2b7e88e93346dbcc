/* Content-Transfer-Encoding (RFC 2045 6, uuencode of old): decoding piece by piece. Broken input is
 * decoded as far as it goes and said to be damaged. */
#ifndef MAIL_TRANSFER_H
#define MAIL_TRANSFER_H

#include "base/buf.h"

enum transfer_kind {
	TRANSFER_NONE, /* 7bit, 8bit, binary: octets as they are */
	TRANSFER_BASE64,
	TRANSFER_QP,
	TRANSFER_UU,
	TRANSFER_UNKNOWN /* octets as they are, damaged */
};

enum { TRANSFER_HELD = 128, TRANSFER_UU_GROWS = 32 };

struct transfer {
	enum transfer_kind kind;
	bool damaged;
	uint32_t bits; /* base64: of the last, unfinished four */
	unsigned n; /* base64: digits in `bits`, padding counted */
	unsigned pads;
	bool begun, ended; /* uuencode */
	char held[TRANSFER_HELD]; /* what needs the next piece to be understood */
	size_t n_held;
};

/* Of a header value: "Base64 ", "quoted-printable;"; "" is 7bit. */
enum transfer_kind transfer_find(struct slice value);
void transfer_start(struct transfer *t, enum transfer_kind kind);
/* Added to `out`: at most in.len + TRANSFER_HELD octets, of uuencode TRANSFER_UU_GROWS times as
 * many (a line may have lost its blanks). */
void transfer_step(struct transfer *t, struct slice in, struct buf *out);
/* The rest; then t->damaged is final. */
void transfer_end(struct transfer *t, struct buf *out);

#endif
