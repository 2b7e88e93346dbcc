/* See set.h. */
#include "store/exchange/set.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/handed.h"

enum { SET_NAME_MAX = 4096 };

void
exset_pri_name(unsigned number, char ret[EXSET_NAME_MAX])
{
	snprintf(ret, EXSET_NAME_MAX, "%08u.PRI", number);
}

void
exset_sec_name(unsigned number, unsigned part, char ret[EXSET_NAME_MAX])
{
	if (part <= 1)
		snprintf(ret, EXSET_NAME_MAX, "%08u.SEC", number);
	else
		snprintf(ret, EXSET_NAME_MAX, "%08u-%u.SEC", number, part);
}

void
exset_list_name(unsigned run, char ret[EXSET_NAME_MAX])
{
	if (run <= 1)
		snprintf(ret, EXSET_NAME_MAX, "imex.PKL");
	else
		snprintf(ret, EXSET_NAME_MAX, "imex-%u.PKL", run);
}

void
exset_directory_name(unsigned run, char ret[EXSET_NAME_MAX])
{
	if (run <= 1)
		snprintf(ret, EXSET_NAME_MAX, "DIRECTORY.PRI");
	else
		snprintf(ret, EXSET_NAME_MAX, "DIRECTORY-%u.PRI", run);
}

static bool
set_has_directory(const struct exset *s)
{
	for (size_t i = 0; i < s->n_accounts; i++) {
		if (!s->account[i].known)
			return true;
	}
	return s->run <= 1;
}

bool
exset_list_text(const struct exset *s, struct buf *out)
{
	char name[EXSET_NAME_MAX];

	buf_printf(out, "%u\r\n\r\nFilename,Filetype\r\n", s->codepage);
	exset_directory_name(s->run, name);
	if (set_has_directory(s))
		buf_printf(out, "%s,Primary\r\n", name);
	for (size_t i = 0; i < s->n_accounts; i++) {
		exset_pri_name(s->account[i].number, name);
		buf_printf(out, "%s,Primary\r\n", name);
	}
	for (size_t i = 0; i < s->n_accounts; i++) {
		for (unsigned part = 1; part <= s->account[i].secs; part++) {
			exset_sec_name(s->account[i].number, part, name);
			buf_printf(out, "%s,Secondary\r\n", name);
		}
	}
	return !out->full;
}

static const char *
set_text(const char *text)
{
	return text != NULL ? text : "";
}

/* smtp_address, or what stands for it, without "SMTP:". */
static struct slice
set_address(const struct exset_account *a, struct buf *scratch)
{
	enum { PREFIX = 5 };

	buf_reset(scratch);
	exowner_name(a->smtp_address, a->login, a->host, scratch);
	return (struct slice){ scratch->data + PREFIX, scratch->len - PREFIX };
}

static struct slice
set_alias(const struct exset_account *a, struct buf *scratch)
{
	struct slice all = set_address(a, scratch);
	const char *at = all.len > 0 ? memrchr(all.data, '@', all.len) : NULL;

	if (set_text(a->alias)[0] != '\0')
		return slice_str(a->alias);
	return at != NULL ? (struct slice){ all.data, (size_t)(at - all.data) } : all;
}

/* A name of 7 bits that no account before had; blank ones become "user". */
static void
set_common_name(const struct exset_account *a, GHashTable *taken, struct buf *out)
{
	struct buf scratch;

	buf_init(&scratch, SET_NAME_MAX);
	buf_reset(out);
	exdirectory_ascii(set_alias(a, &scratch), out);
	g_strstrip(out->data);
	out->len = strlen(out->data);
	if (out->len == 0)
		buf_add_str(out, "user");
	size_t len = out->len;

	for (unsigned n = 2;; n++) {
		char *key = g_ascii_strdown(out->data, -1);

		if (g_hash_table_add(taken, key)) /* takes the key, and frees a second one */
			break;
		out->len = len;
		if (!buf_printf(out, "-%u", n))
			break;
	}
	buf_done(&scratch);
}

static void
set_directory_line(const struct exset_account *a, GHashTable *taken, struct codepage *page,
    struct buf *out, struct exnotes *io)
{
	struct buf name, owner;

	buf_init(&name, SET_NAME_MAX);
	buf_init(&owner, SET_NAME_MAX);
	set_common_name(a, taken, &name);
	buf_add_str(out, "mailbox,create,");
	exdirectory_value(page, buf_slice(&name), out, io);
	buf_add_byte(out, ',');

	struct slice address = set_address(a, &owner);
	bool shown = set_text(a->display)[0] != '\0';

