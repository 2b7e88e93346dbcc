#include "engine/removed.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "mail/header.h"
#include "mail/names.h"

enum { LINES_MAX = 8 * 1024 * 1024, BACK_STEP = 4096 };

/* Accounts of one job write into one list at the same time. */
static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER;

int
removed_open(
    struct removed *r, const char *account_dir, const struct folder *source, struct err *err)
{
	AUTO(mem_free_str) char *path = NULL;
	struct buf name;

	buf_init(&name, 4096);
	buf_init(&r->lines, LINES_MAX);
	folder_component(source->name, source->delim, source->prefix, &name);
	if (asprintf(&r->sub, "removed/%s/%s", account_dir, name.data) < 0 ||
	    asprintf(&path, "%s/%s", r->job_dir, r->sub) < 0)
		mem_out();
	buf_done(&name);
	if (file_make_dirs(path, err) < 0)
		return -1;
	return file_open_dir(AT_FDCWD, path, &r->dir, err);
}

void
removed_done(struct removed *r)
{
	if (r->sub != NULL)
		buf_done(&r->lines);
	free(r->sub);
	r->sub = NULL;
	file_close(&r->dir);
}

/* ---- the list ---- */

static void
put_line(struct removed *r, uint32_t uid, const struct kept_copy *copy,
    const struct header_facts *head, const char *file)
{
	const struct flags flags = { .system = copy->flags, .keywords = copy->keywords };
	char now[ISO_MAX], date[DATE_TEXT_MAX], sha256[SHA256_HEX];
	struct buf *b = &r->lines, words;

	clock_iso(clock_wall_ms(), now);
	digest_hex(copy->sha256, sha256);
	buf_init(&words, 64 * 1024);
	flags_text(&flags, &words);
	json_open(b, NULL);
	json_put_str(b, "time", now);
	json_put_str(b, "account", r->account);
	json_put_str(b, "destination", r->destination);
	json_put_str(b, "folder", r->folder);
	json_put_int(b, "uidvalidity", r->uidvalidity);
	json_put_int(b, "uid", uid);
	if (copy->date.known)
		date_format(&copy->date, date);
	json_put_str(b, "internal_date", copy->date.known ? date : NULL);
	json_put_text(b, "flags", buf_slice(&words));
	json_put_int(b, "size", (int64_t)copy->octets);
	json_put_str(b, "sha256", sha256);
	if (!r->no_subjects) {
		json_put_str(b, "from", head->from);
		json_put_str(b, "subject", head->subject);
	}
	json_put_str(b, "date", head->date);
	json_put_str(b, "message_id", head->message_id);
	json_put_str(b, "file", file);
	json_close(b);
	buf_add_byte(b, '\n');
	buf_done(&words);
}

/* Behind the last LF: a line that a kill has torn is cut off, its message was not removed. */
static int
cut_torn_line(int fd, struct err *err)
{
	struct stat st;
	char part[BACK_STEP];
	off_t end;

	if (fstat(fd, &st) < 0)
		return err_set_sys(err, ERR_DISK, "cannot read removed.jsonl");
	for (end = st.st_size; end > 0;) {
		size_t want = end < BACK_STEP ? (size_t)end : BACK_STEP;
		ssize_t n = pread(fd, part, want, end - (off_t)want);
		const char *lf = n == (ssize_t)want ? memrchr(part, '\n', want) : NULL;

		if (n != (ssize_t)want)
			return err_set_sys(err, ERR_DISK, "cannot read removed.jsonl");
		end -= (off_t)want;
		if (lf != NULL) {
			end += lf + 1 - part;
			break;
		}
	}
	if (end < st.st_size && ftruncate(fd, end) < 0)
		return err_set_sys(err, ERR_DISK, "cannot cut removed.jsonl");
	return 0;
}

static int
append_lines(struct removed *r, struct err *err)
{
	AUTO(file_close) int dir = -1;
	AUTO(file_close) int fd = -1;

	if (file_open_dir(AT_FDCWD, r->job_dir, &dir, err) < 0 ||
	    file_open_append(dir, "removed.jsonl", &fd, err) < 0 || cut_torn_line(fd, err) < 0 ||
	    file_write(fd, r->lines.data, r->lines.len, err) < 0 || file_sync(fd, err) < 0)
		return -1;
	return file_sync(dir, err);
}

/* ---- messages ---- */

/* The file's time is the internal date, as that is what an import takes for it. */
static int
set_date(int dir, const char *name, const struct kept_copy *copy, struct err *err)
{
	AUTO(file_close) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_set_sys(err, ERR_DISK, "open '%s'", name);
	if (!copy->date.known || file_set_time(fd, date_stamp(&copy->date), err) == 0)
		return 0;
	return err_wrap(err, "'%s'", name);
}

int
removed_save(struct removed *r, uint32_t uid, const struct kept_copy *copy,
    const struct header_facts *head, struct spool *body, struct arena *a, const char **ret_file,
    struct err *err)
{
	char name[48];

	snprintf(name, sizeof(name), "%u.%u.eml", r->uidvalidity, uid);
	*ret_file = arena_printf(a, "%s/%s", r->sub, name);
	if (*ret_file == NULL)
		return err_set(err, ERR_CREATE, "a folder name is too long");
	if (spool_save(body, r->dir, name, err) < 0 || set_date(r->dir, name, copy, err) < 0)
		return -1;
	put_line(r, uid, copy, head, *ret_file);
	return r->lines.full ? err_set(err, ERR_FULL, "no memory for the list of what is removed")
			     : 0;
}

int
removed_commit(struct removed *r, struct err *err)
{
	int rc;

	if (r->lines.len == 0)
		return 0;
	if (file_sync(r->dir, err) < 0)
		return -1;
	pthread_mutex_lock(&list_mutex);
	rc = append_lines(r, err);
	pthread_mutex_unlock(&list_mutex);
	buf_reset(&r->lines);
	return rc;
}
