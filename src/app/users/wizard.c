/* A table of keywords gives kind, accepted values and place. What stands for other modes and for
 * the import half is known too, so that a slip of the pen is told from a keyword without effect. */
#include "app/users/wizard.h"

#include <ctype.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "app/cli/textfile.h"
#include "app/cli/values.h"
#include "app/users/userlist.h"
#include "base/mem.h"

enum { WIZARD_SIZE_MAX = 1024 * 1024, WIZARD_VALUE_MAX = 4000, KEYWORD_MAX = 40 };

enum keyword_kind {
	KEY_CHOICE, /* int: index in `accepted` */
	KEY_TRUTH, /* bool */
	KEY_DATE, /* struct when */
	KEY_TEXT, /* const char * */
	KEY_PATH, /* const char *; of this machine */
	KEY_IDLE, /* no effect for IMAP, any value */
	KEY_REFUSED /* with Mode IMAP, `accepted` says why */
};

struct keyword {
	const char *name;
	enum keyword_kind kind;
	const char *accepted;
	size_t offset; /* in struct wizard */
};

#define AT(field) offsetof(struct wizard, field)

static const struct keyword keywords[] = {
	{ "Mode", KEY_CHOICE, "IMAP|FILE", AT(mode) },
	{ "Function", KEY_CHOICE, "FULL|EXTRACT|IMPORT", AT(function) },
	{ "File", KEY_PATH, NULL, AT(file) },
	{ "Accounts", KEY_PATH, NULL, AT(accounts) },
	{ "Mailbox", KEY_TRUTH, NULL, AT(mailbox) },
	{ "Secure", KEY_TRUTH, NULL, AT(secure) },
	{ "Encrypted", KEY_TRUTH, NULL, AT(encrypted) },
	{ "Email", KEY_TRUTH, NULL, AT(email) },
	{ "EmailStart", KEY_DATE, NULL, AT(start) },
	{ "EmailEnd", KEY_DATE, NULL, AT(end) },
	{ "Home-Server", KEY_TEXT, NULL, AT(home_server) },
	{ "Container", KEY_TEXT, NULL, AT(container) },
	{ "Template", KEY_TEXT, NULL, AT(template) },
	{ "NTAccounts", KEY_CHOICE, "NO|RANDOM|ALIAS", AT(nt_accounts) },
	{ "NTDomain", KEY_TEXT, NULL, AT(nt_domain) },
	{ "ImportDestination", KEY_CHOICE, "SERVER|PST", AT(destination) },
	{ "PSTPath", KEY_TEXT, NULL, AT(pst_path) },
	{ "Port", KEY_IDLE, NULL, 0 },
	{ "Public", KEY_IDLE, NULL, 0 },
	{ "PAB", KEY_IDLE, NULL, 0 },
	{ "Schedule", KEY_IDLE, NULL, 0 },
	{ "SchdStart", KEY_IDLE, NULL, 0 },
	{ "SchdEnd", KEY_IDLE, NULL, 0 },
	{ "Phone", KEY_IDLE, NULL, 0 },
	{ "Tasks", KEY_IDLE, NULL, 0 },
	{ "Notes", KEY_IDLE, NULL, 0 },
	{ "Appointments", KEY_IDLE, NULL, 0 },
	{ "Postoffice", KEY_IDLE, NULL, 0 },
	{ "POName", KEY_IDLE, NULL, 0 },
	{ "ForcePwdChange", KEY_IDLE, NULL, 0 },
	{ "LogLevel", KEY_IDLE, NULL, 0 },
	{ "DefFldPerms", KEY_REFUSED, "it may not be used with Mode IMAP", 0 },
	{ "FldOwner", KEY_REFUSED, "it may not be used with Mode IMAP", 0 },
	{ "SubjectFile", KEY_REFUSED,
	    "it chooses by subject with Mode EXCHANGE alone; with Mode IMAP all subjects would be "
	    "copied",
	    0 },
};

struct control_file {
	struct wizard *w;
	struct faults *faults;
	const char *path;
	char *rest;
	unsigned line;
	unsigned seen[COUNT_OF(keywords)]; /* line; 0: not yet */
	bool any; /* a line that is no comment */
};

/* ---- words ---- */

