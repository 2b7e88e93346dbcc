/* What mail is at a path. A job of imex is known by its directory mail/ with accounts in it; all
 * else by a survey of the tree. When more than one kind is found nothing is guessed: the error
 * names the first of each. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "mail/names.h"
#include "store/exchange/lists.h"
#include "store/formats/shelf_survey.h"
#include "store/shelf.h"
#include "store/shelf/shelf_base.h"

enum { FOUND_TEXT_MAX = 16 * 1024 * 1024, ACCOUNT_TEXT_MAX = 4096 };

static const char looked_for[] =
    "looked for: a job of imex (mail/ACCOUNT), Maildirs (cur, new, tmp), mbox files (first line "
    "\"From ...\"), files .eml, a packing list .PKL";

static const char *const kinds[FORMATS] = {
	[FORMAT_MAILDIR] = "a Maildir",
	[FORMAT_MBOX] = "an mbox file",
	[FORMAT_EML] = "an eml file",
	[FORMAT_EXCHANGE] = "an Exchange packing list",
};

void
shelf_found_done(struct shelf_found *f)
{
	arena_done(&f->arena);
	free(f->place);
	f->place = NULL;
	f->len = 0;
}

static struct shelf_place *
place_add(struct shelf_found *f, enum format format, const char *path)
{
	f->place = mem_resize(f->place, f->len + 1, sizeof *f->place);
	struct shelf_place *p = &f->place[f->len++];

	*p = (struct shelf_place){ .format = format,
		.path = arena_copy(&f->arena, slice_str(path)),
		.login = "",
		.host = "",
		.port = "" };
	f->format = f->place[0].format;
	return p;
}

/* The last part of a path, without an ending that tells the kind. */
static const char *
name_of(struct arena *a, const char *path)
{
	static const char *const endings[] = { ".mbox", ".mbx", ".eml", ".pkl" };
	size_t len = strlen(path), from;

	while (len > 1 && path[len - 1] == '/')
		len--;
	for (from = len; from > 0 && path[from - 1] != '/'; from--)
		;
	char *name = arena_copy(a, (struct slice){ path + from, len - from });
	for (size_t i = 0; name != NULL && i < COUNT_OF(endings); i++) {
		if (shelf_name_ends(name, endings[i]) && strlen(name) > strlen(endings[i]))
			name[strlen(name) - strlen(endings[i])] = '\0';
	}
	return name != NULL && *name != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 ? name : "mail";
}

/* ---- accounts of imex ---- */

/* user@host[%3Aport][~n]: the inverse of account_dir. False when it does not come out again: the
 * name was cut, or is another's. */
static bool
account_parts(struct arena *a, const char *dir, struct shelf_place *p)
{
	const char *at = strrchr(dir, '@'), *end = dir + strlen(dir);
	AUTO(buf_done) struct buf login, host, again;

	buf_init(&login, ACCOUNT_TEXT_MAX);
	buf_init(&host, ACCOUNT_TEXT_MAX);
	buf_init(&again, ACCOUNT_TEXT_MAX);
	if (at == NULL)
		return false;
	const char *twin = memrchr(at, '~', (size_t)(end - at));
	if (twin != NULL && twin[1] != '\0' && strspn(twin + 1, "0123456789") == strlen(twin + 1))
		end = twin;
	if (!shelf_percent_decode((struct slice){ dir, (size_t)(at - dir) }, &login) ||
	    !shelf_percent_decode((struct slice){ at + 1, (size_t)(end - at - 1) }, &host) ||
	    host.len == 0)
		return false;
	char *h = host.data, *port = strrchr(h, ':');
	if (port != NULL && strchr(port, ']') == NULL)
		*port++ = '\0';
	else
		port = NULL;
	size_t len = strlen(h);
	if (len > 2 && h[0] == '[' && h[len - 1] == ']') {
		h[len - 1] = '\0';
		h++;
	}
	account_dir(buf_slice(&login), h, port != NULL ? port : "", &again);
	if (!slice_same(buf_slice(&again), (struct slice){ dir, (size_t)(end - dir) }))
		return false;
	p->login = arena_copy(a, buf_slice(&login));
	p->host = arena_copy(a, slice_str(h));
	p->port = arena_copy(a, slice_str(port));
	return p->login != NULL && p->host != NULL && p->port != NULL;
}

