/* Insides of the IMAP sink, shared by its files: imap_sink.c (folders, the table), imap_connect.c (the session),
 * imap_names.c (what folders are called there), imap_extras.c (their access rights and annotations),
 * imap_anew.c (is it the folder that it was?), imap_message.c (a message comes in), imap_taken.c
 * (what the server takes), imap_labels.c (labels of Gmail), imap_groups.c and imap_send.c (APPENDs on their way), imap_read.c and imap_judge.c (what
 * became of them), imap_look.c (is it there already?), imap_careful.c (one message at a time,
 * repaired where the server insists), imap_aside.c (the quarantine), imap_remove.c
 * (messages that leave the server).
 *
 * Messages of a known, moderate size are gathered in a group, which goes out in one piece: an
 * APPEND with several messages where the server has MULTIAPPEND. Larger ones stream through. What
 * the server answered OK is read back (flags, date, size) before it counts as stored. */
#ifndef STORE_TO_IMAP_IMAP_SINK_H
#define STORE_TO_IMAP_IMAP_SINK_H

#include "base/spool.h"
#include "imap/append.h"
#include "imap/quota.h"
#include "mail/identity.h"
#include "store/sink.h"

enum {
	SMALL_MAX = 256 * 1024,		/* octets of a message that is gathered, not streamed */
	GROUP_OCTETS = 1024 * 1024,
	GROUPS_SENT_MAX = 8,		/* without an answer */
	SENT_OCTETS_MAX = 16 * 1024 * 1024,
	READ_BACK_MSGS = 512,		/* read back in one FETCH, at the latest */
	SPOOL_MEMORY = 1024 * 1024,
	LABELS_REFUSED_MAX = 64,
	KEYWORDS_MAX = 1024,		/* accepted ones that are remembered */
	GRACE_MS = 10 * 1000,		/* for answers, after the first signal (rules.md 4.4) */
	LATE_MS = 5 * 1000,		/* for what the server said it stored to be seen */
	LATE_LOOK_MS = 500
};

enum dest_asked { DEST_OTHER = 1, DEST_APPEND, DEST_READ };

/* A message that has no outcome yet. */
struct flight {
	struct msg msg;			/* texts in the group's arena */
	struct flags sent;		/* flags and keywords that were given with it */
	const char *left;		/* keywords that the server cannot keep; "" */
	uint64_t octets;		/* as sent */
	struct date given;		/* as sent: of the header when the source has none */
	/* what the server shows */
	bool there, date_there, flags_there;
	uint64_t size;
	int64_t date;			/* seconds since 1970 */
	uint8_t system;
	const char *keywords;
	/* the result, once it is known */
	enum outcome_kind kind;
	const char *reason, *reply;
	bool own;
	const char *repaired;		/* what was changed for the server; NULL */
	const char *labels_left;	/* labels that it did not keep; NULL */
};

enum group_state {
	GROUP_FILLING,
	GROUP_SENT,
	GROUP_STORED,			/* the server said OK */
	GROUP_ASKED,			/* to be read back */
	GROUP_DONE			/* each flight has its kind */
};

struct group {
	struct group *next;
	enum group_state state;
	uint32_t tag;
	bool now;			/* with non-synchronising literals */
	bool distrusted;		/* its UIDs were told for other messages, too */
	size_t n, given;		/* given: outcomes told */
	uint64_t octets;
	struct flight flight[APPEND_GROUP_MAX];
	struct arena arena;
};

/* What is odd about a message that was answered OK. */
enum odd_kind {
	ODD_SIZE,			/* its copy has another size */
	ODD_NOT_THERE,			/* nothing has the UID that was told: it is never sent again */
	ODD_WHERE			/* nobody knows its UID, or whether it was taken (MULTIAPPEND) */
};

/* A message of the target that no row names: perhaps one that is looked for. */
struct cand {
	uint8_t head[16], whole[16];	/* beginnings of its identity; whole: when whole_known */
	uint32_t uid;
	bool whole_known, used, date_known;
	uint8_t system;			/* flags */
	uint32_t keywords;		/* check sum of them */
	int64_t date;			/* INTERNALDATE, seconds since 1970 */
};

