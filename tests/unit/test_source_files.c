/* Files driven as a source, in the order in which the engine calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/digest.h"
#include "shelf_help.h"
#include "store/source.h"

#define HEAD                                                                                       \
	"{\"folder\":\"INBOX\",\"name\":\"INBOX\",\"delim\":\"/\",\"uidvalidity\":7,"              \
	"\"special_use\":[],\"subscribed\":false}\n"

static struct source *src;
static struct arena arena;
static struct folder_list folders;
static struct folder_head head;
static struct msg_page *page;
static struct err err;
static struct shelf_place place;

static int
begin(void **state)
{
	arena_init(&arena, 1024 * 1024);
	page = msg_page_new();
	return temp_dir_make(state);
}

static int
end(void **state)
{
	source_files.close(&src);
	folder_list_done(&folders);
	folders = (struct folder_list){ .len = 0 };
	arena_done(&arena);
	msg_page_free(page);
	return temp_dir_remove(state);
}

static void
open_eml(const char *name)
{
	const struct source_place at = { .shelf = &place };

	place = (struct shelf_place){
		.format = FORMAT_EML, .path = temp_path(name), .login = "", .host = "", .ours = true
	};
	assert_int_equal(source_files.open(&src, &at, NULL, &err), 0);
	assert_int_equal(source_files.folders(src, &arena, &folders, &err), 0);
	assert_int_equal(source_files.enter(src, &folders.folder[0], NULL, &head, &err), 0);
}

static void
ask(uint32_t from, uint32_t to)
{
	struct want want[16];
	size_t n = 0;

	for (uint32_t uid = from; uid <= to; uid++)
		want[n++] = (struct want){ .uid = uid };
	assert_int_equal(source_files.ask(src, want, n, &err), 0);
}

/* The whole body; -1: ERR_MESSAGE. */
static int
drain(char *text, size_t max)
{
	size_t n = 0;
	struct slice part;

	for (;;) {
		if (source_files.read(src, &part, &err) < 0) {
			assert_int_equal(err.kind, ERR_MESSAGE);
			return -1;
		}
		if (part.len == 0)
			break;
		if (n + part.len < max)
			memcpy(text + n, part.data, part.len);
		n += part.len;
	}
	text[n < max ? n : 0] = '\0';
	return 0;
}

static void
next_is(uint32_t uid, const char *want)
{
	struct offer o;
	char text[256];

	assert_int_equal(source_files.next(src, &o, &err), STEP_ITEM);
	assert_int_equal(o.uid, uid);
	assert_int_equal(o.verdict, VERDICT_NONE);
	assert_int_equal(o.good, VERDICT_STORED);
	assert_int_equal(source_files.reading(src), uid);
	assert_int_equal(drain(text, sizeof text), 0);
	assert_string_equal(text, want);
}

static void
next_is_end(void)
{
	struct offer o;

	assert_int_equal(source_files.next(src, &o, &err), STEP_END);
}

static void
put_three(void)
{
	put("t/INBOX/1.eml", "A: 1\r\n\r\n");
	put("t/INBOX/2.eml", "A: 2\r\n\r\n");
	put("t/INBOX/3.eml", "A: 3\r\n\r\n");
	put("t/INBOX/folder.jsonl", HEAD "{\"uid\":1,\"uidvalidity\":7,\"file\":\"1.eml\",\"wire\":"
					 "8,\"stored\":8,\"verdict\":\"stored\"}\n"
					 "{\"uid\":2,\"uidvalidity\":7,\"file\":\"2.eml\",\"wire\":"
					 "8,\"stored\":8,\"verdict\":\"stored\"}\n"
					 "{\"uid\":3,\"uidvalidity\":7,\"file\":\"3.eml\",\"wire\":"
					 "8,\"stored\":8,\"verdict\":\"stored\"}\n");
}