static char *
trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len > 0 && strchr(" \t\r", text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* A value that is enclosed in quotation marks as a whole is what is in them. */
static char *
unquote(char *value)
{
	size_t len = strlen(value);
	char *to = value;

	if (len < 2 || *value != '"' || value[len - 1] != '"')
		return value;
	value[len - 1] = '\0';
	for (char *at = value + 1; *at; at++) {
		at += *at == '"' && at[1] == '"';
		*to++ = *at;
	}
	*to = '\0';
	return value;
}

static void
lower(const char *text, char ret[KEYWORD_MAX])
{
	size_t i = 0;

	for (; text[i] && i < KEYWORD_MAX - 1; i++)
		ret[i] = (char)tolower((unsigned char)text[i]);
	ret[i] = '\0';
}

static const char *
keyword_nearest(const char *word)
{
	const char *best = keywords[0].name;
	size_t least = SIZE_MAX;
	char a[KEYWORD_MAX], b[KEYWORD_MAX];

	lower(word, a);
	for (size_t i = 0; i < COUNT_OF(keywords); i++) {
		lower(keywords[i].name, b);
		if (edit_distance(a, b) < least) {
			least = edit_distance(a, b);
			best = keywords[i].name;
		}
	}
	return best;
}

/* "IMAP, FILE" of "IMAP|FILE" */
static void
words_of(const char *choices, char *ret, size_t max)
{
	size_t n = 0;

	for (; *choices && n + 3 < max; choices++) {
		ret[n++] = *choices == '|' ? ',' : *choices;
		if (*choices == '|')
			ret[n++] = ' ';
	}
	ret[n] = '\0';
}

/* ---- values ---- */

static void
value_bad(struct control_file *c, const struct keyword *k, const char *value, const char *accepted)
{
	faults_add(c->faults, c->path, c->line, "%s: '%.200s' is not accepted; %s", k->name, value,
	    accepted);
}

/* Windows' own separator is taken for ours; a drive or a server cannot be. Relative paths start
 * where the control file lies. */
static const char *
path_of(struct control_file *c, const struct keyword *k, char *value)
{
	const char *slash = strrchr(c->path, '/');
	int above = slash ? (int)(slash - c->path) + 1 : 0;

	if ((isalpha((unsigned char)*value) && value[1] == ':') || strncmp(value, "\\\\", 2) == 0) {
		value_bad(c, k, value,
		    "it is a path of Windows; write one of this machine, from / on or "
		    "relative to the control file");
		return NULL;
	}
	for (char *at = value; *at; at++)
		if (*at == '\\')
			*at = '/';
	if (*value == '/')
		return arena_copy(&c->w->arena, slice_str(value));
	return arena_printf(&c->w->arena, "%.*s%s", above, c->path, value);
}

static void
value_choose(struct control_file *c, const struct keyword *k, const char *value, int *field)
{
	int i = value_choice(value, k->accepted);
	char words[80], accepted[120];

	if (i >= 0) {
		*field = i;
		return;
	}
	words_of(k->accepted, words, sizeof(words));
	snprintf(accepted, sizeof(accepted), "accepted are %s", words);
	value_bad(c, k, value, accepted);
}

static void
value_date(struct control_file *c, const struct keyword *k, const char *value, struct when *field)
{
	if (strspn(value, "0123456789") != 14 || !when_parse(value, field))
		value_bad(c, k, value,
		    "14 digits are: year, month, day, hour, minute and second, as "
		    "20031107141849");
}

static void
value_text(struct control_file *c, const struct keyword *k, char *value, const char **field)
{
	if (*value == '\0') {
		faults_add(c->faults, c->path, c->line, "%s: the value is missing; write %s,value",
		    k->name, k->name);
		return;
	}
	*field =
	    k->kind == KEY_PATH ? path_of(c, k, value) : arena_copy(&c->w->arena, slice_str(value));
}

static void
value_set(struct control_file *c, const struct keyword *k, char *value)
{
	void *field = (char *)c->w + k->offset;

	switch (k->kind) {
	case KEY_CHOICE:
		value_choose(c, k, value, field);
		break;
	case KEY_TRUTH:
		if (!user_truth(value, field))
			value_bad(c, k, value, "accepted are TRUE, FALSE");
		break;
	case KEY_DATE:
		value_date(c, k, value, field);
		break;
	case KEY_TEXT:
	case KEY_PATH:
		value_text(c, k, value, field);
		break;
	case KEY_REFUSED:
		if (c->w->mode == WIZARD_IMAP) {
			faults_add(c->faults, c->path, c->line, "%s: %s; take the line out",
			    k->name, k->accepted);
			break;
		}
		__attribute__((fallthrough));
	case KEY_IDLE:
		if (c->w->n_idle < WIZARD_IDLE_MAX)
			c->w->idle[c->w->n_idle++] = k->name;
		break;
	}
}

/* ---- lines ---- */

static const struct keyword *
keyword_find(const char *word)
{
	for (size_t i = 0; i < COUNT_OF(keywords); i++)
		if (strcasecmp(keywords[i].name, word) == 0)
			return &keywords[i];
	return NULL;
}

static void
line_pair(struct control_file *c, char *word, char *value)
{
	const struct keyword *k = keyword_find(word);
	bool first = !c->any;

	c->any = true;
	if (first && k != &keywords[0])
		faults_add(c->faults, c->path, c->line,
		    "the first line that is no comment must be Mode,IMAP or Mode,FILE; it is "
		    "'%.40s'",
		    word);
	if (!k) {
		faults_add(c->faults, c->path, c->line, "unknown keyword '%.40s'; did you mean %s?",
		    word, keyword_nearest(word));
		return;
	}

	unsigned *seen = &c->seen[k - keywords];

	if (*seen > 0 && k->kind != KEY_IDLE) {
		faults_add(c->faults, c->path, c->line,
		    "%s again, which line %u has already; one "
		    "of them has to go",
		    k->name, *seen);
		return;
	}
	if (*seen == 0)
		value_set(c, k, value);
	*seen = c->line;
}

static void
line_read(struct control_file *c, char *line)
{
	char *comma;

	if (*line == '!')
		return;
	line = trim(line);
	if (*line == '\0')
		return;
	comma = strchr(line, ',');
	if (strlen(line) > WIZARD_VALUE_MAX) {
		faults_add(
		    c->faults, c->path, c->line, "more than %d octets in a line", WIZARD_VALUE_MAX);
	} else if (!comma) {
		faults_add(c->faults, c->path, c->line,
		    "'%.40s': a keyword, a comma and a value are expected, as Function,EXTRACT",
		    line);
	} else {
		*comma = '\0';
		line_pair(c, trim(line), unquote(trim(comma + 1)));
		return;
	}
	c->any = true;
}

/* ---- the file ---- */

static bool
was_seen(const struct control_file *c, const char *name)
{
	return c->seen[keyword_find(name) - keywords] > 0;
}

static void
file_lacks(struct control_file *c, const char *name, const char *what)
{
	if (!was_seen(c, name))
		faults_add(c->faults, c->path, 0, "the keyword %s is missing; write %s,%s", name,
		    name, what);
}

static void
file_check(struct control_file *c)
{
	struct wizard *w = c->w;
	bool file = w->mode == WIZARD_FILE;

	file_lacks(c, "Mode", "IMAP or Mode,FILE as the first line");
	file_lacks(c, "File",
	    file ? "and the path of the packing list" : "and a folder for the migration files");
	if (!file && w->function != WIZARD_IMPORT)
		file_lacks(c, "Accounts", "and the path of the list of users");
	if (w->start.given && w->end.given && w->end.sec < w->start.sec)
		faults_add(c->faults, c->path, c->seen[keyword_find("EmailEnd") - keywords],
		    "EmailEnd lies before EmailStart: no message can be between them");
	if (!w->email && !w->mailbox)
		faults_add(c->faults, c->path, 0,
		    "Email and Mailbox are both FALSE: nothing would be migrated");
	if (w->destination == 1 && !w->pst_path)
		faults_add(c->faults, c->path, 0,
		    "ImportDestination,PST needs the keyword PSTPath with a folder");
}

void
wizard_parse(struct wizard *w, const char *path, char *text, struct faults *f)
{
	struct control_file c = { .w = w, .faults = f, .path = path, .rest = text };

	*w = (struct wizard){ .path = path, .email = true, .mailbox = true };
	arena_init(&w->arena, WIZARD_SIZE_MAX * 4);
	while (c.rest) {
		char *line = c.rest, *lf = strchr(line, '\n');

		if (lf)
			*lf = '\0';
		c.rest = lf ? lf + 1 : NULL;
		c.line++;
		line_read(&c, line);
	}
	file_check(&c);
}

int
wizard_read(
    struct wizard *w, const char *path, unsigned codepage, struct faults *f, struct err *err)
{
	struct textfile text;

	*w = (struct wizard){ 0 };
	if (textfile_read(&text, path, WIZARD_SIZE_MAX, codepage, err) < 0)
		return -1;
	wizard_parse(w, path, text.data, f);
	textfile_done(&text);
	return 0;
}

void
wizard_done(struct wizard *w)
{
	arena_done(&w->arena);
	*w = (struct wizard){ 0 };
}

const char *
wizard_function_name(int function)
{
	static const char *const names[] = { "FULL", "EXTRACT", "IMPORT" };

	return names[function];
}
