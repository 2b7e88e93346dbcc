/* Insides of job_map, shared by its files: map.c (where each folder goes), map_extra.c (what is extra
 * there). */
#ifndef ENGINE_MAP_H
#define ENGINE_MAP_H

#include "engine/job.h"
#include "imap/session.h"

/* io->extra and extra_known, from the folder `from` of the source and `to` of the destination, both
 * wire names. A folder that cannot be read is not known; -1: a session ended. */
int map_extra(struct sess *source, struct sess *dest, struct slice from, struct slice to,
    struct map_row *io, struct err *err) WARN_UNUSED;

#endif
