/* File names of attachments (exchange-migration, EM-19, EM-20): what the part says, without
 * directories and what no file system or field can hold; else a number and the ending that goes with
 * the type. */
#include <string.h>

#include "base/mem.h"
#include "mail/parts_inside.h"

enum { NAME_MAX_OCTETS = 200 };

static const struct {
	const char *type, *ending;
} endings[] = {
	{ "text/plain", "txt" },
	{ "text/html", "html" },
	{ "text/calendar", "ics" },
	{ "text/vcard", "vcf" },
	{ "text/x-vcard", "vcf" },
	{ "text/csv", "csv" },
	{ "text/rtf", "rtf" },
	{ "image/jpeg", "jpg" },
	{ "image/svg+xml", "svg" },
	{ "image/tiff", "tif" },
	{ "message/rfc822", "eml" },
	{ "message/delivery-status", "txt" },
	{ "message/disposition-notification", "txt" },
	{ "application/ms-tnef", "dat" },
	{ "application/pkcs7-mime", "p7m" },
	{ "application/x-pkcs7-mime", "p7m" },
	{ "application/pkcs7-signature", "p7s" },
	{ "application/x-pkcs7-signature", "p7s" },
	{ "application/pgp-signature", "asc" },
	{ "application/pgp-encrypted", "asc" },
	{ "application/msword", "doc" },
	{ "application/vnd.ms-excel", "xls" },
	{ "application/vnd.ms-powerpoint", "ppt" },
	{ "application/javascript", "js" },
	{ "application/gzip", "gz" },
};

/* A short subtype of letters and digits is an ending itself: png, pdf, zip. */
static const char *
ending_of(const char *type)
{
	for (size_t i = 0; i < COUNT_OF(endings); i++)
		if (strcmp(endings[i].type, type) == 0)
			return endings[i].ending;
	const char *sub = strchr(type, '/');

	if (sub == NULL || strlen(++sub) < 2 || strlen(sub) > 4 || strncmp(type, "text/", 5) == 0)
		return strncmp(type, "text/", 5) == 0 ? "txt" : "bin";
	for (const char *c = sub; *c != '\0'; c++)
		if (!g_ascii_isalnum(*c))
			return "bin";
	return sub;
}

/* What comes behind the last directory; without blanks and dots alone it is no name. */
static const char *
last_component(const char *said)
{
	const char *at = said;

	for (const char *c = said; *c != '\0'; c++)
		if (*c == '/' || *c == '\\')
			at = c + 1;
	return at[strspn(at, " .\t\r\n")] != '\0' ? at : "";
}

static const char *
clean_name(struct mail_parts *p, const char *said)
{
	char *copy = g_strstrip(g_strdup(mime_line(said, 4 * NAME_MAX_OCTETS, &p->arena)));
	const char *name = last_component(copy);
	const char *dot = strrchr(name, '.');
	size_t len = strlen(name), ending = dot != NULL && dot > name ? strlen(dot) : 0;
	const char *kept;

	if (len <= NAME_MAX_OCTETS || ending > 16) {
		kept = mime_line(name, NAME_MAX_OCTETS, &p->arena);
	} else {
		const char *stem = mime_line(name, NAME_MAX_OCTETS - ending, &p->arena);

		kept = arena_printf(&p->arena, "%s%s", stem, dot);
	}
	g_free(copy);
	return kept != NULL ? kept : "";
}

void
parts_name(struct mail_parts *p, struct mail_part *one, const char *said, size_t number)
{
	one->name = said != NULL ? clean_name(p, said) : "";
	if (one->name[0] != '\0')
		return;
	one->name = arena_printf(
	    &p->arena, "attachment-%zu.%s", number, ending_of(one->content_type));
	if (one->name == NULL)
		one->name = "attachment.bin";
	one->name_made = true;
}
