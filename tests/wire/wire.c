/* Plays the documents of this folder (README.md) through resp_read and resp_more. A response is
 * told in one line of words, and so is each body, so that what a broken-off input gives must be the
 * first lines of what the whole one gives. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "imap/resp.h"

enum {
	INPUT_MAX = 128 * 1024 * 1024,
	EVENTS_MAX = 8 * 1024 * 1024,
	SMALL = 2000,
	SHOWN = 120,
	RESPONSES_MAX = 100000
};

/* ---- a peer whose octets come in two parts, or in pieces ---- */

struct peer {
	const char *data;
	size_t len, at, cut, piece; /* cut 0: none; piece 0: all */
};

static ssize_t
peer_recv(void *carrier, void *data, size_t max, const struct stream_wait *wait, struct err *err)
{
	struct peer *p = carrier;
	size_t len = p->len - p->at;

	(void)wait;
	(void)err;
	if (p->at < p->cut && len > p->cut - p->at)
		len = p->cut - p->at;
	if (p->piece > 0 && len > p->piece)
		len = p->piece;
	if (len > max)
		len = max;
	memcpy(data, p->data + p->at, len);
	p->at += len;
	return (ssize_t)len;
}

static ssize_t
peer_send(
    void *carrier, const void *data, size_t len, const struct stream_wait *wait, struct err *err)
{
	(void)carrier;
	(void)data;
	(void)wait;
	(void)err;
	return (ssize_t)len;
}

static void
peer_close(void *carrier)
{
	(void)carrier;
}

static const struct stream_ops peer_ops = {
	.name = "peer", .recv = peer_recv, .send = peer_send, .close = peer_close
};

/* ---- events as words ---- */

static void
put_text(struct buf *out, struct slice text)
{
	if (text.data == NULL) {
		buf_add_str(out, "NIL");
		return;
	}
	buf_add_byte(out, '"');
	for (size_t i = 0; i < text.len && i < SHOWN; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c < ' ' || c >= 0x7f)
			buf_printf(out, "\\x%02x", c);
		else
			buf_add_byte(out, (char)c);
	}
	buf_add_byte(out, '"');
	if (text.len > SHOWN)
		buf_printf(out, " of %zu octets", text.len);
}

static void
put_status(struct buf *out, const struct resp *r)
{
	static const char *const codes[] = {
		"none",
		"other",
		"alert",
		"capability",
		"read-only",
		"read-write",
		"uidnext",
		"uidvalidity",
		"highestmodseq",
		"nomodseq",
		"closed",
		"unavailable",
		"limit",
		"throttled",
		"overquota",
		"inuse",
		"authenticationfailed",
		"authorizationfailed",
		"expired",
		"privacyrequired",
		"nonexistent",
		"noperm",
		"serverbug",
		"clientbug",
		"contactadmin",
		"trycreate",
		"appenduid",
		"toobig",
		"alreadyexists",
		"permanentflags",
		"notificationoverflow",
		"messagelimit",
		"mailboxid",
	};

	if (r->kind != RESP_CONTINUE)
		buf_printf(out, " %s", resp_state_name(r->state));
	if (r->code != CODE_NONE)
		buf_printf(out, " %s", codes[r->code]);
	if (r->code_num != 0)
		buf_printf(out, "=%llu", (unsigned long long)r->code_num);
	else if (r->code != CODE_NONE && r->code_text.len > 0) {
		buf_add_byte(out, '=');
		put_text(out, r->code_text);
	}
	buf_add_byte(out, ' ');
	put_text(out, r->text);
}

static void
put_words(struct buf *out, const struct resp *r)
{
	for (size_t i = 0; i < r->words && i < 12; i++) {
		buf_add_byte(out, ' ');
		put_text(out, r->word[i]);
	}
	if (r->words > 12)
		buf_printf(out, " ... %zu words", r->words);
}

