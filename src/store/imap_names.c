/* What folders are called on the server, and making those that are missing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/names.h"
#include "store/imap_sink.h"

enum { QUOTA_LITTLE = 1024 * 1024 };

/* A folder keeps the name under which an earlier run has filled it. */
static int
keep_names(struct sink *s)
{
	const char **kept = arena_take(&s->names, (s->n_source + 1) * sizeof(*kept));

	if (kept == NULL)
		return err_set(
		    &s->names_err, ERR_FOLDER, "the folder names do not fit into memory");
	for (size_t k = 0; k < s->n_known; k++) {
		const struct folder_rec *rec = &s->known[k];

		for (size_t i = 0; i < s->n_source && !rec->vanished; i++)
			if (slice_eq(s->source[i].name, rec->name) && rec->mark[0] != '\0')
				kept[i] = rec->path;
	}
	return mapping_keep(s->mapped, s->n_source, kept, &s->names, &s->names_err);
}

/* Files keep the names, but not where the personal namespace began. Where all folders lie below INBOX
 * it is "INBOX." (Courier, Cyrus): nobody makes each folder a child of his inbox. */
static const struct folder *
with_prefix(struct sink *s, const struct folder *list, size_t n)
{
	struct folder *copy;
	char delim = 0;
	size_t below = 0;

	for (size_t i = 0; i < n && s->to->guess_prefix; i++) {
		const struct folder *f = &list[i];

		if (f->prefix.len > 0)
			return list;
		if (f->name.len == 5 && slice_starts_nocase(f->name, "INBOX"))
			continue;
		if (f->delim == 0 || f->name.len < 7 || memcmp(f->name.data, "INBOX", 5) != 0 ||
		    f->name.data[5] != f->delim || (below > 0 && f->delim != delim))
			return list;
		delim = f->delim;
		below++;
	}
	if (below == 0)
		return list;
	copy = arena_take(&s->names, n * sizeof(*copy));

	char *prefix = arena_printf(&s->names, "INBOX%c", delim);

	if (copy == NULL || prefix == NULL)
		return list;
	memcpy(copy, list, n * sizeof(*copy));
	for (size_t i = 0; i < n; i++)
		copy[i].prefix = slice_str(prefix);
	return copy;
}

void
dest_survey(struct sink *s, const struct folder *list, size_t n)
{
	const struct mapping_side side = { .folder = s->list.folder,
		.n = s->list.len,
		.delim = s->delim,
		.prefix = s->prefix };

	s->names_err = (struct err){ 0 };
	list = with_prefix(s, list, n);
	s->source = list;
	s->n_source = n;
	s->refused = arena_take(&s->names, (n + 1) * sizeof(*s->refused));
	if (s->refused == NULL)
		err_set(&s->names_err, ERR_FOLDER, "the folder names do not fit into memory");
	else if (mapping_make(s->to->rules, list, n, &side, &s->names, &s->mapped, &s->names_err) <
		 0)
		s->mapped = NULL;
	else if (keep_names(s) < 0)
		s->mapped = NULL;
}

static size_t
source_index(const struct sink *s, struct slice name)
{
	for (size_t i = 0; i < s->n_source; i++)
		if (s->source[i].name.len == name.len &&
		    memcmp(s->source[i].name.data, name.data, name.len) == 0)
			return i;
	return s->n_source;
}

int
dest_name_folder(struct sink *s, const struct folder *f, struct buf *ret_path, bool *ret_mapped,
    struct err *err)
{
	size_t i = source_index(s, f->name);

	if (s->mapped == NULL || i == s->n_source) {
		*err = s->names_err;
		return err->kind != ERR_NONE ? -1 : err_set(err, ERR_FOLDER, "unknown folder");
	}
	*ret_mapped = s->mapped[i].how == MAPPED_REPLACED;
	return buf_add_str(ret_path, s->mapped[i].name)
		   ? 0
		   : err_set(err, ERR_FOLDER, "the name on the destination is too long");
}

static bool
listed(const struct sink *s, const char *name)
{
	for (size_t i = 0; i < s->list.len; i++) {
		const struct folder *f = &s->list.folder[i];

		if (f->name.len == strlen(name) && !(f->attrs & FOLDER_NOSELECT) &&
		    memcmp(f->name.data, name, f->name.len) == 0)
			return true;
	}
	return false;
}

