/* Taking copies away again, against a scripted server on loopback and a state of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/job.h"
#include "tempdir.h"

/* ---- the server: "C:" octets that must come, "S:" octets to send ---- */

enum { WRONG_MAX = 400 };

struct server {
	const char *const *script;
	int listener, fd;
	char port[8], wrong[WRONG_MAX];
	pthread_t thread;
};

static struct server server;

static bool
server_hear(struct server *v, const char *want)
{
	char got[1000];
	size_t len = strlen(want), have = 0;

	while (have < len) {
		ssize_t n = recv(v->fd, got + have, len - have, 0);

		if (n <= 0)
			break;
		have += (size_t)n;
		if (memcmp(got, want, have) != 0)
			break;
	}
	if (have == len && memcmp(got, want, len) == 0)
		return true;
	snprintf(
	    v->wrong, sizeof(v->wrong), "expected '%.150s', heard '%.*s'", want, (int)have, got);
	return false;
}

static void *
server_main(void *arg)
{
	struct server *v = arg;

	v->fd = accept(v->listener, NULL, NULL);
	for (size_t i = 0; v->script[i] != NULL; i++) {
		const char *line = v->script[i] + 2;

		if (*v->script[i] == 'C' && !server_hear(v, line))
			break;
		if (*v->script[i] == 'S' &&
		    send(v->fd, line, strlen(line), MSG_NOSIGNAL) != (ssize_t)strlen(line))
			break;
	}
	close(v->fd);
	return NULL;
}

static void
server_start(const char *const *script)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	server = (struct server){ .script = script };
	server.listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(server.listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(server.listener, 1), 0);
	assert_int_equal(getsockname(server.listener, (struct sockaddr *)&at, &len), 0);
	snprintf(server.port, sizeof(server.port), "%u", ntohs(at.sin_port));
	assert_int_equal(pthread_create(&server.thread, NULL, server_main, &server), 0);
}

static void
server_end(void)
{
	pthread_join(server.thread, NULL);
	close(server.listener);
	if (server.wrong[0] != '\0')
		fail_msg("%s", server.wrong);
}

/* ---- the job ---- */

