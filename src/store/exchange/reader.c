/* See reader.h. The packing list is read in pack.c, sections are found in section.c, a line becomes
 * an item in item.c, secondary files are read in sec.c. */
#include "store/exchange/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/exchange/reader_parts.h"

enum {
	READ_ARENA_MAX = 512 * 1024 * 1024, /* never reached: names and owners are counted */
	READ_ITEM_MAX = 32 * 1024 * 1024
};

void
read_problem(struct exread *r, const struct exfault *at, enum event_no event, const char *fmt, ...)
{
	char words[EXFAULT_TEXT_MAX];
	va_list ap;

	r->problems++;
	if (r->n_problems >= EXREAD_PROBLEMS_MAX)
		return;
	if (r->n_problems == r->cap_problems) {
		r->cap_problems = r->cap_problems > 0 ? r->cap_problems * 2 : 8;
		r->problem = mem_resize(r->problem, r->cap_problems, sizeof *r->problem);
	}
	va_start(ap, fmt);
	vsnprintf(words, sizeof words, fmt, ap);
	va_end(ap);
	struct exfault *f = &r->problem[r->n_problems++];

	*f = *at;
	exfault_set(f, event, "%s", words);
}

struct slice
read_name(const struct exread *r, uint32_t file)
{
	const struct exfile *f = &r->file[file];

	return slice_str(f->listed != NULL ? f->listed : f->name);
}

/* A FIFO would block the open and a link would leave the directory; both are refused. */
bool
read_open(struct exread *r, uint32_t file, int *ret_fd, uint64_t *ret_size, const char **ret_why)
{
	const char *name = r->file[file].name;
	struct stat st;

	if (name == NULL) {
		*ret_why = "it is not there";
		return false;
	}
	int fd = openat(r->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0) {
		*ret_why = errno == ELOOP ? "it is a symbolic link" : g_strerror(errno);
		return false;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		*ret_why = "it is not a regular file";
		close(fd);
		return false;
	}
	*ret_fd = fd;
	*ret_size = (uint64_t)st.st_size;
	return true;
}

static struct exread *
read_new(void)
{
	struct exread *r = mem_new(sizeof *r);

	*r = (struct exread){ .dir = -1, .fd = -1 };
	arena_init(&r->arena, READ_ARENA_MAX);
	arena_init(&r->item, READ_ITEM_MAX);
	/* Three octets at most become of one. */
	buf_init(&r->text, 3 * EXLEX_LINE_MAX);
	buf_init(&r->scratch, 3 * EXLEX_LINE_MAX);
	buf_init(&r->other, EXREAD_OTHER_MAX);
	r->on_disk = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	r->by_exact = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	r->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	r->by_disk = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	r->by_owner = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (size_t i = 0; i < SEC_OPEN_MAX; i++)
		r->sec[i].fd = -1;
	return r;
}

/* dir and list from the path of the packing list. */
static int
read_place(struct exread *r, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	AUTO(mem_free_str) char *dir = mem_copy_str(slash != NULL ? path : ".");

	if (slash != NULL)
		dir[slash == path ? 1 : slash - path] = '\0';
	r->list = mem_copy_str(slash != NULL ? slash + 1 : path);
	return file_open_dir(AT_FDCWD, dir, &r->dir, err);
}

int
exread_open(struct exread **ret, const char *path, unsigned codepage, struct err *err)
{
	AUTO(exread_close) struct exread *r = read_new();

	if (read_place(r, path, err) < 0 || pack_read(r, codepage, err) < 0)
		return err_wrap(err, "packing list '%s'", path);
	section_scan(r);
	*ret = r;
	r = NULL;
	return 0;
}

void
exread_close(struct exread **ret)
{
	struct exread *r = *ret;

	if (r == NULL)
		return;
	exlex_free(&r->lex);
	file_close(&r->fd);
	file_close(&r->dir);
	sec_close_all(r);
	codepage_close(&r->page);
	g_hash_table_destroy(r->on_disk);
	g_hash_table_destroy(r->by_exact);
	g_hash_table_destroy(r->by_name);
	g_hash_table_destroy(r->by_disk);
	g_hash_table_destroy(r->by_owner);
	arena_done(&r->arena);
	arena_done(&r->item);
	buf_done(&r->text);
	buf_done(&r->scratch);
	buf_done(&r->other);
	free(r->list);
	free(r->file);
	free(r->problem);
	free(r->owner);
	free(r->own);
	free(r->section);
	free(r);
	*ret = NULL;
}

