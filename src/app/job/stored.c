#include "app/job/stored.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/option_value.h"
#include "base/mem.h"

enum { STORED_VALUE_MAX = 64 * 1024, STORED_ARENA = 1024 * 1024 * 1024, URL_ARENA = 64 * 1024 };

/* The note of older jobs, one for all accounts; and the notes, one for each. */
static const char old_note[] = "options", notes[] = "options/";
static const char account_notes[] = "options/account/", file_notes[] = "options/files/";

struct entry {
	const char *key, *source, *value; /* value: JSON of source and options */
	bool old; /* out of the note of an older job */
};

struct stored {
	struct arena arena;
	struct entry *entry; /* by key */
	size_t len, cap;
};

static int
stored_bad(struct err *err, const char *why)
{
	return err_set(err, ERR_STATE,
	    "the options kept in the state cannot be read (%s); run imex extract with its SOURCE "
	    "again",
	    why);
}

static int
stored_full(struct err *err)
{
	return err_set(err, ERR_STATE, "the options kept in the state do not fit into memory");
}

static char *
key_of_url(const struct imap_url *url)
{
	char *key;

	if (asprintf(&key, "%s%s@%s:%s", account_notes, url->user, url->host, url->port) < 0)
		mem_out();
	return key;
}

static char *
key_of_path(const char *path)
{
	char *key;

	if (asprintf(&key, "%s%s", file_notes, path) < 0)
		mem_out();
	return key;
}

static char *
key_of_source(const char *source)
{
	struct imap_url url;
	struct err ignored;
	struct arena a;

	arena_init(&a, URL_ARENA);
	char *key = imap_url_parse(source, &a, &url, &ignored) == 0 ? key_of_url(&url)
								     : key_of_path(source);
	arena_done(&a);
	return key;
}

/* ---- reading ---- */

static struct entry *
stored_add(struct stored *s)
{
	if (s->len == s->cap) {
		s->cap = s->cap > 0 ? 2 * s->cap : 16;
		s->entry = mem_resize(s->entry, s->cap, sizeof(*s->entry));
	}
	return memset(&s->entry[s->len++], 0, sizeof(*s->entry));
}

/* Key and value are borrowed. */
static int
stored_take(struct stored *s, const struct job_note *n, struct err *err)
{
	json_t *j = json_loads(n->value, JSON_REJECT_DUPLICATES, NULL);
	const char *source = json_string_value(json_object_get(j, "source"));
	struct entry *e = stored_add(s);

	*e = (struct entry){ .key = n->key, .value = n->value };
	e->source = source != NULL ? arena_copy(&s->arena, slice_str(source)) : NULL;
	int rc = source == NULL ? stored_bad(err, n->key)
	    : e->source == NULL ? stored_full(err)
				: 0;
	json_decref(j);
	return rc;
}

static int
stored_take_old(struct stored *s, const json_t *item, struct err *err)
{
	const char *source = json_string_value(json_object_get(item, "source"));
	AUTO(mem_free_str) char *key = key_of_source(source != NULL ? source : "");
	AUTO(mem_free_str) char *value = json_dumps(item, JSON_COMPACT | JSON_SORT_KEYS);
	struct entry *e = stored_add(s);

	*e = (struct entry){ .old = true };
	if (source == NULL || value == NULL)
		return stored_bad(err, "an account without a source");
	e->key = arena_copy(&s->arena, slice_str(key));
	e->source = arena_copy(&s->arena, slice_str(source));
	e->value = arena_copy(&s->arena, slice_str(value));
	return e->key != NULL && e->source != NULL && e->value != NULL ? 0 : stored_full(err);
}

static int
stored_read_old(struct stored *s, struct state *t, struct err *err)
{
	AUTO(mem_free_str) char *text = NULL;
	int rc = 0;

	if (state_note_get(t, old_note, &text, err) < 0)
		return -1;
	if (text == NULL)
		return 0;
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	const json_t *accounts = json_object_get(root, "accounts");
	if (!json_is_array(accounts))
		rc = stored_bad(err, "not a list of accounts");
	for (size_t i = 0; rc == 0 && i < json_array_size(accounts); i++)
		rc = stored_take_old(s, json_array_get(accounts, i), err);
	json_decref(root);
	return rc;
}

static int
entry_order(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order != 0 ? order : x->old - y->old;
}

