/* Room that is limited and shared: that of the file system of a job directory, or what a quota of the
 * destination leaves. Accounts promise what their listing says they need before their first body; what
 * they have stored is promise no more, as the file system itself counts it then. So accounts that are
 * copied at the same time do not count on the same room. Any thread may call.
 *
 * On a file system so many octets stay free at all times (--min-free): room_hold tells when they are
 * reached, by whomever. */
#ifndef ENGINE_ROOM_H
#define ENGINE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { ROOM_TEXT_MAX = 80 };
#define ROOM_FLOOR (UINT64_C(64) * 1024 * 1024)
#define ROOM_UNLIMITED UINT64_MAX

struct room;

struct room_need {
	uint64_t octets, inodes;
};

/* What a file system has for those who are not root. */
struct room_there {
	uint64_t total, octets, inodes; /* inodes: ROOM_UNLIMITED where they are made as needed */
	uint64_t block; /* octets that a file takes at least; 1: unknown */
};

/* Of `path`, or of the nearest directory above it that exists. */
int room_look(const char *path, struct room_there *ret, struct err *err) WARN_UNUSED;
/* What stays free unless the user says otherwise: 64 MiB, of a small disk a sixteenth. */
uint64_t room_default_floor(const struct room_there *there);
/* "12 GB and 1500 files" */
void room_need_text(const struct room_need *n, char ret[ROOM_TEXT_MAX]);

/* Of the file system that directory `dir` lies on. min_free NULL: the default floor. */
int room_open(struct room **ret, const char *dir, const uint64_t *min_free, struct err *err) WARN_UNUSED;
/* Of a quota that leaves so many octets. */
struct room *room_of_quota(uint64_t octets);
void room_close(struct room **r);
uint64_t room_block(const struct room *r); /* of struct room_there */
/* ERR_FULL: no more than the floor is free. NULL: nothing to look after, here and below. */
int room_hold(struct room *r, struct err *err) WARN_UNUSED;

/* What one holder has promised; zeroed at first. */
struct room_share {
	struct room_need open;
};
/* ERR_NO_ROOM: it does not fit beside what others have promised, and nothing is promised; the text
 * tells what is needed, what is free, and what to do. `what`: "the account", for people. */
int room_promise(struct room *r, struct room_share *io, const struct room_need *n, const char *what,
    struct err *err) WARN_UNUSED;
/* So much of it is there now. */
void room_came(struct room *r, struct room_share *io, const struct room_need *n);
/* The rest will not come. */
void room_leave(struct room *r, struct room_share *io);

#endif
