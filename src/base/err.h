/* Errors as values. A function that can fail returns int (0 done, -1 failed and *err filled) and
 * takes `struct err *err` last. *err is untouched on success, set once where the fault is known,
 * wrapped once per level with what that level was doing, and logged once at the top. No secret ever
 * enters it. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WARN_UNUSED __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

enum err_scope {
	SCOPE_COMMAND,
	SCOPE_MESSAGE,
	SCOPE_FOLDER,
	SCOPE_SESSION,
	SCOPE_ACCOUNT,
	SCOPE_RUN
};
enum err_retry { RETRY_NEVER, RETRY_RECONNECT, RETRY_LATER };

enum err_kind {
	ERR_NONE,
#define ERR(name, scope, retry, code, words) ERR_##name,
#include "base/err.def"
#undef ERR
	ERR_KINDS
};

enum { ERR_TEXT_MAX = 1024 };

struct err {
	enum err_kind kind;
	enum err_scope scope;
	enum err_retry retry;
	int sys; /* errno at the fault, 0 when none */
	bool of_server; /* said before any login: it is the server's, whoever connects */
	int64_t after_ms; /* wait at least so long before a new try; 0: no hint */
	char text[ERR_TEXT_MAX]; /* one line, cut at the limit */
};

/* Fill *err and return -1. err_set_sys appends ": strerror(errno)", maps ENOSPC/EDQUOT to
 * ERR_FULL, and ERR_NO_INPUT of what is there (err_sys_passes) to ERR_DISK. */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
int err_set_sys(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* A fault of the machine, not of the file: what is there cannot be read now, so it must not be taken for missing
 * or damaged. */
bool err_sys_passes(int sys);
/* Put "fmt: " before the text; returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
void err_widen(struct err *err, enum err_scope scope);
/* sysexits code of the kind (table err.def). */
int err_exit_code(enum err_kind kind);
/* Those that are no error's: done with warnings; something is lacking. And those of errors that are told without one. */
enum { EXIT_WARNED = 1, EXIT_BAD = 2, EXIT_USAGE = 64, EXIT_NO_INPUT = 66, EXIT_INTERRUPTED = 75 };
const char *err_words(enum err_kind kind);

#endif
