/* One authenticated connection. Commands are sent without waiting and answered in order of arrival:
 * sess_send queues, sess_next gives one response after it has kept the books (tags, EXISTS,
 * EXPUNGE, BYE, ALERT, CAPABILITY). Whoever pipelines drives these two; whoever needs one answer
 * uses sess_run.
 *
 * Errors: those of net/stream.h; ERR_BYE, ERR_THROTTLED, ERR_PROTOCOL (too much that cannot be
 * parsed), ERR_LOGIN, ERR_NOT_IMAP, ERR_TLS. Limits: command lines of 8,000 octets (1,000 on
 * Exchange), SESS_ASKED_MAX octets of unanswered commands (RFC 3501 5.5: more could block both
 * sides), SESS_GARBAGE_MAX responses that do not parse. */
#ifndef IMAP_SESSION_H
#define IMAP_SESSION_H

#include "base/event.h"
#include "imap/caps.h"
#include "imap/endpoint.h"
#include "imap/folder_list.h"
#include "imap/notes.h"
#include "imap/quirk.h"
#include "imap/resp.h"

enum { SESS_ASKED_MAX = 4096, SESS_COMMANDS_MAX = 256 };
/* BADs on one connection: its user goes on with another one. Exchange ends it after ten, Dovecot after twenty. */
enum { SESS_BADS_MAX = 8 };
#define SESS_WORN \
	"the server has refused eight commands on this connection; a new one goes on, before it is ended"

/* A command that waits for its tagged response. */
struct asked {
	uint32_t tag;
	int kind; /* the sender's own number */
	size_t octets;
	uint64_t after; /* octets received when it was sent: its answer comes behind them */
	char *text; /* without tag and CRLF, secrets masked */
};

struct sess {
	const struct endpoint *at;
	struct cancel *stop;
	struct stream *in;
	struct reader reader;
	struct caps caps;
	bool caps_refused; /* CAPABILITY was BAD */
	enum level level;
	struct notes notes;
	struct secret *fresh; /* in place of the endpoint's; NULL: that one */
	struct secret *sasl; /* what wrapped the password in AUTHENTICATE: masked as well */
	char *greeting, *product;
	uint64_t quirks; /* bits of enum quirk, from greeting, ID and host */
	uint64_t seen; /* bits of enum quirk: what this session came across; may be set from what earlier ones did */
	struct tls_facts tls;
	bool tls_on, compressed, preauth, said_bye;
	bool id_told;
	bool see_it_closed; /* as that of its endpoint: another one is opened at once */
	struct ns_entry *ns; /* from NAMESPACE; in ns_arena */
	struct arena ns_arena;
	bool ns_known; /* or refused */
	bool lsub_refused; /* and told */
	uint32_t next_tag;
	struct asked asked[SESS_COMMANDS_MAX]; /* oldest first */
	size_t n_asked, asked_octets;
	unsigned unasked; /* responses since something came that was asked for */
	int64_t busy_ms; /* spent on them, with the work that they make */
	int64_t heard_ms; /* monotonic, of the last response */
	unsigned bads; /* commands that were BAD */
	unsigned garbage,
	    garbage_folders; /* responses that did not parse; those of them that name folders */
	char raw[LEX_TAPE_MAX]; /* the last tagged response as it came, masked: see sess_reply */
	size_t raw_len;
	uint64_t reply_octets; /* of all of it */
	char reply[LEX_TAPE_MAX]; /* for words: '?' in place of a NUL */
	char last_refused[256]; /* text of the LIST that was refused */
	struct resp last; /* of sess_run: valid until the next response */
	const struct folder_list *expected; /* folders of an earlier run, for sess_folders; the caller's, may be NULL */
	bool metadata_options_late; /* GETMETADATA has its options behind the folder */
	/* the open folder */
	bool open;
	uint32_t exists;
	bool exists_known, grew;
	uint32_t held_uidvalidity; /* another one while the folder is open ends the session; 0: any may come */
	struct uidset *map; /* sequence map: kept up to date by EXPUNGE and VANISHED; NULL: none */
	uint64_t expunged; /* removed from the map since EXAMINE */
	/* A server without UIDs (imap/number.h): what stands for the UID of each message that has a
	 * number by now, by sequence number. */
	bool numbered, no_examine;
	char *no_examine_reply; /* the raw answer that said so in this session; NULL */
	uint32_t *number;
	size_t n_numbers;
	char *open_name; /* of the folder opened last, by sess_examine or sess_select; NULL */
	/* The shortest trip so far: a login costs a server its time, a busy machine ours. 0: none. */
	int64_t rtt_us;
};

