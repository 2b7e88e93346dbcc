#include "imap/unlisted.h"

#include <string.h>

#include "base/mem.h"
#include "imap/limits.h"

enum { LISTS_MAX = 2000, NAME_MAX_OCTETS = 1000 };

static void
note(struct sess *s, struct slice name, const char *text)
{
	struct event e = { .no = EV_UNLISTED, .level = LEVEL_WARNING };
	struct buf folder;

	buf_init(&folder, LEX_STRING_MAX);
	buf_add(&folder, name.data, name.len);
	e.folder = name.len > 0 ? folder.data : NULL;
	notes_add(&s->notes, &e, true, "%s", text);
	buf_done(&folder);
}

/* ---- level by level ---- */

static bool
lies_below(struct slice name, struct slice parent)
{
	return name.len > parent.len && memcmp(name.data, parent.data, parent.len) == 0;
}

/* Folders may be missing: the account is told as not whole. */
static void
note_level_refused(struct sess *s, const struct asked *a)
{
	const struct event e = { .no = EV_REFUSED,
		.level = LEVEL_ERROR,
		.command = a->text,
		.file_only = true,
		.reply = sess_reply(s),
		.reply_bytes = s->reply_octets };

	notes_add(&s->notes, &e, false, "the server refuses to list its folders");
}