/* The one use that CREATE may ask for (RFC 6154 3). */
static const char *
use_to_make(const struct sink *s, const struct folder *f)
{
	static const char *const uses[] = { "\\Archive", "\\Drafts", "\\Junk", "\\Sent",
		"\\Trash" };

	if (f->special_use == NULL || !caps_has(&s->s->caps, CAP_CREATE_SPECIAL_USE))
		return NULL;
	for (size_t i = 0; i < COUNT_OF(uses); i++) {
		bool taken = false;

		if (strcasecmp(f->special_use, uses[i]) != 0)
			continue;
		for (size_t k = 0; k < s->list.len; k++)
			taken |= s->list.folder[k].special_use != NULL &&
				 strcasecmp(s->list.folder[k].special_use, uses[i]) == 0;
		return taken ? NULL : uses[i];
	}
	return NULL;
}

static int
create(struct sink *s, size_t i, const char *use, struct err *err)
{
	char rest[64] = "";
	struct resp r;
	uint32_t tag;

	if (use != NULL)
		snprintf(rest, sizeof(rest), "(USE (%s))", use);
	if (sess_send_named(s->s, DEST_OTHER, &tag, "CREATE", slice_str(s->mapped[i].name), rest,
		err) < 0)
		return dest_failed(s, err);
	if (dest_wait(s, tag, &r, err) < 0)
		return -1;
	s->refused[i] = NULL;
	if (r.state == STATE_OK)
		dest_note(s, EV_DEST_MADE, 0, NULL, NULL, false, "the folder '%s' was made",
		    s->mapped[i].name);
	if (r.state == STATE_OK || r.code == CODE_ALREADYEXISTS)
		return 0;
	if (use != NULL)
		return create(s, i, NULL, err);
	dest_note(s, EV_REFUSED, 0, "CREATE", s->s->reply, true, "the folder '%s' could not be made",
	    s->mapped[i].name);
	s->refused[i] = arena_copy(&s->names, slice_str(s->s->reply));
	return 0;
}

static int
list_again(struct sink *s, struct err *err)
{
	folder_list_done(&s->list);
	s->list = (struct folder_list){ 0 };
	if (sess_folders(s->s, false, &s->names, &s->list, err) < 0)
		return dest_failed(s, err);
	return 0;
}

/* The name was refused, or is not what the server lists: the same in plainer characters. */
static int
create_stricter(struct sink *s, size_t i, struct err *err)
{
	const struct mapping_side side = { .folder = s->list.folder,
		.n = s->list.len,
		.delim = s->delim,
		.prefix = s->prefix };
	const char *plain;

	if (mapping_stricter(&side, s->mapped[i].name, &s->names, &plain, err) < 0)
		return -1;
	if (plain == NULL)
		return 0;
	for (size_t k = 0; k < s->n_source; k++)
		if (strcasecmp(s->mapped[k].name, plain) == 0)
			return 0;

	const char *was = s->mapped[i].name;

	s->mapped[i].name = plain;
	if (create(s, i, NULL, err) < 0)
		return -1;
	if (s->refused[i] != NULL) {
		s->mapped[i].name = was;
		return 0;
	}
	s->mapped[i].how = MAPPED_REPLACED;
	s->mapped[i].why = "the server refuses the name";
	return 0;
}

/* A server that changes the case of names: what it lists is used (servers.md 2.10). */
static bool
take_listed(struct sink *s, size_t i)
{
	for (size_t k = 0; k < s->list.len; k++) {
		const struct folder *f = &s->list.folder[k];
		bool taken = f->attrs & FOLDER_NOSELECT;

		if (!name_twins(f->name, slice_str(s->mapped[i].name)))
			continue;
		for (size_t m = 0; m < s->n_source; m++)
			taken |= m != i && strlen(s->mapped[m].name) == f->name.len &&
				 memcmp(s->mapped[m].name, f->name.data, f->name.len) == 0;
		if (taken)
			continue;

		const char *name = arena_copy(&s->names, f->name);

		if (name == NULL)
			return false;
		s->mapped[i].name = name;
		s->mapped[i].how = MAPPED_REPLACED;
		s->mapped[i].why = "the server changed the case of the name";
		return true;
	}
	return false;
}

int
dest_quota(struct sink *s, uint64_t *ret_used, uint64_t *ret_limit, struct err *err)
{
	if (!s->quota_asked && quota_get(s->s, &s->quota, err) < 0)
		return dest_failed(s, err);
	s->quota_asked = true;
	*ret_used = s->quota.used;
	*ret_limit = s->quota.limit;
	return 0;
}

