/* See dovecot.h. dovecot-uidlist is
 *	3 V<uidvalidity> N<uidnext> G<guid>
 *	<uid> :<base name>		in ascending order
 * Whether it is still imex's is read from the file itself: the GUID is derived from account, folder
 * and UIDVALIDITY, and every line must pair a UID with the imex name that carries that very UID.
 * Rewriting such a list never gives a message another UID, whoever wrote it last. A first list has its name
 * before it is durable: after a power cut what is torn in it counts as ours. Rejected: a
 * digest in the state, which is out of step after a kill between the rename and the commit, and the
 * list would count as Dovecot's for ever. */
#include "store/maildir/dovecot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "mail/names.h"
#include "store/handed.h"
#include "store/maildir/maildir.h"
#include "store/maildir/maildir_batch.h"

enum {
	GUID_DIGITS = 32,
	LINE_LEN = 512,
	OUT_MAX = 64 * 1024,
	SUBSCRIPTIONS_MAX = 16 * 1024 * 1024
};

static void
page_free(struct msg_page **p)
{
	msg_page_free(*p);
}

/* ---- writing ---- */

struct list {
	int fd;
	struct buf out;
	struct digest *digest;
	uint32_t last_uid;
};

static int
list_flush(struct list *l, struct err *err)
{
	if (file_write(l->fd, l->out.data, l->out.len, err) < 0)
		return err_wrap(err, "'" UIDLIST_NEW "'");
	digest_add(l->digest, l->out.data, l->out.len);
	buf_reset(&l->out);
	return 0;
}

static int
list_rows(struct list *l, const struct msg_page *page, uint32_t uidvalidity, struct err *err)
{
	for (size_t i = 0; i < page->len; i++) {
		const struct msg *m = &page->msg[i];
		char base[MAILDIR_NAME_MAX];

		if (!verdict_has_file(m->verdict))
			continue;
		maildir_base(base, m, uidvalidity);
		(void)buf_printf(&l->out, "%" PRIu32 " :%s\n", m->uid, base);
		l->last_uid = m->uid;
		if (l->out.len > OUT_MAX - LINE_LEN && list_flush(l, err) < 0)
			return -1;
	}
	return 0;
}

static int
list_all_rows(struct list *l, uint32_t uidvalidity, const struct row_feed *rows,
    struct msg_page *page, struct cancel *stop, struct err *err)
{
	for (uint32_t after = 0;; after = page->msg[page->len - 1].uid) {
		if (cancel_raised(stop))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		msg_page_reset(page);
		if (rows->next(rows->arg, after, page, err) < 0)
			return -1;
		if (page->len == 0)
			return list_flush(l, err);
		if (list_rows(l, page, uidvalidity, err) < 0)
			return -1;
	}
}

static void
list_guid(const char *account, const struct folder_rec *rec, char ret[SHA256_HEX])
{
	struct digest *d = digest_new();
	uint8_t sum[SHA256_LEN];
	char uidvalidity[16];

	(void)snprintf(uidvalidity, sizeof uidvalidity, "%" PRIu32, rec->uidvalidity);
	digest_start(d);
	digest_add(d, account, strlen(account) + 1);
	digest_add(d, rec->path, strlen(rec->path) + 1);
	digest_add(d, uidvalidity, strlen(uidvalidity));
	digest_end(d, sum);
	digest_free(d);
	digest_hex(sum, ret);
	ret[GUID_DIGITS] = '\0';
}

/* The complete list as UIDLIST_NEW; its digest is left to be ended. */
static int
list_write(struct list *l, int folder, const struct folder_rec *rec, uint32_t uidnext,
    const char *guid, const struct row_feed *rows, struct cancel *stop, struct err *err)
{
	AUTO(page_free) struct msg_page *page = msg_page_new();

	file_close(&l->fd);
	buf_reset(&l->out);
	l->last_uid = 0;
	digest_start(l->digest);
	if (handed_create(folder, UIDLIST_NEW, &l->fd, err) < 0)
		return -1;
	(void)buf_printf(
	    &l->out, "3 V%" PRIu32 " N%" PRIu32 " G%s\n", rec->uidvalidity, uidnext, guid);
	return list_all_rows(l, rec->uidvalidity, rows, page, stop, err);
}

