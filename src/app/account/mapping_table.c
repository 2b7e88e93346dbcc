#include "app/account/mapping_table.h"

#include <inttypes.h>
#include <unistd.h>

#include "app/cli/out.h"
#include "app/job/birth.h"
#include "app/job/destination.h"
#include "app/run/confined.h"
#include "app/run/run.h"
#include "base/json.h"
#include "base/mem.h"
#include "imap/extras.h"

struct show {
	struct run run;
	struct destination dest;
	struct map_result result;
};

static int
show_work(void *arg, struct err *err)
{
	struct show *s = arg;

	return job_map(&s->run.job, &s->result, err);
}

static const char *
how_words(const struct map_row *r)
{
	if (r->excluded)
		return "excluded";
	switch (r->how) {
	case MAPPED_USE:
		return "by its special use";
	case MAPPED_REPLACED:
		return r->why != NULL ? r->why : "the name had to be changed";
	default:
		return "";
	}
}

static void
print_row(const struct map_row *r, struct out *o)
{
	char count[HUMAN_MAX], there[HUMAN_MAX];
	const char *how = how_words(r);

	human_count(r->messages, count);
	human_count(r->there, there);
	out_str(o, "  ");
	out_column(o, r->from, 28);
	out_printf(o, " %9s  -> ", count);
	out_column(o, r->to, 28);
	if (!r->exists)
		out_str(o, "  to be made");
	else if (r->there > 0)
		out_printf(o, "  has %s message%s", there, r->there == 1 ? "" : "s");
	if (r->extra_known)
		out_printf(o, ", %" PRIu64 " extra%s", r->extra,
		    r->extra * 100 > (uint64_t)r->there * EXTRA_CEILING_PERCENT
			? ": too many, none would go" : "");
	out_str(o, "\n");
	if (*how != '\0') {
		out_str(o, "    ");
		out_wrapped(o, how, 4, 4);
	}
}

/* Mail that is there may be the same, and takes no more room then. */
enum fits { FITS_UNKNOWN, FITS, FITS_NOT };

static enum fits
fits_quota(const struct map_result *r, const struct options *opt)
{
	uint64_t there = 0, left = r->quota_limit > r->quota_used ? r->quota_limit - r->quota_used : 0;

	if (r->quota_limit == 0 || opt->quota)
		return FITS_UNKNOWN;
	for (size_t i = 0; i < r->n; i++)
		there += r->row[i].excluded ? 0 : r->row[i].there;
	if (r->bytes > (there > 0 ? r->quota_limit : left))
		return FITS_NOT;
	return r->bytes_known && r->bytes <= left ? FITS : FITS_UNKNOWN;
}

static void
print_limits(const struct map_result *r, const struct options *opt, struct out *o)
{
	static const char *const words[] = { [FITS_UNKNOWN] = "", [FITS] = ": it fits",
		[FITS_NOT] = ": IT DOES NOT FIT" };
	char used[HUMAN_MAX], limit[HUMAN_MAX];

	if (r->append_limit > 0) {
		human_bytes(r->append_limit, limit);
		out_printf(o, "Largest message  %s; larger ones will be kept aside\n", limit);
	}
	if (r->quota_limit == 0)
		return;
	human_bytes(r->quota_used, used);
	human_bytes(r->quota_limit, limit);
	out_printf(o, "Quota            %s of %s used%s\n", used, limit, words[fits_quota(r, opt)]);
}

static const struct {
	enum extra kind;
	const char *label, *key, *words;
	size_t asked; /* in struct options */
} extras[] = {
	{ EXTRA_ACL, "Access rights    ", "acl", "ACL", offsetof(struct options, acl) },
	{ EXTRA_METADATA, "Annotations      ", "metadata", "METADATA",
	    offsetof(struct options, metadata) },
	{ EXTRA_QUOTA, "Quota of account ", "quota", "QUOTA", offsetof(struct options, quota) },
};

/* Only what was asked for. */
static void
print_extras(const struct map_result *r, const struct options *opt, struct out *o)
{
	for (size_t i = 0; i < COUNT_OF(extras); i++) {
		bool from = r->source_extras & extras[i].kind, to = r->dest_extras & extras[i].kind;

		if (!*(const bool *)((const char *)opt + extras[i].asked))
			continue;
		out_str(o, extras[i].label);
		if (from && to)
			out_printf(o, "will be copied: both servers have %s\n", extras[i].words);
		else
			out_printf(o, "cannot be copied: %s no %s\n",
			    from ? "the destination has" : to ? "the source has" : "both servers have",
			    extras[i].words);
	}
}

static void
put_extras(const struct map_result *r, const struct options *opt, struct buf *b)
{
	for (size_t i = 0; i < COUNT_OF(extras); i++) {
		if (!*(const bool *)((const char *)opt + extras[i].asked))
			continue;
		json_open(b, extras[i].key);
		json_put_bool(b, "source", (r->source_extras & extras[i].kind) != 0);
		json_put_bool(b, "destination", (r->dest_extras & extras[i].kind) != 0);
		json_close(b);
	}
}

