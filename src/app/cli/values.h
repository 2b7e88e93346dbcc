/* Values as people type them: durations, numbers, truth, and the word they probably meant. */
#ifndef APP_CLI_VALUES_H
#define APP_CLI_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "500ms", "2s", "5m", "1h", "7d"; a number alone is seconds. False: not one, or over 100 years. */
bool value_duration(const char *text, int64_t *ret_ms);
bool value_number(const char *text, uint64_t max, uint64_t *ret);	/* decimal digits alone */
/* "45M", "10k", "2G", "1T" in steps of 1,024, "500" and "500B" as they are. False: not one. */
bool value_size(const char *text, uint64_t *ret);
bool value_percent(const char *text, unsigned *ret);	/* "5%" or "5": 1 to 100 */
bool value_mode(const char *text, unsigned *ret);	/* "640", "0640": 0600 to 0777 with 0600 in it */
bool value_truth(const char *text, bool *ret);	/* yes no on off true false 1 0, in any case */
/* Index of `text` in a list of words with '|' between them; -1: not there. */
int value_choice(const char *text, const char *choices);
bool value_map(const char *text);	/* FOLDER=FOLDER; the first '=' divides */
/* user@domain: one '@' with something on both sides, no blank, control or one of <>,;:\"[](). */
bool value_address(const char *text);
/* "sha256:" and 64 hex digits, or 44 octets of base64. */
bool value_pin(const char *text);

/* The candidate with the smallest edit distance; one that begins with the word wins over others. */
struct nearest {
	const char *word, *best;
	size_t distance;
};
void nearest_init(struct nearest *n, const char *word);
void nearest_try(struct nearest *n, const char *candidate);
/* Insertions, deletions, replacements and swaps of neighbours; words over 63 bytes are cut. */
size_t edit_distance(const char *a, const char *b);

#endif