/* Before the first run: mail that is there already, and room that will not do. */
static int
say_what_is_there(struct sink *s, const struct folder *const *wanted, size_t n, struct err *err)
{
	uint64_t there = 0, bytes = 0, used, limit;
	bool known = true;

	for (size_t k = 0; k < n; k++) {
		size_t i = source_index(s, wanted[k]->name);

		bytes += wanted[k]->counts.bytes;
		known &= wanted[k]->counts.bytes_known;
		for (size_t j = 0; i < s->n_source && j < s->list.len; j++)
			if (slice_eq(s->list.folder[j].name, s->mapped[i].name))
				there += s->list.folder[j].counts.messages;
	}
	if (s->n_known == 0 && there > 0)
		dest_note(s, EV_DEST_NOT_EMPTY, 0, NULL, NULL, false,
		    "the folders of the destination that mail goes to hold %" PRIu64
		    " messages already; what is the same is not copied again",
		    there);
	if (dest_quota(s, &used, &limit, err) < 0)
		return -1;
	if (limit == 0 || (limit > used && limit - used >= (known ? bytes : QUOTA_LITTLE)))
		return 0;
	dest_note(s, EV_DEST_QUOTA, 0, NULL, NULL, true,
	    "the quota of the destination is %" PRIu64 " octets, %" PRIu64
	    " of them are used: the mail may not fit",
	    limit, used);
	return 0;
}

int
dest_prepare(struct sink *s, const struct folder *const *wanted, size_t n, struct err *err)
{
	size_t made = 0;
	bool again = false;

	if (s->mapped == NULL) {
		*err = s->names_err;
		return -1;
	}
	for (size_t k = 0; k < n; k++) {
		size_t i = source_index(s, wanted[k]->name);

		if (i == s->n_source || listed(s, s->mapped[i].name) ||
		    slice_eq_nocase(slice_str(s->mapped[i].name), "INBOX"))
			continue;
		if (create(s, i, use_to_make(s, wanted[k]), err) < 0)
			return -1;
		made++;
	}
	if (say_what_is_there(s, wanted, n, err) < 0)
		return -1;
	if (made == 0)
		return 0;
	if (list_again(s, err) < 0)
		return -1;
	for (size_t k = 0; k < n; k++) {
		size_t i = source_index(s, wanted[k]->name);

		if (i < s->n_source && !listed(s, s->mapped[i].name) &&
		    !slice_eq_nocase(slice_str(s->mapped[i].name), "INBOX") &&
		    !take_listed(s, i)) {
			if (create_stricter(s, i, err) < 0)
				return -1;
			again = true;
		}
	}
	return again ? list_again(s, err) : 0;
}

const char *
dest_name(const struct sink *s, const struct folder *f)
{
	size_t i = source_index(s, f->name);

	return s->mapped == NULL || i == s->n_source || s->refused[i] != NULL ? "" : s->mapped[i].name;
}

int
dest_finish_account(struct sink *s, const struct folder *list, size_t len, struct err *err)
{
	for (size_t k = 0; k < len; k++) {
		size_t i = source_index(s, list[k].name);
		struct resp r;
		uint32_t tag;

		if (!(list[k].attrs & FOLDER_SUBSCRIBED) || i == s->n_source || s->mapped == NULL ||
		    s->refused[i] != NULL)
			continue;
		bool done = false;

		for (size_t j = 0; j < s->list.len && !done; j++)
			done = s->list.folder[j].attrs & FOLDER_SUBSCRIBED &&
			       s->list.folder[j].name.len == strlen(s->mapped[i].name) &&
			       memcmp(s->list.folder[j].name.data, s->mapped[i].name,
				   s->list.folder[j].name.len) == 0;
		/* Of folders that were left out there is nothing to subscribe to. */
		if (done || (!listed(s, s->mapped[i].name) &&
				!slice_eq_nocase(slice_str(s->mapped[i].name), "INBOX")))
			continue;
		if (sess_send_named(s->s, DEST_OTHER, &tag, "SUBSCRIBE",
			slice_str(s->mapped[i].name), "", err) < 0)
			return dest_failed(s, err);
		if (dest_wait(s, tag, &r, err) < 0)
			return -1;
		if (r.state != STATE_OK)
			dest_note(s, EV_REFUSED, 0, "SUBSCRIBE", s->s->reply, true,
			    "'%s' could not be subscribed to", s->mapped[i].name);
	}
	return 0;
}