/* In order; what an account's own note says counts. */
static void
stored_settle(struct stored *s)
{
	size_t len = 0;

	if (s->len > 0)
		qsort(s->entry, s->len, sizeof(*s->entry), entry_order);
	for (size_t i = 0; i < s->len; i++)
		if (len == 0 || strcmp(s->entry[len - 1].key, s->entry[i].key) != 0)
			s->entry[len++] = s->entry[i];
	s->len = len;
}

/* `key` NULL: all; else the note of that key only, besides the old one. */
static int
stored_fill(struct stored *s, struct state *t, const char *key, struct err *err)
{
	AUTO(mem_free_str) char *value = NULL;
	struct job_note *note = NULL, one;
	size_t n = 0;
	int rc = 0;

	if (key == NULL) {
		rc = state_notes(t, notes, &s->arena, &note, &n, err);
	} else if ((rc = state_note_get(t, key, &value, err)) == 0 && value != NULL) {
		one.key = arena_copy(&s->arena, slice_str(key));
		one.value = arena_copy(&s->arena, slice_str(value));
		note = &one;
		n = 1;
		if (one.key == NULL || one.value == NULL)
			return stored_full(err);
	}
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = stored_take(s, &note[i], err);
	if (rc < 0 || (key != NULL && n > 0))
		return rc;
	if (stored_read_old(s, t, err) < 0)
		return -1;
	stored_settle(s);
	return 0;
}

static int
stored_read_key(struct stored **ret, struct state *t, const char *key, struct err *err)
{
	struct stored *s = mem_new(sizeof(*s));

	arena_init(&s->arena, STORED_ARENA);
	if (stored_fill(s, t, key, err) < 0) {
		stored_free(&s);
		return -1;
	}
	*ret = s;
	return 0;
}

int
stored_read(struct stored **ret, struct state *t, struct err *err)
{
	return stored_read_key(ret, t, NULL, err);
}

void
stored_free(struct stored **s)
{
	if (!*s)
		return;
	arena_done(&(*s)->arena);
	free((*s)->entry);
	free(*s);
	*s = NULL;
}

size_t
stored_len(const struct stored *s)
{
	return s->len;
}

const char *
stored_source(const struct stored *s, size_t i)
{
	return s->entry[i].source;
}

