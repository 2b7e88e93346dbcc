/* libFuzzer: all that a server says in a session, from the greeting to the goodbye, against the
 * source that extract and migrate read from: login, folders, listing, numbers in place of UIDs, windows, the
 * ladder down to MIME parts and the header alone, the proof, what has changed since, headers, a visit, access
 * rights and annotations, flag debts. No server: dial is wrapped and gives a stream of memory, a piece of the
 * input up to a line of "~~" for each connection. The first octet is the cut of the stream, and what is done
 * (enum way). With FUZZ_PORT it talks to a server there instead: so record.py makes the corpus. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/source.h"

enum { ROUNDS_MAX = 4, FOLDERS_ENTERED = 4, CONNECTIONS_MAX = 4, HEADS_MAX = 16 };
/* Bits of the first octet. With none of them all messages of each folder are listed and read, once. */
enum way {
	WAY_NO_WRITES = 0x01, /* forms that set \Seen are not used */
	WAY_SINCE = 0x02, /* the folder is known from an earlier run up to UID 1 */
	WAY_VISIT = 0x04, /* as a helper reads what another session has listed, and headers are asked for */
	WAY_EXTRAS = 0x08,
	WAY_SEARCH = 0x10,
	WAY_SEVENS = 0x20,
	WAY_SINGLES = 0x40,
	WAY_AGAIN = 0x80 /* a second session, with what the first has learnt */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int __wrap_dial_by(const struct route *by, const char *host, const char *port, int64_t timeout_ms,
    struct cancel *stop, struct stream **ret, struct err *err);
int __real_dial_by(const struct route *by, const char *host, const char *port, int64_t timeout_ms,
    struct cancel *stop, struct stream **ret, struct err *err);

static struct slice told; /* what has not been said yet */
static size_t piece, connections;
static unsigned way;

int
__wrap_dial_by(const struct route *by, const char *host, const char *port, int64_t timeout_ms,
    struct cancel *stop, struct stream **ret, struct err *err)
{
	const char *end = told.len > 0 ? memmem(told.data, told.len, "\n~~\n", 4) : NULL;
	size_t len = end != NULL ? (size_t)(end - told.data) + 1 : told.len;

	if (connections++ == CONNECTIONS_MAX)
		return err_set(err, ERR_CONNECT, "no more connections");
	if (getenv("FUZZ_PORT") != NULL)
		return __real_dial_by(by, host, port, timeout_ms, stop, ret, err);
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
read_changes(struct source *s, struct msg_page *page, struct err *err)
{
	struct changed what = { 0 };

	do {
		if (source_imap.changes(s, page, &what, err) < 0)
			return -1;
	} while (page->len > 0);
	return what.refused ? source_imap.relist(s, err) : 0;
}

/* As after another UIDVALIDITY: headers of what the listing has told, then all of it once more. */
static int
compare_heads(struct source *s, struct msg_page *page, struct err *err)
{
	static struct header head[HEADS_MAX];
	size_t n = 0;

	do {
		if (source_imap.list(s, page, err) < 0)
			return -1;
		for (size_t i = 0; i < page->len && n < HEADS_MAX; i++)
			head[n++] = (struct header){ .uid = page->msg[i].uid };
	} while (page->len > 0);
	return source_imap.heads(s, head, n, err) < 0 ? -1 : source_imap.relist(s, err);
}

static int
number(struct source *s, struct numbering *io, struct err *err)
{
	return source_imap.numbered(s) ? source_imap.number(s, io, err) : 0;
}

static int
copy_folder(struct source *s, const struct folder *f, struct msg_page *page, struct numbering *numbers,
    struct folder_head *head, struct err *err)
{
	static const struct since known = { .uidvalidity = 1700000001, .uidnext = 2, .modseq = 1 };
	struct folder_proof proof;
	bool more = true;

