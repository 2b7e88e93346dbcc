/* libFuzzer: a state that an older imex left, damaged anywhere. The first octet is the version of its tables (0: newer
 * than this program knows), the next whether a run opens it or a reader; what follows are wounds, each of 4 octets and
 * what they announce: where (2, of 65536ths of the file), how many octets (1), and their first value (1), which
 * counts up; 255 octets is a cut of the file there.
 *
 * Held: no crash; a state without wounds opens with all that it held, or is refused as newer (78); a wounded one opens
 * or is refused as damaged (65), or as another version's; a reader changes nothing, and a file that is refused is
 * still there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/mem.h"
#include "state/sqlite.h"
#include "state/state.h"

enum { MESSAGES = 40, CUT = 255, WOUND = 4, BASE_MAX = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char dir[256], path[300];

#define MUST(is) \
	do { \
		if (!(is)) { \
			fprintf(stderr, "fuzz_state: not so: %s\n", #is); \
			abort(); \
		} \
	} while (0)

/* ---- the file ---- */

static void
sql(sqlite3 *db, const char *text)
{
	char *why = NULL;

	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK) {
		fprintf(stderr, "fuzz_state: %s: %s\n", text, why);
		abort();
	}
}

static void
fill(sqlite3 *db)
{
	char text[512];

	sql(db, "INSERT INTO account(id,key,dir,name,login,host,port) VALUES(1,'u h 993','u@h','u@h','u','h','993');"
		"INSERT INTO folder(id,account,name,uidvalidity,delim,path,mark,messages,n_stored,listed)"
		" VALUES(1,1,'INBOX',7,47,'INBOX','',40,40,40);"
		"INSERT INTO note VALUES('kind','extract');"
		"INSERT INTO run(version,options,started_ms) VALUES('0','',1);"
		"INSERT INTO problem(folder,uid,verdict) VALUES(1,5,8);"
		"INSERT INTO warning VALUES(1,30001,'INBOX',0,'w');"
		"INSERT INTO debt VALUES(1,3)");
	for (int uid = 1; uid <= MESSAGES; uid++) {
		(void)snprintf(text, sizeof(text),
		    "INSERT INTO message(folder,uid,size,date,zone,flags,modseq,verdict,wire_bytes,file_bytes,"
		    "sha256,expunged) VALUES(1,%d,1000,1700000000,60,0,0,1,1000,990,zeroblob(32),0)",
		    uid);
		sql(db, text);
	}
}

/* The tables of that version as its program made them. */
static void
make(int version, int told)
{
	char text[96];
	sqlite3 *db;

	MUST(sqlite3_open(path, &db) == SQLITE_OK);
	sql(db, "PRAGMA page_size=1024; PRAGMA synchronous=OFF; BEGIN");
	for (int to = 1; to <= version; to++)
		sql(db, schema_sql(to));
	fill(db);
	(void)snprintf(text, sizeof(text), "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", SCHEMA_ID, told);
	sql(db, text);
	sql(db, "PRAGMA journal_mode=WAL");
	MUST(sqlite3_close(db) == SQLITE_OK);
}

struct octets {
	char *data;
	size_t len;
};

static struct octets
read_file(void)
{
	struct octets ret = { .data = mem_new(BASE_MAX) };
	FILE *f = fopen(path, "rb");

	if (f != NULL) {
		ret.len = fread(ret.data, 1, BASE_MAX, f);
		(void)fclose(f);
	}
	return ret;
}

static void
write_file(const struct octets *o)
{
	FILE *f = fopen(path, "wb");

	MUST(f != NULL && fwrite(o->data, 1, o->len, f) == o->len && fclose(f) == 0);
}

static void
remove_file(const char *suffix)
{
	char name[400];

	(void)snprintf(name, sizeof(name), "%s%s", path, suffix);
	(void)unlink(name);
}

/* Made once for each version; then only copied. */
static const struct octets *
base_of(int version)
{
	static struct octets base[64];
	struct octets *b = &base[version];

	if (b->data == NULL) {
		make(version == 0 ? schema_version : version, version == 0 ? schema_version + 1 : version);
		*b = read_file();
		remove_file("");
	}
	return b;
}

/* False: it is as it was made. */
static bool
wound(struct octets *o, const uint8_t *data, size_t len)
{
	const struct octets whole = { .data = mem_new(BASE_MAX), .len = o->len };
	bool is;

	memcpy(whole.data, o->data, o->len);
	for (; len >= WOUND && o->len > 0; data += WOUND, len -= WOUND) {
		size_t at = ((size_t)data[0] << 8 | data[1]) * o->len / 65536;

		if (data[2] == CUT)
			o->len = at;
		for (size_t i = 0; data[2] != CUT && i < data[2] && at + i < o->len; i++)
			o->data[at + i] = (char)(data[3] + i);
	}
	is = o->len != whole.len || memcmp(o->data, whole.data, o->len) != 0;
	free(whole.data);
	return is;
}

