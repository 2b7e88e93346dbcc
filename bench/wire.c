/*
 * wire: the raw client that imex is measured against.
 *
 * It logs in, asks for the folder list, then sends one EXAMINE and one UID FETCH 1:* for every
 * folder in a single write, and drains what comes back. Nothing is faster over one connection:
 * three waits (greeting, login, list), then the server never waits for the client. There is no
 * error handling beyond "stop", no state, no resume; that is the point.
 *
 *   wire -m count|files|reference|sizes [-o DIR] HOST PORT USER PASSWORD
 *
 *   count      parse responses and literals, throw the bytes away: what the server can do
 *   files      also write one file per message, DIR/FOLDER_INDEX/UID, wire bytes
 *   reference  also compute the SHA-256 of every message, and one syncfs at the end: the least
 *              that a durable extraction has to do. imex's limits are multiples of this.
 *   sizes      fetch only FLAGS and RFC822.SIZE: the least that a run with nothing new has to do
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
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)1 << 20)

enum mode { MODE_COUNT, MODE_FILES, MODE_REFERENCE, MODE_SIZES, MODES };

static const char *const mode_names[MODES] = { "count", "files", "reference", "sizes" };

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

struct tally {
	uint64_t messages, bytes;
};

static void __attribute__((format(printf, 1, 2), noreturn))
die(const char *format, ...)
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

/*
 * Everything to be said after the login in one string, for all folders that hold messages:
 * "e EXAMINE ..", "f UID FETCH ..", and in the end "z LOGOUT". The caller frees it.
 */
static char *
wire_plan(struct wire *w, enum mode mode)
{
	static const char list[] = "l LIST \"\" \"*\" RETURN (STATUS (MESSAGES))\r\n";
	const char *items = mode == MODE_SIZES ? "(FLAGS RFC822.SIZE)"
					       : "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])";
	char *plan = NULL;
	size_t n, literal;
	FILE *f = open_memstream(&plan, &n);

	if (f == NULL)
		die("out of memory");
	write_all(w->fd, list, sizeof(list) - 1);
	for (;;) {
		size_t len;
		const char *line = wire_line(w, &len), *name, *end;

		if (strncmp(line, "l ", 2) == 0)
			break;
		if (strncmp(line, "* STATUS ", 9) != 0)
			continue;
		if (literal_size(line, len, &literal))
			die("a folder name came as a literal");
		name = line + 9;
		end = name_end(name);
		if (strstr(end, "MESSAGES 0)") != NULL)
			continue;
		fprintf(f, "e EXAMINE %.*s\r\nf UID FETCH 1:* %s\r\n", (int)(end - name), name,
			items);
	}
	fputs("z LOGOUT\r\n", f);
	if (fclose(f) != 0)
		die("out of memory");
	return plan;
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

/* Take n literal bytes from the connection into the store. */
static void
message_drain(struct wire *w, struct store *st, int fd, size_t n)
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

static void
wire_drain(struct wire *w, struct store *st, enum mode mode, struct tally *tally)
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
		message_drain(w, st, fd, literal);
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

int
main(int argc, char **argv)
{
	enum mode mode = MODE_COUNT;
	const char *dir = NULL;
	struct tally tally = { 0 };
	struct store store;
	struct wire wire;
	double start;
	char *plan;
	int opt;

	while ((opt = getopt(argc, argv, "m:o:")) != -1) {
		if (opt == 'm')
			mode = mode_parse(optarg);
		else if (opt == 'o')
			dir = optarg;
		else
			mode = MODES;
	}
	if (argc - optind != 4 || mode == MODES ||
	    (dir == NULL && (mode == MODE_FILES || mode == MODE_REFERENCE)))
		die("usage: wire -m count|files|reference|sizes [-o DIR] HOST PORT USER PASSWORD");
	start = seconds();
	wire_open(&wire, argv[optind], argv[optind + 1]);
	wire_login(&wire, argv[optind + 2], argv[optind + 3]);
	plan = wire_plan(&wire, mode);
	store_open(&store, mode, dir);
	write_all(wire.fd, plan, strlen(plan));
	wire_drain(&wire, &store, mode, &tally);
	store_close(&store);
	printf("messages=%llu bytes=%llu received=%llu seconds=%.3f\n",
	       (unsigned long long)tally.messages, (unsigned long long)tally.bytes,
	       (unsigned long long)wire.received, seconds() - start);
	free(plan);
	free(wire.buf);
	close(wire.fd);
	return 0;
}
