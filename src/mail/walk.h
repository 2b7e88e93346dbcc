/* The structure of a message: where each of its parts begins and ends (RFC 2046 5.1). For parts.c
 * alone. */
#ifndef MAIL_WALK_H
#define MAIL_WALK_H

#include "mail/parts.h"
#include "mail/transfer.h"

enum node_kind { NODE_LEAF, NODE_MULTI, NODE_ALTERNATIVE, NODE_SIGNED, NODE_DIGEST };

struct part_node {
	struct part_node *next; /* in the order of the message */
	struct part_node *parent; /* the multipart that it is in; NULL: the message itself */
	uint64_t start, body, end; /* header, what follows it, behind the last octet */
	enum node_kind kind;
	enum transfer_kind transfer;
	bool whole; /* header and all, as it stands */
	bool hidden; /* in one that is whole */
	bool broken; /* whole because a limit was reached */
	bool childless; /* a multipart that turned out to have no parts: text */
	bool nothing; /* parts.c: there is nothing in it that is worth a file */
	bool is_attachment; /* Content-Disposition says so */
	const char *type; /* "text/plain" */
	const char *charset; /* "" none */
	const char *name; /* as it was given, "" none */
	const char *content_id; /* "" none */
	const char *boundary; /* "" none */
};

struct walk {
	struct spool *message;
	uint64_t len;
	struct arena *arena;
	struct part_node *first, *last;
	size_t n_nodes, n_leaves;
	struct err *err;
};

/* All nodes, from `first` on, the message itself first. Its header is given to `header_seen`. */
int walk_run(struct walk *w, void (*header_seen)(void *arg, struct slice header), void *arg);

#endif
