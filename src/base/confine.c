#include "base/confine.h"

#ifdef __linux__

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

/* The first version that can allow renames between directories. */
enum { VERSION_LEAST = 2, VERSION_TRUNCATE = 3 };

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

static const uint64_t making = LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER;

static int
allow(int rules, const char *dir, uint64_t rights, struct err *err)
{
	AUTO(file_close) int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct landlock_path_beneath_attr beneath = { .allowed_access = rights, .parent_fd = fd };

	if (fd < 0)
		return err_set_sys(err, ERR_CREATE, "directory '%s'", dir);
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
		return err_set_sys(err, ERR_CREATE, "keep to the directory '%s'", dir);
	return 0;
}

/* Not all of /dev: disks are there, and the memory that processes share. A device that is not there, or that the
 * kernel does not take, cannot be written to. */
static void
allow_device(int rules, const char *path, uint64_t writing)
{
	AUTO(file_close) int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr beneath = { .allowed_access = writing, .parent_fd = fd };

	if (fd >= 0)
		(void)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
}

static int
allow_all(int rules, const char *const *dirs, size_t n, uint64_t writing, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (dirs[i] != NULL && allow(rules, dirs[i], making | writing, err) < 0)
			return -1;
	allow_device(rules, "/dev/null", writing);
	allow_device(rules, "/dev/tty", writing);
	return 0;
}

int
confine_writes(const char *const *dirs, size_t n, bool *ret, struct err *err)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	uint64_t writing = LANDLOCK_ACCESS_FS_WRITE_FILE;
	struct landlock_ruleset_attr attr = { 0 };

	*ret = false;
	if (version < VERSION_LEAST)
		return 0;
	if (version >= VERSION_TRUNCATE)
		writing |= LANDLOCK_ACCESS_FS_TRUNCATE;
	attr.handled_access_fs = making | writing | LANDLOCK_ACCESS_FS_EXECUTE;

	AUTO(file_close)
	int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (rules < 0)
		return 0;
	if (allow_all(rules, dirs, n, writing, err) < 0)
		return -1;
	*ret = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    syscall(SYS_landlock_restrict_self, rules, 0) == 0;
	return 0;
}

#else

int
confine_writes(const char *const *dirs, size_t n, bool *ret, struct err *err)
{
	(void)dirs;
	(void)n;
	(void)err;
	*ret = false;
	return 0;
}

#endif
