/* What a sidecar tells, for shelves of formats whose sidecar tells everything but the octets. */
#ifndef STORE_SHELF_SHELF_TOLD_H
#define STORE_SHELF_SHELF_TOLD_H

#include "store/shelf/shelf_base.h"

/* The folder of the directory at hand, which has a sidecar; without a folder line in it, it is
 * named after the directory, the place itself INBOX. */
int
shelf_told_folder(struct shelf_base *b, const struct shelf_step *at, struct err *err) WARN_UNUSED;
/* Number of the first entry with a UID above `uid`. */
size_t shelf_told_above(const struct sidecar_entry *e, size_t n, uint32_t uid);
/* The entry of that UID when it is not removed; NULL: none. */
const struct sidecar_entry *shelf_told_entry(const struct sidecar_entry *e, size_t n, uint32_t uid);
size_t shelf_told_count(const struct sidecar_entry *e, size_t n); /* not removed */
/* Messages above `after` appended to the page; true: all of them, there is room for others. */
bool shelf_told_list(struct shelf_base *b, struct sidecar_index *x, const struct sidecar_entry *e,
    size_t n, uint32_t after, struct msg_page *page);
/* Is there room for another message? */
bool shelf_page_room(const struct msg_page *p);
/* *ret becomes a failed one with that reason (ret->absent stays); the text is in `a`. */
void
shelf_body_failed(struct shelf_body *ret, struct arena *a, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Verdict, digest and rebuilt of a line; valid as long as it. */
void shelf_body_told(struct shelf_body *ret, const struct sidecar_line *l);

#endif