static void
answers_come_in_the_order_of_the_asks_and_end_once_for_each(void **state)
{
	struct folder_proof proof;
	bool more = true;

	(void)state;
	put_three();
	open_eml("t");
	assert_int_equal(head.exists, 3);
	assert_int_equal(source_files.list(src, page, &err), 0);
	assert_int_equal(page->len, 3);
	ask(1, 2);
	assert_int_equal(source_files.list(src, page, &err), 0);
	assert_int_equal(page->len, 0);
	ask(3, 3);
	assert_int_equal(source_files.ask_rest(src, &err), 0);
	next_is(1, "A: 1\r\n\r\n");
	next_is(2, "A: 2\r\n\r\n");
	next_is_end();
	next_is(3, "A: 3\r\n\r\n");
	next_is_end();
	next_is_end();
	assert_int_equal(source_files.reading(src), 0);
	assert_int_equal(source_files.settle(src, &more, &err), 0);
	assert_false(more);
	assert_int_equal(source_files.leave(src, &proof, &err), 0);
	assert_true(proof.proved);
	assert_null(proof.why);
	assert_int_equal(proof.exists, 3);
	assert_int_equal(proof.searched, 3);
	assert_int_equal(proof.fetched, 3);
	assert_int_equal(proof.uidnext, 4);
	assert_int_equal(source_files.facts(src)->works_form, 0);
	assert_int_equal(source_files.rtt_us(src), 0);
}

static void
a_message_without_a_file_has_its_verdict_at_once(void **state)
{
	struct offer o;

	(void)state;
	put_three();
	assert_int_equal(unlink(temp_path("t/INBOX/2.eml")), 0);
	open_eml("t");
	assert_int_equal(source_files.list(src, page, &err), 0);
	ask(1, 3);
	next_is(1, "A: 1\r\n\r\n");
	assert_int_equal(source_files.next(src, &o, &err), STEP_ITEM);
	assert_int_equal(o.uid, 2);
	assert_int_equal(o.verdict, VERDICT_FAILED);
	assert_non_null(strstr(o.reason, "2.eml"));
	next_is(3, "A: 3\r\n\r\n");
	next_is_end();
}

static void
a_body_that_fails_in_the_middle_comes_last_with_its_metadata(void **state)
{
	struct offer o;
	struct slice part;
	char text[256], *big = malloc(200000);

	(void)state;
	put_three();
	memset(big, 'x', 200000);
	put_octets("t/INBOX/2.eml", big, 200000);
	free(big);
	open_eml("t");
	assert_int_equal(source_files.list(src, page, &err), 0);
	ask(1, 3);
	assert_int_equal(source_files.ask_rest(src, &err), 0);
	next_is(1, "A: 1\r\n\r\n");
	assert_int_equal(source_files.next(src, &o, &err), STEP_ITEM);
	assert_int_equal(source_files.read(src, &part, &err), 0);
	assert_int_equal(truncate(temp_path("t/INBOX/2.eml"), 10), 0);
	assert_int_equal(drain(text, sizeof text), -1);
	next_is(3, "A: 3\r\n\r\n");
	next_is_end();
	assert_int_equal(source_files.next(src, &o, &err), STEP_ITEM);
	assert_int_equal(o.uid, 2);
	assert_int_equal(o.verdict, VERDICT_FAILED);
	assert_true(o.has_meta);
	assert_int_equal(o.msg.uid, 2);
	assert_non_null(strstr(o.reason, "'2.eml': the file became shorter"));
	next_is_end();
}

static void
the_digest_of_the_sidecar_goes_with_the_offer(void **state)
{
	char line[512], hex[SHA256_HEX], text[64];
	uint8_t sum[SHA256_LEN];
	struct offer o;

	(void)state;
	digest_once("A: 1\r\n\r\n", 8, sum);
	digest_hex(sum, hex);
	put("t/INBOX/1.eml", "A: 1\r\n\r\n");
	put("t/INBOX/2.eml", "A: 2\r\n\r\n");
	snprintf(line, sizeof line,
	    HEAD "{\"uid\":1,\"uidvalidity\":7,\"file\":\"1.eml\",\"wire\":8,\"stored\":8,"
		 "\"sha256\":\"%s\"}\n"
		 "{\"uid\":2,\"uidvalidity\":7,\"file\":\"2.eml\",\"wire\":8,\"stored\":8,"
		 "\"sha256\":\"%s\"}\n",
	    hex, hex);
	put("t/INBOX/folder.jsonl", line);
	open_eml("t");
	ask(1, 2);
	assert_int_equal(source_files.next(src, &o, &err), STEP_ITEM);
	assert_memory_equal(o.sha256, sum, sizeof sum);
	assert_int_equal(drain(text, sizeof text), 0);
	assert_int_equal(source_files.notes(src)->len, 0);
	assert_int_equal(source_files.next(src, &o, &err), STEP_ITEM);
	assert_int_equal(drain(text, sizeof text), 0);
	assert_memory_equal(o.sha256, sum, sizeof sum);
	assert_int_equal(source_files.notes(src)->len, 0);
}

