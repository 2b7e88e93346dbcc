/* Insides of the IMAP source, shared by its files: source_imap.c (folders), source_proof.c (their end),
 * source_note.c (what is told), source_list.c (the listing), source_changes.c (what has changed since an
 * earlier run), source_heads.c (headers alone), source_lost.c (that of a lost message), source_search.c (SEARCH), source_window.c (what is sent
 * ahead), source_body.c (answers), source_octets.c (the octets of a body), source_rest.c (what was put aside),
 * source_renew.c (another connection in the middle of a folder), source_number.c (servers without UIDs),
 * source_known.c (folders of an earlier run). */
#ifndef STORE_FROM_IMAP_SOURCE_IMAP_H
#define STORE_FROM_IMAP_SOURCE_IMAP_H

#include "imap/body.h"
#include "imap/number.h"
#include "store/pace.h"
#include "store/source.h"

enum asked_kind {
	ASKED_EXAMINE = 100,
	ASKED_SEARCH,
	ASKED_UIDS,
	ASKED_CHANGES,
	ASKED_PAGE,
	ASKED_WINDOW,
	ASKED_TRY,
	ASKED_NOOP,
	ASKED_META,
	ASKED_LOOK,
	ASKED_HEADS,
	ASKED_ALONE
};

enum {
	WINDOW_MSGS = 500,
	WINDOW_MSGS_SMALL = 200,
	WINDOW_MSGS_SLOW = 50,
	SLOW_TIMES_MAX = 3,
	WINDOW_OCTETS = 8 * 1024 * 1024,
	SET_TEXT_MAX = 700,
	NIL_LIMIT = 3,
	ONCE_MAX = 3, /* messages refused in a form that has worked before: then it is the server */
	HOPELESS_LADDERS = 3, /* messages refused in every form: then others are tried in the best one */
	HOPELESS_MAX = 500, /* and so many of them: then it is the server */
	WRONG_SIZES_LIMIT = 3,
	PLACEHOLDER_MAX = 16 * 1024,
	REFUSALS_MAX = 16,
	PARTIAL_MAX = 64, /* messages listed in part: a round trip each */
	TELLS_PART_MAX = 3, /* of them that are no better alone: then so is the server */
	RIDERS_OCTETS = 256, /* of what is sent behind EXAMINE */
	GRACE_MS = 10 * 1000 /* a body in flight after the first signal (rules.md 4.4) */
};

struct wanted {
	uint32_t uid;
	bool size_known, done;
	uint64_t size;
};

struct window {
	struct window *next;
	uint32_t tag;
	unsigned ask; /* number of the ask it belongs to */
	bool sent;
	size_t n, left;
	struct wanted want[];
};

/* A message that did not come with its window. */
struct doubt {
	uint32_t uid, tried; /* tried: bit per form */
	bool size_known, owed;
	bool bad; /* refused so in a form that works for others: BAD to another form speaks of the message, too */
	uint64_t size;
	enum form best; /* longest body below RFC822.SIZE so far */
	uint64_t best_octets;
	bool placeholder; /* what came was a notice in place of the message */
	bool accept, asked_best; /* take the best as it is; it was asked for */
	const char *reason; /* static words */
	char *command, *reply; /* the last that was refused, else the last that brought nothing; malloc'ed, or NULL */
	uint64_t reply_bytes; /* of all of it */
	bool refused;
	bool headed; /* its header was asked for, to be told */
	bool looked; /* the second listing was tried */
	bool gone, phantom; /* and found it gone, or found by SEARCH alone: perhaps its body comes all the same */
	bool meta_refused; /* and refused: nothing is known of the message but its UID */
};

/* A form refused for the whole server, told when something replaced it. */
struct refusal {
	char *command, *reply, *folder;
	uint64_t reply_bytes;
	uint32_t uid;
};

