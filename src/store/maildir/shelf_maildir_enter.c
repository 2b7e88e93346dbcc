/* Which messages a Maildir folder has, and under which UIDs.
 *
 * File names tell what is there. A name of imex holds its UID. To what other programs delivered
 * into a folder of imex, dovecot-uidlist gives the UID when it goes on with imex's UIDVALIDITY
 * (Dovecot has served the folder); else it is numbered behind the highest, in order of names.
 *
 * A folder that imex did not write takes UIDs and UIDVALIDITY from dovecot-uidlist or
 * courierimapuiddb, and numbers from UIDNEXT on for what the list does not have; without a list it
 * is numbered 1, 2, 3 ... in order of names, and the UIDVALIDITY is a digest of names and sizes.
 *
 * What was numbered here may get another number from the server, and its number be given to another message. So where
 * there is such mail the UIDVALIDITY is made of it, too: whatever changes, messages are known again by their digests. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/maildir/maildir.h"
#include "store/maildir/shelf_maildir.h"

const char *
maildir_item_name(const struct shelf *s, const struct maildir_item *m)
{
	return shelf_dir_name(&s->names[m->is_new], m->name);
}

/* ---- names ---- */

static const char *const part_name[2] = { "cur", "new" };

static int
part_open(int folder, size_t k, int *ret, struct err *err)
{
	struct err why = { 0 };

	*ret = -1;
	if (shelf_dir_open(folder, part_name[k], ret, &why) == 0 || why.sys == ENOENT)
		return 0;
	*err = why;
	return -1;
}

static void
part_clean(struct shelf *s, const char *part, struct dir_list *l)
{
	size_t kept = 0, passed = 0, first = 0;

	for (size_t i = 0; i < l->len; i++) {
		if (shelf_dir_name(l, i)[0] == '.')
			continue;
		if (shelf_dir_kind(l, i) == DIR_FILE)
			l->at[kept++] = l->at[i];
		else if (passed++ == 0)
			first = l->at[i];
	}
	if (passed == 1)
		shelf_note(&s->base, EV_FILE_PASSED_OVER, LEVEL_WARNING, 0,
		    "'%s' in '%s' is no regular file", l->text + first + 1, part);
	else if (passed > 1)
		shelf_note(&s->base, EV_FILE_PASSED_OVER, LEVEL_WARNING, 0,
		    "'%s' in '%s' and %zu more are no regular files", l->text + first + 1, part,
		    passed - 1);
	l->len = kept;
}

int
maildir_read_names(struct shelf *s, int folder, struct dir_list names[2], struct err *err)
{
	for (size_t k = 0; k < 2; k++) {
		AUTO(file_close) int dir = -1;

		if (part_open(folder, k, &dir, err) < 0)
			return -1;
		if (dir >= 0 && shelf_dir_read(dir, &names[k], s->base.stop, err) < 0)
			return err_wrap(err, "'%s'", part_name[k]);
		part_clean(s, part_name[k], &names[k]);
	}
	return 0;
}

static int
item_cmp_name(const void *a, const void *b, void *arg)
{
	const struct maildir_item *x = a, *y = b;
	const char *p = maildir_item_name(arg, x), *q = maildir_item_name(arg, y);
	struct slice base = { p, maildir_base_len(p) }, other = { q, maildir_base_len(q) };
	int order = slice_cmp(base, other);

	if (order == 0)
		order = strcmp(p, q);
	return order != 0 ? order : (int)x->is_new - (int)y->is_new;
}

static int
item_cmp_uid(const void *a, const void *b)
{
	const struct maildir_item *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

/* All names, in their order. */
static void
items_make(struct shelf *s)
{
	s->cap = s->names[0].len + s->names[1].len;
	s->item = mem_resize(s->item, s->cap + 1, sizeof *s->item);
	s->len = 0;
	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < s->names[k].len; i++)
			s->item[s->len++] =
			    (struct maildir_item){ .name = i & 0x3fffffff, .is_new = k & 1 };
	}
	qsort_r(s->item, s->len, sizeof *s->item, item_cmp_name, s);
}

/* ---- of imex ---- */

