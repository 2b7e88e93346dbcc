/* The session with the server that mail goes to, its folders, and the table of the sink. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "mail/header.h"
#include "mail/names.h"
#include "store/imap_sink.h"

enum { NAMES_MAX = 256 * 1024 * 1024, QUOTA_LITTLE = 1024 * 1024 };

/* ---- errors and notes ---- */

int
dest_failed(struct sink *s, struct err *err)
{
	if (err->kind == ERR_BYE && !s->broken)
		dest_note(s, EV_REFUSED, s->begun || s->care != CARE_NONE ? s->now.uid : 0, NULL,
		    s->s->reply, false, "the destination closed the session");
	if (err->scope == SCOPE_SESSION || err->kind == ERR_THROTTLED)
		s->broken = true;
	if (err->scope == SCOPE_SESSION && strncmp(err->text, "destination", 11) != 0)
		err_wrap(err, "destination %s", s->to->server->host);
	return -1;
}

void
dest_note(struct sink *s, enum event_no no, uint32_t uid, const char *command, const char *reply,
    bool standing, const char *fmt, ...)
{
	struct event e = { .no = no,
		.level = event_default_level(no) == LEVEL_INFO ? LEVEL_INFO : LEVEL_WARNING,
		.uid = uid,
		.command = command,
		.folder = s->at != NULL ? s->at->name : NULL };
	char text[ERR_TEXT_MAX];
	va_list ap;

	if (reply != NULL)
		e.reply = slice_str(reply);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	notes_add(&s->notes, &e, standing, "%s", text);
}

/* ---- the session ---- */

static void
keep_notes(struct sink *s)
{
	struct notes *n = &s->s->notes;

	for (size_t i = 0; i < n->len; i++)
		notes_add(&s->notes, &n->note[i].event, n->note[i].standing, "%s", n->note[i].text);
	notes_clear(n);
}

static void
drop_session(struct sink *s)
{
	if (s->s == NULL)
		return;
	keep_notes(s);
	if (s->broken || s->streams)
		s->s->said_bye = true;
	sess_close(&s->s);
	dest_drop_groups(s);
	s->at = NULL;
	s->streams = s->swallow = s->begun = false;
	s->care = CARE_NONE;
	s->later = (struct err){ 0 };
}

static void
learn_caps(struct sink *s)
{
	const struct caps *c = &s->s->caps;
	bool rev2 = caps_has(c, CAP_IMAP4REV2);

	s->uidplus = caps_has(c, CAP_UIDPLUS) || rev2;
	s->now_any = caps_has(c, CAP_LITERAL_PLUS);
	s->now_small = caps_has(c, CAP_LITERAL_MINUS) || rev2;
	s->multi = caps_has(c, CAP_MULTIAPPEND) && s->now_any;
	s->limit = append_limit(c);
}

static int
imap_connect(struct sink *s, struct err *err)
{
	drop_session(s);
	if (sess_open(&s->s, s->to->server, s->stop, err) < 0) {
		if (s->s != NULL)
			keep_notes(s);
		sess_close(&s->s);
		return err_wrap(err, "destination");
	}
	/* What it refused stays refused; in this run. */
	bool wary = s->broken && !s->multi && !s->now_any && s->list.folder != NULL;

	s->broken = false;
	learn_caps(s);
	if (wary)
		s->now_any = s->now_small = s->multi = false;
	s->used_ms = clock_mono_ms();
	stream_set_grace(s->s->in, GRACE_MS);
	if (s->list.folder != NULL)
		return 0;
	if (sess_folders(s->s, false, &s->names, &s->list, err) < 0)
		return err_wrap(err, "destination");
	s->delim = s->list.delim;
	if (s->list.len > 0)
		s->prefix = s->list.folder[0].prefix;
	return 0;
}