/* The body that is being read. */
struct reading {
	bool active, inline_given;
	struct resp resp;
	uint32_t uid;
	struct wanted *want; /* NULL: alone */
	struct window *window;
	uint64_t left, total; /* octets of the current item; of the message so far */
	size_t lent; /* handed out, to be skipped before the next */
	int parts_left;
	bool uid_seen; /* the response named the UID before the body */
	uint64_t slice_at; /* form_sliced: origin of the current slice */
	unsigned slices; /* asked for */
	enum form form;
};

struct mime; /* a message that is put together, source_mime.c */

struct source {
	struct source_place at;
	struct cancel *stop;
	struct sess *s;
	struct server_facts facts;
	struct notes notes; /* what sessions told, kept over a reconnect */
	bool renewed; /* a connection has seen so many refusals that another one took its place */
	struct pace pace;
	unsigned narrow; /* so many messages more are asked for one by one */
	bool slowed; /* it delivers slowly: another connection may do better */
	unsigned slow_times;
	int nils[FORMS];
	unsigned wrong_sizes;
	unsigned searches_refused; /* by NO */
	struct refusal refusal[REFUSALS_MAX];
	size_t n_refusals;

	/* the folder */
	char *folder; /* wire name */
	struct folder_head head;
	uint32_t u0; /* complete below this UID */
	struct uidset map, searched, fetched;
	struct uidset absent; /* were listed or searched, and are not there at a second look */
	struct uidset found; /* by at.search */
	bool search_known, listed_at_once, holes_settled, bodies_asked;
	uint32_t search_beyond; /* without UIDs: the last number that SEARCH has told */
	bool search_odd; /* without UIDs: SEARCH tells other numbers than 1 to EXISTS */
	unsigned passes;
	uint32_t page_from; /* UIDs below are listed or asked for */
	bool pages_done;
	struct msg_page *page[2]; /* being filled, in order of asking */
	uint32_t page_tag[2];
	bool page_ready[2], page_asked[2], page_again[2];
	uint64_t page_expect[2]; /* members that SEARCH names; all here: ready before the answer. 0:
				    unknown */
	unsigned page_form[2];
	struct uidrange page_range[2]; /* hi UINT32_MAX stands for '*' */
	bool listing_works;
	bool sizeless; /* sizes are not asked for in this folder */
	bool singles; /* no form of listing takes more than one message: all are looked at alone */
	unsigned partial, flagless; /* messages listed in part that are listed again; taken without their flags */
	unsigned tells_part; /* messages of which not all was told when they were looked at alone, too */
	bool look_refused; /* one of those was BAD: it may be why all the forms were */

	/* what has changed (source_changes.c) */
	struct {
		bool on, asked, done, refused;
		bool missed; /* one came too late, and is taken over by the next run */
		struct since since;
		uint32_t last; /* UID given to the engine */
		unsigned garbage; /* of the session when they were asked for */
		struct uidset vanished;
		struct msg_page *page; /* the engine's, while it waits for it; else NULL */
	} changes;
	bool select_told; /* that folders are opened with SELECT */
	bool resync; /* QRESYNC is enabled in this session */
	size_t most; /* messages in one command (RFC 9738), PAGE_MSGS at most */
	uint32_t searched_to; /* SEARCH has been answered down to this UID; 0: in one piece so far */

	/* bodies */
	struct window *first, **end;
	unsigned asks, ended; /* asks given, STEP_ENDs returned */
	bool owed; /* the debt of all queued windows is committed */
	bool rest_asked, noop_sent, noop_done;
	enum form try_form;
	bool trying;
	uint32_t try_tag, try_uid;
	bool try_good;
	bool sliced; /* nothing but slices leaves \Seen alone here: messages come one by one */
	uint32_t tried, tried_ever; /* bits of forms refused: for try_uid; since the ladder began */
	unsigned hopeless; /* messages, or folders, at which the ladder ended */
	enum form once; /* worked in an earlier run, and was refused in this one; FORM_NONE */
	unsigned once_refused;
	struct reading now;
	bool held; /* its body came while a page was waited for: next offers it first */
	uint32_t at_uid; /* the message whose body is under way; 0: none */
	bool numbers_wrong; /* here a message that was asked for alone came under the number of another one */

