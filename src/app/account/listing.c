/* The engine tells folders and troubles as they come; they are printed at once, so that a set of
 * fifty gigabytes shows its first folder in seconds. */
#include "app/account/listing.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/cli/out.h"
#include "app/job/birth.h"
#include "app/job/jobdir.h"
#include "app/run/confined.h"
#include "app/run/run.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/inventory.h"

struct listing {
	struct run run;
	struct out out;
	struct out report; /* report.json; fd -1: none */
	int report_dir;
	struct shelf_found found;
	struct inventory_sum sum;
};

static bool
listing_json(const struct listing *l)
{
	return l->run.o->json;
}

/* ---- troubles ---- */

static const char *
trouble_words(enum trouble kind)
{
	static const char *const words[] = {
		[TROUBLE_UNREADABLE] = "cannot be read",
		[TROUBLE_DIFFERS] = "differs",
		[TROUBLE_NOTE] = "note",
	};

	return words[kind];
}

static void
trouble_log(struct listing *l, enum trouble kind, const char *folder, uint32_t uid,
    const char *text)
{
	struct event e = { .no = kind == TROUBLE_NOTE ? EV_DAMAGE : EV_VERIFY_DIFFERS,
		.level = kind == TROUBLE_NOTE ? LEVEL_WARNING : LEVEL_ERROR,
		.account = l->run.job.from->login,
		.folder = folder,
		.uid = uid };

	evlog_put(l->run.log, &e, "%s: %s", trouble_words(kind), text);
}

static void
trouble_json(struct listing *l, struct out *o, enum trouble kind, const char *folder, uint32_t uid,
    const char *text)
{
	struct buf *b = &o->buf;

	json_open(b, NULL);
	json_put_str(b, "account", l->run.job.from->login);
	json_put_str(b, "folder", folder);
	json_put_int(b, "uid", uid);
	json_put_str(b, "trouble", trouble_words(kind));
	json_put_str(b, "text", text);
	json_close(b);
	out_drain(o);
}

static void
listing_trouble(void *arg, enum trouble kind, const char *folder, uint32_t uid, const char *text)
{
	struct listing *l = arg;

	trouble_log(l, kind, folder, uid, text);
	if (l->report.fd >= 0)
		trouble_json(l, &l->report, kind, folder, uid, text);
	screen_hide(l->run.screen);
	if (listing_json(l)) {
		trouble_json(l, &l->out, kind, folder, uid, text);
		screen_show(l->run.screen);
		return;
	}
	out_printf(&l->out, "  ! ");
	out_visible(&l->out, folder);
	if (uid != 0)
		out_printf(&l->out, " message %" PRIu32, uid);
	out_printf(&l->out, ": %s%s", kind == TROUBLE_NOTE ? "" : trouble_words(kind),
	    kind == TROUBLE_NOTE ? "" : ": ");
	out_visible(&l->out, text);
	out_str(&l->out, "\n");
	screen_show(l->run.screen);
}

/* ---- folders ---- */

static void
listing_day(int64_t epoch, char ret[16])
{
	time_t at = (time_t)epoch;
	struct tm tm;

	if (gmtime_r(&at, &tm) == NULL || strftime(ret, 16, "%Y-%m-%d", &tm) == 0)
		(void)snprintf(ret, 16, "?");
}

static void
folder_text(struct listing *l, const struct inventory_folder *f)
{
	char count[HUMAN_MAX], bytes[HUMAN_MAX], oldest[16] = "", newest[16] = "";

	human_count(f->messages, count);
	human_bytes(f->bytes, bytes);
	if (f->dated > 0) {
		listing_day(f->oldest, oldest);
		listing_day(f->newest, newest);
	}
	out_str(&l->out, "  ");
	out_column(&l->out, f->name, 36);
	if (f->excluded)
		out_str(&l->out, "   excluded\n");
	else
		out_printf(&l->out, " %9s %9s  %10s  %10s%s\n", count, bytes, oldest, newest,
		    f->faulty > 0 ? "  DAMAGED" : f->rebuilt > 0 ? "  rebuilt" : "");
}

static void
folder_json(struct listing *l, struct out *o, const struct inventory_folder *f)
{
	struct buf *b = &o->buf;

	json_open(b, NULL);
	json_put_str(b, "account", l->run.job.from->login);
	json_put_str(b, "folder", f->name);
	json_put_bool(b, "excluded", f->excluded);
	json_put_int(b, "messages", (int64_t)f->messages);
	json_put_int(b, "bytes", (int64_t)f->bytes);
	json_put_int(b, "unread", (int64_t)f->unread);
	json_put_int(b, "faulty", (int64_t)f->faulty);
	json_put_int(b, "rebuilt", (int64_t)f->rebuilt);
	if (f->dated > 0) {
		json_put_int(b, "oldest", f->oldest);
		json_put_int(b, "newest", f->newest);
	}
	json_close(b);
	out_drain(o);
}

static void
listing_folder(void *arg, const struct inventory_folder *f)
{
	struct listing *l = arg;

	if (l->report.fd >= 0)
		folder_json(l, &l->report, f);
	screen_hide(l->run.screen);
	if (listing_json(l))
		folder_json(l, &l->out, f);
	else
		folder_text(l, f);
	screen_show(l->run.screen);
}

/* ---- accounts ---- */

static void
listing_head(struct listing *l, const struct shelf_place *p)
{
	if (listing_json(l))
		return;
	out_visible(&l->out, p->login);
	if (*p->host != '\0') {
		out_str(&l->out, "@");
		out_visible(&l->out, p->host);
	}
	out_printf(&l->out, " (%s%s, ", format_name(p->format), p->ours ? " by imex" : "");
	out_visible(&l->out, p->path);
	out_str(&l->out, ")\n");
	out_printf(&l->out, "  %-36s %9s %9s  %-10s  %-10s\n", "folder", "messages", "octets",
	    "oldest", "newest");
}

