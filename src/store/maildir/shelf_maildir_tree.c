/* The folders of a Maildir tree, whatever its style: Maildir++ (".A.B" in the root), nested
 * ("A/B/{cur,new,tmp}", as mbsync and Dovecot's LAYOUT=fs have it), KMail (".A.directory/B"). The
 * styles do not exclude each other, so all are looked for everywhere. A Maildir that is the place
 * itself is INBOX. Directories that start with a dot and are none of these (.git, .notmuch) are not
 * looked into. */
#include "store/maildir/shelf_maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/line_reader.h"
#include "store/maildir/maildir.h"

enum { NAME_MAX_TEXT = 64 * 1024, SUBSCRIPTION_MAX = 8192 };

static const char kmail_suffix[] = ".directory";

static bool
is_maildir(const struct dir_list *l)
{
	return shelf_dir_has(l, "cur") == DIR_DIR ||
	       (shelf_dir_has(l, "new") == DIR_DIR && shelf_dir_has(l, "tmp") == DIR_DIR);
}

/* UIDVALIDITYs in the names of the files. */
static int
present_of(struct shelf *s, int folder, struct uidset *ret, struct err *err)
{
	struct dir_list names[2] = { 0 };
	struct maildir_entry e;
	int done = maildir_read_names(s, folder, names, err);

	for (size_t k = 0; done == 0 && k < 2; k++) {
		for (size_t i = 0; i < names[k].len; i++) {
			if (maildir_parse(slice_str(shelf_dir_name(&names[k], i)), &e) &&
			    e.uidvalidity != 0)
				(void)uidset_add(ret, e.uidvalidity, e.uidvalidity);
		}
	}
	uidset_sort(ret);
	shelf_dir_done(&names[0]);
	shelf_dir_done(&names[1]);
	return done;
}

static int
add_ours(struct shelf *s, const struct shelf_step *at, struct slice name, struct err *err)
{
	struct sidecar_index *x = NULL;
	struct uidset present;
	uint32_t older;
	struct err why = { 0 };
	int done = 0;

	if (sidecar_index_read(&x, at->dir, at->path, s->base.stop, NULL, &why) < 0)
		return shelf_base_add_unread(&s->base, name, at->path, &why, err);
	uidset_init(&present);
	if (x != NULL && sidecar_index_older(x, 0, &older))
		done = present_of(s, at->dir, &present, err);
	if (done == 0 && x != NULL)
		done = shelf_base_add_ours(&s->base, x, at->path, name, &present, err);
	sidecar_index_free(&x);
	uidset_done(&present);
	return done;
}

static int
add_folder(struct shelf *s, const struct shelf_step *at, struct err *err)
{
	struct slice name = at->name.len > 0 ? at->name : slice_str("INBOX");
	struct shelf_folder f = { .name = name, .path = at->path, .delim = '/' };

	if (shelf_dir_has(at->list, "folder.jsonl") == DIR_FILE)
		return add_ours(s, at, name, err);
	return shelf_base_add(&s->base, &f, err);
}

static bool
is_kmail(const char *name)
{
	size_t len = strlen(name);

	return name[0] == '.' && len > sizeof kmail_suffix && shelf_name_ends(name, kmail_suffix);
}

/* imex's own escape of a dot inside a level, also Dovecot's listescape. */
static void
dotted_level(struct slice level, struct buf *name)
{
	AUTO(buf_done) struct buf text;

	buf_init(&text, NAME_MAX_TEXT);
	while (level.len > 0) {
		bool dot = level.len >= 3 && memcmp(level.data, "\\2e", 3) == 0;

		(void)buf_add_byte(&text, dot ? '.' : *level.data);
		level.data += dot ? 3 : 1;
		level.len -= dot ? 3 : 1;
	}
	shelf_level_mutf7(buf_slice(&text), name);
}

/* "A.B" as two levels; an empty one is left out. */
static void
levels_add(struct slice text, char delim, struct buf *name)
{
	while (text.len > 0) {
		const char *at = memchr(text.data, delim, text.len);
		struct slice level = { text.data,
			at != NULL ? (size_t)(at - text.data) : text.len };

		if (level.len > 0)
			dotted_level(level, name);
		text.data += level.len + (at != NULL);
		text.len -= level.len + (at != NULL);
	}
}