/* What LIST names below `parent`, which ends with the delimiter, is added. */
static int
list_level(struct sess *s, struct slice parent, struct folder_list *io, struct arena *arena, struct err *err)
{
	struct buf pattern;
	struct asked a;
	struct resp r;
	uint32_t tag;
	int rc;

	buf_init(&pattern, LEX_STRING_MAX);
	buf_add(&pattern, parent.data, parent.len);
	buf_add_byte(&pattern, '%');
	rc = sess_send_named(s, 0, &tag, "LIST \"\"", buf_slice(&pattern), "", err);
	buf_done(&pattern);
	if (rc < 0)
		return -1;
	do {
		if (sess_next(s, &r, &a, err) < 0)
			return -1;
		if (r.kind == RESP_LIST && lies_below(r.folder.name, parent) &&
		    folder_list_add(io, arena, &r.folder, err) < 0)
			return -1;
		if (sess_drop(s, &r, err) < 0)
			return -1;
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	if (sess_must_wait(&r))
		return sess_refused(s, &r, "LIST", err);
	if (r.state != STATE_OK)
		note_level_refused(s, &a);
	io->refused |= r.state != STATE_OK;
	return 0;
}

static int
list_levels(struct sess *s, struct folder_list *io, struct arena *a, struct err *err)
{
	unsigned lists = 0;

	if (list_level(s, (struct slice){ "", 0 }, io, a, err) < 0)
		return -1;
	for (size_t i = 0; i < io->len && lists < LISTS_MAX; i++) {
		const struct folder f = io->folder[i];
		struct buf parent;
		int rc;

		if (f.delim == 0 || f.name.len > NAME_MAX_OCTETS || !sess_name_is_plain(f.name))
			continue;
		buf_init(&parent, LEX_STRING_MAX);
		buf_add(&parent, f.name.data, f.name.len);
		buf_add_byte(&parent, f.delim);
		rc = list_level(s, buf_slice(&parent), io, a, err);
		buf_done(&parent);
		if (rc < 0)
			return -1;
		lists++;
	}
	io->refused |= lists == LISTS_MAX;
	return 0;
}

int
unlisted_by_level(struct sess *s, struct folder_list *io, struct arena *a, struct err *err)
{
	/* Aside meanwhile: each name would be asked for twice. */
	struct folder_list came = *io;
	int rc;

	*io = (struct folder_list){ .lsub_refused = came.lsub_refused };
	rc = list_levels(s, io, a, err);
	for (size_t i = 0; i < came.len && rc == 0; i++)
		rc = folder_list_add(io, a, &came.folder[i], err);
	folder_list_done(&came);
	if (rc == 0 && io->len > 0)
		note(s, (struct slice){ 0 },
		    "LIST of all folders is refused or names none; they were asked for level by level");
	return rc;
}

/* ---- those that may be there all the same ---- */

struct probe {
	struct sess *s;
	struct folder_list *list, found;
	struct arena *a;
	char delim;
	unsigned parents; /* asked for */
	unsigned in_vain; /* of those asked for last */
};

/* STATUS says whether it is there, and how much is in it. */
static int
ask_status(struct sess *s, struct folder *io, bool *ret_there, struct err *err)
{
	struct resp r;
	uint32_t tag;

	if (sess_send_named(s, 0, &tag, "STATUS", io->name, "(MESSAGES UIDNEXT UIDVALIDITY)", err) < 0)
		return -1;
	do {
		if (sess_next(s, &r, NULL, err) < 0)
			return -1;
		if (r.kind == RESP_COUNTS && slice_cmp(r.folder.name, io->name) == 0) {
			io->counts = r.folder.counts;
			io->attrs |= r.folder.attrs & FOLDER_COUNTED;
		}
		if (sess_drop(s, &r, err) < 0)
			return -1;
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	if (sess_must_wait(&r))
		return sess_refused(s, &r, "STATUS", err);
	*ret_there = r.state == STATE_OK;
	return 0;
}

int
unlisted_inbox(struct sess *s, struct folder_list *io, struct err *err)
{
	struct folder *inbox = folder_list_find(io, slice_str("INBOX"));
	bool there;

	if (inbox == NULL || !(inbox->attrs & FOLDER_NOSELECT))
		return 0;
	if (ask_status(s, inbox, &there, err) < 0)
		return -1;
	if (!there)
		return 0;
	inbox->attrs &= ~(unsigned)FOLDER_NOSELECT;
	note(s, inbox->name, "the server says that it cannot be opened, and counts its mail; it is copied, too");
	return 0;
}

static int
probe_one(struct probe *p, struct slice name, struct err *err)
{
	struct folder f = { .name = name, .delim = p->delim };
	bool there;

	if (folder_list_find(p->list, name) != NULL || !sess_name_is_plain(name))
		return 0;
	if (ask_status(p->s, &f, &there, err) < 0)
		return -1;
	p->in_vain = there ? 0 : p->in_vain + 1;
	if (!there)
		return 0;
	note(p->s, name, "the server does not list this folder, and has it; it is copied, too");
	return folder_list_add(&p->found, p->a, &f, err);
}

static int
probe_known_names(struct probe *p, struct err *err)
{
	static const char *const names[] = { "Sent", "Sent Items", "Sent Messages", "Drafts", "Trash",
		"Deleted Items", "Archive" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (probe_one(p, slice_str(names[i]), err) < 0)
			return -1;
	return 0;
}

static bool
is_namespace(const struct sess *s, struct slice name, char delim)
{
	for (const struct ns_entry *e = s->ns; e != NULL; e = e->next)
		if (e->prefix.len == name.len + 1 && e->prefix.data[name.len] == delim && lies_below(e->prefix, name))
			return true;
	return false;
}

/* Names that begin alike are neighbours in the list: of a parent the first child asks. */
static int
probe_parents(struct probe *p, struct slice child, struct slice before, struct err *err)
{
	for (size_t len = 1; len + 1 < child.len && len <= NAME_MAX_OCTETS; len++) {
		const struct slice parent = { child.data, len };

		if (child.data[len] != p->delim || child.data[len - 1] == p->delim ||
		    lies_below(before, (struct slice){ child.data, len + 1 }) ||
		    folder_list_find(p->list, parent) != NULL || is_namespace(p->s, parent, p->delim))
			continue;
		if (p->parents++ == PARENTS_MAX) {
			p->list->refused = true;
			return 0;
		}
		if (probe_one(p, parent, err) < 0)
			return -1;
	}
	return 0;
}

static int
probe_end(struct probe *p, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < p->found.len && rc == 0; i++)
		rc = folder_list_add(p->list, p->a, &p->found.folder[i], err);
	folder_list_done(&p->found);
	return rc;
}

/* A parent may be left out because it cannot be opened (RFC 3501 6.3.8), or although it has mail. A server that
 * answers BAD to STATUS is not asked on. */
int
unlisted_parents(struct sess *s, struct folder_list *io, struct arena *a, struct err *err)
{
	const unsigned bads = s->bads;
	struct probe p = { .s = s, .list = io, .a = a };
	struct slice before = { "", 0 };
	int rc = 0;

	for (size_t i = 0; i < io->len && rc == 0 && p.parents <= PARENTS_MAX && s->bads == bads; i++) {
		p.delim = io->folder[i].delim;
		if (p.delim != 0)
			rc = probe_parents(&p, io->folder[i].name, before, err);
		before = io->folder[i].name;
	}
	return probe_end(&p, err) < 0 ? -1 : rc;
}

int
unlisted_named(struct sess *s, const struct folder_list *names, struct folder_list *io, struct arena *a,
    struct err *err)
{
	enum { VAIN_MAX = 200 };
	const unsigned bads = s->bads;
	struct probe p = { .s = s, .list = io, .a = a, .delim = io->delim };
	int rc = 0;

	for (size_t i = 0; i < names->len && rc == 0 && p.in_vain < VAIN_MAX && s->bads == bads; i++)
		rc = probe_one(&p, names->folder[i].name, err);
	return probe_end(&p, err) < 0 ? -1 : rc;
}

int
unlisted_find(struct sess *s, const struct folder_list *lsub, struct folder_list *io, struct arena *a,
    struct err *err)
{
	struct probe p = { .s = s, .list = io, .a = a, .delim = io->delim };
	int rc = 0;

	for (size_t i = 0; i < lsub->len && rc == 0; i++)
		if (!(lsub->folder[i].attrs & FOLDER_NOSELECT))
			rc = probe_one(&p, lsub->folder[i].name, err);
	if (rc == 0 && quirk_in(s->quirks, QUIRK_HIDDEN_FOLDERS))
		rc = probe_known_names(&p, err);
	return probe_end(&p, err) < 0 ? -1 : rc;
}
