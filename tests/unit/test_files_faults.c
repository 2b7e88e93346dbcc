/* Every call to the disk fails once, in both tree formats: the run that met it ends with an error, and the
 * next one, which finds a clean or an unclean end, stores every message once and whole. And at every
 * call the run is killed: the next one ends with the very octets of an undisturbed one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "store/sink.h"
static const struct sink_ops *the_sink;
#define TREE_SINK (*the_sink)
#define TREE_PATH "A/B"
#include "mailtree.h"
#include "mboxread.h"

#define OK(call) assert_int_equal(call, 0)

/* ---- the disk ---- */

static int calls, fail_at; /* fail_at 0: never */
static bool kills;
static const char *failed;

static bool
faulty(const char *what)
{
	if (fail_at == 0 || ++calls != fail_at)
		return false;
	failed = what;
	if (kills && strstr(what, "write") == NULL)
		_exit(9);
	errno = calls % 2 == 0 ? EIO : ENOSPC;
	return true;
}

int
openat(int dir, const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	int mode = va_arg(args, int);
	va_end(args);
	return faulty("openat") ? -1 : (int)syscall(SYS_openat, dir, path, flags, mode);
}

int
mkdirat(int dir, const char *path, mode_t mode)
{
	return faulty("mkdirat") ? -1 : (int)syscall(SYS_mkdirat, dir, path, mode);
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return faulty("renameat")
	    ? -1
	    : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	return faulty("linkat") ? -1
				: (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

int
unlinkat(int dir, const char *path, int flags)
{
	return faulty("unlinkat") ? -1 : (int)syscall(SYS_unlinkat, dir, path, flags);
}

/* The disk became full in the middle, or the power went. */
static ssize_t
half_written(long n)
{
	(void)n;
	if (kills)
		_exit(9);
	errno = ENOSPC;
	return -1;
}

ssize_t
write(int fd, const void *data, size_t len)
{
	if (!faulty("write"))
		return syscall(SYS_write, fd, data, len);
	return half_written(syscall(SYS_write, fd, data, len / 2));
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	if (!faulty("pwrite"))
		return syscall(SYS_pwrite64, fd, data, len, at);
	return half_written(syscall(SYS_pwrite64, fd, data, len / 2, at));
}

ssize_t
pread(int fd, void *data, size_t len, off_t at)
{
	return faulty("pread") ? -1 : syscall(SYS_pread64, fd, data, len, at);
}

int
fsync(int fd)
{
	return faulty("fsync") ? -1 : (int)syscall(SYS_fsync, fd);
}

int
syncfs(int fd)
{
	return faulty("syncfs") ? -1 : (int)syscall(SYS_syncfs, fd);
}

int
ftruncate(int fd, off_t len)
{
	return faulty("ftruncate") ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

int
futimens(int fd, const struct timespec times[2])
{
	return faulty("futimens") ? -1 : (int)syscall(SYS_utimensat, fd, NULL, times, 0);
}

/* ---- the story ---- */

static struct err err;
static char big[300001];

enum { LAST = 5 };

/* UID 1 to 5; 3 is large and its line ends cannot be undone, which its last octet tells. */
static const char *
wire_of(uint32_t uid)
{
	static const char *const text[] = { "", "From one\r\n\r\nFrom x\r\n", "A: two\r\n\r\nbody", big,
		"four\n", "" };

	if (big[0] == '\0') {
		memset(big, 'x', sizeof big - 1);
		for (size_t i = 0; i + 90 < sizeof big; i += 80)
			memcpy(big + i, "\r\nFrom ", 7);
		big[sizeof big - 2] = '\n';
	}
	return text[uid];
}

static int
store(uint32_t uid)
{
	return tree_row(uid) != NULL && tree_row(uid)->verdict == VERDICT_STORED
	    ? 0
	    : tree_add(uid, FLAG_SEEN, "kw", wire_of(uid), &err);
}

/* A header first, in its place the whole later. */
static int
store_header(uint32_t uid)
{
	struct msg m = tree_msg(uid, 0, "", "header\r\n");

	m.verdict = VERDICT_HEADER_ONLY;
	return tree_row(uid) != NULL ? 0 : tree_put(&m, "header\r\n", &err);
}

static int
store_better(uint32_t uid)
{
	struct msg older;

	if (tree_row(uid)->verdict == VERDICT_STORED)
		return 0;
	older = *tree_row(uid);
	return store(uid) < 0 ? -1 : the_sink->remove(tree.sink, tree.at, 9, &older, &err);
}

static bool amended; /* committed */

/* What is committed outlives a process that is killed. */
static struct survivor {
	struct mailtree tree;
	bool amended;
} *survivor;

static int
commit(bool with_amend)
{
	if (tree_seal(TREE_COMMIT, &err) < 0)
		return -1;
	amended = amended || with_amend;
	survivor->tree = tree;
	survivor->amended = amended;
	return 0;
}

static int
story(void)
{
	struct flags now = { FLAG_FLAGGED, "" };

	if (tree_open(&err) < 0 || store(1) < 0 || store_header(2) < 0 || commit(false) < 0)
		return -1;
	if (store(3) < 0 ||
	    (!amended &&
		the_sink->amend(tree.sink, tree.at, tree_row(1), &now, &err) < 0) ||
	    store_better(2) < 0 || commit(true) < 0)
		return -1;
	return store(4) < 0 || store(5) < 0 || commit(false) < 0 ? -1 : 0;
}

/* ---- what must be there ---- */

/* The last line with a file of this UID; a new reference. */
static json_t *
line_of(const char *sidecar, uint32_t uid)
{
	char *text = temp_read(sidecar, NULL), *rest = NULL;
	json_t *found = NULL;

	assert_non_null(text);
	for (char *l = strtok_r(text, "\n", &rest); l != NULL; l = strtok_r(NULL, "\n", &rest)) {
		json_t *o = json_loads(l, 0, NULL);

		assert_non_null(o);
		if (json_integer_value(json_object_get(o, "uid")) == uid &&
		    json_object_get(o, "file") != NULL) {
			json_decref(found);
			found = json_incref(o);
		}
		json_decref(o);
	}
	free(text);
	return found;
}

static struct octets
stored_octets(uint32_t uid)
{
	json_t *o = line_of("u@h/A/B/folder.jsonl", uid);
	char path[64];
	size_t len = 0;

	assert_non_null(o);
	snprintf(path, sizeof path, "u@h/A/B/%s", json_string_value(json_object_get(o, "file")));
	char *file = temp_read(path, &len);
	struct octets got = { file, len };
	const char *eol = json_string_value(json_object_get(o, "eol"));
	if (eol != NULL) {
		struct mbox_place p = {
			.at = (uint64_t)json_integer_value(json_object_get(o, "at")),
			.stored = (uint64_t)json_integer_value(json_object_get(o, "stored")),
			.lf = strcmp(eol, "lf") == 0,
		};
		got = read_at(file, len, &p);
		free(file);
	}
	json_decref(o);
	return got;
}

static void
check_tree(void)
{
	for (uint32_t uid = 1; uid <= LAST; uid++) {
		struct octets got = stored_octets(uid);

		if (got.data == NULL || got.len != strlen(wire_of(uid)) ||
		    memcmp(got.data, wire_of(uid), got.len) != 0)
			fail_msg("UID %u is not as it was, after %s failed", uid, failed);
		free(got.data);
	}
	int want = the_sink == &sink_mbox ? 2 : 1 + LAST;
	if (temp_count("u@h/A/B") != want)
		fail_msg("%d names, not %d, after call %d, %s, had failed",
		    temp_count("u@h/A/B"), want, calls, failed);
}

static void
check_mbox_has_no_doubles(void)
{
	size_t len = 0, io = 0;
	int n = 0;
	char *file = temp_read("u@h/A/B/folder.mbox", &len);

	for (struct octets got; (got = read_next(file, len, &io)).data != NULL; n++)
		free(got.data);
	assert_int_equal(n, LAST + 1); /* the header of UID 2 stays in the file */
	free(file);
}

/* ---- */

static bool
one_fault(void **state, int at, bool unclean)
{
	OK(temp_dir_make(state));
	tree_init();
	calls = 0;
	amended = false;
	failed = NULL;
	fail_at = at;
	err = (struct err){ 0 };
	int rc = story();
	fail_at = 0;
	if (rc < 0 && failed == NULL)
		fail_msg("without a fault: %s", err.text);
	if (rc < 0 && err.text[0] == '\0')
		fail_msg("%s failed and no error tells", failed);
	tree_close();
	tree.place.unclean = unclean;
	err = (struct err){ 0 };
	if (story() < 0)
		fail_msg("after %s had failed: %s", failed, err.text);
	check_tree();
	if (the_sink == &sink_mbox)
		check_mbox_has_no_doubles();
	tree_close();
	OK(temp_dir_remove(state));
	return failed != NULL;
}

/* ---- kills ---- */

/* Everything below mail/ACCOUNT, as one text. */
static void
tree_text(const char *name, struct buf *out)
{
	struct dirent **list;
	int n = scandir(temp_path(name), &list, NULL, alphasort);

	assert_true(n >= 0);
	for (int i = 0; i < n; i++) {
		char path[512];
		struct stat st;
		size_t len = 0;

		snprintf(path, sizeof path, "%s/%s", name, list[i]->d_name);
		bool skip = strcmp(list[i]->d_name, ".") == 0 || strcmp(list[i]->d_name, "..") == 0;
		free(list[i]);
		if (skip)
			continue;
		OK(lstat(temp_path(path), &st));
		if (S_ISDIR(st.st_mode)) {
			(void)buf_printf(out, "%s/\n", path);
			tree_text(path, out);
			continue;
		}
		bool dated = strstr(path, ".eml") != NULL;
		char *text = temp_read(path, &len);
		(void)buf_printf(out, "%s %ld:\n", path, dated ? (long)st.st_mtime : 0);
		(void)buf_add(out, text, len);
		free(text);
	}
	free(list);
}

static struct buf
undisturbed(void **state)
{
	struct buf text;

	buf_init(&text, 64 * 1024 * 1024);
	OK(temp_dir_make(state));
	tree_init();
	amended = false;
	OK(story());
	tree_close();
	tree_text("u@h", &text);
	OK(temp_dir_remove(state));
	return text;
}

static bool
one_kill(void **state, int at, const struct buf *want)
{
	struct buf text;
	int status;

	buf_init(&text, 64 * 1024 * 1024);
	OK(temp_dir_make(state));
	tree_init();
	amended = false;
	survivor->tree = tree;
	survivor->amended = false;
	pid_t pid = fork();
	if (pid == 0) {
		alarm(60);
		calls = 0;
		kills = true;
		fail_at = at;
		int rc = story();
		tree_close();
		_exit(rc == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9));
	tree = survivor->tree;
	amended = survivor->amended;
	tree.sink = NULL;
	tree.n_held = 0;
	tree.place.unclean = true;
	if (story() < 0)
		fail_msg("killed at call %d: %s", at, err.text);
	tree_close();
	tree_text("u@h", &text);
	if (text.len != want->len || memcmp(text.data, want->data, text.len) != 0)
		fail_msg("killed at call %d, the next run ends otherwise", at);
	buf_done(&text);
	OK(temp_dir_remove(state));
	return WEXITSTATUS(status) == 9;
}

static void
every_kill(void **state)
{
	for (int each = 0; each < 2; each++) {
		tree_each_file = each;
		struct buf want = undisturbed(state);

		for (int at = 1; one_kill(state, at, &want); at++)
			assert_true(at < 1000);
		buf_done(&want);
	}
}

static void
every_fault(void **state)
{
	for (int each = 0; each < 2; each++) {
		tree_each_file = each;
		for (int at = 1; one_fault(state, at, false); at++)
			assert_true(at < 1000);
		for (int at = 1; one_fault(state, at, true); at++)
			assert_true(at < 1000);
	}
}

static void
mbox_survives_a_fault_of_every_call(void **state)
{
	the_sink = &sink_mbox;
	every_fault(state);
}

static void
eml_survives_a_fault_of_every_call(void **state)
{
	the_sink = &sink_eml;
	every_fault(state);
}

static void
mbox_survives_a_kill_at_every_call(void **state)
{
	the_sink = &sink_mbox;
	every_kill(state);
}

static void
eml_survives_a_kill_at_every_call(void **state)
{
	the_sink = &sink_eml;
	every_kill(state);
}

int
main(void)
{
	survivor = mmap(NULL, sizeof *survivor, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	    -1, 0);
	if (survivor == MAP_FAILED)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mbox_survives_a_fault_of_every_call),
		cmocka_unit_test(eml_survives_a_fault_of_every_call),
		cmocka_unit_test(mbox_survives_a_kill_at_every_call),
		cmocka_unit_test(eml_survives_a_kill_at_every_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
