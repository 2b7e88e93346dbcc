/* See sidecar_json.h. */
#include "store/sidecar_json.h"

#include <jansson.h>
#include <string.h>

#include "base/mem.h"
#include "store/grown.h"
#include "store/shelf_dir.h"

enum { OCTETS_MAX = 64 * 1024 };

static void
json_free(json_t **j)
{
	json_decref(*j);
}

static json_t *
json_object_of(struct slice line)
{
	json_t *j = json_loadb(line.data, line.len, 0, NULL);

	if (j != NULL && !json_is_object(j)) {
		json_decref(j);
		j = NULL;
	}
	return j;
}

static struct slice
json_text_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_string(v))
		return (struct slice){ NULL, 0 };
	return (struct slice){ json_string_value(v), json_string_length(v) };
}

static bool
json_count_of(const json_t *o, const char *key, uint64_t max, uint64_t *ret)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) > max)
		return false;
	*ret = (uint64_t)json_integer_value(v);
	return true;
}

static bool
json_true_of(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

/* ---- base64 (RFC 4648), of names and keywords that are not UTF-8 ---- */

static int
base64_digit(char c)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

static bool
base64_decode(struct slice text, struct buf *out)
{
	uint32_t bits = 0;
	int n = 0;

	while (text.len > 0 && text.data[text.len - 1] == '=')
		text.len--;
	for (size_t i = 0; i < text.len; i++) {
		int v = base64_digit(text.data[i]);

		if (v < 0)
			return false;
		bits = (bits << 6 | (uint32_t)v) & 0xffff;
		n += 6;
		if (n >= 8) {
			n -= 8;
			if (!buf_add_byte(out, (char)(bits >> n & 0xff)))
				return false;
		}
	}
	return true;
}

/* ---- the folder line ---- */

static bool
folder_name(const json_t *o, struct arena *a, struct slice *ret)
{
	struct slice b64 = json_text_of(o, "name_b64"), name = json_text_of(o, "name");
	AUTO(buf_done) struct buf octets;

	buf_init(&octets, OCTETS_MAX);
	if (b64.data != NULL) {
		if (!base64_decode(b64, &octets))
			return false;
		name = buf_slice(&octets);
	}
	if (name.len == 0 || name.len > OCTETS_MAX || memchr(name.data, '\0', name.len) != NULL)
		return false;
	*ret = (struct slice){ arena_copy(a, name), name.len };
	return ret->data != NULL;
}

/* "\\Sent \\Important" from the array; NULL when there is none. */
static bool
folder_use(const json_t *o, struct arena *a, const char **ret)
{
	const json_t *list = json_object_get(o, "special_use"), *v;
	AUTO(buf_done) struct buf text;
	size_t i;

	buf_init(&text, 1024);
	*ret = NULL;
	json_array_foreach(list, i, v)
	{
		if (json_is_string(v) && json_string_length(v) > 0)
			(void)buf_printf(
			    &text, "%s%s", text.len > 0 ? " " : "", json_string_value(v));
	}
	if (text.len == 0)
		return true;
	*ret = arena_copy(a, buf_slice(&text));
	return *ret != NULL;
}

bool
sidecar_json_folder(struct slice line, struct arena *a, struct sidecar_folder *ret)
{
	AUTO(json_free) json_t *o = json_object_of(line);
	struct sidecar_folder f = { .known = true };
	struct slice delim;
	uint64_t n;

	if (o == NULL || !folder_name(o, a, &f.name) || !folder_use(o, a, &f.special_use) ||
	    !json_count_of(o, "uidvalidity", UINT32_MAX, &n))
		return false;
	f.uidvalidity = (uint32_t)n;
	delim = json_text_of(o, "delim");
	if (delim.len == 1)
		f.delim = delim.data[0];
	f.subscribed = json_true_of(o, "subscribed");
	*ret = f;
	return true;
}

/* ---- message lines ---- */

static bool
line_digest(const json_t *o, const char *key, uint8_t ret[SHA256_LEN])
{
	static const char digits[] = "0123456789abcdef";
	struct slice hex = json_text_of(o, key);

	if (hex.len != 2 * SHA256_LEN)
		return false;
	for (size_t i = 0; i < hex.len; i++) {
		const char *at = memchr(digits, hex.data[i] | 0x20, 16);

		if (at == NULL)
			return false;
		ret[i / 2] = (uint8_t)(ret[i / 2] << 4 | (uint8_t)(at - digits));
	}
	return true;
}

static bool
flags_of_words(const json_t *list, struct flag_set *set)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		struct slice word = { json_string_value(v), json_string_length(v) };

		if (json_is_string(v) && !flag_set_add(set, word))
			return false;
	}
	return true;
}

static bool
flags_of_octets(struct slice b64, struct flag_set *set)
{
	AUTO(buf_done) struct buf octets;
	struct slice rest;

	buf_init(&octets, OCTETS_MAX);
	if (!base64_decode(b64, &octets))
		return false;
	rest = buf_slice(&octets);
	while (rest.len > 0) {
		struct slice word = grown_word(&rest);

		if (word.len > 0 && !flag_set_add(set, word))
			return false;
	}
	return true;
}

