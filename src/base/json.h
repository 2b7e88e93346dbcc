/* Writes JSON into a struct buf, in order, without a tree: reports and sidecars have a line per
 * message. Reading JSON is Jansson's. Commas are put by itself. Text that is not UTF-8 is written
 * with U+FFFD for each bad octet; json_put_octets gives the octets too. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

void json_open(struct buf *b, const char *key); /* key NULL: in an array or at the top */
void json_close(struct buf *b);
void json_open_array(struct buf *b, const char *key);
void json_close_array(struct buf *b);
void json_put_text(struct buf *b, const char *key, struct slice text);
void json_put_str(struct buf *b, const char *key, const char *text); /* NULL: null */
void json_put_int(struct buf *b, const char *key, int64_t value);
void json_put_bool(struct buf *b, const char *key, bool value);
void json_put_null(struct buf *b, const char *key);
/* `key` as text and, only when the octets are not UTF-8, `key_b64` (standard base64). */
void json_put_octets(struct buf *b, const char *key, struct slice octets);
void json_put_b64(struct buf *b, const char *key, struct slice octets); /* `key` as standard base64 alone */
bool utf8_valid(struct slice text);
/* Octets of the first character, 0 when it is none or text is empty (RFC 3629: no overlong, no
 * surrogate). */
size_t utf8_next(struct slice text, uint32_t *ret);
void base64_add(struct buf *b, struct slice octets);

#endif