unsigned
exread_codepage(const struct exread *r)
{
	return codepage_number(r->page);
}

size_t
exread_files(const struct exread *r)
{
	return r->n_files;
}

const struct exfile *
exread_file(const struct exread *r, size_t i)
{
	return i < r->n_files ? &r->file[i] : NULL;
}

size_t
exread_problems(const struct exread *r, uint64_t *ret_all)
{
	if (ret_all != NULL)
		*ret_all = r->problems;
	return r->n_problems;
}

const struct exfault *
exread_problem(const struct exread *r, size_t i)
{
	return i < r->n_problems ? &r->problem[i] : NULL;
}

const struct extotals *
exread_totals(const struct exread *r)
{
	return &r->totals;
}

size_t
exread_owners(const struct exread *r)
{
	return r->n_owners;
}

const struct exowner *
exread_owner(const struct exread *r, size_t i)
{
	return i < r->n_owners ? &r->owner[i] : NULL;
}

bool
exread_owner_in(const struct exread *r, size_t i, uint32_t file)
{
	for (uint32_t at = i < r->n_owners ? r->own[i].first : 0; at != 0; at = r->section[at - 1].next) {
		if (r->section[at - 1].file == file)
			return true;
	}
	return false;
}

/* r->lex reads file i. */
static int
read_switch(struct exread *r, uint32_t file, struct err *err)
{
	const char *why;
	uint64_t size;

	if (r->lex != NULL && r->lex_file == file)
		return 0;
	exlex_free(&r->lex);
	file_close(&r->fd);
	if (!read_open(r, file, &r->fd, &size, &why))
		return err_set(
		    err, ERR_DISK, "cannot read '%.*s': %s", SLICE_ARG(read_name(r, file)), why);
	r->lex = exlex_new(r->fd, r->file[file].name, r->page);
	r->lex_file = file;
	return 0;
}

int
exread_start(struct exread *r, size_t i, struct err *err)
{
	if (i >= r->n_owners)
		return err_set(err, ERR_NO_INPUT, "the set has no owner %zu", i + 1);
	r->now_section = r->own[i].first;
	r->now = (struct explace){ 0 };
	return 0;
}

enum exstep
exread_next(struct exread *r, struct exitem *ret, struct err *err)
{
	struct exline line = { 0 };

	while (r->now_section != 0) {
		const struct exsection *s = &r->section[r->now_section - 1];

		if (r->now.line == 0)
			r->now = (struct explace){ s->file, s->line, s->at };
		if (read_switch(r, s->file, err) < 0) {
			r->now_section = s->next;
			r->now.line = 0;
			return EXSTEP_ERR;
		}
		exlex_seek(r->lex, r->now.at, r->now.line);
		enum exstep step =
		    r->now.at >= s->end ? EXSTEP_END : exlex_next(r->lex, true, &line, err);

		if (step == EXSTEP_ITEM) {
			exlex_tell(r->lex, &r->now.at, &r->now.line);
			if (line.kind != EXLINE_TEXT)
				continue;
			item_read(r, s->file, &line, ret);
			return EXSTEP_ITEM;
		}
		r->now_section = s->next;
		r->now.line = 0;
		if (step == EXSTEP_ERR)
			return step;
	}
	return EXSTEP_END;
}

int
exread_again(struct exread *r, const struct explace *place, struct exitem *ret, struct err *err)
{
	struct exline line;

	if (place->file >= r->n_files || !r->file[place->file].primary)
		return err_set(err, ERR_NO_INPUT, "no line of this set");
	if (read_switch(r, place->file, err) < 0)
		return -1;
	exlex_seek(r->lex, place->at, place->line);
	enum exstep step = exlex_next(r->lex, true, &line, err);

	if (step == EXSTEP_ERR)
		return -1;
	if (step == EXSTEP_END || line.kind != EXLINE_TEXT)
		return err_set(err, ERR_MESSAGE, "%s has no data line at octet %llu any more",
		    r->file[place->file].name, (unsigned long long)place->at);
	item_read(r, place->file, &line, ret);
	return 0;
}