static void
account_name(struct shelf_found *f, struct shelf_place *p, const char *path)
{
	size_t len = strlen(path), from;

	while (len > 1 && path[len - 1] == '/')
		len--;
	for (from = len; from > 0 && path[from - 1] != '/'; from--)
		;
	char *dir = arena_copy(&f->arena, (struct slice){ path + from, len - from });
	if (dir == NULL || !account_parts(&f->arena, dir, p)) {
		p->login = name_of(&f->arena, path);
		p->host = p->port = "";
	}
}

/* ---- trees ---- */

/* The one kind that was found; false: none, or *err is set for several. */
static int
survey_kind(
    const struct survey *s, const char *path, enum format *ret, bool *ret_found, struct err *err)
{
	int first = -1;

	for (int k = 0; k < FORMATS; k++) {
		if (s->found[k] == 0)
			continue;
		if (first >= 0)
			return err_set(err, ERR_MALFORMED,
			    "'%s' holds several formats: %s ('%s') and %s ('%s'); name the "
			    "directory "
			    "of one of them",
			    path, kinds[first], s->first[first], kinds[k], s->first[k]);
		first = k;
	}
	*ret_found = first >= 0;
	if (first >= 0)
		*ret = (enum format)first;
	return 0;
}

static int
nothing_found(const struct survey *s, const char *path, struct err *err)
{
	if (s->others == 0)
		return err_set(err, ERR_NO_INPUT, "'%s' holds no mail; %s", path, looked_for);
	return err_set(err, ERR_MALFORMED, "'%s' holds %zu files but no mail that is known; %s",
	    path, s->others, looked_for);
}

/* A directory with sidecars. Its folders may all be empty: then any format reads it. */
static int
add_account(struct shelf_found *f, const char *path, const struct survey *s, const char *job,
    struct err *err)
{
	enum format format = FORMAT_EML;
	bool found;

	if (survey_kind(s, path, &format, &found, err) < 0)
		return -1;
	if (f->len > 0 && found && format != f->format)
		return err_set(err, ERR_MALFORMED, "'%s' holds %s, and '%s' %s; name one of them",
		    f->place[0].path, kinds[f->format], path, kinds[format]);
	struct shelf_place *p = place_add(f, format, path);
	p->ours = true;
	p->account_dir = p->path;
	p->dir = job != NULL ? arena_copy(&f->arena, slice_str(job)) : NULL;
	account_name(f, p, path);
	return 0;
}

/* Each packing list of the directory. */
static int
add_lists(struct shelf_found *f, const char *path, const struct dir_list *l, int dir)
{
	size_t before = f->len;

	for (size_t i = 0; i < l->len; i++) {
		const char *name = shelf_dir_name(l, i);
		enum format format;
		bool empty;

		if (shelf_dir_kind(l, i) != DIR_FILE || !shelf_name_ends(name, ".pkl") ||
		    !survey_file(dir, name, &format, &empty) || format != FORMAT_EXCHANGE)
			continue;
		char *list = arena_printf(&f->arena, "%s/%s", path, name);
		if (list == NULL)
			continue;
		struct shelf_place *p = place_add(f, FORMAT_EXCHANGE, list);
		p->login = name_of(&f->arena, path);
	}
	return f->len > before;
}

/* Directories in mail/: accounts. With a packing list beside them they hold the sidecars of an
 * Exchange set. */