struct folder_at {
	struct folder_at *next;
	int64_t id;
	char *name;			/* wire name */
	uint32_t uidvalidity, uidnext;
	uint32_t exists, added_before;	/* at its last SELECT; `added` before that */
	uint32_t born;			/* UIDNEXT when imex first opened it: later UIDs may be its own */
	uint32_t top;			/* the highest UID that a copy in it has had, as far as is known */
	bool made;			/* by imex */
	bool marked;			/* the mark is to be told */
	uint32_t was;			/* UIDVALIDITY of before; 0: none */
	uint32_t void_from;		/* what rows say of copies with this UID or a higher one is void; 0: of none */
	bool void_told;			/* the state knows */
	uint32_t doubt_from;		/* later UIDs are kept for messages in doubt; 0: none are */
	uint32_t begun_with, first;	/* EXISTS and UIDNEXT when it was opened */
	uint32_t added;			/* messages that the server said it had stored since */
	uint32_t unread;		/* of the last match: one that may be it, and cannot be read; 0: none */
	uint32_t told;			/* highest UID that an answer to APPEND told */
	struct uidset went;		/* UIDs of the source of which octets went out since */
	uint64_t limit;			/* octets of one message here; 0: none told */
	bool read_only;
	bool perm_known, perm_any;	/* PERMANENTFLAGS; any: \* */
	struct buf perm;		/* keywords of it, a blank before and behind each */
	bool accepted;			/* an APPEND to it answered OK */
	struct row_feed rows;
	bool has_rows;
	bool looked;			/* claimed and cands are filled */
	struct uidset claimed;		/* UIDs that rows name, or this run has placed */
	struct cand *cand;		/* in the order of head when sorted */
	size_t n_cands;
	bool sorted;
	struct uidset known;		/* UIDs of cand */
	uint32_t headless;		/* may be one of imex's own, and its header does not come; 0: none */
	bool headless_told;
	uint32_t moved_at;		/* UIDNEXT when `moved` was last asked */
	struct buf mark;
	char full[256];			/* answer that told that it is full; "" */
	/* UIDs of the source that the server answered OK for. They are looked for, and waited for a
	 * little, before anything else becomes of them. */
	struct odd {
		uint32_t uid;
		enum odd_kind kind;
		uint32_t dest_uid;
		uint64_t size;
	} *odd;
	size_t n_odd;
	int64_t waited_ms;		/* in vain, for what may show late */
};

struct sink {
	const struct dest_place *to;
	const struct folder_rec *known;
	size_t n_known;
	struct cancel *stop;
	struct sess *s;			/* NULL: none */
	bool broken;
	struct notes notes;
	/* names */
	struct arena names;
	struct folder_list list;	/* of the server */
	bool quota_asked;
	struct quota quota;
	char delim;
	struct slice prefix;
	const struct folder *source;	/* of the survey */
	size_t n_source;
	struct mapped *mapped;
	const char **plain;		/* by source folder: its name there had none been filled before */
	const char **refused;		/* by source folder: answer to CREATE; NULL */
	bool *made;			/* likewise: imex made it in this run */
	bool *denied;			/* likewise: it was not because of the name */
	unsigned reserved;		/* folders that were refused under another name, too */
	struct err names_err;		/* of the survey */
	/* what the server can and has taken */
	bool uidplus, multi, now_any, now_small;
	bool mute;			/* EXISTS is never told, or not before the next SELECT */
	uint64_t limit;			/* octets of one message; 0: none told */
	bool limit_by_folder;		/* each folder_at has its own */
	bool labels_taken;		/* one of Gmail's */
	unsigned label_nos;		/* NO to one */
	struct label_refused {		/* by name; later ones are tried each time */
		char *name;
		unsigned nos;
	} label_refused[LABELS_REFUSED_MAX];
	uint8_t accepted_system;
	char **accepted;		/* keywords */
	size_t n_accepted;
	bool accepted_date, accepted_dateless;
	unsigned groups_refused;	/* in a row */
	struct err later;		/* the server asked to wait; told when nothing is under way */
	int64_t delta[4];		/* differences of size that were proved harmless */
	size_t n_deltas;
	uint8_t kept_flags;		/* that it sets by itself and does not let go of */
	/* what is under way */
	struct folder_at *folders, *at;	/* at: selected */
	struct group *first, **end;
	size_t n_sent, n_stored;	/* groups; messages */
	uint64_t sent_octets;
	struct buf wire;		/* of the group that is filling */
	enum care care;
	/* the message at hand */
	bool begun, streams, swallow;	/* swallow: refused before its first octet */
	struct msg now;			/* texts in now_arena */
	struct date given;
	struct arena now_arena;
	uint64_t announced, written;
	struct spool *body, *repaired;
	struct identity_maker *identity;
	struct spool *keep;		/* the body that is read goes here too; NULL: nowhere */
	/* the connection ended at it */
	uint32_t cut_uid;
	unsigned cuts;
};