static void
put_folder(struct buf *out, const struct resp *r)
{
	const struct folder *f = &r->folder;

	buf_add_byte(out, ' ');
	put_text(out, f->name);
	if (r->kind == RESP_COUNTS) {
		if (f->attrs & FOLDER_COUNTED)
			buf_printf(out, " messages=%u", f->counts.messages);
		if (f->counts.uidnext)
			buf_printf(out, " uidnext=%u", f->counts.uidnext);
		if (f->counts.uidvalidity)
			buf_printf(out, " uidvalidity=%u", f->counts.uidvalidity);
		if (f->counts.highestmodseq)
			buf_printf(
			    out, " modseq=%llu", (unsigned long long)f->counts.highestmodseq);
		if (f->counts.bytes_known)
			buf_printf(out, " bytes=%llu", (unsigned long long)f->counts.bytes);
		if (f->mailbox_id != NULL)
			buf_printf(out, " id=%s", f->mailbox_id);
		return;
	}
	if (f->delim)
		buf_printf(out, " delim=%c", f->delim);
	buf_printf(out, "%s%s%s", f->attrs & FOLDER_NOSELECT ? " noselect" : "",
	    f->attrs & FOLDER_NOINFERIORS ? " noinferiors" : "",
	    f->attrs & FOLDER_SUBSCRIBED ? " subscribed" : "");
	if (f->special_use != NULL)
		buf_printf(out, " use=%s", f->special_use);
}

static void
put_set(struct buf *out, const struct uidset *set)
{
	if (set->len > 12)
		buf_printf(out, " %llu in %zu ranges, last %u",
		    (unsigned long long)uidset_count(set), set->len, uidset_last(set));
	else if (set->len > 0)
		buf_add_byte(out, ' ');
	if (set->len <= 12)
		uidset_text(set, 0, 4096, out);
}

static void
put_fetch(struct buf *out, const struct fetch_data *f)
{
	static const char *const parts[] = { "whole", "header", "text", "other" };

	buf_printf(out, " %u", f->seq);
	if (f->uid)
		buf_printf(out, " uid=%u", f->uid);
	if (f->has_flags) {
		struct buf flags;

		buf_init(&flags, 65536);
		flags_text(&f->flags, &flags);
		buf_add_str(out, " flags=");
		put_text(out, buf_slice(&flags));
		buf_printf(out, "%s", f->recent ? " recent" : "");
		buf_done(&flags);
	}
	if (f->has_size)
		buf_printf(out, " size=%llu", (unsigned long long)f->size);
	if (f->has_date) {
		char date[DATE_TEXT_MAX] = "none";

		if (f->date.known)
			date_format(&f->date, date);
		buf_printf(out, " date=%s", date);
		if (f->raw_date != NULL) {
			buf_add_str(out, " raw=");
			put_text(out, slice_str(f->raw_date));
		}
	}
	if (f->modseq)
		buf_printf(out, " modseq=%llu", (unsigned long long)f->modseq);
	if (f->body == BODY_NONE)
		return;
	buf_printf(out, " %s", parts[f->part]);
	if (f->has_origin)
		buf_printf(out, "<%llu>", (unsigned long long)f->origin);
	if (f->body == BODY_LITERAL)
		buf_printf(out, " literal %llu", (unsigned long long)f->octets);
	if (f->body == BODY_NIL)
		buf_add_str(out, " NIL");
	if (f->body == BODY_INLINE) {
		buf_add_str(out, " inline ");
		put_text(out, f->text);
	}
}

static void
put_pairs(struct buf *out, const struct pair *p)
{
	for (; p != NULL; p = p->next) {
		buf_add_byte(out, ' ');
		put_text(out, p->name);
		buf_add_byte(out, '=');
		put_text(out, p->value);
	}
}

