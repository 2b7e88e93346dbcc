/* All faults of files that were given, to be told at once: who mends one and is told of the next
 * mends for days. Lines are "FILE:LINE: what is expected". Whoever adds one keeps secrets out. */
#ifndef APP_CLI_FAULTS_H
#define APP_CLI_FAULTS_H

#include "base/buf.h"

enum { FAULTS_TOLD_MAX = 1000 };

struct faults {
	struct buf text;	/* a line each, the first FAULTS_TOLD_MAX of them */
	size_t count;
};

void faults_init(struct faults *f);
void faults_done(struct faults *f);
/* line 0: the file as a whole. */
void faults_add(struct faults *f, const char *file, unsigned line, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* 0: there is none. Else each is told on standard error, and *err (ERR_MALFORMED) sums up. */
int faults_end(const struct faults *f, struct err *err) WARN_UNUSED;

#endif
