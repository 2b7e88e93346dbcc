/* The inside of a batch, for the backends: records in the order in which they were told, applied in
 * that order. All text is in the batch's arena. */
#ifndef STATE_BATCH_H
#define STATE_BATCH_H

#include "state/state.h"

enum op_kind {
	OP_MESSAGE,
	OP_FLAGS,
	OP_EXPUNGED,
	OP_MIRRORED,
	OP_FORGET,
	OP_PROBLEM,
	OP_PROBLEM_SOLVED,
	OP_WARNING,
	OP_WARNING_GONE,
	OP_FOLDER,
	OP_MARK,
	OP_DEBT,
	OP_DEBT_PAID,
	OP_INTENT,
	OP_INTENT_DONE,
	OP_UNPLACED,
	OP_NUMBERED
};

struct op {
	enum op_kind kind;
	uint32_t uid;
	int64_t folder;
	enum verdict old;	/* OP_MESSAGE, OP_EXPUNGED, OP_FORGET */
	union {
		struct msg msg;		/* OP_MESSAGE; OP_FLAGS: flags and modseq */
		struct problem *problem;
		struct warning *warning;	/* OP_WARNING_GONE: without text */
		struct folder_rec *rec;
		const char *mark;
		struct intent *intent;
		struct numbered *numbered;
	};
};

struct batch {
	struct op *op;
	size_t len, cap;
	struct arena arena;
	bool overfull;		/* a text did not fit: the batch must not be committed */
	struct pending *pending;
};

/* Does it hold more than what is found out again by looking: messages, intents, debts? */
bool batch_lasts(const struct batch *b);
/* Does it hold more than what is about to be done: something that events speak of? */
bool batch_tells(const struct batch *b);

#endif