static void
put_event(struct buf *out, const struct reader *in, const struct resp *r)
{
	static const char *const kinds[] = {
		"continue",
		"tagged",
		"untagged",
		"capability",
		"enabled",
		"id",
		"namespace",
		"list",
		"lsub",
		"mailbox",
		"counts",
		"flags",
		"search",
		"exists",
		"recent",
		"expunge",
		"vanished",
		"fetch",
		"quota",
		"acl",
		"myrights",
		"metadata",
		"other",
		"garbage",
	};

	buf_add_str(out, kinds[r->kind]);
	if (r->kind == RESP_TAGGED)
		buf_printf(out, " %u", r->tag);
	if (r->kind <= RESP_STATUS)
		put_status(out, r);
	if (r->kind == RESP_CAPABILITY || r->kind == RESP_ENABLED || r->kind == RESP_ID)
		put_words(out, r);
	for (const struct ns_entry *e = r->kind == RESP_NAMESPACE ? r->ns : NULL; e != NULL;
	     e = e->next) {
		buf_add_str(out, e->kind == FOLDER_SHARED        ? " shared "
				 : e->kind == FOLDER_OTHER_USERS ? " others "
								 : " own ");
		put_text(out, e->prefix);
		if (e->delim)
			buf_printf(out, " delim=%c", e->delim);
	}
	if (r->kind == RESP_ACL || r->kind == RESP_MYRIGHTS || r->kind == RESP_METADATA) {
		buf_add_byte(out, ' ');
		put_text(out, r->folder.name);
		put_pairs(out, r->pair);
	}
	if (r->kind == RESP_LIST || r->kind == RESP_LSUB ||
	    r->kind == RESP_MAILBOX || r->kind == RESP_COUNTS)
		put_folder(out, r);
	if (r->kind == RESP_EXISTS || r->kind == RESP_RECENT || r->kind == RESP_EXPUNGE)
		buf_printf(out, " %u", r->number);
	if (r->kind == RESP_QUOTA && r->quota_limit > 0)
		buf_printf(out, " used=%llu limit=%llu", (unsigned long long)r->quota_used,
		    (unsigned long long)r->quota_limit);
	if (r->kind == RESP_VANISHED && r->vanished_earlier)
		buf_add_str(out, " earlier");
	if (r->has_uidset && r->kind != RESP_GARBAGE)
		put_set(out, &in->set);
	if (r->kind == RESP_FETCH)
		put_fetch(out, &r->fetch);
	if (r->kind == RESP_GARBAGE) {
		buf_add_byte(out, ' ');
		put_text(out, slice_str(r->garbage));
	}
	buf_add_byte(out, '\n');
}

static int
put_body(struct buf *out, struct stream *in, uint64_t octets, struct err *err)
{
	struct buf text;
	uint64_t left = octets;
	int rc = 0;

	buf_init(&text, SHOWN);
	while (left > 0 && rc == 0) {
		struct slice more;

		rc = stream_peek(in, 1, &more, err);
		if (rc < 0)
			break;
		more.len = more.len < left ? more.len : (size_t)left;
		for (size_t i = 0; i < more.len && text.len < SHOWN; i++)
			buf_add_byte(&text, more.data[i]);
		stream_skip(in, more.len);
		left -= more.len;
	}
	if (rc == 0) {
		buf_add_str(out, "octets ");
		put_text(out, buf_slice(&text));
		if (octets > SHOWN)
			buf_printf(out, " of %llu octets", (unsigned long long)octets);
		buf_add_byte(out, '\n');
	}
	buf_done(&text);
	return rc;
}

/* Reads to the error that ends it all, whose kind is returned. */
static enum err_kind
play(struct peer *p, struct buf *out)
{
	struct stream *in = stream_new(&peer_ops, p);
	struct err err = { 0 };
	struct reader reader;
	struct resp r;
	int rc = 0;

	reader_init(&reader, in);
	for (int n = 0; rc == 0 && n < RESPONSES_MAX; n++) {
		rc = resp_read(&reader, &r, &err);
		if (rc == 0)
			put_event(out, &reader, &r);
		while (rc == 0 && r.more) {
			if (r.fetch.body == BODY_LITERAL)
				rc = put_body(out, in, r.fetch.octets, &err);
			if (rc == 0)
				rc = resp_more(&reader, &r, &err);
			if (rc == 0)
				put_event(out, &reader, &r);
		}
	}
	reader_done(&reader);
	stream_close(&in);
	return rc < 0 ? err.kind : ERR_NONE;
}

/* ---- documents ---- */

struct test {
	char name[200];
	struct buf input, expected;
	const char *error; /* words of the error it ends with; NULL: the end of the input */
	char error_text[80];
};

static unsigned long
take_number(const char **at)
{
	char *end;
	unsigned long n = strtoul(*at, &end, 10);

	*at = end;
	return n;
}

