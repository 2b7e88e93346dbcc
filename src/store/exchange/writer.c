/* One thread receives messages into spools, another takes them apart and appends records. They share a
 * ring of jobs: the first is filled by exwriter_put, emptied by exwriter_next after a drain. Only the
 * composing thread touches the files between two drains, only the caller's after one, so that the
 * mutex guards the ring alone.
 *
 * Rejected: composing in the receiving thread. Parsing and decoding cost more than receiving, and on two
 * processors the wire would wait for half of the time. */
#include "store/exchange/writer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/exchange/claim.h"
#include "store/exchange/compose.h"
#include "store/exchange/set.h"
#include "store/exchange/text.h"
#include "store/handed.h"

enum {
	WAITING_MAX = 32,	/* messages between the threads */
	SPOOL_MEMORY = 1024 * 1024,
	WAITING_OCTETS = 24 * 1024 * 1024,
	RING = 4 * WAITING_MAX,	/* jobs that are not taken: waiting ones and one for each spool */
	OUT_ROOM = 256 * 1024,
	LINES_MAX = 64 * 1024 * 1024,
	FDS_MAX = 64,
	JOB_ARENA = 1024 * 1024
};
#define SEC_MAX ((uint64_t)1 << 30)

struct exjob {
	struct spool *spool;
	struct arena arena;
	struct msg msg;
	char *folder;
	bool drafts;
	void *tag;
	uint64_t at, octets;
	uint8_t sha256[SHA256_LEN];
	struct loss_book losses;
};

struct exwriter {
	struct exchange_place place;
	int dir;
	struct codepage *page;
	struct excompose *compose;
	/* files */
	int pri_fd, sec_fd;
	struct grown pri, sec;
	char pri_name[EXSET_NAME_MAX], sec_name[EXSET_NAME_MAX];
	struct buf lines;	/* of the .PRI, not written yet */
	struct buf out;		/* of the .SEC, likewise */
	uint64_t sec_len;	/* with what is in `out` */
	bool pri_dirty, sec_dirty, unclean;
	bool dir_dirty;	/* a file was made: its name is to be durable too */
	char marks[2 * (GROWN_MARK_MAX + 24)];	/* as of the last drain */
	int done_fd[FDS_MAX];	/* secondary files that are full, to be synced */
	size_t n_done_fds;
	/* the ring */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	pthread_t thread;
	bool started, stop;
	struct exjob *job[RING];
	uint64_t put, made, taken;	/* numbers of jobs: taken <= made <= put */
	uint64_t waiting_octets;
	struct spool *spare[WAITING_MAX];
	size_t n_spare, n_spools;
	struct err err;		/* of the thread; kind NONE: none */
	struct exjob *lent;	/* given by exwriter_next */
};

/* ---- jobs ---- */

static void
job_free(struct exjob *j)
{
	if (j == NULL)
		return;
	spool_free(&j->spool);
	arena_done(&j->arena);
	loss_done(&j->losses);
	free(j->folder);
	free(j);
}

static struct exjob *
job_new(struct spool *spool, const struct msg *m, const char *folder, bool drafts, void *tag)
{
	struct exjob *j = mem_new(sizeof(*j));

	arena_init(&j->arena, JOB_ARENA);
	loss_init(&j->losses);
	if (!msg_copy(m, &j->arena, &j->msg)) {
		/* More flags than a megabyte: the sidecar line will say that it is too long. */
		j->msg = *m;
		j->msg.flags.keywords = "";
		j->msg.reason = j->msg.raw_date = NULL;
	}
	j->spool = spool;
	j->folder = mem_copy_str(folder);
	j->drafts = drafts;
	j->tag = tag;
	return j;
}

/* ---- files ---- */

static int
open_file(struct exwriter *w, struct grown *g, const struct grown_mark *mark, bool pri, int *ret_fd,
    struct err *err)
{
	struct exclaim claim;
	enum grown_found found;
	char name[GROWN_NAME_MAX];

