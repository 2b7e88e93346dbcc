/* What several connections of one account read of the same folder.
 *
 * A folder has one owner: the lane that listed it, and that alone writes into the sink, gives verdicts, pays
 * debts and takes the proof. It cuts a page of what it wants into portions, disjoint and in the order of UIDs,
 * and lays them on a board. It takes portions from there itself, and so do helpers: lanes with nothing of
 * their own to do. A helper brings octets and their digest, in a spool for each portion; the owner stores
 * them when their turn has come, so that a folder is written in the same order whoever read it. What a
 * helper does not get whole is left to the owner, who asks for it at the end of the page.
 *
 * Rejected: a sink for each lane. Sidecar, keywords, marks and intents are one writer's, and would need
 * locks in every format; here no sink knows of it. */
#ifndef ENGINE_POOL_H
#define ENGINE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/digest.h"
#include "base/spool.h"
#include "engine/select.h"
#include "store/source.h"

enum {
	PORTION_MSGS = 200,
	PORTION_MSGS_MIN = 16,
	PORTION_OCTETS = 2 * 1024 * 1024, /* and what a portion holds in memory; beyond it in a file */
	POOL_HELD_MAX = 32 * 1024 * 1024, /* of all portions that helpers have and owners have not stored */
	PORTIONS_AHEAD = 3 /* asked for by one connection at the same time */
};

enum part_end {
	PART_OPEN,
	PART_BROUGHT, /* `len` octets of the spool from `at` */
	PART_LEFT, /* a helper asked for it and did not get it whole */
	PART_STORED
};

struct part {
	struct want want;
	enum part_end end;
	uint64_t at, len;
	uint8_t sha256[SHA256_LEN];
};

enum portion_state {
	PORTION_FREE, /* nobody reads what is open of it */
	PORTION_ASKED, /* its owner does */
	PORTION_LENT, /* a helper does; the parts and the spool are that one's */
	PORTION_BACK, /* a helper has asked for all of it */
	PORTION_DONE /* its owner has had its answers */
};

struct board;
struct pool;
struct live;

struct portion {
	struct portion *next;
	struct board *board; /* NULL: given up by its owner, for the helper to free */
	const struct live *page;
	enum portion_state state;
	bool alone; /* for the owner alone */
	struct spool *spool; /* NULL: nothing was brought */
	uint64_t held; /* of POOL_HELD_MAX, while a helper has it or its octets wait */
	size_t n;
	struct part part[];
};

/* What is to be done for one board. */
struct errand {
	uint64_t board; /* never used again for another one */
	struct planned *plan;
	uint32_t uidvalidity;
};

/* dir: where octets wait that do not fit into memory. */
struct pool *pool_new(const char *dir, struct cancel *stop);
void pool_free(struct pool **p); /* NULL in *p: nothing. There is no board and no helper */
/* Lanes that have folders, or may yet: as long as there are some, helpers wait for work. */
void pool_owners(struct pool *p, int more);
/* Lanes that help, or are about to: a folder is lent as long as there is another lane of either kind. */
void pool_helpers(struct pool *p, int more);
unsigned pool_others(struct pool *p); /* lanes that help, or may yet, besides the one that asks */

/* ---- the owner of a folder ---- */
struct board *board_new(struct pool *p, struct planned *plan, uint32_t uidvalidity);
void board_free(struct board **b); /* with all that is on it; NULL in *b: nothing */
/* Behind those that are there, in portions of at most `each` messages; alone: one, for the owner. */
void board_add(struct board *b, const struct live *page, const struct want *want, size_t n, size_t each,
    bool alone);
void board_open(struct board *b); /* helpers may begin */
struct portion *board_first(struct board *b, const struct live *page); /* of that page; NULL: none is left */
struct portion *board_back(struct board *b); /* the first that is back; NULL: none */
struct portion *board_take(struct board *b); /* the first that is free, ASKED now; NULL: none */
/* Its state, as soon as no helper has it. -1: ERR_INTERRUPTED. */
int board_wait(struct board *b, struct portion *p, enum portion_state *ret, struct err *err) WARN_UNUSED;
bool board_unasked(struct board *b); /* is there one that the owner may have to ask for yet? */
void board_done(struct portion *p); /* ASKED becomes DONE */
/* All that was brought is stored: it goes, or, if something was left, is free again for the owner, behind the
 * others of its page. */
void board_stored(struct board *b, struct portion *p);

/* ---- helpers ---- */
/* Wait until there is something to do. False: there will be nothing more. */
bool pool_wait(struct pool *p, struct errand *ret);
struct portion *pool_borrow(struct pool *p, const struct errand *e); /* NULL: nothing for now */
bool pool_wants(struct pool *p, const struct portion *lent); /* false: its owner has given it up */
/* With parts that are open it is free again. */
void pool_return(struct pool *p, struct portion **lent);

#endif
