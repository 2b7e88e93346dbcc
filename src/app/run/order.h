/* What `imex job` has to say to the process that runs a job, and its answer: two small files in the
 * job directory. "imex.ask.ID" is made under another name and renamed, so that it is whole; the
 * process looks for such files each second, takes one away before it acts, and writes
 * "imex.answer.ID", which the asker takes away. What was not taken in time the asker withdraws.
 *
 * A request names the process that it is for by the whole text of imex.lock (pid, host, begin), so
 * that one which a dead process has left never acts on a later run. A socket in DIR would need no
 * polling, but its path may have no more than 107 octets; a signal carries no text.
 *
 * Who may write into DIR may ask. What is read is not trusted: a regular file of the same user, of
 * bounded size, parsed as JSON. */
#ifndef APP_RUN_ORDER_H
#define APP_RUN_ORDER_H

#include <stdbool.h>

#include "base/err.h"

enum { ORDER_WORD_MAX = 32, ORDER_TEXT_MAX = 2048, ORDER_ID_MAX = 24 };

struct order {
	char word[ORDER_WORD_MAX];	/* "pause" */
	char text[ORDER_TEXT_MAX];	/* an account, a size; "" */
	char id[ORDER_ID_MAX];		/* of its files; filled by order_next */
};

struct order_answer {
	int code;			/* 0: done; else an exit code, and the text is an error */
	char text[ORDER_TEXT_MAX];
};

/* Ask the process that runs the job in `dir`, and wait for its answer up to wait_ms. ERR_NO_INPUT: no
 * process runs it; ERR_BUSY: there was no answer, and the request is withdrawn, or it was taken and
 * may act yet, as *err says. */
int order_send(const char *dir, const struct order *o, int64_t wait_ms, struct order_answer *ret,
    struct err *err) WARN_UNUSED;

/* ---- the process that runs the job ---- */
struct order_desk;

/* The job is locked by this process. What is left of requests to others is removed, answers
 * when nobody can wait for them any more. */
int order_desk_open(struct order_desk **ret, const char *dir, struct err *err) WARN_UNUSED;
void order_desk_close(struct order_desk **d);
/* The next request, taken away. False: none now. */
bool order_next(struct order_desk *d, struct order *ret);
/* An answer that cannot be written is not given. */
void order_reply(struct order_desk *d, const struct order *o, const struct order_answer *a);

/* Pieces that tests look at. */
/* JSON text of a request for the process of that lock text, and back. */
struct buf;
void order_text(const struct order *o, const char *lock, struct buf *out);
bool order_parse(const char *text, size_t len, const char *lock, struct order *ret);

#endif