static int
imap_open(struct sink **ret, const struct sink_place *at, struct cancel *stop, struct err *err)
{
	struct sink *s = mem_new(sizeof(*s));
	AUTO(file_close) int dir = -1;

	s->to = at->dest;
	s->known = at->known;
	s->n_known = at->n_known;
	s->stop = stop;
	s->end = &s->first;
	arena_init(&s->names, NAMES_MAX);
	arena_init(&s->now_arena, 1024 * 1024);
	notes_init(&s->notes);
	buf_init(&s->wire, 2 * GROUP_OCTETS + APPEND_GROUP_MAX * 64 * 1024);
	s->identity = identity_new();
	*ret = s;
	if (file_open_dir(AT_FDCWD, s->to->spool_dir, &dir, err) < 0)
		return -1;
	s->body = spool_new(dir, SPOOL_MEMORY);
	s->repaired = spool_new(dir, SPOOL_MEMORY);
	return imap_connect(s, err);
}

static void
folder_at_free(struct folder_at *at)
{
	free(at->name);
	free(at->cand);
	free(at->odd);
	buf_done(&at->perm);
	buf_done(&at->mark);
	uidset_done(&at->claimed);
	uidset_done(&at->known);
	free(at);
}

static void
imap_close(struct sink **sp)
{
	struct sink *s = *sp;

	if (s == NULL)
		return;
	drop_session(s);
	dest_drop_groups(s);
	while (s->folders != NULL) {
		struct folder_at *at = s->folders;

		s->folders = at->next;
		folder_at_free(at);
	}
	for (size_t i = 0; i < s->n_accepted; i++)
		free(s->accepted[i]);
	free(s->accepted);
	folder_list_done(&s->list);
	arena_done(&s->names);
	arena_done(&s->now_arena);
	notes_done(&s->notes);
	buf_done(&s->wire);
	spool_free(&s->body);
	spool_free(&s->repaired);
	identity_free(s->identity);
	free(s);
	*sp = NULL;
}

/* ---- names ---- */

/* A folder keeps the name under which an earlier run has filled it. */
static void
keep_names(struct sink *s)
{
	for (size_t k = 0; k < s->n_known; k++) {
		const struct folder_rec *rec = &s->known[k];

		for (size_t i = 0; i < s->n_source && !rec->vanished; i++)
			if (slice_eq(s->source[i].name, rec->name) && rec->mark[0] != '\0')
				s->mapped[i].name = rec->path;
	}
}

static void
imap_survey(struct sink *s, const struct folder *list, size_t n)
{
	const struct mapping_side side = { .folder = s->list.folder,
		.n = s->list.len,
		.delim = s->delim,
		.prefix = s->prefix };

	s->names_err = (struct err){ 0 };
	s->source = list;
	s->n_source = n;
	s->refused = arena_take(&s->names, (n + 1) * sizeof(*s->refused));
	if (s->refused == NULL)
		err_set(&s->names_err, ERR_FOLDER, "the folder names do not fit into memory");
	else if (mapping_make(s->to->rules, list, n, &side, &s->names, &s->mapped, &s->names_err) <
		 0)
		s->mapped = NULL;
	else
		keep_names(s);
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

static int
imap_name_folder(struct sink *s, const struct folder *f, struct buf *ret_path, bool *ret_mapped,
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
	if (append_quota(s->s, &used, &limit, err) < 0)
		return dest_failed(s, err);
	if (limit == 0 || (limit > used && limit - used >= (known ? bytes : QUOTA_LITTLE)))
		return 0;
	dest_note(s, EV_DEST_QUOTA, 0, NULL, NULL, true,
	    "the quota of the destination is %" PRIu64 " octets, %" PRIu64
	    " of them are used: the mail may not fit",
	    limit, used);
	return 0;
}

static int
imap_prepare(struct sink *s, const struct folder *const *wanted, size_t n, struct err *err)
{
	size_t made = 0;

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
		    !take_listed(s, i) && create_stricter(s, i, err) < 0)
			return -1;
	}
	return 0;
}

static int
imap_finish_account(struct sink *s, const struct folder *list, size_t len, struct err *err)
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

/* ---- folders ---- */

static void
take_permanent(struct folder_at *at, struct slice flags)
{
	at->perm_known = true;
	buf_reset(&at->perm);
	if (flags.len >= 2 && flags.data[0] == '(')
		flags = (struct slice){ flags.data + 1, flags.len - 2 };
	buf_add(&at->perm, flags.data, flags.len);
	at->perm_any = flags.len >= 2 && strstr(at->perm.data, "\\*") != NULL;
}