	if (source_imap.enter(s, f, way & WAY_SINCE ? &known : NULL, head, err) < 0)
		return -1;
	for (int i = 0; i < ROUNDS_MAX && more; i++) {
		if (number(s, numbers, err) < 0)
			return -1;
		if (i == 0 && head->since && read_changes(s, page, err) < 0)
			return -1;
		if (i == 0 && way & WAY_VISIT && !head->since && !source_imap.numbered(s) &&
		    compare_heads(s, page, err) < 0)
			return -1;
		if (list_all(s, page, err) < 0 || source_imap.settle(s, &more, err) < 0)
			return -1;
	}
	return source_imap.leave(s, &proof, err);
}

static int
visit_folder(struct source *s, const struct folder *f, const struct folder_head *head, struct err *err)
{
	static const struct want want[] = { { .uid = 1, .size_known = true, .size = 145 }, { .uid = 2 } };

	if (source_imap.numbered(s))
		return 0;
	if (source_imap.visit(s, f, head->uidvalidity, err) < 0 ||
	    source_imap.ask(s, want, COUNT_OF(want), err) < 0)
		return -1;
	return take_all(s, err);
}

static int
read_extras(struct source *s, const struct folder *f, struct arena *a, struct err *err)
{
	unsigned what = source_imap.extras_offered(s);
	uint64_t used, limit;
	struct extras x;

	if (f == NULL && source_imap.quota(s, &used, &limit, err) < 0)
		return -1;
	return source_imap.extras(s, f, what & (f == NULL ? EXTRA_METADATA : ~0U), a, &x, err);
}

static void
pay_debt(struct source *s, const struct folder *f, uint32_t uidvalidity, const struct numbering *numbers)
{
	struct uidset owed;
	struct debt debt = { .folder = f->name, .uidvalidity = uidvalidity, .owed = &owed, .numbering = numbers };
	struct debt_result paid = { 0 };
	struct err err = { 0 };

	uidset_init(&owed);
	uidset_add(&owed, 1, 3);
	(void)!source_imap.pay(s, &debt, &paid, &err);
	debt_result_done(&paid);
	uidset_done(&owed);
}

/* All of one folder, each step in its turn; false: nothing more is to be had of this session. */
static bool
take_folder(struct source *s, struct folder *f, struct msg_page *page, bool owes, struct arena *a)
{
	struct numbering numbers = { .next = 1 };
	struct folder_head head = { 0 };
	struct err err = { 0 };
	int rc = way & WAY_EXTRAS ? read_extras(s, f, a, &err) : 0;

	if (rc == 0)
		rc = copy_folder(s, f, page, &numbers, &head, &err);
	if (rc == 0 && way & WAY_VISIT)
		rc = visit_folder(s, f, &head, &err);
	if (owes)
		pay_debt(s, f, head.uidvalidity, &numbers);
	numbering_done(&numbers);
	return rc == 0 || err.scope <= SCOPE_FOLDER;
}

static void
copy_all(struct source *s)
{
	struct folder_list list = { 0 };
	struct msg_page *page = msg_page_new();
	struct err err = { 0 };
	struct arena a;

	arena_init(&a, EXTRAS_MAX);
	if (source_imap.folders(s, &a, &list, &err) == 0) {
		struct folder *first = list.len > 0 ? &list.folder[0] : NULL;
		bool goes_on = true;

		if (way & WAY_EXTRAS && first != NULL)
			goes_on = source_imap.ids(s, &first, 1, &a, &err) == 0 && read_extras(s, NULL, &a, &err) == 0;
		for (size_t i = 0; i < list.len && i < FOLDERS_ENTERED && goes_on; i++)
			goes_on = take_folder(s, &list.folder[i], page, i == 0, &a);
	}
	folder_list_done(&list);
	arena_done(&a);
	msg_page_free(page);
}

/* Ends with LOGOUT where the connection still stands. */
static void
ride(const struct endpoint *at, struct server_facts *facts)
{
	struct source_place place = { .server = at, .no_source_writes = way & WAY_NO_WRITES,
		.again = way & WAY_SINCE, .sizes = way & WAY_EXTRAS,
		.search = way & WAY_SEARCH ? "SMALLER 100" : NULL, .facts = *facts };
	struct err err = { 0 };
	struct source *s = NULL;

	if (source_imap.open(&s, &place, NULL, &err) == 0) {
		copy_all(s);
		*facts = *source_imap.facts(s);
	}
	source_imap.close(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *port = getenv("FUZZ_PORT");
	struct server_facts facts = { 0 };
	struct endpoint at = { .account = "anna", .login = "anna", .host = "127.0.0.1",
		.port = port != NULL ? port : "143", .tls = TLS_NONE, .timeout_ms = 60000 };

	if (len == 0)
		return 0;
	at.secret = secret_new(slice_str("secret word"));
	way = data[0];
	piece = way & WAY_SINGLES ? 1 : way & WAY_SEVENS ? 7 : 0;
	connections = 0;
	told = (struct slice){ (const char *)data + 1, len - 1 };
	ride(&at, &facts);
	if (way & WAY_AGAIN)
		ride(&at, &facts);
	secret_free((struct secret *)(uintptr_t)at.secret);
	return 0;
}
