/* libFuzzer: functions over text that a server or a user gives; the first octet chooses. */
#include <stdlib.h>
#include <string.h>

#include "imap/uidset.h"
#include "imap/url.h"
#include "mail/date.h"
#include "mail/flags.h"
#include "mail/header.h"
#include "mail/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
try_date(struct slice text)
{
	struct date d, again;
	char out[DATE_TEXT_MAX];

	if (!date_parse(text, &d))
		return;
	date_format(&d, out);
	if (d.epoch > 0 && (!date_parse(slice_str(out), &again) || again.epoch != d.epoch ||
			       again.zone_min != d.zone_min))
		abort();
}

static void
try_uidset(struct slice text)
{
	struct uidset set = { 0 }, back = { 0 };
	struct buf out;

	buf_init(&out, 16 * 1024 * 1024);
	if (uidset_parse(&set, text) && set.len > 0) {
		uidset_text(&set, 0, out.max, &out);
		if (!uidset_parse(&back, buf_slice(&out)) ||
		    uidset_count(&back) != uidset_count(&set))
			abort();
	}
	buf_done(&out);
	uidset_done(&set);
	uidset_done(&back);
}

static void
try_url(struct slice text, struct arena *a)
{
	char *copy = arena_copy(a, text);
	struct imap_url url;
	struct err err = { 0 };

	if (imap_url_parse(copy, a, &url, &err) < 0 ? err.text[0] == '\0'
						    : url.user[0] == '\0' || url.host[0] == '\0')
		abort();
}

static void
try_flags(struct slice text, struct arena *a)
{
	struct flag_set set;
	struct flags flags;
	struct buf out;

	flag_set_init(&set, a);
	while (text.len > 0) {
		const char *blank = memchr(text.data, ' ', text.len);
		size_t len = blank ? (size_t)(blank - text.data) : text.len;

		if (!flag_set_add(&set, (struct slice){ text.data, len }))
			return;
		len += len < text.len;
		text.data += len;
		text.len -= len;
	}
	buf_init(&out, 1024 * 1024);
	if (flag_set_end(&set, &flags))
		flags_text(&flags, &out);
	buf_done(&out);
}

static void
try_name(struct slice text)
{
	struct buf out;
	char delim = text.len > 0 ? text.data[0] : '/';

	buf_init(&out, 1024 * 1024);
	folder_display(text, &out);
	buf_reset(&out);
	maildir_name(text, delim, (struct slice){ "INBOX", 5 }, &out);
	if (memchr(out.data, '/', out.len) != NULL || memchr(out.data, '\0', out.len) != NULL)
		abort();
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct header_facts facts;
	struct arena a;

	if (len == 0)
		return 0;

	struct slice text = { (const char *)data + 1, len - 1 };

	arena_init(&a, 8 * 1024 * 1024);
	switch (data[0] % 6) {
	case 0:
		try_date(text);
		break;
	case 1:
		try_uidset(text);
		break;
	case 2:
		try_url(text, &a);
		break;
	case 3:
		try_flags(text, &a);
		break;
	case 4:
		try_name(text);
		break;
	default:
		header_read(text, &a, &facts);
	}
	arena_done(&a);
	return 0;
}