	(pri ? exclaim_pri : exclaim_sec)(&claim, w->place.number);
	if (grown_open(g, w->dir, &claim.kind, mark, w->unclean, ret_fd, &found, err) < 0)
		return -1;
	if (found != GROWN_LEFT) {
		w->dir_dirty |= g->len == 0 || w->unclean;
		return 0;
	}
	/* A pointer that leads into a file of another name cannot be mended. */
	claim.kind.name(&claim, g->number, name);
	(void)unlinkat(w->dir, name, 0);
	claim.kind.name(&claim, mark != NULL ? mark->number : 1, name);
	return err_set(err, ERR_CONFIG,
	    "'%s/%s' is not as imex left it: another program changed it. Put it back, or use "
	    "another directory", w->place.dir, name);
}

/* The first lines of a new primary file. */
static int
begin_pri(struct exwriter *w, struct err *err)
{
	struct exnotes notes = { 0 };
	AUTO(buf_done) struct buf owner;

	buf_init(&owner, EXOWNER_MAX);
	w->pri_dirty = true;
	if (exowner_name(w->place.smtp_address, w->place.login, w->place.host, &owner) &&
	    expri_comment(w->page, w->place.time, w->place.host, w->place.login, w->place.zone,
		&w->lines, &notes) &&
	    expri_heading(w->page, buf_slice(&owner), &w->lines, &notes))
		return 0;
	return err_set(err, ERR_CONFIG, "the address of the account is too long");
}

static void
begin_sec(struct exwriter *w)
{
	(void)exsec_heading(&w->out);
	w->sec_len = w->out.len;
	w->sec_dirty = true;
}

static int
open_pri(struct exwriter *w, const struct grown_mark *mark, struct err *err)
{
	if (w->pri_fd >= 0)
		return 0;
	if (open_file(w, &w->pri, mark, true, &w->pri_fd, err) < 0)
		return -1;
	exset_pri_name(w->place.number, w->pri_name);
	return w->pri.len == 0 ? begin_pri(w, err) : 0;
}

/* Parts behind the one that is gone on with were never committed. They may not be reached again, when the
 * source has less now, and would be named by the packing list. */
static int
drop_later_parts(struct exwriter *w, struct err *err)
{
	char name[EXSET_NAME_MAX];

	for (unsigned part = w->sec.number + 1; w->unclean; part++) {
		exset_sec_name(w->place.number, part, name);
		if (unlinkat(w->dir, name, 0) == 0)
			continue;
		return errno == ENOENT ? 0 : err_set_sys(err, ERR_DISK, "remove '%s'", name);
	}
	return 0;
}

static int
open_sec(struct exwriter *w, const struct grown_mark *mark, struct err *err)
{
	if (open_file(w, &w->sec, mark, false, &w->sec_fd, err) < 0)
		return -1;
	if (drop_later_parts(w, err) < 0)
		return -1;
	w->sec_len = w->sec.len;
	exset_sec_name(w->place.number, w->sec.number, w->sec_name);
	if (w->sec.len == 0)
		begin_sec(w);
	return 0;
}

static int
flush_sec(struct exwriter *w, struct err *err)
{
	if (w->out.len == 0)
		return 0;
	if (file_write(w->sec_fd, w->out.data, w->out.len, err) < 0)
		return err_wrap(err, "'%s'", w->sec_name);
	buf_reset(&w->out);
	return 0;
}

static int
put_sec(void *arg, struct slice octets, struct err *err)
{
	struct exwriter *w = arg;

	w->sec_dirty = true;
	w->sec_len += octets.len;
	if (octets.len < OUT_ROOM / 2) {
		if (w->out.len + octets.len > OUT_ROOM && flush_sec(w, err) < 0)
			return -1;
		(void)buf_add(&w->out, octets.data, octets.len);
		return 0;
	}
	if (flush_sec(w, err) < 0)
		return -1;
	return file_write(w->sec_fd, octets.data, octets.len, err) < 0
		   ? err_wrap(err, "'%s'", w->sec_name) : 0;
}

