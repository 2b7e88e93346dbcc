/* What folders are called on the server. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/names.h"
#include "store/to_imap/imap_sink.h"

/* A folder keeps the name under which an earlier run has filled it. */
static int
keep_names(struct sink *s)
{
	const char **kept = arena_take(&s->names, (s->n_source + 1) * sizeof(*kept));

	s->plain = arena_take(&s->names, (s->n_source + 1) * sizeof(*s->plain));
	if (kept == NULL || s->plain == NULL)
		return err_set(
		    &s->names_err, ERR_FOLDER, "the folder names do not fit into memory");
	for (size_t i = 0; i < s->n_source; i++)
		s->plain[i] = s->mapped[i].name;
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
	/* What was made stays so: the lists are equal after a connection was lost. */
	if (s->made == NULL || n != s->n_source)
		s->made = arena_take(&s->names, (n + 1) * sizeof(*s->made));
	s->source = list;
	s->n_source = n;
	s->refused = arena_take(&s->names, (n + 1) * sizeof(*s->refused));
	s->denied = arena_take(&s->names, (n + 1) * sizeof(*s->denied));
	if (s->refused == NULL || s->made == NULL || s->denied == NULL)
		err_set(&s->names_err, ERR_FOLDER, "the folder names do not fit into memory");
	else if (mapping_make(s->to->rules, list, n, &side, &s->names, &s->mapped, &s->names_err) <
		 0)
		s->mapped = NULL;
	else if (keep_names(s) < 0)
		s->mapped = NULL;
}

size_t
dest_source_index(const struct sink *s, struct slice name)
{
	for (size_t i = 0; i < s->n_source; i++)
		if (s->source[i].name.len == name.len &&
		    memcmp(s->source[i].name.data, name.data, name.len) == 0)
			return i;
	return s->n_source;
}

const char *
dest_plain_name(const struct sink *s, struct slice name)
{
	size_t i = dest_source_index(s, name);

	return s->mapped != NULL && i < s->n_source ? s->plain[i] : "";
}

int
dest_name_folder(struct sink *s, const struct folder *f, struct buf *ret_path, bool *ret_mapped,
    struct err *err)
{
	size_t i = dest_source_index(s, f->name);

	if (s->mapped == NULL || i == s->n_source) {
		*err = s->names_err;
		return err->kind != ERR_NONE ? -1 : err_set(err, ERR_FOLDER, "unknown folder");
	}
	*ret_mapped = s->mapped[i].how == MAPPED_REPLACED;
	return buf_add_str(ret_path, s->mapped[i].name)
		   ? 0
		   : err_set(err, ERR_FOLDER, "the name on the destination is too long");
}

const char *
dest_name(const struct sink *s, const struct folder *f)
{
	size_t i = dest_source_index(s, f->name);

	return s->mapped == NULL || i == s->n_source || s->refused[i] != NULL ? "" : s->mapped[i].name;
}
