/* The one loop between a source and a sink: a lane copies folders, one after the other, with its
 * own session, sink and batch. Lanes of one account share the state, the progress numbers, and the pool
 * in which they give one another bodies to fetch. */
#ifndef ENGINE_COPY_H
#define ENGINE_COPY_H

#include <pthread.h>

#include "base/digest.h"
#include "engine/job.h"
#include "engine/pool.h"
#include "engine/room.h"
#include "engine/select.h"
#include "imap/limits.h"
#include "store/sink.h"
#include "store/source.h"

enum {
	LANE_PAGES = 3,
	BATCH_MS = 5000,
	BATCH_RECORDS = 8192,
	BATCH_FILES_MAX = 3072,
	CUTS_ALONE = 2,
	CLOSING_MAX = 64,
	CLOSING_MS = 10 * 1000
};

enum lane_end { END_SOURCE, END_DEST };

/* What the lanes of one account share. */
struct shared {
	pthread_mutex_t mutex;
	pthread_cond_t learnt; /* facts.works_form is known, or nobody will find it out any more */
	struct server_facts facts;
	const char *host_port;
	bool settled; /* the first lane has ended */
	bool in_clear_told[HOST_ENDS]; /* of the connections to each end, that one is not encrypted */
	bool search_taken; /* the server has answered --search with OK, now or in an earlier run */
	struct pool *pool; /* there are several lanes; NULL: one */
	/* outcome.c: warnings of what the server answered, by event and folder, that this run has told */
	bool warned; /* some stood when it began */
	struct told *told;
	size_t n_told;
	/* forecast.h */
	struct room *quota; /* what that of the destination leaves; NULL: no limit is known */
	bool promised; /* all of the account is; else each page promises what it asks for */
	struct room_share disk_share, quota_share;
	/* day.c */
	uint64_t day_left, day_before; /* when the run began: octets that may be fetched, and that had come */
	atomic_ullong day_asked; /* by all lanes, and not come so far */
};

/* A page of the listing whose bodies are under way. */
struct live {
	struct msg_page *page; /* NULL: not needed so far; it is large */
	uint8_t old[PAGE_MSGS]; /* enum verdict of the row, VERDICTS: none */
	bool wanted[PAGE_MSGS];
	bool used;
	bool lent; /* its bodies are on the board */
	bool cut; /* of some it wants is not asked today */
	uint64_t intents; /* ticket of the batch that has them (state_wait) */
};

/* A message that a helper has brought, while it is stored; part NULL: none. */
struct brought {
	struct spool *spool;
	const struct part *part;
	uint64_t read;
};

/* A folder whose messages all have their verdicts. Its index files and its proof wait for others,
 * so that a barrier serves many folders; killed before, it is listed again and nothing is read
 * twice. */
struct closing {
	struct planned *plan;
	struct folder_rec rec;
	struct folder_at *at;
	struct arena arena; /* texts of rec */
	uint64_t batch; /* all its rows are in the batch of that number; 0: the state has some, or other records */
};

