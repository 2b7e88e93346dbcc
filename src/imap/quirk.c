#include "imap/quirk.h"

#include <string.h>

#include "base/slice.h"

static const struct quirk_entry table[] = {
#define QUIRK(kind, id, name, sign, does, why, rows, scene) \
	{ QUIRK_IS_##kind, name, sign, does, why, rows, scene },
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

uint64_t
quirks_of(const char *greeting, const char *product, const char *host)
{
	uint64_t set = 0;

	for (unsigned i = 0; i < QUIRKS; i++) {
		if (table[i].kind != QUIRK_IS_MATCHED)
			continue;
		for (const char *word = table[i].sign; *word != '\0';) {
			size_t len = strcspn(word, "|");

			if (word_occurs(greeting, word, len) || word_occurs(product, word, len) ||
			    word_occurs(host, word, len))
				quirk_add(&set, (enum quirk)i);
			word += len + (word[len] == '|');
		}
	}
	return set;
}

const struct quirk_entry *
quirk_get(enum quirk q)
{
	return &table[q];
}

const char *
quirk_kind_name(enum quirk_kind k)
{
	static const char *const names[] = { "matched", "kept", "seen", "always" };

	return names[k];
}

const struct quirk_entry *
quirk_find(const char *name)
{
	for (unsigned i = 0; i < QUIRKS; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}
