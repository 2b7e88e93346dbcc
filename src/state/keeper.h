/* Requests to the keeper, for the calls of state.h that are one each (state.c). */
#ifndef STATE_KEEPER_H
#define STATE_KEEPER_H

#include <semaphore.h>

#include "state/state.h"

enum request_kind {
	REQUEST_BATCH,
	REQUEST_BARRIER,
	REQUEST_NOTE_SET,
	REQUEST_NOTE_GET,
	REQUEST_NOTES,
	REQUEST_RUN_BEGIN,
	REQUEST_RUN_END,
	REQUEST_RUNS,
	REQUEST_CLAIM,
	REQUEST_ACCOUNT_END,
	REQUEST_ACCOUNT_QUEUE,
	REQUEST_ACCOUNT_WAIT,
	REQUEST_ACCOUNT_DAY,
	REQUEST_ACCOUNT_SIZE,
	REQUEST_ACCOUNTS,
	REQUEST_ACCOUNT,
	REQUEST_TALLIES,
	REQUEST_NEWEST,
	REQUEST_FOLDER,
	REQUEST_FOLDER_RENAME,
	REQUEST_FOLDERS,
	REQUEST_PAGE,
	REQUEST_UIDS,
	REQUEST_MESSAGE,
	REQUEST_TWIN,
	REQUEST_SHARED_COPIES,
	REQUEST_SUPERSEDED,
	REQUEST_PROBLEMS,
	REQUEST_WARNINGS,
	REQUEST_DEBTS,
	REQUEST_INTENTS,
	REQUEST_NUMBERING,
	REQUEST_SERVER_GET,
	REQUEST_SERVER_SET,
	REQUEST_OUTCOME,
	REQUEST_COMPACT,
	REQUEST_BACKUP,
	REQUEST_SHARE,
	REQUEST_PEERS,
	REQUEST_TAKE,
	REQUEST_RELEASE,
	REQUEST_PLACES
};

struct request {
	enum request_kind kind;
	int rc;
	struct err err; /* filled when rc < 0 */
	sem_t *answered; /* whoever asked waits for it; NULL: nobody waits */
	struct lease lease;
	struct arena *arena;
	int64_t id, id2; /* row ids; uid, run, exit code and a number of records where they belong */
	size_t *ret_len;
	union {
		struct batch *batch;
		struct {
			const struct job_note *set;
			const char *key; /* or prefix */
			char **ret;
			struct job_note **list;
		} note;
		struct {
			const struct run_rec *begin;
			int64_t *ret;
			struct run_rec **list;
		} run;
		struct account_rec *queue;
		struct {
			int64_t number; /* until, or the day */
			const char *why;
			uint64_t octets, *ret;
		} account;
		struct {
			struct account_rec *io;
			struct lease *ret;
		} claim;
		struct {
			enum account_status status;
			const char *error;
			int exit;
		} end;
		struct account_rec **accounts;
		struct {
			struct account_rec *ret;
			struct tally *ret_sum;
		} one;
		struct tally **tallies;
		struct newest **newest;
		struct folder_rec *folder;
		const struct folder_renaming *rename;
		struct folder_rec **folders;
		struct {
			uint32_t after;
			struct msg_page *ret;
		} page;
		struct {
			uint32_t after, *ret;
			size_t most;
		} uids;
		struct {
			uint32_t uid;
			struct msg *ret;
			bool *ret_found;
		} message;
		struct {
			uint64_t id;
			struct twin *ret;
			bool *ret_found;
		} twin;
		struct problem **problems;
		struct warning **warnings;
		uint32_t **debts, **copies;
		struct intent **intents;
		struct numbering *numbering;
		struct {
			const char *name;
			struct server_facts *ret;
			const struct server_facts *set;
		} server;
		int *outcome;
		const char *backup;
		struct peers *peers;
		enum taken *taken;
		struct place *places;
	};
};

struct backend;
struct state_backend_ops;

/* ---- request.c: the kinds of requests ---- */
/* One request on the handle. */
int request_serve(struct request *r, const struct state_backend_ops *ops, struct backend *b,
    struct err *err) WARN_UNUSED;
/* Is it served outside of the transaction of a group? */
bool request_reads(const struct request *r);
/* Must it survive a power cut as soon as it is answered? */
bool request_lasts(const struct request *r);
/* Must the event log, which speaks of it, be durable first? */
bool request_needs_log(const struct request *r);
/* The account that r is about; 0: all, or unknown. */
int64_t request_account(
    const struct request *r, const struct state_backend_ops *ops, struct backend *b);
/* Is it all one whether r, which is about that account, is served before w, which stands in front of it? */
bool request_may_pass(const struct request *r, const struct request *w, int64_t account);

/* ---- keeper.c ---- */
/* Ask and wait for the answer; when reading, run it at once. */
int state_ask(struct state *t, struct request *r, struct err *err) WARN_UNUSED;

#endif