/* imap_sink.c */
/* After a failed call on the session: is it gone? Returns -1. */
int dest_failed(struct sink *s, struct err *err);
void dest_note(struct sink *s, enum event_no no, uint32_t uid, const char *command,
    const char *reply, bool standing, const char *fmt, ...) PRINTF_LIKE(7, 8);
/* SELECT; what it tells goes into *at. */
int dest_select(struct sink *s, struct folder_at *at, struct err *err) WARN_UNUSED;

/* imap_connect.c */
int dest_connect(struct sink *s, struct err *err) WARN_UNUSED; /* instead of the session that there is, if any */
void dest_drop_session(struct sink *s);
/* SELECT of the folder that is open, which goes on in it. ERR_CUT: it is another one now. */
int dest_select_again(struct sink *s, struct err *err) WARN_UNUSED;
void dest_keep_notes(struct sink *s); /* those of the session become the sink's */
/* Before a command that may be refused: another connection, where the server may be about to end this one
 * (quirks row 11). Waits for all answers then; what is to be read back stays. */
int dest_fresh(struct sink *s, struct err *err) WARN_UNUSED;

/* imap_names.c: the sink's functions, see sink.h. */
void dest_survey(struct sink *s, const struct folder *list, size_t n);
const char *dest_plain_name(const struct sink *s, struct slice name);
int dest_name_folder(struct sink *s, const struct folder *f, struct buf *ret_path,
    bool *ret_mapped, struct err *err) WARN_UNUSED;
/* Number of a folder of the source; n_source: unknown. */
size_t dest_source_index(const struct sink *s, struct slice name);
/* Name of a folder of the source there; "": it has none. */
const char *dest_name(const struct sink *s, const struct folder *f);

/* imap_make.c: likewise. */
int dest_quota(
    struct sink *s, uint64_t *ret_used, uint64_t *ret_limit, struct err *err) WARN_UNUSED;
int dest_prepare(struct sink *s, const struct folder *const *wanted, size_t n,
    struct err *err) WARN_UNUSED;
int dest_marker(struct sink *s, const char *name, bool make, bool *ret_done, struct err *err) WARN_UNUSED;
int dest_finish_account(struct sink *s, const struct folder *list, size_t len,
    struct err *err) WARN_UNUSED;

int dest_list_again(struct sink *s, struct err *err) WARN_UNUSED; /* s->list as it is now */

/* imap_rename.c: likewise. */
int dest_move_folder(struct sink *s, const char *from, const char *to, bool *ret_done,
    struct err *err) WARN_UNUSED;

/* imap_extras.c: likewise. */
int dest_raise_quota(struct sink *s, uint64_t limit, struct err *err) WARN_UNUSED;
unsigned dest_extras_offered(const struct sink *s);
int dest_extras(struct sink *s, const struct folder *f, const struct extras *have,
    struct err *err) WARN_UNUSED;

/* imap_anew.c */
/* What a record says of its folder there: "UIDVALIDITY BORN TOP", and "made" behind it, or alone when the folder was not
 * opened since. Records of before have no TOP. */
struct dest_mark {
	uint32_t uidvalidity, born; /* 0: not known */
	uint32_t top; /* as folder_at has it */
	bool top_known;
	bool made; /* imex made the folder */
};
void dest_mark_read(const char *mark, struct dest_mark *ret);
void dest_mark_write(struct folder_at *at); /* at->mark as it is now */
/* Of a record: the highest UID that a copy has had in its folder, or one below it. */
uint32_t dest_top(const struct folder_rec *rec);
void dest_top_rises(struct folder_at *at, uint32_t uid); /* a copy has this UID */
/* The selected folder has the UIDVALIDITY that it had: is it that folder? at->void_from, and at->uidnext where the server
 * has stated it wrongly. */
int dest_find_anew(struct sink *s, struct folder_at *at, struct err *err) WARN_UNUSED;

/* imap_message.c: the sink's functions, see sink.h. */
int dest_begin(struct sink *s, struct folder_at *at, const struct msg *m,
    struct err *err) WARN_UNUSED;
int dest_write(struct sink *s, struct slice bytes, struct err *err) WARN_UNUSED;
int dest_end(struct sink *s, struct msg *final, struct err *err) WARN_UNUSED;
void dest_abandon(struct sink *s);
int dest_amend(struct sink *s, struct folder_at *at, const struct msg *was,
    const struct flags *now, struct err *err) WARN_UNUSED;
