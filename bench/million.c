/*
 * million: an IMAP server with one folder of a great many small messages, none of which exists
 * until it is fetched. It shows what a client's memory does when the folder grows: a real server
 * would need minutes and gigabytes to be filled with them.
 *
 *   million [-n MESSAGES] [-p | -c LOG] [PORT]
 *   million [-n MESSAGES] [-p] -t
 *
 *   -n MESSAGES  how many (default 1,000,000)
 *   -p           plain: an old server and the worst case for a client's bookkeeping. No ESEARCH
 *                and no LIST-STATUS, so the UIDs come as one SEARCH line of many megabytes; and
 *                only odd UIDs exist, so no two of them make a range.
 *   -c LOG       with CONDSTORE and QRESYNC. SIGUSR1 is the next day: one message in a hundred has
 *                another flag, and one in a hundred is new. Each connection, at its end, appends
 *                "fetched=N octets=N" to LOG: FETCH responses and all octets that it sent
 *   -t           print "messages=N bytes=N lines=N" and serve nothing
 *
 * Listens on 127.0.0.1 (PORT 0 or none: any free one), prints "port N", serves any login, each
 * connection in its own process, until it gets a signal. Messages are 0.7 to 1.7 KiB and follow
 * from their UID alone. The commands are those an extractor needs; any other is answered BAD.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define UIDVALIDITY 1700000000
#define LINE_BYTES 64 /* of the body, with CRLF */
#define LINES_MIN 4
#define LINES_SPAN 16
#define HEADER_LINES 8

static uint32_t messages = 1000000;
static uint32_t uid_step = 1; /* the n-th message has the UID n * uid_step - (uid_step - 1) */
static bool plain;
static const char *log_path; /* NULL: no CONDSTORE */
static uint32_t known; /* messages of the first day; 0: it is the first */
static volatile sig_atomic_t days;
static unsigned long long fetched;

enum { MODSEQ_FIRST = 10, MODSEQ_NEXT = 20, CHANGED_EACH = 100 };

struct peer {
	FILE *in, *out;
};

enum item {
	ITEM_UID = 1,
	ITEM_FLAGS = 2,
	ITEM_DATE = 4,
	ITEM_SIZE = 8,
	ITEM_BODY = 16,
	ITEM_MODSEQ = 32,
};

static uint32_t
uid_of(uint32_t seq)
{
	return seq * uid_step - (uid_step - 1);
}

/* The number of messages with a UID of at most uid. */
static uint32_t
seq_upto(uint32_t uid)
{
	uint32_t seq = uid / uid_step + (uid % uid_step != 0);

	return seq < messages ? seq : messages;
}

/* ---- days ---- */

static void
next_day(int signal)
{
	(void)signal;
	days++;
}

/* In the parent: connections of the day before keep it. */
static void
turn_page(void)
{
	if (days == 0 || known != 0)
		return;
	known = messages;
	messages += messages / CHANGED_EACH;
}

static bool
is_changed(uint32_t uid)
{
	return known != 0 && (uid > known || uid % CHANGED_EACH == 0);
}

static unsigned
modseq_of(uint32_t uid)
{
	return is_changed(uid) ? MODSEQ_NEXT : MODSEQ_FIRST;
}

/* ---- messages ---- */

static uint32_t
body_lines(uint32_t uid)
{
	return LINES_MIN + (uid * 2654435761u >> 16) % LINES_SPAN;
}

/* The header has the same length for every UID, so that sizes can be told without making it. */
static size_t
header_write(char *buf, size_t size, uint32_t uid)
{
	return (size_t)snprintf(buf, size,
	    "Return-Path: <sender@example.com>\r\n"
	    "From: \"Sender\" <sender@example.com>\r\n"
	    "To: <user@example.org>\r\n"
	    "Subject: message %010u of a great many\r\n"
	    "Date: Mon, 04 Mar 2019 10:20:30 +0000\r\n"
	    "Message-ID: <%010u.million@example.com>\r\n"
	    "MIME-Version: 1.0\r\n"
	    "\r\n",
	    uid, uid);
}

static size_t
message_size(uint32_t uid)
{
	static size_t header;
	char buf[1024];

	if (header == 0)
		header = header_write(buf, sizeof(buf), 1);
	return header + body_lines(uid) * (size_t)LINE_BYTES;
}

static void
message_write(FILE *out, uint32_t uid)
{
	static const char text[LINE_BYTES + 1] =
	    "The quick brown fox jumps over the lazy dog, one more time. --\r\n";
	char buf[1024];

	fwrite(buf, 1, header_write(buf, sizeof(buf), uid), out);
	for (uint32_t i = body_lines(uid); i > 0; i--)
		fwrite(text, 1, LINE_BYTES, out);
}

