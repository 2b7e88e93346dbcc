/* A Maildir as a shelf. File names tell which messages there are and their system flags and keyword
 * letters; a sidecar tells the rest of what imex stored: internal date, RFC822.SIZE, digest,
 * verdict, and the keywords that have no letter. A message without a sidecar line has the date of
 * its file, as Dovecot and mutt take it.
 *
 * Line ends: of a file of imex ",S=" and ",W=" tell them (equal: the octets of the wire; else LF
 * for CRLF); of others see shelf_wire.h. */
#include "store/maildir/shelf_maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/maildir/maildir.h"

enum { ARENA_MAX = 1024 * 1024, BODY_ARENA_MAX = 4 * 1024 * 1024, SHOWN_MAX = 2048 };

static void
folder_forget(struct shelf *s)
{
	file_close(&s->fd);
	file_close(&s->folder);
	file_close(&s->part[0]);
	file_close(&s->part[1]);
	sidecar_index_free(&s->index);
	shelf_dir_done(&s->names[0]);
	shelf_dir_done(&s->names[1]);
	arena_reset(&s->arena);
	arena_reset(&s->body_arena);
	s->len = 0;
	s->mixed_told = false;
}

static void
maildir_close(struct shelf **ref)
{
	struct shelf *s = *ref;

	if (s == NULL)
		return;
	folder_forget(s);
	shelf_base_done(&s->base);
	wire_done(&s->wire);
	arena_done(&s->arena);
	arena_done(&s->body_arena);
	free(s->item);
	free(s->shown);
	free(s);
	*ref = NULL;
}

static int
maildir_open(struct shelf **ret, const struct shelf_place *at, struct cancel *stop, struct err *err)
{
	struct shelf *s = mem_new(sizeof *s);

	s->folder = s->fd = s->part[0] = s->part[1] = -1;
	if (shelf_base_open(&s->base, at, stop, err) < 0) {
		free(s);
		return -1;
	}
	wire_init(&s->wire);
	arena_init(&s->arena, ARENA_MAX);
	arena_init(&s->body_arena, BODY_ARENA_MAX);
	s->shown = mem_resize(NULL, SHOWN_MAX, 1);
	s->shown[0] = '\0';
	*ret = s;
	return 0;
}

static int
maildir_folders(struct shelf *s, struct arena *a, struct folder_list *ret, struct err *err)
{
	folder_forget(s);
	return maildir_find_folders(s, err) < 0 ? -1 : shelf_base_list(&s->base, a, ret, err);
}

static int
maildir_enter(struct shelf *s, const struct folder *f, struct folder_head *ret, struct err *err)
{
	folder_forget(s);
	if (shelf_base_enter(&s->base, f, err) < 0)
		return -1;
	if (maildir_load(s, err) < 0) {
		folder_forget(s);
		return err_wrap(err, "'%s' in '%s'", s->base.at_name, s->base.path);
	}
	*ret = (struct folder_head){ .exists = (uint32_t)s->len,
		.uidvalidity = s->given,
		.uidnext = s->uidnext,
		.read_only = true };
	return 0;
}

/* ---- listing ---- */

