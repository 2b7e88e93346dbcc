/* Words are split at blanks; a word in double quotes may hold blanks and \" \\ \n \t (curl's
 * reading). A macro (macdef) goes to the next empty line. Lines that begin with # are comments. */
#include "app/cli/netrc.h"

#include <string.h>

#include "base/mem.h"

enum { NETRC_WORD_MAX = 1024 };

struct netrc {
	struct slice rest;
	char word[NETRC_WORD_MAX];	/* the last one, NUL-terminated; cut at the limit */
	size_t len;
	bool line_start;
};

static void
netrc_skip(struct netrc *n, size_t len)
{
	n->rest = (struct slice){ n->rest.data + len, n->rest.len - len };
}

static void
netrc_skip_line(struct netrc *n)
{
	const char *lf = memchr(n->rest.data, '\n', n->rest.len);

	netrc_skip(n, lf ? (size_t)(lf - n->rest.data) + 1 : n->rest.len);
	n->line_start = true;
}

static void
netrc_skip_blank(struct netrc *n)
{
	while (n->rest.len > 0) {
		char c = *n->rest.data;

		if (c == '#' && n->line_start) {
			netrc_skip_line(n);
			continue;
		}
		if (c == '\0' || !strchr(" \t\r\n", c))
			return;
		n->line_start = c == '\n' || (n->line_start && c != '\r');
		netrc_skip(n, 1);
	}
}

static void
netrc_keep(struct netrc *n, char c)
{
	if (n->len + 1 < sizeof(n->word))
		n->word[n->len++] = c;
	n->word[n->len] = '\0';
}

static char
netrc_unescape(char c)
{
	return c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
}

static void
netrc_quoted(struct netrc *n)
{
	netrc_skip(n, 1);
	while (n->rest.len > 0 && *n->rest.data != '"') {
		bool escaped = *n->rest.data == '\\' && n->rest.len > 1;

		if (escaped)
			netrc_skip(n, 1);
		netrc_keep(n, escaped ? netrc_unescape(*n->rest.data) : *n->rest.data);
		netrc_skip(n, 1);
	}
	if (n->rest.len > 0)
		netrc_skip(n, 1);
}

/* The next word; false at the end. */
static bool
netrc_next(struct netrc *n)
{
	netrc_skip_blank(n);
	if (n->rest.len == 0)
		return false;
	n->len = 0;
	n->word[0] = '\0';
	n->line_start = false;
	if (*n->rest.data == '"') {
		netrc_quoted(n);
		return true;
	}
	while (n->rest.len > 0 && (*n->rest.data == '\0' || !strchr(" \t\r\n", *n->rest.data))) {
		netrc_keep(n, *n->rest.data);
		netrc_skip(n, 1);
	}
	return true;
}

static void
netrc_skip_macro(struct netrc *n)
{
	do
		netrc_skip_line(n);
	while (n->rest.len > 0 && *n->rest.data != '\n' && *n->rest.data != '\r');
}

struct netrc_entry {
	bool host, user;	/* they are ours, or left open */
	struct secret *password;
};

/* One word and the value behind it. */
static void
netrc_word(struct netrc *n, struct netrc_entry *e, const char *host, const char *user)
{
	if (strcmp(n->word, "default") == 0) {
		*e = (struct netrc_entry){ .host = true, .user = true };
	} else if (strcmp(n->word, "machine") == 0) {
		bool same = netrc_next(n) && slice_eq_nocase(slice_str(n->word), host);

		*e = (struct netrc_entry){ .host = same, .user = true };
	} else if (strcmp(n->word, "login") == 0) {
		e->user = netrc_next(n) && strcmp(n->word, user) == 0;
	} else if (strcmp(n->word, "password") == 0) {
		if (netrc_next(n) && e->host) {
			secret_free(e->password);
			e->password = secret_new((struct slice){ n->word, n->len });
		}
	} else if (strcmp(n->word, "account") == 0) {
		netrc_next(n);
	} else if (strcmp(n->word, "macdef") == 0) {
		netrc_skip_macro(n);
	}
}

struct secret *
netrc_find(struct slice text, const char *host, const char *user)
{
	struct netrc n = { .rest = text, .line_start = true };
	struct netrc_entry e = { 0 };
	struct secret *found = NULL;

	while (!found && netrc_next(&n)) {
		bool next_entry = strcmp(n.word, "machine") == 0 || strcmp(n.word, "default") == 0;

		if (next_entry && e.host && e.user && e.password)
			break;
		if (next_entry) {
			secret_free(e.password);
			e = (struct netrc_entry){ 0 };
		}
		netrc_word(&n, &e, host, user);
	}
	if (e.host && e.user)
		found = e.password;
	else
		secret_free(e.password);
	secret_wipe(&n, sizeof(n));
	return found;
}
