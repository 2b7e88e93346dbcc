#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "app/account/check.h"
#include "app/account/room_check.h"
#include "app/cli/out.h"
#include "app/job/birth.h"
#include "app/job/jobdir.h"
#include "app/run/confined.h"
#include "app/run/run.h"
#include "base/clock.h"
#include "base/json.h"
#include "imap/quirk.h"
#include "mail/names.h"
#include "store/learnt.h"

struct check {
	struct run run;
	struct check_result result;
	struct room_check room;
	const char *to;
};

static int
check_work(void *arg, struct err *err)
{
	struct check *c = arg;

	return job_check(&c->run.job, &c->result, err);
}

/* ---- for people ---- */

static void
check_line(struct out *o, const char *label, const char *text)
{
	if (!text || !*text)
		return;
	out_printf(o, "%-13s", label);
	out_wrapped(o, text, 13, 13);
}

static void
check_server(const struct check *c, struct out *o)
{
	const struct check_result *r = &c->result;
	char delim[2] = { r->delim, 0 }, rtt[HUMAN_MAX];

	check_line(o, "Account", c->run.origin.account);
	check_line(o, "Server", r->product);
	check_line(o, "Greeting", r->greeting);
	check_line(o, "Protocol", r->level);
	if (r->tls) {
		out_printf(o, "%-13s", "TLS");
		out_visible(o, r->tls_facts.version);
		out_str(o, ", ");
		out_visible(o, r->tls_facts.cipher);
		out_str(o, ", certificate of ");
		out_visible(o, r->tls_facts.peer);
		out_str(o, "\n");
	} else {
		check_line(
		    o, "TLS", "none: everybody on the way can read the password and the mail");
	}
	check_line(o, "In use", r->useful);
	check_line(o, "Missing", r->missing);
	check_line(o, "Delimiter", r->delim ? delim : "none, folders are flat");
	check_line(o, "Namespaces", r->namespaces);
	snprintf(rtt, sizeof(rtt), "%.1f ms", (double)r->rtt_us / 1000);
	check_line(o, "Round trip", rtt);
}

static const char *
check_remark(const struct check_folder *f)
{
	if (f->folder.attrs & FOLDER_NOSELECT)
		return "holds no mail";
	if (f->trouble)
		return "REFUSED";
	if (f->excluded)
		return "excluded";
	return f->folder.special_use ? f->folder.special_use : "";
}

static void
check_folder(const struct check_folder *f, struct out *o)
{
	const struct folder_counts *n = &f->folder.counts;
	char count[HUMAN_MAX] = "?", bytes[HUMAN_MAX] = "?";

	if (f->folder.attrs & FOLDER_COUNTED)
		human_count(n->messages, count);
	if (n->bytes_known)
		human_bytes(n->bytes, bytes);
	if (f->folder.attrs & FOLDER_NOSELECT)
		count[0] = bytes[0] = '\0';
	out_str(o, "  ");
	out_column(o, f->name, 40);
	out_printf(o, " %10s %9s%s", count, bytes, *check_remark(f) ? "  " : "");
	out_visible(o, check_remark(f));
	out_str(o, "\n");
	if (f->trouble) {
		out_str(o, "    the server says: ");
		out_wrapped(o, f->trouble, 21, 6);
	}
	if (f->mapped) {
		out_str(o, "    will be stored as: ");
		out_wrapped(o, f->path, 23, 6);
	}
}

/* imex-quirks(1) tells the whole of an entry. */
static const char *
check_quirk(enum quirk q, struct buf *ret)
{
	const struct quirk_entry *e = quirk_get(q);

	buf_reset(ret);
	buf_printf(ret, "%s%s: %s", e->name, e->kind == QUIRK_IS_MATCHED ? "" : " (seen)", e->does);
	return ret->data;
}

static void
check_quirks(const struct check_result *r, struct out *o)
{
	const char *label = "Quirks";
	struct buf text;

	buf_init(&text, 1024);
	for (unsigned q = 0; q < QUIRKS; q++) {
		if (!quirk_in(r->quirks, (enum quirk)q))
			continue;
		out_printf(o, "%-13s", label);
		out_wrapped(o, check_quirk((enum quirk)q, &text), 13, 13);
		label = "";
	}
	buf_done(&text);
}

static void
check_plan(const struct check_result *r, struct out *o)
{
	char span[HUMAN_MAX], text[2 * HUMAN_MAX];

	check_line(o, "Mail form", r->form);
	check_line(o, "Refused", r->form_refused);
	check_quirks(r, o);
	if (r->rate_bytes_s > 0) {
		human_bytes(r->rate_bytes_s, span);
		snprintf(text, sizeof(text), "%s/s, measured on one message", span);
		check_line(o, "Speed", text);
	}
	if (r->estimate_s >= 0) {
		human_span(r->estimate_s, span);
		snprintf(text, sizeof(text), "about %s", span);
		check_line(o, "Duration", text);
	}
}

