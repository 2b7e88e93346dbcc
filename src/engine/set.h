/* The numbers of an Exchange set (rules.md 3.8): which files an account writes in this run, when the
 * set was begun, and what the packing list of a run names. All of it is kept in a note of the state
 * before the first file is made, so that a run that was killed goes on with the same names and the
 * same octets. */
#ifndef ENGINE_SET_H
#define ENGINE_SET_H

#include "engine/job.h"
#include "store/sink.h"

/* Of a state that is a backup: has the account's set not gone on since? A set ends as it was begun, so that one
 * which has cannot be gone on with: ERR_CONFIG. Once that is known it is not asked again. Before set_number. */
int set_not_ahead(const struct job *job, const char *account_dir, const struct sink_place *place,
    struct err *err) WARN_UNUSED;
/* Number and time for an account's files: those of the run that has not ended yet, else new ones. */
int set_number(const struct job *job, const char *account_dir, struct exchange_place *io,
    struct err *err) WARN_UNUSED;
/* The run has gone to its end: write DIRECTORY.PRI, Imapusr.csv and, last, the packing list of all
 * accounts that wrote files; a later run takes new numbers. Nothing was written: nothing. */
int set_close(const struct job *job, struct err *err) WARN_UNUSED;

#endif
