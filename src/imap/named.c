/* Commands that carry folder names and other text: quoted where it may be, else as a synchronising
 * literal. */
#include "imap/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- folders ---- */

void
sess_quote(struct slice text, struct buf *out)
{
	buf_add_byte(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '"' || text.data[i] == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, text.data[i]);
	}
	buf_add_byte(out, '"');
}

bool
sess_name_is_plain(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.data[i] == '\r' || name.data[i] == '\n' || name.data[i] == '\0' ||
		    (unsigned char)name.data[i] >= 0x80)
			return false;
	return true;
}

/* Wait for the server's go, then the octets. A refusal is left for the reader of the tagged answer. */
static int
send_literal(struct sess *s, uint32_t tag, struct slice text, struct err *err)
{
	do {
		if (sess_next(s, &s->last, NULL, err) < 0 || sess_drop(s, &s->last, err) < 0)
			return -1;
		if (s->last.kind == RESP_TAGGED && s->last.tag == tag) {
			sess_refused(s, &s->last, "a folder name as a literal", err);
			if (err->kind != ERR_THROTTLED)
				err->kind = ERR_FOLDER, err->scope = SCOPE_FOLDER,
				err->retry = RETRY_LATER;
			return -1;
		}
	} while (s->last.kind != RESP_CONTINUE);
	return stream_write(s->in, text.data, text.len, err);
}

static bool
needs_literal(const struct cmd_word *w)
{
	return !w->raw && (w->text.len > CMD_QUOTED_MAX || !sess_name_is_plain(w->text));
}

/* The words up to the end of the line: a literal's header, or the last one. Returns how many. */
static size_t
add_line(const struct cmd_word *word, size_t n, bool first, struct buf *line)
{
	for (size_t i = 0; i < n; i++) {
		const struct cmd_word *w = &word[i];

		if (!(first && i == 0) && !w->joined)
			buf_add_byte(line, ' ');
		if (needs_literal(w)) {
			bool nul = memchr(w->text.data, '\0', w->text.len) != NULL;

			buf_printf(line, "%s{%zu}", nul ? "~" : "", w->text.len);
			return i + 1;
		}
		if (w->raw)
			buf_add(line, w->text.data, w->text.len);
		else
			sess_quote(w->text, line);
	}
	return n;
}

int
sess_send_words(struct sess *s, int kind, uint32_t *ret_tag, const struct cmd_word *word, size_t n,
    struct err *err)
{
	struct buf line;
	uint32_t tag = 0;
	size_t at;
	int rc;

	buf_init(&line, CMD_WORDS_MAX * (2 * CMD_QUOTED_MAX + 64));
	at = add_line(word, n, true, &line);
	rc = line.full ? err_set(err, ERR_FOLDER, "the command is too long")
		       : sess_send(s, kind, &tag, err, "%s", line.data);
	while (rc == 0 && at > 0 && needs_literal(&word[at - 1])) {
		struct slice text = word[at - 1].text;

		buf_reset(&line);
		at = at < n ? at + add_line(word + at, n - at, false, &line) : 0;
		rc = send_literal(s, tag, text, err);
		if (rc == 0)
			rc = stream_write(s->in, line.data, line.len, err);
		if (rc == 0)
			rc = stream_write(s->in, "\r\n", 2, err);
		sess_ask_more(s, text.len + line.len + 2);
	}
	buf_done(&line);
	if (rc == 0 && ret_tag != NULL)
		*ret_tag = tag;
	return rc;
}

int
sess_run_words(struct sess *s, const struct cmd_word *word, size_t n, struct err *err)
{
	struct err why = { 0 };
	uint32_t tag;

	if (sess_send_words(s, 0, &tag, word, n, &why) < 0) {
		if (why.kind == ERR_FOLDER)
			return 0;
		*err = why;
		return -1;
	}
	do {
		if (sess_next(s, &s->last, NULL, err) < 0 || sess_drop(s, &s->last, err) < 0)
			return -1;
	} while (s->last.kind != RESP_TAGGED || s->last.tag != tag);
	return 0;
}

int
sess_send_named(struct sess *s, int kind, uint32_t *ret_tag, const char *verb, struct slice name,
    const char *rest, struct err *err)
{
	const struct cmd_word word[] = { { .text = slice_str(verb), .raw = true },
		{ .text = name },
		{ .text = slice_str(rest), .raw = true } };

	if (memchr(name.data, '\0', name.len) != NULL)
		return err_set(err, ERR_FOLDER,
		    "the folder name has a NUL in it, which no IMAP command can carry");
	return sess_send_words(s, kind, ret_tag, word, rest[0] != '\0' ? 3 : 2, err);
}

