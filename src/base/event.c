/* See event.h. A line is built in memory and goes out in one write(2) on an O_APPEND descriptor,
 * so that a kill leaves whole lines and at most one torn last one, which the next open cuts. A
 * write that failed is kept for evlog_sync: logging has no error path of its own, the barrier
 * has. The mutex is held while terminal and screen hooks run: a hook must not log. */
#include "base/event.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

/* A line holds five texts, each at most 8 KiB, escaped six times as long, and the base64 of
 * four. */
enum { EVENT_FIELD_MAX = 8 * 1024, EVENT_LINE_MAX = 512 * 1024, EVENT_CUT_STEP = 64 * 1024 };
/* More than a run writes between two syncs. */
enum { EVENT_UNSYNCED_MAX = 8 * 1024 * 1024 };

static const char *const event_level_name[] = { "debug", "info", "warning", "error" };

static const struct {
	enum event_no no;
	enum event_level level;
	const char *words;
} event_table[] = {
#define EVENT(no, name, level, words) { no, LEVEL_##level, words },
#include "base/events.def"
#undef EVENT
};

struct evlog {
	pthread_mutex_t mutex;
	int fd; /* -1: no file; its number stays, also when the file is another */
	char *dir_path; /* of the file; NULL: none */
	bool shared; /* with other processes */
	bool torn; /* the file may end in the middle of a line */
	bool failed; /* a write did; `fault` says why */
	struct err fault;
	FILE *terminal;
	enum event_level least;
	void (*hide)(void *), (*show)(void *);
	void *screen;
	void (*system)(void *arg, const struct event *e, const char *line);
	void *system_arg;
	bool (*say)(void *arg, const struct event *e);
	void *say_arg;
	struct buf line;
};

static size_t
event_index(enum event_no no)
{
	size_t i = 0;

	while (i < COUNT_OF(event_table) && event_table[i].no != no)
		i++;
	assert(i < COUNT_OF(event_table));
	return i;
}

enum event_level
event_default_level(enum event_no no)
{
	return event_table[event_index(no)].level;
}

