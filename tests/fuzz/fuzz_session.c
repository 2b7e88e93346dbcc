/* libFuzzer: all that a server says in a session, from the greeting to the last body, against the
 * source that extract and migrate read from: login, folders, listing, windows, the ladder down to MIME
 * parts and the header alone, the proof, flag debts. No server: dial is wrapped and gives a stream of
 * memory, a piece of the input up to a line of "~~" for each connection. The first octet is the cut of
 * the stream, and whether forms that set \Seen may be used. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/source.h"

enum { ROUNDS_MAX = 4, FOLDERS_ENTERED = 4, CONNECTIONS_MAX = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int __wrap_dial_by(const struct route *by, const char *host, const char *port, int64_t timeout_ms,
    struct cancel *stop, struct stream **ret, struct err *err);

static struct slice told; /* what has not been said yet */
static size_t piece, connections;

int
__wrap_dial_by(const struct route *by, const char *host, const char *port, int64_t timeout_ms,
    struct cancel *stop, struct stream **ret, struct err *err)
{
	const char *end = told.len > 0 ? memmem(told.data, told.len, "\n~~\n", 4) : NULL;
	size_t len = end != NULL ? (size_t)(end - told.data) + 1 : told.len;

	(void)by;
	(void)host;
	(void)port;
	(void)timeout_ms;
	(void)stop;
	if (connections++ == CONNECTIONS_MAX)
		return err_set(err, ERR_CONNECT, "no more connections");
	*ret = stream_memory((struct slice){ told.data, len }, piece);
	len += end != NULL ? 3 : 0;
	told = (struct slice){ told.data + len, told.len - len };
	return 0;
}

static int
take_all(struct source *s, struct err *err)
{
	for (;;) {
		struct offer o = { 0 };
		enum step step = source_imap.next(s, &o, err);

		if (step == STEP_ERR)
			return -1;
		if (step == STEP_END)
			return 0;
		if (step == STEP_OWE || o.verdict != VERDICT_NONE)
			continue;
		for (;;) {
			struct slice part;

			if (source_imap.read(s, &part, err) < 0) {
				if (err->kind != ERR_MESSAGE)
					return -1;
				*err = (struct err){ 0 };
				break;
			}
			if (part.len == 0)
				break;
		}
	}
}

static int
list_all(struct source *s, struct msg_page *page, struct err *err)
{
	for (;;) {
		static struct want want[PAGE_MSGS];

		if (source_imap.list(s, page, err) < 0)
			return -1;
		for (size_t i = 0; i < page->len; i++)
			want[i] = (struct want){ .uid = page->msg[i].uid,
				.size_known = page->msg[i].size_known,
				.isolated = page->msg[i].uid % 16 == 5,
				.size = page->msg[i].size };
		if (page->len == 0)
			break;
		if (source_imap.ask(s, want, page->len, err) < 0 || take_all(s, err) < 0)
			return -1;
	}
	return source_imap.ask_rest(s, err) < 0 ? -1 : take_all(s, err);
}

static int
copy_folder(struct source *s, const struct folder *f, struct msg_page *page, struct err *err)
{
	struct folder_head head;
	struct folder_proof proof;
	bool more = true;

	if (source_imap.enter(s, f, NULL, &head, err) < 0)
		return -1;
	for (int i = 0; i < ROUNDS_MAX && more; i++)
		if (list_all(s, page, err) < 0 || source_imap.settle(s, &more, err) < 0)
			return -1;
	return source_imap.leave(s, &proof, err);
}

static void
pay_debt(struct source *s, const struct folder *f)
{
	struct numbering none = { 0 };
	struct uidset owed;
	struct debt debt = { .folder = f->name, .uidvalidity = 1, .owed = &owed, .numbering = &none };
	struct debt_result paid = { 0 };
	struct err err = { 0 };

	uidset_init(&owed);
	uidset_add(&owed, 1, 3);
	(void)!source_imap.pay(s, &debt, &paid, &err);
	debt_result_done(&paid);
	uidset_done(&owed);
}

static void
copy_all(struct source *s)
{
	struct folder_list list = { 0 };
	struct msg_page *page = msg_page_new();
	struct err err = { 0 };
	struct arena a;

	arena_init(&a, 1024 * 1024);
	if (source_imap.folders(s, &a, &list, &err) == 0) {
		for (size_t i = 0; i < list.len && i < FOLDERS_ENTERED; i++) {
			err = (struct err){ 0 };
			if (copy_folder(s, &list.folder[i], page, &err) < 0 && err.scope > SCOPE_FOLDER)
				break;
		}
		if (list.len > 0)
			pay_debt(s, &list.folder[0]);
	}
	folder_list_done(&list);
	arena_done(&a);
	msg_page_free(page);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err err = { 0 };
	struct source *s = NULL;
	struct endpoint at = { .account = "anna", .login = "anna", .host = "127.0.0.1", .port = "143",
		.tls = TLS_NONE, .timeout_ms = 60000 };
	struct source_place place = { .server = &at };

	if (len == 0)
		return 0;
	at.secret = secret_new(slice_str("secret word"));
	piece = data[0] & 0x40 ? 1 : data[0] & 0x20 ? 7 : 0;
	place.no_source_writes = data[0] & 1;
	connections = 0;
	told = (struct slice){ (const char *)data + 1, len - 1 };
	if (source_imap.open(&s, &place, NULL, &err) == 0)
		copy_all(s);
	source_imap.close(&s);
	secret_free((struct secret *)(uintptr_t)at.secret);
	return 0;
}
