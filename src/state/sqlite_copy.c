/* The database made smaller, and copied.
 *
 * A copy is made page by page by SQLite's backup, in one step: that reads at one instant, while others
 * write on beside it, into the log. In several steps it would begin anew after each commit of theirs,
 * and beside a busy job never end. The copy has no journal: it is nobody's until it has its name, which
 * it gets when it is durable, and only if nothing else has it.
 *
 * The copy has a note that it is one: put back, it knows less than the files (STATE_NOTE_RESTORED). */
#include "state/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

int
sqlite_compact(struct backend *b, struct err *err)
{
	return sqlite_durable(b, true, err) < 0 ||
		       db_exec(b, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)", err) < 0
		   ? -1
		   : 0;
}

static int
copy_failed(sqlite3 *to, const char *path, int rc, struct err *err)
{
	enum err_kind kind = rc == SQLITE_FULL ? ERR_FULL : ERR_DISK;

	return err_set(err, kind, "copy the state to '%s': %s", path,
	    to != NULL ? sqlite3_errmsg(to) : sqlite3_errstr(rc));
}

static int
copy_pages(struct backend *b, sqlite3 *to, const char *path, struct err *err)
{
	int rc = sqlite3_exec(to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", NULL, NULL, NULL);
	sqlite3_backup *copy;

	if (rc != SQLITE_OK)
		return copy_failed(to, path, rc, err);
	copy = sqlite3_backup_init(to, "main", b->db, "main");
	if (copy == NULL)
		return copy_failed(to, path, sqlite3_errcode(to), err);
	rc = sqlite3_backup_step(copy, -1);
	(void)sqlite3_backup_finish(copy);
	return rc == SQLITE_DONE ? 0 : copy_failed(to, path, rc & 0xff, err);
}

/* Its pages say that it has a log, which would be another file beside it. */
static int
copy_note(sqlite3 *to, const char *path, struct err *err)
{
	int rc = sqlite3_exec(to,
	    "PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF;"
	    "INSERT OR REPLACE INTO note(key, value) VALUES('" STATE_NOTE_RESTORED "', '1');"
	    "DELETE FROM note WHERE key LIKE '" STATE_NOTE_RESTORED "/%'",
	    NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : copy_failed(to, path, rc & 0xff, err);
}

static int
copy_into(struct backend *b, const char *temporary, struct err *err)
{
	sqlite3 *to = NULL;
	int rc = sqlite3_open_v2(
	    temporary, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	rc = rc == SQLITE_OK ? copy_pages(b, to, temporary, err)
			     : copy_failed(to, temporary, rc & 0xff, err);
	if (rc == 0)
		rc = copy_note(to, temporary, err);
	(void)sqlite3_close_v2(to);
	return rc;
}

/* Its name, if nothing has it. File systems that cannot do that at once have links. */
static int
copy_rename(const char *temporary, const char *path, struct err *err)
{
	if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if ((errno == EINVAL || errno == ENOSYS) && link(temporary, path) == 0) {
		unlink(temporary);
		return 0;
	}
	return err_set_sys(err, ERR_CREATE, "make '%s'", path);
}

static int
copy_sync(const char *path, struct err *err)
{
	AUTO(file_close) int fd = -1;
	AUTO(mem_free_str) char *parent = mem_copy_str(path);
	char *slash = strrchr(parent, '/');

	if (slash != NULL)
		slash[slash == parent] = '\0';
	return file_open_dir(AT_FDCWD, slash != NULL ? parent : ".", &fd, err) < 0
		   ? -1
		   : file_sync(fd, err);
}

int
sqlite_backup(struct backend *b, const char *path, struct err *err)
{
	AUTO(mem_free_str) char *temporary = NULL;
	AUTO(file_close) int fd = -1;

	if (access(path, F_OK) == 0)
		return err_set(err, ERR_CREATE, "'%s' is there already", path);
	if (asprintf(&temporary, "%s.%ld.part", path, (long)getpid()) < 0)
		mem_out();
	fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set_sys(err, ERR_CREATE, "create '%s'", temporary);
	if (copy_into(b, temporary, err) == 0 && file_sync(fd, err) == 0 &&
	    copy_rename(temporary, path, err) == 0)
		return copy_sync(path, err);
	unlink(temporary);
	return -1;
}