static void
print_text(const struct map_result *r, const struct options *opt, struct out *o)
{
	char count[HUMAN_MAX], bytes[HUMAN_MAX];
	uint64_t there = 0;

	out_str(o, "Destination      ");
	out_visible(o, r->product);
	out_str(o, "\nIn use           ");
	out_wrapped(o, r->useful, 17, 17);
	out_str(o, "Missing          ");
	out_wrapped(o, r->missing, 17, 17);
	print_limits(r, opt, o);
	print_extras(r, opt, o);
	out_printf(o, "\n  %-28s %9s     %-28s\n", "Folder", "Messages", "goes to");
	for (size_t i = 0; i < r->n; i++) {
		print_row(&r->row[i], o);
		there += r->row[i].excluded ? 0 : r->row[i].there;
		out_drain(o);
	}
	human_count(r->messages, count);
	human_bytes(r->bytes, bytes);
	out_printf(o, "  %-28s %9s%s%s\n", "to be copied", count, r->bytes > 0 ? "  " : "",
	    r->bytes > 0 ? bytes : "");
	if (*r->unmatched != '\0') {
		out_str(o, "\n");
		out_wrapped(o, r->unmatched, 0, 0);
	}
	if (there > 0) {
		human_count(there, count);
		out_printf(o,
		    "\nThe destination is not empty: these folders hold %s messages. What is the "
		    "same\nas a message of the source is recognised and not copied again.\n",
		    count);
	}
}

static const char *
how_name(enum mapped_how how)
{
	static const char *const names[] = { "plain", "special-use", "rule", "replaced" };

	return names[how];
}

static void
print_json(const struct map_result *r, const struct options *opt, struct out *o)
{
	struct buf *b = &o->buf;

	json_open(b, NULL);
	json_put_str(b, "imex", IMEX_VERSION);
	json_put_str(b, "product", r->product);
	json_put_str(b, "useful", r->useful);
	json_put_str(b, "missing", r->missing);
	json_put_int(b, "append_limit", (int64_t)r->append_limit);
	json_put_int(b, "quota_used", (int64_t)r->quota_used);
	json_put_int(b, "quota_limit", (int64_t)r->quota_limit);
	if (fits_quota(r, opt) != FITS_UNKNOWN)
		json_put_bool(b, "quota_fits", fits_quota(r, opt) == FITS);
	put_extras(r, opt, b);
	json_open_array(b, "folders");
	for (size_t i = 0; i < r->n; i++) {
		const struct map_row *row = &r->row[i];

		json_open(b, NULL);
		json_put_str(b, "from", row->from);
		json_put_str(b, "to", row->to);
		json_put_str(b, "how", how_name(row->how));
		json_put_str(b, "why", row->why);
		json_put_bool(b, "excluded", row->excluded);
		json_put_bool(b, "exists", row->exists);
		json_put_int(b, "messages", row->messages);
		json_put_int(b, "there", row->there);
		if (row->extra_known)
			json_put_int(b, "extra", (int64_t)row->extra);
		json_put_int(b, "bytes", (int64_t)row->bytes);
		json_close(b);
		out_drain(o);
	}
	json_close_array(b);
	json_put_int(b, "messages", (int64_t)r->messages);
	json_put_int(b, "bytes", (int64_t)r->bytes);
	json_put_str(b, "unmatched", r->unmatched);
	json_close(b);
	buf_add_byte(b, '\n');
}

int
mapping_print(const struct map_result *r, const struct options *o, struct err *err)
{
	struct out out;

	out_open(&out, STDOUT_FILENO);
	if (o->json)
		print_json(r, o, &out);
	else
		print_text(r, o, &out);
	return out_close(&out, err) < 0 ? -1 : fits_quota(r, o) == FITS_NOT;
}

int
mapping_show(struct options *o, const char *source, const char *dest, struct err *err)
{
	struct show s = { .result = { .n = 0 } };
	int rc;

	if (birth_settle(o, NULL, err) < 0)
		return -1;
	rc = run_open(&s.run, o, source, err);
	if (rc == 0)
		rc = destination_open(&s.dest, o, dest, err);
	if (rc == 0)
		rc = confined(o, NULL, err);
	if (rc == 0)
		rc = run_log(&s.run, NULL, err);
	s.run.job.dest = &s.dest.dest;
	if (rc == 0 && control_run(s.run.control, show_work, &s, err) < 0) {
		run_quiet(&s.run);
		run_complain_of(err, destination_failed(err) ? s.dest.password_from
							     : s.run.origin.password_from);
		rc = err_exit_code(err->kind);
	} else if (rc == 0) {
		run_quiet(&s.run);
		rc = mapping_print(&s.result, o, err);
	}
	map_result_done(&s.result);
	run_close(&s.run);
	destination_done(&s.dest);
	return rc;
}
