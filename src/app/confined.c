#include "app/confined.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/mem.h"
#include "state/state.h"

/* The directory of a file; NULL for none. Caller frees. */
static char *
parent_of(const char *path)
{
	char *dir = mem_copy_str(path);
	char *slash = dir != NULL ? strrchr(dir, '/') : NULL;

	if (slash != NULL) {
		slash[slash == dir] = '\0';
		return dir;
	}
	mem_free_str(&dir);
	return path != NULL ? mem_copy_str(".") : NULL;
}

/* On another disk it may be a link. */
static char *
mail_below(const char *dir)
{
	char *path;

	if (asprintf(&path, "%s/mail", dir) < 0)
		mem_out();
	if (access(path, F_OK) < 0)
		mem_free_str(&path);
	return path;
}

int
confined(const struct options *o, const char *dir, bool commands, struct err *err)
{
	AUTO(mem_free_str) char *mail = NULL;
	AUTO(mem_free_str) char *metrics = NULL;

	if (o->no_confine || commands)
		return 0;
	mail = mail_below(dir);
	metrics = parent_of(o->metrics_file);

	const char *const dirs[] = { dir, mail, o->spool, metrics };
	bool is; /* a kernel that cannot do it is no reason to stop */

	/* What does not fit into memory goes where it may. */
	state_spill_to(dir);
	(void)setenv("TMPDIR", dir, 1);
	return confine_writes(dirs, COUNT_OF(dirs), &is, err);
}
