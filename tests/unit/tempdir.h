/* A directory of its own for each test, and short ways to look into it. */
#ifndef TESTS_UNIT_TEMPDIR_H
#define TESTS_UNIT_TEMPDIR_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char temp_dir[256];

static inline int
temp_dir_make(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(temp_dir, sizeof temp_dir, "%s/imex-unit-XXXXXX", base != NULL ? base : "/tmp");
	return mkdtemp(temp_dir) != NULL ? 0 : -1;
}

static inline int
temp_dir_unlink(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static inline int
temp_dir_remove(void **state)
{
	(void)state;
	return nftw(temp_dir, temp_dir_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* Path below the directory; four at a time. */
static inline const char *
temp_path(const char *name)
{
	static char path[4][1024];
	static unsigned n;

	n = (n + 1) % 4;
	snprintf(path[n], sizeof path[n], "%s/%s", temp_dir, name);
	return path[n];
}

static inline bool
temp_has(const char *name)
{
	struct stat st;

	return lstat(temp_path(name), &st) == 0;
}

/* Content with a NUL behind it, malloc'ed; NULL when there is no such file. */
static inline char *
temp_read(const char *name, size_t *ret_len)
{
	FILE *in = fopen(temp_path(name), "rb");
	size_t len = 0, cap = 1 << 16;

	if (in == NULL)
		return NULL;
	char *text = malloc(cap + 1);
	for (size_t n; (n = fread(text + len, 1, cap - len, in)) > 0;) {
		len += n;
		if (len == cap)
			text = realloc(text, (cap *= 2) + 1);
	}
	fclose(in);
	text[len] = '\0';
	if (ret_len != NULL)
		*ret_len = len;
	return text;
}

static inline void
temp_write(const char *name, const char *data, size_t len, const char *mode)
{
	FILE *out = fopen(temp_path(name), mode);

	if (out == NULL || fwrite(data, 1, len, out) != len || fclose(out) != 0)
		abort();
}

static inline bool
temp_holds(const char *name, const char *want)
{
	size_t len;
	char *text = temp_read(name, &len);
	bool same = text != NULL && len == strlen(want) && memcmp(text, want, len) == 0;

	if (!same)
		fprintf(stderr, "# %s holds '%s', not '%s'\n", name,
		    text != NULL ? text : "(nothing)", want);
	free(text);
	return same;
}

/* Entries of a directory, without those that start with a dot; -1 when it is not there. */
static inline int
temp_count(const char *name)
{
	DIR *dir = opendir(temp_path(name));
	int n = 0;

	if (dir == NULL)
		return -1;
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

#endif