/* Index of the entry of that key; stored_len: none. */
static size_t
stored_find(const struct stored *s, const char *key)
{
	size_t from = 0, to = s->len;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		int order = strcmp(s->entry[mid].key, key);

		if (order == 0)
			return mid;
		if (order < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return s->len;
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

static int
stored_apply_some(const struct stored *s, size_t i, bool of_job, struct options *o, struct err *err)
{
	json_t *entry = i < s->len ? json_loads(s->entry[i].value, 0, NULL) : NULL;
	json_t *value;
	const char *name;
	int rc = 0;

	json_object_foreach(json_object_get(entry, "options"), name, value) {
		const struct option_row *row = option_find(name, o->command->bit);

		/* An option that this command does not have, as --eol of verify, is not its
		 * business. */
		if (rc == 0 && row && row->kept != KEPT_NOT &&
		    (!of_job || (row->kept == KEPT_OF_JOB && row->kind != OPT_LIST)))
			rc = stored_apply_one(o, row, value, err);
	}
	json_decref(entry);
	return rc;
}

int
stored_apply_at(const struct stored *s, size_t i, struct options *o, struct err *err)
{
	return stored_apply_some(s, i, false, o, err);
}

int
stored_apply_job(const struct stored *s, size_t i, struct options *o, struct err *err)
{
	return stored_apply_some(s, i, true, o, err);
}

int
stored_apply(struct state *t, const struct imap_url *url, struct options *o, struct err *err)
{
	AUTO(mem_free_str) char *key = key_of_url(url);
	struct stored *s;

	if (stored_read_key(&s, t, key, err) < 0)
		return -1;
	int rc = stored_apply_at(s, stored_find(s, key), o, err);
	stored_free(&s);
	return rc;
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

/* The passwords of both ends, none of which is to be kept. */
struct secrets {
	const struct secret *source, *dest;
	bool unknown; /* they may stand in any command that prints one */
};

static bool
text_has(const char *text, const struct secret *password)
{
	struct slice secret = password ? secret_value(password) : (struct slice){ 0 };

	return secret.len > 0 && memmem(text, strlen(text), secret.data, secret.len) != NULL;
}

/* A command that spells the password out is not kept: the state holds no secret. */
static bool
stored_has_secret(const struct option_row *row, const char *text, const struct secrets *s)
{
	if (strcmp(row->name, "password-command") != 0 &&
	    strcmp(row->name, "dest-password-command") != 0)
		return false;
	return s->unknown || text_has(text, s->source) || text_has(text, s->dest);
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

		if (row->kept == KEPT_NOT || o->from[i] == FROM_DEFAULT ||
		    !(row->commands & o->command->bit))
			continue;
		json_t *value = stored_value(row, o, secrets);

		/* Text that is no UTF-8 gives no JSON: left out, it is asked for again. */
		if (value)
			json_object_set_new(options, row->name, value);
	}
	return json_pack("{s:s, s:o}", "source", source, "options", options);
}

/* What an older job kept in one note becomes a note for each, in the same commit. */
static int
stored_convert(struct state *t, const struct job_note *own, struct err *err)
{
	struct stored *s;
	size_t n = 0;

	if (stored_read(&s, t, err) < 0)
		return -1;
	struct job_note *note = mem_new((s->len + 2) * sizeof(*note));
	for (size_t i = 0; i < s->len; i++)
		if (s->entry[i].old)
			note[n++] = (struct job_note){ s->entry[i].key, s->entry[i].value };
	note[n++] = *own;
	note[n++] = (struct job_note){ .key = old_note };
	int rc = state_notes_set(t, note, n, err);
	free(note);
	stored_free(&s);
	return rc;
}

/* Takes the entry; *ret is malloc'ed. */
static int
stored_text(json_t *entry, char **ret, struct err *err)
{
	*ret = entry ? json_dumps(entry, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(entry);
	if (!entry)
		return err_set(err, ERR_USAGE, "SOURCE is not UTF-8; write other octets as %%XX");
	return *ret ? 0 : err_set(err, ERR_STATE, "keep the options");
}

int
stored_note(const struct imap_url *url, const char *source, const struct options *o,
    struct arena *a, struct job_note *ret, struct err *err)
{
	const struct secrets secrets = { .unknown = true };
	AUTO(mem_free_str) char *key = key_of_url(url);
	AUTO(mem_free_str) char *text = NULL;

	if (stored_text(stored_entry(&secrets, source, o), &text, err) < 0)
		return -1;
	ret->key = arena_copy(a, slice_str(key));
	ret->value = arena_copy(a, slice_str(text));
	return ret->key && ret->value ? 0 : stored_full(err);
}

bool
stored_has(const struct stored *s, const struct imap_url *url)
{
	AUTO(mem_free_str) char *key = key_of_url(url);

	return stored_find(s, key) < s->len;
}

/* Takes the entry. */
static int
stored_put(struct state *t, const char *key, json_t *entry, struct err *err)
{
	AUTO(mem_free_str) char *old = NULL, *was = NULL, *text = NULL;

	if (stored_text(entry, &text, err) < 0)
		return -1;

	const struct job_note note = { .key = key, .value = text };

	if (state_note_get(t, old_note, &old, err) < 0 || state_note_get(t, key, &was, err) < 0)
		return -1;
	/* A commit for nothing is a sync for nothing, of each account in each run. */
	if (was != NULL && strcmp(was, text) == 0)
		return 0;
	return old != NULL ? stored_convert(t, &note, err) : state_notes_set(t, &note, 1, err);
}

int
stored_write(struct state *t, const struct origin *g, const char *source, const struct options *o,
    const struct secret *dest, struct err *err)
{
	const struct secrets secrets = { .source = g->password, .dest = dest };
	AUTO(mem_free_str) char *key = key_of_url(&g->url);

	return stored_put(t, key, stored_entry(&secrets, source, o), err);
}

int
stored_write_files(struct state *t, const char *path, const struct options *o,
    const struct secret *dest, struct err *err)
{
	const struct secrets secrets = { .dest = dest };
	AUTO(mem_free_str) char *whole = realpath(path, NULL);
	const char *source = whole != NULL ? whole : path;
	AUTO(mem_free_str) char *key = key_of_path(source);

	return stored_put(t, key, stored_entry(&secrets, source, o), err);
}