	/* what was put aside */
	struct doubt *doubt;
	size_t n_doubts, doubts_cap, doubt_at;
	bool doubts_over; /* there were more than DOUBTS_MAX: the others have no verdict */
	uint32_t phantoms; /* of the folder */
	uint64_t holes; /* named by SEARCH, absent from the pages so far */
	struct uidset late; /* holes that are still to be listed one by one */
	uint32_t looking; /* the message that was looked at last; meta is its */
	struct mime *mime; /* NULL: none; kept until the next one, since its reason is lent */
	bool alone; /* a command for one message is in flight */
	enum form alone_form;
	uint32_t alone_tag;
	bool alone_good, meta_known, look_found,
	    look_odd; /* odd: an answer that names no message */
	enum resp_state look_state; /* of the last look at one message */
	char look_command[160]; /* that was refused */
	struct buf lost_header; /* of a message that is lost otherwise; nothing in it: it could not be had */
	bool no_lost_headers; /* BAD once: not asked again */
	struct msg meta;
	struct arena meta_arena;
};

#define SHORT_FAULT "the server gave fewer octets than RFC822.SIZE says"
#define REFUSED_FAULT "the server refused the message"
#define PLACEHOLDER_FAULT "the server gave a notice in place of the message"
/* source_imap.c */
int source_session(struct source *s, struct err *err) WARN_UNUSED; /* open one if there is none */
void source_take_notes(struct source *s); /* those of the session become the source's */
/* EXAMINE s->folder and ask for all UIDs, with nothing unanswered: s->head, s->searched, s->search_known. */
int source_open_searched(struct source *s, struct err *err) WARN_UNUSED;
int source_take_listing(struct source *s, const struct resp *r, struct err *err) WARN_UNUSED;
int source_page_answered(
    struct source *s, const struct resp *r, const struct asked *a, struct err *err) WARN_UNUSED;
const char *source_listing_items(const struct source *s);
/* Are labels and ids of Gmail asked for with the listing (X-GM-EXT-1)? */
bool source_tells_labels(const struct source *s);
/* The present form of listing was refused: one step down for the server. False: there is none left.
 */
bool source_listing_step(struct source *s, const char *command);
struct ladder source_ladder(const struct source *s);

/* source_note.c */
void source_note(struct source *s, enum event_no no, enum event_level level, uint32_t uid,
    const char *reply, bool standing, const char *text);
/* STATUS counts more than the folder that is open. Its warning falls when STATUS has told again. */
void source_note_status(struct source *s);
/* Remember a refused form; told as a warning by source_recovered. */
void source_refusal(struct source *s, uint32_t uid, const char *command, const char *reply);
void source_recovered(struct source *s, enum form by);

/* source_proof.c */
int source_imap_settle(struct source *s, bool *ret_more, struct err *err) WARN_UNUSED;
int source_imap_leave(struct source *s, struct folder_proof *ret, struct err *err) WARN_UNUSED;

/* source_list.c */
int source_ask_page(struct source *s, uint32_t lo, uint32_t hi, struct err *err) WARN_UNUSED;
int source_ask_pages_again(struct source *s, struct err *err) WARN_UNUSED; /* those without an answer */
int source_ask_next_page(struct source *s, struct err *err) WARN_UNUSED;
int source_imap_list(struct source *s, struct msg_page *ret, struct err *err) WARN_UNUSED;
void source_listing_begin(struct source *s); /* choose the items for the folder that is entered */
uint32_t source_imap_reading(const struct source *s);
bool source_imap_listing(const struct source *s);

/* UNTOLD_*: all that the present form of listing asks for. */
uint8_t source_listing_asks(const struct source *s);
int source_listing_fill(struct msg *m, const struct fetch_data *f, struct arena *a,
    struct err *err) WARN_UNUSED;