/* ---- the list that is there ---- */

struct list_file {
	bool there, ours;
	bool torn; /* by a power cut, after lines that are ours */
	uint32_t uidnext, last_uid;
	uint8_t sum[SHA256_LEN];
};

static bool
list_number(struct slice *s, char before, uint32_t *ret)
{
	uint64_t n;
	size_t digits = 1;

	if (s->len == 0 || s->data[0] != before)
		return false;
	while (digits < s->len && s->data[digits] >= '0' && s->data[digits] <= '9')
		digits++;
	if (!slice_u64((struct slice){ s->data + 1, digits - 1 }, UINT32_MAX, &n))
		return false;
	s->data += digits;
	s->len -= digits;
	*ret = (uint32_t)n;
	return true;
}

static bool
list_text(struct slice *s, const char *text)
{
	size_t n = strlen(text);

	if (s->len < n || memcmp(s->data, text, n) != 0)
		return false;
	s->data += n;
	s->len -= n;
	return true;
}

static bool
list_head_ours(
    struct list_file *f, struct slice line, const struct folder_rec *rec, const char *guid)
{
	uint32_t uidvalidity;

	return list_text(&line, "3 ") && list_number(&line, 'V', &uidvalidity) &&
	    uidvalidity == rec->uidvalidity && list_text(&line, " ") &&
	    list_number(&line, 'N', &f->uidnext) && list_text(&line, " G") && slice_eq(line, guid);
}

static bool
list_line_ours(struct list_file *f, struct slice line, const struct folder_rec *rec)
{
	const char *blank = memchr(line.data, ' ', line.len);
	struct maildir_entry e;
	uint64_t uid;

	if (blank == NULL ||
	    !slice_u64((struct slice){ line.data, (size_t)(blank - line.data) }, UINT32_MAX, &uid))
		return false;
	line.len -= (size_t)(blank - line.data);
	line.data = blank;
	if (!list_text(&line, " :") || !maildir_parse(line, &e) || e.base_len != line.len)
		return false;
	if (e.uid != uid || e.uidvalidity != rec->uidvalidity || uid <= f->last_uid)
		return false;
	f->last_uid = (uint32_t)uid;
	return true;
}

static int
list_read_lines(
    struct list_file *f, FILE *in, const struct folder_rec *rec, const char *guid, struct digest *d)
{
	char line[LINE_LEN];

	f->ours = true;
	for (size_t n = 0; f->ours && fgets(line, sizeof line, in) != NULL; n++) {
		size_t len = strlen(line);

		digest_add(d, line, len);
		f->torn = len == 0 || (n > 0 && len + 1 < sizeof line && line[len - 1] != '\n');
		if (f->torn)
			break;
		struct slice text = { line, len - 1 };
		f->ours = line[len - 1] == '\n' &&
		    (n == 0 ? list_head_ours(f, text, rec, guid) : list_line_ours(f, text, rec));
	}
	return ferror(in) ? -1 : 0;
}