/* The last tagged response for an event, with reply_octets; NULs and all. Until the next one. */
struct slice sess_reply(const struct sess *s);
/* What it logs in with. */
const struct secret *sess_secret(const struct sess *s);
/* Connect, greet, secure, log in, learn capabilities. After -1 *ret is a closed session whose notes
 * may be read, or NULL; sess_close ends it. */
int sess_open(
    struct sess **ret, const struct endpoint *at, struct cancel *stop, struct err *err) WARN_UNUSED;
/* The two halves of it, with the same promises: up to the login, and from there on. */
int sess_reach(
    struct sess **ret, const struct endpoint *at, struct cancel *stop, struct err *err) WARN_UNUSED;
int sess_begin(struct sess *s, struct err *err) WARN_UNUSED;
/* ID (RFC 2971) without waiting for the answer, once a session and where it is offered: some servers open no
 * folder for who has not told a name (quirks row 22). The second waits where the name needs a literal. */
int sess_tell_id(struct sess *s, int kind, struct err *err) WARN_UNUSED;
int sess_tell_id_before(struct sess *s, struct slice folder, struct err *err) WARN_UNUSED;
void sess_close(struct sess **s); /* says LOGOUT when all is well, does not wait for the answer */

/* Queue a command. kind is handed back with its tagged response. */
int sess_send(struct sess *s, int kind, uint32_t *ret_tag, struct err *err, const char *fmt,
    ...) WARN_UNUSED PRINTF_LIKE(5, 6);
/* May a command of that length be sent now? On a server without UIDs only when nothing is unanswered:
 * an EXPUNGE would change what the numbers of the next command mean. */
bool sess_room(const struct sess *s, size_t octets);
/* Next response. For RESP_TAGGED *ret_asked (may be NULL) is the command it answers; its text is
 * valid until the next sess_send. A tag never given out, or out of order, is noted and skipped. */
int
sess_next(struct sess *s, struct resp *ret, struct asked *ret_asked, struct err *err) WARN_UNUSED;
int sess_more(struct sess *s, struct resp *io, struct err *err) WARN_UNUSED;
/* Something has come that was asked for. An answer with a known tag is told by itself; rows, folders
 * and bodies are the caller's to tell. Without it the session ends after SESS_UNASKED_MAX responses, or
 * when SESS_PATIENCE times the timeout has been waited: ERR_PROTOCOL, ERR_TIMEOUT. */
void sess_progress(struct sess *s);
/* Note a command that the caller writes by itself; its tag is s->next_tag. Takes over `text`. */
void sess_ask(struct sess *s, int kind, size_t octets, char *text);
/* So many octets more belong to the last one. */
void sess_ask_more(struct sess *s, size_t octets);
/* One command, its tagged response in s->last and s->reply; everything untagged but the books is
 * dropped. 0 also for NO and BAD: look at s->last.state. */
int sess_run(struct sess *s, struct err *err, const char *fmt, ...) WARN_UNUSED PRINTF_LIKE(3, 4);
/* Has nothing gone over it for two minutes, or twice the timeout if that is less, and is nothing unanswered? Then its
 * user says NOOP before the server takes it for dead (quirks row 35). */
bool sess_is_quiet(const struct sess *s);
/* A round trip that began at this monotonic time is over. */
void sess_time_trip(struct sess *s, int64_t began_ms);
/* Fill *err from a tagged NO or BAD: kind by response code and known texts (throttling, quota,
 * login), reply in it. */
