#include "app/stored.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { STORED_VALUE_MAX = 64 * 1024 };

struct stored {
	json_t *root, *accounts;	/* borrowed from root */
};

static int
stored_bad(struct err *err, const char *why)
{
	return err_set(err, ERR_STATE,
	    "the options kept in the state cannot be read (%s); run imex extract with its SOURCE "
	    "again",
	    why);
}

int
stored_read(struct stored **ret, struct state *t, struct err *err)
{
	char *text = NULL;
	json_error_t why;

	if (state_note_get(t, "options", &text, err) < 0)
		return -1;
	struct stored *s = mem_new(sizeof(*s));

	s->root =
	    text ? json_loads(text, JSON_REJECT_DUPLICATES, &why) : json_pack("{s:[]}", "accounts");
	free(text);
	s->accounts = json_object_get(s->root, "accounts");
	if (!json_is_array(s->accounts)) {
		stored_free(&s);
		return stored_bad(err, "not a list of accounts");
	}
	*ret = s;
	return 0;
}

void
stored_free(struct stored **s)
{
	if (!*s)
		return;
	json_decref((*s)->root);
	free(*s);
	*s = NULL;
}

size_t
stored_len(const struct stored *s)
{
	return json_array_size(s->accounts);
}

const char *
stored_source(const struct stored *s, size_t i)
{
	const char *source =
	    json_string_value(json_object_get(json_array_get(s->accounts, i), "source"));

	return source ? source : "";
}

/* Index of the entry of this login and server; stored_len: none. */
static size_t
stored_find(const struct stored *s, const struct imap_url *url)
{
	size_t i = 0;
	bool same = false;

	for (; i < stored_len(s); i++) {
		struct arena a;
		struct imap_url have;
		struct err ignored;

		arena_init(&a, 64 * 1024);
		same = imap_url_parse(stored_source(s, i), &a, &have, &ignored) == 0 &&
		    origin_same(url, have.user, have.host, have.port);
		arena_done(&a);
		if (same)
			break;
	}
	return i;
}

static int
stored_apply_one(
    struct options *o, const struct option_row *row, const json_t *value, struct err *err)
{
	const json_t *item = value;
	size_t n = json_is_array(value) ? json_array_size(value) : 1;

	for (size_t i = 0; i < n; i++) {
		struct err why;

		if (json_is_array(value))
			item = json_array_get(value, i);
		if (!json_is_string(item))
			return stored_bad(err, row->name);
		if (options_set(o, row, FROM_JOB, json_string_value(item), &why) < 0)
			return stored_bad(err, why.text);
	}
	return 0;
}

int
stored_apply_at(const struct stored *s, size_t i, struct options *o, struct err *err)
{
	json_t *options =
	    i < stored_len(s) ? json_object_get(json_array_get(s->accounts, i), "options") : NULL;
	const char *name;
	json_t *value;

	json_object_foreach(options, name, value) {
		const struct option_row *row = option_find(name, o->command->bit);

		/* An option that this command does not have, as --eol of verify, is not its
		 * business. */
		if (row && row->stored && stored_apply_one(o, row, value, err) < 0)
			return -1;
	}
	return 0;
}

int
stored_apply(const struct stored *s, const struct imap_url *url, struct options *o, struct err *err)
{
	return stored_apply_at(s, stored_find(s, url), o, err);
}

/* ---- writing ---- */

/* A path that means the same from any directory. */
static json_t *
stored_path(const char *path)
{
	char *whole = realpath(path, NULL);
	json_t *j = json_string(whole ? whole : path);

	free(whole);
	return j;
}

/* A command that spells the password out is not kept: the state holds no secret. */
/* The passwords of both ends, none of which is to be kept. */
struct secrets {
	const struct secret *source, *dest;
};

static bool
text_has(const char *text, const struct secret *password)
{
	struct slice secret = password ? secret_value(password) : (struct slice){ 0 };

	return secret.len > 0 && memmem(text, strlen(text), secret.data, secret.len) != NULL;
}

static bool
stored_has_secret(const struct option_row *row, const char *text, const struct secrets *s)
{
	if (strcmp(row->name, "password-command") != 0 &&
	    strcmp(row->name, "dest-password-command") != 0)
		return false;
	return text_has(text, s->source) || text_has(text, s->dest);
}

static json_t *
stored_value(const struct option_row *row, const struct options *o, const struct secrets *secrets)
{
	json_t *list = row->kind == OPT_LIST ? json_array() : NULL, *one = NULL;
	struct buf text;

	buf_init(&text, STORED_VALUE_MAX);
	for (size_t i = 0; option_text(o, row, i, &text); i++) {
		if (list)
			json_array_append_new(list, json_string(text.data));
		else if (row->kind == OPT_FILE)
			one = stored_path(text.data);
		else if (!stored_has_secret(row, text.data, secrets))
			one = json_string(text.data);
		buf_reset(&text);
	}
	buf_done(&text);
	return list ? list : one;
}

static json_t *
stored_entry(const struct secrets *secrets, const char *source, const struct options *o)
{
	json_t *options = json_object();

	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_table[i];

		if (!row->stored || o->from[i] == FROM_DEFAULT ||
		    !(row->commands & o->command->bit))
			continue;
		json_t *value = stored_value(row, o, secrets);

		/* Text that is no UTF-8 gives no JSON: left out, it is asked for again. */
		if (value)
			json_object_set_new(options, row->name, value);
	}
	return json_pack("{s:s, s:o}", "source", source, "options", options);
}

/* Takes s and the entry, which replaces the one at i or becomes the last. */
static int
stored_put(struct state *t, struct stored *s, size_t i, json_t *entry, struct err *err)
{
	char *text;
	int rc;

	if (!entry)
		rc = err_set(err, ERR_USAGE, "SOURCE is not UTF-8; write other octets as %%XX");
	else if ((i < stored_len(s) ? json_array_set_new(s->accounts, i, entry)
				    : json_array_append_new(s->accounts, entry)) < 0)
		rc = err_set(err, ERR_STATE, "keep the options");
	else
		rc = 0;
	text = rc == 0 ? json_dumps(s->root, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	if (rc == 0)
		rc = text ? state_note_set(t, "options", text, err)
			  : err_set(err, ERR_STATE, "keep the options");
	free(text);
	stored_free(&s);
	return rc;
}

int
stored_write(struct state *t, const struct origin *g, const char *source, const struct options *o,
    const struct secret *dest, struct err *err)
{
	const struct secrets secrets = { .source = g->password, .dest = dest };
	struct stored *s;

	if (stored_read(&s, t, err) < 0)
		return -1;
	return stored_put(t, s, stored_find(s, &g->url), stored_entry(&secrets, source, o), err);
}

static size_t
stored_find_path(const struct stored *s, const char *path)
{
	size_t i = 0;

	while (i < stored_len(s) && strcmp(stored_source(s, i), path) != 0)
		i++;
	return i;
}

int
stored_write_files(struct state *t, const char *path, const struct options *o,
    const struct secret *dest, struct err *err)
{
	const struct secrets secrets = { .dest = dest };
	AUTO(mem_free_str) char *whole = realpath(path, NULL);
	const char *source = whole != NULL ? whole : path;
	struct stored *s;

	if (stored_read(&s, t, err) < 0)
		return -1;
	return stored_put(t, s, stored_find_path(s, source), stored_entry(&secrets, source, o), err);
}