/* UIDVALIDITYs that have a folder of their own beside the one at hand. */
static void
find_own_folders(const struct shelf *s, struct uidset *ret)
{
	for (size_t i = 0; i < s->base.len; i++) {
		const struct shelf_folder *f = &s->base.folder[i];

		if (f->is_older && strcmp(f->path, s->base.at->path) == 0)
			(void)uidset_add(ret, f->counts.uidvalidity, f->counts.uidvalidity);
	}
	uidset_sort(ret);
}

struct ours {
	size_t taken_back, twins;
	struct uidset own; /* UIDVALIDITYs with a folder of their own */
};

/* False: the message does not belong here. */
static bool
ours_take(struct shelf *s, struct maildir_item *m, struct ours *o)
{
	struct maildir_entry e;
	bool is_older = s->base.at->is_older;

	m->uid = 0;
	if (!maildir_parse(slice_str(maildir_item_name(s, m)), &e) || e.uid == 0)
		return !is_older;
	if (e.uidvalidity != s->uidvalidity)
		return !is_older && !uidset_has(&o->own, e.uidvalidity);
	const struct sidecar_entry *line = sidecar_index_find(s->index, e.uidvalidity, e.uid);
	if (line != NULL && line->removed) {
		o->taken_back++;
		return false;
	}
	m->uid = e.uid;
	m->ours = 1;
	return true;
}

/* The second file of one UID is a message of its own: which is the right one nobody knows. */
static void
ours_part_twins(struct shelf *s, struct ours *o)
{
	qsort(s->item, s->len, sizeof *s->item, item_cmp_uid);
	for (size_t i = 1; i < s->len; i++) {
		if (s->item[i].uid == 0 || s->item[i].uid != s->item[i - 1].uid)
			continue;
		size_t first = i - 1;

		for (; i < s->len && s->item[i].uid == s->item[first].uid; i++) {
			s->item[i].ours = 0;
			o->twins++;
		}
		for (size_t k = first + 1; k < i; k++)
			s->item[k].uid = 0;
		i--;
	}
}

/* Items are sorted by UID but for twins, whose UID is 0 by now. */
static uint32_t
first_without_file(const struct shelf *s)
{
	size_t n, k = 0;
	const struct sidecar_entry *e = sidecar_index_of(s->index, s->uidvalidity, &n);

	for (size_t i = 0; i < n; i++) {
		while (k < s->len && s->item[k].uid < e[i].uid)
			k++;
		if (!e[i].removed && (k == s->len || s->item[k].uid != e[i].uid))
			return e[i].uid;
	}
	return 0;
}

static void
ours_note(struct shelf *s, const struct ours *o)
{
	uint32_t highest;
	size_t told = sidecar_index_count(s->index, s->uidvalidity, &highest), have = 0;

	for (size_t i = 0; i < s->len; i++)
		have += s->item[i].ours &&
			sidecar_index_find(s->index, s->uidvalidity, s->item[i].uid) != NULL;
	if (told > have)
		shelf_note(&s->base, EV_FOREIGN_CHANGE, LEVEL_WARNING, 0,
		    "%zu messages of the sidecar have no file any more (first: UID %" PRIu32
		    "): another program removed them",
		    told - have, first_without_file(s));
	if (o->taken_back > 0)
		shelf_note(&s->base, EV_FILE_PASSED_OVER, LEVEL_WARNING, 0,
		    "%zu files are left out: the sidecar says that these copies were taken back",
		    o->taken_back);
	if (o->twins > 0)
		shelf_note(&s->base, EV_FOREIGN_CHANGE, LEVEL_WARNING, 0,
		    "%zu files have the UID of another file; they count as messages of their own",
		    o->twins);
}

/* ---- numbers ---- */

struct counting {
	struct shelf *s;
	uint32_t above; /* a list's UIDs count from here on */
	uint32_t highest;
};

/* The unnumbered items stand first, in order of names. */
static size_t
items_unnumbered(struct shelf *s)
{
	size_t n = 0;

	qsort(s->item, s->len, sizeof *s->item, item_cmp_uid);
	while (n < s->len && s->item[n].uid == 0)
		n++;
	if (n > 1)
		qsort_r(s->item, n, sizeof *s->item, item_cmp_name, s);
	return n;
}

