/* What stands in the fields of a row. No fault shows it: a separator too many moves passwords into
 * other columns. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "app/cli/values.h"
#include "app/users/userlist_reader.h"
#include "imap/url.h"

enum { URL_MAX = 4096 };

static bool
has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static const char *
row_copy(struct list_reader *r, const char *text)
{
	const char *copy = text ? arena_copy(&r->list->arena, slice_str(text)) : NULL;

	if (!copy)
		list_bad(r, "the list is too large for memory");
	return copy ? copy : "";
}

/* `expected`: what is missing when it is empty; NULL: it may be. */
static const char *
field_text(struct list_reader *r, size_t column, const char *text, const char *expected)
{
	if (strlen(text) > USER_FIELD_MAX || has_control(text)) {
		list_cell_bad(r, column, "at most 1,000 octets without control characters are accepted");
		return "";
	}
	if (*text == '\0' && expected) {
		list_cell_bad(r, column, expected);
		return "";
	}
	return *text ? row_copy(r, text) : "";
}

static void
field_password(struct list_reader *r, size_t column, struct secret **ret)
{
	const char *text = r->cell[column].text;
	size_t len = strlen(text);

	if (len > USER_PASSWORD_MAX)
		list_cell_bad(r, column, "a password of at most 8,192 octets is accepted");
	else if (len > 0)
		*ret = secret_new((struct slice){ text, len });
}

static void
field_address(struct list_reader *r, size_t column, const char *text)
{
	if (*text == '\0' && !r->column[column].required)
		return;
	if (!value_address(text))
		list_cell_bad(r, column, "an address as anna@example.org is expected");
	else
		r->row.smtp_address = field_text(r, column, text, NULL);
}

/* ---- servers ---- */

/* A name or an address; the port has a column of its own. */
static bool
server_is_plausible(const char *text)
{
	const char *colon = strchr(text, ':');

	return !strpbrk(text, " \t/@%\\\"<>,;") && (!colon || strchr(colon + 1, ':'));
}

static void
field_server(struct list_reader *r, size_t column, char *text)
{
	size_t len = strlen(text);

	if (len > 2 && *text == '[' && text[len - 1] == ']') {
		text[len - 1] = '\0';
		text++;
	}
	if (!server_is_plausible(text)) {
		list_cell_bad(r, column,
		    "a host name or an address alone is expected; a port goes into IMAP_Port");
		return;
	}
	r->source.host = field_text(r, column, text, "the host name of the IMAP server is missing");
}

static bool
url_read(const char *text, struct arena *a, struct user_end *ret)
{
	struct imap_url url;
	struct err ignored;
	uint64_t port;

	if (imap_url_parse(text, a, &url, &ignored) < 0 || has_control(url.user) ||
	    !value_number(url.port, 65535, &port))
		return false;
	*ret = (struct user_end){ url.user, url.host, (unsigned)port, url.tls };
	return true;
}

bool
list_place(const char *text, struct arena *a, struct user_end *ret)
{
	bool tls = strncasecmp(text, "imaps://", 8) == 0;
	bool plain = strncasecmp(text, "imap://", 7) == 0;
	const char *host = text + (tls ? 8 : plain ? 7 : 0);
	const char *url = arena_printf(a, "%s://-@%s", plain ? "imap" : "imaps", host);

	if (strpbrk(host, " \t@%\\\"<>,;") || !url || !url_read(url, a, ret))
		return false;
	ret->login = NULL;
	if (!tls && !plain && ret->port == 143)
		ret->tls = false;
	return true;
}

static void
field_place(struct list_reader *r, size_t column, const char *text, struct user_end *end)
{
	struct user_end place;

	if (*text == '\0' || strlen(text) > USER_FIELD_MAX ||
	    !list_place(text, &r->list->arena, &place)) {
		list_cell_bad(r, column,
		    "a server as imap.example.org, imap.example.org:993 or "
		    "imaps://imap.example.org/ is expected");
		return;
	}
	place.login = end->login;
	*end = place;
}

static void
field_url(struct list_reader *r, size_t column, const char *text, struct user_end *end)
{
	if (*text == '\0' && !r->column[column].required)
		return;
	if (imap_url_tells_password(text))
		list_cell_bad(r, column,
		    "the user name in the URL has a ':'; a password has a column of its own, and a ':' of the "
		    "name itself is written %3A");
	else if (strlen(text) > URL_MAX || !url_read(text, &r->list->arena, end))
		list_cell_bad(r, column,
		    "an IMAP URL as imaps://user@host/ or imap://user@host:port/ is expected, in "
		    "which a percent sign of the login is written %25");
}

