#include "app/job/birth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

_Static_assert(sizeof(((struct job_birth *)0)->zone) >= ZONE_MAX, "a zone fits into the state");

/* What the job says about one option, below what the command line says. */
static int
birth_take(struct options *o, const char *name, const char *value, struct err *err)
{
	struct err why;

	if (*value == '\0' ||
	    options_set(o, option_find(name, CMD_EXTRACT), FROM_JOB, value, &why) == 0)
		return 0;
	return err_set(err, ERR_OTHER_JOB,
	    "the job was begun with %s '%s', which this version of imex does not know", name,
	    value);
}

static int
birth_take_all(struct options *o, const struct job_birth *have, struct err *err)
{
	if (strcmp(have->format, "imap") == 0)
		return birth_take(o, "timezone", have->zone, err);
	if (birth_take(o, "format", have->format, err) < 0 ||
	    birth_take(o, "eol", have->eol, err) < 0 ||
	    birth_take(o, "codepage", have->codepage, err) < 0)
		return -1;
	return birth_take(o, "timezone", have->zone, err);
}

static bool
birth_has_state(const char *dir)
{
	AUTO(file_close) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && faccessat(fd, "imex.db", F_OK, 0) == 0;
}

/* Its own handle, closed again: a thread keeps it, and the zone is to be set without any. */
static int
birth_read(struct options *o, const char *dir, struct err *err)
{
	struct job_birth have;
	struct state *t = NULL;
	struct err why;
	int rc = 0;

	if (state_open(&t, dir, STATE_GLANCE, &why) < 0) {
		/* What is wrong is told when the run opens it, unless the run could mend it. */
		if (why.kind == ERR_NO_INPUT)
			return 0;
		*err = why;
		return -1;
	}
	if (state_birth_read(t, &have, &why) == 0) {
		rc = birth_take_all(o, &have, err);
	} else if (why.kind != ERR_NO_INPUT) {
		*err = why;
		rc = -1;
	}
	state_close(&t);
	return rc;
}

int
birth_settle(struct options *o, const char *dir, struct err *err)
{
	if (dir && birth_has_state(dir) && birth_read(o, dir, err) < 0)
		return -1;
	if (clock_set_zone(o->timezone ? o->timezone : clock_zone_name(), err) < 0)
		return -1;
	return options_fit(o, err);
}

void
birth_of(const struct options *o, const char *command, struct job_birth *ret)
{
	*ret = (struct job_birth){ 0 };
	snprintf(ret->command, sizeof(ret->command), "%s", command);
	snprintf(ret->format, sizeof(ret->format), "%s", format_words[o->format]);
	snprintf(ret->eol, sizeof(ret->eol), "%s", o->eol == EOL_CRLF ? "crlf" : "lf");
	if (strcmp(command, "migrate") == 0 || strcmp(command, "import") == 0) {
		snprintf(ret->format, sizeof(ret->format), "imap");
		snprintf(ret->eol, sizeof(ret->eol), "crlf");
	}
	snprintf(ret->zone, sizeof(ret->zone), "%s", clock_zone_name());
	if (o->format == FORMAT_EXCHANGE && strcmp(ret->format, "imap") != 0)
		snprintf(ret->codepage, sizeof(ret->codepage), "%u", o->codepage);
}

void
birth_window(const struct options *o, struct selection *ret)
{
	ret->has_since = o->since.given;
	ret->has_before = o->before.given;
	ret->since = o->since.given ? when_epoch(&o->since) : 0;
	ret->before = o->before.given ? when_epoch(&o->before) : 0;
	ret->skip_deleted = o->skip_deleted;
}