/* Servers count folders, not what lies between two dates. */
static void
check_window(const struct selection *s, struct out *o)
{
	char since[ISO_MAX] = "", before[ISO_MAX] = "";

	if (s->search != NULL) {
		out_printf(o, "%-13scounted is what the server finds for ", "Search");
		out_visible(o, s->search);
		out_str(o, "\n");
	}
	if (s->has_since)
		clock_iso(s->since * SEC, since);
	if (s->has_before)
		clock_iso(s->before * SEC, before);
	if (!s->has_since && !s->has_before && !s->skip_deleted)
		return;
	out_printf(o, "%-13sof these, messages", "Selection");
	if (s->has_since)
		out_printf(o, " from %.19sZ on", since);
	if (s->has_before)
		out_printf(o, " before %.19sZ", before);
	out_str(o, s->skip_deleted ? " that are not flagged \\Deleted\n" : "\n");
}

static void
check_text(const struct check *c, struct out *o)
{
	const struct check_result *r = &c->result;
	char count[HUMAN_MAX], bytes[HUMAN_MAX];

	check_server(c, o);
	out_printf(o, "\n  %-40s %10s %9s  %s\n", "Folder", "Messages", "Size", "Use");
	for (size_t i = 0; i < r->n_folders; i++)
		check_folder(&r->folder[i], o);
	human_count(r->messages, count);
	human_bytes(r->bytes, bytes);
	if (r->bytes == 0 && r->messages > 0)
		snprintf(bytes, sizeof(bytes), "?");
	out_printf(o, "  %-40s %10s %9s%s\n\n", "to be extracted", count, bytes,
	    r->bytes_estimated ? "  estimated" : "");
	check_line(o, "List", r->list_trouble);
	check_plan(r, o);
	room_check_text(&c->room, o);
	check_window(&c->run.job.selection, o);
	if (!c->to)
		return;
	out_str(o, "\nA run would write into ");
	out_visible(o, c->to);
	out_str(o, "; nothing was written now.\n");
}

/* ---- for programs ---- */

static void
check_words(struct buf *b, const char *key, const char *words)
{
	json_open_array(b, key);
	for (const char *at = words ? words : ""; *at;) {
		size_t len = strcspn(at, " ");

		if (len > 0)
			json_put_text(b, NULL, (struct slice){ at, len });
		at += len + (at[len] == ' ');
	}
	json_close_array(b);
}

static void
check_json_tls(struct buf *b, const struct check_result *r)
{
	if (!r->tls) {
		json_put_null(b, "tls");
		return;
	}
	json_open(b, "tls");
	json_put_str(b, "version", r->tls_facts.version);
	json_put_str(b, "cipher", r->tls_facts.cipher);
	json_put_str(b, "peer", r->tls_facts.peer);
	json_put_str(b, "pin", r->tls_facts.pin);
	json_close(b);
}

static void
check_json_folder(struct buf *b, const struct check_folder *f)
{
	const struct folder_counts *n = &f->folder.counts;

	json_open(b, NULL);
	json_put_str(b, "name", f->name);
	json_put_text(b, "wire_name", f->folder.name);
	json_put_str(b, "path", f->path);
	if (f->folder.attrs & FOLDER_COUNTED)
		json_put_int(b, "messages", n->messages);
	else
		json_put_null(b, "messages");
	if (n->bytes_known)
		json_put_int(b, "bytes", (int64_t)n->bytes);
	else
		json_put_null(b, "bytes");
	json_put_str(b, "special_use", f->folder.special_use);
	json_put_bool(b, "subscribed", (f->folder.attrs & FOLDER_SUBSCRIBED) != 0);
	json_put_bool(b, "selectable", !(f->folder.attrs & FOLDER_NOSELECT));
	json_put_bool(b, "mapped", f->mapped);
	json_put_bool(b, "excluded", f->excluded);
	json_put_str(b, "trouble", f->trouble);
	json_close(b);
}

static void
check_json_folders(const struct check_result *r, struct out *o)
{
	json_open_array(&o->buf, "folders");
	for (size_t i = 0; i < r->n_folders; i++) {
		check_json_folder(&o->buf, &r->folder[i]);
		out_drain(o);
	}
	json_close_array(&o->buf);
	json_put_int(&o->buf, "messages", (int64_t)r->messages);
	json_put_int(&o->buf, "bytes", (int64_t)r->bytes);
	json_put_bool(&o->buf, "bytes_estimated", r->bytes_estimated);
}

