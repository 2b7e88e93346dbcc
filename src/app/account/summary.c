#include "app/account/summary.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static void
summary_not_good(const struct tally *sum, struct out *o)
{
	for (int v = 0; v < VERDICTS; v++)
		if (!verdict_good((enum verdict)v) && sum->verdicts[v] > 0)
			out_printf(o, "  %-9s %" PRIu64 " of the messages\n",
			    v ? verdict_name((enum verdict)v) : "undecided", sum->verdicts[v]);
}

static void
summary_numbers(const struct summary *s, const struct account_rec *a, const struct tally *sum,
    struct out *o)
{
	char stored[HUMAN_MAX], listed[HUMAN_MAX], fresh[HUMAN_MAX], bytes[HUMAN_MAX];

	human_count(sum->verdicts[VERDICT_STORED], stored);
	human_count(sum->listed, listed);
	human_count(s->fresh, fresh);
	human_bytes(sum->bytes, bytes);
	out_printf(o, "  folders   %" PRIu64 " of %" PRIu64 " proved complete\n", sum->proved,
	    sum->folders);
	out_printf(o, "  messages  %s of %s stored, %s", stored, listed, bytes);
	if (s->fresh_known)
		out_printf(o, "; %s of them by this run", fresh);
	out_str(o, "\n");
	if (sum->verdicts[VERDICT_EXCLUDED] > 0) {
		human_count(sum->verdicts[VERDICT_EXCLUDED], listed);
		out_printf(o, "  excluded  %s by the selection\n", listed);
	}
	if (sum->mirrored > 0) {
		human_count(sum->mirrored, listed);
		out_printf(o, "  removed   %s that the source has deleted\n", listed);
	}
	summary_not_good(sum, o);
	if (s->verified)
		out_str(o, "  verified  every file that was stored was read back and is right\n");
	if (a->warnings > 0)
		out_printf(o, "  warnings  %" PRIu64 " (imex report tells them)\n", a->warnings);
}

static void
summary_places(const struct summary *s, const struct account_rec *a, bool set, struct out *o)
{
	if (s->dest) {
		out_str(o, "  went to   ");
		out_visible(o, s->to);
	} else {
		out_str(o, "  mail      ");
		out_visible(o, s->dir);
		out_str(o, "/mail/");
		if (!set)
			out_visible(o, a->dir);
	}
	out_str(o, "\n  report    ");
	out_visible(o, s->dir);
	out_str(o, "/report.html (.json, .csv)\n  events    ");
	out_visible(o, s->dir);
	out_str(o, "/events.jsonl\n");
}

/* A converted tree was verified at its end. */
static void
summary_next(const struct summary *s, struct out *o)
{
	const char *first = s->code == 2 ? "Next: imex report " : "Next: imex verify ";

	if (s->code <= 1 && s->verified)
		return;
	if (s->code > 2) {
		out_printf(o, "Run the same command again to continue: %s ", s->again);
		out_visible(o, s->source);
		out_str(o, s->dest ? " " : " --to ");
		if (s->dest) {
			out_visible(o, s->dest);
			out_str(o, " --job ");
		}
		out_visible(o, s->dir);
	} else {
		out_str(o, first);
		out_visible(o, s->dir);
		if (s->code == 2 || !s->dest) {
			out_str(o, s->code == 2 ? ", then: imex retry " : " ");
			out_visible(o, s->code == 2 ? s->dir : s->source);
		}
	}
	out_str(o, "\n");
}

int
summary_print(struct report *r, const struct account_rec *a, const struct summary *s,
    struct err *err)
{
	struct account_report ar;
	struct out o;

	if (report_account(r, a, &ar, err) < 0)
		return -1;
	out_open(&o, STDOUT_FILENO);
	out_visible(&o, a->name);
	out_printf(&o, ": %s\n", account_words(a, &ar.sum));
	summary_numbers(s, a, &ar.sum, &o);
	summary_places(s, a, strcmp(r->birth.format, "exchange") == 0, &o);
	summary_next(s, &o);
	report_account_done(&ar);
	return out_close(&o, err);
}