static int
list_look(int folder, const struct folder_rec *rec, const char *guid, struct digest *d,
    struct list_file *ret, struct err *err)
{
	AUTO(file_close) int fd = openat(folder, UIDLIST_FILE, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*ret = (struct list_file){ .there = fd >= 0 };
	if (fd < 0)
		return errno == ENOENT ? 0 : err_set_sys(err, ERR_DISK, "open '" UIDLIST_FILE "'");
	FILE *in = fdopen(fd, "r");
	if (in == NULL)
		return err_set_sys(err, ERR_DISK, "open '" UIDLIST_FILE "'");
	fd = -1;
	digest_start(d);
	int done = list_read_lines(ret, in, rec, guid, d);
	digest_end(d, ret->sum);
	if (done < 0)
		(void)err_set_sys(err, ERR_DISK, "read '" UIDLIST_FILE "'");
	(void)fclose(in);
	return done;
}

static int
list_renew(struct list *l, int folder, const struct folder_rec *rec, const struct list_file *old,
    const char *guid, const struct row_feed *rows, struct cancel *stop, struct err *err)
{
	uint8_t sum[SHA256_LEN];
	uint32_t uidnext = rec->uidnext > 0 ? rec->uidnext : 1;

	if (list_write(l, folder, rec, uidnext, guid, rows, stop, err) < 0)
		return -1;
	if (l->last_uid >= uidnext) { /* a source that tells no UIDNEXT, or a wrong one */
		uidnext = l->last_uid < UINT32_MAX ? l->last_uid + 1 : UINT32_MAX;
		if (list_write(l, folder, rec, uidnext, guid, rows, stop, err) < 0)
			return -1;
	}
	digest_end(l->digest, sum);
	bool whole = old->there && !old->torn;
	bool same = whole && memcmp(sum, old->sum, sizeof sum) == 0;
	if (same || (whole && old->uidnext > uidnext)) {
		file_close(&l->fd);
		(void)unlinkat(folder, UIDLIST_NEW, 0);
	}
	return 0;
}

int
dovecot_uidlist(int folder, const char *account, const struct folder_rec *rec,
    const struct row_feed *rows, struct cancel *stop, int *ret_fd, struct err *err)
{
	struct list l = { .fd = -1 };
	struct list_file old;
	char guid[SHA256_HEX];

	*ret_fd = -1;
	if (rec->uidvalidity == 0 || rec->vanished)
		return 0;
	list_guid(account, rec, guid);
	l.digest = digest_new();
	buf_init(&l.out, OUT_MAX);
	int done = list_look(folder, rec, guid, l.digest, &old, err);
	if (done == 0 && (!old.there || old.ours))
		done = list_renew(&l, folder, rec, &old, guid, rows, stop, err);
	buf_done(&l.out);
	digest_free(l.digest);
	if (done < 0) {
		file_close(&l.fd);
		(void)unlinkat(folder, UIDLIST_NEW, 0);
		return -1;
	}
	*ret_fd = l.fd;
	return 0;
}

/* ---- subscriptions ---- */

static int
line_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The line of a folder, malloc'ed: the name of its directory without the first dot, levels between
 * TABs. */
static char *
subscription_line(const struct folder *f)
{
	AUTO(buf_done) struct buf path;

	buf_init(&path, MAILDIR_NAME_MAX);
	(void)maildir_name(f->name, f->delim, f->prefix, &path);
	char *line = mem_copy_str(path.len > 0 ? path.data + 1 : "INBOX");
	for (char *c = line; *c != '\0'; c++) {
		if (*c == '.')
			*c = '\t';
	}
	return line;
}

static void
subscriptions_text(const struct folder *list, size_t len, struct buf *out)
{
	char **line = mem_resize(NULL, len + 1, sizeof *line);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if ((list[i].attrs & FOLDER_SUBSCRIBED) != 0)
			line[n++] = subscription_line(&list[i]);
	}
	qsort(line, n, sizeof *line, line_cmp);
	(void)buf_add_str(out, "V\t2\n\n");
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || strcmp(line[i], line[i - 1]) != 0)
			(void)buf_printf(out, "%s\n", line[i]);
	}
	for (size_t i = 0; i < n; i++)
		free(line[i]);
	free(line);
}

int
dovecot_subscriptions(
    int root, const struct folder *list, size_t len, int *ret_fd, struct err *err)
{
	AUTO(file_close) int fd = -1;
	AUTO(buf_done) struct buf want, have;
	struct err why = { 0 };

	buf_init(&want, SUBSCRIPTIONS_MAX);
	buf_init(&have, SUBSCRIPTIONS_MAX);
	*ret_fd = -1;
	subscriptions_text(list, len, &want);
	if (want.full)
		return err_set(err, ERR_DISK, "too many subscriptions");
	if (file_read(root, SUBSCRIPTIONS_FILE, &have, &why) < 0 && why.kind == ERR_DISK) {
		*err = why;
		return -1;
	}
	if (why.kind == ERR_NONE && slice_same(buf_slice(&have), buf_slice(&want)))
		return 0;
	if (handed_create(root, SUBSCRIPTIONS_NEW, &fd, err) < 0 ||
	    file_write(fd, want.data, want.len, err) < 0) {
		(void)unlinkat(root, SUBSCRIPTIONS_NEW, 0);
		return -1;
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}