static void
a_lesser_verdict_of_the_extraction_goes_on(void **state)
{
	struct offer o;

	(void)state;
	put("t/INBOX/1.eml", "A: 1\r\n\r\n");
	put("t/INBOX/folder.jsonl", HEAD
	    "{\"uid\":1,\"uidvalidity\":7,\"file\":\"1.eml\",\"wire\":8,\"stored\":8,\"verdict\":"
	    "\"reconstructed\",\"rebuilt\":true}\n");
	open_eml("t");
	ask(1, 1);
	assert_int_equal(source_files.next(src, &o, &err), STEP_ITEM);
	assert_int_equal(o.good, VERDICT_RECONSTRUCTED);
	assert_true(o.rebuilt);
	assert_non_null(o.reason);
}

static void
a_folder_can_be_entered_again(void **state)
{
	(void)state;
	put_three();
	open_eml("t");
	ask(1, 3);
	next_is(1, "A: 1\r\n\r\n");
	assert_int_equal(source_files.enter(src, &folders.folder[0], NULL, &head, &err), 0);
	assert_int_equal(source_files.list(src, page, &err), 0);
	assert_int_equal(page->len, 3);
	next_is_end();
	ask(2, 2);
	next_is(2, "A: 2\r\n\r\n");
}

static void
a_further_lane_enters_without_listing_the_folders(void **state)
{
	const struct source_place at = { .shelf = &place };
	const struct folder inbox = { .name = slice_str("INBOX") };

	(void)state;
	put_three();
	open_eml("t");
	source_files.close(&src);
	assert_int_equal(source_files.open(&src, &at, NULL, &err), 0);
	assert_int_equal(source_files.enter(src, &inbox, NULL, &head, &err), 0);
	assert_int_equal(head.exists, 3);
	assert_int_equal(source_files.notes(src)->len, 0);
}

static void
damaged_lines_are_noted_with_the_folder(void **state)
{
	(void)state;
	put_three();
	temp_write("t/INBOX/folder.jsonl", "damaged\n", 8, "ab");
	open_eml("t");
	assert_int_equal(source_files.notes(src)->len, 1);
	assert_string_equal(source_files.notes(src)->note[0].event.folder, "INBOX");
	assert_non_null(
	    strstr(source_files.notes(src)->note[0].text, "'INBOX/folder.jsonl' line 5"));
}

static void
a_folder_that_is_not_there_is_an_error_of_the_folder(void **state)
{
	const struct folder gone = { .name = slice_str("Gone") };

	(void)state;
	put_three();
	open_eml("t");
	assert_int_equal(source_files.enter(src, &gone, NULL, &head, &err), -1);
	assert_int_equal(err.kind, ERR_FOLDER);
}

/* The table of formats is another module's; here the format under test is enough. */
const struct shelf_ops *
format_shelf(enum format f)
{
	return f == FORMAT_EML ? &shelf_eml : NULL;
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		T(answers_come_in_the_order_of_the_asks_and_end_once_for_each),
		T(a_message_without_a_file_has_its_verdict_at_once),
		T(a_body_that_fails_in_the_middle_comes_last_with_its_metadata),
		T(the_digest_of_the_sidecar_goes_with_the_offer),
		T(a_lesser_verdict_of_the_extraction_goes_on),
		T(a_folder_can_be_entered_again),
		T(a_further_lane_enters_without_listing_the_folders),
		T(damaged_lines_are_noted_with_the_folder),
		T(a_folder_that_is_not_there_is_an_error_of_the_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
