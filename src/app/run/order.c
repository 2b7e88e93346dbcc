#include "app/run/order.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app/job/jobdir.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

enum { FILE_MAX = 16 * 1024, LOCK_MAX = 512, NAME_TEXT_MAX = 64, LOOK_MS = 50, OLD_MS = 60 * SEC };

static const char ask_prefix[] = "imex.ask.", answer_prefix[] = "imex.answer.";
static const char temporary_prefix[] = "imex.new.";

struct order_desk {
	int dir;
	char lock[LOCK_MAX];
};

static void
order_name(const char *prefix, const char *id, char ret[NAME_TEXT_MAX])
{
	snprintf(ret, NAME_TEXT_MAX, "%s%s", prefix, id);
}

static void
order_id(char ret[ORDER_ID_MAX])
{
	uint64_t n = 0;

	if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != (ssize_t)sizeof(n))
		n = (uint64_t)clock_wall_ms() ^ (uint64_t)getpid() << 44;
	snprintf(ret, ORDER_ID_MAX, "%016" PRIx64, n);
}

/* ---- their text ---- */

void
order_text(const struct order *o, const char *lock, struct buf *out)
{
	json_open(out, NULL);
	json_put_text(out, "to", slice_str(lock));
	json_put_str(out, "word", o->word);
	json_put_text(out, "text", slice_str(o->text));
	json_close(out);
	buf_add_byte(out, '\n');
}

/* A string member that fits. */
static bool
order_member(const json_t *j, const char *key, char *ret, size_t size)
{
	const char *text = json_string_value(json_object_get(j, key));

	if (!text || strlen(text) >= size)
		return false;
	memcpy(ret, text, strlen(text) + 1);
	return true;
}

bool
order_parse(const char *text, size_t len, const char *lock, struct order *ret)
{
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	struct order o = { .word = "" };
	char to[LOCK_MAX];
	bool ok = order_member(j, "to", to, sizeof(to)) && strcmp(to, lock) == 0 &&
		  order_member(j, "word", o.word, sizeof(o.word)) &&
		  order_member(j, "text", o.text, sizeof(o.text));

	json_decref(j);
	if (ok)
		*ret = o;
	return ok;
}

static void
answer_text(const struct order_answer *a, struct buf *out)
{
	json_open(out, NULL);
	json_put_int(out, "code", a->code);
	json_put_text(out, "text", slice_str(a->text));
	json_close(out);
	buf_add_byte(out, '\n');
}

static bool
answer_parse(const char *text, size_t len, struct order_answer *ret)
{
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *code = json_object_get(j, "code");
	bool ok = json_is_integer(code) && order_member(j, "text", ret->text, sizeof(ret->text));

	if (ok)
		ret->code = (int)json_integer_value(code);
	json_decref(j);
	return ok;
}

/* ---- files ---- */

/* A small file of this user, as a whole; false: it is none, or not there. */
static bool
order_read(int dir, const char *name, struct buf *b)
{
	AUTO(file_close) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX ||
	    (st.st_uid != geteuid() && st.st_uid != 0))
		return false;
	for (;;) {
		char part[4096];
		ssize_t n = read(fd, part, sizeof(part));

		if (n < 0)
			return false;
		if (n == 0 || !buf_add(b, part, (size_t)n))
			return n == 0;
	}
}

/* Whole or not at all. */
static int
order_write(int dir, const char *prefix, const char *id, const struct buf *text, struct err *err)
{
	char name[NAME_TEXT_MAX], temporary[NAME_TEXT_MAX];
	AUTO(file_close) int fd = -1;

	order_name(prefix, id, name);
	order_name(temporary_prefix, id, temporary);
	if (file_create(dir, temporary, &fd, err) < 0)
		return -1;
	if (file_write(fd, text->data, text->len, err) == 0 &&
	    file_rename(dir, temporary, dir, name, err) == 0)
		return 0;
	unlinkat(dir, temporary, 0);
	return -1;
}

static bool
name_begins(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* The lock's text without its line end; "" when there is none. */
static void
order_lock(int dir, char ret[LOCK_MAX])
{
	AUTO(buf_done) struct buf b;

	ret[0] = '\0';
	buf_init(&b, LOCK_MAX - 1);
	if (order_read(dir, "imex.lock", &b) && b.len > 0)
		snprintf(ret, LOCK_MAX, "%.*s", (int)strcspn(b.data, "\n"), b.data);
}

/* ---- asking ---- */

static bool
answer_take(int dir, const char *id, struct order_answer *ret)
{
	AUTO(buf_done) struct buf b;
	char name[NAME_TEXT_MAX];

	order_name(answer_prefix, id, name);
	buf_init(&b, FILE_MAX);
	if (!order_read(dir, name, &b))
		return false;
	unlinkat(dir, name, 0);
	return answer_parse(b.data, b.len, ret);
}

static bool
answer_wait(int dir, const char *job, const char *id, int64_t wait_ms, struct order_answer *ret)
{
	int64_t until_ms = clock_mono_ms() + wait_ms;

	while (!answer_take(dir, id, ret)) {
		const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };

		if (clock_mono_ms() >= until_ms || jobdir_runner(job) == 0)
			return answer_take(dir, id, ret);
		nanosleep(&pause, NULL);
	}
	return true;
}

