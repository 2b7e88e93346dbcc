/* libFuzzer: migration files. The first octet chooses: 'L' the lexer on the rest, 'W' text that is
 * written and read back, else a whole set: packing list, primary and secondary file, separated by
 * lines "%%%%". The set lies in a directory in memory, as imex.PKL, A.PRI and A.SEC. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/exchange/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char mark[] = "%%%%\n";
static char dir[64];

static void
fuzz_put(const char *name, struct slice text)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len || close(fd) != 0)
		abort();
}

static void
fuzz_remove(void)
{
	static const char *const names[] = { "imex.PKL", "A.PRI", "A.SEC", "line" };
	char path[128];

	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void
fuzz_begin(void)
{
	if (dir[0] != '\0')
		return;
	snprintf(dir, sizeof dir, "/dev/shm/imex-fuzz-XXXXXX");
	if (mkdtemp(dir) == NULL)
		abort();
	atexit(fuzz_remove);
}

/* Cut the next file off. */
static struct slice
fuzz_file(struct slice *io)
{
	const char *end = memmem(io->data, io->len, mark, sizeof mark - 1);
	struct slice file = { io->data, end != NULL ? (size_t)(end - io->data) : io->len };
	size_t n = end != NULL ? file.len + sizeof mark - 1 : io->len;

	*io = (struct slice){ io->data + n, io->len - n };
	return file;
}

static void
fuzz_message(struct exread *r, const struct exitem *item)
{
	struct exmsg m;
	struct expart p;
	struct exfault fault = { 0 };
	enum exstep step = EXSTEP_ERR;
	char octets[300];

	if (exmsg_begin(r, &item->body, &m, &fault)) {
		while ((step = exmsg_next(r, &m, &p, &fault)) == EXSTEP_ITEM) {
			size_t n = 1;
			uint64_t from, length, total = 0;

			for (; n > 0; total += n) {
				if (!exmsg_read(r, &p, total, octets, sizeof octets, &n, &fault))
					abort();
			}
			exmsg_macbinary(r, &p, &from, &length);
			if (total != p.head.length || from + length > total)
				abort();
		}
	}
	if (step == EXSTEP_ERR && fault.text[0] == '\0')
		abort();
}

static void
fuzz_items(struct exread *r, size_t owner)
{
	struct exitem item;
	struct err err;
	uint64_t lines = 0;

	if (exread_start(r, owner, &err) < 0)
		abort();
	while (exread_next(r, &item, &err) == EXSTEP_ITEM) {
		struct explace place = item.place;
		size_t subject = item.subject.len;

		lines++;
		if (item.damaged != (item.fault.text[0] != '\0') ||
		    (!item.damaged && !item.has_body))
			abort();
		if (item.has_body)
			fuzz_message(r, &item);
		if (exread_again(r, &place, &item, &err) < 0 || item.subject.len != subject)
			abort();
	}
	if (lines != exread_owner(r, owner)->lines)
		abort();
}

static void
fuzz_set(struct slice text)
{
	struct exread *r = NULL;
	struct err err = { 0 };
	char path[128];
	uint64_t records;

	fuzz_put("imex.PKL", fuzz_file(&text));
	fuzz_put("A.PRI", fuzz_file(&text));
	fuzz_put("A.SEC", fuzz_file(&text));
	snprintf(path, sizeof path, "%s/imex.PKL", dir);
	if (exread_open(&r, path, 0, &err) < 0) {
		if (err.text[0] == '\0')
			abort();
		return;
	}
	for (size_t i = 0; i < exread_owners(r); i++)
		fuzz_items(r, i);
	exread_survey(r, &records);
	exread_close(&r);
}