struct lane {
	const struct job *job;
	struct shared *shared;
	const struct source_ops *source_ops;
	const struct sink_ops *sink_ops;
	struct source *source;
	struct sink *sink;
	struct lease lease;
	const struct sink_place *place; /* where its sink writes; NULL: it has none */
	struct tree *tree; /* what is there already, while it is read back (rebuilt.c) */
	const struct folder_rec *known; /* of the account, from the state, when the run began */
	size_t n_known;
	struct arena known_again; /* records that were read once more */
	struct batch *batch;
	uint64_t batch_no; /* of this lane, from 1 */
	int64_t batch_began_ms;
	struct digest *digest;
	struct head *header; /* of the body that is read */
	const char *account;
	/* the folder */
	struct planned *plan;
	struct folder_rec rec;
	struct folder_head head;
	uint64_t fresh; /* the batch at hand when a folder without rows was opened; 0: it has some */
	struct since since; /* what the source was told; used if head.since */
	struct folder_at *at;
	struct closing closing[CLOSING_MAX];
	size_t n_closing; /* the next slot's arena holds the texts of rec */
	int64_t closing_since_ms;
	struct live live[LANE_PAGES];
	struct board *board; /* of a folder that others help with (pool.h); NULL: nobody does */
	bool board_open;
	struct portion *asked[PORTIONS_AHEAD]; /* by this connection, in that order */
	size_t n_asked;
	struct brought brought;
	struct msg_page *rows; /* of the state, merged with the listing; see lane_rows */
	size_t row_at;
	uint32_t rows_after;
	bool rows_end, has_rows, merged;
	struct uidset missing; /* rows that the listing did not show */
	struct uidset owed;
	struct { /* the folder whose debt was written down last: a lost connection leaves it unpaid */
		const struct planned *plan;
		int64_t folder;
		uint32_t uidvalidity;
	} owing;
	uint64_t twins; /* messages that are stored in another folder already (twins.c) */
	bool twins_ready; /* what came before is committed */
	struct renewed *renewed; /* messages of the folder that are known by other UIDs; NULL: none */
	struct former *former; /* copies that rows of older records name; NULL: not asked for so far */
	struct numbering numbering; /* of a source without UIDs: what the state has for the folder */
	/* a sink with SINK_INTENT (placing.c) */
	struct uidset intended; /* messages of the folder that have an intent and no outcome */
	uint64_t intents; /* ticket of the batch with the newest */
	struct uidset careful; /* to be offered again, looked for first; not listed yet: doubtful */
	struct msg *care; /* those of them whose metadata are known, by UID when care_sorted */
	size_t n_care;
	bool care_sorted;
	struct arena care_arena; /* their texts */
	uint64_t doubled; /* copies in the folder that are one too many */
	int64_t doubt_until_ms; /* wall time before which a doubtful one is not sent again */
	uint64_t excluded; /* messages that the selection leaves out */
	bool changed; /* something was stored or amended: index files are written again */
	bool rebuilt_told; /* of the folder */
	uint64_t count, counted; /* messages with a verdict: since the folder was entered, and the most so far */
	uint64_t stored; /* by this lane, for the reconnect bound */
	/* messages at which the connection was lost */
	struct cut {
		uint32_t uid;
		unsigned times;
	} cut;
	unsigned listings_cut; /* times the connection was lost while the folder was listed */
	bool sizeless_told; /* that it is listed without sizes now */
	struct uidset isolated; /* read alone, at the end of the folder */
	struct uidset struck; /* an earlier run has given them up: one more end is enough */
	struct uidset skip; /* given up: not read again in this run */
	struct uidset headless; /* of those, messages whose header is still to be asked for, to name them by it */
	const char *cut_folder;
	struct room_share disk_share, quota_share; /* of the open folder (forecast.h) */
	uint64_t day_asked;
};

/* `place`: where its sink writes, complete; NULL: the lane only helps, and has none. */
int lane_init(struct lane *l, const struct job *job, struct shared *shared, const char *account,
    const struct sink_place *place, const struct lease *lease, struct err *err) WARN_UNUSED;
void lane_done(struct lane *l);
/* One folder to its end: every message has a verdict, the proof is taken, all is committed. -1: see
 * *err; scope FOLDER: the next one may go on; scope SESSION: connect again and repeat, what is
 * committed is not read again. */
int lane_copy(struct lane *l, struct planned *f, struct err *err) WARN_UNUSED;
/* Records for all folders that will be entered and whose UIDVALIDITY is known, in one commit: else
 * each would wait for the barrier that is under way. */
int lane_prepare(struct lane *l, struct plan *plan, struct err *err) WARN_UNUSED;
/* Tell the sink all names before it is asked for the first. */
void lane_survey(struct lane *l, const struct plan *plan);
/* A folder that is only recorded: excluded, or failed with why. */
int lane_record(struct lane *l, struct planned *f, const char *failed, struct err *err) WARN_UNUSED;
/* Write index files and proofs of the folders that wait for it into the batch. */
int lane_close_folders(struct lane *l, struct err *err) WARN_UNUSED;
/* Commit what is sealed; with `wait`, durable on return. */
int lane_flush(struct lane *l, bool wait, struct err *err) WARN_UNUSED;
/* Notes of the source become events and standing warnings; what was learnt about the server reaches
 * the other lanes and the state. */
int lane_tell(struct lane *l, struct err *err) WARN_UNUSED;

