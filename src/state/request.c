/* What each kind of request to the keeper asks of the data base, and how it stands to the others of a group. */
#include <stdlib.h>

#include "state/backend.h"
#include "state/keeper.h"

enum { NEW_ACCOUNT = -1 };

int
request_serve(
    struct request *r, const struct state_backend_ops *ops, struct backend *b, struct err *err)
{
	switch (r->kind) {
	case REQUEST_BATCH:
		return ops->apply(b, &r->lease, r->batch, err);
	case REQUEST_BARRIER:
		return 0; /* what it waits for is done by its group */
	case REQUEST_NOTE_SET:
		return ops->note_set(b, r->note.set, (size_t)r->id, err);
	case REQUEST_NOTE_GET:
		return ops->note_get(b, r->note.key, r->note.ret, err);
	case REQUEST_NOTES:
		return ops->notes(b, r->note.key, r->arena, r->note.list, r->ret_len, err);
	case REQUEST_RUN_BEGIN:
		return ops->run_begin(b, r->run.begin, r->run.ret, err);
	case REQUEST_RUNS:
		return ops->runs(b, r->arena, r->run.list, r->ret_len, err);
	case REQUEST_RUN_END:
		return ops->run_end(b, r->id, (int)r->id2, err);
	case REQUEST_CLAIM:
		return ops->claim(b, r->claim.io, r->arena, r->claim.ret, err);
	case REQUEST_ACCOUNT_END:
		return ops->account_end(
		    b, &r->lease, r->end.status, r->end.error, r->end.exit, err);
	case REQUEST_ACCOUNT_QUEUE:
		return ops->account_queue(b, r->queue, (size_t)r->id, r->arena, err);
	case REQUEST_ACCOUNT_WAIT:
		return ops->account_wait(b, &r->lease, r->account.number, r->account.why, err);
	case REQUEST_ACCOUNT_DAY:
		return ops->account_day(b, &r->lease, r->account.number, r->account.octets,
		    r->account.ret, err);
	case REQUEST_ACCOUNT_SIZE:
		return ops->account_size(b, &r->lease, r->account.octets, err);
	case REQUEST_ACCOUNTS:
		return ops->accounts(b, r->arena, r->accounts, r->ret_len, err);
	case REQUEST_ACCOUNT:
		return ops->account(
		    b, r->id, r->arena, r->one.ret, r->one.ret_sum, err);
	case REQUEST_TALLIES:
		return ops->tallies(b, r->arena, r->tallies, r->ret_len, err);
	case REQUEST_NEWEST:
		return ops->newest(b, r->arena, r->newest, r->ret_len, err);
	case REQUEST_FOLDER:
		return ops->folder(b, &r->lease, r->folder, (size_t)r->id, r->arena, err);
	case REQUEST_FOLDER_RENAME:
		return ops->folder_rename(b, &r->lease, r->rename, err);
	case REQUEST_FOLDERS:
		return ops->folders(b, r->id, r->arena, r->folders, r->ret_len, err);
	case REQUEST_UIDS:
		return ops->uids(b, r->id, r->uids.after, r->uids.ret, r->uids.most, r->ret_len, err);
	case REQUEST_PAGE:
		return ops->page(b, r->id, r->page.after, r->page.ret, err);
	case REQUEST_MESSAGE:
		return ops->message(
		    b, r->id, r->message.uid, r->arena, r->message.ret, r->message.ret_found, err);
	case REQUEST_TWIN:
		return ops->twin(b, r->id, r->twin.id, r->arena, r->twin.ret, r->twin.ret_found, err);
	case REQUEST_SHARED_COPIES:
		return ops->shared_copies(b, r->id, r->arena, r->copies, r->ret_len, err);
	case REQUEST_SUPERSEDED:
		return ops->superseded(b, r->id, r->id2, r->page.ret, err);
	case REQUEST_PROBLEMS:
		return ops->problems(b, r->id, r->arena, r->problems, r->ret_len, err);
	case REQUEST_WARNINGS:
		return ops->warnings(b, r->id, r->arena, r->warnings, r->ret_len, err);
	case REQUEST_DEBTS:
		return ops->debts(b, r->id, r->arena, r->debts, r->ret_len, err);
	case REQUEST_INTENTS:
		return ops->intents(b, r->id, r->arena, r->intents, r->ret_len, err);
	case REQUEST_NUMBERING:
		return ops->numbering(b, r->id, r->numbering, err);
	case REQUEST_SERVER_GET:
		return ops->server_get(b, r->server.name, r->server.ret, err);
	case REQUEST_SERVER_SET:
		return ops->server_set(b, r->server.name, r->server.set, err);
	case REQUEST_OUTCOME:
		return ops->outcome(b, r->outcome, err);
	case REQUEST_COMPACT:
		return ops->compact(b, err);
	case REQUEST_BACKUP:
		return ops->backup(b, r->backup, err);
	case REQUEST_SHARE:
		return ops->share(b, (enum sharing)r->id, err);
	case REQUEST_PEERS:
		return ops->peers(b, r->peers, err);
	case REQUEST_TAKE:
		return ops->take(b, r->id, r->taken, err);
	case REQUEST_RELEASE:
		return ops->release(b, r->id, err);
	case REQUEST_PLACES:
		return ops->places(b, r->places, (size_t)r->id, err);
	}
	abort(); /* no other kinds are made */
}

