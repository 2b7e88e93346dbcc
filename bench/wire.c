/*
 * wire: the raw client that imex is measured against.
 *
 * It logs in, asks for the folder list, then sends one EXAMINE and one UID FETCH 1:* for every
 * folder in a single write, and drains what comes back. Nothing is faster over one connection:
 * three waits (greeting, login, list), then the server never waits for the client. There is no
 * error handling beyond "stop", no state, no resume; that is the point.
 *
 *   wire -m count|files|reference|sizes|status [-o DIR] HOST PORT USER PASSWORD
 *   wire -m copy -d DEST_PORT -D DEST_USER HOST PORT USER PASSWORD
 *
 *   count      parse responses and literals, throw the bytes away: what the server can do
 *   files      also write one file per message, DIR/FOLDER_INDEX/UID, wire bytes
 *   reference  also compute the SHA-256 of every message, and one syncfs at the end: the least
 *              that a durable extraction has to do. imex's limits are multiples of this.
 *   sizes      fetch only FLAGS and RFC822.SIZE: the least that a run with nothing new has to do
 *   status     log in, ask one LIST for the STATUS of all folders, log out: what no client that
 *              asks whether an account has anything new can leave out
 *   copy       stream every message into another account of HOST (same password), which is empty:
 *              CREATE, SELECT, then APPEND commands of BATCH messages each with literals that wait
 *              for nothing; a thread counts the answers. What imex's own copying is divided by.
 *
 * Prints "messages=N bytes=N received=N seconds=S".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)1 << 20)
#define BATCH 500 /* messages in one APPEND of a copy; more gains little (and 100 loses little) */

enum mode { MODE_COUNT, MODE_FILES, MODE_REFERENCE, MODE_SIZES, MODE_STATUS, MODE_COPY, MODES };

static const char *const mode_names[MODES] = { "count", "files", "reference", "sizes", "status",
	"copy" };

struct wire {
	int fd;
	char *buf; /* BUFFER_BYTES plus one for the NUL that ends a line */
	size_t pos, len;
	uint64_t received;
};

/* Where messages go. root is -1 when they are thrown away, sha NULL when they are not hashed. */
struct store {
	int root, dir;
	size_t dir_folder; /* the folder that dir was opened for */
	EVP_MD_CTX *sha;
};

/* The account that a copy goes to. */
struct sink {
	struct wire wire; /* read by the thread alone, once it runs */
	pthread_t thread; /* reads the answers */
	char *buf; /* BUFFER_BYTES, not sent yet */
	size_t len, folder; /* the folder of the last message */
	unsigned pending; /* messages in the APPEND that is open */
	uint64_t sent, done; /* APPENDs; done belongs to the thread until it has ended */
};

/* What is said after the login, and the names of the folders in it, as on the wire. */
struct plan {
	char *text, **folder;
	size_t folders;
};

struct tally {
	uint64_t messages, bytes;
};

static void __attribute__((format(printf, 1, 2), noreturn)) die(const char *format, ...)
{
	va_list ap;

	fputs("wire: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, p, n);

		if (k < 0)
			die("write: %s", strerror(errno));
		p += k;
		n -= (size_t)k;
	}
}

/* ---- connection ---- */