/* So many more messages of the folder have their verdict, for the display. Those that were counted before the
 * connection was lost are not counted again. */
void lane_count(struct lane *l, uint64_t messages);
/* Flush when the batch is as large or as old as it should get. */
int lane_flush_if_full(struct lane *l, struct err *err) WARN_UNUSED;

/* lend.c: the owner's side of pool.h */
/* Ask for these of a page, or lend them. */
int lane_ask(struct lane *l, struct live *v, const struct want *want, size_t n, uint64_t octets,
    struct err *err) WARN_UNUSED;
/* Everything that was asked of a page, whoever has read it. */
int lane_take_page(struct lane *l, struct live *v, struct err *err) WARN_UNUSED;
bool lane_has_unasked(const struct lane *l); /* the source may be asked for more of the folder */
/* A form of asking has been found that helpers may use: now they begin. */
int lane_lend_when_ready(struct lane *l, struct err *err) WARN_UNUSED;
/* Octets of the message at hand, from the source or as a helper has brought it; as source_ops.read. */
int lane_read(struct lane *l, struct slice *ret, struct err *err) WARN_UNUSED;
/* The session is lost: what helpers have brought is stored all the same. */
void lane_keep_brought(struct lane *l);
void lane_lend_over(struct lane *l); /* nothing is lent any more; what is under way is nobody's */

/* day.c */
uint64_t lane_day_left(const struct lane *l); /* octets that may be asked for; UINT64_MAX: no limit */
void lane_day_asked(struct lane *l, uint64_t octets);
void lane_day_came(struct lane *l, uint64_t octets); /* or will not, in this way; never more than was asked for */
bool lane_day_spent(const struct lane *l); /* has so much come already? */
int lane_day_over(struct err *err) WARN_UNUSED; /* -1, ERR_DAY */

/* copy.c */
uint64_t lane_octets_of(const struct msg *m); /* as stated, for room and limits; 0: not stated, or more than can come */

/* take.c */
void lane_keep_rate(const struct lane *l, size_t octets); /* of what was received */
struct offer;
int lane_take_body(struct lane *l, const struct offer *o, struct err *err) WARN_UNUSED;
int lane_take_verdict(struct lane *l, const struct offer *o, struct err *err) WARN_UNUSED;
/* Nothing more is asked for: it has failed, in these words. */
void lane_take_none(struct lane *l, uint32_t uid, const char *reason);

/* copy.c */
/* It is asked for, and its row may say that connections have ended at it. */
void lane_expect_cut(struct lane *l, const struct msg *row);

/* rows.c */
struct msg_page *lane_rows(struct lane *l); /* made when it is first asked for */
int lane_feed_rows(void *arg, uint32_t after, struct msg_page *ret,
    struct err *err) WARN_UNUSED; /* a row_feed of l->rec */
/* One listed message against its row: stored ones are brought up to date, missing ones marked as
 * wanted. */
int lane_sort(struct lane *l, struct live *v, size_t i, struct err *err) WARN_UNUSED;
/* Flags as they are now, and whether it has come back. */
int lane_compare_stored(
    struct lane *l, const struct msg *now, const struct msg *row, struct err *err) WARN_UNUSED;
/* Its copy is one: on a server whose folder has been made anew it is none (UIDVALIDITY). */
bool lane_row_holds(const struct lane *l, const struct msg *row);
int lane_rows_left(
    struct lane *l, struct err *err) WARN_UNUSED; /* rows behind the end of the listing */
int lane_mark_expunged(struct lane *l, struct err *err) WARN_UNUSED;
/* A row of l->rec whose copy is lost, and the source no longer has it: that stands, and is told, as long as nobody
 * puts the copy back; unless copies of what is gone are to go (--mirror). */
int lane_lost_expunged(struct lane *l, const struct msg *row, struct err *err) WARN_UNUSED;

/* since.c */
enum { SINCE_MIN = 256 }; /* messages; a smaller folder is listed in the time of one more round trip */
/* Has an account folders for which it will be worth it? */
bool since_pays(const struct folder_rec *known, size_t n);
/* Is so much known of the folder that it is enough to ask what has changed? */
bool lane_since(const struct lane *l, const struct folder *f, const struct folder_rec *known,
    struct since *ret);
/* The changes of what is known; then the listing goes on with what is new, or, where they are not to
 * be believed, with all. */
