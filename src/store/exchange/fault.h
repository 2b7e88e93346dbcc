/* What is wrong in a file of a set, as a value: which file, where, what was expected, what to do.
 * One fault is one event of the log (numbers: events.def). */
#ifndef STORE_EXCHANGE_FAULT_H
#define STORE_EXCHANGE_FAULT_H

#include "base/event.h"

enum { EXFAULT_FILE_MAX = 256, EXFAULT_TEXT_MAX = 640 };

struct exfault {
	enum event_no event; /* EV_EX_... */
	uint64_t line; /* physical line from 1; 0: a secondary file, told by `at` */
	uint64_t column; /* character of the line, from 1; 0: the line as a whole */
	uint64_t at; /* octet: of the line's start, or of the place in a secondary file */
	char file[EXFAULT_FILE_MAX]; /* UTF-8, as the packing list or the directory has it */
	char text[EXFAULT_TEXT_MAX]; /* "FILE line 3, column 7: ...", one line; may be cut. Holds
				      * what the file said: show it with text_visible */
};

/* Puts the place before the words. */
void exfault_set(struct exfault *f, enum event_no event, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* A place to start from: everything but event and text. */
struct exfault exfault_in_line(struct slice file, uint64_t line, uint64_t column, uint64_t at);
struct exfault exfault_at(struct slice file, uint64_t at);

#endif
