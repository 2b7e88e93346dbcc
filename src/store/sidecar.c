/* See sidecar.h. The mark is text of blanks between: version, the mark of the file (grown.h), start
 * of the digest of the last folder line ("-": none). */
#include "store/sidecar.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "mail/names.h"
#include "store/pio.h"

enum { KEY_MAX = 64 * 1024 };

/* False: no mark that we know. */
static bool
sidecar_mark_read(const char *text, struct grown_mark *ret, char head[SIDECAR_HEAD_MAX])
{
	struct slice s = slice_str(text);

	if (!slice_eq(grown_word(&s), "1") || !grown_mark_read(&s, ret))
		return false;
	struct slice digest = grown_word(&s);

	*head = '\0';
	if (slice_eq(digest, "-"))
		return s.len == 0;
	if (digest.len != SIDECAR_HEAD_MAX - 1 || s.len > 0)
		return false;
	memcpy(head, digest.data, digest.len);
	head[digest.len] = '\0';
	return true;
}

void
sidecar_mark(const struct sidecar *c, char ret[SIDECAR_MARK_MAX])
{
	char file[GROWN_MARK_MAX];

	grown_mark_text(&c->file, file);
	(void)snprintf(ret, SIDECAR_MARK_MAX, "1 %s %s", file, c->head[0] != '\0' ? c->head : "-");
}

bool
sidecar_mark_later(const char *a, const char *b)
{
	char head[SIDECAR_HEAD_MAX];
	struct grown_mark x, y;

	if (!sidecar_mark_read(a, &x, head))
		return false;
	return !sidecar_mark_read(b, &y, head) || grown_mark_later(&x, &y);
}

void
sidecar_name(unsigned number, char ret[SIDECAR_NAME_MAX])
{
	grown_name("folder.jsonl", number, ret);
}

static void
head_line(const struct folder_rec *rec, struct buf *out, size_t *ret_key)
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
		json_put_text(out, NULL, grown_word(&use));
	json_close_array(out);
	json_put_bool(out, "subscribed", rec->subscribed);
	json_close(out);
	(void)buf_add_byte(out, '\n');
}

int
sidecar_head(const struct folder_rec *rec, char **ret, size_t *ret_key, struct err *err)
{
	AUTO(buf_done) struct buf line;

	buf_init(&line, KEY_MAX);
	head_line(rec, &line, ret_key);
	if (line.full)
		return err_set(err, ERR_FOLDER, "the folder's name is too long");
	*ret = mem_copy_str(line.data);
	return 0;
}

/* ---- opening ---- */

static void
sidecar_kind_name(const void *arg, unsigned number, char ret[GROWN_NAME_MAX])
{
	(void)arg;
	sidecar_name(number, ret);
}

/* Whose is a file that no mark speaks of? Ours when it starts with our folder line, or with the
 * beginning of it, or is torn by a power cut (NUL), and the last run ended unclean. */
static enum grown_claim
sidecar_claim(const void *arg, struct slice start, uint64_t at, bool unclean)
{
	static const char any[] = "{\"folder\":";
	const struct slice *key = arg;
	bool same = memcmp(start.data, key->data, start.len) == 0;
	bool torn = memchr(start.data, '\0', start.len) != NULL;

	(void)at;
	if (unclean && (same || torn))
		return GROWN_OURS;
	return !same && start.len >= sizeof any - 1 && memcmp(start.data, any, sizeof any - 1) == 0
		   ? GROWN_OTHERS
		   : GROWN_FOREIGN;
}

void
sidecar_describe(struct sidecar *c, struct slice head)
{
	uint8_t sum[SHA256_LEN];
	char digest[SHA256_HEX];

	digest_once(head.data, head.len, sum);
	digest_hex(sum, digest);
	digest[SIDECAR_HEAD_MAX - 1] = '\0';
	if (strcmp(c->head, digest) == 0 || !buf_add(&c->lines, head.data, head.len))
		return;
	memcpy(c->head, digest, SIDECAR_HEAD_MAX);
}

int
sidecar_open(struct sidecar *c, int folder, const char *mark, struct slice head, size_t head_key,
    bool unclean, int *ret_fd, enum grown_found *ret_found, struct err *err)
{
	struct slice key = { head.data, head_key };
	const struct grown_kind kind = {
		.name = sidecar_kind_name, .claim = sidecar_claim, .start_max = key.len, .arg = &key
	};
	char was[SIDECAR_HEAD_MAX];
	struct grown_mark m;
	bool marked = mark[0] != '\0';

	*c = (struct sidecar){ .file.number = 1 };
	buf_init(&c->lines, SIDECAR_LINES_MAX);
	if (marked && !sidecar_mark_read(mark, &m, was))
		return err_set(err, ERR_STATE, "the mark of a folder cannot be read");
	if (key.len > KEY_MAX)
		return err_set(err, ERR_FOLDER, "the folder's name is too long for its sidecar");
	if (grown_open(
		&c->file, folder, &kind, marked ? &m : NULL, unclean, ret_fd, ret_found, err) < 0)
		return -1;
	if (marked && *ret_found != GROWN_LEFT)
		memcpy(c->head, was, sizeof c->head);
	sidecar_describe(c, head);
	return 0;
}