static void
unescape(const char *at, struct buf *out)
{
	for (; *at != '\0'; at++) {
		if (*at != '\\') {
			buf_add_byte(out, *at);
			continue;
		}
		at++;
		if (*at == 'x') {
			char hex[3] = { at[1], at[2], '\0' };

			buf_add_byte(out, (char)strtoul(hex, NULL, 16));
			at += 2;
		} else {
			buf_add_byte(out, *at == 'r'   ? '\r'
					  : *at == 'n' ? '\n'
					  : *at == 't' ? '\t'
					  : *at == '0' ? '\0'
						       : *at);
		}
	}
}

static void
add_times(const char *at, struct buf *input)
{
	unsigned long n = take_number(&at);
	struct buf once;

	buf_init(&once, INPUT_MAX);
	unescape(at + 2, &once);
	for (unsigned long i = 0; i < n; i++)
		buf_add(input, once.data, once.len);
	buf_done(&once);
}

static void
add_row(const char *at, struct buf *input)
{
	long from = (long)take_number(&at), to, step = 1;
	struct buf once;

	at++;
	to = (long)take_number(&at);
	if (*at == '/') {
		at++;
		step = (long)take_number(&at);
	}
	buf_init(&once, INPUT_MAX);
	unescape(at + 2, &once);
	for (long n = from; from <= to ? n <= to : n >= to; n += from <= to ? step : -step)
		for (size_t i = 0; i < once.len; i++) {
			if (once.data[i] == '#')
				buf_printf(input, "%ld", n);
			else
				buf_add_byte(input, once.data[i]);
		}
	buf_done(&once);
}

static void
add_line(struct test *t, char *line)
{
	line[strcspn(line, "\n")] = '\0';
	if (strncmp(line, "S: ", 3) == 0)
		unescape(line + 3, &t->input);
	else if (strncmp(line, "S*", 2) == 0)
		add_times(line + 2, &t->input);
	else if (strncmp(line, "S#", 2) == 0)
		add_row(line + 2, &t->input);
	else if (strncmp(line, "> ", 2) == 0)
		buf_printf(&t->expected, "%s\n", line + 2);
	else if (strncmp(line, "! ", 2) == 0) {
		snprintf(t->error_text, sizeof(t->error_text), "%s", line + 2);
		t->error = t->error_text;
	}
}

/* ---- checks: false with *why ---- */

static bool
same(const struct test *t, struct peer p, char why[200])
{
	struct buf got;

	buf_init(&got, EVENTS_MAX);
	p.data = t->input.data;
	p.len = t->input.len;

	enum err_kind end = play(&p, &got);
	const char *wanted = t->error ? t->error : err_words(ERR_CUT);
	bool good = strcmp(got.data, t->expected.data) == 0 && strcmp(err_words(end), wanted) == 0;

	if (!good)
		snprintf(why, 200, "in pieces of %zu, cut at %zu: other events, or the end is '%s'",
		    p.piece, p.cut, err_words(end));
	buf_done(&got);
	return good;
}

/* Whole lines at the start of what was expected, then an error. */
static bool
broken(const struct test *t, size_t at, char why[200])
{
	struct peer p = { .data = t->input.data, .len = at };
	struct buf got;

	buf_init(&got, EVENTS_MAX);

	enum err_kind end = play(&p, &got);
	bool good = got.len <= t->expected.len &&
		    memcmp(got.data, t->expected.data, got.len) == 0 && end != ERR_NONE;

	if (!good)
		snprintf(why, 200,
		    "broken off behind octet %zu: events that are not the first, or no error", at);
	buf_done(&got);
	return good;
}

static bool
holds(const struct test *t, char why[200])
{
	size_t n = t->input.len, step = n <= SMALL ? 1 : n / 37 + 1;

	if (!same(t, (struct peer){ .piece = 0 }, why) ||
	    !same(t, (struct peer){ .piece = n < 4 * SMALL ? 1 : 17 }, why))
		return false;
	/* Large ones take long: their kind was cut everywhere in a smaller one. */
	if (n > 1024 * 1024)
		return same(t, (struct peer){ .piece = 4099 }, why) && broken(t, n / 2, why) &&
		       broken(t, n - 1, why);
	for (size_t i = 1; i <= n; i += step)
		if (!same(t, (struct peer){ .piece = i }, why) ||
		    !same(t, (struct peer){ .cut = i }, why))
			return false;
	for (size_t i = 0; i < n; i += step)
		if (!broken(t, i, why))
			return false;
	return true;
}