#define GOOD(call)                                                                                 \
	do {                                                                                       \
		if ((call) < 0)                                                                    \
			fail_msg("%s: %s", #call, err.text);                                       \
	} while (0)

#define FIRST "Subject: one\r\nDate: today\r\n\r\nfirst\r\n" /* 36 octets */
#define THIRD "Subject: three\r\n\r\nthird" /* 23 octets; the server adds two */

static struct err err;
static struct arena arena;
static struct state *state;
static struct lease lease;
static struct folder_rec inbox;
static struct undo_counts counts;
static struct selection selection;
static char told[2000];

static void
put_row(struct batch *b, uint32_t uid, const char *octets, uint32_t dest_uid, bool own)
{
	struct msg m = { .uid = uid,
		.flags.keywords = "",
		.verdict = VERDICT_STORED,
		.wire_bytes = strlen(octets),
		.dest_uid = dest_uid,
		.dest_own = own };

	digest_once(octets, strlen(octets), m.sha256);
	batch_message(b, inbox.id, &m, VERDICTS);
}

/* Rows 1 to 5: copies 11 to 14 are imex's own, 15 was found there. */
static void
job_make(void)
{
	struct account_rec a = {
		.name = "u@h", .dir = "u@h", .login = "u", .host = "h", .port = "993"
	};
	struct batch *b = batch_new();

	arena_init(&arena, 16 * 1024 * 1024);
	GOOD(state_open(&state, temp_dir, STATE_RUN, &err));
	GOOD(state_claim(state, &a, &arena, &lease, &err));
	inbox = (struct folder_rec){
		.name = "INBOX", .delim = '/', .path = "INBOX", .mark = "7 1", .uidvalidity = 3
	};
	GOOD(state_folder(state, &lease, &inbox, &arena, &err));
	put_row(b, 1, FIRST, 11, true);
	put_row(b, 2, "something else", 12, true);
	put_row(b, 3, THIRD, 13, true);
	put_row(b, 4, FIRST, 14, true);
	put_row(b, 5, FIRST, 15, false);
	inbox.proof = (struct folder_proof){ .proved = true, .uidnext = 6 };
	batch_folder(b, &inbox);
	batch_warning(
	    b, &(struct warning){
		   .event = EV_DEST_DATE, .folder = "INBOX", .uid = 1, .text = "about 1" });
	batch_warning(
	    b, &(struct warning){
		   .event = EV_DEST_DATE, .folder = "INBOX", .uid = 2, .text = "about 2" });
	GOOD(state_put(state, &lease, &b, &err));
	GOOD(state_account_end(state, &lease, ACCOUNT_DONE, "", 0, &err));
}

static void
job_drop(void)
{
	state_close(&state);
	arena_done(&arena);
}

static void
put_item(void *arg, const struct undo_item *i)
{
	static const char *const word[] = { "remove", "changed", "gone", "not ours" };
	size_t len = strlen(told);

	(void)arg;
	snprintf(told + len, sizeof(told) - len, "%s %s %u '%s' '%s'\n", word[i->what], i->folder,
	    i->uid, i->subject, i->date);
}

static int
undo(bool remove, const char *const *script)
{
	const struct undo_out out = { .put = put_item };
	struct secret *secret = secret_new(slice_str("secret"));
	struct dest dest = { .server = { .account = "me",
				 .login = "me",
				 .host = "127.0.0.1",
				 .tls = TLS_NONE,
				 .secret = secret,
				 .timeout_ms = 5000 } };
	struct job job = { .dir = temp_dir, .dest = &dest, .state = state, .selection = selection };

	server_start(script);
	dest.server.port = server.port;
	told[0] = '\0';
	err = (struct err){ 0 };

	int rc = job_undo(&job, remove, &out, &counts, &err);

	server_end();
	secret_free(secret);
	return rc;
}

/* UIDs of the rows that are left, and of the warnings that stand. */
static void
assert_left(const char *rows, const char *warnings, bool proved)
{
	struct msg_page *page = msg_page_new();
	struct folder_rec *rec = NULL;
	struct warning *w = NULL;
	char text[200] = "";
	size_t n = 0;

	GOOD(state_page(state, inbox.id, 0, page, &err));
	for (size_t i = 0; i < page->len; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u ", page->msg[i].uid);
	assert_string_equal(text, rows);
	msg_page_free(page);
	text[0] = '\0';
	GOOD(state_warnings(state, lease.account, &arena, &w, &n, &err));
	for (size_t i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u ", w[i].uid);
	assert_string_equal(text, warnings);
	GOOD(state_folders(state, lease.account, &arena, &rec, &n, &err));
	assert_int_equal(rec[0].proof.proved, proved);
	assert_int_equal(rec[0].proof.uidnext, 6);
}

/* ---- what the server says ---- */

#define LOGIN(caps)                                                                                \
	"S:* OK [CAPABILITY IMAP4rev1] ready\r\n", "C:0001 LOGIN \"me\" \"secret\"\r\n",           \
	    "S:0001 OK [CAPABILITY IMAP4rev1 " caps "] in\r\n"
#define OPENED(n, verb, validity)                                                                  \
	"C:" n " " verb " \"INBOX\"\r\n",                                                          \
	    "S:* 4 EXISTS\r\n* OK [UIDVALIDITY " validity "] x\r\n" n " OK [READ-WRITE] open\r\n"
/* 14 is gone; 13 came with another flag */
#define FLAGS                                                                                      \
	"C:0003 UID FETCH 11:14 (UID FLAGS)\r\n",                                                  \
	    "S:* 1 FETCH (UID 11 FLAGS (\\Seen))\r\n* 2 FETCH (UID 12 FLAGS ())\r\n"               \
	    "* 3 FETCH (UID 13 FLAGS (\\Deleted))\r\n0003 OK done\r\n"
/* a body before its UID too */
#define BODIES                                                                                     \
	"C:0004 UID FETCH 11:14 (UID BODY.PEEK[])\r\n",                                            \
	    "S:* 1 FETCH (UID 11 BODY[] {36}\r\n" FIRST ")\r\n"                                    \
	    "* 2 FETCH (BODY[] {36}\r\n" FIRST " UID 12)\r\n"                                      \
	    "* 3 FETCH (BODY[] {25}\r\n" THIRD "\r\n UID 13)\r\n0004 OK done\r\n"
#define STORE(n, set, sign)                                                                        \
	"C:" n " UID STORE " set " " sign "FLAGS.SILENT (\\Deleted)\r\n", "S:" n " OK done\r\n"
#define LEFT_NOTHING(n)                                                                            \
	"C:" n " UID FETCH 11,13 (UID FLAGS)\r\n", "S:* 1 FETCH (UID 12 FLAGS ())\r\n" n " OK\r\n"
#define LEFT_BOTH(n)                                                                               \
	"C:" n " UID FETCH 11,13 (UID FLAGS)\r\n",                                                 \
	    "S:* 1 FETCH (UID 11 FLAGS ())\r\n* 3 FETCH (UID 13 FLAGS ())\r\n" n " OK\r\n"
#define LOGOUT(n) "C:" n " LOGOUT\r\n", NULL
#define TOLD                                                                                       \
	"not ours INBOX 15 '' ''\nremove INBOX 11 'one' 'today'\nchanged INBOX 12 'one' 'today'\n" \
	"remove INBOX 13 'three' ''\ngone INBOX 14 '' ''\n"

static void
own_and_equal_copies_are_removed(void **unused)
{
	static const char *const script[] = { LOGIN("UIDPLUS"), OPENED("0002", "SELECT", "7"),
		FLAGS, BODIES, STORE("0005", "11,13", "+"), "C:0006 UID EXPUNGE 11,13\r\n",
		"S:* 1 EXPUNGE\r\n* 2 EXPUNGE\r\n0006 OK done\r\n", LEFT_NOTHING("0007"),
		LOGOUT("0008") };

	(void)unused;
	job_make();
	GOOD(undo(true, script));
	assert_string_equal(told, TOLD);
	assert_int_equal(counts.ours, 2);
	assert_int_equal(counts.removed, 2);
	assert_int_equal(counts.changed, 1);
	assert_int_equal(counts.gone, 1);
	assert_left("2 5 ", "2 ", false);
	job_drop();
}

static void
list_changes_nothing(void **unused)
{
	static const char *const script[] = { LOGIN("UIDPLUS"), OPENED("0002", "EXAMINE", "7"),
		FLAGS, BODIES, LOGOUT("0005") };

	(void)unused;
	job_make();
	GOOD(undo(false, script));
	assert_string_equal(told, TOLD);
	assert_int_equal(counts.removed, 0);
	assert_left("1 2 3 4 5 ", "1 2 ", true);
	job_drop();
}

static void
folders_that_are_not_selected_stay(void **unused)
{
	static const char *const script[] = { LOGIN("UIDPLUS"), LOGOUT("0002") };
	static const char *const folders[] = { "Archive*" };

	(void)unused;
	job_make();
	selection = (struct selection){ .folders = folders, .n_folders = 1 };
	GOOD(undo(true, script));
	selection =
	    (struct selection){ .excludes = (const char *const[]){ "inbox" }, .n_excludes = 1 };
	GOOD(undo(true, script));
	selection = (struct selection){ .subscribed = true };
	GOOD(undo(true, script));
	selection = (struct selection){ .n_folders = 0 };
	assert_string_equal(told, "");
	assert_left("1 2 3 4 5 ", "1 2 ", true);
	job_drop();
}

static void
another_uidvalidity_is_another_folder(void **unused)
{
	static const char *const script[] = { LOGIN("UIDPLUS"), OPENED("0002", "SELECT", "8"),
		LOGOUT("0003") };

	(void)unused;
	job_make();
	assert_int_equal(undo(true, script), -1);
	assert_int_equal(err.kind, ERR_WRONG_SOURCE);
	assert_int_equal(counts.gone, 4);
	assert_left("1 2 3 4 5 ", "1 2 ", true);
	job_drop();
}

static void
folder_that_cannot_be_opened_is_left(void **unused)
{
	static const char *const script[] = { LOGIN("UIDPLUS"), "C:0002 SELECT \"INBOX\"\r\n",
		"S:0002 NO not now\r\n", LOGOUT("0003") };

	(void)unused;
	job_make();
	assert_int_equal(undo(true, script), -1);
	assert_int_equal(err.kind, ERR_FOLDER);
	assert_int_equal(counts.gone, 0);
	assert_left("1 2 3 4 5 ", "1 2 ", true);
	job_drop();
}

/* 13 was marked before: only the mark of 11 is taken off again. Gone is gone all the same. */
static void
without_uidplus_others_marks_keep_all(void **unused)
{
	static const char *const script[] = { LOGIN("IDLE"), OPENED("0002", "SELECT", "7"), FLAGS,
		BODIES, STORE("0005", "11,13", "+"), "C:0006 UID SEARCH DELETED\r\n",
		"S:* SEARCH 13 9 11\r\n0006 OK done\r\n", STORE("0007", "11", "-"),
		LEFT_BOTH("0008"), LOGOUT("0009") };

	(void)unused;
	job_make();
	assert_int_equal(undo(true, script), -1);
	assert_int_equal(err.kind, ERR_FOLDER);
	assert_non_null(strstr(err.text, "1 other message"));
	assert_int_equal(counts.removed, 0);
	assert_left("1 2 3 5 ", "1 2 ", false);
	job_drop();
}

static void
without_uidplus_the_folder_is_expunged(void **unused)
{
	static const char *const script[] = { LOGIN("IDLE"), OPENED("0002", "SELECT", "7"), FLAGS,
		BODIES, STORE("0005", "11,13", "+"), "C:0006 UID SEARCH DELETED\r\n",
		"S:* SEARCH 11 13\r\n0006 OK done\r\n", "C:0007 EXPUNGE\r\n",
		"S:* 1 EXPUNGE\r\n* 2 EXPUNGE\r\n0007 OK done\r\n", LEFT_NOTHING("0008"),
		LOGOUT("0009") };

	(void)unused;
	job_make();
	GOOD(undo(true, script));
	assert_int_equal(counts.removed, 2);
	assert_left("2 5 ", "2 ", false);
	job_drop();
}

static void
refused_expunge_takes_the_marks_off(void **unused)
{
	static const char *const script[] = { LOGIN("UIDPLUS"), OPENED("0002", "SELECT", "7"),
		FLAGS, BODIES, STORE("0005", "11,13", "+"), "C:0006 UID EXPUNGE 11,13\r\n",
		"S:0006 NO [NOPERM] you may not\r\n", STORE("0007", "11", "-"), LEFT_BOTH("0008"),
		LOGOUT("0009") };

	(void)unused;
	job_make();
	assert_int_equal(undo(true, script), -1);
	assert_non_null(strstr(err.text, "you may not"));
	assert_left("1 2 3 5 ", "1 2 ", false);
	job_drop();
}

/* An OK alone is not believed. */
static void
what_is_still_there_keeps_its_row(void **unused)
{
	static const char *const script[] = { LOGIN("UIDPLUS"), OPENED("0002", "SELECT", "7"),
		FLAGS, BODIES, STORE("0005", "11,13", "+"), "C:0006 UID EXPUNGE 11,13\r\n",
		"S:0006 OK done\r\n", "C:0007 UID FETCH 11,13 (UID FLAGS)\r\n",
		"S:* 3 FETCH (UID 13 FLAGS (\\Deleted))\r\n0007 OK\r\n", LOGOUT("0008") };

	(void)unused;
	job_make();
	assert_int_equal(undo(true, script), -1);
	assert_int_equal(err.kind, ERR_FOLDER);
	assert_int_equal(counts.removed, 1);
	assert_left("2 3 5 ", "2 ", false);
	job_drop();
}

/* Listed, but no octets: not known to be ours, and not gone. */
static void
message_without_octets_stays(void **unused)
{
	static const char *const script[] = { LOGIN("UIDPLUS"), OPENED("0002", "SELECT", "7"),
		FLAGS, "C:0004 UID FETCH 11:14 (UID BODY.PEEK[])\r\n",
		"S:* 1 FETCH (UID 11 BODY[] NIL)\r\n* 3 FETCH (UID 13 BODY[] \"\")\r\n0004 OK\r\n",
		LOGOUT("0005") };

	(void)unused;
	job_make();
	GOOD(undo(true, script));
	assert_int_equal(counts.changed, 3);
	assert_int_equal(counts.gone, 1);
	assert_left("1 2 3 5 ", "1 2 ", false);
	job_drop();
}

/* Cut behind EXPUNGE: nothing is forgotten before the OK, and the next undo finds it gone. */
static void
cut_between_expunge_and_ok_is_mended_by_the_next(void **unused)
{
	static const char *const cut[] = { LOGIN("UIDPLUS"), OPENED("0002", "SELECT", "7"), FLAGS,
		BODIES, STORE("0005", "11,13", "+"), "C:0006 UID EXPUNGE 11,13\r\n", NULL };
	static const char *const again[] = { LOGIN("UIDPLUS"), OPENED("0002", "SELECT", "7"),
		"C:0003 UID FETCH 11:14 (UID FLAGS)\r\n",
		"S:* 1 FETCH (UID 12 FLAGS ())\r\n0003 OK\r\n",
		"C:0004 UID FETCH 11:14 (UID BODY.PEEK[])\r\n",
		"S:* 1 FETCH (UID 12 BODY[] {1}\r\nx)\r\n0004 OK\r\n", LOGOUT("0005") };

	(void)unused;
	job_make();
	assert_int_equal(undo(true, cut), -1);
	assert_int_equal(err.scope, SCOPE_SESSION);
	assert_left("1 2 3 4 5 ", "1 2 ", false);
	GOOD(undo(true, again));
	assert_int_equal(counts.gone, 3);
	assert_left("2 5 ", "2 ", false);
	job_drop();
}

#define UNDO_TEST(name) cmocka_unit_test_setup_teardown(name, temp_dir_make, temp_dir_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNDO_TEST(own_and_equal_copies_are_removed),
		UNDO_TEST(list_changes_nothing),
		UNDO_TEST(folders_that_are_not_selected_stay),
		UNDO_TEST(another_uidvalidity_is_another_folder),
		UNDO_TEST(folder_that_cannot_be_opened_is_left),
		UNDO_TEST(without_uidplus_others_marks_keep_all),
		UNDO_TEST(without_uidplus_the_folder_is_expunged),
		UNDO_TEST(refused_expunge_takes_the_marks_off),
		UNDO_TEST(what_is_still_there_keeps_its_row),
		UNDO_TEST(message_without_octets_stays),
		UNDO_TEST(cut_between_expunge_and_ok_is_mended_by_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