/* ---- what is there ---- */

/* The octet behind the last LF; 0: there is none. */
static int
lines_end(int fd, uint64_t len, uint64_t *ret, struct err *err)
{
	char part[GROWN_TAIL];

	for (*ret = len; *ret > 0;) {
		size_t n = *ret < sizeof part ? (size_t)*ret : sizeof part;
		const char *lf;

		if (pio_read(fd, *ret - n, part, n, &n, err) < 0)
			return -1;
		lf = n > 0 ? memrchr(part, '\n', n) : NULL;
		if (lf != NULL) {
			*ret = *ret - n + (size_t)(lf - part) + 1;
			return 0;
		}
		*ret = n > 0 ? *ret - n : 0;
	}
	return 0;
}

/* Its last file; *ret_fd -1: there is none. */
static unsigned
last_file(int folder, unsigned from, int *ret_fd)
{
	char name[SIDECAR_NAME_MAX];
	unsigned number = from;

	*ret_fd = -1;
	for (; number <= GROWN_NUMBER_MAX; number++) {
		int fd;

		sidecar_name(number, name);
		fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0)
			break;
		file_close(ret_fd);
		*ret_fd = fd;
	}
	return number - 1;
}

int
sidecar_mark_now(int folder, char mark[SIDECAR_MARK_MAX], struct err *err)
{
	char head[SIDECAR_HEAD_MAX], name[SIDECAR_NAME_MAX];
	AUTO(file_close) int fd = -1;
	struct grown_mark was, m;
	bool marked = sidecar_mark_read(mark, &was, head), there = false;
	unsigned number = last_file(folder, marked ? was.number : 1, &fd);
	struct stat st;
	uint64_t len;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (lines_end(fd, (uint64_t)st.st_size, &len, err) < 0)
		return -1;
	if (len == 0)
		return 0;
	sidecar_name(number, name);
	if (grown_mark_now(folder, name, number, len, marked && number == was.number ? &was : NULL, &m,
		&there, err) < 0)
		return -1;
	if (there)
		(void)snprintf(mark, SIDECAR_MARK_MAX, "1 %u %" PRIu64 " %" PRIu64 " %s %s", m.number, m.len,
		    m.inode, m.tail, marked && len == was.len && *head != '\0' ? head : "-");
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
			json_put_text(out, NULL, grown_word(&names[i]));
		json_close_array(out);
	}
	/* The words above cannot be told apart then. */
	if (!utf8_valid(slice_str(f->keywords)))
		json_put_b64(out, "keywords_b64", slice_str(f->keywords));
}

static void
sidecar_id(struct buf *out, const char *key, uint64_t id)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%" PRIu64, id);
	json_put_str(out, key, id != 0 ? text : NULL);
}

/* Of Gmail; numbers are texts, since 64 bits are more than some readers of JSON take. */
static void
sidecar_gmail(struct buf *out, const struct msg *m, const struct flags *now)
{
	const char *labels = now->labels != NULL ? now->labels : m->flags.labels;
	struct slice label;

	if (m->gm_msgid == 0 && labels == NULL)
		return;
	json_open(out, "gmail");
	sidecar_id(out, "msgid", m->gm_msgid);
	sidecar_id(out, "thrid", m->gm_thrid);
	json_open_array(out, "labels");
	while (labels != NULL && label_next(&labels, &label))
		json_put_text(out, NULL, label);
	json_close_array(out);
	json_close(out);
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
	if (at->status_len > 0) {
		json_put_int(b, "status_at", (int64_t)at->status_at);
		json_put_int(b, "status_len", (int64_t)at->status_len);
	}
	if (at->eol != NULL)
		json_put_str(b, "eol", at->eol);
	if (at->stored_sha256 != NULL) {
		digest_hex(at->stored_sha256, hex);
		json_put_str(b, "stored_sha256", hex);
	}
	if (at->full_source)
		json_put_bool(b, "full_source", true);
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
	sidecar_gmail(b, m, flags);
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
	*ret_from = c->file.len;
	grown_add(&c->file, buf_slice(&c->lines));
	*ret_lines = c->lines;
	buf_init(&c->lines, SIDECAR_LINES_MAX);
}

/* ---- the keeper's side ---- */

int
sidecar_append(int fd, uint64_t from, struct slice lines, struct err *err)
{
	return grown_append(fd, from, lines, err);
}

void
sidecar_cut(int fd, uint64_t from)
{
	grown_cut(fd, from);
}
