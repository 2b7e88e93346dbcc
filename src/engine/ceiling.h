/* How many connections one server bears, as far as it has shown: the most of ours that were logged in side by side,
 * and what its refusals teach. A ceiling is never more than was seen to be borne: those on their way when a refusal
 * comes may be refused as well, and those that are being closed may have made room for another. So it can be too low
 * for a moment, and rises as logins are taken.
 *
 * Counts and times (monotonic) come from outside; its owner has the lock (hosts.c). */
#ifndef ENGINE_CEILING_H
#define ENGINE_CEILING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { CEILING_DOUBTS_MAX = 5, CEILING_RAISE_MS = 5 * 60 * 1000 };

struct ceiling {
	unsigned now; /* 0: none is known */
	int64_t changed_ms; /* the last refusal or raise; 0: none */
	unsigned refusals; /* connections, with others of ours open */
	unsigned kept; /* so many an earlier run has seen, and nothing said otherwise since */
	unsigned most; /* that were logged in side by side */
	unsigned borne; /* the same, lately */
	int64_t borne_ms; /* when it was last so */
	unsigned doubts; /* refusals of so many, since */
	unsigned teacher, before; /* account whose refusal made the ceiling, and the one before it */
	unsigned own; /* account that is refused with fewer open as well */
};

struct refusal {
	size_t account; /* a number of the caller's */
	bool of_server; /* before anybody was named: it holds for all accounts */
	bool silent; /* without a word: it may as well be the network, or a server that is being started */
	int64_t after_ms; /* wait that was asked for; 0: none */
	int64_t began_ms; /* monotonic, not after the connection was begun */
};

/* Has the server, or who is in front of it, refused the connection, whose opening ended by *why? Else *ret is not
 * written: what ends a connection behind that says nothing of their number. */
bool refusal_of(const struct err *why, size_t account, int64_t began_ms, struct refusal *ret);

/* One that an earlier run has learnt: it was borne then, or one more than what was. */
void ceiling_begin(struct ceiling *c, unsigned kept, int64_t now_ms);
/* One more is logged in, so many are now. True: that is above the ceiling, which is raised. */
bool ceiling_in(struct ceiling *c, unsigned in, int64_t now_ms);
/* One of so many that are logged in is about to go. */
void ceiling_out(struct ceiling *c, unsigned in, int64_t now_ms);
/* Tried higher, by one: five minutes without a refusal, and so many logged in. True: raised. */
bool ceiling_raise(struct ceiling *c, unsigned in, int64_t now_ms);
/* One was refused while so many others were logged in, and so many not known to be gone. True: it concerns the number;
 * false: it teaches nothing, as one of a server that lets nobody in. The ceiling may change in both cases. */
bool ceiling_refused(struct ceiling *c, const struct refusal *r, unsigned in, unsigned others, int64_t now_ms);

#endif
