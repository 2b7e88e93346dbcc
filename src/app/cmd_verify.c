#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/birth.h"
#include "app/destination.h"
#include "app/extract.h"
#include "app/jobdir.h"
#include "app/listing.h"
#include "app/out.h"
#include "app/placed.h"
#include "app/run.h"
#include "app/stored.h"
#include "base/json.h"

struct verify {
	struct run run;
	struct out out;
	struct verify_counts counts;
	const char *source;	/* NULL: files against the state alone */
	const char *to;		/* the server that the job went to; NULL: files */
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

	if (jobdir_at_work(dir) == 0 && run_log(&v->run, dir, &ignored) == 0)
		return 0;
	return run_log(&v->run, NULL, err);
}

/* With SOURCE, what the job keeps for that account counts: its folders, its way to the password. */
static int
verify_options(struct options *o, const char *dir, const char *source, struct err *err)
{
	struct state *t = NULL;
	struct imap_url url;
	int rc;

	if (imap_url_parse(source, &o->arena, &url, err) < 0 ||
	    state_open(&t, dir, STATE_READ, err) < 0)
		return -1;
	rc = stored_apply(t, &url, o, err);
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

/* One account of a job that went to a server; v->run.o are its options. */
static int
verify_begin_dest(struct verify *v, struct placed *p, size_t i, struct err *err)
{
	struct options *o = v->run.o;
	const char *source = placed_source(p, i), *dest;

	if (placed_dest(p, i, &dest, err) < 0 || birth_settle(o, p->dir, err) < 0 ||
	    (p->files && shelf_find(source, &v->found, err) < 0) ||
	    run_open(&v->run, o, p->files ? NULL : source, err) < 0 ||
	    destination_open(&v->dest, o, dest, err) < 0 ||
	    run_state(&v->run, p->dir, STATE_READ, err) < 0)
		return -1;
	if (p->files) {
		origin_options(o, &v->run.job);
		if (import_choose(o, &v->found, &v->run.job.from, err) < 0)
			return -1;
	}
	v->run.job.dest = &v->dest.dest;
	return verify_log(v, p->dir, err);
}

static void
verify_print_begin(struct verify *v)
{
	out_open(&v->out, STDOUT_FILENO);
	if (v->run.o->json) {
		json_open(&v->out.buf, NULL);
		json_put_str(&v->out.buf, "imex", IMEX_VERSION);
		json_open_array(&v->out.buf, "differences");
	}
}

static int
verify_compare(struct verify *v, struct err *err)
{
	int rc = control_run(v->run.control, verify_work, v, err);

	run_quiet(&v->run);
	if (rc == 0 && v->counts.differences + v->counts.recognised == 0) {
		struct event e = { .no = EV_VERIFY_EQUAL, .level = LEVEL_INFO };

		evlog_put(v->run.log, &e, "%s", "");
	}
	return rc;
}

/* code: what to end with. -1: standard output cannot be written. */
static int
verify_print_end(struct verify *v, int code, bool text, struct err *err)
{
	if (v->run.o->json)
		verify_end_json(v, code);
	else if (text)
		verify_end_text(v);
	return out_close(&v->out, err) < 0 ? -1 : code;
}

static void
verify_complain(const struct verify *v, const struct err *why)
{
	run_complain_of(why, v->to && destination_failed(why) ? v->dest.password_from
							       : v->run.origin.password_from);
}

/* Files against the state, or against their source. */
static int
verify_files(struct verify *v, const char *dir, struct err *err)
{
	struct err why;
	int rc = verify_begin(v, dir, err);

	if (rc < 0)
		return -1;
	verify_print_begin(v);
	rc = verify_compare(v, &why);
	if (rc < 0)
		verify_complain(v, &why);
	return verify_print_end(
	    v, rc < 0 ? err_exit_code(why.kind) : verify_code(&v->counts), rc == 0, err);
}

static void
verify_add(struct verify_counts *sum, const struct verify_counts *one)
{
	sum->folders += one->folders;
	sum->messages += one->messages;
	sum->bytes += one->bytes;
	sum->recognised += one->recognised;
	sum->differences += one->differences;
	sum->not_good += one->not_good;
}

/* -1: it could not be compared. What is in *v of it is closed again. */
static int
verify_account(struct verify *v, struct placed *p, size_t i, struct verify_counts *sum,
    struct err *err)
{
	struct options *given = v->run.o, o;
	int rc = placed_options(p, i, given, &o, err);

	v->run.o = &o;
	v->counts = (struct verify_counts){ 0 };
	v->dest = (struct destination){ 0 };
	if (rc == 0)
		rc = verify_begin_dest(v, p, i, err);
	if (rc == 0)
		rc = verify_compare(v, err);
	if (rc < 0)
		verify_complain(v, err);
	verify_add(sum, &v->counts);
	run_close(&v->run);
	destination_done(&v->dest);
	shelf_found_done(&v->found);
	options_done(&o);
	v->run = (struct run){ .o = given };
	return rc;
}

/* One account that cannot be compared does not stop the others. */
static int
verify_all(struct verify *v, struct placed *p, const bool *wanted, struct err *err)
{
	const char *only = v->run.o->account;
	struct verify_counts sum = { 0 };
	size_t n = 0, failed = 0;
	struct err why = { 0 };

	verify_print_begin(v);
	for (size_t i = 0; i < placed_len(p) && why.kind != ERR_INTERRUPTED; i++) {
		if (!wanted[i] || (only != NULL && !placed_is(p, i, only)))
			continue;
		n++;
		if (verify_account(v, p, i, &sum, &why) < 0)
			failed++;
	}
	v->counts = sum;
	if (n == 0) {
		err_set(&why, ERR_NO_INPUT, "'%s' has no account '%s'", p->dir, only ? only : "");
		run_complain(&why, NULL);
	}
	if (n == 0)
		return verify_print_end(v, err_exit_code(why.kind), false, err);
	if (failed > 0 && (n == 1 || why.kind == ERR_INTERRUPTED))
		return verify_print_end(v, err_exit_code(why.kind), false, err);
	return verify_print_end(v, failed > 0 ? 2 : verify_code(&sum), true, err);
}

static int
verify_own_job(const char *dir, struct err *err)
{
	return err_set(err, ERR_USAGE,
	    "'%s' is a job directory and keeps its own events and reports; --job is for files that "
	    "no job speaks of",
	    dir);
}

/* *ret_code -1 and return 0: DIR is no job that went to a server. */
static int
verify_dest(struct verify *v, struct options *o, int *ret_code, struct err *err)
{
	struct placed p;
	bool *wanted = NULL;
	int rc = placed_open(&p, o->word[0], v->source, err);

	*ret_code = -1;
	if (rc == 0 && p.dest != NULL) {
		v->to = p.dest;
		rc = o->job ? verify_own_job(p.dir, err) : 0;
	}
	if (rc == 0 && p.dest != NULL) {
		rc = placed_choose(&p, v->source, true, &wanted, err);
		if (rc == 0)
			*ret_code = verify_all(v, &p, wanted, err);
		if (rc == 0 && *ret_code < 0)
			rc = -1;
		free(wanted);
	}
	placed_close(&p);
	return rc;
}

int
cmd_verify(struct options *o, struct err *err)
{
	struct verify v = { .source = o->n_words > 1 ? o->word[1] : NULL };
	int rc, code;

	v.run.o = o;
	if (verify_dest(&v, o, &code, err) < 0)
		return -1;
	if (v.to)
		return code;
	if (o->account)
		return err_set(err, ERR_USAGE,
		    "--account is for jobs that went to a server; name SOURCE to compare one account");
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
		return verify_own_job(o->word[0], err);
	rc = verify_files(&v, o->word[0], err);
	run_close(&v.run);
	return rc;
}