static void
check_json_quirks(struct buf *b, const struct check_result *r)
{
	struct buf text;

	buf_init(&text, 1024);
	json_open_array(b, "quirks");
	for (unsigned q = 0; q < QUIRKS; q++)
		if (quirk_in(r->quirks, (enum quirk)q))
			json_put_str(b, NULL, check_quirk((enum quirk)q, &text));
	json_close_array(b);
	buf_done(&text);
}

static void
check_json(const struct check *c, struct out *o)
{
	const struct check_result *r = &c->result;
	char delim[2] = { r->delim, 0 };
	struct buf *b = &o->buf;

	json_open(b, NULL);
	json_put_str(b, "imex", IMEX_VERSION);
	json_put_text(b, "account", slice_str(c->run.origin.account));
	json_put_str(b, "greeting", r->greeting);
	json_put_str(b, "product", r->product);
	json_put_str(b, "level", r->level);
	check_words(b, "capabilities", r->capabilities);
	check_words(b, "useful", r->useful);
	check_words(b, "missing", r->missing);
	json_put_str(b, "delimiter", r->delim ? delim : NULL);
	json_put_str(b, "namespaces", r->namespaces);
	check_json_tls(b, r);
	json_put_str(b, "list_trouble", r->list_trouble);
	check_json_folders(r, o);
	json_put_str(b, "form", r->form);
	json_put_str(b, "form_refused", r->form_refused);
	check_json_quirks(b, r);
	json_put_int(b, "rtt_us", r->rtt_us);
	json_put_int(b, "rate_bytes_s", (int64_t)r->rate_bytes_s);
	json_put_int(b, "estimate_s", r->estimate_s);
	room_check_json(&c->room, b);
	json_close(b);
	buf_add_byte(b, '\n');
}

/* Of a job that is there: what its runs have learnt of the server. One that cannot be read is told when
 * a run opens it. */
static void
check_learnt_before(struct check *c)
{
	const struct endpoint *at = &c->run.job.source;
	struct server_facts facts;
	struct state *t = NULL;
	struct buf host_port;
	struct err ignored;

	if (c->to == NULL || !jobdir_has_state(c->to) ||
	    state_open(&t, c->to, STATE_READ, &ignored) < 0)
		return;
	buf_init(&host_port, 1024);
	buf_printf(&host_port, "%s:%s", at->host, at->port);
	if (state_server_get(t, host_port.data, &facts, &ignored) == 0)
		c->result.quirks |= learnt_quirks(&facts);
	buf_done(&host_port);
	state_close(&t);
}

static int
check_room(struct check *c, const struct options *o, struct err *err)
{
	const struct check_result *r = &c->result;

	c->room = (struct room_check){ .folders = check_folders(r), .messages = r->messages,
		.octets = r->bytes, .sizes_known = r->bytes > 0 || r->messages == 0 };
	return room_check(&c->room, o, &c->run.job, c->to, err);
}

/* 1: it does not fit, or there may be more. */
static int
check_print(struct check *c, const struct options *o, struct err *err)
{
	struct out out;

	run_quiet(&c->run);
	check_learnt_before(c);
	if (check_room(c, o, err) < 0)
		return -1;
	out_open(&out, STDOUT_FILENO);
	if (o->json)
		check_json(c, &out);
	else
		check_text(c, &out);
	if (out_close(&out, err) < 0)
		return -1;
	return room_check_fits(&c->room) && c->result.list_trouble == NULL ? 0 : 1;
}

size_t
check_folders(const struct check_result *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_folders; i++)
		n += !r->folder[i].excluded && !(r->folder[i].folder.attrs & FOLDER_NOSELECT);
	return n;
}

int
check_account(struct options *o, const char *source, const char *to, struct err *err)
{
	struct check c = { .to = to };
	int rc = birth_settle(o, to, err);

	if (rc < 0)
		return -1;
	rc = run_open(&c.run, o, source, err);
	if (rc == 0)
		rc = confined(o, to, err);
	if (rc == 0)
		rc = run_log(&c.run, NULL, err);
	if (rc == 0 && control_run(c.run.control, check_work, &c, err) < 0) {
		run_quiet(&c.run);
		run_complain(err, &c.run.origin);
		rc = err_exit_code(err->kind);
	} else if (rc == 0) {
		rc = check_print(&c, o, err);
		check_result_done(&c.result);
	}
	run_close(&c.run);
	return rc;
}