int lane_take_changes(struct lane *l, struct err *err) WARN_UNUSED;

/* renewed.c: a folder with another UIDVALIDITY */
/* Which of its messages are stored already: they are adopted as they are listed. */
int lane_recognise(struct lane *l, struct err *err) WARN_UNUSED;
/* *ret_done: it was one of them, and is stored now. */
int lane_adopt(struct lane *l, const struct msg *m, bool *ret_done, struct err *err) WARN_UNUSED;
void lane_forget_renewed(struct lane *l);

/* former.c: a row_feed's `placed` */
int lane_placed_before(void *arg, uint32_t uid, uint32_t copy, struct arena *a, struct msg *ret, bool *ret_there,
    struct err *err) WARN_UNUSED;
void lane_forget_former(struct lane *l);

/* gone.c: nothing is left of the directory of a folder that has copies */
bool lane_copies_gone(const struct lane *l, const struct folder_rec *r);
/* Then they are lost, and the folder is begun anew; before the sink opens it. Durable on return. */
int lane_note_gone(struct lane *l, struct err *err) WARN_UNUSED;

/* rebuilt.c: a state that is a backup */
/* Messages of the folder, and of its older records, that only their sidecar tells of get their rows; before the
 * sink opens it. Durable on return. */
int lane_rebuild(struct lane *l, struct err *err) WARN_UNUSED;
/* The same of folders that no run opens any more, with records for them; at the end of the account, once after each time
 * that a backup is put back. Durable on return. */
int lane_rebuild_gone(struct lane *l, const char *account_dir, struct err *err) WARN_UNUSED;
void lane_forget_rebuilt(struct lane *l);

/* twins.c: messages that lie in several folders */
/* *ret_done false: it is to be fetched. `old` as lane_good has it. */
int lane_take_twin(struct lane *l, const struct msg *m, enum verdict old, bool *ret_done, struct err *err) WARN_UNUSED;
void lane_tell_twins(struct lane *l); /* of the folder that ends */

/* numbers.c: sources without UIDs */
/* What the state knows of a folder, for the debts of an earlier run, and before it is listed. */
int lane_load_numbers(struct lane *l, int64_t folder, struct err *err) WARN_UNUSED;
/* The messages of the open folder have UIDs when this returns, and they are durable. */
int lane_number(struct lane *l, struct err *err) WARN_UNUSED;

/* record.c */
bool lane_all_good(const struct folder_rec *r); /* no verdict of it is bad */
/* Are copies of its messages lost? */
int lane_has_lost(struct lane *l, const struct folder_rec *r, bool *ret, struct err *err) WARN_UNUSED;
/* The record of a name when the run began: the current one, or with a UIDVALIDITY exactly that;
 * NULL: none. */
const struct folder_rec *
lane_known(const struct lane *l, struct slice name, const uint32_t *uidvalidity);
/* Read them once more, for this lane: one that this run has made is of before now, since the UIDVALIDITY of its
 * folder has changed. What was given of them before is void. */
int lane_know_again(struct lane *l, struct err *err) WARN_UNUSED;
/* What is tried again changes a folder that the record calls proved: until it is closed it is not, so that a run
 * that ends before does not leave it without its last steps. With the next batch. */
void lane_rec_begin_again(struct lane *l);
int lane_rec_start(
    struct lane *l, const struct planned *f, uint32_t uidvalidity, struct err *err) WARN_UNUSED;
/* The record gets the id of the folder that was entered (OBJECTID), if it has one. */
void lane_take_id(struct lane *l);
/* Nothing to do by the counts alone (rules.md 1.6). */
bool lane_unchanged(
    const struct lane *l, const struct folder *f, const struct folder_rec *r);
int lane_carry_over(struct lane *l, const struct folder_rec *known, struct err *err) WARN_UNUSED;

/* searched.c: must no folder be entered just to ask --search? And: the open folder was asked, with success. */
bool lane_search_settled(const struct lane *l);
int lane_search_taken(struct lane *l, struct err *err) WARN_UNUSED;

/* placing.c: messages whose end is known later, from the sink */
bool lane_intends(const struct lane *l);
bool lane_sink_broken(const struct lane *l); /* its session is gone */
/* Intents for the wanted messages of a page. They are durable when lane_wait_intents returns, and those of
 * the page ahead need not be; NULL: a message that is in no page, all intents of the folder. */