static int
listing_work(void *arg, struct err *err)
{
	struct listing *l = arg;
	const struct inventory_out out = {
		.folder = listing_folder, .trouble = listing_trouble, .arg = l
	};

	for (size_t i = 0; i < l->found.len; i++) {
		l->run.job.from = &l->found.place[i];
		listing_head(l, l->run.job.from);
		if (job_inventory(&l->run.job, &out, &l->sum, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- the end ---- */

static int
listing_code(const struct inventory_sum *n)
{
	if (n->faulty > 0)
		return 2;
	return n->notes > 0 ? 1 : 0;
}

static void
json_begin(struct listing *l, struct out *o)
{
	json_open(&o->buf, NULL);
	json_put_str(&o->buf, "imex", IMEX_VERSION);
	json_put_str(&o->buf, "format", format_name(l->found.format));
	json_open_array(&o->buf, "contents");
}

static void
json_end(struct listing *l, struct out *o, int code)
{
	const struct inventory_sum *n = &l->sum;
	struct buf *b = &o->buf;

	json_close_array(b);
	json_put_int(b, "folders", (int64_t)n->folders);
	json_put_int(b, "messages", (int64_t)n->messages);
	json_put_int(b, "bytes", (int64_t)n->bytes);
	json_put_int(b, "faulty", (int64_t)n->faulty);
	json_put_int(b, "notes", (int64_t)n->notes);
	json_put_int(b, "exit_code", code);
	json_close(b);
	(void)buf_add_byte(b, '\n');
}

static void
text_end(struct listing *l)
{
	const struct inventory_sum *n = &l->sum;
	char messages[HUMAN_MAX], bytes[HUMAN_MAX];

	human_count(n->messages, messages);
	human_bytes(n->bytes, bytes);
	out_printf(&l->out, "%s message%s in %" PRIu64 " folder%s, %s: ", messages,
	    n->messages == 1 ? "" : "s", n->folders, n->folders == 1 ? "" : "s", bytes);
	if (n->faulty == 0)
		out_str(&l->out, "all can be read\n");
	else
		out_printf(&l->out, "%" PRIu64 " cannot be had as they were stored\n", n->faulty);
}

/* ---- report.json ---- */

static int
report_begin(struct listing *l, const char *dir, struct err *err)
{
	int fd = -1;

	if (file_open_dir(AT_FDCWD, dir, &l->report_dir, err) < 0 ||
	    file_create(l->report_dir, "report.json.new", &fd, err) < 0)
		return err_wrap(err, "write '%s/report.json'", dir);
	out_open(&l->report, fd);
	json_begin(l, &l->report);
	return 0;
}

static int
report_end(struct listing *l, int code, struct err *err)
{
	int rc;

	if (l->report.fd < 0)
		return 0;
	json_end(l, &l->report, code);
	rc = out_close(&l->report, err);
	if (rc == 0)
		rc = file_sync(l->report.fd, err);
	file_close(&l->report.fd);
	if (rc == 0)
		rc = file_rename(l->report_dir, "report.json.new", l->report_dir, "report.json", err);
	if (rc == 0)
		rc = file_sync(l->report_dir, err);
	return rc < 0 ? err_wrap(err, "write '%s/report.json'", l->run.o->job) : 0;
}

static int
listing_print(struct listing *l, struct err *err)
{
	struct err why;
	int code, rc, written;

	out_open(&l->out, STDOUT_FILENO);
	if (listing_json(l))
		json_begin(l, &l->out);
	rc = control_run(l->run.control, listing_work, l, err);
	run_quiet(&l->run);
	code = rc < 0 ? err_exit_code(err->kind) : listing_code(&l->sum);
	if (listing_json(l))
		json_end(l, &l->out, code);
	else if (rc == 0)
		text_end(l);
	if (rc < 0)
		run_complain(err, NULL);
	written = out_close(&l->out, &why);
	if (report_end(l, code, written < 0 ? err : &why) < 0)
		written = -1;
	if (rc == 0 && written < 0)
		*err = why;
	return rc == 0 && written < 0 ? -1 : code;
}

/* The directory of --job: for what is written, never a job that has a state of its own. */
static int
listing_place(const char *path, const char *dir, struct err *err)
{
	if (dir == NULL)
		return 0;
	if (jobdir_has_state(dir))
		return err_set(err, ERR_USAGE,
		    "'%s' is the directory of another job; name another for --job", dir);
	return jobdir_apart(path, dir, "--job", err) < 0 ? -1 : jobdir_prepare(dir, err);
}

int
listing_files(struct options *o, const char *path, struct err *err)
{
	struct listing l = { .report.fd = -1, .report_dir = -1 };
	int code = -1;

	l.run.o = o;
	if (birth_settle(o, NULL, err) < 0)
		return -1;
	if (shelf_find(path, &l.found, err) < 0)
		return -1;
	if (listing_place(path, o->job, err) == 0 && run_open(&l.run, o, NULL, err) == 0 &&
	    confined(o, o->job, err) == 0) {
		origin_options(o, &l.run.job);
		if (run_log(&l.run, o->job, err) == 0 &&
		    (o->job == NULL || report_begin(&l, o->job, err) == 0))
			code = listing_print(&l, err);
	}
	file_close(&l.report.fd);
	file_close(&l.report_dir);
	run_close(&l.run);
	shelf_found_done(&l.found);
	return code;
}