int dest_adopt(struct sink *s, struct folder_at *at, const struct folder_rec *old,
    const struct msg *was, const struct msg *now, bool *ret_done, struct err *err) WARN_UNUSED;
int dest_remove(struct sink *s, struct folder_at *at, uint32_t uidvalidity,
    const struct msg *was, struct err *err) WARN_UNUSED;
bool dest_full(const struct sink *s);
int dest_seal(struct sink *s, struct batch *b, struct pending **ret, struct err *err) WARN_UNUSED;
int dest_finish(struct sink *s, struct folder_at *at, const struct folder_rec *rec,
    const struct row_feed *rows, struct err *err) WARN_UNUSED;

/* imap_taken.c */
/* Flags that may be sent into the folder: *ret_left has the others, "" when there are none. False:
 * the arena is full. */
bool dest_flags(const struct folder_at *at, const struct flags *f, struct arena *a,
    struct flags *ret, const char **ret_left);
/* Those of them that go with APPEND itself; the others are set when the copy is read back. */
struct flags dest_goes(const struct sink *s, const struct flags *f);
/* May this go without waiting (rules.md 2.1)? */
bool dest_may_now(const struct sink *s, const struct folder_at *at, const struct flags *f,
    const struct date *d, uint64_t octets);
/* An APPEND with these was answered OK, and the server had been waited for. */
void dest_accept(struct sink *s, struct folder_at *at, const struct flags *f, const struct date *d);

/* imap_groups.c */
/* One response; of an APPEND or what reads back it has found its group by then. The caller drops the rest of it. */
int dest_pump(struct sink *s, struct resp *r, struct asked *a, struct err *err) WARN_UNUSED;
/* Take one response, whatever it is. */
int dest_take(struct sink *s, struct err *err) WARN_UNUSED;
int dest_noop(struct sink *s, struct err *err) WARN_UNUSED;
/* What has come is to be seen: NOOP, and SELECT where the server does not tell by EXISTS that it shows what it has
 * stored since. */
int dest_refresh(struct sink *s, struct err *err) WARN_UNUSED;
/* EXISTS is not told, or is less than what was there at SELECT and what was stored since. */
bool dest_is_stale(const struct sink *s);
/* Up to the tagged answer, in *r. */
int dest_wait(struct sink *s, uint32_t tag, struct resp *r, struct err *err) WARN_UNUSED;
struct group *dest_group_new(struct sink *s, enum group_state state); /* the last in the list, and empty */
/* The message at hand into the group, with its texts; at NULL: it is not sent. */
int dest_flight_add(struct sink *s, struct folder_at *at, struct group *g, struct flight **ret,
    struct err *err) WARN_UNUSED;
/* The UIDs that an answer tells for n messages (RFC 4315 3); false: none that can be believed, which is as if none had
 * been told. They ascend, and each is given once (RFC 3501 2.3.1.1): of one that is told again nobody knows which
 * message has it. */
bool dest_uids_told(struct sink *s, const struct resp *r, size_t n, struct uidset *ret);
/* The UIDs from this one on that answers told are not believed: those messages are looked for. */
void dest_distrust(struct sink *s, uint32_t from);
/* Its APPEND was answered NO or BAD: its messages are careful ones then. ERR_CUT: the session is over. */
int dest_group_refused(struct sink *s, struct group *g, const struct resp *r, struct err *err) WARN_UNUSED;
/* A flight of its own, done, whose outcome is known; its texts go into ret->arena. */
struct group *dest_result(struct sink *s, enum outcome_kind kind);
void dest_drop_groups(struct sink *s);
void dest_group_free(struct group *g);
void dest_group_done(struct group *g, enum outcome_kind kind);
struct group *dest_group_filling(const struct sink *s); /* NULL: none */

/* imap_send.c */
/* The message in s->body, synchronising, to its tagged answer; `octets` is what is sent in its place
 * when not NULL. *ret_uid: from APPENDUID, else 0. */
int dest_append(struct sink *s, struct folder_at *at, const struct flags *f, const struct date *d,
    struct spool *octets, struct resp *ret, uint32_t *ret_uid, struct err *err) WARN_UNUSED;
int dest_add_small(struct sink *s, struct folder_at *at, struct err *err) WARN_UNUSED;
int dest_stream_start(struct sink *s, struct folder_at *at, uint64_t octets, struct err *err)
    WARN_UNUSED;
