/* The message behind a data line: the source that --full-source attached, or one that is rebuilt from
 * the fields, the text and the attachments (rules.md 3.8). */
#ifndef STORE_EXCHANGE_MESSAGE_H
#define STORE_EXCHANGE_MESSAGE_H

#include "base/spool.h"
#include "store/exchange/reader.h"

struct exmessage;

/* dir: where large parts are spooled. */
struct exmessage *exmessage_new(int dir);
void exmessage_free(struct exmessage **x);

enum exmessage_kind {
	EXMESSAGE_ERR = -1,	/* the spool cannot be written */
	EXMESSAGE_SOURCE,	/* the octets that were once received */
	EXMESSAGE_REBUILT,	/* put together from what the set keeps */
	EXMESSAGE_PARTLY,	/* likewise, and *ret_fault says what is missing */
	EXMESSAGE_LOST		/* *ret_fault says why nothing can be had */
};

/* `has_source`: a sidecar tells that the source is attached; else it is believed of an attachment of
 * that name whose sender and date are the line's. */
enum exmessage_kind exmessage_read(struct exmessage *x, struct exread *r, const struct exitem *item,
    bool has_source, struct spool *out, struct exfault *ret_fault, struct err *err) WARN_UNUSED;

#endif