/* source_known.c */
int source_list_folders(struct source *s, struct arena *a, struct folder_list *ret, struct err *err) WARN_UNUSED;

/* source_number.c: servers without UIDs */
void source_level_recall(struct source *s); /* before the folders are listed */
void source_level_learn(struct source *s); /* and behind it */
int source_enter_numbered(struct source *s, const struct folder *f, struct folder_head *ret,
    struct err *err) WARN_UNUSED;
bool source_imap_numbered(const struct source *s);
int source_imap_number(struct source *s, struct numbering *io, struct err *err) WARN_UNUSED;
/* How many there are, of those known; and if SEARCH was odd, whether it still is: *ret_more, *ret_fewer. */
int source_leave_numbered(struct source *s, uint32_t *io_exists, bool *ret_more, bool *ret_fewer,
    struct err *err) WARN_UNUSED;
void source_uids_of_numbers(const struct source *s, struct uidset *io); /* sequence numbers become UIDs */

/* source_search.c */
int source_send_search(struct source *s, struct err *err) WARN_UNUSED;
bool source_take_search(struct source *s); /* what has come; false: more than fits */
/* *given: a SEARCH line came before the tagged answer. Where only a part was looked at the next one is asked for, and
 * *given false again. */
int source_search_answered(struct source *s, const struct resp *r, const struct asked *a, bool *given,
    struct err *err) WARN_UNUSED;
/* Ask at.search in the folder that was opened, with nothing unanswered. */
int source_search(struct source *s, struct err *err) WARN_UNUSED;
const char *source_imap_leaves_out(const struct source *s, uint32_t uid);

/* source_changes.c */
/* ENABLE, in a new session before a folder is open: QRESYNC where it pays, and UIDONLY where the server lets a
 * command see so many messages only (RFC 9738): without it large folders are seen in part. */
int source_enable(struct source *s, struct err *err) WARN_UNUSED;
void source_changes_forget(struct source *s);
/* The folder is open: can the server tell what changed since then? If so, what is known counts as
 * listed. */
void source_changes_begin(struct source *s, const struct since *since);
int source_imap_changes(
    struct source *s, struct msg_page *ret, struct changed *what, struct err *err) WARN_UNUSED;
int source_imap_relist(struct source *s, struct err *err) WARN_UNUSED;
/* Data of a message that is known, while changes are waited for. */
bool source_is_change(const struct source *s, const struct fetch_data *f);
int source_take_change(
    struct source *s, const struct fetch_data *f, struct err *err) WARN_UNUSED;
/* One that comes when the others have been answered. */
void source_take_late_change(struct source *s, const struct fetch_data *f);
void source_take_vanished(struct source *s);
int source_changes_answered(
    struct source *s, const struct resp *r, const struct asked *a, struct err *err) WARN_UNUSED;

/* source_heads.c */
int source_imap_heads(struct source *s, struct header *io, size_t n, struct err *err) WARN_UNUSED;

/* source_lost.c */
int source_lost_header(struct source *s, uint32_t uid, struct err *err) WARN_UNUSED; /* into s->lost_header */
int source_imap_lost_header(
    struct source *s, uint32_t uid, struct slice *ret, struct err *err) WARN_UNUSED;

/* source_window.c */
struct window *source_window_new(const struct wanted *want, size_t n, unsigned ask);
void source_window_queue(struct source *s, struct window *w);
void source_window_insert(struct source *s, struct window *at, struct window *w); /* right behind it */
void source_window_drop(struct source *s, struct window *w);
void source_windows_again(struct source *s); /* nothing is under way any more: all are sent again */
struct window *source_window_of_tag(const struct source *s, uint32_t tag); /* NULL: none */
struct wanted *source_window_find(struct window *w, uint32_t uid);
void source_window_took(struct window *w, struct wanted *want); /* it needs no more of it */
struct window *source_first_unsent(const struct source *s);
/* The message of a try, which was BAD, is put aside; false: it is the only one that is left. */
bool source_try_aside(struct source *s);
enum step source_send_ahead(struct source *s, struct offer *ret, struct err *err) WARN_UNUSED;

