/* One row of a CSV file (RFC 4180), split in place. A line end ends a row also within quotation
 * marks: lines come here without one. */
#ifndef APP_CLI_CSV_H
#define APP_CLI_CSV_H

#include <stdbool.h>
#include <stddef.h>

struct csv_cell {
	char *text;	/* NUL-terminated, in the line; quotation marks are taken away */
	bool quoted;
};

enum csv_fault { CSV_GOOD, CSV_MARK_INSIDE, CSV_NOT_CLOSED, CSV_TEXT_BEHIND, CSV_TOO_MANY };

/* *ret_n is the number of cells, or the index of the one with the fault. Blanks around quotation
 * marks are passed over, those of other cells are kept. */
enum csv_fault csv_split(
    char *line, char separator, struct csv_cell *cell, size_t max, size_t *ret_n);
/* The same where a quotation mark is an octet like any other. */
enum csv_fault csv_split_plain(
    char *line, char separator, struct csv_cell *cell, size_t max, size_t *ret_n);
const char *csv_fault_words(enum csv_fault fault);
/* The text without the blanks around it; what stood in quotation marks is as it was. */
char *csv_trimmed(struct csv_cell *c);

#endif