static void
print_totals(void)
{
	unsigned long long bytes = 0, lines = 0;

	for (uint32_t seq = 1; seq <= messages; seq++) {
		bytes += message_size(uid_of(seq));
		lines += HEADER_LINES + body_lines(uid_of(seq));
	}
	printf("messages=%u bytes=%llu lines=%llu\n", messages, bytes, lines);
}

/* ---- commands ---- */

static void
answer(struct peer *p, const char *tag, const char *text)
{
	fprintf(p->out, "%s %s\r\n", tag, text);
	fflush(p->out);
}

static void
say_capability(struct peer *p)
{
	fprintf(p->out, "* CAPABILITY IMAP4rev1%s%s\r\n", plain ? "" : " ESEARCH LIST-STATUS",
	    log_path != NULL ? " ENABLE CONDSTORE QRESYNC" : "");
}

static void
say_status(struct peer *p)
{
	fprintf(p->out,
	    "* STATUS INBOX (MESSAGES %u RECENT 0 UIDNEXT %u UIDVALIDITY %u UNSEEN 0",
	    messages, uid_of(messages) + 1, UIDVALIDITY);
	if (log_path != NULL)
		fprintf(p->out, " HIGHESTMODSEQ %u", known != 0 ? MODSEQ_NEXT : MODSEQ_FIRST);
	fputs(")\r\n", p->out);
}

static void
say_list(struct peer *p, const char *verb, const char *args)
{
	/* An empty pattern asks for the hierarchy delimiter alone. */
	bool delimiter = strlen(args) > 2 && strcmp(args + strlen(args) - 3, " \"\"") == 0;

	fprintf(p->out, "* %s %s \"/\" %s\r\n", verb, delimiter ? "(\\Noselect)" : "()",
	    delimiter ? "\"\"" : "INBOX");
	if (!delimiter && strcasestr(args, "STATUS (") != NULL)
		say_status(p);
}

static void
say_examine(struct peer *p)
{
	fprintf(p->out,
	    "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n"
	    "* OK [PERMANENTFLAGS ()] read-only\r\n"
	    "* %u EXISTS\r\n* 0 RECENT\r\n"
	    "* OK [UIDVALIDITY %u] valid\r\n* OK [UIDNEXT %u] next\r\n",
	    messages, UIDVALIDITY, uid_of(messages) + 1);
	if (log_path != NULL)
		fprintf(p->out, "* OK [HIGHESTMODSEQ %u] highest\r\n",
		    known != 0 ? MODSEQ_NEXT : MODSEQ_FIRST);
}

/* "a" or "a:b" or "*" at *s, as UIDs in rising order; moves *s behind it and its comma. */
static bool
range_next(const char **s, uint32_t top, uint32_t *ret_lo, uint32_t *ret_hi)
{
	uint32_t end[2];
	int n = 0;

	if (**s != '*' && (**s < '0' || **s > '9'))
		return false;
	do {
		char *after = (char *)*s + 1;

		end[n++] = **s == '*' ? top : (uint32_t)strtoul(*s, &after, 10);
		*s = after;
	} while (n < 2 && **s == ':' && *++*s != '\0');
	if (**s == ',')
		++*s;
	*ret_lo = end[0] < end[n - 1] ? end[0] : end[n - 1];
	*ret_hi = end[0] < end[n - 1] ? end[n - 1] : end[0];
	return true;
}

/* The answer to RETURN (..): the items asked for, of messages first to last (none: last < first). */
static void
say_esearch(struct peer *p, const char *tag, const char *args, uint32_t first, uint32_t last)
{
	size_t n = strcspn(args, ")");
	char asked[64];

	snprintf(asked, sizeof(asked), "%.*s", (int)(n < 63 ? n : 63), args);
	fprintf(p->out, "* ESEARCH (TAG \"%s\") UID", tag);
	if (strcasestr(asked, "COUNT") != NULL)
		fprintf(p->out, " COUNT %u", last >= first ? last - first + 1 : 0);
	if (last >= first) {
		if (strcasestr(asked, "MIN") != NULL)
			fprintf(p->out, " MIN %u", uid_of(first));
		if (strcasestr(asked, "MAX") != NULL)
			fprintf(p->out, " MAX %u", uid_of(last));
		if (strcasestr(asked, "ALL") != NULL || strcasestr(asked, "()") != NULL)
			fprintf(p->out, " ALL %u:%u", uid_of(first), uid_of(last));
	}
	fputs("\r\n", p->out);
}