static void
field_port(struct list_reader *r, size_t column, const char *text)
{
	uint64_t port;

	if (*text == '\0')
		return;
	if (!value_number(text, 65535, &port) || port == 0) {
		list_cell_bad(r, column, "a number from 1 to 65535, or nothing, is expected");
		return;
	}
	r->source.port = (unsigned)port;
	r->row.port_given = true;
}

bool
user_truth(const char *text, bool *ret)
{
	int i = value_choice(text, "n|y|no|yes|f|t|false|true");

	if (i < 0)
		return false;
	*ret = i % 2 == 1;
	return true;
}

/* ---- options ---- */

static void
row_setting(struct list_reader *r, size_t column, const struct option_row *option, const char *text)
{
	r->setting[r->row.n_settings++] = (struct user_setting){ option, text, column };
}

static void
field_option(struct list_reader *r, size_t column, const char *text)
{
	const struct option_row *option = r->column[column].option;
	struct err why;

	if (*text == '\0')
		return;
	if (options_try(r->scratch, option, text, &why) < 0) {
		list_cell_bad(r, column, why.text);
		return;
	}
	if (option->offset == offsetof(struct options, maps) && !value_map(text)) {
		list_cell_bad(r, column, "FOLDER=FOLDER is expected, as Sent Items=Sent");
		return;
	}
	row_setting(r, column, option, field_text(r, column, text, NULL));
}

/* A pattern for what is called so, with any delimiter between the levels. */
static const char *
root_pattern(struct list_reader *r, const char *root, size_t len, bool below)
{
	struct buf out;
	const char *ret;

	buf_init(&out, USER_FIELD_MAX * 3 + 16);
	for (size_t i = 0; i < len; i++) {
		if (root[i] == '/')
			buf_add_str(&out, "[/.\\\\]");
		else if (strchr("*?[]\\", root[i]))
			buf_printf(&out, "\\%c", root[i]);
		else
			buf_add_byte(&out, root[i]);
	}
	buf_add_str(&out, below ? "[/.\\\\]*" : "");
	ret = row_copy(r, out.data);
	buf_done(&out);
	return ret;
}

/* Where the mail of the user is on the source, as "/users/terry.adams": a login that sees more is
 * narrowed to that folder and what lies below it, in whatever namespace it is. */
static void
field_root(struct list_reader *r, size_t column, const char *text)
{
	size_t len;

	field_text(r, column, text, NULL);
	text += strspn(text, "/");
	for (len = strlen(text); len > 0 && text[len - 1] == '/';)
		len--;
	if (len == 0 || r->bad)
		return;
	row_setting(r, column, option_find("folder", CMD_ALL), root_pattern(r, text, len, false));
	row_setting(r, column, option_find("folder", CMD_ALL), root_pattern(r, text, len, true));
	row_setting(r, column, option_find("namespace", CMD_ALL), "other,shared");
}

/* ---- further options of imapsync ---- */

/* The next word between blanks, NUL-terminated in its place; NULL: there is none. */
static char *
next_word(char **at)
{
	char *word = *at + strspn(*at, " \t");
	size_t len = strcspn(word, " \t");

	*at = word[len] ? word + len + 1 : word + len;
	word[len] = '\0';
	return len > 0 ? word : NULL;
}

static bool
extra_port(struct user_extra *x, int end, const char *value)
{
	uint64_t port;

	if (!value || !value_number(value, 65535, &port) || port == 0)
		return false;
	x->port[end] = (unsigned)port;
	return true;
}

/* "--port1" and the number behind it or behind '=', "--ssl1", "--tls1"; the same for host 2. */
static bool
extra_word(struct user_extra *x, const char *word, char **rest)
{
	size_t len = strcspn(word, "=");
	int end = len == 0 ? 0 : word[len - 1] - '1';

	if (len == 0 || end < 0 || end > 1)
		return false;
	if (len == 7 && strncmp(word, "--port", 6) == 0)
		return extra_port(x, end, word[len] ? word + len + 1 : next_word(rest));
	if (len != 6 || word[len])
		return false;
	if (strncmp(word, "--ssl", 5) == 0)
		return x->ssl[end] = true;
	return strncmp(word, "--tls", 5) == 0 ? (x->tls[end] = true) : false;
}

static void
field_extra(struct list_reader *r, size_t column, char *text)
{
	for (char *word; (word = next_word(&text)) != NULL;) {
		if (extra_word(&r->extra, word, &text))
			continue;
		list_cell_bad(r, column,
		    "of imapsync's options --port1 N, --ssl1, --tls1, --port2 N, --ssl2 and --tls2 are "
		    "accepted here; imex has others for its command line, and for the columns of a "
		    "list with the header source,dest,OPTION");
		return;
	}
}

