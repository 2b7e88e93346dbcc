/* What the files of verify share. Inside the engine only. */
#ifndef ENGINE_VERIFY_H
#define ENGINE_VERIFY_H

#include "base/digest.h"
#include "engine/job.h"
#include "engine/lost.h"
#include "engine/rewrite.h"
#include "engine/select.h"
#include "mail/identity.h"
#include "store/source.h"
#include "store/tree.h"

/* A copy on the target that is not what was sent; whether it is the same message is told by the
 * source's. */
struct suspect {
	int64_t folder; /* record of its row */
	uint32_t uid, dest_uid;
	bool told;
	uint8_t whole[SHA256_LEN]; /* identity (mail/identity.h) */
	uint64_t octets;
	char *header; /* its start, as in struct look; NULL but for the first ones */
	size_t header_len;
};
struct suspects {
	struct suspect *one; /* ascending by (folder, uid) once sorted */
	size_t len, cap;
};

enum { LOOK_HEADER_MAX = 64 * 1024, SUSPECT_HEADERS = 64 };

/* A body that was read. */
struct look {
	uint64_t octets;
	uint8_t sha256[SHA256_LEN];
	uint8_t whole[SHA256_LEN]; /* with `identify` */
	struct slice
	    start; /* with `identify`: its first LOOK_HEADER_MAX octets; until the next one */
};

struct verify {
	const struct job *job;
	const struct difference_out *out;
	struct verify_counts *counts;
	const char *account;
	struct folder_rec *rec;
	size_t n_recs;
	const struct tree_ops *tree;
	struct folder_rec *now; /* the folder at hand */
	struct buf display; /* its name for people */
	struct msg_page *rows, *listed;
	struct uidset stored; /* of `listed`, what has octets to be compared with */
	bool begun; /* something of the folder at hand has been compared */
	bool sizeless; /* the next source lists without sizes */
	unsigned ended; /* folders in which the source ended connections */
	const struct source_ops *ops; /* of `source` */
	struct source *source;
	struct digest *digest;
	struct identity_maker *identity; /* NULL: no body is identified */
	struct buf start;
	struct rewrite *rewrite; /* gets what verify_read reads; NULL: nothing does */
	bool left_out; /* the folder at hand is, by the selection: of the source only what explains a suspect counts */
	struct suspects *suspects; /* of the folder at hand; NULL: none are looked for */
	struct arena arena;
};

void verify_init(struct verify *v, const struct job *job, const struct difference_out *out,
    struct verify_counts *counts);
void verify_done(struct verify *v);
/* Count a difference of the folder at hand and hand it out. */
void verify_differ(struct verify *v, enum difference_kind kind, bool recognised, uint32_t uid,
    const char *fmt, ...) PRINTF_LIKE(5, 6);
void verify_display(struct verify *v, struct slice name);
/* Messages of the record that have a file, or a copy. */
uint64_t verify_rec_files(const struct folder_rec *rec);
/* Is the folder to be compared with what is stored? One that the last run left out has what earlier ones stored. */
bool verify_wants(struct verify *v, const struct folder_rec *rec);
/* Does the account come from job->from, else job->source? */
bool verify_is_account(const struct job *job, const struct account_rec *a);
/* The accounts that are meant, in v->arena: with `source` the one that it is, else all.
 * ERR_NO_INPUT: none. */
int verify_accounts(struct verify *v, bool source, struct account_rec **ret, size_t *ret_len,
    struct err *err) WARN_UNUSED;

/* verify_source.c: the state against the source. */
int verify_source_open(struct verify *v, struct plan *plan, struct err *err) WARN_UNUSED;
/* One folder that the source has, against v->now; `deep`: all bodies, else those of suspects. */
int verify_source_folder(
    struct verify *v, const struct planned *f, bool deep, struct err *err) WARN_UNUSED;
/* Folders that only one side has. */
void verify_source_missing(struct verify *v, const struct plan *plan);
void verify_source_close(struct verify *v);
/* The record of the folder with that name; NULL: none. */
struct folder_rec *verify_rec(struct verify *v, struct slice name);
/* Read a body that was offered. 0: whole; 1: it did not come whole and is offered again later. */
int verify_read(struct verify *v, const struct source_ops *ops, struct source *s, bool identify,
    struct look *ret, struct err *err) WARN_UNUSED;
/* Read a message that is offered in another form and drop it. */
int verify_skip(const struct source_ops *ops, struct source *s, struct err *err) WARN_UNUSED;

/* UIDVALIDITY of the folder on the target, as the record keeps it; 0: unknown. */
uint32_t dest_uidvalidity(const struct folder_rec *r);

/* verify_suspect.c */
void suspects_add(
    struct suspects *s, int64_t folder, uint32_t uid, uint32_t dest_uid, const struct look *look);
void suspects_sort(struct suspects *s);
struct suspect *suspects_find(const struct suspects *s, int64_t folder, uint32_t uid);
void suspects_done(struct suspects *s);
/* The source's message of a suspect came. */
void verify_suspect(struct verify *v, struct suspect *at, const struct look *source);

#endif
