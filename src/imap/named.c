/* Commands that carry a folder name: quoted where it may be, else as a synchronising literal. */
#include "imap/session.h"

#include <string.h>

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

/* The part of a command behind a synchronising literal's header; a refusal is left for the reader
 * of the tagged answer. */
static int
send_literal(struct sess *s, uint32_t tag, struct slice name, const char *rest, struct err *err)
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
	if (stream_write(s->in, name.data, name.len, err) < 0 ||
	    (rest[0] && stream_write(s->in, " ", 1, err) < 0) ||
	    stream_write(s->in, rest, strlen(rest), err) < 0)
		return -1;
	return stream_write(s->in, "\r\n", 2, err);
}

int
sess_send_named(struct sess *s, int kind, uint32_t *ret_tag, const char *verb, struct slice name,
    const char *rest, struct err *err)
{
	struct buf quoted;
	uint32_t tag;
	int rc;

	if (memchr(name.data, '\0', name.len) != NULL)
		return err_set(err, ERR_FOLDER,
		    "the folder name has a NUL in it, which no IMAP command can carry");
	buf_init(&quoted, LEX_STRING_MAX * 2 + 8);
	if (sess_name_is_plain(name)) {
		sess_quote(name, &quoted);
		rc = sess_send(
		    s, kind, &tag, err, "%s %s%s%s", verb, quoted.data, rest[0] ? " " : "", rest);
	} else {
		rc = sess_send(s, kind, &tag, err, "%s {%zu}", verb, name.len);
		if (rc == 0)
			rc = send_literal(s, tag, name, rest, err);
	}
	buf_done(&quoted);
	if (rc == 0 && ret_tag != NULL)
		*ret_tag = tag;
	return rc;
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
}

static int
sess_open_folder(
    struct sess *s, const char *verb, struct slice folder, struct folder_head *ret, struct err *err)
{
	struct folder_head h = { 0 };
	uint32_t tag;

	if (sess_send_named(s, 0, &tag, verb, folder, "", err) < 0)
		return -1;
	s->open = false;
	s->grew = false;
	s->exists = 0;
	s->exists_known = false;
	s->expunged = 0;
	for (;;) {
		if (sess_next(s, &s->last, NULL, err) < 0)
			return -1;
		if (s->last.kind == RESP_STATUS || s->last.kind == RESP_TAGGED)
			head_code(&s->last, &h);
		if (s->last.kind == RESP_TAGGED && s->last.tag == tag)
			break;
		if (sess_drop(s, &s->last, err) < 0)
			return -1;
	}
	if (s->last.state != STATE_OK) {
		sess_refused(s, &s->last, verb, err);
		if (err->kind != ERR_THROTTLED)
			err->kind = ERR_FOLDER, err->scope = SCOPE_FOLDER, err->retry = RETRY_LATER;
		return -1;
	}
	s->open = true;
	h.exists = s->exists;
	*ret = h;
	return 0;
}

int
sess_examine(struct sess *s, struct slice folder, struct folder_head *ret, struct err *err)
{
	return sess_open_folder(s, "EXAMINE", folder, ret, err);
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