	exdirectory_value(page, shown ? slice_str(a->display) : address, out, io);
	buf_add_byte(out, ',');
	exdirectory_value(page, buf_slice(&owner), out, io);
	buf_add_str(out, ",~Server\r\n");
	buf_done(&name);
	buf_done(&owner);
}

bool
exset_directory_text(
    const struct exset *s, struct codepage *page, struct buf *out, struct exnotes *io)
{
	GHashTable *taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	buf_add_str(out, "DIRECTORY\r\nObj-class,Mode,Common-Name,Display-Name,"
			 "Secondary-Proxy-Addresses,Home-Server\r\n");
	for (size_t i = 0; i < s->n_accounts && !out->full; i++) {
		if (!s->account[i].known)
			set_directory_line(&s->account[i], taken, page, out, io);
	}
	g_hash_table_destroy(taken);
	return !out->full;
}

static void
set_user_line(
    const struct exset_account *a, struct codepage *page, struct buf *out, struct exnotes *io)
{
	struct buf scratch;

	buf_init(&scratch, SET_NAME_MAX);
	excell(page, slice_str(a->login), out, io);
	buf_add_str(out, ",,");
	excell(page, set_address(a, &scratch), out, io);
	buf_add_byte(out, ',');
	excell(page, slice_str(a->host), out, io);
	buf_add_byte(out, ',');
	excell(page, slice_str(set_text(a->alias)), out, io);
	buf_add_byte(out, ',');
	excell(page, slice_str(set_text(a->port)), out, io);
	buf_printf(out, ",%s\r\n", a->tls ? "True" : "False");
	buf_done(&scratch);
}

/* The column of passwords stays empty: no secret is ever written (EM-46). */
bool
exset_users_text(const struct exset *s, struct codepage *page, struct buf *out, struct exnotes *io)
{
	const struct exset_account *user = s->user != NULL ? s->user : s->account;
	size_t n = s->user != NULL ? s->n_users : s->n_accounts;

	buf_add_str(out, "IMAP_Mailbox,IMAP_Password,SMTP_Address,IMAP_Server,Ex_Mailbox,"
			 "IMAP_Port,IMAP_SSL\r\n");
	for (size_t i = 0; i < n && !out->full; i++)
		set_user_line(&user[i], page, out, io);
	return !out->full;
}

static int
set_look(int dir, const char *name, struct err *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set_sys(err, errno == ENOENT ? ERR_NO_INPUT : ERR_DISK,
		    "no packing list is written, '%s' cannot be named in it", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_NO_INPUT,
		    "no packing list is written, '%s' is not a regular file", name);
	return 0;
}

static int
set_look_all(int dir, const struct exset *s, struct err *err)
{
	char name[EXSET_NAME_MAX];

	for (size_t i = 0; i < s->n_accounts; i++) {
		exset_pri_name(s->account[i].number, name);
		if (set_look(dir, name, err) < 0)
			return -1;
		for (unsigned part = 1; part <= s->account[i].secs; part++) {
			exset_sec_name(s->account[i].number, part, name);
			if (set_look(dir, name, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int
set_put(int dir, const char *name, const struct buf *text, struct err *err)
{
	if (text->full)
		return err_set(err, ERR_CREATE, "'%s' would be over %d MiB", name,
		    EXSET_FILE_MAX / (1024 * 1024));
	return handed_replace(dir, name, buf_slice(text), err);
}

static int
set_write_all(int dir, const struct exset *s, struct codepage *page, struct buf *text,
    struct exnotes *io, struct err *err)
{
	char name[EXSET_NAME_MAX];

	exset_directory_name(s->run, name);
	exset_directory_text(s, page, text, io);
	if (set_has_directory(s) && set_put(dir, name, text, err) < 0)
		return -1;
	buf_reset(text);
	exset_users_text(s, page, text, io);
	if (set_put(dir, "Imapusr.csv", text, err) < 0)
		return -1;
	buf_reset(text);
	exset_list_name(s->run, name);
	exset_list_text(s, text);
	return set_put(dir, name, text, err);
}

int
exset_write(int dir, const struct exset *s, struct exnotes *io_notes, struct err *err)
{
	AUTO(codepage_close) struct codepage *page = NULL;
	struct buf text;

	if (codepage_open(&page, s->codepage, err) < 0 || set_look_all(dir, s, err) < 0)
		return -1;
	buf_init(&text, EXSET_FILE_MAX);
	int done = set_write_all(dir, s, page, &text, io_notes, err);

	buf_done(&text);
	return done;
}
