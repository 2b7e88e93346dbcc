/* Linked into the programs of scripts/coverage. gcov writes what was counted when a process exits, into the
 * directory of the build: so a process that ends by _exit writes it first, and a process that confines itself may
 * still write there (IMEX_COVERAGE). Weak, because Meson also links programs that have
 * neither. */
#include <stdlib.h>

#include "base/confine.h"

enum { ROOTS_MAX = 64 };

void __gcov_dump(void) __attribute__((weak));
_Noreturn void __real__exit(int code);
_Noreturn void __wrap__exit(int code);
int __real_confine_writes(const char *const *dirs, size_t n, bool *ret, struct err *err) __attribute__((weak));
int __wrap_confine_writes(const char *const *dirs, size_t n, bool *ret, struct err *err);

_Noreturn void
__wrap__exit(int code)
{
	if (__gcov_dump)
		__gcov_dump();
	__real__exit(code);
}

int
__wrap_confine_writes(const char *const *dirs, size_t n, bool *ret, struct err *err)
{
	const char *roots[ROOTS_MAX] = { IMEX_COVERAGE };

	if (n >= ROOTS_MAX)
		abort();
	for (size_t i = 0; i < n; i++)
		roots[i + 1] = dirs[i];
	return __real_confine_writes(roots, n + 1, ret, err);
}