struct listed {
	struct counting *n;
	size_t unnumbered;
};

static void
see_listed(void *arg, uint32_t uid, struct slice base)
{
	struct listed *l = arg;
	struct shelf *s = l->n->s;
	size_t from = 0, to = l->unnumbered;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		const char *name = maildir_item_name(s, &s->item[mid]);

		if (slice_cmp((struct slice){ name, maildir_base_len(name) }, base) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	if (from == l->unnumbered || uid <= l->n->above)
		return;
	const char *name = maildir_item_name(s, &s->item[from]);
	if (s->item[from].uid != 0 ||
	    !slice_same((struct slice){ name, maildir_base_len(name) }, base))
		return;
	s->item[from].uid = uid;
	if (uid > l->n->highest)
		l->n->highest = uid;
}

static void
list_note(struct shelf *s, const struct uidlist *u)
{
	if (u->file != NULL && !u->known)
		shelf_note(&s->base, EV_FILE_DAMAGED, LEVEL_WARNING, 0,
		    "'%s' line 1 is none that is known; the messages are numbered anew", u->file);
	if (u->damaged > 0)
		shelf_note(&s->base, EV_FILE_DAMAGED, LEVEL_WARNING, 0,
		    "'%s': %" PRIu64 " lines cannot be used, the first is line %" PRIu64, u->file,
		    u->damaged, u->first_damaged);
}

static void
digest_item(const struct shelf *s, const struct maildir_item *m, struct digest *d)
{
	const char *name = maildir_item_name(s, m);
	struct stat st = { 0 };

	(void)fstatat(s->part[m->is_new], name, &st, AT_SYMLINK_NOFOLLOW);
	uint64_t size = (uint64_t)st.st_size;
	digest_add(d, name, maildir_base_len(name));
	digest_add(d, "", 1);
	digest_add(d, &size, sizeof size);
}

/* What has no number yet gets the next ones; false: there are not so many left. */
static bool
number_rest(struct shelf *s, uint32_t last)
{
	struct digest *d = digest_new();
	size_t n = items_unnumbered(s);
	bool enough = n == 0 || UINT32_MAX - 1 - last >= n;

	digest_start(d);
	for (size_t i = 0; enough && i < n; i++) {
		s->item[i].uid = ++last;
		digest_item(s, &s->item[i], d);
		digest_add(d, &last, sizeof last);
	}
	if (enough) {
		s->given = shelf_uidvalidity_made(s->uidvalidity, n, d);
		s->uidnext = last < UINT32_MAX ? last + 1 : last;
	}
	digest_free(d);
	return enough;
}

static void
items_forget(struct shelf *s, uint32_t above)
{
	for (size_t i = 0; i < s->len; i++) {
		if (s->item[i].uid > above && !s->item[i].ours)
			s->item[i].uid = 0;
	}
}

static uint32_t
ours_highest(const struct shelf *s)
{
	size_t n;
	const struct sidecar_entry *e = sidecar_index_of(s->index, s->uidvalidity, &n);
	uint32_t highest = n > 0 ? e[n - 1].uid : 0;

	for (size_t i = 0; i < s->len; i++) {
		if (s->item[i].ours && s->item[i].uid > highest)
			highest = s->item[i].uid;
	}
	return highest;
}

static int
load_ours(struct shelf *s, struct err *err)
{
	struct ours o = { 0 };
	struct uidlist u;
	size_t kept = 0;

	s->uidvalidity = s->base.at->counts.uidvalidity;
	find_own_folders(s, &o.own);
	for (size_t i = 0; i < s->len; i++) {
		if (ours_take(s, &s->item[i], &o))
			s->item[kept++] = s->item[i];
	}
	s->len = kept;
	uidset_done(&o.own);
	ours_part_twins(s, &o);
	ours_note(s, &o);
	struct counting n = { .s = s, .above = ours_highest(s) };
	n.highest = n.above;
	struct listed l = { &n, items_unnumbered(s) };
	if (uidlist_read(s->folder, &u, see_listed, &l, err) < 0)
		return -1;
	if (!u.known || u.uidvalidity != s->uidvalidity || s->base.at->is_older) {
		items_forget(s, n.above);
		n.highest = n.above;
	} else if (u.uidnext - 1 > n.highest) {
		n.highest = u.uidnext - 1;
	}
	if (number_rest(s, n.highest))
		return 0;
	items_forget(s, n.above);
	if (number_rest(s, n.above))
		return 0;
	return err_set(err, ERR_FOLDER, "no UIDs are left behind the highest, %" PRIu32, n.above);
}

/* ---- of others ---- */

static int
inventory_digest(struct shelf *s, struct err *err)
{
	struct digest *d = digest_new();
	int done = 0;

	digest_start(d);
	for (size_t i = 0; done == 0 && i < s->len; i++) {
		digest_item(s, &s->item[i], d);
		done = i % 4096 == 0 ? shelf_stopped(&s->base, err) : 0;
	}
	s->uidvalidity = shelf_uidvalidity(d);
	digest_free(d);
	return done;
}

static void
unlisted_note(struct shelf *s, const struct uidlist *u)
{
	size_t made = 0;

	while (made < s->len && s->item[made].uid >= u->uidnext)
		made++;
	if (s->given != s->uidvalidity)
		shelf_note(&s->base, EV_FILE_TOLD, LEVEL_INFO, 0,
		    "'%s' has no UIDs of %zu message%s: its UIDVALIDITY is not used", u->file, made,
		    made == 1 ? "" : "s");
}

static int
load_others(struct shelf *s, struct err *err)
{
	struct counting n = { .s = s };
	struct listed l = { &n, s->len };
	struct uidlist u;

	if (uidlist_read(s->folder, &u, see_listed, &l, err) < 0)
		return -1;
	list_note(s, &u);
	if (u.known) {
		s->uidvalidity = u.uidvalidity;
		if (number_rest(s, u.uidnext - 1 > n.highest ? u.uidnext - 1 : n.highest)) {
			unlisted_note(s, &u);
			return 0;
		}
		shelf_note(&s->base, EV_FILE_DAMAGED, LEVEL_WARNING, 0,
		    "'%s' leaves no UIDs for the messages that it does not have; they are numbered "
		    "anew",
		    u.file);
	}
	items_forget(s, 0);
	qsort_r(s->item, s->len, sizeof *s->item, item_cmp_name, s);
	if (inventory_digest(s, err) < 0)
		return -1;
	/* It is made of all of them already. */
	(void)number_rest(s, 0);
	s->given = s->uidvalidity;
	return 0;
}

static int
load_names(struct shelf *s, struct err *err)
{
	if (part_open(s->folder, 0, &s->part[0], err) < 0 ||
	    part_open(s->folder, 1, &s->part[1], err) < 0 ||
	    maildir_read_names(s, s->folder, s->names, err) < 0)
		return -1;
	if (s->names[0].len + s->names[1].len > SHELF_MESSAGES_MAX)
		return err_set(
		    err, ERR_FOLDER, "more than %d messages are in one folder", SHELF_MESSAGES_MAX);
	items_make(s);
	return 0;
}

int
maildir_load(struct shelf *s, struct err *err)
{
	const struct shelf_folder *f = s->base.at;

	if (shelf_dir_open(s->base.root, f->path, &s->folder, err) < 0)
		return -1;
	if (f->ours && shelf_base_index(&s->base, s->folder, &s->index, err) < 0)
		return -1;
	if (f->is_older && s->index == NULL)
		return err_set(err, ERR_FOLDER, "the sidecar in '%s' is gone", f->path);
	s->nameless = 0;
	if (keyword_names_read(s->folder, &s->arena, s->keyword, err) < 0)
		return -1;
	if (load_names(s, err) < 0)
		return -1;
	if ((s->index != NULL ? load_ours(s, err) : load_others(s, err)) < 0)
		return -1;
	qsort(s->item, s->len, sizeof *s->item, item_cmp_uid);
	return 0;
}