static void
fuzz_lex(struct slice text)
{
	char path[128];
	struct exline line;
	struct err err;

	snprintf(path, sizeof path, "%s/line", dir);
	fuzz_put("line", text);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	for (int join = 0; join < 2; join++) {
		struct exlex *l = exlex_new(fd, "line", NULL);
		uint64_t next = 1;

		while (exlex_next(l, join, &line, &err) == EXSTEP_ITEM) {
			if (line.line != next || line.last < line.line)
				abort();
			next = line.last + 1;
		}
		exlex_free(&l);
	}
	close(fd);
}

/* As a reader sees a field: its cell, or the record it went to, decoded. */
static struct slice
fuzz_field(const struct exfield *f, struct codepage *page, struct buf *ret)
{
	buf_reset(ret);
	codepage_decode(page, f->cell.len > 0 ? buf_slice(&f->cell) : buf_slice(&f->data), ret);
	return buf_slice(ret);
}

struct fuzz_writing {
	struct codepage *page;
	struct exfield f;
	struct buf clean, back, scratch, seen;
};

/* A value that the page has comes back, alone and in a list. */
static void
fuzz_write_value(struct fuzz_writing *w)
{
	struct slice want = buf_slice(&w->clean), raw = { "", 0 };
	const struct exrecip two[] = { { want, { 0 }, { 0 } }, { { "x", 1 }, { 0 }, { 0 } } };
	struct excut cut;

	exfield_text(&w->f, w->page, want);
	/* Some pages write a letter and its mark apart. */
	codepage_encode(w->page, want, &w->back, &(struct codepage_lacks){ 0 });
	codepage_decode(w->page, buf_slice(&w->back), &w->seen);
	if (w->f.notes.lacks.count > 0 || !slice_same(buf_slice(&w->seen), want))
		return;
	buf_reset(&w->back);
	exlex_value(fuzz_field(&w->f, w->page, &w->seen), &w->back);
	if (!slice_same(buf_slice(&w->back), want))
		abort();
	for (size_t n = 1; n <= 2 && want.len > 0; n++) {
		exfield_recips(&w->f, w->page, two, n);
		exlex_list(fuzz_field(&w->f, w->page, &w->seen), &w->scratch, &cut);
		buf_reset(&w->back);
		if (!excut_next(&cut, &raw) || !exlex_value(raw, &w->back) ||
		    !slice_same(buf_slice(&w->back), want) || excut_next(&cut, &raw) != (n == 2))
			abort();
	}
}

/* The second octet chooses the code page; controls and octets that are not UTF-8 are taken out. */
static void
fuzz_write(struct slice text)
{
	static const unsigned pages[] = { 65001, 1252, 932, 54936, 1258, 437 };
	struct fuzz_writing w;
	struct codepage *utf8;
	struct err err;
	unsigned number = text.len > 0 ? pages[(unsigned char)text.data[0] % 6] : 65001;

	if (codepage_open(&w.page, number, &err) < 0 || codepage_open(&utf8, 65001, &err) < 0)
		abort();
	exfield_init(&w.f);
	buf_init(&w.clean, 1 << 16);
	buf_init(&w.back, 1 << 18);
	buf_init(&w.scratch, 1 << 18);
	buf_init(&w.seen, 1 << 18);
	codepage_decode(utf8, text, &w.clean);
	for (size_t i = 0; i < w.clean.len; i++) {
		if ((unsigned char)w.clean.data[i] < 0x20)
			w.clean.data[i] = '_';
	}
	fuzz_write_value(&w);
	exfield_done(&w.f);
	buf_done(&w.clean);
	buf_done(&w.back);
	buf_done(&w.scratch);
	buf_done(&w.seen);
	codepage_close(&w.page);
	codepage_close(&utf8);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice text = { (const char *)data, len };

	fuzz_begin();
	if (len > 0 && data[0] == 'L')
		fuzz_lex((struct slice){ text.data + 1, len - 1 });
	else if (len > 0 && data[0] == 'W')
		fuzz_write((struct slice){ text.data + 1, len - 1 });
	else
		fuzz_set(text);
	return 0;
}