/* The secondary file is full: the next part is begun, this one synced with the batch. */
static int
next_sec(struct exwriter *w, struct err *err)
{
	char name[EXSET_NAME_MAX];
	struct stat st;

	if (flush_sec(w, err) < 0)
		return -1;
	if (w->n_done_fds == FDS_MAX)
		return err_set(err, ERR_DISK, "too many secondary files in one batch");
	w->done_fd[w->n_done_fds++] = w->sec_fd;
	w->sec_fd = -1;
	exset_sec_name(w->place.number, w->sec.number + 1, name);
	/* No mark speaks of that part: what is there was never committed. */
	if (handed_open_append(w->dir, name, &w->sec_fd, err) < 0)
		return -1;
	if (ftruncate(w->sec_fd, 0) < 0 || fstat(w->sec_fd, &st) < 0)
		return err_set_sys(err, ERR_DISK, "begin '%s'", name);
	w->sec = (struct grown){ .number = w->sec.number + 1, .inode = st.st_ino };
	w->dir_dirty = true;
	memcpy(w->sec_name, name, sizeof(name));
	begin_sec(w);
	return 0;
}

int
exwriter_begin_files(struct exwriter *w, struct err *err)
{
	return open_pri(w, NULL, err);
}

bool
exwriter_has_files(const struct exwriter *w)
{
	return w->marks[0] != '\0';
}

const char *
exwriter_pri_name(const struct exwriter *w)
{
	return w->pri_name;
}

void
exwriter_comment(struct exwriter *w, const char *text)
{
	struct codepage_lacks lacks = { 0 };
	size_t before = w->lines.len;

	(void)buf_add_str(&w->lines, "! ");
	(void)codepage_encode(w->page, slice_str(text), &w->lines, &lacks);
	for (size_t i = before; i < w->lines.len; i++)
		if (w->lines.data[i] == '\r' || w->lines.data[i] == '\n')
			w->lines.data[i] = ' ';
	(void)buf_add_str(&w->lines, "\r\n");
	w->pri_dirty = true;
}

/* The thread may be opening files, or the next part, whenever it is not drained. */
static void
tell_marks(struct exwriter *w)
{
	char text[GROWN_MARK_MAX];
	int n;

	if (w->pri_fd < 0)
		return;
	grown_mark_text(&w->pri, text);
	n = snprintf(w->marks, sizeof w->marks, "pri%u %s\n", w->place.number, text);
	if (w->sec_fd < 0)
		return;
	grown_mark_text(&w->sec, text);
	(void)snprintf(w->marks + n, sizeof w->marks - (size_t)n, "sec%u %s\n", w->place.number,
	    text);
}

/* ---- the composing thread ---- */

static int
compose(struct exwriter *w, struct exjob *j, struct err *err)
{
	uint64_t max = w->place.sec_max > 0 ? w->place.sec_max : SEC_MAX;

	if (open_pri(w, NULL, err) < 0)
		return -1;
	if (w->sec_fd < 0 && open_sec(w, NULL, err) < 0)
		return -1;
	if (w->sec_len >= max && next_sec(w, err) < 0)
		return -1;

	struct exsec sec = { .name = w->sec_name, .at = w->sec_len, .put = put_sec, .arg = w };
	uint64_t before = w->sec_len;
	size_t line = w->lines.len;

	j->at = w->pri.len + line;
	if (excompose_message(w->compose, j->spool, &j->msg, j->folder, j->drafts, &sec, &w->lines,
		&j->losses, j->sha256, err) < 0)
		return -1;
	j->octets = w->sec_len - before + w->lines.len - line;
	w->pri_dirty = true;
	return 0;
}