/* The folder that a child stands for; false: it is none. */
static bool
child_name(struct shelf_base *b, const struct shelf_step *at, const char *child, struct buf *name)
{
	char cur[NAME_MAX + 5];
	struct stat st;
	struct slice level = slice_str(child);

	(void)buf_add(name, at->name.data, at->name.len);
	if (child[0] != '.') {
		shelf_level_mutf7(level, name);
		return true;
	}
	(void)snprintf(cur, sizeof cur, "%s/cur", child);
	bool looked = fstatat(at->dir, cur, &st, AT_SYMLINK_NOFOLLOW) == 0;
	/* Where nobody may look, there may be a Maildir: shelf_walk_into tells. */
	bool shut = !looked && (errno == EACCES || errno == EPERM);
	if (!looked && !shut) {
		struct err why;
		(void)err_set_sys(&why, ERR_FOLDER, "look at '%s/%s'", at->path, cur);
		(void)shelf_unread(b, &why);
	}
	if (shut || (looked && S_ISDIR(st.st_mode))) {
		levels_add((struct slice){ child + 1, level.len - 1 }, '.', name);
		/* Of dots alone. */
		if (name->len == at->name.len)
			shelf_level_mutf7((struct slice){ child + 1, level.len - 1 }, name);
		return true;
	}
	if (!is_kmail(child))
		return false;
	shelf_level_mutf7((struct slice){ child + 1, level.len - sizeof kmail_suffix }, name);
	return true;
}

static bool
is_part(const char *name)
{
	return strcmp(name, "cur") == 0 || strcmp(name, "new") == 0 || strcmp(name, "tmp") == 0;
}

static int
visit(struct shelf_base *b, struct shelf_step *at, struct err *err)
{
	struct shelf *s = at->arg;
	bool maildir = is_maildir(at->list);

	if (maildir && add_folder(s, at, err) < 0)
		return -1;
	for (size_t i = 0; i < at->list->len; i++) {
		const char *child = shelf_dir_name(at->list, i);
		enum dir_kind kind = shelf_dir_kind(at->list, i);
		AUTO(buf_done) struct buf name;

		buf_init(&name, NAME_MAX_TEXT);
		if (kind == DIR_LINK)
			shelf_note(b, EV_FILE_PASSED_OVER, LEVEL_WARNING, 0, "'%s%s%s': %s",
			    at->path, *at->path != '\0' ? "/" : "", child, shelf_file_words(ELOOP));
		if (kind != DIR_DIR || (maildir && is_part(child)))
			continue;
		bool is_folder = child_name(b, at, child, &name);
		if (shelf_stopped(b, err) < 0)
			return -1;
		if (!is_folder)
			continue;
		if (shelf_walk_into(b, at, child, buf_slice(&name), visit, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- subscriptions ---- */

static struct shelf_folder *
subscribed_as(struct shelf *s, struct slice line, char delim)
{
	AUTO(buf_done) struct buf name;

	buf_init(&name, NAME_MAX_TEXT);
	levels_add(line, delim, &name);
	struct shelf_folder *f = shelf_base_named(&s->base, buf_slice(&name));
	if (f == NULL && name.len > 6 && memcmp(name.data, "INBOX/", 6) == 0) /* Courier's */
		f = shelf_base_named(&s->base, (struct slice){ name.data + 6, name.len - 6 });
	return f;
}

/* Dovecot's version 2 has TABs between levels; version 1 and Courier the delimiter of the server.
 */
static void
subscription(struct shelf *s, struct slice line)
{
	static const char delims[] = "\t./";
	struct shelf_folder *f = NULL;

	for (size_t i = 0; f == NULL && i < sizeof delims - 1; i++)
		f = subscribed_as(s, line, delims[i]);
	if (f != NULL && !f->ours)
		f->attrs |= FOLDER_SUBSCRIBED;
}

/* Mail is worth more than its subscriptions: only a fault of the machine, which passes, fails the tree. */
static int
subscriptions_unread(struct shelf *s, const char *file, const char *why, int sys, struct err *err)
{
	if (err_sys_passes(sys))
		return err_set(err, ERR_DISK, "cannot read '%s': %s", file, why);
	shelf_note(&s->base, EV_FILE_PASSED_OVER, LEVEL_WARNING, 0,
	    "'%s': %s; the folders that it names are not subscribed to", file, why);
	return 0;
}

static int
read_subscriptions(struct shelf *s, const char *file, struct err *err)
{
	struct line_reader r;
	struct err why = { 0 };
	struct slice line;
	struct stat st;
	uint64_t at;
	enum line_step step = LINE_END;

	AUTO(file_close) int fd = shelf_file_open(s->base.root, file, &st);
	if (fd < 0) {
		int sys = errno;

		return sys == ENOENT ? 0
				     : subscriptions_unread(s, file, shelf_file_words(sys), sys, err);
	}
	line_reader_init(&r, fd, SUBSCRIPTION_MAX);
	while (r.number < FOLDERS_MAX && (step = line_next(&r, &line, &at, &why)) > LINE_END) {
		if (step == LINE_WHOLE && line.len > 0)
			subscription(s, line);
	}
	line_reader_done(&r);
	return step == LINE_ERR ? subscriptions_unread(s, file, why.text, why.sys, err) : 0;
}

int
maildir_find_folders(struct shelf *s, struct err *err)
{
	shelf_base_clear(&s->base);
	if (shelf_walk(&s->base, visit, s, err) < 0 || shelf_base_sort(&s->base, err) < 0)
		return -1;
	if (read_subscriptions(s, "subscriptions", err) < 0)
		return -1;
	return read_subscriptions(s, "courierimapsubscribed", err);
}
