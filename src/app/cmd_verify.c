#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "app/birth.h"
#include "app/destination.h"
#include "app/extract.h"
#include "app/jobdir.h"
#include "app/listing.h"
#include "app/out.h"
#include "app/run.h"
#include "app/stored.h"
#include "base/json.h"

struct verify {
	struct run run;
	struct out out;
	struct verify_counts counts;
	const char *source;	/* NULL: files against the state alone */
	const char *to;		/* URL of the server that the job went to; NULL: files */
	struct destination dest;
	struct shelf_found found;	/* of an import */
};

/* ---- differences, from the worker's thread ---- */

static void
verify_put_text(struct verify *v, const struct difference *d)
{
	struct out *o = &v->out;

	out_str(o, d->recognised ? "explained  " : "DIFFERENT  ");
	out_visible(o, d->account);
	if (d->folder) {
		out_str(o, " ");
		out_visible(o, d->folder);
	}
	if (d->uid)
		out_printf(o, " UID %u", d->uid);
	out_printf(o, ": %s", difference_words(d->kind));
	if (d->text && *d->text) {
		out_str(o, ": ");
		out_visible(o, d->text);
	}
	out_str(o, "\n");
}

static void
verify_put_json(struct verify *v, const struct difference *d)
{
	struct buf *b = &v->out.buf;

	json_open(b, NULL);
	json_put_str(b, "kind", difference_words(d->kind));
	json_put_bool(b, "recognised", d->recognised);
	json_put_str(b, "account", d->account);
	json_put_str(b, "folder", d->folder);
	json_put_int(b, "uid", d->uid);
	json_put_str(b, "text", d->text);
	json_close(b);
	out_drain(&v->out);
}

/* The terminal is not told, for the difference itself is printed. */
static void
verify_log_difference(struct verify *v, const struct difference *d)
{
	struct event e = {
		.no = EV_VERIFY_DIFFERS,
		.level = d->recognised ? LEVEL_WARNING : LEVEL_ERROR,
		.account = d->account,
		.folder = d->folder,
		.uid = d->uid,
	};

	evlog_put(v->run.log, &e, "%s: %s", difference_words(d->kind), d->text ? d->text : "");
}

static void
verify_put(void *arg, const struct difference *d)
{
	struct verify *v = arg;

	verify_log_difference(v, d);
	screen_hide(v->run.screen);
	if (v->run.o->json)
		verify_put_json(v, d);
	else
		verify_put_text(v, d);
	screen_show(v->run.screen);
}

static int
verify_work(void *arg, struct err *err)
{
	struct verify *v = arg;
	const struct difference_out out = { .put = verify_put, .arg = v };

	if (v->to)
		return job_verify_dest(&v->run.job, true, v->run.o->deep, &out, &v->counts, err);
	return job_verify(&v->run.job, v->source != NULL, v->run.o->deep, &out, &v->counts, err);
}

/* ---- the end ---- */

static int
verify_code(const struct verify_counts *n)
{
	if (n->differences > 0)
		return 2;
	return n->recognised > 0 ? 1 : 0;
}

static void
verify_end_json(struct verify *v, int code)
{
	const struct verify_counts *n = &v->counts;
	struct buf *b = &v->out.buf;

	json_close_array(b);
	json_put_int(b, "folders", (int64_t)n->folders);
	json_put_int(b, "messages", (int64_t)n->messages);
	json_put_int(b, "bytes", (int64_t)n->bytes);
	json_put_int(b, "different", (int64_t)n->differences);
	json_put_int(b, "recognised_differences", (int64_t)n->recognised);
	json_put_int(b, "not_good", (int64_t)n->not_good);
	json_put_int(b, "exit_code", code);
	json_close(b);
	buf_add_byte(b, '\n');
}

static void
verify_end_text(struct verify *v)
{
	const struct verify_counts *n = &v->counts;
	char messages[HUMAN_MAX], bytes[HUMAN_MAX];

	human_count(n->messages, messages);
	human_bytes(n->bytes, bytes);
	out_printf(&v->out, "%s message%s in %" PRIu64 " folder%s (%s) compared with the state%s%s: ",
	    messages, n->messages == 1 ? "" : "s", n->folders, n->folders == 1 ? "" : "s", bytes, v->to ? ", the source and the destination" : v->source ? " and the server" : "",
	    v->run.o->deep ? ", byte for byte" : "");
	if (n->differences + n->recognised == 0)
		out_str(&v->out, "equal\n");
	else
		out_printf(&v->out, "%" PRIu64 " different, %" PRIu64 " more explained\n",
		    n->differences, n->recognised);
	if (n->not_good > 0)
		out_printf(&v->out,
		    "%" PRIu64 " without a good verdict were not compared; "
		    "imex report names them\n",
		    n->not_good);
}

/* The event log is a courtesy here: an archive on read-only media can be verified too, and the log
 * of a run that goes on is that run's. */
static int
verify_log(struct verify *v, const char *dir, struct err *err)
{
	struct err ignored;

	if (jobdir_runner(dir) == 0 && run_log(&v->run, dir, &ignored) == 0)
		return 0;
	return run_log(&v->run, NULL, err);
}

/* With SOURCE, what the job keeps for that account counts: its folders, its way to the password. */
static int
verify_options(struct options *o, const char *dir, const char *source, struct err *err)
{
	struct state *t = NULL;
	struct stored *s = NULL;
	struct imap_url url;
	int rc;

	if (imap_url_parse(source, &o->arena, &url, err) < 0 ||
	    state_open(&t, dir, STATE_READ, err) < 0)
		return -1;
	rc = stored_read(&s, t, err);
	if (rc == 0)
		rc = stored_apply(s, &url, o, err);
	stored_free(&s);
	state_close(&t);
	return rc;
}

