/* What stands behind the state: one struct of functions per kind of database. Each function is
 * one short piece of work on the handle, called by one thread at a time (under one of the keeper's
 * mutexes); what writes is durable on return, or at the end of the
 * group it is in. Meaning of arguments and results: state.h. */
#ifndef STATE_BACKEND_H
#define STATE_BACKEND_H

#include "state/batch.h"
#include "state/state.h"

struct backend;

struct state_backend_ops {
	const char *name;
	/* Checks version and, but for a glance, health. */
	int (*open)(struct backend **ret, const char *job_dir, enum state_mode mode, struct err *err);
	void (*close)(struct backend **b);
	int (*unclean)(struct backend *b, bool *ret, struct err *err);
	/* Be known as a process at work, until it is closed; beside: others may share the job. */
	int (*join)(struct backend *b, bool beside, struct err *err);
	int (*share)(struct backend *b, enum sharing s, struct err *err);
	int (*peers)(struct backend *b, struct peers *ret, struct err *err);
	int (*take)(struct backend *b, int64_t account, enum taken *ret, struct err *err);
	int (*release)(struct backend *b, int64_t account, struct err *err);
	int (*places)(struct backend *b, struct place *io, size_t n, struct err *err);
	/* Many writing functions as one transaction, durable at its end; one that fails in it undoes
	 * itself alone. lost: one that failed took the whole transaction with it, which is to be
	 * ended with keep false: nothing of it is there. -1 of the end: likewise. */
	int (*group_begin)(struct backend *b, struct err *err);
	/* Between transactions: must the next ones be durable on return, or may they become so with
	 * the next that must? */
	int (*durable)(struct backend *b, bool now, struct err *err);
	int64_t (*changes)(struct backend *b); /* rows written since it was opened */
	int (*settle)(struct backend *b, struct err *err); /* what could wait is durable on return */
	bool (*group_lost)(struct backend *b);
	int (*group_end)(struct backend *b, bool keep, struct err *err);
	/* All or nothing, after a check of the lease's epoch. */
	int (*apply)(
	    struct backend *b, const struct lease *l, const struct batch *batch, struct err *err);

	/* Short texts of the job by key; *ret is malloc'ed, NULL when absent. */
	int (*note_set)(
	    struct backend *b, const struct job_note *note, size_t n, struct err *err);
	int (*notes)(struct backend *b, const char *prefix, struct arena *a, struct job_note **ret,
	    size_t *ret_len, struct err *err);
	int (*note_get)(struct backend *b, const char *key, char **ret, struct err *err);
	/* r: version, options, who, host and pid. */
	int (*run_begin)(
	    struct backend *b, const struct run_rec *r, int64_t *ret, struct err *err);
	int (*runs)(struct backend *b, struct arena *a, struct run_rec **ret, size_t *ret_len,
	    struct err *err);
	int (*run_end)(struct backend *b, int64_t run, int exit_code, struct err *err);

	int (*claim)(struct backend *b, struct account_rec *io, struct arena *a, struct lease *ret,
	    struct err *err);
	int (*account_end)(struct backend *b, const struct lease *l, enum account_status s,
	    const char *error, int error_exit, struct err *err);
	int (*account_queue)(struct backend *b, struct account_rec *io, size_t n, struct arena *a,
	    struct err *err);
	int (*account_wait)(struct backend *b, const struct lease *l, int64_t until_ms,
	    const char *why, struct err *err);
	int (*account_day)(struct backend *b, const struct lease *l, int64_t day, uint64_t octets,
	    uint64_t *ret_total, struct err *err);
	int (*account_size)(
	    struct backend *b, const struct lease *l, uint64_t octets, struct err *err);
	int (*accounts)(struct backend *b, struct arena *a, struct account_rec **ret,
	    size_t *ret_len, struct err *err);

	int (*account)(struct backend *b, int64_t id, struct arena *a, struct account_rec *ret,
	    struct tally *ret_sum, struct err *err);
	int (*newest)(struct backend *b, struct arena *a, struct newest **ret, size_t *ret_len,
	    struct err *err);
	int (*tallies)(struct backend *b, struct arena *a, struct tally **ret, size_t *ret_len,
	    struct err *err);

	int (*folder)(struct backend *b, const struct lease *l, struct folder_rec *io, size_t n,
	    struct arena *a, struct err *err);
	int (*folder_rename)(struct backend *b, const struct lease *l,
	    const struct folder_renaming *r, struct err *err);
	int (*folders)(struct backend *b, int64_t account, struct arena *a, struct folder_rec **ret,
	    size_t *ret_len, struct err *err);
	/* The account of that directory; 0: none. */
	int (*account_of)(struct backend *b, const char *dir, int64_t *ret, struct err *err);
	/* The account it belongs to; 0: no such folder. */
	int (*folder_account)(struct backend *b, int64_t folder, int64_t *ret, struct err *err);
	int (*page)(struct backend *b, int64_t folder, uint32_t after, struct msg_page *ret,
	    struct err *err);
	int (*uids)(struct backend *b, int64_t folder, uint32_t after, uint32_t *ret, size_t most,
	    size_t *ret_len, struct err *err);
	int (*message)(struct backend *b, int64_t folder, uint32_t uid, struct arena *a,
	    struct msg *ret, bool *ret_found, struct err *err);
	int (*twin)(struct backend *b, int64_t folder, uint64_t gm_msgid, struct arena *a,
	    struct twin *ret, bool *ret_found, struct err *err);
	int (*shared_copies)(struct backend *b, int64_t folder, struct arena *a, uint32_t **ret,
	    size_t *ret_len, struct err *err);
	int (*superseded)(struct backend *b, int64_t old_folder, int64_t new_folder,
	    struct msg_page *ret, struct err *err);
	int (*problems)(struct backend *b, int64_t folder, struct arena *a, struct problem **ret,
	    size_t *ret_len, struct err *err);
	int (*warnings)(struct backend *b, int64_t account, struct arena *a, struct warning **ret,
	    size_t *ret_len, struct err *err);
	int (*debts)(struct backend *b, int64_t folder, struct arena *a, uint32_t **ret,
	    size_t *ret_len, struct err *err);
	int (*intents)(struct backend *b, int64_t folder, struct arena *a, struct intent **ret,
	    size_t *ret_len, struct err *err);

	int (*numbering)(
	    struct backend *b, int64_t folder, struct numbering *ret, struct err *err);

	int (*server_get)(
	    struct backend *b, const char *host_port, struct server_facts *ret, struct err *err);
	int (*server_set)(struct backend *b, const char *host_port, const struct server_facts *f,
	    struct err *err);
	int (*outcome)(struct backend *b, int *ret, struct err *err);
	int (*compact)(struct backend *b, struct err *err); /* outside of a group */
	int (*backup)(struct backend *b, const char *path, struct err *err);
};

extern const struct state_backend_ops state_sqlite;

#endif
