/* See err.h. The text is one line by construction: an error may quote a server or a file name,
 * and must not be able to forge a second line in a log or move a terminal's cursor. */
#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	enum err_scope scope;
	enum err_retry retry;
	int code;
	const char *words;
} err_table[ERR_KINDS] = {
	[ERR_NONE] = { SCOPE_COMMAND, RETRY_NEVER, 0, "no error" },
#define ERR(name, scope, retry, code, words)                                                       \
	[ERR_##name] = { SCOPE_##scope, RETRY_##retry, code, words },
#include "base/err.def"
#undef ERR
};

/* One line, in which control characters are written as on a terminal (text_visible). Returns whether it was cut. */
static bool
err_escape(char text[ERR_TEXT_MAX])
{
	char out[ERR_TEXT_MAX];
	size_t len = 0;

	for (const char *at = text; *at != '\0'; at++) {
		unsigned char c = (unsigned char)*at;
		bool hides = c < 0x20 || c == 0x7f, blank = c == '\t' || c == '\r' || c == '\n';

		if (len + (hides && !blank ? 4 : 1) >= sizeof(out)) {
			memcpy(text, out, len);
			text[len] = '\0';
			return true;
		}
		if (hides && !blank)
			len += (size_t)snprintf(out + len, 5, "\\x%02x", c);
		else
			out[len++] = blank ? ' ' : (char)c;
	}
	memcpy(text, out, len);
	text[len] = '\0';
	return false;
}

/* Cut text ends before a whole character, so that the line stays UTF-8 if it was. */
static void
err_trim(char text[ERR_TEXT_MAX], bool cut)
{
	cut |= err_escape(text);

	size_t len = strlen(text), back = 0;

	while (cut && back < 3 && back + 1 < len &&
	       ((unsigned char)text[len - 1 - back] & 0xc0) == 0x80)
		back++;
	if (cut && len > back && (unsigned char)text[len - 1 - back] >= 0xc0)
		len -= back + 1;
	while (len > 0 && text[len - 1] == ' ')
		len--;
	text[len] = '\0';
}

PRINTF_LIKE(3, 0)
static void err_fill(struct err *err, enum err_kind kind, const char *fmt, va_list ap)
{
	assert(kind > ERR_NONE && kind < ERR_KINDS);
	err->kind = kind;
	err->scope = err_table[kind].scope;
	err->retry = err_table[kind].retry;
	err->sys = 0;
	err->of_server = false;
	err->after_ms = 0;
	int len = vsnprintf(err->text, sizeof(err->text), fmt, ap);

	err_trim(err->text, len >= (int)sizeof(err->text));
}

int
err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_fill(err, kind, fmt, ap);
	va_end(ap);
	return -1;
}

bool
err_sys_passes(int sys)
{
	return sys == EIO || sys == EMFILE || sys == ENFILE || sys == ENOMEM;
}

/* What is there and cannot be read now is no missing input; where there is no room, that is the word. */
static enum err_kind
kind_of_sys(enum err_kind kind, int sys)
{
	if (sys == ENOSPC || sys == EDQUOT)
		return ERR_FULL;
	return kind == ERR_NO_INPUT && err_sys_passes(sys) ? ERR_DISK : kind;
}

int
err_set_sys(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	int sys = errno;
	va_list ap;

	va_start(ap, fmt);
	err_fill(err, kind_of_sys(kind, sys), fmt, ap);
	va_end(ap);
	err->sys = sys;
	char words[128];
	const char *said = strerror_r(sys, words, sizeof(words));
	size_t len = strlen(err->text), tail = strlen(said) + 2;

	/* The reason is worth more than the end of a long name. */
	if (len + tail >= sizeof(err->text)) {
		len = sizeof(err->text) - tail - 1;
		err->text[len] = '\0';
		err_trim(err->text, true);
		len = strlen(err->text);
	}
	snprintf(err->text + len, sizeof(err->text) - len, ": %s", said);
	return -1;
}

int
err_wrap(struct err *err, const char *fmt, ...)
{
	char text[2 * ERR_TEXT_MAX + 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, ERR_TEXT_MAX, fmt, ap);
	va_end(ap);
	size_t len = strlen(text);

	len += (size_t)snprintf(text + len, sizeof(text) - len, ": %s", err->text);
	text[ERR_TEXT_MAX - 1] = '\0';
	err_trim(text, len >= ERR_TEXT_MAX);
	memcpy(err->text, text, ERR_TEXT_MAX);
	return -1;
}

void
err_widen(struct err *err, enum err_scope scope)
{
	if (scope > err->scope)
		err->scope = scope;
}

int
err_exit_code(enum err_kind kind)
{
	assert(kind >= ERR_NONE && kind < ERR_KINDS);
	return err_table[kind].code;
}

const char *
err_words(enum err_kind kind)
{
	assert(kind >= ERR_NONE && kind < ERR_KINDS);
	return err_table[kind].words;
}
