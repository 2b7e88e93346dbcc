/* RFC 4180, a row per folder, and one for an account that is not complete and has none. Spreadsheets run a field that begins with = + - @ as a formula, and a
 * folder may have any name: such fields get an apostrophe in front. Control characters, line ends
 * too, are made visible before. */
#include <string.h>

#include "app/job/excluded.h"
#include "app/report/report.h"
#include "base/clock.h"
#include "base/event.h"

static const char heading[] =
    "account,folder,path,uidvalidity,listed,stored,excluded,gone,phantom,reconstructed,"
    "header-only,placeholder,refused,failed,expunged,bytes,proved,uidnext,at,why,vanished,excluded-why,"
    "destination,destination-folder,mirrored\r\n";

void
csv_field(struct out *o, const char *text)
{
	struct buf shown;

	buf_init(&shown, 256 * 1024);
	text_visible(slice_str(text), &shown);
	const char *t = shown.data ? shown.data : "";
	bool formula = *t && strchr("=+-@", *t);

	if (!formula && !strpbrk(t, ",\"")) {
		out_str(o, t);
	} else {
		buf_add_byte(&o->buf, '"');
		if (formula)
			buf_add_byte(&o->buf, '\'');
		for (; *t; t++) {
			if (*t == '"')
				buf_add_byte(&o->buf, '"');
			buf_add_byte(&o->buf, *t);
		}
		out_str(o, "\"");
	}
	buf_done(&shown);
}

static int
csv_excluded(const struct report *r, const struct folder_rec *f, struct out *o, struct err *err)
{
	struct excluded x;
	struct buf words;

	if (excluded_read(&x, r->state, f, err) < 0)
		return -1;
	buf_init(&words, 64 * 1024);
	excluded_words(&x, &words);
	csv_field(o, words.data ? words.data : "");
	buf_done(&words);
	excluded_done(&x);
	return 0;
}

static int
csv_folder(const struct report *r, const struct account_rec *a, const struct folder_rec *f,
    const char *dest, struct out *o, struct err *err)
{
	char at[ISO_MAX] = "";
	struct buf name;
	int rc;

	buf_init(&name, 64 * 1024);
	if (f->proof.at_ms > 0)
		clock_iso(f->proof.at_ms, at);
	csv_field(o, a->name);
	out_str(o, ",");
	csv_field(o, report_name(f->name, &name));
	out_str(o, ",");
	csv_field(o, f->path);
	out_printf(o, ",%u,%llu", f->uidvalidity, (unsigned long long)f->listed);
	for (int v = VERDICT_STORED; v < VERDICTS; v++)
		out_printf(o, ",%llu", (unsigned long long)f->verdicts[v]);
	out_printf(o, ",%llu,%llu,%s,%u,%s,", (unsigned long long)f->expunged,
	    (unsigned long long)f->bytes, f->proof.proved ? "yes" : "no", f->proof.uidnext, at);
	csv_field(o, f->proof.why ? f->proof.why : "");
	out_printf(o, ",%s,", f->vanished ? "yes" : "no");
	rc = csv_excluded(r, f, o, err);
	out_str(o, ",");
	csv_field(o, dest ? dest : "");
	out_str(o, ",");
	csv_field(o, dest && *f->path ? report_name(f->path, &name) : "");
	out_printf(o, ",%llu\r\n", (unsigned long long)f->mirrored);
	buf_done(&name);
	return rc;
}

/* Else an account that never got to its folders would be nowhere in the table. */
static int
csv_no_folder(const struct report *r, const struct account_rec *a, const struct account_report *ar,
    struct out *o, struct err *err)
{
	const struct folder_rec none = {
		.name = "", .path = "", .proof.why = *a->error ? a->error : account_words(a, &ar->sum)
	};

	return account_code(a, &ar->sum) < 2 ? 0 : csv_folder(r, a, &none, ar->dest, o, err);
}

int
report_csv(struct report *r, struct out *o, struct err *err)
{
	int rc = 0;

	out_str(o, heading);
	for (size_t i = 0; i < r->n_accounts && rc == 0; i++) {
		struct account_report ar;

		if (report_account(r, &r->account[i], &ar, err) < 0)
			return -1;
		if (ar.n_folders == 0)
			rc = csv_no_folder(r, &r->account[i], &ar, o, err);
		for (size_t k = 0; k < ar.n_folders && rc == 0; k++)
			rc = csv_folder(r, &r->account[i], &ar.folder[k], ar.dest, o, err);
		report_account_done(&ar);
	}
	return rc;
}
