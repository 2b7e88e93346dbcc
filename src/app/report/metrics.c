#include "app/report/metrics.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

enum { PERIOD_MS = 5 * SEC, TEXT_MAX = 64 * 1024 };

#define FIRST "# HELP imex_" /* of each such file */

struct metrics {
	char *path, *temporary;
	const char *job;
	struct progress_all *progress;
	struct meter meter;
	int64_t started_ms; /* wall */
	int64_t next_ms; /* monotonic */
	bool told; /* that it cannot be written */
};

/* ---- the text ---- */

static void
put_help(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, FIRST "%s %s\n# TYPE imex_%s %s\n", name, help, name, type);
}

/* A value of a label: \, " and line ends are escaped. It is UTF-8, or all of the file is refused. */
static void
put_label(struct buf *out, const char *text)
{
	AUTO(buf_done) struct buf shown;

	buf_init(&shown, TEXT_MAX);
	if (!utf8_valid(slice_str(text))) {
		text_visible(slice_str(text), &shown);
		text = shown.data;
	}
	for (const char *p = text; *p; p++) {
		if (*p == '\n')
			buf_add_str(out, "\\n");
		else if (*p == '\\' || *p == '"')
			buf_printf(out, "\\%c", *p);
		else
			buf_add_byte(out, *p);
	}
}

static void
put_number(struct buf *out, const char *name, const char *type, const char *help, const char *job,
    uint64_t n)
{
	put_help(out, name, type, help);
	buf_printf(out, "imex_%s{job=\"", name);
	put_label(out, job);
	buf_printf(out, "\"} %" PRIu64 "\n", n);
}

static void
put_accounts(struct buf *out, const struct view *v, const char *job)
{
	unsigned known = v->accounts_done + v->accounts_running + v->accounts_waiting;
	const struct {
		const char *state;
		unsigned n;
	} rows[] = {
		{ "queued", v->accounts_total > known ? v->accounts_total - known : 0 },
		{ "running", v->accounts_running },
		{ "waiting", v->accounts_waiting },
		{ "done", v->accounts_done - v->accounts_failed },
		{ "failed", v->accounts_failed },
	};

	put_help(out, "accounts", "gauge", "Accounts of the run by state.");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		buf_add_str(out, "imex_accounts{job=\"");
		put_label(out, job);
		buf_printf(out, "\",state=\"%s\"} %u\n", rows[i].state, rows[i].n);
	}
}

void
metrics_text(const struct view *v, const char *job, int64_t started_ms, int64_t now_ms, int code,
    struct buf *out)
{
	/* What an account has is counted anew when it is tried again: only what never falls is a counter. */
	const struct {
		const char *name, *type, *help;
		uint64_t n;
	} rows[] = {
		{ "folders", "gauge", "Folders known so far.", v->folders_total },
		{ "folders_done", "gauge", "Folders that came to their end.", v->folders_done },
		{ "messages", "gauge", "Messages known so far.", v->messages_total },
		{ "messages_done", "gauge", "Messages with a verdict.", v->messages_done },
		{ "messages_stored_total", "counter", "Messages stored by this run.", v->messages_new },
		{ "fetched_bytes_total", "counter", "Octets of messages received by this run.",
		    v->bytes_done },
		{ "problems", "gauge", "Messages whose verdict is not good.", v->problems },
		{ "run_start_time_seconds", "gauge", "When the run began, since 1970.",
		    (uint64_t)(started_ms / SEC) },
		{ "updated_time_seconds", "gauge", "When this was written, since 1970.",
		    (uint64_t)(now_ms / SEC) },
		{ "run_finished", "gauge", "1: the run has come to its end.", code >= 0 },
	};

	put_help(out, "info", "gauge", "Version of the program.");
	buf_add_str(out, "imex_info{job=\"");
	put_label(out, job);
	buf_add_str(out, "\",version=\"" IMEX_VERSION "\"} 1\n");
	if (v->accounts_total > 0)
		put_accounts(out, v, job);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		put_number(out, rows[i].name, rows[i].type, rows[i].help, job, rows[i].n);
	if (code >= 0)
		put_number(out, "exit_code", "gauge", "Exit code of the run.", job, (uint64_t)code);
}

/* ---- the file ---- */

static int
metrics_write(struct metrics *m, int code, struct err *err)
{
	AUTO(file_close) int fd = -1;
	struct buf text;
	struct view v;
	int rc;

	buf_init(&text, TEXT_MAX);
	meter_read(&m->meter, m->progress, clock_mono_ms(), &v);
	metrics_text(&v, m->job, m->started_ms, clock_wall_ms(), code, &text);
	rc = file_create(AT_FDCWD, m->temporary, &fd, err);
	if (rc == 0)
		rc = file_write(fd, text.data, text.len, err);
	/* For others to read: there is nothing secret in it. */
	if (rc == 0 && fchmod(fd, 0644) < 0)
		rc = err_set_sys(err, ERR_CREATE, "make '%s' readable", m->temporary);
	if (rc == 0)
		rc = file_rename(AT_FDCWD, m->temporary, AT_FDCWD, m->path, err);
	if (rc < 0 && fd >= 0)
		unlink(m->temporary);
	buf_done(&text);
	return rc;
}

/* The file is replaced: /dev/null would be one from then on, for everybody, and a slip of the hand costs a file that
 * is something else, the state of the job perhaps. */
static int
metrics_may_replace(const char *path, struct err *err)
{
	AUTO(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char head[sizeof(FIRST) - 1];
	struct stat st;

	if (stat(path, &st) < 0)
		return 0;
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CREATE, "'%s' is no regular file, and would be replaced by one", path);
	if (st.st_size == 0 || (fd >= 0 && read(fd, head, sizeof(head)) == (ssize_t)sizeof(head) &&
				   memcmp(head, FIRST, sizeof(head)) == 0))
		return 0;
	return err_set(err, ERR_CREATE, "'%s' is there and holds no metrics of imex; give another name", path);
}

int
metrics_open(struct metrics **ret, const char *path, const char *job, struct progress_all *p,
    struct err *err)
{
	struct metrics *m;

	*ret = NULL;
	if (path == NULL)
		return 0;
	m = mem_new(sizeof(*m));
	m->path = mem_copy_str(path);
	if (asprintf(&m->temporary, "%s.%ld", path, (long)getpid()) < 0)
		mem_out();
	m->job = job != NULL ? job : "";
	m->progress = p;
	m->started_ms = clock_wall_ms();
	m->next_ms = clock_mono_ms() + PERIOD_MS;
	if (metrics_may_replace(path, err) < 0 || metrics_write(m, -1, err) < 0) {
		err->kind = ERR_CREATE;
		*ret = m;
		metrics_close(ret, -1);
		return err_wrap(err, "--metrics-file");
	}
	*ret = m;
	return 0;
}

/* A file that cannot be written is no reason to stop copying mail. */
static void
metrics_try(struct metrics *m, int code)
{
	struct err err;

	if (metrics_write(m, code, &err) < 0 && !m->told) {
		m->told = true;
		fprintf(stderr, "imex: --metrics-file: %s; the run goes on without it\n", err.text);
	}
}

void
metrics_tick(struct metrics *m)
{
	if (m == NULL || clock_mono_ms() < m->next_ms)
		return;
	m->next_ms = clock_mono_ms() + PERIOD_MS;
	metrics_try(m, -1);
}

void
metrics_close(struct metrics **m, int code)
{
	if (*m == NULL)
		return;
	if (code >= 0)
		metrics_try(*m, code);
	free((*m)->path);
	free((*m)->temporary);
	free(*m);
	*m = NULL;
}
