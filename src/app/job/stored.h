/* The options of each account, kept in the state without secrets, so that `retry DIR` needs no SOURCE
 * and `verify DIR SOURCE` knows the selection. A note for each, "options/account/login@host:port" or
 * "options/files/PATH": one for all would be written again for each account. JSON:
 * {"source":"imaps://...","options":{"folder":["A"],"timeout":"60000ms"}}
 * Jobs of imex 0.2 and before have one note "options", {"accounts":[...]} of these: it is read, and
 * becomes one for each when options are next written. */
#ifndef APP_JOB_STORED_H
#define APP_JOB_STORED_H

#include "app/job/origin.h"

struct stored;

/* What the state has, in the order of login and server; no note gives an empty one. ERR_STATE: it
 * cannot be read. */
int stored_read(struct stored **ret, struct state *t, struct err *err) WARN_UNUSED;
void stored_free(struct stored **s);
size_t stored_len(const struct stored *s);
const char *stored_source(const struct stored *s, size_t i);	/* borrowed */
/* The options of that source to level FROM_JOB, read from the state; a source it does not know changes
 * nothing. */
int stored_apply(struct state *t, const struct imap_url *url, struct options *o,
    struct err *err) WARN_UNUSED;
/* Those of entry i. */
int stored_apply_at(const struct stored *s, size_t i, struct options *o, struct err *err)
    WARN_UNUSED;
/* Those of entry i that are the same for all accounts of the job, but for lists: what each account
 * applies again would be in them twice. */
int stored_apply_job(const struct stored *s, size_t i, struct options *o, struct err *err)
    WARN_UNUSED;
/* Does it have the options of that source? */
bool stored_has(const struct stored *s, const struct imap_url *url);
/* The note of one source, texts in `a`, for who keeps many in one commit before their accounts begin.
 * Commands that print passwords are left out, as nobody knows yet what they print: they come when the
 * account begins. */
int stored_note(const struct imap_url *url, const char *source, const struct options *o,
    struct arena *a, struct job_note *ret, struct err *err) WARN_UNUSED;
/* Put or replace the account's options. A command that spells a password out, or `dest` (of the
 * destination; NULL), is left out. */
int stored_write(struct state *t, const struct origin *g, const char *source,
    const struct options *o, const struct secret *dest, struct err *err) WARN_UNUSED;
/* The same for a source that is files: its absolute path stands for the URL. */
int stored_write_files(struct state *t, const char *path, const struct options *o,
    const struct secret *dest, struct err *err) WARN_UNUSED;

#endif