static bool
line_flags(const json_t *o, struct arena *a, struct flags *ret)
{
	struct slice b64 = json_text_of(o, "keywords_b64");
	struct flag_set set;

	flag_set_init(&set, a);
	if (!flags_of_words(json_object_get(o, "flags"), &set) ||
	    !(b64.data != NULL ? flags_of_octets(b64, &set)
			       : flags_of_words(json_object_get(o, "keywords"), &set)))
		return false;
	set.system &= FLAGS_STORED;
	return flag_set_end(&set, ret);
}

static uint64_t
line_id(const json_t *gmail, const char *key)
{
	struct slice text = json_text_of(gmail, key);
	uint64_t id = 0;

	return text.data != NULL && slice_u64(text, UINT64_MAX, &id) ? id : 0;
}

static bool
line_labels(const json_t *o, struct arena *a, const char **ret)
{
	const json_t *list = json_object_get(json_object_get(o, "gmail"), "labels"), *v;
	struct flag_set set;
	size_t i;

	if (!json_is_array(list))
		return true;
	flag_set_init(&set, a);
	json_array_foreach(list, i, v)
	{
		struct slice name = { json_string_value(v), json_string_length(v) };

		if (json_is_string(v) && !label_set_add(&set, name))
			return false;
	}
	return label_set_end(&set, ret);
}

/* raw_date only where date_format would not give the same (msg.h). */
static bool
line_date(const json_t *o, struct arena *a, struct msg *m)
{
	struct slice text = json_text_of(o, "internaldate");
	char again[DATE_TEXT_MAX];

	if (text.data == NULL)
		return true;
	if (date_parse(text, &m->date)) {
		date_format(&m->date, again);
		if (slice_eq(text, again))
			return true;
	}
	m->raw_date = arena_copy(a, text);
	return m->raw_date != NULL;
}

static enum verdict
line_verdict(const json_t *o)
{
	struct slice name = json_text_of(o, "verdict");

	for (int v = 0; v < VERDICTS; v++) {
		if (slice_eq(name, verdict_name((enum verdict)v)) &&
		    verdict_has_file((enum verdict)v))
			return (enum verdict)v;
	}
	return VERDICT_STORED;
}

static bool
line_place(const json_t *o, struct arena *a, struct sidecar_line *l)
{
	struct slice file = json_text_of(o, "file"), eol = json_text_of(o, "eol");

	if (shelf_name_plain(file)) {
		l->file = arena_copy(a, file);
		if (l->file == NULL)
			return false;
	}
	l->at_known = json_count_of(o, "at", INT64_MAX, &l->at);
	if (slice_eq(eol, "lf"))
		l->eol = SIDECAR_EOL_LF;
	else if (slice_eq(eol, "wire"))
		l->eol = SIDECAR_EOL_WIRE;
	if (json_count_of(o, "status_at", INT64_MAX, &l->status_at))
		(void)json_count_of(o, "status_len", INT64_MAX, &l->status_len);
	l->full_source = json_true_of(o, "full_source");
	l->rebuilt = json_true_of(o, "rebuilt");
	return true;
}

bool
sidecar_json_flags(struct slice line, struct arena *a, struct flags *io)
{
	AUTO(json_free) json_t *o = json_object_of(line);
	const char *labels = io->labels;

	if (o == NULL || !line_flags(o, a, io))
		return false;
	io->labels = labels;
	return line_labels(o, a, &io->labels);
}

bool
sidecar_json_line(struct slice line, struct arena *a, struct sidecar_line *ret)
{
	AUTO(json_free) json_t *o = json_object_of(line);
	struct sidecar_line l = { .msg.flags.keywords = "" };
	struct msg *m = &l.msg;
	uint64_t n;

	if (o == NULL || !json_count_of(o, "uid", UINT32_MAX, &n))
		return false;
	m->uid = (uint32_t)n;
	if (json_count_of(o, "uidvalidity", UINT32_MAX, &n))
		l.uidvalidity = (uint32_t)n;
	m->size_known = json_count_of(o, "size", INT64_MAX, &m->size);
	if (!json_count_of(o, "wire", INT64_MAX, &m->wire_bytes) ||
	    !json_count_of(o, "stored", INT64_MAX, &m->file_bytes))
		return false;
	m->verdict = line_verdict(o);
	m->gm_msgid = line_id(json_object_get(o, "gmail"), "msgid");
	m->gm_thrid = line_id(json_object_get(o, "gmail"), "thrid");
	l.sha256_known = line_digest(o, "sha256", m->sha256);
	l.stored_sha256_known = line_digest(o, "stored_sha256", l.stored_sha256);
	if (!line_flags(o, a, &m->flags) || !line_labels(o, a, &m->flags.labels) || !line_date(o, a, m) || !line_place(o, a, &l))
		return false;
	*ret = l;
	return true;
}