static size_t
item_above(const struct shelf *s, uint32_t uid)
{
	size_t from = 0, to = s->len;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (s->item[mid].uid <= uid)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static uint8_t
letters_system(const char *letters)
{
	static const char letter[] = "RTDFS"; /* in the order of the FLAG_* bits */
	uint8_t system = 0;

	for (; *letters != '\0'; letters++) {
		const char *at = strchr(letter, *letters);

		if (at != NULL)
			system |= (uint8_t)(1u << (at - letter));
	}
	return system;
}

/* The letter of a keyword; KEYWORD_NAMES: it has none. */
static size_t
keyword_letter(const struct shelf *s, struct slice word)
{
	size_t i = 0;

	while (
	    i < KEYWORD_NAMES && (s->keyword[i] == NULL || !slice_eq_nocase(word, s->keyword[i])))
		i++;
	return i;
}

/* Those of the sidecar that have no letter, or whose letter the name has, in the sidecar's
 * spelling; bits of `given` are told by it. */
static bool
keywords_told(const struct shelf *s, const char *list, const char *letters, struct flag_set *set,
    uint32_t *given)
{
	while (*list != '\0') {
		struct slice word = { list, strcspn(list, " ") };
		size_t n = keyword_letter(s, word);

		if (n == KEYWORD_NAMES || strchr(letters, 'a' + (int)n) != NULL) {
			if (!flag_set_add(set, word))
				return false;
			*given |= n < KEYWORD_NAMES ? UINT32_C(1) << n : 0;
		}
		list += word.len;
		list += *list == ' ';
	}
	return true;
}

/* Once for each letter: who set it knew a name for it. */
static void
letter_nameless(struct shelf *s, const char *name, size_t n)
{
	if ((s->nameless >> n & 1) != 0)
		return;
	s->nameless |= UINT32_C(1) << n;
	shelf_note(&s->base, EV_FOREIGN_CHANGE, LEVEL_WARNING, 0,
	    "'%s' and maybe others are marked with the letter '%c', to which 'dovecot-keywords' "
	    "gives no name; this keyword is left out",
	    name, 'a' + (int)n);
}

/* The system flags of the name; `told` are the keywords of the sidecar. */
static bool
item_flags(
    struct shelf *s, const char *name, const char *told, struct arena *a, struct flags *ret)
{
	const char *letters = maildir_letters(name);
	uint32_t given = 0;
	struct flag_set set;

	flag_set_init(&set, a);
	if (!keywords_told(s, told, letters, &set, &given))
		return false;
	/* Forwarded by mbsync, KMail and others; imex and Dovecot have a keyword for it. */
	if (strchr(letters, 'P') != NULL && !flag_set_add(&set, slice_str("$Forwarded")))
		return false;
	for (const char *c = letters; *c != '\0'; c++) {
		size_t n = (size_t)(*c - 'a');

		if (n < KEYWORD_NAMES && s->keyword[n] == NULL)
			letter_nameless(s, name, n);
		if (n < KEYWORD_NAMES && s->keyword[n] != NULL && (given >> n & 1) == 0 &&
		    !flag_set_add(&set, slice_str(s->keyword[n])))
			return false;
	}
	set.system = letters_system(letters);
	return flag_set_end(&set, ret);
}

static const char *
item_path(const struct shelf *s, const struct maildir_item *m, char ret[MAILDIR_NAME_MAX + 8])
{
	(void)snprintf(
	    ret, MAILDIR_NAME_MAX + 8, "%s/%s", m->is_new ? "new" : "cur", maildir_item_name(s, m));
	return ret;
}

static struct date
item_mtime(const struct shelf *s, const struct maildir_item *m)
{
	struct stat st;

	if (fstatat(s->part[m->is_new], maildir_item_name(s, m), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return (struct date){ .known = false };
	return (struct date){ .known = true, .epoch = st.st_mtime };
}

static const struct sidecar_entry *
item_entry(const struct shelf *s, const struct maildir_item *m)
{
	return m->ours ? sidecar_index_find(s->index, s->uidvalidity, m->uid) : NULL;
}

/* A message of the listing, in *m; false: the page's arena is full. */
static bool
item_msg(struct shelf *s, const struct maildir_item *it, struct arena *a, struct msg *m)
{
	const struct sidecar_entry *e = item_entry(s, it);
	struct sidecar_line line;
	struct err why = { 0 };
	const char *told = "", *labels = NULL;

	*m = (struct msg){ .uid = it->uid };
	if (e != NULL && sidecar_index_line(s->index, e, a, &line, &why) == 0) {
		*m = (struct msg){ .uid = it->uid,
			.size_known = line.msg.size_known,
			.size = line.msg.size,
			.date = line.msg.date,
			.raw_date = line.msg.raw_date,
			.gm_msgid = line.msg.gm_msgid,
			.gm_thrid = line.msg.gm_thrid };
		told = line.msg.flags.keywords;
		labels = line.msg.flags.labels;
	} else {
		m->date = item_mtime(s, it);
		if (e != NULL && !shelf_unread(&s->base, &why))
			shelf_note(&s->base, EV_FILE_DAMAGED, LEVEL_WARNING, it->uid,
			    "%s; date and keywords are what the file tells", why.text);
	}
	if (!item_flags(s, maildir_item_name(s, it), told, a, &m->flags))
		return false;
	m->flags.labels = labels;
	return true;
}

static int
maildir_list(struct shelf *s, uint32_t after, struct msg_page *ret, struct err *err)
{
	msg_page_reset(ret);
	for (size_t i = item_above(s, after); i < s->len && ret->len < PAGE_MSGS; i++) {
		if (ret->arena.used_bytes > ret->arena.max_bytes / 2)
			break; /* the rest is another page */
		if (!item_msg(s, &s->item[i], &ret->arena, &ret->msg[ret->len]))
			return err_set(err, ERR_FOLDER,
			    "the keywords of UID %" PRIu32 " do not fit into memory",
			    s->item[i].uid);
		ret->len++;
	}
	return shelf_stopped(&s->base, err);
}

/* ---- bodies ---- */

/* Another name of the same file: its flags were changed, or it was moved from new/ to cur/. */
static bool
item_renamed(struct shelf *s, struct maildir_item *m)
{
	struct dir_list now[2] = { 0 };
	const char *old = maildir_item_name(s, m);
	struct slice base = { old, maildir_base_len(old) };
	struct err ignored;
	bool found = false;

	if (maildir_read_names(s, s->folder, now, &ignored) == 0) {
		for (size_t k = 0; k < 2 && !found; k++) {
			for (size_t i = 0; i < now[k].len && !found; i++) {
				const char *name = shelf_dir_name(&now[k], i);

				if (!slice_same(
					(struct slice){ name, maildir_base_len(name) }, base))
					continue;
				m->name = shelf_dir_add(&s->names[k], DIR_FILE, name) & 0x3fffffff;
				m->is_new = k & 1;
				found = true;
			}
		}
	}
	shelf_dir_done(&now[0]);
	shelf_dir_done(&now[1]);
	return found;
}

/* 0 or errno. */
static int
item_open(struct shelf *s, struct maildir_item *m, struct stat *st)
{
	char path[MAILDIR_NAME_MAX + 8];

	for (unsigned round = 0;; round++) {
		(void)snprintf(s->shown, SHOWN_MAX, "'%s'", item_path(s, m, path));
		s->fd = shelf_file_open(s->part[m->is_new], maildir_item_name(s, m), st);
		if (s->fd >= 0)
			return 0;
		int sys = errno;
		if (sys != ENOENT || round > 0 || !item_renamed(s, m))
			return sys;
	}
}

/* Of ",S=" and ",W=" in a name of imex. */
static bool
name_is_lf(const char *name)
{
	const char *s = strstr(name, ",S="), *w = strstr(name, ",W=");
	size_t n = s != NULL ? strspn(s + 3, "0123456789") : 0;
	size_t m = w != NULL ? strspn(w + 3, "0123456789") : 0;

	return n != m || (n > 0 && memcmp(s + 3, w + 3, n) != 0);
}

static void
body_told(struct shelf *s, const struct maildir_item *m, struct shelf_body *b)
{
	const struct sidecar_entry *e = item_entry(s, m);
	struct err ignored;

	arena_reset(&s->body_arena);
	if (e == NULL || sidecar_index_line(s->index, e, &s->body_arena, &s->line, &ignored) < 0)
		return;
	b->good = s->line.msg.verdict;
	b->sha256 = s->line.sha256_known ? s->line.msg.sha256 : NULL;
	b->rebuilt = s->line.rebuilt;
}

static int
maildir_begin(struct shelf *s, uint32_t uid, struct shelf_body *ret, struct err *err)
{
	size_t at = uid > 0 ? item_above(s, uid - 1) : s->len;
	struct stat st;

	(void)err;
	*ret = (struct shelf_body){ .verdict = VERDICT_GONE, .absent = true };
	file_close(&s->fd);
	if (at == s->len || s->item[at].uid != uid) {
		ret->reason = "no message has this UID";
		return 0;
	}
	int sys = item_open(s, &s->item[at], &st);
	if (sys != 0) {
		bool gone = sys == ENOENT;

		arena_reset(&s->body_arena);
		char *why = arena_printf(&s->body_arena, "%s: %s", s->shown,
		    gone ? "another program removed it meanwhile" : shelf_file_words(sys));

		*ret = (struct shelf_body){ .verdict = gone ? VERDICT_GONE : VERDICT_FAILED,
			.absent = gone,
			.reason = why != NULL ? why : "the file cannot be opened" };
		return 0;
	}
	*ret = (struct shelf_body){ .verdict = VERDICT_NONE };
	body_told(s, &s->item[at], ret);
	struct wire_run run = { .fd = s->fd, .end = (uint64_t)st.st_size, .form = WIRE_TOLD };
	struct maildir_entry ours;
	if (maildir_parse(slice_str(maildir_item_name(s, &s->item[at])), &ours))
		run.form = name_is_lf(maildir_item_name(s, &s->item[at])) ? WIRE_LF : WIRE_AS_IS;
	wire_start(&s->wire, &run);
	return 0;
}

static int
maildir_read(struct shelf *s, struct slice *ret, struct err *err)
{
	if (shelf_stopped(&s->base, err) < 0)
		return -1;
	if (wire_read(&s->wire, ret, err) < 0)
		return err_wrap(err, "%s", s->shown);
	if (ret->len == 0)
		shelf_note_mixed(&s->base, &s->wire, s->shown, &s->mixed_told);
	return 0;
}

static int
maildir_where(struct shelf *s, uint32_t uid, struct buf *out, struct err *err)
{
	size_t at = uid > 0 ? item_above(s, uid - 1) : s->len;
	char path[MAILDIR_NAME_MAX + 8];

	if (at == s->len || s->item[at].uid != uid)
		return err_set(err, ERR_MESSAGE, "no message has the UID %" PRIu32, uid);
	(void)buf_add_str(out, item_path(s, &s->item[at], path));
	return 0;
}

static struct notes *
maildir_notes(struct shelf *s)
{
	return &s->base.notes;
}

const struct shelf_ops shelf_maildir = {
	.name = "maildir",
	.open = maildir_open,
	.folders = maildir_folders,
	.enter = maildir_enter,
	.list = maildir_list,
	.begin = maildir_begin,
	.read = maildir_read,
	.where = maildir_where,
	.notes = maildir_notes,
	.close = maildir_close,
};
