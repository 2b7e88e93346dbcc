#include "imap/quirk.h"

#include <string.h>

#include "base/slice.h"

static const struct {
	const char *name, *match, *why;
} table[] = {
#define QUIRK(name, match, why) { #name, match, why },
#include "imap/quirks.def"
#undef QUIRK
};

static bool
word_occurs(const char *text, const char *word, size_t len)
{
	char one[64];

	if (text == NULL || len >= sizeof(one))
		return false;
	memcpy(one, word, len);
	one[len] = '\0';
	return slice_has_nocase(slice_str(text), one);
}

unsigned
quirks_of(const char *greeting, const char *product, const char *host)
{
	unsigned set = 0;

	for (unsigned i = 0; i < QUIRKS; i++) {
		for (const char *word = table[i].match; *word != '\0';) {
			size_t len = strcspn(word, "|");

			if (word_occurs(greeting, word, len) || word_occurs(product, word, len) ||
			    word_occurs(host, word, len))
				set |= 1u << i;
			word += len + (word[len] == '|');
		}
	}
	return set;
}

const char *
quirk_name(enum quirk q)
{
	return table[q].name;
}

const char *
quirk_why(enum quirk q)
{
	return table[q].why;
}