/* source_body.c */
enum pumped { PUMP_ERR = -1, PUMP_AGAIN, PUMP_BODY };
enum pumped source_pump(struct source *s, struct err *err) WARN_UNUSED;
bool source_is_wait_code(enum resp_code c); /* the refusal says: later */
int
source_imap_ask(struct source *s, const struct want *want, size_t n, struct err *err) WARN_UNUSED;
enum step source_imap_next(struct source *s, struct offer *ret, struct err *err) WARN_UNUSED;
int source_send_body(struct source *s, int kind, uint32_t uid, enum form f, uint64_t origin,
    uint32_t *ret_tag, struct err *err) WARN_UNUSED;
bool source_is_notice(struct source *s, const struct resp *r, enum form form,
    struct err *err) WARN_UNUSED; /* err->kind says whether reading failed */
bool source_body_start(struct source *s, const struct resp *r, uint32_t uid, struct wanted *want,
    struct window *w, enum form form, const char **ret_fault, struct err *err) WARN_UNUSED;
void source_windows_free(struct source *s);
int source_skip_fetch(struct source *s, struct resp *r, struct err *err) WARN_UNUSED;

/* source_octets.c */
/* Borrowed octets of the body item that is being read; len 0: it has ended. */
int source_lend(struct source *s, struct slice *ret, struct err *err) WARN_UNUSED;
int source_imap_read(struct source *s, struct slice *ret, struct err *err) WARN_UNUSED;
void source_slice_origin(struct fetch_data *f, enum form form, uint64_t asked);

/* source_renew.c */
/* Has this connection seen so many refused commands that the server may end it, or does it deliver slowly? Then
 * nothing more is sent, and when all is answered, or at once, another one takes its place. */
bool source_is_worn(const struct source *s);
bool source_may_renew(const struct source *s); /* now */
int source_renew(struct source *s, struct err *err) WARN_UNUSED;
void source_grown_slow(struct source *s); /* so says the pace */
/* Where commands are refused, or the server is slow, may one more be sent, if all that are under way are refused, too? */
bool source_may_fail(const struct source *s);

/* source_mime.c */
/* Ask for structure and header of the message put aside. STEP_ITEM: source_mime_read gives it;
 * STEP_END: it cannot be put together, go on down the ladder. */
enum step source_mime_start(struct source *s, struct doubt *d, struct offer *ret, struct err *err);
int source_mime_read(struct source *s, struct slice *ret, struct err *err) WARN_UNUSED;
void source_mime_free(struct source *s);

/* source_rest.c */
struct doubt *
source_doubt(struct source *s, uint32_t uid, bool size_known, uint64_t size, const char *reason);
/* What the server answered when it was asked for; a refusal is told rather than an OK. d NULL: nothing. */
void source_doubt_answer(
    struct source *s, struct doubt *d, const char *command, enum resp_state state);
/* A page of messages that no listing of many has given, each by a look of its own; what is not to be had
 * so is put aside. Nothing is under way. */
int source_list_late(struct source *s, struct msg_page *ret, struct err *err) WARN_UNUSED;
enum step source_rest_next(struct source *s, struct offer *ret, struct err *err) WARN_UNUSED;
int source_alone_answered(
    struct source *s, const struct resp *r, const struct asked *a, struct err *err) WARN_UNUSED;
enum pumped source_alone_body(struct source *s, struct resp *r, struct err *err) WARN_UNUSED;
void source_meta_take(struct source *s, const struct fetch_data *f);
/* Does the number of the answer speak of another message than its UID? */
bool source_is_another(const struct source *s, const struct fetch_data *f);
void source_doubts_free(struct source *s);
/* Read until everything asked is answered; a body is an error then. */
int source_drain(struct source *s, struct err *err) WARN_UNUSED;

#endif
