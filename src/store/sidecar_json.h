/* Whole lines of a sidecar, parsed. Everything in them may be wrong: what cannot be used is left
 * out or makes the line damaged (false). */
#ifndef STORE_SIDECAR_JSON_H
#define STORE_SIDECAR_JSON_H

#include "store/sidecar_read.h"

bool sidecar_json_folder(struct slice line, struct arena *a, struct sidecar_folder *ret);
/* Flags, keywords and labels alone, of a line that amends another; *io has what that one tells. */
bool sidecar_json_flags(struct slice line, struct arena *a, struct flags *io);
bool sidecar_json_line(struct slice line, struct arena *a, struct sidecar_line *ret);

#endif
