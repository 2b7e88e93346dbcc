#include "app/cli/csv.h"

#include <string.h>

/* A tab that separates is no blank. */
static char *
skip_blanks(char *at, char separator)
{
	return at + strspn(at, separator == '\t' ? " " : " \t");
}

/* Behind the opening mark. What follows the closing one; NULL: there is none. */
static char *
cell_unquote(char *at)
{
	char *to = at;

	for (;; at++) {
		if (*at == '\0')
			return NULL;
		if (*at == '"' && *++at != '"')
			break;
		*to++ = *at;
	}
	*to = '\0';
	return at;
}

/* The cell that begins at `at`; *ret_at is the separator or the end behind it. */
static enum csv_fault
cell_read(struct csv_cell *c, char *at, char separator, char **ret_at)
{
	char *inner = skip_blanks(at, separator);

	*c = (struct csv_cell){ .text = at, .quoted = *inner == '"' };
	if (!c->quoted) {
		*ret_at = at + strcspn(at, (const char[]){ separator, 0 });
		return memchr(at, '"', (size_t)(*ret_at - at)) ? CSV_MARK_INSIDE : CSV_GOOD;
	}
	c->text = inner + 1;
	at = cell_unquote(c->text);
	if (!at)
		return CSV_NOT_CLOSED;
	*ret_at = skip_blanks(at, separator);
	return **ret_at == separator || **ret_at == '\0' ? CSV_GOOD : CSV_TEXT_BEHIND;
}

enum csv_fault
csv_split(char *line, char separator, struct csv_cell *cell, size_t max, size_t *ret_n)
{
	for (*ret_n = 0;;) {
		enum csv_fault fault;
		char *behind;

		if (*ret_n == max)
			return CSV_TOO_MANY;
		fault = cell_read(&cell[*ret_n], line, separator, &behind);
		if (fault != CSV_GOOD)
			return fault;
		++*ret_n;
		if (*behind == '\0')
			return CSV_GOOD;
		*behind = '\0';
		line = behind + 1;
	}
}

enum csv_fault
csv_split_plain(char *line, char separator, struct csv_cell *cell, size_t max, size_t *ret_n)
{
	for (*ret_n = 0; *ret_n < max;) {
		char *behind = strchr(line, separator);

		cell[(*ret_n)++] = (struct csv_cell){ .text = line };
		if (!behind)
			return CSV_GOOD;
		*behind = '\0';
		line = behind + 1;
	}
	return CSV_TOO_MANY;
}

const char *
csv_fault_words(enum csv_fault fault)
{
	static const char *const words[] = {
		[CSV_GOOD] = "",
		[CSV_MARK_INSIDE] = "a quotation mark within a field: enclose the whole field in "
				    "quotation marks and double those in it",
		[CSV_NOT_CLOSED] = "the quotation mark at its start is not closed in this line",
		[CSV_TEXT_BEHIND] =
		    "text behind the closing quotation mark; the next field or the end of "
		    "the line is expected there, and a quotation mark within a field "
		    "is doubled",
		[CSV_TOO_MANY] = "too many fields",
	};

	return words[fault];
}

char *
csv_trimmed(struct csv_cell *c)
{
	size_t len;

	if (c->quoted)
		return c->text;
	c->text = skip_blanks(c->text, 0);
	len = strlen(c->text);
	while (len > 0 && (c->text[len - 1] == ' ' || c->text[len - 1] == '\t'))
		c->text[--len] = '\0';
	return c->text;
}