static int
verify_begin(struct verify *v, const char *dir, struct err *err)
{
	if (v->source && verify_options(v->run.o, dir, v->source, err) < 0)
		return -1;
	if (birth_settle(v->run.o, dir, err) < 0 || run_open(&v->run, v->run.o, v->source, err) < 0 ||
	    run_state(&v->run, dir, STATE_READ, err) < 0)
		return -1;
	v->run.job.format = (enum format)v->run.o->format;
	return verify_log(v, dir, err);
}

/* A job that went to a server: its source and its destination are as it keeps them. */
static int
verify_begin_dest(struct verify *v, const char *dir, struct err *err)
{
	struct options *o = v->run.o;
	struct job_birth birth;
	struct state *t = NULL;
	struct stored *s = NULL;
	const char *source = NULL;
	int rc;

	if (state_open(&t, dir, STATE_READ, err) < 0)
		return -1;
	rc = state_birth_read(t, &birth, err);
	if (rc == 0 && (rc = stored_read(&s, t, err)) == 0) {
		source = stored_len(s) > 0 ? arena_copy(&o->arena, slice_str(stored_source(s, 0))) : "";
		rc = stored_apply_at(s, 0, o, err);
	}
	stored_free(&s);
	state_close(&t);
	if (rc < 0)
		return -1;

	bool files = strcmp(birth.command, "import") == 0;

	if (birth_settle(o, dir, err) < 0 || (files && shelf_find(source, &v->found, err) < 0) ||
	    run_open(&v->run, o, files ? NULL : source, err) < 0 ||
	    destination_open(&v->dest, o, v->to, err) < 0 ||
	    run_state(&v->run, dir, STATE_READ, err) < 0)
		return -1;
	if (files) {
		origin_options(o, &v->run.job);
		if (import_choose(o, &v->found, &v->run.job.from, err) < 0)
			return -1;
	}
	v->run.job.dest = &v->dest.dest;
	return verify_log(v, dir, err);
}

/* The job that went to a server: DIR itself, or an import of DIR into the server that is named. */
static int
verify_find_dest(struct verify *v, const char **io_dir, struct err *err)
{
	struct options *o = v->run.o;
	const char *dir, *dest;
	struct err ignored;

	if (destination_of_job(o, *io_dir, &v->to, err) < 0)
		return -1;
	/* What is wrong with SOURCE is told where it is used. */
	if (v->to != NULL || !v->source ||
	    destination_import_dir(o, *io_dir, v->source, &dir, &ignored) < 0)
		return 0;
	if (destination_of_job(o, dir, &dest, err) < 0)
		return -1;
	if (dest != NULL) {
		v->to = dest;
		*io_dir = dir;
	}
	return 0;
}

static int
verify_compare(struct verify *v, struct err *err)
{
	bool json = v->run.o->json;
	struct err why;
	int rc, written;

	out_open(&v->out, STDOUT_FILENO);
	if (json) {
		json_open(&v->out.buf, NULL);
		json_put_str(&v->out.buf, "imex", IMEX_VERSION);
		json_open_array(&v->out.buf, "differences");
	}
	rc = control_run(v->run.control, verify_work, v, err);
	run_quiet(&v->run);
	if (rc == 0 && v->counts.differences + v->counts.recognised == 0) {
		struct event e = { .no = EV_VERIFY_EQUAL, .level = LEVEL_INFO };

		evlog_put(v->run.log, &e, "%s", "");
	}
	int code = rc < 0 ? err_exit_code(err->kind) : verify_code(&v->counts);

	if (json)
		verify_end_json(v, code);
	else if (rc == 0)
		verify_end_text(v);
	written = out_close(&v->out, &why);
	if (rc < 0) {
		run_complain(err, &v->run.origin);
		return code;
	}
	if (written < 0) {
		*err = why;
		return -1;
	}
	return code;
}

int
cmd_verify(struct options *o, struct err *err)
{
	struct verify v = { .source = o->n_words > 1 ? o->word[1] : NULL };
	const char *dir = o->word[0];
	int rc;

	v.run.o = o;
	if (verify_find_dest(&v, &dir, err) < 0)
		return -1;
	if (v.to) {
		rc = verify_begin_dest(&v, dir, err);
		if (rc == 0)
			rc = verify_compare(&v, err);
		run_close(&v.run);
		destination_done(&v.dest);
		shelf_found_done(&v.found);
		return rc;
	}
	if (o->deep && !v.source)
		return err_set(err, ERR_USAGE,
		    "--deep compares with the server and needs SOURCE, as in: imex verify %s "
		    "imaps://anna@mail.example.org/ --deep",
		    o->word[0]);
	if (!v.source && !jobdir_has_state(o->word[0]))
		return listing_files(o, o->word[0], err);
	if (v.source && access(o->word[0], R_OK) == 0 && !jobdir_has_state(o->word[0]))
		return err_set(err, ERR_NO_INPUT,
		    "'%s' has no imex.db that could be compared with the server; imex verify "
		    "without SOURCE reads what lies there",
		    o->word[0]);
	if (jobdir_require(o->word[0], err) < 0)
		return -1;
	if (o->job)
		return err_set(err, ERR_USAGE,
		    "'%s' is a job directory and keeps its own events and reports; --job is for "
		    "files that no job speaks of",
		    o->word[0]);
	v.run.o = o;
	rc = verify_begin(&v, o->word[0], err);
	if (rc == 0)
		rc = verify_compare(&v, err);
	run_close(&v.run);
	return rc;
}