static int
add_accounts(struct shelf_found *f, const char *mail, const char *job, const struct dir_list *l,
    const char *list, struct err *err)
{
	for (size_t i = 0; i < l->len; i++) {
		const char *name = shelf_dir_name(l, i);
		struct survey s;

		if (shelf_dir_kind(l, i) != DIR_DIR || name[0] == '.')
			continue;
		char *path = arena_printf(&f->arena, "%s/%s", mail, name);
		if (path == NULL)
			return err_set(err, ERR_MALFORMED, "'%s' holds too many accounts", mail);
		if (survey_tree(path, &s, err) < 0)
			return -1;
		if (list == NULL && s.sidecars == 0 && s.found[FORMAT_MAILDIR] == 0)
			continue;
		if (list == NULL) {
			if (add_account(f, path, &s, job, err) < 0)
				return -1;
			continue;
		}
		struct shelf_place *p = place_add(f, FORMAT_EXCHANGE, list);
		p->ours = true;
		p->account_dir = path;
		p->dir = job;
		account_name(f, p, path);
	}
	return 0;
}

/* imex.PKL, which later runs continue as imex-2.PKL. */
static const char *
first_list(const struct shelf_found *lists)
{
	for (size_t i = 0; i < lists->len; i++) {
		if (shelf_name_ends(lists->place[i].path, "/imex.pkl"))
			return lists->place[i].path;
	}
	return lists->place[0].path;
}

static bool
owner_is_there(const struct shelf_found *f, const char *login)
{
	for (size_t i = 0; i < f->len; i++) {
		if (strcasecmp(f->place[i].login, login) == 0)
			return true;
	}
	return false;
}

/* A set without sidecars holds the mail of its owners: each is an account. `path`: a packing list, or the
 * directory of several, which continue each other. */
static int
add_owners(struct shelf_found *f, const char *path, struct err *err)
{
	const char *list = arena_copy(&f->arena, slice_str(path));
	struct exlists l;
	size_t before = f->len;

	if (exlists_open(&l, path, err) < 0)
		return -1;
	for (size_t i = 0; list != NULL && i < l.len; i++) {
		for (size_t k = 0; k < exread_owners(l.set[i]); k++) {
			const char *login = arena_copy(&f->arena,
			    slice_str(exlists_login(exread_owner(l.set[i], k)->address)));

			if (login != NULL && !owner_is_there(f, login))
				place_add(f, FORMAT_EXCHANGE, list)->login = login;
		}
	}
	/* What is wrong with a set that nobody owns is to be told all the same. */
	if (list != NULL && f->len == before)
		place_add(f, FORMAT_EXCHANGE, list)->login = name_of(&f->arena, path);
	exlists_close(&l);
	return 0;
}

