/* Messages that leave the folder they were copied to (--delete-extra, --mirror): the ceiling that both
 * have, what is kept of each before it goes (removed.h), and what is told of it. Inside the engine only. */
#ifndef ENGINE_REMOVAL_H
#define ENGINE_REMOVAL_H

#include "engine/copy.h"
#include "engine/removed.h"

enum {
	REMOVAL_MSGS = 64, /* kept, then removed, together */
	REMOVAL_OCTETS_MAX = 64 * 1024 * 1024
};

/* Who removes, in the words of warnings and events. */
struct removal_words {
	const char *option; /* "--delete-extra" */
	const char *are; /* "extra": "4 of its 34 messages are extra" */
	const char *what; /* behind "UID 5 ", before ": subject, from ..." */
	enum event_no left, removed;
};

struct removal {
	struct lane *l;
	const struct removal_words *words;
	const char *account_dir; /* as below mail/ */
	struct folder_rec *rec; /* of the account, as the state has them now */
	size_t n_recs;
	struct arena arena;
	struct spool *body; /* the message at hand */
};

/* Everything before is committed; the sink is connected. */
int removal_begin(struct removal *x, struct err *err) WARN_UNUSED;
void removal_done(struct removal *x); /* also after a removal_begin that failed */
/* The current record of a name; NULL: none. */
const struct folder_rec *removal_rec(const struct removal *x, struct slice name);
/* A standing warning of lane->plan: it loses nothing, and why. */
void removal_left(struct removal *x, const char *why);
/* More than EXTRA_CEILING_PERCENT of what is there, so none may go: that is told. */
bool removal_too_many(struct removal *x, uint64_t n, uint64_t there);
/* UIDs of the folder on the destination that are copies of messages of other folders or accounts of the job too: into
 * the set, which is unsorted then. */
int removal_shared(struct removal *x, const struct folder_rec *rec, struct uidset *io, struct err *err) WARN_UNUSED;
/* Are messages of the folder in doubt? */
int removal_doubts(struct removal *x, const struct folder_rec *rec, bool *ret, struct err *err) WARN_UNUSED;

/* ---- folders of a server ---- */
/* Open it; *ret_same false: it is not the folder that the rows speak of, or cannot be opened, which is
 * told; the next run looks for each message again. */
int removal_enter(struct removal *x, struct planned *p, const struct folder_rec *rec,
    struct dest_head *ret, bool *ret_same, struct err *err) WARN_UNUSED;

/* ---- a group that is kept, to be removed together ---- */
struct removal_group {
	struct removed list;
	struct uidset uids, marked; /* marked: \Deleted before */
	uint64_t octets;
	struct {
		uint32_t uid;
		const char *text;
	} msg[REMOVAL_MSGS];
	size_t n;
	struct arena arena;
};
/* uidvalidity: of the UIDs that the list names. After -1 it is to be closed, too. */
int removal_group_open(struct removal *x, struct removal_group *g, const struct planned *p,
    const struct folder_rec *rec, uint32_t uidvalidity, struct err *err) WARN_UNUSED;
void removal_group_close(struct removal_group *g);
/* The message in x->body is written down. */
int removal_keep(struct removal *x, struct removal_group *g, uint32_t uid,
    const struct kept_copy *copy, struct err *err) WARN_UNUSED;
bool removal_group_full(const struct removal_group *g);
void removal_group_told(struct removal *x, const struct removal_group *g); /* each is an event */
void removal_group_reset(struct removal_group *g);
/* The group goes from the open folder of a server, when it is durable, and is empty afterwards.
 * *ret_done false: the server refuses. */
int removal_expunge(struct removal *x, struct removal_group *g, bool *ret_done, struct err *err) WARN_UNUSED;

#endif
