/* A set of UIDs in about two octets each, however they are spread: a folder of a million messages
 * must fit into the memory of a few pages (rules.md 4.8), and ranges do not help when every other
 * UID is missing. */
#ifndef STORE_UIDMAP_H
#define STORE_UIDMAP_H

#include <stdbool.h>
#include <stdint.h>

struct uidmap;

struct uidmap *uidmap_new(void);
void uidmap_free(struct uidmap **m);
bool uidmap_add(struct uidmap *m, uint32_t uid);	/* false: it was there */
bool uidmap_has(const struct uidmap *m, uint32_t uid);

#endif