static int
order_none(const char *dir, struct err *err)
{
	return err_set(err, ERR_NO_INPUT,
	    "no process runs the job '%s': there is nothing to change; what is set with imex job holds "
	    "for the run that goes on",
	    dir);
}

/* Nobody has answered. What was not taken is taken back. */
static int
order_withdraw(int at, const char *dir, const char *id, struct err *err)
{
	char name[NAME_TEXT_MAX];
	bool back;

	order_name(ask_prefix, id, name);
	back = unlinkat(at, name, 0) == 0;
	if (jobdir_runner(dir) == 0)
		return order_none(dir, err);
	return err_set(err, ERR_BUSY,
	    back ? "the process that runs '%s' did not answer; nothing was changed, try again"
		 : "the process that runs '%s' has taken the request and has not answered yet; 'imex "
		   "job DIR' tells what is set",
	    dir);
}

int
order_send(const char *dir, const struct order *o, int64_t wait_ms, struct order_answer *ret,
    struct err *err)
{
	AUTO(file_close) int at = -1;
	AUTO(buf_done) struct buf text;
	char id[ORDER_ID_MAX], lock[LOCK_MAX];

	buf_init(&text, FILE_MAX);
	if (file_open_dir(AT_FDCWD, dir, &at, err) < 0)
		return -1;
	order_lock(at, lock);
	if (jobdir_runner(dir) == 0 || lock[0] == '\0')
		return order_none(dir, err);
	order_id(id);
	order_text(o, lock, &text);
	if (order_write(at, ask_prefix, id, &text, err) < 0)
		return err_wrap(err, "job directory '%s'", dir);
	return answer_wait(at, dir, id, wait_ms, ret) ? 0 : order_withdraw(at, dir, id, err);
}

/* ---- the process that runs the job ---- */

static DIR *
desk_list(const struct order_desk *d)
{
	int fd = openat(d->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;

	if (!list && fd >= 0)
		close(fd);
	return list;
}

/* Who asks as soon as the lock is taken asks us. */
static bool
desk_is_ours(const struct order_desk *d, const char *name)
{
	AUTO(buf_done) struct buf b;
	struct order ignored;

	buf_init(&b, FILE_MAX);
	return order_read(d->dir, name, &b) && order_parse(b.data, b.len, d->lock, &ignored);
}

/* A request that is being made is there for an instant, and the asker waits for an answer: of the process that led
 * before us, too. What has stayed is of an asker that was killed. */
static bool
desk_is_old(const struct order_desk *d, const char *name)
{
	struct stat st;

	return fstatat(d->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (int64_t)st.st_mtime * SEC + OLD_MS < clock_wall_ms();
}

static void
desk_sweep(const struct order_desk *d)
{
	DIR *list = desk_list(d);
	const struct dirent *e;

	while (list && (e = readdir(list)) != NULL)
		if ((name_begins(e->d_name, ask_prefix) && !desk_is_ours(d, e->d_name)) ||
		    ((name_begins(e->d_name, answer_prefix) || name_begins(e->d_name, temporary_prefix)) &&
			desk_is_old(d, e->d_name)))
			unlinkat(d->dir, e->d_name, 0);
	if (list)
		closedir(list);
}

int
order_desk_open(struct order_desk **ret, const char *dir, struct err *err)
{
	struct order_desk *d = mem_new(sizeof(*d));

	d->dir = -1;
	if (file_open_dir(AT_FDCWD, dir, &d->dir, err) < 0) {
		order_desk_close(&d);
		return -1;
	}
	order_lock(d->dir, d->lock);
	desk_sweep(d);
	*ret = d;
	return 0;
}

void
order_desk_close(struct order_desk **d)
{
	if (!*d)
		return;
	file_close(&(*d)->dir);
	free(*d);
	*d = NULL;
}

/* Taken by removing it: who withdraws it after that cannot. One that is not for us is nobody's. */
static bool
desk_take(const struct order_desk *d, const char *name, struct order *ret)
{
	AUTO(buf_done) struct buf b;
	const char *id = name + strlen(ask_prefix);

	buf_init(&b, FILE_MAX);
	bool whole = order_read(d->dir, name, &b);

	if (unlinkat(d->dir, name, 0) < 0 || !whole || strlen(id) >= ORDER_ID_MAX ||
	    !order_parse(b.data, b.len, d->lock, ret))
		return false;
	memcpy(ret->id, id, strlen(id) + 1);
	return true;
}

bool
order_next(struct order_desk *d, struct order *ret)
{
	DIR *list = desk_list(d);
	const struct dirent *e;
	bool found = false;

	while (list && !found && (e = readdir(list)) != NULL)
		found = name_begins(e->d_name, ask_prefix) && desk_take(d, e->d_name, ret);
	if (list)
		closedir(list);
	return found;
}

void
order_reply(struct order_desk *d, const struct order *o, const struct order_answer *a)
{
	AUTO(buf_done) struct buf text;
	struct err ignored;

	buf_init(&text, FILE_MAX);
	answer_text(a, &text);
	(void)!order_write(d->dir, answer_prefix, o->id, &text, &ignored);
}
