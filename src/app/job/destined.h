/* Where the accounts of a job go, as the state keeps it: one DEST for all, in which "%u" may stand for
 * each login (note "dest"), or for each account its own, as a list of users names it (notes
 * "dest/LOGIN@HOST:PORT"; "dest" is empty then). */
#ifndef APP_JOB_DESTINED_H
#define APP_JOB_DESTINED_H

#include "base/arena.h"
#include "imap/url.h"
#include "state/state.h"

struct destined {
	const char *dest; /* as kept; NULL: the job goes to no server; "": each account has its own */
	struct job_note *own;
	size_t n_own;
};

/* Texts are the arena's. */
int destined_read(struct destined *d, struct state *t, struct arena *a, struct err *err) WARN_UNUSED;
/* DEST of one account, in the arena; NULL: none is known. */
const char *destined_url(const struct destined *d, const char *login, const char *host,
    const char *port, struct arena *a);
/* The account there, for people: "anna@new.example.org"; NULL: none is known. */
const char *destined_name(const struct destined *d, const char *login, const char *host,
    const char *port, struct arena *a);
/* DEST of all, with `url` as what it is for this account. ERR_OTHER_JOB: it was another so far. */
int destined_keep(struct state *t, const char *dest, const struct imap_url *url,
    struct err *err) WARN_UNUSED;
/* DEST of the account `source` alone. ERR_OTHER_DEST: that was another. */
int destined_keep_own(struct state *t, const struct imap_url *source, const char *dest,
    const struct imap_url *url, struct err *err) WARN_UNUSED;

/* The note of that, in the arena, for who keeps many in one commit; false: it does not fit. */
bool destined_note(const struct imap_url *source, const char *dest, struct arena *a,
    struct job_note *ret);

#endif