static void
take_code(struct folder_at *at, const struct resp *r)
{
	switch (r->code) {
	case CODE_UIDVALIDITY:
		at->uidvalidity = (uint32_t)r->code_num;
		break;
	case CODE_UIDNEXT:
		at->uidnext = (uint32_t)r->code_num;
		break;
	case CODE_PERMANENTFLAGS:
		take_permanent(at, r->code_text);
		break;
	case CODE_READ_ONLY:
		at->read_only = true;
		break;
	default:
		break;
	}
}

static int
select_folder(struct sink *s, struct folder_at *at, struct err *err)
{
	struct resp r;
	struct asked a;
	uint32_t tag;

	at->uidvalidity = at->uidnext = 0;
	at->read_only = at->perm_known = at->perm_any = false;
	if (sess_send_named(s->s, DEST_OTHER, &tag, "SELECT", slice_str(at->name), "", err) < 0)
		return dest_failed(s, err);
	s->s->exists = 0;
	do {
		if (dest_pump(s, &r, &a, err) < 0)
			return -1;
		if (r.kind == RESP_STATUS || (r.kind == RESP_TAGGED && r.tag == tag))
			take_code(at, &r);
		if (sess_drop(s->s, &r, err) < 0)
			return dest_failed(s, err);
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	if (r.state != STATE_OK) {
		sess_refused(s->s, &r, "SELECT on the destination", err);
		if (err->kind != ERR_THROTTLED)
			err->kind = ERR_FOLDER, err->scope = SCOPE_FOLDER, err->retry = RETRY_LATER;
		return -1;
	}
	if (at->read_only)
		return err_set(err, ERR_FOLDER,
		    "the folder '%s' of the destination is read-only for this login", at->name);
	at->exists = s->s->exists;
	return 0;
}

/* UIDNEXT that the server did not tell: behind the highest UID there is. */
static int
find_uidnext(struct sink *s, struct folder_at *at, struct err *err)
{
	struct resp r = { 0 };
	struct asked a;
	uint32_t tag;

	at->uidnext = 1;
	if (at->exists == 0)
		return 0;
	if (sess_send(s->s, DEST_OTHER, &tag, err, "UID FETCH 1:* (UID)") < 0)
		return dest_failed(s, err);
	do {
		if (dest_pump(s, &r, &a, err) < 0)
			return -1;
		if (r.kind == RESP_FETCH && r.fetch.uid >= at->uidnext && r.fetch.uid < UINT32_MAX)
			at->uidnext = r.fetch.uid + 1;
		if (sess_drop(s->s, &r, err) < 0)
			return dest_failed(s, err);
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	return 0;
}

/* "<uidvalidity> <born>" */
static void
read_mark(const char *mark, uint32_t *ret_uidvalidity, uint32_t *ret_born)
{
	size_t len = strspn(mark, "0123456789");
	uint64_t v = 0, born = 0;

	*ret_uidvalidity = *ret_born = 0;
	if (!slice_u64((struct slice){ mark, len }, UINT32_MAX, &v) || mark[len] != ' ')
		return;
	if (slice_u64(slice_str(mark + len + 1), UINT32_MAX, &born)) {
		*ret_uidvalidity = (uint32_t)v;
		*ret_born = (uint32_t)born;
	}
}

static int
open_at(struct sink *s, struct folder_at *at, const struct folder_rec *rec, struct err *err)
{
	uint32_t validity, born;

	if (select_folder(s, at, err) < 0 || (at->uidnext == 0 && find_uidnext(s, at, err) < 0))
		return -1;
	read_mark(rec->mark, &validity, &born);
	at->born = at->uidnext;
	if (validity == at->uidvalidity && born != 0)
		at->born = born;
	at->marked = validity != at->uidvalidity || born != at->born;
	at->renewed = validity != 0 && validity != at->uidvalidity;
	at->was = validity;
	buf_reset(&at->mark);
	buf_printf(&at->mark, "%u %u", at->uidvalidity, at->born);
	at->looked = at->accepted = false;
	at->n_cands = 0;
	at->n_odd = 0;
	at->full[0] = '\0';
	at->moved_at = at->uidnext;
	at->begun_with = at->exists;
	at->first = at->uidnext;
	at->doubt_from = 0;
	at->added = 0;
	uidset_clear(&at->claimed);
	uidset_clear(&at->known);
	return 0;
}

static struct folder_at *
folder_find(struct sink *s, int64_t id)
{
	struct folder_at *at = s->folders;

	while (at != NULL && at->id != id)
		at = at->next;
	return at;
}

static const char *
refused_why(const struct sink *s, const char *path)
{
	for (size_t i = 0; s->mapped != NULL && i < s->n_source; i++)
		if (s->refused[i] != NULL && strcmp(s->mapped[i].name, path) == 0)
			return s->refused[i];
	return NULL;
}

static int
imap_folder(struct sink *s, const struct folder_rec *rec, const struct row_feed *rows,
    uint64_t *ret_aside, struct folder_at **ret, struct err *err)
{
	struct folder_at *at = folder_find(s, rec->id);
	const char *why = refused_why(s, rec->path);

	*ret_aside = 0;
	if (why != NULL)
		return err_set(err, ERR_FOLDER,
		    "the destination refuses to make the folder '%s': %s", rec->path, why);
	if (at == NULL) {
		at = mem_new(sizeof(*at));
		at->id = rec->id;
		at->name = mem_copy_str(rec->path);
		buf_init(&at->perm, 64 * 1024);
		buf_init(&at->mark, 64);
		at->next = s->folders;
		s->folders = at;
	}
	at->rows = *rows;
	at->has_rows = rec->listed + rec->expunged > 0;
	s->at = at;
	*ret = at;
	return open_at(s, at, rec, err);
}

static bool
imap_holds(struct sink *s, const struct folder_rec *rec)
{
	uint32_t validity, born;

	read_mark(rec->mark, &validity, &born);
	for (size_t i = 0; i < s->list.len; i++) {
		const struct folder *f = &s->list.folder[i];

		if (slice_eq(f->name, rec->path) && f->counts.uidvalidity != 0)
			return validity == f->counts.uidvalidity;
	}
	return true;
}

static void
imap_head(const struct folder_at *at, struct dest_head *ret)
{
	*ret = (struct dest_head){ .uidvalidity = at->uidvalidity,
		.uidnext = at->uidnext,
		.was = at->renewed ? at->was : 0 };
}

static void
imap_doubt_from(struct folder_at *at, uint32_t uid)
{
	at->doubt_from = uid;
}

static void
imap_notes(const struct folder_at *at, struct folder_notes *ret)
{
	(void)at;
	*ret = (struct folder_notes){ 0 };
}

static void
imap_expect(struct sink *s, struct folder_at *at, const struct msg *m)
{
	(void)s;
	(void)at;
	(void)m;
}

/* ---- messages ---- */

static int
keep_alive(struct sink *s, struct err *err)
{
	struct resp r;
	uint32_t tag;

	if (clock_mono_ms() - s->used_ms < ALIVE_MS)
		return 0;
	if (sess_send(s->s, DEST_OTHER, &tag, err, "NOOP") < 0)
		return dest_failed(s, err);
	return dest_wait(s, tag, &r, err);
}

static bool
whole(enum verdict v)
{
	return v == VERDICT_NONE || v == VERDICT_STORED;
}

/* Must the message be here as a whole before it is sent? */
static bool
gathers(const struct sink *s, const struct folder_at *at, const struct msg *m)
{
	return s->care != CARE_NONE || at->n_cands > 0 || m->wire_bytes == 0 ||
	       m->wire_bytes <= SMALL_MAX || !m->date.known || !whole(m->verdict) ||
	       (s->limit != 0 && m->wire_bytes > s->limit);
}

static int
imap_begin(struct sink *s, struct folder_at *at, const struct msg *m, struct err *err)
{
	if (s->broken || s->s == NULL)
		return dest_failed(s, (err_set(err, ERR_CUT, "the connection is closed"), err));
	if (at->full[0] != '\0' && s->care == CARE_NONE)
		return err_set(err, ERR_FOLDER, "the destination is over its quota: %s", at->full);
	if (s->later.kind != ERR_NONE) {
		*err = s->later;
		return dest_failed(s, err);
	}
	if (keep_alive(s, err) < 0)
		return -1;
	if (!at->looked && dest_look(s, at, err) < 0)
		return -1;
	arena_reset(&s->now_arena);
	if (!msg_copy(m, &s->now_arena, &s->now))
		return err_set(err, ERR_MESSAGE, "UID %u: its keywords do not fit", m->uid);
	s->given = s->now.date;
	s->begun = true;
	spool_reset(s->body);
	if (gathers(s, at, m))
		return 0;
	return dest_stream_start(s, at, m->wire_bytes, err);
}

static int
imap_write(struct sink *s, struct slice bytes, struct err *err)
{
	if (!s->streams)
		return spool_add(s->body, bytes, err);
	if (s->swallow)
		return 0;
	s->written += bytes.len;
	/* More than was announced would be read as a command. */
	if (s->written > s->announced) {
		s->broken = true;
		err_set(err, ERR_CUT, "UID %u is larger than the source announced", s->now.uid);
		return dest_failed(s, err);
	}
	return stream_write(s->s->in, bytes.data, bytes.len, err) < 0 ? dest_failed(s, err) : 0;
}

/* Without an internal date that of the header is better than the server's clock (quirks row 49). */
static int
date_of_header(struct sink *s, struct err *err)
{
	struct header_facts facts;
	struct slice head;
	struct arena a;

	if (s->given.known)
		return 0;
	if (spool_read(s->body, 0, HEADER_MAX, &head, err) < 0)
		return -1;
	arena_init(&a, 1024 * 1024);
	header_read(head, &a, &facts);
	s->given = facts.sent;
	arena_done(&a);
	return 0;
}

static int
not_whole(struct sink *s, struct folder_at *at, struct err *err)
{
	struct group *g = dest_result(s, OUTCOME_ASIDE);
	struct flight *f = &g->flight[0];
	const char *path;
	const char *why = s->now.reason != NULL ? s->now.reason : verdict_name(s->now.verdict);

	if (dest_set_aside(s, at, why, NULL, &g->arena, &path, err) < 0)
		return -1;
	f->reason = arena_printf(&g->arena, "%s; not sent, kept as %s", why, path);
	return 0;
}

static int
over_limit(struct sink *s, struct folder_at *at, struct err *err)
{
	struct group *g = dest_result(s, OUTCOME_REFUSED);
	const char *path;
	char why[128];

	snprintf(why, sizeof(why),
	    "%" PRIu64 " octets; the destination takes no message over %" PRIu64 " (APPENDLIMIT)",
	    spool_len(s->body), s->limit);
	if (dest_set_aside(s, at, why, NULL, &g->arena, &path, err) < 0)
		return -1;
	g->flight[0].reason = arena_printf(&g->arena, "%s; kept as %s", why, path);
	return 0;
}

static int
imap_end(struct sink *s, struct msg *final, struct err *err)
{
	s->begun = false;
	final->file_bytes = final->wire_bytes;
	memcpy(s->now.sha256, final->sha256, SHA256_LEN);
	s->now.wire_bytes = s->now.file_bytes = final->wire_bytes;
	s->now.verdict = final->verdict;
	s->now.rebuilt = final->rebuilt;
	s->now.reason = final->reason != NULL
			    ? arena_copy(&s->now_arena, slice_str(final->reason))
			    : NULL;
	if (s->streams)
		return dest_stream_end(s, s->at, err);
	if (!whole(final->verdict))
		return not_whole(s, s->at, err);
	if (s->limit != 0 && spool_len(s->body) > s->limit)
		return over_limit(s, s->at, err);
	if (date_of_header(s, err) < 0)
		return -1;
	if (s->care != CARE_NONE || s->at->n_cands > 0)
		return dest_place(s, s->at, err);
	return dest_add_small(s, s->at, err);
}

/* Of a message that was cut in the middle nothing more can be sent. What went before it is still
 * answered. */
static void
imap_abandon(struct sink *s)
{
	struct err ignored = { 0 };
	struct resp r;
	struct asked a;

	if (!s->begun)
		return;
	s->begun = false;
	if (!s->streams)
		return;
	s->streams = false;
	if (s->swallow) {
		s->swallow = false;
		return;
	}
	while (!s->broken && s->n_sent > 1)
		if (dest_pump(s, &r, &a, &ignored) < 0 || sess_drop(s->s, &r, &ignored) < 0)
			break;
	/* It never was whole: that one is not in doubt. */
	for (struct group *g = s->first; g != NULL; g = g->next) {
		if (g->next == NULL && g->state == GROUP_SENT) {
			g->state = GROUP_DONE;
			g->given = g->n;
		}
	}
	s->broken = true;
}

static int
send_store(struct sink *s, uint32_t uid, char sign, const struct flags *f, uint32_t *ret_tag,
    struct err *err)
{
	struct buf text;
	int rc;

	buf_init(&text, LEX_STRING_MAX);
	flags_text(f, &text);
	rc = text.len == 0 ? 0
			   : sess_send(s->s, DEST_OTHER, ret_tag, err,
				 "UID STORE %u %cFLAGS.SILENT (%s)", uid, sign, text.data);
	buf_done(&text);
	return rc < 0 ? dest_failed(s, err) : 0;
}

/* Keywords of a that b has not. */
static const char *
keywords_minus(const char *a, const char *b, struct buf *out)
{
	buf_reset(out);
	for (const char *p = a; *p != '\0';) {
		size_t n = strcspn(p, " ");
		bool there = false;

		for (const char *q = b; *q != '\0' && !there;) {
			size_t k = strcspn(q, " ");

			there = k == n && memcmp(p, q, n) == 0;
			q += k + (q[k] == ' ');
		}
		if (!there) {
			if (out->len > 0)
				buf_add_byte(out, ' ');
			buf_add(out, p, n);
		}
		p += n + (p[n] == ' ');
	}
	return out->len > 0 ? out->data : "";
}

/* Only what has changed on the source is changed: what people did on the server since stays. */
static int
imap_amend(struct sink *s, struct folder_at *at, const struct msg *was, const struct flags *now,
    struct err *err)
{
	struct flags plus = { .system = now->system & (uint8_t)~was->flags.system & FLAGS_STORED };
	struct flags minus = { .system = was->flags.system & (uint8_t)~now->system & FLAGS_STORED };
	struct arena a;
	struct buf b1, b2;
	struct flags sent;
	const char *left;
	struct resp r;
	uint32_t tag = 0;
	int rc = -1;

	if (was->dest_uid == 0 || s->s == NULL)
		return 0;
	arena_init(&a, 1024 * 1024);
	buf_init(&b1, LEX_STRING_MAX);
	buf_init(&b2, LEX_STRING_MAX);
	plus.keywords = keywords_minus(now->keywords, was->flags.keywords, &b1);
	minus.keywords = keywords_minus(was->flags.keywords, now->keywords, &b2);
	if (!dest_flags(at, &plus, &a, &sent, &left))
		goto out;
	if (send_store(s, was->dest_uid, '+', &sent, &tag, err) < 0 ||
	    (tag != 0 && dest_wait(s, tag, &r, err) < 0))
		goto out;
	tag = 0;
	if (!dest_flags(at, &minus, &a, &sent, &left))
		goto out;
	if (send_store(s, was->dest_uid, '-', &sent, &tag, err) < 0 ||
	    (tag != 0 && dest_wait(s, tag, &r, err) < 0))
		goto out;
	rc = 0;
out:
	buf_done(&b1);
	buf_done(&b2);
	arena_done(&a);
	return rc;
}

/* Nothing is ever removed from a server on its own account (rules.md 2.4). */
static int
imap_remove(struct sink *s, struct folder_at *at, uint32_t uidvalidity, const struct msg *was,
    struct err *err)
{
	(void)s;
	(void)at;
	(void)uidvalidity;
	(void)was;
	(void)err;
	return 0;
}

static bool
imap_full(const struct sink *s)
{
	(void)s;
	return false;
}

static int
imap_seal(struct sink *s, struct batch *b, struct pending **ret, struct err *err)
{
	(void)err;
	*ret = NULL;
	for (struct folder_at *at = s->folders; at != NULL; at = at->next) {
		if (!at->marked)
			continue;
		if (at->renewed)
			batch_unplaced(b, at->id);
		batch_mark(b, at->id, at->mark.data);
		at->marked = false;
	}
	return 0;
}

static int
imap_finish(struct sink *s, struct folder_at *at, const struct folder_rec *rec,
    const struct row_feed *rows, struct err *err)
{
	(void)s;
	(void)at;
	(void)rec;
	(void)rows;
	(void)err;
	return 0;
}

/* ---- intents ---- */

static int
imap_care(struct sink *s, struct folder_at *at, enum care how, struct err *err)
{
	if (dest_drain(s, err) < 0)
		return -1;
	s->care = how;
	return how == CARE_NONE ? 0 : dest_look(s, at, err);
}

static void
tell_outcome(struct sink *s, struct flight *f, struct arena *a, struct outcome *ret)
{
	struct err ignored = { 0 };

	*ret = (struct outcome){
		.kind = f->kind, .msg = f->msg, .reason = f->reason, .reply = f->reply
	};
	ret->msg.dest_own = f->own;
	if (f->kind == OUTCOME_STORED) {
		dest_remarks(f, a, ret);
		return;
	}
	ret->msg.dest_uid = 0;
	if ((f->kind == OUTCOME_REFUSED || f->kind == OUTCOME_ASIDE) && f->msg.uid == s->now.uid &&
	    spool_read(s->body, 0, HEADER_MAX, &ret->header, &ignored) < 0)
		ret->header = (struct slice){ 0 };
}

static int
imap_outcome(struct sink *s, bool wait, struct outcome *ret, bool *ret_end, struct err *err)
{
	bool idle = false;

	for (;;) {
		struct group *g = s->first;

		*ret_end = false;
		while (g != NULL && g->state == GROUP_DONE && g->given == g->n) {
			s->first = g->next;
			if (s->first == NULL)
				s->end = &s->first;
			arena_done(&g->arena);
			free(g);
			g = s->first;
		}
		if (g != NULL && g->state == GROUP_DONE) {
			tell_outcome(s, &g->flight[g->given++], &g->arena, ret);
			return 0;
		}
		*ret_end = true;
		if (s->broken)
			return 0;
		if (!wait)
			return dest_read_back_if_many(s, err);
		if (idle || g == NULL)
			return 0;
		if (dest_advance(s, &idle, err) < 0)
			return -1;
	}
}

static void
imap_in_doubt(const struct sink *s, struct uidset *ret)
{
	uidset_clear(ret);
	for (const struct group *g = s->first; g != NULL; g = g->next)
		for (size_t i = 0; g->state != GROUP_FILLING && g->state != GROUP_DONE && i < g->n;
		     i++)
			uidset_add(ret, g->flight[i].msg.uid, g->flight[i].msg.uid);
	uidset_sort(ret);
}

static int
imap_moved(struct sink *s, struct folder_at *at, bool *ret, struct err *err)
{
	if (dest_look(s, at, err) < 0)
		return -1;
	*ret = at->uidnext != at->moved_at;
	at->moved_at = at->uidnext;
	return 0;
}

static bool
imap_broken(const struct sink *s)
{
	return s->broken || s->s == NULL;
}

static const struct folder_list *
imap_listed(const struct sink *s)
{
	return &s->list;
}

static struct notes *
imap_said(struct sink *s)
{
	if (s->s != NULL)
		keep_notes(s);
	return &s->notes;
}

const struct sink_ops sink_imap = {
	.name = "imap",
	.traits = SINK_INTENT | SINK_AMENDS,
	.open = imap_open,
	.survey = imap_survey,
	.name_folder = imap_name_folder,
	.folder = imap_folder,
	.notes = imap_notes,
	.expect = imap_expect,
	.begin = imap_begin,
	.write = imap_write,
	.end = imap_end,
	.abandon = imap_abandon,
	.amend = imap_amend,
	.remove = imap_remove,
	.full = imap_full,
	.seal = imap_seal,
	.finish = imap_finish,
	.finish_account = imap_finish_account,
	.close = imap_close,
	.prepare = imap_prepare,
	.holds = imap_holds,
	.head = imap_head,
	.doubt_from = imap_doubt_from,
	.care = imap_care,
	.outcome = imap_outcome,
	.in_doubt = imap_in_doubt,
	.moved = imap_moved,
	.surplus = dest_surplus,
	.drop_surplus = dest_drop_surplus,
	.listed = imap_listed,
	.broken = imap_broken,
	.connect = imap_connect,
	.said = imap_said,
};