/* ---- what a run and a report ask ---- */

static int
read_all(struct state *t, size_t *ret_messages, struct err *err)
{
	struct msg_page *page = msg_page_new();
	struct account_rec *a;
	struct folder_rec *f;
	struct problem *p;
	struct warning *w;
	struct arena arena;
	size_t n, folders, k;
	int outcome, rc;

	arena_init(&arena, 16 * 1024 * 1024);
	rc = state_outcome(t, &outcome, err) < 0 || state_accounts(t, &arena, &a, &n, err) < 0 ||
		state_folders(t, 1, &arena, &f, &folders, err) < 0 || state_warnings(t, 1, &arena, &w, &k, err) < 0
	    ? -1
	    : 0;
	for (size_t i = 0; rc == 0 && i < folders; i++) {
		rc = state_problems(t, f[i].id, &arena, &p, &k, err) < 0 || state_page(t, f[i].id, 0, page, err) < 0
		    ? -1
		    : 0;
		*ret_messages += rc == 0 ? page->len : 0;
	}
	arena_done(&arena);
	msg_page_free(page);
	return rc;
}

static int
use(enum state_mode mode, size_t *ret_messages, struct err *err)
{
	struct account_rec claim = { .name = "u@h", .dir = "u@h", .login = "u", .host = "h", .port = "993" };
	struct state *t = NULL;
	struct lease lease;
	struct arena arena;
	int rc;

	arena_init(&arena, 1024 * 1024);
	rc = state_open(&t, dir, mode, err);
	if (rc == 0)
		rc = read_all(t, ret_messages, err);
	if (rc == 0 && mode == STATE_RUN)
		rc = state_claim(t, &claim, &arena, &lease, err);
	state_close(&t);
	arena_done(&arena);
	return rc;
}

/* What the first version lacks a reader is told; only a run may bring it up to date. */
static bool
is_refused(int version, enum state_mode mode, const struct err *err)
{
	if (err->kind == ERR_STATE || err->kind == ERR_NEWER_STATE)
		return true;
	return mode == STATE_READ && version > 0 && version < schema_version && err->kind == ERR_CONFIG &&
	    strstr(err->text, "older imex") != NULL;
}

static void
judge(int version, enum state_mode mode, bool wounded, int rc, size_t messages, const struct err *err)
{
	struct stat st;

	if (rc < 0 && !is_refused(version, mode, err)) {
		fprintf(stderr, "fuzz_state: version %d, kind %d: %s\n", version, (int)err->kind, err->text);
		abort();
	}
	MUST(stat(path, &st) == 0);
	if (wounded)
		return;
	if (version == 0)
		MUST(rc < 0 && err->kind == ERR_NEWER_STATE);
	else if (version > 1 || mode == STATE_RUN)
		MUST(rc == 0 && messages == MESSAGES);
}

static void
leave(void)
{
	static const char *const other[] = { "", "-wal", "-shm", "-journal" };

	for (size_t i = 0; i < COUNT_OF(other); i++)
		remove_file(other[i]);
	(void)snprintf(path, sizeof(path), "%s/imex.lock", dir);
	(void)unlink(path);
	(void)rmdir(dir);
}

static void
begin(void)
{
	const char *tmp = getenv("TMPDIR");

	/* No sync of a real disk for each input. */
	if (tmp == NULL)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	(void)snprintf(dir, sizeof(dir), "%s/imex-fuzz-XXXXXX", tmp);
	MUST(mkdtemp(dir) != NULL);
	(void)snprintf(path, sizeof(path), "%s/imex.db", dir);
	(void)atexit(leave);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct octets now = { .data = NULL };
	const struct octets *base;
	size_t messages = 0;
	struct err err = { 0 };

	if (len < 2)
		return 0;
	if (dir[0] == '\0')
		begin();
	int version = data[0] % (schema_version + 1);
	enum state_mode mode = data[1] & 1 ? STATE_RUN : STATE_READ;

	base = base_of(version);
	now = (struct octets){ .data = mem_new(BASE_MAX), .len = base->len };
	memcpy(now.data, base->data, base->len);
	bool wounded = wound(&now, data + 2, len - 2);
	write_file(&now);
	/* One that is cut to nothing is none, which a reader is told, and a run begins. */
	if (now.len > 0) {
		int rc = use(mode, &messages, &err);

		judge(version, mode, wounded, rc, messages, &err);
		if (mode == STATE_READ) {
			struct octets after = read_file();

			MUST(after.len == now.len && memcmp(after.data, now.data, now.len) == 0);
			free(after.data);
		}
	}
	remove_file("");
	remove_file("-wal");
	remove_file("-shm");
	remove_file("-journal");
	free(now.data);
	return 0;
}
