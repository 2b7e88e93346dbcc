/* The event log: one JSON object a line in events.jsonl (design.md section 5), flushed at once; the
 * same event in words on the terminal. Thread-safe. Fields are stable; no field ever holds a
 * secret: whoever fills `command` and `reply` has masked them. */
#ifndef BASE_EVENT_H
#define BASE_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum event_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARNING, LEVEL_ERROR };

enum event_no {
#define EVENT(no, name, level, words) EV_##name = no,
#include "base/events.def"
#undef EVENT
};

struct event {
	enum event_no no;
	enum event_level level; /* EVENT_DEFAULT(no) or another */
	const char *account, *folder; /* NULL: left out. UTF-8 where possible */
	uint32_t uid; /* 0: left out */
	const char *command; /* without tag and secrets; NULL: left out */
	bool file_only; /* the terminal is not told: the error that follows says it */
	bool passing; /* of this time, and no fact about the server: the warning of a refusal is an EV_ANSWER, and of counts
		       * that differ, when STATUS told them, an EV_STATUS_DIFFERS */
	struct slice reply; /* raw, masked; data NULL: left out; over 8 KiB is cut and
			     * marked with its length (reply_bytes) */
	uint64_t reply_bytes; /* its length, when `reply` is cut already; else 0 or what reply has */
};

struct evlog;

/* dir_path/events.jsonl is opened for appending; a last line without LF is cut off. dir_path NULL:
 * no file (commands without a job). Words go to `terminal` (NULL: nowhere) from `least` level up.
 */
int evlog_open(struct evlog **ret, const char *dir_path, FILE *terminal, enum event_level least,
    struct err *err) WARN_UNUSED;
/* The same, for a file that other processes write, too: no line is cut off, since it may be on its way (one
 * without an end gets one), and each line tells "process", the pid of this one. */
int evlog_join(struct evlog **ret, const char *dir_path, FILE *terminal, enum event_level least,
    struct err *err) WARN_UNUSED;
void evlog_share(struct evlog *log); /* others write it from now on. NULL: nothing */
/* One of the others was killed: its last line may have no end. */
void evlog_mend(struct evlog *log);
void evlog_close(struct evlog **log);
/* One event. A failed write to the file is kept and returned by evlog_sync. NULL log: nothing. */
void evlog_put(struct evlog *log, const struct event *e, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* At barriers. What was just synced as a whole needs no sync of its own; NULL: nothing. */
int evlog_sync(struct evlog *log, const dev_t *synced, struct err *err) WARN_UNUSED;
/* The file has been renamed, as logrotate does: what is in it is made durable, and events go to
 * events.jsonl anew, from a whole line on. After -1 they go on into the old one. NULL log, or one
 * without a file: nothing. */
int evlog_reopen(struct evlog *log, struct err *err) WARN_UNUSED;
enum event_level event_default_level(enum event_no no);
/* Called around terminal lines so that a progress display can clear and redraw itself. They run
 * under the log's mutex and must not log. */
void evlog_set_screen(struct evlog *log, void (*hide)(void *), void (*show)(void *), void *arg);
/* The terminal is told only of events that `say` is true for: some the command says itself, and
 * better. */
void evlog_set_filter(struct evlog *log, bool (*say)(void *arg, const struct event *e), void *arg);
/* Words of each event from LEVEL_INFO up go to the system's log too, through `put`; it must not log
 * here. */
void evlog_set_system(
    struct evlog *log, void (*put)(void *arg, const struct event *e, const char *line), void *arg);
/* Text from a server for a terminal: control, bidi and non-UTF-8 octets made visible (\x1b,
 * \u{202e}). */
void text_visible(struct slice text, struct buf *out);

#endif
