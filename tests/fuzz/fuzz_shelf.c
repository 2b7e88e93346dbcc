/* libFuzzer: files that mail is read from; the first octet chooses which. Whatever they hold, a
 * shelf must list ascending UIDs, as many as it said there are, and each must give its octets or a
 * reason. The files lie in a directory of the process's own below TMPDIR. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/mbox/mbox_from.h"
#include "store/shelf.h"
#include "store/sidecar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char place[256];

/* The writer of sidecars, which has this, is not part of the target. */
void
sidecar_name(unsigned number, char ret[SIDECAR_NAME_MAX])
{
	(void)snprintf(
	    ret, SIDECAR_NAME_MAX, number == 1 ? "folder.jsonl" : "folder.jsonl.%u", number);
}

static const char *
place_path(const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof path, "%s/%s", place, name);
	return path;
}

/* The files of an input go with it. */
static void
place_remove(void)
{
	(void)rmdir(place_path("cur"));
	(void)rmdir(place);
}

static void
place_make(void)
{
	const char *base = getenv("TMPDIR");

	if (place[0] != '\0')
		return;
	(void)snprintf(place, sizeof place, "%s/imex-fuzz-XXXXXX", base != NULL ? base : "/tmp");
	if (mkdtemp(place) == NULL || mkdir(place_path("cur"), 0700) < 0 || atexit(place_remove) != 0)
		abort();
}

static void
put(const char *name, struct slice octets)
{
	int fd = open(place_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, octets.data, octets.len) != (ssize_t)octets.len)
		abort();
	close(fd);
}

static void
drop(const char *name)
{
	(void)unlink(place_path(name));
}

static void
read_message(const struct shelf_ops *ops, struct shelf *s, uint32_t uid)
{
	struct shelf_body b;
	struct slice part = { NULL, 1 };
	struct err err = { 0 };
	struct buf where;

	if (ops->begin(s, uid, &b, &err) < 0)
		abort();
	if (b.verdict != VERDICT_NONE && (b.reason == NULL || b.reason[0] == '\0'))
		abort();
	while (b.verdict == VERDICT_NONE && part.len > 0) {
		if (ops->read(s, &part, &err) < 0)
			break;
	}
	buf_init(&where, 4096);
	(void)ops->where(s, uid, &where, &err);
	buf_done(&where);
}

static void
read_folder(const struct shelf_ops *ops, struct shelf *s, const struct folder *f)
{
	struct msg_page *page = msg_page_new();
	struct folder_head head;
	struct err err = { 0 };
	uint32_t after = 0;
	uint64_t n = 0;

	if (ops->enter(s, f, &head, &err) == 0) {
		for (;;) {
			if (ops->list(s, after, page, &err) < 0)
				break;
			if (page->len == 0) {
				if (n != head.exists)
					abort();
				break;
			}
			for (size_t i = 0; i < page->len; i++) {
				if (page->msg[i].uid <= after)
					abort();
				after = page->msg[i].uid;
				read_message(ops, s, after);
			}
			n += page->len;
		}
		char name[512] = "x";
		for (int i = 0; ops->stray != NULL && name[0] != '\0' && i < 10000; i++) {
			if (ops->stray(s, name, &err) < 0)
				break;
		}
	}
	msg_page_free(page);
}

static void
read_all(const struct shelf_ops *ops, bool ours, const char *file)
{
	const struct shelf_place at = { .path = file != NULL ? place_path(file) : place,
		.login = "",
		.host = "",
		.port = "",
		.ours = ours };
	struct folder_list list = { .len = 0 };
	struct shelf *s = NULL;
	struct err err = { 0 };
	struct arena a;

	if (ops->open(&s, &at, NULL, &err) < 0)
		abort();
	arena_init(&a, 16 * 1024 * 1024);
	if (ops->folders(s, &a, &list, &err) == 0) {
		for (size_t i = 0; i < list.len; i++)
			read_folder(ops, s, &list.folder[i]);
	}
	folder_list_done(&list);
	arena_done(&a);
	ops->close(&s);
}

/* What stands before the first octet 0xff, taken off with it. */
static struct slice
half(struct slice *rest)
{
	const char *cut = memchr(rest->data, 0xff, rest->len);
	struct slice first = { rest->data, cut != NULL ? (size_t)(cut - rest->data) : rest->len };

	rest->data += first.len + (cut != NULL);
	rest->len -= first.len + (cut != NULL);
	return first;
}

static void
try_ours(const struct shelf_ops *ops, struct slice text, const char *file)
{
	put("folder.jsonl", half(&text));
	put(file, text);
	read_all(ops, true, NULL);
	drop("folder.jsonl");
	drop(file);
}

static void
try_maildir(struct slice text, const char *index)
{
	static const char *const names[] = { "cur/10.a:2,Sab", "cur/20.b,S=1:2,", "cur/30.c" };

	put(index, text);
	for (size_t i = 0; i < 3; i++)
		put(names[i], slice_str("A: b\n\nx\n"));
	read_all(&shelf_maildir, false, NULL);
	for (size_t i = 0; i < 3; i++)
		drop(names[i]);
	drop(index);
}

static void
try_text(struct slice text)
{
	struct flags flags;
	struct arena a;
	struct date d;

	arena_init(&a, 1024 * 1024);
	(void)mbox_from_date(text, &d);
	(void)mbox_flags(text, &a, &flags);
	arena_done(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;

	struct slice text = { (const char *)data + 1, len - 1 };

	place_make();
	switch (data[0] % 7) {
	case 0:
		put("m", text);
		read_all(&shelf_mbox, false, "m");
		drop("m");
		break;
	case 1:
		try_ours(&shelf_mbox, text, "folder.mbox");
		break;
	case 2:
		try_ours(&shelf_eml, text, "1.eml");
		break;
	case 3:
		try_ours(&shelf_maildir, text, "cur/1000.V7U1.imex,S=2,W=3:2,Sa");
		break;
	case 4:
		try_maildir(text, "dovecot-uidlist");
		break;
	case 5:
		try_maildir(text, "dovecot-keywords");
		break;
	default:
		try_text(text);
	}
	return 0;
}
