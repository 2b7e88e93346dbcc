#include "store/exchange/lists.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/mem.h"

/* A name without ".PKL"; "imex" stands before "imex-2", and that before "imex-10". */
static int
by_run(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	size_t m = strlen(x), n = strlen(y);

	if (m != n)
		return m < n ? -1 : 1;
	return strcasecmp(x, y);
}

static bool
is_list(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 4 && strcasecmp(name + len - 4, ".PKL") == 0;
}

static size_t
find_names(DIR *d, char **names)
{
	const struct dirent *e;
	size_t n = 0;

	while (n < EXLISTS_MAX && (e = readdir(d)) != NULL)
		if (is_list(e->d_name))
			names[n++] = mem_copy_str(e->d_name);
	qsort(names, n, sizeof(*names), by_run);
	return n;
}

static int
open_one(struct exlists *l, const char *path, struct err *err)
{
	l->set = mem_resize(l->set, l->len + 1, sizeof(*l->set));
	if (exread_open(&l->set[l->len], path, 0, err) < 0)
		return -1;
	l->len++;
	return 0;
}

static int
open_all(struct exlists *l, char **names, size_t n, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		char *path = NULL;

		if (asprintf(&path, "%s/%s", l->dir, names[i]) < 0)
			mem_out();
		rc = open_one(l, path, err);
		free(path);
	}
	return rc;
}

static int
open_dir(struct exlists *l, struct err *err)
{
	char **names = mem_resize(NULL, EXLISTS_MAX, sizeof(*names));
	DIR *d = opendir(l->dir);
	int rc = -1;

	if (d == NULL) {
		free(names);
		return err_set_sys(err, ERR_NO_INPUT, "cannot open '%s'", l->dir);
	}
	size_t n = find_names(d, names);

	(void)closedir(d);
	if (n == 0)
		(void)err_set(err, ERR_NO_INPUT,
		    "'%s' holds no packing list (.PKL): it is written when a run has gone to its "
		    "end", l->dir);
	else
		rc = open_all(l, names, n, err);
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return rc;
}

int
exlists_open(struct exlists *ret, const char *path, struct err *err)
{
	struct exlists l = { 0 };
	struct stat st;
	int rc;

	if (stat(path, &st) < 0)
		return err_set_sys(err, ERR_NO_INPUT, "cannot open '%s'", path);
	l.dir = mem_copy_str(path);
	for (size_t len = strlen(l.dir); len > 1 && l.dir[len - 1] == '/'; len--)
		l.dir[len - 1] = '\0';
	if (S_ISDIR(st.st_mode)) {
		rc = open_dir(&l, err);
	} else {
		char *slash = strrchr(l.dir, '/');

		rc = open_one(&l, path, err);
		if (slash == NULL) {
			free(l.dir);
			l.dir = mem_copy_str(".");
		} else {
			slash[slash == l.dir] = '\0';
		}
	}
	if (rc < 0) {
		exlists_close(&l);
		return -1;
	}
	*ret = l;
	return 0;
}

void
exlists_close(struct exlists *l)
{
	for (size_t i = 0; i < l->len; i++)
		exread_close(&l->set[i]);
	free(l->set);
	free(l->dir);
	*l = (struct exlists){ 0 };
}

bool
exlists_find(const struct exlists *l, const char *name, size_t *ret_set, uint32_t *ret_file)
{
	for (size_t i = 0; i < l->len; i++) {
		for (size_t k = 0; k < exread_files(l->set[i]); k++) {
			const struct exfile *f = exread_file(l->set[i], k);

			if (f->name == NULL || strcasecmp(f->name, name) != 0)
				continue;
			*ret_set = i;
			*ret_file = (uint32_t)k;
			return true;
		}
	}
	return false;
}

int64_t
exlists_owner(const struct exread *r, const char *address)
{
	for (size_t i = 0; i < exread_owners(r); i++)
		if (strcasecmp(exread_owner(r, i)->address, address) == 0)
			return (int64_t)i;
	return -1;
}

const char *
exlists_login(const char *owner)
{
	bool known = strncasecmp(owner, "SMTP:", 5) == 0;

	return known && strchr(owner + 5, '@') != NULL && strchr(owner + 5, ':') == NULL ? owner + 5 : owner;
}