int lane_intend(struct lane *l, struct live *v, struct err *err) WARN_UNUSED;
/* The same for one that no listing has given, if it has none. */
int lane_intend_one(struct lane *l, const struct msg *m, struct err *err) WARN_UNUSED;
int lane_wait_intents(struct lane *l, const struct live *v, struct err *err) WARN_UNUSED;
/* A folder of a server has been opened: what an earlier run left in doubt, and what of its rows is
 * void. */
int lane_open_target(struct lane *l, struct err *err) WARN_UNUSED;
bool lane_is_careful(const struct lane *l, uint32_t uid);
void lane_keep_meta(struct lane *l, const struct msg *m); /* of a careful one, as listed */
struct msg *lane_careful_meta(struct lane *l, uint32_t uid);
/* Outcomes that are known; with `wait` all of them. */
int lane_outcomes(struct lane *l, bool wait, struct err *err) WARN_UNUSED;
void lane_settled(struct lane *l, uint32_t uid); /* it has a verdict: no intent any more */
/* Offer the careful ones again, until each has an outcome. */
int lane_place_rest(struct lane *l, struct err *err) WARN_UNUSED;
/* Careful ones that the listing, which has ended, did not show: there is nothing to place. */
void lane_forget_unlisted(struct lane *l);
/* The folder is left before its end: take what answers there are, drop intents of messages that were
 * never sent. */
void lane_put_down(struct lane *l);
int lane_take_answers(struct lane *l, struct err *err) WARN_UNUSED; /* copy.c */

/* delete_extra.c: after all folders are closed. account_dir: as below mail/. What cannot be done safely is a
 * standing warning of its folder, not an error. */
int lane_delete_extra(struct lane *l, struct plan *plan, const char *account_dir,
    struct err *err) WARN_UNUSED;

/* mirror.c: after all folders are closed, too. What the source has expunged goes from the copies; what
 * stays of that is a standing warning of its folder. */
int lane_mirror(struct lane *l, struct plan *plan, const char *account_dir, struct err *err) WARN_UNUSED;

/* closing.c */
/* What an earlier run owes, or this one before it lost the connection, is paid before the flags are
 * read again. known: NULL: the folder is new in this run. */
int lane_pay_old(struct lane *l, const struct folder_rec *known, struct err *err) WARN_UNUSED;
int lane_close_folder(struct lane *l, struct err *err) WARN_UNUSED;
/* Of each message that is there under the old numbering and that of the record `by` one copy goes, matched
 * by digest: the older one. Durable on return. */
int lane_drop_superseded(struct lane *l, const struct folder_rec *old, int64_t by,
    struct err *err) WARN_UNUSED;

/* outcome.c: what became of one message, into the batch and the log. */
void
lane_warn(struct lane *l, enum event_no no, uint32_t uid, const char *fmt, ...) PRINTF_LIKE(4, 5);
void lane_insecure(struct lane *l, enum lane_end end, const char *text, struct batch *b);
void lane_event(struct lane *l, enum event_no no, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* What was told of a server's answers and was not met again by this run falls: of a folder that was read to its
 * end, and of the list of folders when all is done. */
void lane_passed_folder(struct lane *l, const struct planned *f);
void lane_passed_list(struct lane *l, const struct plan *plan);
void shared_told_free(struct shared *sh);
void lane_good(struct lane *l, const struct msg *m, enum verdict old);
/* Its copy is lost, and why it could not be replaced now; a row that is lost stays that, whatever the source says. */
void lane_still_lost(struct lane *l, const struct msg *row, const char *why);
/* What is told of a message that has no good verdict, beside it. */
struct lost_words {
	const char *command, *reply; /* NULL: none */
	uint64_t reply_bytes; /* of all of it; 0: as many as there are */
	bool refused; /* the reply is an error */
	struct slice header;
};
void lane_lost(struct lane *l, const struct msg *m, enum verdict old, const struct lost_words *lost);
/* The same once more, and nothing else: its header is known now. */
void lane_lost_header(struct lane *l, const struct msg *m, const struct lost_words *lost);

#endif