/*
 * SEARCH ALL, UNDELETED (all are), or UID and one range. Anything else would be answered wrongly,
 * so it is refused.
 */
static bool
search(struct peer *p, const char *tag, const char *args, bool uid)
{
	uint32_t lo = 1, hi = UINT32_MAX, top = uid_of(messages);
	const char *keys = args;
	bool extended = strncasecmp(args, "RETURN (", 8) == 0;

	if (extended) {
		if (plain || !uid || (keys = strchr(args, ')')) == NULL)
			return false;
		keys += 1 + (keys[1] == ' ');
	}
	if (strncasecmp(keys, "UID ", 4) == 0) {
		const char *set = keys + 4;

		if (!range_next(&set, top, &lo, &hi) || *set != '\0')
			return false;
	} else if (strcasecmp(keys, "ALL") != 0 && strcasecmp(keys, "UNDELETED") != 0) {
		return false;
	}
	if (lo == 0)
		lo = 1;
	uint32_t first = seq_upto(lo - 1) + 1, last = seq_upto(hi);

	if (!extended) {
		fputs("* SEARCH", p->out);
		for (uint32_t seq = first; seq <= last; seq++)
			fprintf(p->out, " %u", uid ? uid_of(seq) : seq);
		fputs("\r\n", p->out);
		return true;
	}
	say_esearch(p, tag, args, first, last);
	return true;
}

/* The items of a FETCH as a mask; 0 when one is not known here. */
static unsigned
items_parse(char *s)
{
	static const struct {
		const char *name;
		unsigned item;
	} known[] = {
		{ "UID", ITEM_UID },
		{ "FLAGS", ITEM_FLAGS },
		{ "INTERNALDATE", ITEM_DATE },
		{ "RFC822.SIZE", ITEM_SIZE },
		{ "BODY.PEEK[]", ITEM_BODY },
		{ "BODY[]", ITEM_BODY },
		{ "MODSEQ", ITEM_MODSEQ },
	};
	unsigned mask = 0;
	char *save = NULL;

	for (char *word = strtok_r(s, " ()", &save); word != NULL;
	     word = strtok_r(NULL, " ()", &save)) {
		size_t i = 0;

		while (i < sizeof(known) / sizeof(known[0]) && strcasecmp(word, known[i].name) != 0)
			i++;
		if (i == sizeof(known) / sizeof(known[0]))
			return 0;
		mask |= known[i].item;
	}
	return mask;
}

static void
say_message(struct peer *p, uint32_t seq, unsigned items)
{
	uint32_t uid = uid_of(seq);
	const char *gap = "";

	fetched++;
	fprintf(p->out, "* %u FETCH (", seq);
	if (items & ITEM_UID) {
		fprintf(p->out, "UID %u", uid);
		gap = " ";
	}
	if (items & ITEM_FLAGS) {
		fprintf(p->out, "%sFLAGS (%s%s)", gap, uid % 3 == 0 ? "" : "\\Seen",
		    is_changed(uid) && uid <= known ? " \\Flagged" + (uid % 3 == 0) : "");
		gap = " ";
	}
	if (items & ITEM_MODSEQ) {
		fprintf(p->out, "%sMODSEQ (%u)", gap, modseq_of(uid));
		gap = " ";
	}
	if (items & ITEM_DATE) {
		fprintf(p->out, "%sINTERNALDATE \"04-Mar-2019 10:%02u:%02u +0000\"", gap,
		    uid / 60 % 60, uid % 60);
		gap = " ";
	}
	if (items & ITEM_SIZE) {
		fprintf(p->out, "%sRFC822.SIZE %zu", gap, message_size(uid));
		gap = " ";
	}
	if (items & ITEM_BODY) {
		fprintf(p->out, "%sBODY[] {%zu}\r\n", gap, message_size(uid));
		message_write(p->out, uid);
	}
	fputs(")\r\n", p->out);
}

static bool
fetch(struct peer *p, char *args, bool uid)
{
	char *space = strchr(args, ' ');
	char *since = log_path != NULL ? strcasestr(args, " (CHANGEDSINCE ") : NULL;
	uint32_t lo, hi, top = uid ? uid_of(messages) : messages;
	unsigned items, seen = 0;

	if (since != NULL) {
		*since = '\0';
		seen = (unsigned)strtoul(since + strlen(" (CHANGEDSINCE "), NULL, 10);
	}
	if (space == NULL || (items = items_parse(space + 1)) == 0)
		return false;
	*space = '\0';
	if (uid)
		items |= ITEM_UID;
	if (since != NULL)
		items |= ITEM_MODSEQ;
	for (const char *set = args; *set != '\0';) {
		if (!range_next(&set, top, &lo, &hi))
			return false;
		uint32_t first = uid ? seq_upto(lo > 0 ? lo - 1 : 0) + 1 : lo;
		uint32_t last = uid ? seq_upto(hi) : (hi < messages ? hi : messages);

		for (uint32_t seq = first; seq <= last; seq++)
			if (since == NULL || modseq_of(uid_of(seq)) > seen)
				say_message(p, seq, items);
	}
	return true;
}