static void
show(const char *title, const char *lines)
{
	printf("# %s\n", title);
	for (size_t len; *lines != '\0'; lines += len + (lines[len] == '\n')) {
		len = strcspn(lines, "\n");
		printf("#   > %.*s\n", (int)len, lines);
	}
}

static bool
test_run(const struct test *t, int number, bool show_only)
{
	struct peer p = { .data = t->input.data, .len = t->input.len };
	char why[200] = "";
	struct buf got;
	bool good = !t->input.full && !t->expected.full && holds(t, why);

	printf("%s %d - %s\n", good ? "ok" : "not ok", number, t->name);
	if (good && !show_only)
		return true;
	buf_init(&got, EVENTS_MAX);

	enum err_kind end = play(&p, &got);

	if (!show_only)
		show("expected", t->expected.data);
	show(show_only ? why : "got in one piece", got.data);
	if (show_only && end != ERR_CUT)
		printf("#   ! %s\n", err_words(end));
	if (!show_only)
		printf("# %s\n", why);
	buf_done(&got);
	return good;
}

/* Seed for tests/fuzz: the input, behind one octet that is the size of its pieces. */
static void
test_extract(const struct test *t, const char *dir, const char *document, int number)
{
	const char *base = strrchr(document, '/');
	char path[1024];

	if (t->input.len > 4000)
		return;
	snprintf(path, sizeof(path), "%s/%s-%d", dir, base ? base + 1 : document, number);

	FILE *out = fopen(path, "w");

	if (out == NULL)
		return;
	fputc('\x07', out);
	fwrite(t->input.data, 1, t->input.len, out);
	fclose(out);
}

static void
test_start(struct test *t, const char *name)
{
	buf_reset(&t->input);
	buf_reset(&t->expected);
	t->error = NULL;
	snprintf(t->name, sizeof(t->name), "%.*s", (int)strcspn(name, "\n"), name);
}

struct options {
	bool show;
	const char *extract_to, *document;
};

static bool
options_read(int argc, char **argv, struct options *ret)
{
	*ret = (struct options){ .document = argc > 1 ? argv[argc - 1] : NULL };
	if (argc == 3 && strcmp(argv[1], "-s") == 0)
		ret->show = true;
	else if (argc == 4 && strcmp(argv[1], "-x") == 0)
		ret->extract_to = argv[2];
	else
		return argc == 2;
	return true;
}

static bool
test_end(const struct test *t, const struct options *o, int *number)
{
	if (t->name[0] == '\0')
		return true;
	++*number;
	if (o->extract_to == NULL)
		return test_run(t, *number, o->show);
	test_extract(t, o->extract_to, o->document, *number);
	return true;
}

int
main(int argc, char **argv)
{
	struct options o;
	struct test t = { 0 };
	char *line = NULL;
	size_t room = 0;
	bool good = true;
	int n = 0;

	if (!options_read(argc, argv, &o)) {
		fprintf(stderr, "usage: wire [-s | -x DIR] DOCUMENT\n");
		return 64;
	}

	FILE *in = fopen(o.document, "r");

	if (in == NULL) {
		printf("Bail out! %s\n", o.document);
		return 66;
	}
	buf_init(&t.input, INPUT_MAX);
	buf_init(&t.expected, EVENTS_MAX);
	while (getline(&line, &room, in) > 0) {
		if (strncmp(line, "=== ", 4) != 0) {
			add_line(&t, line);
			continue;
		}
		good &= test_end(&t, &o, &n);
		test_start(&t, line + 4);
	}
	good &= test_end(&t, &o, &n);
	if (o.extract_to == NULL)
		printf("1..%d\n", n);
	free(line);
	fclose(in);
	buf_done(&t.input);
	buf_done(&t.expected);
	return good ? 0 : 1;
}