static void *
composer(void *arg)
{
	struct exwriter *w = arg;

	pthread_mutex_lock(&w->mutex);
	for (;;) {
		while (!w->stop && (w->made == w->put || w->err.kind != ERR_NONE))
			pthread_cond_wait(&w->changed, &w->mutex);
		if (w->stop)
			break;
		struct exjob *j = w->job[w->made % RING];
		struct err err = { 0 };

		pthread_mutex_unlock(&w->mutex);

		uint64_t octets = spool_len(j->spool);
		int rc = compose(w, j, &err);

		spool_reset(j->spool);
		pthread_mutex_lock(&w->mutex);
		if (rc < 0)
			w->err = err;
		w->spare[w->n_spare++] = j->spool;
		j->spool = NULL;
		w->waiting_octets -= octets;
		w->made++;
		pthread_cond_broadcast(&w->changed);
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

/* ---- the caller's side ---- */

static int
take_error(const struct exwriter *w, struct err *err)
{
	if (w->err.kind == ERR_NONE)
		return 0;
	*err = w->err;
	return -1;
}

static int
set_up(struct exwriter *w, int spools, const struct grown_mark *pri, const struct grown_mark *sec,
    struct err *err)
{
	if (codepage_open(&w->page, w->place.codepage, err) < 0 ||
	    handed_make_dirs(w->place.dir, err) < 0 ||
	    file_open_dir(AT_FDCWD, w->place.dir, &w->dir, err) < 0)
		return -1;
	w->compose = excompose_new(&(struct excompose_how){
	    .page = w->page, .full_source = w->place.full_source, .dir = spools });
	w->spare[w->n_spare++] = spool_new(spools, SPOOL_MEMORY);
	w->n_spools = 1;
	for (; w->n_spools < WAITING_MAX; w->n_spools++)
		w->spare[w->n_spare++] = spool_new(spools, SPOOL_MEMORY);
	if ((pri != NULL && open_pri(w, pri, err) < 0) ||
	    (sec != NULL && open_sec(w, sec, err) < 0))
		return -1;
	tell_marks(w);
	w->started = pthread_create(&w->thread, NULL, composer, w) == 0;
	return w->started ? 0 : err_set(err, ERR_SHORT, "cannot start a thread");
}

int
exwriter_open(struct exwriter **ret, const struct exchange_place *at, int spools,
    const struct grown_mark *pri, const struct grown_mark *sec, bool unclean, struct err *err)
{
	struct exwriter *w = mem_new(sizeof(*w));

	w->place = *at;
	w->unclean = unclean;
	w->dir = w->pri_fd = w->sec_fd = -1;
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->changed, NULL);
	buf_init(&w->lines, LINES_MAX);
	buf_init(&w->out, OUT_ROOM + OUT_ROOM);
	if (set_up(w, spools, pri, sec, err) < 0) {
		exwriter_close(&w);
		return -1;
	}
	*ret = w;
	return 0;
}

void
exwriter_close(struct exwriter **ref)
{
	struct exwriter *w = *ref;

	if (w == NULL)
		return;
	pthread_mutex_lock(&w->mutex);
	w->stop = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->mutex);
	if (w->started)
		pthread_join(w->thread, NULL);
	for (; w->taken < w->put; w->taken++)
		job_free(w->job[w->taken % RING]);
	job_free(w->lent);
	for (size_t i = 0; i < w->n_spare; i++)
		spool_free(&w->spare[i]);
	for (size_t i = 0; i < w->n_done_fds; i++)
		file_close(&w->done_fd[i]);
	file_close(&w->pri_fd);
	file_close(&w->sec_fd);
	file_close(&w->dir);
	excompose_free(&w->compose);
	codepage_close(&w->page);
	buf_done(&w->lines);
	buf_done(&w->out);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->mutex);
	free(w);
	*ref = NULL;
}