/* What compacts stands outside of transactions, as a read does. */
bool
request_reads(const struct request *r)
{
	switch (r->kind) {
	case REQUEST_BATCH:
	case REQUEST_BARRIER:
	case REQUEST_NOTE_SET:
	case REQUEST_RUN_BEGIN:
	case REQUEST_RUN_END:
	case REQUEST_CLAIM:
	case REQUEST_ACCOUNT_END:
	case REQUEST_ACCOUNT_QUEUE:
	case REQUEST_ACCOUNT_WAIT:
	case REQUEST_ACCOUNT_DAY:
	case REQUEST_ACCOUNT_SIZE:
	case REQUEST_FOLDER:
	case REQUEST_FOLDER_RENAME:
	case REQUEST_SERVER_SET:
	case REQUEST_SHARE:
	case REQUEST_PEERS:
	case REQUEST_TAKE:
	case REQUEST_RELEASE:
	case REQUEST_PLACES:
		return false;
	default:
		return true;
	}
}

/* What only says how far an account is (that it
 * was claimed or has ended, that a folder is as it was) may be lost with the last seconds: the next
 * run finds it out again. It is durable with the next commit that is, the run's end at the latest. The
 * record of a folder must last when it is new, since files appear in it at once: group_apply sees to
 * that, as mostly nothing about it has changed. */
bool
request_lasts(const struct request *r)
{
	switch (r->kind) {
	case REQUEST_BATCH:
		return r->batch->pending != NULL || batch_lasts(r->batch);
	case REQUEST_CLAIM:
	case REQUEST_ACCOUNT_END:
	case REQUEST_ACCOUNT_QUEUE:
	case REQUEST_ACCOUNT_WAIT:
	case REQUEST_ACCOUNT_DAY:
	case REQUEST_ACCOUNT_SIZE:
	case REQUEST_SERVER_SET:
	case REQUEST_FOLDER:
	case REQUEST_BARRIER:
	case REQUEST_SHARE:
	case REQUEST_PEERS:
	case REQUEST_TAKE:
	case REQUEST_RELEASE:
	case REQUEST_PLACES:
		return false;
	default:
		return true;
	}
}

bool
request_needs_log(const struct request *r)
{
	return (r->kind == REQUEST_BATCH && request_lasts(r) && batch_tells(r->batch)) ||
	    r->kind == REQUEST_RUN_END;
}

bool
request_may_pass(const struct request *r, const struct request *w, int64_t account)
{
	/* Who asked w waits still: nobody can tell which of the two came first. */
	if (w->kind != REQUEST_BATCH)
		return true;
	switch (r->kind) {
	case REQUEST_BATCH:
		return false;
	case REQUEST_NOTE_GET: /* batches have none of these */
	case REQUEST_NOTES:
	case REQUEST_SERVER_GET:
		return true;
	default:
		return account != 0 && w->lease.account != account;
	}
}

int64_t
request_account(const struct request *r, const struct state_backend_ops *ops, struct backend *b)
{
	int64_t account = 0;
	struct err ignored;

	switch (r->kind) {
	case REQUEST_ACCOUNT:
	case REQUEST_FOLDERS:
	case REQUEST_WARNINGS:
	case REQUEST_TAKE:
	case REQUEST_RELEASE:
		return r->id;
	case REQUEST_CLAIM:
		if (ops->account_of(b, r->claim.io->dir, &account, &ignored) < 0)
			return 0;
		return account != 0 ? account : NEW_ACCOUNT;
	case REQUEST_ACCOUNT_END:
	case REQUEST_ACCOUNT_WAIT:
	case REQUEST_ACCOUNT_DAY:
	case REQUEST_ACCOUNT_SIZE:
	case REQUEST_FOLDER:
		return r->lease.account;
	case REQUEST_PAGE:
	case REQUEST_UIDS:
	case REQUEST_MESSAGE:
	case REQUEST_TWIN:
	case REQUEST_SHARED_COPIES:
	case REQUEST_SUPERSEDED:
	case REQUEST_PROBLEMS:
	case REQUEST_DEBTS:
	case REQUEST_INTENTS:
	case REQUEST_NUMBERING:
		return ops->folder_account(b, r->id, &account, &ignored) == 0 ? account : 0;
	default:
		return 0;
	}
}