static void
extra_use(const struct user_extra *x, size_t i, struct user_end *end)
{
	if (!x->ssl[i] && !x->tls[i] && !x->port[i])
		return;
	if (x->ssl[i] || x->tls[i])
		end->tls = x->ssl[i];
	else if (x->port[i])
		end->tls = x->port[i] != 143;
	if (x->port[i])
		end->port = x->port[i];
	else if (end->port == 143 || end->port == 993)
		end->port = end->tls ? 993 : 143;
}

/* ---- all of them ---- */

void
list_field(struct list_reader *r, size_t column)
{
	struct csv_cell *c = &r->cell[column];
	enum user_field field = r->column[column].field;
	char *text = field == USER_PASSWORD || field == USER_DEST_PASSWORD ? NULL : csv_trimmed(c);

	switch (field) {
	case USER_PASSWORD:
		field_password(r, column, &r->row.password);
		break;
	case USER_DEST_PASSWORD:
		field_password(r, column, &r->row.dest_password);
		break;
	case USER_LOGIN:
		r->source.login =
		    field_text(r, column, text, "the name to log in with is missing");
		break;
	case USER_DEST_LOGIN:
		r->dest.login = field_text(r, column, text, "the name to log in with is missing");
		break;
	case USER_SMTP:
		field_address(r, column, text);
		break;
	case USER_SERVER:
		field_server(r, column, text);
		break;
	case USER_PLACE:
		field_place(r, column, text, &r->source);
		break;
	case USER_DEST_PLACE:
		field_place(r, column, text, &r->dest);
		break;
	case USER_SOURCE:
		field_url(r, column, text, &r->source);
		break;
	case USER_DEST:
		field_url(r, column, text, &r->dest);
		break;
	case USER_EX_MAILBOX:
		r->row.ex_mailbox = field_text(r, column, text, NULL);
		break;
	case USER_PORT:
		field_port(r, column, text);
		break;
	case USER_SSL:
		if (*text && !user_truth(text, &r->source.tls))
			list_cell_bad(
			    r, column, "Y, Yes, T, True, N, No, F, False or nothing is expected");
		break;
	case USER_ROOT:
		field_root(r, column, text);
		break;
	case USER_EXTRA:
		field_extra(r, column, text);
		break;
	case USER_OPTION:
		field_option(r, column, text);
		break;
	}
}

/* ---- the ends of a row ---- */

static const char *
end_url(struct list_reader *r, const struct user_end *e)
{
	bool v6 = strchr(e->host, ':') != NULL;
	struct buf url;
	const char *ret;

	buf_init(&url, USER_FIELD_MAX * 4 + 64);
	buf_printf(&url, "%s://", e->tls ? "imaps" : "imap");
	for (const char *at = e->login; *at; at++) {
		if ((unsigned char)*at <= ' ' || strchr("%\"\\\x7f", *at))
			buf_printf(&url, "%%%02X", (unsigned char)*at);
		else
			buf_add_byte(&url, *at);
	}
	buf_printf(&url, "@%s%s%s", v6 ? "[" : "", e->host, v6 ? "]" : "");
	if (e->port != (e->tls ? 993 : 143))
		buf_printf(&url, ":%u", e->port);
	buf_add_byte(&url, '/');
	ret = row_copy(r, url.full ? NULL : url.data);
	buf_done(&url);
	return ret;
}

/* The usual ports are known by heart, and fifty thousand rows have one of them. */
static const char *
end_port(struct list_reader *r, const struct user_end *e)
{
	char digits[16];

	if (e->port == 993 || e->port == 143)
		return e->port == 993 ? "993" : "143";
	snprintf(digits, sizeof(digits), "%u", e->port);
	return row_copy(r, digits);
}

static void
row_settings(struct list_reader *r)
{
	size_t bytes = r->row.n_settings * sizeof(*r->setting);
	struct user_setting *own = bytes > 0 ? arena_take(&r->list->arena, bytes) : NULL;

	if (bytes == 0)
		return;
	if (!own)
		list_bad(r, "the list is too large for memory");
	else
		memcpy(own, r->setting, bytes);
	r->row.setting = own;
}

void
list_finish(struct list_reader *r)
{
	struct user_row *row = &r->row;

	extra_use(&r->extra, 0, &r->source);
	extra_use(&r->extra, 1, &r->dest);
	if (r->source.port == 0)
		r->source.port = r->source.tls ? 993 : 143;
	row->login = r->source.login;
	row->server = r->source.host;
	row->port = end_port(r, &r->source);
	row->tls = r->source.tls;
	row->source = end_url(r, &r->source);
	row_settings(r);
	if (!r->dest.host)
		return;
	row->dest_login = r->dest.login;
	row->dest_server = r->dest.host;
	row->dest_port = end_port(r, &r->dest);
	row->dest = end_url(r, &r->dest);
}