static bool
text_hides(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || c == 0x200e || c == 0x200f ||
	       c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

void
text_visible(struct slice text, struct buf *out)
{
	while (text.len > 0 && !out->full) {
		uint32_t c = 0;
		size_t len = utf8_next(text, &c);

		if (len == 0 || c < 0x20 || c == 0x7f)
			buf_printf(out, "\\x%02x", (unsigned char)text.data[0]);
		else if (text_hides(c))
			buf_printf(out, "\\u{%x}", c);
		else
			buf_add(out, text.data, len);
		len = len > 0 ? len : 1;
		text.data += len;
		text.len -= len;
	}
}

/* At most `max` octets, not in the middle of a UTF-8 character. */
static struct slice
event_cut(struct slice text, size_t max)
{
	if (text.len <= max)
		return text;
	size_t len = max;

	while (len > 0 && max - len < 3 && ((unsigned char)text.data[len] & 0xc0) == 0x80)
		len--;
	return (struct slice){ text.data, len };
}

static void
event_put_field(struct buf *b, const char *key, const char *text)
{
	if (text != NULL)
		json_put_octets(b, key, event_cut(slice_str(text), EVENT_FIELD_MAX));
}

/* `words` is complete already. The order of the keys is that of design.md section 5. */
static void
event_line(struct buf *b, const struct event *e, bool shared, struct slice words)
{
	char now[ISO_MAX];

	clock_iso(clock_wall_ms(), now);
	json_open(b, NULL);
	json_put_str(b, "time", now);
	json_put_int(b, "event", e->no);
	json_put_str(b, "source", "imex");
	json_put_str(b, "level", event_level_name[e->level]);
	event_put_field(b, "account", e->account);
	event_put_field(b, "folder", e->folder);
	if (e->uid != 0)
		json_put_int(b, "uid", e->uid);
	event_put_field(b, "command", e->command);
	if (e->reply.data != NULL) {
		struct slice reply = event_cut(e->reply, EVENT_FIELD_MAX);

		json_put_octets(b, "reply", reply);
		uint64_t all = e->reply_bytes > e->reply.len ? e->reply_bytes : e->reply.len;

		/* A little longer may be what stands for a secret. */
		if (reply.len < e->reply.len || e->reply_bytes > EVENT_FIELD_MAX)
			json_put_int(b, "reply_bytes", (int64_t)all);
	}
	json_put_text(b, "text", words);
	if (shared)
		json_put_int(b, "process", getpid());
	json_close(b);
	buf_add_byte(b, '\n');
}

/* After a failed write: whether a part of the line got into the file. */
static bool
evlog_ends_in_a_line(int fd)
{
	struct stat st;
	char last = '\n';

	return fstat(fd, &st) == 0 && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 &&
	       last != '\n';
}

/* One write; only a full disk or a signal makes more of it. */
static void
evlog_write(struct evlog *log)
{
	struct err fault;

	log->torn = log->torn && evlog_ends_in_a_line(log->fd);
	if (log->torn && file_write(log->fd, "\n", 1, &fault) == 0)
		log->torn = false;
	if (!log->torn && file_write(log->fd, log->line.data, log->line.len, &fault) == 0)
		return;
	log->torn = true;
	if (!log->failed)
		log->fault = fault;
	log->failed = true;
}

static void
event_where(struct buf *b, const struct event *e)
{
	const char *gap = "";

	if (e->account == NULL && e->folder == NULL && e->uid == 0)
		return;
	buf_add_byte(b, '[');
	if (e->account != NULL) {
		text_visible(slice_str(e->account), b);
		gap = " ";
	}
	if (e->folder != NULL) {
		buf_add_str(b, gap);
		text_visible(slice_str(e->folder), b);
		gap = " ";
	}
	if (e->uid != 0)
		buf_printf(b, "%suid %u", gap, e->uid);
	buf_add_str(b, "] ");
}

/* The end of a line of a reply carries nothing for a reader. */
static struct slice
event_reply_line(struct slice reply)
{
	while (reply.len > 0 &&
	       (reply.data[reply.len - 1] == '\n' || reply.data[reply.len - 1] == '\r'))
		reply.len--;
	return event_cut(reply, 400);
}

/* The event in words, without a line end, into log->line. */
static void
evlog_words(struct evlog *log, const struct event *e, struct slice words)
{
	struct buf *b = &log->line;

	buf_reset(b);
	if (e->level != LEVEL_INFO)
		buf_printf(b, "%s: ", event_level_name[e->level]);
	event_where(b, e);
	text_visible(words, b);
	if (e->reply.data != NULL && e->level >= LEVEL_WARNING) {
		struct slice reply = event_reply_line(e->reply);

		buf_add_str(b, " (server: \"");
		text_visible(reply, b);
		buf_add_str(b, reply.len + 2 < e->reply.len ? "...\")" : "\")");
	}
}

static void
evlog_say(struct evlog *log, const struct event *e, struct slice words)
{
	struct buf *b = &log->line;

	evlog_words(log, e, words);
	buf_add_byte(b, '\n');
	if (log->hide != NULL)
		log->hide(log->screen);
	fwrite(b->data, 1, b->len, log->terminal);
	fflush(log->terminal);
	if (log->show != NULL)
		log->show(log->screen);
}

static bool
evlog_wants_words(const struct evlog *log, const struct event *e)
{
	return log->terminal != NULL && !e->file_only && e->level >= log->least &&
	       (log->say == NULL || log->say(log->say_arg, e));
}

void
evlog_put(struct evlog *log, const struct event *e, const char *fmt, ...)
{
	char said[ERR_TEXT_MAX * 2];
	va_list ap;

	if (log == NULL)
		return;
	va_start(ap, fmt);
	int len = vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
	struct slice words = event_cut(slice_str(said), sizeof(said) - 4);

	if (len <= 0)
		words = slice_str(event_table[event_index(e->no)].words);
	pthread_mutex_lock(&log->mutex);
	if (log->fd >= 0) {
		buf_reset(&log->line);
		event_line(&log->line, e, log->shared, words);
		evlog_write(log);
	}
	if (evlog_wants_words(log, e))
		evlog_say(log, e, words);
	if (log->system != NULL && e->level >= LEVEL_INFO) {
		evlog_words(log, e, words);
		log->system(log->system_arg, e, log->line.data);
	}
	pthread_mutex_unlock(&log->mutex);
}

/* After a power cut blocks that were not yet written read as NUL, which no line holds: where that
 * begins; `size`: nowhere; -1 when it cannot be read. */
static off_t
evlog_hole(int fd, off_t size)
{
	char chunk[EVENT_CUT_STEP];
	off_t at = size > EVENT_UNSYNCED_MAX ? size - EVENT_UNSYNCED_MAX : 0;

	while (at < size) {
		size_t want = size - at > EVENT_CUT_STEP ? EVENT_CUT_STEP : (size_t)(size - at);
		ssize_t n = pread(fd, chunk, want, at);

		if (n <= 0)
			return -1;
		const char *nul = memchr(chunk, '\0', (size_t)n);

		if (nul != NULL)
			return at + (nul - chunk);
		at += n;
	}
	return size;
}

/* Where the last whole line ends; -1 when it cannot be read. */
static off_t
evlog_good_end(int fd, off_t size)
{
	char chunk[EVENT_CUT_STEP];

	while (size > 0) {
		size_t want = size > EVENT_CUT_STEP ? EVENT_CUT_STEP : (size_t)size;
		ssize_t n = pread(fd, chunk, want, size - (off_t)want);

		if (n != (ssize_t)want)
			return -1;
		const char *lf = memrchr(chunk, '\n', want);

		if (lf != NULL)
			return size - (off_t)want + (lf - chunk) + 1;
		size -= (off_t)want;
	}
	return 0;
}

static int
evlog_open_file(const char *dir_path, bool shared, int *ret, struct err *err)
{
	AUTO(file_close) int dir = -1;
	AUTO(file_close) int fd = -1;
	struct stat st;

	if (file_open_dir(AT_FDCWD, dir_path, &dir, err) < 0)
		return -1;
	if (file_open_append(dir, "events.jsonl", &fd, err) < 0)
		return err_wrap(err, "'%s'", dir_path);
	if (fstat(fd, &st) < 0)
		return err_set_sys(err, ERR_DISK, "cannot look at '%s/events.jsonl'", dir_path);
	off_t end = st.st_size;

	if (S_ISREG(st.st_mode) && !shared)
		end = evlog_hole(fd, end);
	if (S_ISREG(st.st_mode) && !shared && end >= 0)
		end = evlog_good_end(fd, end);

	if (end < 0 || (end < st.st_size && ftruncate(fd, end) < 0))
		return err_set_sys(
		    err, ERR_DISK, "cannot cut the last line of '%s/events.jsonl'", dir_path);
	*ret = fd;
	fd = -1;
	return 0;
}

static int
evlog_make(struct evlog **ret, const char *dir_path, bool shared, FILE *terminal,
    enum event_level least, struct err *err)
{
	int fd = -1;

	if (dir_path != NULL && evlog_open_file(dir_path, shared, &fd, err) < 0)
		return -1;
	struct evlog *log = mem_new(sizeof(*log));

	log->fd = fd;
	log->shared = log->torn = shared;
	log->dir_path = dir_path != NULL ? mem_copy_str(dir_path) : NULL;
	log->terminal = terminal;
	log->least = least;
	pthread_mutex_init(&log->mutex, NULL);
	buf_init(&log->line, EVENT_LINE_MAX);
	*ret = log;
	return 0;
}

int
evlog_open(struct evlog **ret, const char *dir_path, FILE *terminal, enum event_level least,
    struct err *err)
{
	return evlog_make(ret, dir_path, false, terminal, least, err);
}

int
evlog_join(struct evlog **ret, const char *dir_path, FILE *terminal, enum event_level least,
    struct err *err)
{
	return evlog_make(ret, dir_path, true, terminal, least, err);
}

void
evlog_share(struct evlog *log)
{
	if (log == NULL)
		return;
	pthread_mutex_lock(&log->mutex);
	log->shared = true;
	pthread_mutex_unlock(&log->mutex);
}

void
evlog_mend(struct evlog *log)
{
	if (log == NULL)
		return;
	pthread_mutex_lock(&log->mutex);
	log->torn = true;
	pthread_mutex_unlock(&log->mutex);
}

void
evlog_close(struct evlog **log)
{
	if (*log == NULL)
		return;
	file_close(&(*log)->fd);
	buf_done(&(*log)->line);
	free((*log)->dir_path);
	pthread_mutex_destroy(&(*log)->mutex);
	free(*log);
	*log = NULL;
}

/* The descriptor is synced without the mutex: workers must be able to log while the disk is
 * slow. */
int
evlog_sync(struct evlog *log, const dev_t *synced, struct err *err)
{
	struct stat st;

	if (log == NULL || log->fd < 0)
		return 0;
	pthread_mutex_lock(&log->mutex);
	bool failed = log->failed;

	if (failed)
		*err = log->fault;
	pthread_mutex_unlock(&log->mutex);
	if (!failed && synced != NULL && fstat(log->fd, &st) == 0 && st.st_dev == *synced)
		return 0;
	if (failed || file_sync(log->fd, err) < 0)
		return err_wrap(err, "event log 'events.jsonl'");
	return 0;
}

/* The directory too: a file that is not in it after a power cut has taken its events along. */
static int
evlog_sync_dir(const char *dir_path, struct err *err)
{
	AUTO(file_close) int dir = -1;

	return file_open_dir(AT_FDCWD, dir_path, &dir, err) < 0 ? -1 : file_sync(dir, err);
}

/* Nobody writes meanwhile. A barrier that is under way syncs one file or the other: the old one is
 * durable before its number becomes the new one's. */
static int
evlog_swap(struct evlog *log, struct err *err)
{
	AUTO(file_close) int fd = -1;

	if (evlog_open_file(log->dir_path, log->shared, &fd, err) < 0 ||
	    evlog_sync_dir(log->dir_path, err) < 0 || file_sync(log->fd, err) < 0)
		return -1;
	if (dup3(fd, log->fd, O_CLOEXEC) < 0)
		return err_set_sys(err, ERR_DISK, "take the new file");
	log->torn = false;
	return 0;
}

int
evlog_reopen(struct evlog *log, struct err *err)
{
	int rc;

	if (log == NULL || log->fd < 0)
		return 0;
	pthread_mutex_lock(&log->mutex);
	rc = evlog_swap(log, err);
	pthread_mutex_unlock(&log->mutex);
	return rc < 0 ? err_wrap(err, "open events.jsonl again") : 0;
}

void
evlog_set_filter(struct evlog *log, bool (*say)(void *arg, const struct event *e), void *arg)
{
	if (log == NULL)
		return;
	pthread_mutex_lock(&log->mutex);
	log->say = say;
	log->say_arg = arg;
	pthread_mutex_unlock(&log->mutex);
}

void
evlog_set_system(
    struct evlog *log, void (*put)(void *arg, const struct event *e, const char *line), void *arg)
{
	if (log == NULL)
		return;
	pthread_mutex_lock(&log->mutex);
	log->system = put;
	log->system_arg = arg;
	pthread_mutex_unlock(&log->mutex);
}

void
evlog_set_screen(struct evlog *log, void (*hide)(void *), void (*show)(void *), void *arg)
{
	if (log == NULL)
		return;
	pthread_mutex_lock(&log->mutex);
	log->hide = hide;
	log->show = show;
	log->screen = arg;
	pthread_mutex_unlock(&log->mutex);
}
