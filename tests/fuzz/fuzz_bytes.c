/* Linked into every fuzz program around its entry (--wrap): counts the octets it was given, and tells at the
 * end, for the table of docs/reliability.md. libFuzzer itself counts inputs only. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int __real_LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned long long fuzz_bytes;

static void
fuzz_tell(void)
{
	fprintf(stderr, "stat::octets: %llu\n", fuzz_bytes);
}

int
__wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool begun;

	if (!begun)
		(void)atexit(fuzz_tell);
	begun = true;
	fuzz_bytes += len;
	return __real_LLVMFuzzerTestOneInput(data, len);
}