/* One command after its tag. Returns false when it is not known or not understood. */
static bool
obey(struct peer *p, const char *tag, char *command)
{
	char *args = command + strcspn(command, " ");
	bool uid = strncasecmp(command, "UID ", 4) == 0;

	if (uid) {
		command += 4;
		args = command + strcspn(command, " ");
	}
	if (*args == ' ')
		*args++ = '\0';
	if (strcasecmp(command, "FETCH") == 0)
		return fetch(p, args, uid);
	if (strcasecmp(command, "SEARCH") == 0)
		return search(p, tag, args, uid);
	if (uid)
		return false;
	if (strcasecmp(command, "CAPABILITY") == 0)
		say_capability(p);
	else if (strcasecmp(command, "LIST") == 0 || strcasecmp(command, "LSUB") == 0)
		say_list(p, command, args);
	else if (strcasecmp(command, "STATUS") == 0)
		say_status(p);
	else if (strcasecmp(command, "EXAMINE") == 0)
		say_examine(p);
	else if (strcasecmp(command, "ENABLE") == 0 && log_path != NULL)
		fprintf(p->out, "* ENABLED %s\r\n", args);
	else
		return strcasecmp(command, "LOGIN") == 0 || strcasecmp(command, "NOOP") == 0 ||
		       strcasecmp(command, "CHECK") == 0 || strcasecmp(command, "CLOSE") == 0;
	return true;
}

/* TCP counts what was sent, and so needs no counter in every function that writes. */
static void
say_what_it_took(struct peer *p)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	FILE *log = log_path != NULL ? fopen(log_path, "a") : NULL;

	if (log == NULL)
		return;
	fflush(p->out);
	getsockopt(fileno(p->out), IPPROTO_TCP, TCP_INFO, &info, &len);
	fprintf(log, "fetched=%llu octets=%llu\n", fetched, (unsigned long long)info.tcpi_bytes_sent);
	fclose(log);
}

static void
serve(int fd)
{
	struct peer p = { .in = fdopen(fd, "r"), .out = fdopen(dup(fd), "w") };
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	setvbuf(p.out, NULL, _IOFBF, 256 * 1024);
	answer(&p, "*", "OK million ready");
	while ((n = getline(&line, &size, p.in)) > 0) {
		char *command;

		line[strcspn(line, "\r\n")] = '\0';
		command = line + strcspn(line, " ");
		if (*command == ' ')
			*command++ = '\0';
		if (strcasecmp(command, "LOGOUT") == 0) {
			answer(&p, "*", "BYE");
			answer(&p, line, "OK");
			break;
		}
		answer(&p, line, obey(&p, line, command) ? "OK done" : "BAD not known here");
	}
	free(line);
	say_what_it_took(&p);
}

static int
listen_on(const char *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0) {
		perror("million: listen");
		exit(1);
	}
	printf("port %u\n", (unsigned)ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

int
main(int argc, char **argv)
{
	bool totals = false;
	int opt, listener;

	while ((opt = getopt(argc, argv, "n:pc:t")) != -1) {
		if (opt == 'c')
			log_path = optarg;
		if (opt == 'n')
			messages = (uint32_t)strtoul(optarg, NULL, 10);
		plain |= opt == 'p';
		totals |= opt == 't';
	}
	uid_step = plain ? 2 : 1;
	if (messages == 0 || messages > UINT32_MAX / 4 || optind + 1 < argc) {
		fputs("usage: million [-n MESSAGES] [-p | -c LOG] [-t] [PORT]\n", stderr);
		return 2;
	}
	if (totals) {
		print_totals();
		return 0;
	}
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = next_day }, NULL);
	listener = listen_on(optind < argc ? argv[optind] : "0");
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), one = 1;

		/* Not SIG_IGN: a child that nobody waits for leaves no trace of its CPU time. */
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		turn_page();
		if (fd < 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (fork() == 0) {
			close(listener);
			signal(SIGPIPE, SIG_IGN); /* who says LOGOUT may not wait */
			serve(fd);
			_exit(0);
		}
		close(fd);
	}
}