/* mail/ of a job, or one that was copied. */
static int
find_accounts(struct shelf_found *f, const char *mail, const char *job, struct err *err)
{
	struct dir_list l = { 0 };
	struct shelf_found lists = { .len = 0 };
	int dir = -1, done;

	arena_init(&lists.arena, FOUND_TEXT_MAX);
	dir = open(mail, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	done = dir < 0 ? err_set_sys(err, ERR_NO_INPUT, "cannot open '%s'", mail)
		       : shelf_dir_read(dir, &l, NULL, err);
	if (done == 0) {
		const char *list = NULL;

		if (add_lists(&lists, mail, &l, dir))
			list = arena_copy(&f->arena, slice_str(first_list(&lists)));
		done = add_accounts(f, mail, job, &l, list, err);
		if (done == 0 && list != NULL && f->len == 0)
			done = add_owners(f, mail, err);
	}
	file_close(&dir);
	shelf_dir_done(&l);
	shelf_found_done(&lists);
	return done;
}

/* *io_sys becomes the errno of a look that failed though the name may be there. */
static bool
path_has(struct arena *a, const char *path, const char *name, mode_t kind, int *io_sys)
{
	char *full = arena_printf(a, "%s/%s", path, name);
	struct stat st;

	if (full == NULL)
		return false;
	if (lstat(full, &st) == 0)
		return (st.st_mode & S_IFMT) == kind;
	if (err_sys_passes(errno))
		*io_sys = errno;
	return false;
}

static bool
is_job(struct arena *a, const char *path, int *io_sys)
{
	return path_has(a, path, "mail", S_IFDIR, io_sys) &&
	       (path_has(a, path, "imex.db", S_IFREG, io_sys) ||
		   path_has(a, path, "events.jsonl", S_IFREG, io_sys) ||
		   path_has(a, path, "report.json", S_IFREG, io_sys));
}

static int
find_lists(struct shelf_found *f, const char *path, struct err *err)
{
	struct dir_list l = { 0 };
	struct shelf_found lists = { .len = 0 };
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int done = dir < 0 ? err_set_sys(err, ERR_NO_INPUT, "cannot open '%s'", path)
			   : shelf_dir_read(dir, &l, NULL, err);

	arena_init(&lists.arena, FOUND_TEXT_MAX);
	shelf_dir_sort(&l);

	bool below = done == 0 && shelf_dir_has(&l, "mail") == DIR_DIR;

	if (done == 0 && add_lists(&lists, path, &l, dir))
		done = add_owners(f, path, err);
	else if (below)
		done = find_accounts(f, arena_printf(&f->arena, "%s/mail", path), NULL, err);
	else if (done == 0)
		done = err_set(err, ERR_MALFORMED,
		    "'%s': the packing list lies in a directory below; name that one", path);
	shelf_found_done(&lists);
	file_close(&dir);
	shelf_dir_done(&l);
	return done;
}

static int
find_tree(struct shelf_found *f, const char *path, struct err *err)
{
	enum format format = FORMAT_EML;
	struct survey s;
	bool found;

	if (survey_tree(path, &s, err) < 0)
		return -1;
	bool accounts = !s.sidecar_here && s.dirs > 0 && s.accounts == s.dirs;
	if (accounts && (s.sidecars > 0 || s.found[FORMAT_EXCHANGE] > 0))
		return find_accounts(f, path, NULL, err);
	if (survey_kind(&s, path, &format, &found, err) < 0)
		return -1;
	if (!found && s.sidecars == 0)
		return nothing_found(&s, path, err);
	if (format == FORMAT_EXCHANGE)
		return find_lists(f, path, err);
	if (s.sidecars > 0)
		return add_account(f, path, &s, NULL, err);
	place_add(f, format, path)->login = name_of(&f->arena, path);
	return 0;
}

/* A single file: here its name says nothing that its content does not. */
static int
find_file(struct shelf_found *f, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	enum format format;
	bool empty;

	/* The user named it, so a link is followed. */
	AUTO(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_set_sys(err, ERR_NO_INPUT, "cannot open '%s'", path);
	if (!survey_content(fd, name, &format, &empty))
		return err_set(err, empty ? ERR_NO_INPUT : ERR_MALFORMED, "'%s' %s; %s", path,
		    empty ? "has no octets" : "is no file of mail", looked_for);
	if (format == FORMAT_EXCHANGE)
		return add_owners(f, path, err);
	place_add(f, format, path)->login = name_of(&f->arena, path);
	return 0;
}

int
shelf_find(const char *path, struct shelf_found *ret, struct err *err)
{
	struct shelf_found f = { .len = 0 };
	struct stat st;
	int done, sys = 0;

	if (stat(path, &st) < 0)
		return err_set_sys(err, ERR_NO_INPUT, "'%s'", path);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(err, ERR_MALFORMED, "'%s' is neither a directory nor a file", path);
	arena_init(&f.arena, FOUND_TEXT_MAX);
	const char *whole = arena_copy(&f.arena, slice_str(path));
	char *mail = arena_printf(&f.arena, "%s/mail", path);
	if (whole == NULL || mail == NULL)
		done = err_set(err, ERR_NO_INPUT, "the path is too long");
	else if (S_ISREG(st.st_mode))
		done = find_file(&f, whole, err);
	else if (is_job(&f.arena, whole, &sys))
		done = find_accounts(&f, mail, whole, err);
	else if (sys != 0)
		done = err_set(err, ERR_DISK, "look at what is in '%s': %s", path, strerror(sys));
	else
		done = find_tree(&f, whole, err);
	if (done == 0 && f.len == 0)
		done = err_set(err, ERR_NO_INPUT, "'%s' holds no mail yet", path);
	if (done < 0)
		shelf_found_done(&f);
	else
		*ret = f;
	return done;
}
