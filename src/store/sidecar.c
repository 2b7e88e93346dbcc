/* See sidecar.h. The mark is text of blanks between: version, number of the file, length, inode,
 * digest of the tail, start of the digest of the last folder line ("-": none). */
#include "store/sidecar.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "mail/names.h"

enum { NUMBER_MAX = 9999, KEY_MAX = 64 * 1024, HEAD_DIGITS = 16 };

struct mark {
	uint64_t number, len, inode;
	char tail[SHA256_HEX], head[HEAD_DIGITS + 1];
};

static struct slice
mark_word(struct slice *s)
{
	const char *blank = memchr(s->data, ' ', s->len);
	struct slice word = { s->data, blank != NULL ? (size_t)(blank - s->data) : s->len };
	size_t gone = word.len + (blank != NULL);

	s->data += gone;
	s->len -= gone;
	return word;
}

static bool
mark_text(struct slice *s, size_t len, char *ret)
{
	struct slice word = mark_word(s);

	if (word.len != len)
		return false;
	memcpy(ret, word.data, len);
	ret[len] = '\0';
	return true;
}

/* False: no mark that we know. */
static bool
mark_read(const char *text, struct mark *ret)
{
	struct slice s = slice_str(text);

	*ret = (struct mark){ 0 };
	if (!slice_eq(mark_word(&s), "1") || !slice_u64(mark_word(&s), NUMBER_MAX, &ret->number) ||
	    !slice_u64(mark_word(&s), INT64_MAX, &ret->len) ||
	    !slice_u64(mark_word(&s), UINT64_MAX, &ret->inode) ||
	    !mark_text(&s, SHA256_HEX - 1, ret->tail))
		return false;
	if (slice_eq(s, "-"))
		return ret->number > 0;
	return ret->number > 0 && mark_text(&s, HEAD_DIGITS, ret->head);
}

static void
sidecar_digest(const char *data, size_t len, char ret[SHA256_HEX])
{
	uint8_t sum[SHA256_LEN];

	digest_once(data, len, sum);
	digest_hex(sum, ret);
}

void
sidecar_mark(const struct sidecar *c, char ret[SIDECAR_MARK_MAX])
{
	char tail[SHA256_HEX];

	sidecar_digest(c->tail, c->tail_len, tail);
	(void)snprintf(ret, SIDECAR_MARK_MAX, "1 %u %" PRIu64 " %" PRIu64 " %s %s", c->number,
	    c->len, c->inode, tail, c->head[0] != '\0' ? c->head : "-");
}

void
sidecar_name(unsigned number, char ret[SIDECAR_NAME_MAX])
{
	if (number == 1)
		(void)snprintf(ret, SIDECAR_NAME_MAX, "folder.jsonl");
	else
		(void)snprintf(ret, SIDECAR_NAME_MAX, "folder.jsonl.%u", number);
}

void
sidecar_head(const struct folder_rec *rec, struct buf *out, size_t *ret_key)
{
	struct slice wire = slice_str(rec->name);
	struct slice use = slice_str(rec->special_use);
	AUTO(buf_done) struct buf shown;

	buf_init(&shown, KEY_MAX / 4);
	folder_display(wire, &shown);
	json_open(out, NULL);
	json_put_text(out, "folder", buf_slice(&shown));
	json_put_octets(out, "name", wire);
	if (rec->delim != '\0')
		json_put_text(out, "delim", (struct slice){ &rec->delim, 1 });
	else
		json_put_null(out, "delim");
	json_put_int(out, "uidvalidity", rec->uidvalidity);
	*ret_key = out->len + 1;
	json_open_array(out, "special_use");
	while (use.len > 0)
		json_put_text(out, NULL, mark_word(&use));
	json_close_array(out);
	json_put_bool(out, "subscribed", rec->subscribed);
	json_close(out);
	(void)buf_add_byte(out, '\n');
}

/* ---- opening ---- */

/* Up to `len` octets at `at`; fewer at the end of the file. */
static int
sidecar_read(int fd, uint64_t at, char *out, size_t len, size_t *ret_len, struct err *err)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, out + got, len - got, (off_t)(at + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_sys(err, ERR_DISK, "read the sidecar");
		if (n == 0)
			break;
		got += (size_t)n;
	}
	*ret_len = got;
	return 0;
}

/* Does the file hold what the mark says? Its tail is in c then. */
static int
sidecar_agrees(struct sidecar *c, int fd, const struct stat *st, const struct mark *m, bool *ret,
    struct err *err)
{
	char digest[SHA256_HEX];

	c->tail_len = m->len < SIDECAR_TAIL ? (size_t)m->len : SIDECAR_TAIL;
	*ret = false;
	if ((uint64_t)st->st_size < m->len ||
	    ((uint64_t)st->st_size != m->len && st->st_ino != m->inode))
		return 0;
	if (sidecar_read(fd, m->len - c->tail_len, c->tail, c->tail_len, &c->tail_len, err) < 0)
		return -1;
	sidecar_digest(c->tail, c->tail_len, digest);
	*ret = strcmp(digest, m->tail) == 0;
	return 0;
}

