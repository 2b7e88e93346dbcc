/* inih splits the lines; we hand them over one by one, because it cuts long lines without a word,
 * keeps no line number, and takes an indented line for more of the one above. */
#include "app/cli/config.h"

#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

enum { CONFIG_MAX = 1024 * 1024, CONFIG_LINE_MAX = 190 };

struct config_reader {
	struct options *o;
	const char *name;	/* of the file */
	struct slice rest;
	unsigned line;
	bool failed;
	struct err *err;
};

static int
config_bad(struct config_reader *r, const char *what)
{
	if (!r->failed)
		err_set(r->err, ERR_CONFIG, "%s:%u: %s", r->name, r->line, what);
	r->failed = true;
	return 0;
}

/* fgets for inih: one line without what surrounds it. NULL at the end, or after a fault. */
static char *
config_line(char *out, int room, void *arg)
{
	struct config_reader *r = arg;
	const char *at = r->rest.data;

	if (r->failed || r->rest.len == 0)
		return NULL;
	const char *lf = memchr(at, '\n', r->rest.len);
	size_t whole = lf ? (size_t)(lf - at) + 1 : r->rest.len, len = whole;

	r->rest = (struct slice){ at + whole, r->rest.len - whole };
	r->line++;
	while (len > 0 && strchr(" \t\r\n", at[len - 1]))
		len--;
	while (len > 0 && (*at == ' ' || *at == '\t'))
		at++, len--;
	if (len > CONFIG_LINE_MAX || len + 2 > (size_t)room) {
		config_bad(r, "the line is too long; 190 bytes are the most");
		return NULL;
	}
	if (memchr(at, '\0', len)) {
		config_bad(r, "a NUL byte; this is no text file");
		return NULL;
	}
	memcpy(out, at, len);
	out[len] = '\n';
	out[len + 1] = '\0';
	return out;
}

static int
config_unknown(struct config_reader *r, const char *name, unsigned commands)
{
	char what[200];

	snprintf(what, sizeof(what), "unknown option '%.60s'; did you mean '%s'?", name,
	    option_nearest(name, commands));
	return config_bad(r, what);
}

/* In [global] a name may mean different things to different commands, as "format" does: a value
 * that another command takes is not this one's fault. */
static bool
config_fits_another(const struct options *o, const char *name, const char *value)
{
	bool fits = false;

	for (size_t i = 0; i < option_count && !fits; i++) {
		struct options other;
		struct err ignored;

		if (strcmp(option_table[i].name, name) != 0 ||
		    (option_table[i].commands & o->command->bit))
			continue;
		options_init(&other, o->command);
		fits = options_set(&other, &option_table[i], FROM_CONFIG, value, &ignored) == 0;
		options_done(&other);
	}
	return fits;
}

static int
config_set(struct config_reader *r, bool global, const struct option_row *row, const char *value)
{
	struct err why;

	if (options_set(r->o, row, FROM_CONFIG, value, &why) == 0)
		return 1;
	if (global && config_fits_another(r->o, row->name, value))
		return 1;
	return config_bad(r, why.text);
}

static int
config_global(struct config_reader *r, const char *name, const char *value)
{
	const struct option_row *row = option_find(name, r->o->command->bit);

	if (!option_find(name, CMD_ALL))
		return config_unknown(r, name, CMD_ALL);
	return row ? config_set(r, true, row, value) : 1;
}

/* inih calls this for each "name = value"; 1 is success. */
static int
config_item(void *arg, const char *section, const char *name, const char *value)
{
	struct config_reader *r = arg;
	const struct command *c;

	if (strcmp(name, "config") == 0 || strcmp(name, "help") == 0 ||
	    strcmp(name, "version") == 0)
		return config_bad(r, "this option is for the command line only");
	if (*section == '\0' || strcmp(section, "global") == 0)
		return config_global(r, name, value);
	c = command_find(section);
	if (!c) {
		char what[160];

		snprintf(what, sizeof(what),
		    "unknown section '[%.50s]'; did you mean '[%s]'? (or [global])", section,
		    command_nearest(section));
		return config_bad(r, what);
	}
	const struct option_row *row = option_find(name, c->bit);

	if (!row)
		return config_unknown(r, name, c->bit);
	return c == r->o->command ? config_set(r, false, row, value) : 1;
}

int
config_parse(struct options *o, const char *name, struct slice text, struct err *err)
{
	struct config_reader r = { .o = o, .name = name, .rest = text, .err = err };
	/* inih reads through `FILE *` or any pointer that its reader understands. */
	int line = ini_parse_stream(config_line, &r, config_item, &r);

	if (r.failed)
		return -1;
	if (line < 0)
		return err_set(err, ERR_CONFIG, "%s: out of memory", name);
	if (line > 0)
		return err_set(
		    err, ERR_CONFIG, "%s:%d: neither a [section] nor 'name = value'", name, line);
	return 0;
}

static int
config_file(struct options *o, const char *path, struct err *err)
{
	struct buf text;
	int rc;

	buf_init(&text, CONFIG_MAX);
	rc = file_read(AT_FDCWD, path, &text, err);
	if (rc == 0)
		rc = config_parse(o, path, buf_slice(&text), err);
	buf_done(&text);
	return rc;
}

/* The i-th place to look at; NULL: there are no more. "" when the environment does not name it. */
static const char *
config_place(struct options *o, int i)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	const char *path = "";

	if (i == 0 && xdg && *xdg == '/')
		path = arena_printf(&o->arena, "%s/imex/imex.conf", xdg);
	else if (i == 0 && home && *home == '/')
		path = arena_printf(&o->arena, "%s/.config/imex/imex.conf", home);
	else if (i == 1)
		path = "/etc/imex.conf";
	else if (i > 1)
		return NULL;
	return path ? path : "";
}

int
config_read(struct options *o, struct err *err)
{
	const char *path;

	if (o->config)
		return config_file(o, o->config, err);
	for (int i = 0; (path = config_place(o, i)) != NULL; i++) {
		struct err why = { 0 };

		if (*path == '\0')
			continue;
		if (config_file(o, path, &why) == 0)
			return 0;
		if (why.kind != ERR_NO_INPUT) {
			*err = why;
			return -1;
		}
	}
	return 0;
}