static void
wire_open(struct wire *w, const char *host, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
	int one = 1;

	if (inet_pton(AF_INET, host, &to.sin_addr) != 1)
		die("not an IPv4 address: %s", host);
	*w = (struct wire){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		.buf = malloc(BUFFER_BYTES + 1) };
	if (w->fd < 0 || w->buf == NULL || connect(w->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect: %s", strerror(errno));
	setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static size_t
wire_recv(struct wire *w, char *p, size_t n)
{
	ssize_t k = recv(w->fd, p, n, 0);

	if (k <= 0)
		die("connection lost");
	w->received += (uint64_t)k;
	return (size_t)k;
}

/* One line without its line end, NUL-terminated in place, valid until the next call. */
static char *
wire_line(struct wire *w, size_t *ret_len)
{
	size_t scanned = w->pos;

	for (;;) {
		char *nl = memchr(w->buf + scanned, '\n', w->len - scanned);

		if (nl != NULL) {
			char *line = w->buf + w->pos;
			size_t n = (size_t)(nl - line);

			w->pos += n + 1;
			if (n > 0 && line[n - 1] == '\r')
				n--;
			line[n] = '\0';
			*ret_len = n;
			return line;
		}
		memmove(w->buf, w->buf + w->pos, w->len - w->pos);
		w->len -= w->pos;
		w->pos = 0;
		scanned = w->len;
		if (w->len == BUFFER_BYTES)
			die("line too long");
		w->len += wire_recv(w, w->buf + w->len, BUFFER_BYTES - w->len);
	}
}

static void
wire_wait(struct wire *w, const char *tag)
{
	size_t n, tag_len = strlen(tag);

	for (;;) {
		const char *line = wire_line(w, &n);

		if (strncmp(line, tag, tag_len) != 0 || line[tag_len] != ' ')
			continue;
		if (strncmp(line + tag_len + 1, "OK", 2) != 0)
			die("server: %s", line);
		return;
	}
}

static void
wire_login(struct wire *w, const char *user, const char *password)
{
	char command[512];
	size_t n;

	wire_line(w, &n);
	n = (size_t)snprintf(command, sizeof(command), "a LOGIN \"%s\" \"%s\"\r\n", user, password);
	write_all(w->fd, command, n);
	wire_wait(w, "a");
}

/* Whether the line ends in a literal's announcement. */
static bool
literal_size(const char *line, size_t n, size_t *ret_size)
{
	const char *brace = memrchr(line, '{', n);

	if (n < 3 || line[n - 1] != '}' || brace == NULL)
		return false;
	*ret_size = strtoull(brace + 1, NULL, 10);
	return true;
}

/* The end of the astring at s: a quoted string or an atom. */
static const char *
name_end(const char *s)
{
	if (*s != '"')
		return s + strcspn(s, " ");
	for (s++; *s != '\0' && *s != '"'; s++)
		if (*s == '\\' && s[1] != '\0')
			s++;
	return *s == '"' ? s + 1 : s;
}

/* One more folder of a plan. */
static void
plan_add(struct plan *plan, const char *name, size_t len)
{
	plan->folder = realloc(plan->folder, (plan->folders + 1) * sizeof(*plan->folder));
	if (plan->folder == NULL)
		die("out of memory");
	plan->folder[plan->folders++] = strndup(name, len);
}

/*
 * Everything to be said after the login in one string, for all folders that hold messages:
 * "e EXAMINE ..", "f UID FETCH ..", and in the end "z LOGOUT". With MODE_STATUS that alone, and the
 * messages that the server tells of are counted here.
 */
static void
plan_make(struct plan *plan, struct wire *w, enum mode mode, struct tally *tally)
{
	static const char list[] = "l LIST \"\" \"*\" RETURN (STATUS (MESSAGES UIDNEXT UIDVALIDITY "
				   "HIGHESTMODSEQ))\r\n";
	const char *items = mode == MODE_SIZES ? "(FLAGS RFC822.SIZE)"
					       : "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])";
	size_t n, literal;

	*plan = (struct plan){ 0 };
	FILE *f = open_memstream(&plan->text, &n);

	if (f == NULL)
		die("out of memory");
	write_all(w->fd, list, sizeof(list) - 1);
	for (;;) {
		size_t len;
		const char *line = wire_line(w, &len), *name, *end, *number;
		unsigned long long messages;

		if (strncmp(line, "l ", 2) == 0)
			break;
		if (strncmp(line, "* STATUS ", 9) != 0)
			continue;
		if (literal_size(line, len, &literal))
			die("a folder name came as a literal");
		name = line + 9;
		end = name_end(name);
		number = strstr(end, "MESSAGES ");
		messages = number != NULL ? strtoull(number + 9, NULL, 10) : 0;
		if (mode == MODE_STATUS)
			tally->messages += messages;
		if (mode == MODE_STATUS || messages == 0)
			continue;
		fprintf(
		    f, "e EXAMINE %.*s\r\nf UID FETCH 1:* %s\r\n", (int)(end - name), name, items);
		plan_add(plan, name, (size_t)(end - name));
	}
	fputs("z LOGOUT\r\n", f);
	if (fclose(f) != 0)
		die("out of memory");
}

static void
plan_done(struct plan *plan)
{
	for (size_t i = 0; i < plan->folders; i++)
		free(plan->folder[i]);
	free(plan->folder);
	free(plan->text);
}

/* ---- the other account ---- */

static void
sink_flush(struct sink *s)
{
	write_all(s->wire.fd, s->buf, s->len);
	s->len = 0;
}

static void
sink_put(struct sink *s, const char *p, size_t n)
{
	if (s->len + n > BUFFER_BYTES)
		sink_flush(s);
	if (n > BUFFER_BYTES) {
		write_all(s->wire.fd, p, n);
		return;
	}
	memcpy(s->buf + s->len, p, n);
	s->len += n;
}

static void __attribute__((format(printf, 2, 3))) sink_say(struct sink *s, const char *format, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		die("too much for one line");
	sink_put(s, text, (size_t)n);
}

/* "x" are APPENDs, which must succeed; "y" what may be done already. */
static void *
sink_answers(void *arg)
{
	struct sink *s = arg;
	size_t n;

	for (;;) {
		const char *line = wire_line(&s->wire, &n);

		if (strncmp(line, "z ", 2) == 0)
			return NULL;
		if (strncmp(line, "x OK", 4) == 0)
			s->done++;
		else if (strncmp(line, "x ", 2) == 0 || strncmp(line, "* BAD", 5) == 0)
			die("destination: %s", line);
	}
}

static void
sink_open(
    struct sink *s, const char *host, const char *port, const char *user, const char *password)
{
	*s = (struct sink){ .folder = SIZE_MAX, .buf = malloc(BUFFER_BYTES) };
	wire_open(&s->wire, host, port);
	wire_login(&s->wire, user, password);
	if (s->buf == NULL || pthread_create(&s->thread, NULL, sink_answers, s) != 0)
		die("no thread");
}

/* The APPEND that is open is all. */
static void
sink_end(struct sink *s)
{
	if (s->pending == 0)
		return;
	sink_put(s, "\r\n", 2);
	s->pending = 0;
	s->sent++;
}

/* A message with the flags and the date of its FETCH response, whose literal follows. */
static void
sink_begin(struct sink *s, const struct plan *plan, size_t folder, const char *line, size_t size)
{
	const char *flags = strstr(line, "FLAGS ("), *date = strstr(line, "INTERNALDATE \"");
	char kept[1024] = "";

	if (flags == NULL || date == NULL || folder >= plan->folders)
		die("no flags or date: %s", line);
	flags += 7;
	for (size_t n = 0, at = 0; flags[at] != ')' && flags[at] != '\0';
	     at += n + (flags[at + n] == ' ')) {
		n = strcspn(flags + at, " )");
		if (n != 7 || strncasecmp(flags + at, "\\Recent", 7) != 0)
			snprintf(kept + strlen(kept), sizeof(kept) - strlen(kept), "%s%.*s",
			    kept[0] != '\0' ? " " : "", (int)n, flags + at);
	}
	if (s->folder != folder)
		sink_say(s, "y CREATE %s\r\ny SELECT %s\r\n", plan->folder[folder],
		    plan->folder[folder]);
	s->folder = folder;
	if (s->pending == BATCH)
		sink_end(s);
	if (s->pending++ == 0)
		sink_say(s, "x APPEND %s", plan->folder[folder]);
	sink_say(s, " (%s) \"%.26s\" {%zu+}\r\n", kept, date + 14, size);
}

static void
sink_close(struct sink *s)
{
	sink_put(s, "z LOGOUT\r\n", 10);
	sink_flush(s);
	pthread_join(s->thread, NULL);
	if (s->done != s->sent)
		die("destination: %llu of %llu APPENDs done", (unsigned long long)s->done,
		    (unsigned long long)s->sent);
	close(s->wire.fd);
	free(s->wire.buf);
	free(s->buf);
}

/* ---- messages ---- */

static void
store_open(struct store *st, enum mode mode, const char *dir)
{
	*st = (struct store){ .root = -1, .dir = -1, .dir_folder = SIZE_MAX };
	if (mode != MODE_FILES && mode != MODE_REFERENCE)
		return;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		die("create %s: %s", dir, strerror(errno));
	st->root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->root < 0)
		die("open %s: %s", dir, strerror(errno));
	if (mode == MODE_REFERENCE)
		st->sha = EVP_MD_CTX_new();
}

static int
store_create(struct store *st, size_t folder, const char *line)
{
	const char *uid = strstr(line, "UID ");
	char name[32];
	int fd;

	if (st->dir_folder != folder) {
		snprintf(name, sizeof(name), "%zu", folder);
		if (st->dir >= 0)
			close(st->dir);
		mkdirat(st->root, name, 0700);
		st->dir = openat(st->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		st->dir_folder = folder;
	}
	snprintf(name, sizeof(name), "%lu", uid != NULL ? strtoul(uid + 4, NULL, 10) : 0ul);
	fd = openat(st->dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		die("create message %s: %s", name, strerror(errno));
	return fd;
}

/* Take n literal bytes from the connection into the store, or to the sink. */
static void
message_drain(struct wire *w, struct store *st, struct sink *sink, int fd, size_t n)
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (st->sha != NULL && EVP_DigestInit_ex(st->sha, EVP_sha256(), NULL) != 1)
		die("SHA-256 is not available");
	while (n > 0) {
		size_t k;

		if (w->pos == w->len) {
			w->pos = 0;
			w->len = wire_recv(w, w->buf, BUFFER_BYTES);
		}
		k = w->len - w->pos < n ? w->len - w->pos : n;
		if (fd >= 0)
			write_all(fd, w->buf + w->pos, k);
		if (sink != NULL)
			sink_put(sink, w->buf + w->pos, k);
		if (st->sha != NULL)
			EVP_DigestUpdate(st->sha, w->buf + w->pos, k);
		w->pos += k;
		n -= k;
	}
	if (st->sha != NULL)
		EVP_DigestFinal_ex(st->sha, digest, NULL);
}

static void
store_close(struct store *st)
{
	if (st->sha != NULL && syncfs(st->root) < 0)
		die("syncfs: %s", strerror(errno));
	EVP_MD_CTX_free(st->sha);
	if (st->dir >= 0)
		close(st->dir);
	if (st->root >= 0)
		close(st->root);
}

/* sink: NULL unless a copy is made. */
static void
wire_drain(struct wire *w, const struct plan *plan, struct store *st, struct sink *sink,
    enum mode mode, struct tally *tally)
{
	size_t folder = 0, n, literal;

	for (;;) {
		const char *line = wire_line(w, &n);
		int fd = -1;

		if (strncmp(line, "z ", 2) == 0)
			return;
		if ((line[0] == 'e' || line[0] == 'f') && line[1] == ' ') {
			if (strncmp(line + 2, "OK", 2) != 0)
				die("server: %s", line);
			if (sink != NULL && line[0] == 'f')
				sink_end(sink);
			folder += line[0] == 'f';
			continue;
		}
		if (mode == MODE_SIZES) {
			tally->messages += strstr(line, " FETCH (") != NULL;
			continue;
		}
		if (line[0] != '*' || !literal_size(line, n, &literal))
			continue;
		tally->messages++;
		tally->bytes += literal;
		if (st->root >= 0)
			fd = store_create(st, folder, line);
		if (sink != NULL)
			sink_begin(sink, plan, folder, line, literal);
		message_drain(w, st, sink, fd, literal);
		if (fd >= 0)
			close(fd);
	}
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static enum mode
mode_parse(const char *name)
{
	unsigned m;

	for (m = 0; m < MODES; m++)
		if (strcmp(name, mode_names[m]) == 0)
			break;
	return (enum mode)m;
}

struct job {
	enum mode mode;
	const char *dir, *dest_port, *dest_user; /* NULL: none */
	const char *host, *port, *password;
};

/* One account from login to the end. */
static void
drain_account(const struct job *job, const char *user, const char *dir, struct tally *tally,
    unsigned long long *received)
{
	struct store store;
	struct sink sink;
	struct wire wire;
	struct plan plan;

	wire_open(&wire, job->host, job->port);
	wire_login(&wire, user, job->password);
	plan_make(&plan, &wire, job->mode, tally);
	store_open(&store, job->mode, dir);
	if (job->mode == MODE_COPY)
		sink_open(&sink, job->host, job->dest_port, job->dest_user, job->password);
	write_all(wire.fd, plan.text, strlen(plan.text));
	wire_drain(&wire, &plan, &store, job->mode == MODE_COPY ? &sink : NULL, job->mode, tally);
	if (job->mode == MODE_COPY)
		sink_close(&sink);
	store_close(&store);
	*received += wire.received;
	plan_done(&plan);
	free(wire.buf);
	close(wire.fd);
}

/* Every at_once-th account of USER0000 and so on, into DIR/USER0000. */
static void
drain_some(const struct job *job, const char *user, unsigned first, unsigned n, unsigned at_once,
    struct tally *tally)
{
	unsigned long long received = 0;
	char name[64], dir[4096];

	for (unsigned i = first; i < n; i += at_once) {
		snprintf(name, sizeof(name), "%s%04u", user, i);
		snprintf(dir, sizeof(dir), "%s/%s", job->dir != NULL ? job->dir : "", name);
		drain_account(job, name, dir, tally, &received);
	}
}

/* Many accounts: a process for each connection, and one sync at the end of what was written. */
static void
drain_many(
    const struct job *job, const char *user, unsigned n, unsigned at_once, struct tally *tally)
{
	struct tally *each = mmap(NULL, at_once * sizeof(*each), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, fd;

	if (each == MAP_FAILED)
		die("out of memory");
	if (job->mode == MODE_FILES && mkdir(job->dir, 0700) < 0 && errno != EEXIST)
		die("create %s: %s", job->dir, strerror(errno));
	for (unsigned i = 0; i < at_once; i++) {
		pid_t child = fork();

		if (child < 0)
			die("fork: %s", strerror(errno));
		if (child == 0) {
			drain_some(job, user, i, n, at_once, &each[i]);
			_exit(0);
		}
	}
	for (unsigned i = 0; i < at_once; i++)
		if (wait(&status) < 0 || status != 0)
			die("a connection failed");
	for (unsigned i = 0; i < at_once; i++) {
		tally->messages += each[i].messages;
		tally->bytes += each[i].bytes;
	}
	munmap(each, at_once * sizeof(*each));
	if (job->mode != MODE_FILES)
		return;
	fd = open(job->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || syncfs(fd) < 0)
		die("syncfs: %s", strerror(errno));
	close(fd);
}

int
main(int argc, char **argv)
{
	struct job job = { .mode = MODE_COUNT };
	struct tally tally = { 0 };
	unsigned long long received = 0;
	unsigned n = 0, at_once = 1;
	double start;
	int opt;

	while ((opt = getopt(argc, argv, "m:o:d:D:j:n:")) != -1) {
		if (opt == 'm')
			job.mode = mode_parse(optarg);
		else if (opt == 'o')
			job.dir = optarg;
		else if (opt == 'd')
			job.dest_port = optarg;
		else if (opt == 'D')
			job.dest_user = optarg;
		else if (opt == 'j')
			at_once = (unsigned)strtoul(optarg, NULL, 10);
		else if (opt == 'n')
			n = (unsigned)strtoul(optarg, NULL, 10);
		else
			job.mode = MODES;
	}
	if (argc - optind != 4 || job.mode == MODES || at_once == 0 ||
	    (n > 0 && job.mode != MODE_FILES && job.mode != MODE_STATUS) ||
	    (job.dir == NULL && (job.mode == MODE_FILES || job.mode == MODE_REFERENCE)) ||
	    ((job.dest_port == NULL || job.dest_user == NULL) && job.mode == MODE_COPY))
		die("usage: wire -m count|files|reference|sizes|status|copy [-o DIR] [-d PORT -D "
		    "USER] "
		    "[-n ACCOUNTS -j CONNECTIONS] HOST PORT USER PASSWORD");
	job.host = argv[optind];
	job.port = argv[optind + 1];
	job.password = argv[optind + 3];
	start = seconds();
	if (n > 0)
		drain_many(&job, argv[optind + 2], n, at_once, &tally);
	else
		drain_account(&job, argv[optind + 2], job.dir, &tally, &received);
	printf("messages=%llu bytes=%llu received=%llu seconds=%.3f\n",
	    (unsigned long long)tally.messages, (unsigned long long)tally.bytes, received,
	    seconds() - start);
	return 0;
}