/* The file of the mark: *ret_fd -1 when it is not there or does not agree. */
static int
sidecar_reopen(struct sidecar *c, int folder, const struct mark *m, int *ret_fd,
    enum sidecar_found *ret_found, struct err *err)
{
	char name[SIDECAR_NAME_MAX];
	struct stat st;
	AUTO(file_close) int fd = -1;
	bool agrees;

	c->number = (unsigned)m->number;
	sidecar_name(c->number, name);
	*ret_found = SIDECAR_LEFT;
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (file_open_append(folder, name, &fd, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_set_sys(err, ERR_DISK, "look at '%s'", name);
	if (sidecar_agrees(c, fd, &st, m, &agrees, err) < 0)
		return -1;
	if (!agrees)
		return 0;
	*ret_found = (uint64_t)st.st_size > m->len ? SIDECAR_LONGER : SIDECAR_AS_LEFT;
	if (*ret_found == SIDECAR_LONGER && ftruncate(fd, (off_t)m->len) < 0)
		return err_set_sys(err, ERR_DISK, "cut '%s' back", name);
	c->len = m->len;
	c->inode = st.st_ino;
	memcpy(c->head, m->head, sizeof c->head);
	*ret_fd = fd;
	fd = -1;
	return 0;
}

enum claim { CLAIM_OURS, CLAIM_OTHER_FOLDER, CLAIM_FOREIGN };

/* Whose is a file that no mark speaks of? Ours when it starts with our folder line, or with the
 * beginning of it, or is torn by a power cut (NUL), and the last run ended unclean; else only when
 * it is empty. */
static int
sidecar_claim(int fd, struct slice key, bool unclean, enum claim *ret, struct err *err)
{
	static const char any[] = "{\"folder\":";
	AUTO(buf_done) struct buf start;
	size_t len;

	buf_init(&start, KEY_MAX);
	if (!buf_reserve(&start, key.len))
		return err_set(err, ERR_FOLDER, "the folder's name is too long for its sidecar");
	if (sidecar_read(fd, 0, start.data, key.len, &len, err) < 0)
		return -1;
	bool same = memcmp(start.data, key.data, len) == 0;
	bool torn = memchr(start.data, '\0', len) != NULL;

	*ret = CLAIM_FOREIGN;
	if (len == 0 || (unclean && (same || torn)))
		*ret = CLAIM_OURS;
	else if (!same && len >= sizeof any - 1 && memcmp(start.data, any, sizeof any - 1) == 0)
		*ret = CLAIM_OTHER_FOLDER;
	return 0;
}

/* The first number from c->number on that is free or ours, empty. */
static int
sidecar_new(struct sidecar *c, int folder, struct slice key, bool unclean, int *ret_fd,
    enum sidecar_found *ret_found, struct err *err)
{
	for (; c->number <= NUMBER_MAX; c->number++) {
		char name[SIDECAR_NAME_MAX];
		AUTO(file_close) int fd = -1;
		struct stat st;
		enum claim claim = CLAIM_FOREIGN;

		sidecar_name(c->number, name);
		if (file_open_append(folder, name, &fd, err) < 0 ||
		    sidecar_claim(fd, key, unclean, &claim, err) < 0)
			return -1;
		if (claim == CLAIM_FOREIGN)
			*ret_found = SIDECAR_LEFT;
		if (claim != CLAIM_OURS)
			continue;
		if (ftruncate(fd, 0) < 0 || fstat(fd, &st) < 0)
			return err_set_sys(err, ERR_DISK, "start '%s'", name);
		c->inode = st.st_ino;
		c->len = c->tail_len = 0;
		*ret_fd = fd;
		fd = -1;
		return 0;
	}
	return err_set(err, ERR_FOLDER, "too many sidecars folder.jsonl.N");
}

int
sidecar_open(struct sidecar *c, int folder, const char *mark, struct slice head, size_t head_key,
    bool unclean, int *ret_fd, enum sidecar_found *ret_found, struct err *err)
{
	char digest[SHA256_HEX];
	struct mark m;
	int fd = -1;

	*c = (struct sidecar){ .number = 1 };
	*ret_found = SIDECAR_AS_LEFT;
	buf_init(&c->lines, SIDECAR_LINES_MAX);
	if (mark[0] != '\0' && !mark_read(mark, &m))
		return err_set(err, ERR_STATE, "the mark of a folder cannot be read");
	if (mark[0] != '\0') {
		if (sidecar_reopen(c, folder, &m, &fd, ret_found, err) < 0)
			return -1;
		c->number += fd < 0;
	}
	struct slice key = { head.data, head_key };
	if (fd < 0 && sidecar_new(c, folder, key, unclean, &fd, ret_found, err) < 0)
		return -1;
	sidecar_digest(head.data, head.len, digest);
	if (strncmp(c->head, digest, HEAD_DIGITS) != 0) {
		(void)buf_add(&c->lines, head.data, head.len);
		memcpy(c->head, digest, HEAD_DIGITS);
	}
	*ret_fd = fd;
	return 0;
}

void
sidecar_done(struct sidecar *c)
{
	buf_done(&c->lines);
}

/* ---- lines ---- */

static void
sidecar_flags(struct buf *out, const struct flags *f)
{
	AUTO(buf_done) struct buf text;
	struct flags system = { .system = f->system, .keywords = "" };
	struct slice names[2];

	buf_init(&text, 256);
	flags_text(&system, &text);
	names[0] = buf_slice(&text);
	names[1] = slice_str(f->keywords);
	for (size_t i = 0; i < 2; i++) {
		json_open_array(out, i == 0 ? "flags" : "keywords");
		while (names[i].len > 0)
			json_put_text(out, NULL, mark_word(&names[i]));
		json_close_array(out);
	}
}

static void
sidecar_date(struct buf *out, const struct msg *m)
{
	char text[DATE_TEXT_MAX];

	if (m->date.known && m->raw_date == NULL)
		date_format(&m->date, text);
	const char *shown = m->date.known ? text : NULL;
	json_put_str(out, "internaldate", m->raw_date != NULL ? m->raw_date : shown);
}

static void
sidecar_place(struct buf *b, const struct sidecar_at *at)
{
	char hex[SHA256_HEX];

	json_put_str(b, "file", at->file);
	if (at->in_file)
		json_put_int(b, "at", (int64_t)at->at);
	if (at->eol != NULL)
		json_put_str(b, "eol", at->eol);
	if (at->stored_sha256 != NULL) {
		digest_hex(at->stored_sha256, hex);
		json_put_str(b, "stored_sha256", hex);
	}
	if (at->rebuilt)
		json_put_bool(b, "rebuilt", true);
}

/* End the line that began at `before`; all of it or nothing is queued. */
static int
sidecar_end_line(struct sidecar *c, size_t before, uint32_t uid, struct err *err)
{
	struct buf *b = &c->lines;

	json_close(b);
	if (buf_add_byte(b, '\n'))
		return 0;
	b->len = before;
	b->data[before] = '\0';
	b->full = false;
	return err_set(
	    err, ERR_MESSAGE, "the line of UID %" PRIu32 " is too long for the sidecar", uid);
}

int
sidecar_add(struct sidecar *c, const struct msg *m, uint32_t uidvalidity,
    const struct sidecar_at *at, const struct flags *flags, struct err *err)
{
	struct buf *b = &c->lines;
	size_t before = b->len;
	char hex[SHA256_HEX];

	digest_hex(m->sha256, hex);
	json_open(b, NULL);
	json_put_int(b, "uid", m->uid);
	json_put_int(b, "uidvalidity", uidvalidity);
	sidecar_place(b, at);
	sidecar_flags(b, flags);
	sidecar_date(b, m);
	if (m->size_known)
		json_put_int(b, "size", (int64_t)m->size);
	else
		json_put_null(b, "size");
	json_put_int(b, "wire", (int64_t)m->wire_bytes);
	json_put_int(b, "stored", (int64_t)m->file_bytes);
	json_put_str(b, "sha256", hex);
	json_put_str(b, "verdict", verdict_name(m->verdict));
	return sidecar_end_line(c, before, m->uid, err);
}

int
sidecar_remove(struct sidecar *c, uint32_t uid, uint32_t uidvalidity, struct err *err)
{
	struct buf *b = &c->lines;
	size_t before = b->len;

	json_open(b, NULL);
	json_put_int(b, "uid", uid);
	json_put_int(b, "uidvalidity", uidvalidity);
	json_put_bool(b, "removed", true);
	return sidecar_end_line(c, before, uid, err);
}

void
sidecar_take(struct sidecar *c, struct buf *ret_lines, uint64_t *ret_from)
{
	struct slice add = buf_slice(&c->lines);

	*ret_from = c->len;
	c->len += add.len;
	if (add.len > SIDECAR_TAIL) {
		add.data += add.len - SIDECAR_TAIL;
		add.len = SIDECAR_TAIL;
	}
	size_t keep = c->tail_len < SIDECAR_TAIL - add.len ? c->tail_len : SIDECAR_TAIL - add.len;

	memmove(c->tail, c->tail + c->tail_len - keep, keep);
	if (add.len > 0)
		memcpy(c->tail + keep, add.data, add.len);
	c->tail_len = keep + add.len;
	*ret_lines = c->lines;
	buf_init(&c->lines, SIDECAR_LINES_MAX);
}

/* ---- the keeper's side ---- */

int
sidecar_append(int fd, uint64_t from, struct slice lines, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set_sys(err, ERR_DISK, "look at the sidecar");
	if ((uint64_t)st.st_size != from)
		return err_set(
		    err, ERR_DISK, "another program changed a sidecar folder.jsonl meanwhile");
	return file_write(fd, lines.data, lines.len, err);
}

/* Best effort: the next run finds the rest by the mark. */
void
sidecar_cut(int fd, uint64_t from)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && (uint64_t)st.st_size > from && ftruncate(fd, (off_t)from) < 0)
		return;
}
