#include "app/crowd/migration_end.h"

#include <inttypes.h>
#include <unistd.h>

#include "app/cli/out.h"

static int
end_reports(const struct migration *m, struct err *err)
{
	struct report r;
	int rc;

	/* Of processes that share a job the one that leads writes them, and the last one does. */
	if (!state_leads(m->run.state) && !m->o->json)
		return 0;
	if (report_open(&r, m->run.state, m->dir, m->o->no_subjects, err) < 0)
		return -1;
	rc = state_leads(m->run.state) ? report_files(&r, err) : 0;
	if (rc == 0 && m->o->json)
		rc = report_print(&r, REPORT_JSON, STDOUT_FILENO, err);
	report_done(&r);
	return rc;
}

/* What became of the list. */
struct ends {
	size_t complete, warned, failed, untried;
	struct tally sum;
};

static int
ends_add(struct ends *e, struct state *t, int64_t account, struct err *err)
{
	struct account_rec rec;
	struct tally sum;
	struct arena a;
	int rc, code;

	arena_init(&a, 1024 * 1024);
	rc = state_account(t, account, &a, &rec, &sum, err);
	if (rc == 0) {
		code = account_code(&rec, &sum);
		e->complete += code == 0;
		e->warned += code == 1;
		e->failed += code > 1;
		e->untried += rec.status == ACCOUNT_QUEUED || rec.status == ACCOUNT_NEW;
		tally_add(&e->sum, &sum);
	}
	arena_done(&a);
	return rc;
}

/* Of a run that was cut short many have not come to an end that this process has counted, or to another one
 * since: a watch ended without a last pass. A state that cannot be read any more has been complained of. */
static void
ends_of(const struct migration *m, struct ends *ret)
{
	const struct crowd *c = &m->crowd;
	bool known = c->ended.kind != ERR_NONE && m->run.state != NULL;
	struct err ignored;

	*ret = (struct ends){ 0 };
	for (size_t i = 0; known && i < m->list->len; i++)
		known = ends_add(ret, m->run.state, m->row[i].account, &ignored) == 0;
	if (!known)
		*ret = (struct ends){ c->complete, c->warned, c->failed, c->untried, m->sum };
}

static void
end_counts(const struct migration *m, const struct ends *e, struct out *o)
{
	char stored[HUMAN_MAX], listed[HUMAN_MAX], bytes[HUMAN_MAX];

	human_count(e->sum.verdicts[VERDICT_STORED], stored);
	human_count(e->sum.listed, listed);
	human_bytes(e->sum.bytes, bytes);
	out_printf(o, "%zu accounts: %zu complete, %zu complete with warnings, %zu failed",
	    m->list->len, e->complete, e->warned, e->failed);
	if (e->untried > 0)
		out_printf(o, " (%zu of them not tried)", e->untried);
	out_printf(o, "\n  messages  %s of %s stored, %s\n", stored, listed, bytes);
	if (e->sum.verdicts[VERDICT_EXCLUDED] > 0)
		out_printf(o, "  excluded  %" PRIu64 "\n", e->sum.verdicts[VERDICT_EXCLUDED]);
	if (tally_not_good(&e->sum) > 0)
		out_printf(o, "  not good  %" PRIu64 "\n", tally_not_good(&e->sum));
}

static void
end_places(const struct migration *m, bool reports, struct out *o)
{
	const char *dest = m->into ? m->into->dest : NULL;

	if (m->into) {
		out_str(o, "  went to   ");
		out_visible(o, dest ? dest : "where the list says");
		out_str(o, "\n");
	} else {
		out_str(o, "  files     ");
		out_visible(o, m->dir);
		out_str(o, "/mail/\n");
	}
	if (!reports)
		return;
	out_str(o, "  report    ");
	out_visible(o, m->dir);
	out_str(o, m->found ? "/import/ACCOUNT/report.html (.json, .csv)\n" : "/report.html (.json, .csv)\n");
}

static int
end_summary(const struct migration *m, const char *command, const char *what, bool reports,
    struct err *err)
{
	struct ends e;
	struct out o;

	ends_of(m, &e);
	out_open(&o, STDOUT_FILENO);
	end_counts(m, &e, &o);
	end_places(m, reports, &o);
	if (e.failed > 0) {
		out_printf(&o, "To go on with what is not complete: %s%s", command, what ? " " : "\n");
		if (what) {
			out_visible(&o, what);
			out_str(&o, "\n");
		}
	}
	return out_close(&o, err);
}

/* Others than 0, 1 and 2 when nothing could start; an interrupted run beats them all. */
static int
end_code(const struct migration *m)
{
	const struct crowd *c = &m->crowd;

	if (c->ended.kind == ERR_INTERRUPTED)
		return EXIT_INTERRUPTED;
	if (c->ended.kind != ERR_NONE && c->ended.kind != ERR_CONFIG && c->complete + c->warned == 0 &&
	    m->sum.listed == 0)
		return err_exit_code(c->ended.kind);
	return crowd_code(c);
}

int
migration_end(struct migration *m, const char *command, const char *what, struct err *err)
{
	struct err why;
	/* Imports have each their own. */
	bool reports = m->found || end_reports(m, &why) == 0;

	if (m->crowd.ended.kind != ERR_NONE)
		run_complain(&m->crowd.ended, NULL);
	else if (!reports)
		run_complain(&why, NULL);
	if (!m->o->quiet && !m->o->json && end_summary(m, command, what, reports, err) < 0)
		return -1;
	/* All is complete, but nobody can read it: as for one account. */
	if (!reports && m->crowd.failed == 0 && m->crowd.ended.kind == ERR_NONE)
		return err_exit_code(why.kind);
	return end_code(m);
}
