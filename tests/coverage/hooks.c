/* Linked into the programs of scripts/coverage. gcov writes what was counted when a process exits, into the
 * directory of the build (IMEX_COVERAGE): so a process that ends by _exit writes it first, and one that confines
 * itself by Landlock may still write there. Weak, because Meson also links programs that count nothing. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>

enum { ARGUMENTS = 6 };

void __gcov_dump(void) __attribute__((weak));
_Noreturn void __real__exit(int code);
_Noreturn void __wrap__exit(int code);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

_Noreturn void
__wrap__exit(int code)
{
	if (__gcov_dump)
		__gcov_dump();
	__real__exit(code);
}

/* Bit 14 is to truncate, which a kernel may not know. */
static void
allow_counts(int rules)
{
	uint64_t rights = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG;
	int fd = open(IMEX_COVERAGE, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct landlock_path_beneath_attr beneath = { .allowed_access = rights | 1U << 14, .parent_fd = fd };

	if (__real_syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0) {
		beneath.allowed_access = rights;
		(void)__real_syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
	}
	close(fd);
}

long
__wrap_syscall(long number, ...)
{
	long a[ARGUMENTS];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < ARGUMENTS; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_landlock_restrict_self)
		allow_counts((int)a[0]);
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
