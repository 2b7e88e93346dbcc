#include <unistd.h>

#include "app/job/jobdir.h"
#include "app/report/report.h"

int
cmd_report(struct options *o, struct err *err)
{
	enum report_format form = o->json ? REPORT_JSON : (enum report_format)o->report_format;
	const char *dir = o->word[0];
	struct state *t = NULL;
	struct report r;
	int rc;

	if (jobdir_require(dir, err) < 0 || state_open(&t, dir, STATE_READ, err) < 0)
		return -1;
	rc = report_open(&r, t, dir, o->no_subjects, err);
	if (rc == 0) {
		rc = report_print(&r, form, STDOUT_FILENO, err);
		report_done(&r);
	}
	state_close(&t);
	return rc;
}