static void
head_code(const struct resp *r, struct folder_head *h)
{
	if (r->code == CODE_UIDNEXT && r->code_num <= UINT32_MAX)
		h->uidnext = (uint32_t)r->code_num;
	else if (r->code == CODE_UIDVALIDITY && r->code_num <= UINT32_MAX)
		h->uidvalidity = (uint32_t)r->code_num;
	else if (r->code == CODE_HIGHESTMODSEQ)
		h->highestmodseq = r->code_num;
	else if (r->code == CODE_READ_ONLY)
		h->read_only = true;
	else if (r->code == CODE_MAILBOXID)
		snprintf(h->mailbox_id, sizeof(h->mailbox_id), "%.*s", SLICE_ARG(r->code_text));
}

int
sess_tell_id_before(struct sess *s, struct slice folder, struct err *err)
{
	if (sess_tell_id(s, 0, err) < 0)
		return -1;
	while (!sess_name_is_plain(folder) && s->n_asked > 0) {
		struct resp r;

		if (sess_next(s, &r, NULL, err) < 0 || sess_drop(s, &r, err) < 0)
			return -1;
	}
	return 0;
}

/* The error that follows tells the terminal; the answer in full is in the event log. EXAMINE that an old server
 * does not know is followed by SELECT. */
static int
open_refused(struct sess *s, const char *verb, const struct asked *a, struct err *err)
{
	const struct event e = { .no = EV_REFUSED,
		.level = LEVEL_ERROR,
		.command = a->text,
		.file_only = true,
		.reply = sess_reply(s),
		.reply_bytes = s->reply_octets };

	if (sess_refused(s, &s->last, verb, err) < 0 && err->kind == ERR_THROTTLED)
		return -1;
	if (!s->numbered || s->last.state != STATE_BAD || strcmp(verb, "EXAMINE") != 0)
		notes_add(&s->notes, &e, false, "the server refused to open the folder");
	err->kind = ERR_FOLDER, err->scope = SCOPE_FOLDER, err->retry = RETRY_LATER;
	return -1;
}

static int
sess_open_folder(
    struct sess *s, const char *verb, struct slice folder, struct folder_head *ret, struct err *err)
{
	struct folder_head h = { 0 };
	bool again = s->open && s->open_name != NULL && slice_eq(folder, s->open_name);
	uint32_t tag, before = s->exists;
	struct asked a;

	if (sess_tell_id_before(s, folder, err) < 0 || sess_send_named(s, 0, &tag, verb, folder, "", err) < 0)
		return -1;
	s->open = false;
	s->grew = false;
	s->exists = 0;
	s->exists_known = false;
	s->expunged = 0;
	s->n_numbers = 0;
	for (;;) {
		if (sess_next(s, &s->last, &a, err) < 0)
			return -1;
		if (s->last.kind == RESP_STATUS || s->last.kind == RESP_TAGGED)
			head_code(&s->last, &h);
		if (s->last.kind == RESP_TAGGED && s->last.tag == tag)
			break;
		if (sess_drop(s, &s->last, err) < 0)
			return -1;
	}
	if (s->last.state != STATE_OK)
		return open_refused(s, verb, &a, err);
	s->open = true;
	free(s->open_name);
	s->open_name = strndup(folder.data, folder.len);
	/* Opened once more, UW imap-4 and older tell nothing that they have told before. */
	if (again && !s->exists_known)
		s->exists = before;
	/* Without UIDs nothing else names the messages: none told is not none. */
	if (s->numbered && !again && !s->exists_known)
		return err_set(err, ERR_PROTOCOL, "the server does not say how many messages the folder has");
	h.exists = s->exists;
	*ret = h;
	return 0;
}

int
sess_examine(struct sess *s, struct slice folder, struct folder_head *ret, struct err *err)
{
	if (s->no_examine)
		return sess_open_folder(s, "SELECT", folder, ret, err);
	if (sess_open_folder(s, "EXAMINE", folder, ret, err) == 0)
		return 0;
	if (!s->numbered || err->kind != ERR_FOLDER || s->last.state != STATE_BAD)
		return -1;
	s->no_examine = true;
	free(s->no_examine_reply);
	s->no_examine_reply = mem_copy_str(s->reply);
	*err = (struct err){ 0 };
	return sess_open_folder(s, "SELECT", folder, ret, err);
}

int
sess_select_head(struct sess *s, struct slice folder, struct folder_head *ret, struct err *err)
{
	return sess_open_folder(s, "SELECT", folder, ret, err);
}

int
sess_select(struct sess *s, struct slice folder, struct err *err)
{
	struct folder_head ignored;

	return sess_open_folder(s, "SELECT", folder, &ignored, err);
}
