#include "app/account/verify_out.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/json.h"

/* ---- differences, from the threads of workers ---- */

static void
put_text(struct verify_out *v, const struct difference *d)
{
	struct out *o = &v->out;

	out_str(o, d->recognised ? "explained  " : "DIFFERENT  ");
	out_visible(o, d->account);
	if (d->folder && *d->folder) {
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
put_json(struct verify_out *v, const struct difference *d)
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
log_difference(struct verify_out *v, const struct difference *d)
{
	struct event e = {
		.no = EV_VERIFY_DIFFERS,
		.level = d->recognised ? LEVEL_WARNING : LEVEL_ERROR,
		.account = d->account,
		.folder = d->folder,
		.uid = d->uid,
	};

	evlog_put(v->run->log, &e, "%s: %s", difference_words(d->kind), d->text ? d->text : "");
}

void
verify_out_failed(struct verify_out *v, const char *account, const struct err *why)
{
	const char *text = why->kind != ERR_NONE ? why->text : "not tried";
	struct buf *b = &v->out.buf;

	pthread_mutex_lock(&v->mutex);
	v->not_compared++;
	screen_hide(v->run->screen);
	if (v->run->o->json) {
		json_open(b, NULL);
		json_put_str(b, "kind", "not compared");
		json_put_bool(b, "recognised", false);
		json_put_str(b, "account", account);
		json_put_str(b, "text", text);
		json_close(b);
		out_drain(&v->out);
	} else {
		out_str(&v->out, "NOT COMPARED  ");
		out_visible(&v->out, account);
		out_str(&v->out, ": ");
		out_visible(&v->out, text);
		out_str(&v->out, "\n");
	}
	screen_show(v->run->screen);
	pthread_mutex_unlock(&v->mutex);
}

static void
put_difference(void *arg, const struct difference *d)
{
	struct verify_out *v = arg;

	log_difference(v, d);
	pthread_mutex_lock(&v->mutex);
	screen_hide(v->run->screen);
	if (v->run->o->json)
		put_json(v, d);
	else
		put_text(v, d);
	screen_show(v->run->screen);
	pthread_mutex_unlock(&v->mutex);
}

void
verify_out_open(struct verify_out *v, struct run *run, const char *against)
{
	*v = (struct verify_out){ .run = run, .against = against };
	v->differences = (struct difference_out){ .put = put_difference, .arg = v, .lost = lost_list_new() };
	pthread_mutex_init(&v->mutex, NULL);
	out_open(&v->out, STDOUT_FILENO);
	if (run->o->json) {
		json_open(&v->out.buf, NULL);
		json_put_str(&v->out.buf, "imex", IMEX_VERSION);
		json_open_array(&v->out.buf, "differences");
	}
}

/* ---- the end ---- */

int
verify_code(const struct verify_counts *n)
{
	if (n->differences > 0)
		return 2;
	return n->recognised > 0 ? 1 : 0;
}

void
verify_add(struct verify_counts *sum, const struct verify_counts *one)
{
	sum->folders += one->folders;
	sum->messages += one->messages;
	sum->bytes += one->bytes;
	sum->recognised += one->recognised;
	sum->differences += one->differences;
	sum->not_good += one->not_good;
	sum->left_out += one->left_out;
	sum->lost += one->lost;
	sum->beyond += one->beyond;
}

static void
end_json(struct verify_out *v, const struct verify_counts *n, int code)
{
	struct buf *b = &v->out.buf;

	json_close_array(b);
	json_put_int(b, "folders", (int64_t)n->folders);
	json_put_int(b, "messages", (int64_t)n->messages);
	json_put_int(b, "bytes", (int64_t)n->bytes);
	json_put_int(b, "different", (int64_t)n->differences);
	json_put_int(b, "recognised_differences", (int64_t)n->recognised);
	json_put_int(b, "not_good", (int64_t)n->not_good);
	json_put_int(b, "left_out_folders", (int64_t)n->left_out);
	json_put_int(b, "not_compared_accounts", (int64_t)v->not_compared);
	json_put_int(b, "lost", (int64_t)n->lost);
	json_put_int(b, "lost_for_good", (int64_t)n->beyond);
	json_put_int(b, "noted_lost", (int64_t)v->noted);
	json_put_int(b, "noted_back", (int64_t)v->back);
	if (v->not_noted[0] != '\0')
		json_put_str(b, "not_noted", v->not_noted);
	json_put_int(b, "exit_code", code);
	json_close(b);
	buf_add_byte(b, '\n');
}

static void
end_sums(struct verify_out *v, const struct verify_counts *n)
{
	char messages[HUMAN_MAX], bytes[HUMAN_MAX];

	human_count(n->messages, messages);
	human_bytes(n->bytes, bytes);
	out_printf(&v->out, "%s message%s in %" PRIu64 " folder%s (%s) compared with the state%s%s: ",
	    messages, n->messages == 1 ? "" : "s", n->folders, n->folders == 1 ? "" : "s", bytes,
	    v->against, v->run->o->deep ? ", byte for byte" : "");
	if (n->differences + n->recognised == 0)
		out_str(&v->out, "equal\n");
	else
		out_printf(&v->out, "%" PRIu64 " different, %" PRIu64 " more explained\n",
		    n->differences, n->recognised);
}

/* What to do about copies that are lost. */
static void
end_lost(struct verify_out *v, const struct verify_counts *n)
{
	if (v->back > 0)
		out_printf(&v->out, "%" PRIu64 " cop%s of before %s there again, and noted as stored\n", v->back,
		    v->back == 1 ? "y" : "ies", v->back == 1 ? "is" : "are");
	if (v->not_noted[0] != '\0') {
		out_str(&v->out, "what was found lost is not noted in the state, so that no run brings it again: ");
		out_visible(&v->out, v->not_noted);
		out_str(&v->out, "\n");
	} else if (n->lost > 0 && v->dir != NULL) {
		out_printf(&v->out, "%" PRIu64 " cop%s lost; to bring %s again: imex retry ", n->lost,
		    n->lost == 1 ? "y is" : "ies are", n->lost == 1 ? "it" : "them");
		out_visible(&v->out, v->dir);
		out_str(&v->out, "\n");
	}
	if (n->beyond > 0)
		out_printf(&v->out,
		    "%" PRIu64 " cop%s lost of %s that the source no longer has: no run brings %s again, only another "
		    "copy does (man imex-verify)\n",
		    n->beyond, n->beyond == 1 ? "y is" : "ies are", n->beyond == 1 ? "a message" : "messages", n->beyond == 1 ? "it" : "them");
}

static void
end_text(struct verify_out *v, const struct verify_counts *n)
{
	if (n->folders > 0 || v->not_compared == 0)
		end_sums(v, n);
	if (n->left_out > 0)
		out_printf(&v->out,
		    "%" PRIu64 " of the folders %s left out by the selection and %s not compared with the source\n",
		    n->left_out, n->left_out == 1 ? "is" : "are", n->left_out == 1 ? "was" : "were");
	if (v->not_compared > 0)
		out_printf(&v->out, "%zu account%s not compared\n", v->not_compared,
		    v->not_compared == 1 ? " was" : "s were");
	if (n->not_good > 0)
		out_printf(&v->out,
		    "%" PRIu64 " without a good verdict were not compared; "
		    "imex report names them\n",
		    n->not_good);
}

int
verify_out_close(struct verify_out *v, const struct verify_counts *n, int code, bool sums,
    struct err *err)
{
	if (v->run->o->json)
		end_json(v, n, code);
	else if (sums)
		end_text(v, n);
	if (!v->run->o->json)
		end_lost(v, n);
	lost_list_free(v->differences.lost);
	pthread_mutex_destroy(&v->mutex);
	return out_close(&v->out, err) < 0 ? -1 : code;
}
