#include "app/cli/values.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/slice.h"

static const struct {
	const char *name;
	int64_t ms;
} units[] = {
	{ "ms", 1 }, { "", 1000 }, { "s", 1000 },
	{ "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
};

bool
value_duration(const char *text, int64_t *ret_ms)
{
	size_t digits = strspn(text, "0123456789");
	const uint64_t most = UINT64_C(100) * 365 * 86400000;
	uint64_t n;

	if (!slice_u64((struct slice){ text, digits }, most, &n))
		return false;
	for (size_t i = 0; i < COUNT_OF(units); i++) {
		if (strcasecmp(text + digits, units[i].name) != 0)
			continue;
		if (n > most / (uint64_t)units[i].ms)
			return false;
		*ret_ms = (int64_t)n * units[i].ms;
		return true;
	}
	return false;
}

bool
value_number(const char *text, uint64_t max, uint64_t *ret)
{
	return slice_u64(slice_str(text), max, ret);
}

bool
value_size(const char *text, uint64_t *ret)
{
	static const char *const names[] = { "", "k", "M", "G", "T" };
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;
	uint64_t n;

	if (!slice_u64((struct slice){ text, digits }, UINT64_MAX, &n))
		return false;
	if (strcasecmp(unit, "B") == 0)
		unit = "";
	for (unsigned i = 0; i < COUNT_OF(names); i++) {
		if (strcasecmp(unit, names[i]) != 0)
			continue;
		if (n > (uint64_t)INT64_MAX >> 10 * i)
			return false;
		*ret = n << 10 * i;
		return true;
	}
	return false;
}

bool
value_percent(const char *text, unsigned *ret)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t n;

	if ((text[digits] != '\0' && strcmp(text + digits, "%") != 0) ||
	    !slice_u64((struct slice){ text, digits }, 100, &n) || n == 0)
		return false;
	*ret = (unsigned)n;
	return true;
}

bool
value_truth(const char *text, bool *ret)
{
	int i = value_choice(text, "no|yes|off|on|false|true|0|1");

	if (i < 0)
		return false;
	*ret = i % 2 == 1;
	return true;
}

int
value_choice(const char *text, const char *choices)
{
	size_t len = strlen(text);
	int index = 0;

	for (const char *at = choices;; index++) {
		size_t word = strcspn(at, "|");

		if (word == len && strncasecmp(at, text, len) == 0)
			return index;
		if (at[word] == '\0')
			return -1;
		at += word + 1;
	}
}

bool
value_mode(const char *text, unsigned *ret)
{
	unsigned mode = 0;
	size_t len = strlen(text);

	if (len < 3 || len > 4 || strspn(text, "01234567") != len)
		return false;
	for (const char *at = text; *at; at++)
		mode = mode << 3 | (unsigned)(*at - '0');
	if (mode > 0777 || (mode & 0600) != 0600)
		return false;
	*ret = mode;
	return true;
}

bool
value_pin(const char *text)
{
	static const char prefix[] = "sha256:";
	static const char hex[] = "0123456789abcdefABCDEF";
	static const char base64[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *sum = text + sizeof(prefix) - 1;

	if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
		return false;
	if (strlen(sum) == 64)
		return strspn(sum, hex) == 64;
	return strlen(sum) == 44 && strspn(sum, base64) == 43 && sum[43] == '=';
}

bool
value_map(const char *text)
{
	const char *equal = strchr(text, '=');

	return equal && equal != text && equal[1] != '\0';
}

bool
value_address(const char *text)
{
	const char *at = strchr(text, '@');

	if (!at || at == text || at[1] == '\0' || strchr(at + 1, '@'))
		return false;
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f || strchr("<>,;:\\\"[]()", *text))
			return false;
	return true;
}

void
nearest_init(struct nearest *n, const char *word)
{
	*n = (struct nearest){ .word = word, .distance = SIZE_MAX };
}

void
nearest_try(struct nearest *n, const char *candidate)
{
	size_t len = strlen(n->word);
	size_t d = edit_distance(n->word, candidate);

	/* "--pass" is one of the --password options, however long they are. */
	if (len >= 2 && strncmp(n->word, candidate, len) == 0)
		d = 0;
	if (d < n->distance) {
		n->distance = d;
		n->best = candidate;
	}
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t
edit_distance(const char *a, const char *b)
{
	enum { MOST = 63 };
	size_t rows[3][MOST + 1];
	size_t la = strnlen(a, MOST), lb = strnlen(b, MOST);
	size_t *two = rows[0], *one = rows[1], *now = rows[2];

	for (size_t j = 0; j <= lb; j++)
		one[j] = two[j] = j;
	for (size_t i = 1; i <= la; i++) {
		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t d = one[j - 1] + (a[i - 1] != b[j - 1]);

			d = least(d, least(one[j] + 1, now[j - 1] + 1));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d = least(d, two[j - 2] + 1);
			now[j] = d;
		}
		size_t *spare = two;

		two = one;
		one = now;
		now = spare;
	}
	return one[lb];
}