int
exwriter_spool(struct exwriter *w, struct spool **ret, struct err *err)
{
	int rc;

	pthread_mutex_lock(&w->mutex);
	while (w->err.kind == ERR_NONE && w->made < w->put &&
	       (w->n_spare == 0 || w->waiting_octets > WAITING_OCTETS))
		pthread_cond_wait(&w->changed, &w->mutex);
	rc = take_error(w, err);
	if (rc == 0)
		*ret = w->spare[--w->n_spare];
	pthread_mutex_unlock(&w->mutex);
	return rc;
}

void
exwriter_give_back(struct exwriter *w, struct spool *spool)
{
	spool_reset(spool);
	pthread_mutex_lock(&w->mutex);
	w->spare[w->n_spare++] = spool;
	pthread_mutex_unlock(&w->mutex);
}

void
exwriter_put(struct exwriter *w, struct spool *spool, const struct msg *m, const char *folder,
    bool drafts, void *tag)
{
	struct exjob *j = job_new(spool, m, folder, drafts, tag);

	pthread_mutex_lock(&w->mutex);
	assert(w->put - w->taken < RING);
	w->job[w->put++ % RING] = j;
	w->waiting_octets += spool_len(spool);
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->mutex);
}

static int
write_lines(struct exwriter *w, struct err *err)
{
	if (w->lines.len == 0)
		return 0;
	if (file_write(w->pri_fd, w->lines.data, w->lines.len, err) < 0)
		return err_wrap(err, "'%s'", w->pri_name);
	if (grown_look(&w->pri, w->pri_fd, w->pri.len + w->lines.len, err) < 0)
		return err_wrap(err, "'%s'", w->pri_name);
	buf_reset(&w->lines);
	return 0;
}

int
exwriter_drain(struct exwriter *w, struct err *err)
{
	int rc;

	pthread_mutex_lock(&w->mutex);
	while (w->err.kind == ERR_NONE && w->made < w->put)
		pthread_cond_wait(&w->changed, &w->mutex);
	rc = take_error(w, err);
	pthread_mutex_unlock(&w->mutex);
	if (rc < 0 || write_lines(w, err) < 0 || flush_sec(w, err) < 0)
		return -1;
	if (w->sec_dirty && grown_look(&w->sec, w->sec_fd, w->sec_len, err) < 0)
		return err_wrap(err, "'%s'", w->sec_name);
	tell_marks(w);
	return 0;
}

bool
exwriter_next(struct exwriter *w, struct exwritten *ret)
{
	struct exjob *j = NULL;

	job_free(w->lent);
	pthread_mutex_lock(&w->mutex);
	if (w->taken < w->made)
		j = w->job[w->taken++ % RING];
	pthread_mutex_unlock(&w->mutex);
	w->lent = j;
	if (j == NULL)
		return false;

	*ret = (struct exwritten){ .msg = j->msg,
		.tag = j->tag,
		.at = j->at,
		.octets = j->octets,
		.losses = &j->losses };
	memcpy(ret->sha256, j->sha256, SHA256_LEN);
	return true;
}

int
exwriter_dirty(struct exwriter *w, int *ret_fd, struct err *err)
{
	const struct {
		bool *dirty;
		int fd;
	} file[] = { { &w->pri_dirty, w->pri_fd }, { &w->sec_dirty, w->sec_fd },
		{ &w->dir_dirty, w->dir } };

	*ret_fd = -1;
	if (w->n_done_fds > 0) {
		*ret_fd = w->done_fd[--w->n_done_fds];
		return 0;
	}
	for (size_t i = 0; i < COUNT_OF(file); i++) {
		if (!*file[i].dirty)
			continue;
		*ret_fd = fcntl(file[i].fd, F_DUPFD_CLOEXEC, 0);
		if (*ret_fd < 0)
			return err_set_sys(err, ERR_DISK, "duplicate a descriptor");
		*file[i].dirty = false;
		return 0;
	}
	return 0;
}

void
exwriter_marks(const struct exwriter *w, struct buf *out)
{
	(void)buf_add_str(out, w->marks);
}
