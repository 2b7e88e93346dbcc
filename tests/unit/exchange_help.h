/* Sets of migration files for tests: the worked example of the format's description, and short ways
 * to write, read and compare. */
#ifndef TESTS_UNIT_EXCHANGE_HELP_H
#define TESTS_UNIT_EXCHANGE_HELP_H

#include "store/exchange/reader.h"
#include "tempdir.h"

static const char set_list[] = "1252\r\n\r\nFilename,Filetype\r\nDIRECTORY.PRI,Primary\r\n"
			       "00000001.PRI,Primary\r\n00000001.SEC,Secondary\r\n";
static const char set_directory[] =
    "DIRECTORY\r\n"
    "Obj-class,Mode,Common-Name,Display-Name,Secondary-Proxy-Addresses,Home-Server\r\n"
    "mailbox,create,usuario1,Usuario Uno,\"SMTP:usuario1@example.com\",~Server\r\n";
#define SET_COLUMNS                                                                                \
	"Folder,Sender,To,Cc,Bcc,Subject,Send-Date,Received-Date,Priority,Unread,Unsent,Body\r\n"
static const char set_pri[] =
    "! extracted 2000-04-14 08:00:00 from imap.example.com, user usuario1%ncc%migracion\r\n"
    "MAILMESSAGE,SMTP:usuario1@example.com\r\n" SET_COLUMNS
    "Inbox,\"Ana Ruiz[SMTP:ana@example.org]\",\"Usuario Uno[SMTP:usuario1@example.com]\",,,"
    "\"Presupuesto, v2\",20000412093105,20000412093140,1,FALSE,FALSE,#00000001.SEC(50)\r\n"
    "\"Proyectos\\Banyan\",\"Luis Gil[SMTP:luis@example.org]\","
    "\"Usuario Uno[SMTP:usuario1@example.com]\",#00000001.SEC(249),,Keys,20000413101500,"
    "20000413101512,,TRUE,FALSE,#00000001.SEC(191)\r\n"
    "Drafts,\"Usuario Uno[SMTP:usuario1@example.com]\",,,,\"About \"\"keys\"\"\",,,0,FALSE,TRUE,"
    "#00000001.SEC(362)\r\n";
static const char set_sec[] = "Type,Length,Encoding,Islast,Name,Position,Format\r\n"
			      "Body,43,,FALSE,,,\r\n"
			      "Hola:\r\nAdjunto el presupuesto, versi\xF3n 2.\r\n\r\n"
			      "Attachment,25,,TRUE,\"presupuesto v2.csv\",-1,None\r\n"
			      "id;amount\r\n1;100\r\n2;250\r\n\r\n"
			      "Body,38,,TRUE,,,\r\n"
			      "Server room keys are with reception.\r\n\r\n"
			      "Other,92,,TRUE,,,\r\n"
			      "Ana Ruiz[SMTP:ana@example.org];Luis Gil[SMTP:luis@example.org];"
			      "Eva Paz[SMTP:eva@example.org]\r\n"
			      "Body,25,,TRUE,,,\r\n"
			      "Draft text, not finished.\r\n";
#define SET_SEC_HEAD "Type,Length,Encoding,Islast,Name,Position,Format\r\n"
#define SET_LINE(subject, pointer) "Inbox,A,B,,," subject ",,,,,," pointer "\r\n"

static struct exread *set;
static struct exitem item;
static struct err err;

static inline void
set_put(const char *name, const char *text)
{
	temp_write(name, text, strlen(text), "wb");
}

static inline void
set_example(void)
{
	set_put("imex.PKL", set_list);
	set_put("DIRECTORY.PRI", set_directory);
	set_put("00000001.PRI", set_pri);
	set_put("00000001.SEC", set_sec);
}

/* A set of one primary and one secondary file; lines are those of one mailbox. */
static inline void
set_small(const char *lines, const char *sec)
{
	struct buf pri;

	buf_init(&pri, 1 << 20);
	buf_printf(&pri, "MAILMESSAGE,SMTP:a@x\r\n" SET_COLUMNS "%s", lines);
	set_put(
	    "imex.PKL", "1252\r\n\r\nFilename,Filetype\r\nA.PRI,Primary\r\nA.SEC,Secondary\r\n");
	set_put("A.PRI", pri.data);
	set_put("A.SEC", sec);
	buf_done(&pri);
}

static inline void
set_open(void)
{
	exread_close(&set);
	if (exread_open(&set, temp_path("imex.PKL"), 0, &err) < 0) {
		fprintf(stderr, "# %s\n", err.text);
		assert_true(false);
	}
}

static inline int
set_end(void **state)
{
	exread_close(&set);
	return temp_dir_remove(state);
}

/* The next item of the owner that was started; false: no more. */
static inline bool
set_next(void)
{
	enum exstep step = exread_next(set, &item, &err);

	assert_int_not_equal(step, EXSTEP_ERR);
	return step == EXSTEP_ITEM;
}

static inline void
set_start(size_t owner)
{
	assert_int_equal(exread_start(set, owner, &err), 0);
}

/* Is there a problem of that kind whose text holds the words? */
static inline bool
set_has_problem(enum event_no event, const char *words)
{
	for (size_t i = 0; i < exread_problems(set, NULL); i++) {
		const struct exfault *f = exread_problem(set, i);

		if (f->event == event && strstr(f->text, words) != NULL)
			return true;
	}
	for (size_t i = 0; i < exread_problems(set, NULL); i++)
		fprintf(stderr, "# %d %s\n", exread_problem(set, i)->event,
		    exread_problem(set, i)->text);
	return false;
}

/* All records of the item's message as text: "Body(5)hello|Attachment a.txt(2)hi|", or with "!
 * fault" at the end. */
static inline enum exstep
set_body(struct buf *out, struct exfault *fault)
{
	struct exmsg m;
	struct expart p;
	enum exstep step;
	char data[512];

	buf_reset(out);
	if (!exmsg_begin(set, &item.body, &m, fault))
		return EXSTEP_ERR;
	while ((step = exmsg_next(set, &m, &p, fault)) == EXSTEP_ITEM) {
		size_t n = 1;

		buf_printf(out, "%s%s%.*s(%llu)", exrecord_type_name(p.head.type),
		    p.head.name.len > 0 ? " " : "", SLICE_ARG(p.head.name),
		    (unsigned long long)p.head.length);
		for (uint64_t at = 0; n > 0; at += n) {
			if (!exmsg_read(set, &p, at, data, sizeof data, &n, fault))
				return EXSTEP_ERR;
			buf_add(out, data, n);
		}
		buf_add_byte(out, '|');
	}
	return step;
}

#endif