int sess_refused(struct sess *s, const struct resp *r, const char *doing, struct err *err);
/* Is that NO or BAD about how much was asked, and not about what was asked for? It names a time, or says THROTTLED; other
 * codes of waiting may be one folder's, and stay for good. Then sess_refused gives ERR_THROTTLED. */
bool sess_must_wait(const struct resp *r);

/* EXAMINE, or SELECT where the server is so old that it does not know EXAMINE; then s->no_examine says
 * so. *ret from its untagged data. ERR_FOLDER when refused: nothing is selected then. */
int sess_examine(
    struct sess *s, struct slice folder, struct folder_head *ret, struct err *err) WARN_UNUSED;
int sess_select(struct sess *s, struct slice folder, struct err *err) WARN_UNUSED;
int sess_select_head(
    struct sess *s, struct slice folder, struct folder_head *ret, struct err *err) WARN_UNUSED;
/* A command with a folder name: "VERB name" or "VERB name rest". A name of plain ASCII is quoted;
 * any other goes as a synchronising literal (raw 8-bit names of old servers), for which nothing may
 * be unanswered. NUL: ERR_FOLDER. */
int sess_send_named(struct sess *s, int kind, uint32_t *ret_tag, const char *verb,
    struct slice name, const char *rest, struct err *err) WARN_UNUSED;
/* The general form: words with a blank between. What is not plain ASCII, or long, goes as a
 * synchronising literal; one with a NUL in it as literal8 (RFC 3516). A literal that is refused:
 * ERR_FOLDER, and the answer in s->last and s->reply. */
struct cmd_word {
	struct slice text;
	bool raw;	/* as it is, not quoted */
	bool joined;	/* no blank before it */
};
enum { CMD_WORDS_MAX = 8, CMD_QUOTED_MAX = 1000 };
int sess_send_words(struct sess *s, int kind, uint32_t *ret_tag, const struct cmd_word *word,
    size_t n, struct err *err) WARN_UNUSED;
/* The same and its tagged response, as sess_run; a literal that is refused is a refusal like any other. */
int sess_run_words(struct sess *s, const struct cmd_word *word, size_t n, struct err *err) WARN_UNUSED;
bool sess_name_is_plain(struct slice name); /* no literal needed */
/* Octets of a quoted string, quotes included. */
void sess_quote(struct slice text, struct buf *out);
/* Read and drop `octets` of a body. */
int sess_skip_body(struct sess *s, uint64_t octets, struct err *err) WARN_UNUSED;
/* The rest of a FETCH that nobody wants, bodies and all; nothing for other responses. */
int sess_drop(struct sess *s, struct resp *r, struct err *err) WARN_UNUSED;
/* The next octets of a literal that was announced, as many as are at hand; *io_left, which is not 0,
 * becomes what is left of it. Borrowed until the session is used again. */
int sess_literal_part(struct sess *s, uint64_t *io_left, struct slice *ret, struct err *err) WARN_UNUSED;

/* A login that was let in before in this run, and is refused now, has too many connections, or comes too soon: an
 * error of the session, which is opened again later. Returns -1. */
int sess_refused_again(struct err *io);

/* Pieces of opening, in their own files. */
int sess_login(struct sess *s, struct err *err) WARN_UNUSED; /* login.c */

/* All folders of the account with subscriptions, special use and counts, INBOX first, then by
 * octets of the name, each name once; names are in `a`. ID, NAMESPACE and LIST go out in one
 * flight, and with LIST-STATUS the counts too; s->product and s->quirks are complete afterwards.
 * want_sizes asks for STATUS SIZE where offered. */
int sess_folders(struct sess *s, bool want_sizes, struct arena *a, struct folder_list *ret,
    struct err *err) WARN_UNUSED;
/* ERR_FOLDER for one that no command can name: of a name with a NUL the list has another one. */
int sess_folder_sayable(const struct folder *f, struct err *err) WARN_UNUSED;
/* Fill in their ids (OBJECTID, RFC 8474), with texts in `a`; NULL where none is told. No folder is open. */
int sess_mailbox_ids(struct sess *s, struct folder *const *folder, size_t n, struct arena *a,
    struct err *err) WARN_UNUSED;

#endif