int dest_stream_end(struct sink *s, struct folder_at *at, struct err *err) WARN_UNUSED;
int dest_send_group(struct sink *s, struct err *err) WARN_UNUSED;
/* Room for one more command: answers are taken until there is. */
int dest_make_room(struct sink *s, struct err *err) WARN_UNUSED;

/* imap_read.c */
int dest_read_back_if_many(struct sink *s, struct err *err) WARN_UNUSED;
/* All that is under way has its outcome. */
int dest_drain(struct sink *s, struct err *err) WARN_UNUSED;
/* Move one step towards an outcome; *ret_idle: nothing is under way. */
int dest_advance(struct sink *s, bool *ret_idle, struct err *err) WARN_UNUSED;

/* imap_judge.c: after the server's OK. */
void dest_seen(struct flight *f, struct arena *a, const struct fetch_data *d); /* FETCH data */
int dest_read_one(struct sink *s, struct flight *f, struct arena *a, struct err *err) WARN_UNUSED;
int dest_read_now(struct sink *s, struct flight *f, struct arena *a, struct err *err) WARN_UNUSED; /* asks once */
/* Sets ('+') or takes away ('-') flags of a message there. *ret_taken false: the server refused it. */
int dest_store(struct sink *s, uint32_t uid, char sign, struct slice words, bool *ret_taken,
    struct err *err) WARN_UNUSED;
/* Flags that are not shown are set once more, and labels of the source are set. */
int dest_mend_flags(struct sink *s, struct group *g, struct flight *f, struct err *err) WARN_UNUSED;
void dest_judge(struct sink *s, struct flight *f); /* its kind */
void dest_odd(struct folder_at *at, const struct flight *f, enum odd_kind kind);
/* Nobody knows which UIDs its messages have: each is looked for. */
void dest_group_odd(struct sink *s, struct group *g);
bool dest_date_plain(const struct date *d); /* every server can hold it (rules.md 2.7) */
bool dest_harmless(const struct sink *s, int64_t delta); /* a difference of size */
void dest_remarks(const struct flight *f, struct arena *a, struct outcome *o);

/* imap_labels.c */
void dest_labels_done(struct sink *s);
/* Those that no folder stands for and that are not in `was` (NULL: none), where the server has labels; *left: which it
 * did not keep, for people. Where it refuses them, that is noted once. */
int dest_set_labels(struct sink *s, uint32_t uid, const char *labels, const char *was, struct buf *left,
    struct err *err) WARN_UNUSED;

/* imap_look.c */
/* What the folder holds and no row names. Again: what has come since. */
int dest_look(struct sink *s, struct folder_at *at, struct err *err) WARN_UNUSED;
/* A message there that is the same; 0: none. It is taken: no other message finds it. */
int dest_match(struct sink *s, struct folder_at *at, const struct identity *id, uint32_t *ret,
    struct err *err) WARN_UNUSED;
/* The identity of a message that is there; *ret_found false: it cannot be had. */
int dest_identity(struct sink *s, uint32_t uid, struct identity *ret, bool *ret_found,
    struct err *err) WARN_UNUSED;
int dest_surplus(struct sink *s, struct folder_at *at, struct surplus_copy **ret, size_t *ret_n,
    struct err *err) WARN_UNUSED;
int dest_uids(
    struct sink *s, struct folder_at *at, struct uidset *ret, struct err *err) WARN_UNUSED;
int dest_keep(struct sink *s, struct folder_at *at, uint32_t uid, struct spool *into,
    struct kept_copy *ret, bool *ret_whole, struct err *err) WARN_UNUSED;
int dest_spool_identity(struct sink *s, struct spool *body, struct identity *ret, struct err *err)
    WARN_UNUSED;
void dest_claim(struct folder_at *at, uint32_t uid);

/* imap_remove.c: the sink's functions, see sink.h. */
bool dest_removes(const struct sink *s);
int dest_expunge(struct sink *s, struct folder_at *at, const struct uidset *gone,
    const struct uidset *marked, bool *ret_done, struct err *err) WARN_UNUSED;
int dest_drop_surplus(struct sink *s, struct folder_at *at, uint32_t uid, bool *ret_done,
    struct err *err) WARN_UNUSED;

/* imap_careful.c: the message in s->body, looked for and then sent. */
int dest_place(struct sink *s, struct folder_at *at, struct err *err) WARN_UNUSED;

/* imap_aside.c: the message in s->body into the quarantine; the path, below the job directory's,
 * in *ret (arena a). */
int dest_set_aside(struct sink *s, struct folder_at *at, const char *reason, const char *reply,
    struct arena *a, const char **ret, struct err *err) WARN_UNUSED;

#endif
