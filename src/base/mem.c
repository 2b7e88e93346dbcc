/* See mem.h. Out of memory ends the program: everything that counts is behind the last barrier,
 * and a restart from there is simpler and better tested than a hundred half-handled failures. */
#include "base/mem.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

_Noreturn void
mem_out(void)
{
	const char *what = errno == EMFILE || errno == ENFILE ? "file descriptors" : "memory";
	char line[96];
	int len = snprintf(
	    line, sizeof line, "imex: out of %s; run the same command again to continue\n", what);
	ssize_t n = write(STDERR_FILENO, line, (size_t)len);

	(void)n;
	_exit(EX_TEMPFAIL);
}

void
mem_keep_buffers(void)
{
#ifdef __GLIBC__
	enum { ARENAS_EACH = 2 }; /* of a processor: what each of many keeps would add up */
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	/* Else each account has its buffers of 256 KiB mapped, cleared page by page, and given back. */
	(void)mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
	(void)mallopt(M_TRIM_THRESHOLD, 16 * 1024 * 1024);
	(void)mallopt(M_TOP_PAD, 256 * 1024);
	(void)mallopt(M_ARENA_MAX, ARENAS_EACH * (int)(processors > 0 ? processors : 1));
#endif
}

void *
mem_new(size_t bytes)
{
	void *p = calloc(1, bytes > 0 ? bytes : 1);

	if (p == NULL)
		mem_out();
	return p;
}

void *
mem_resize(void *p, size_t count, size_t each)
{
	if (each != 0 && count > SIZE_MAX / each)
		mem_out();
	size_t bytes = count * each;
	void *now = realloc(p, bytes > 0 ? bytes : 1);

	if (now == NULL)
		mem_out();
	return now;
}

char *
mem_copy_str(const char *text)
{
	if (text == NULL)
		return NULL;
	size_t bytes = strlen(text) + 1;
	char *p = mem_resize(NULL, bytes, 1);

	memcpy(p, text, bytes);
	return p;
}

void
mem_free_str(char **p)
{
	free(*p);
	*p = NULL;
}
