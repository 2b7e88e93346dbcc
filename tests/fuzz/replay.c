/* replay FILE...: gives each input to a fuzz target, without libFuzzer, so that what was found once
 * is a test everywhere. TAP. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { INPUT_MAX = 1 << 20 };

int
main(int argc, char **argv)
{
	static uint8_t data[INPUT_MAX];

	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		FILE *in = fopen(argv[i], "rb");

		if (in == NULL) {
			printf("not ok %d - cannot open %s\n", i, argv[i]);
			continue;
		}
		size_t len = fread(data, 1, sizeof(data), in);
		fclose(in);
		fflush(stdout);
		(void)LLVMFuzzerTestOneInput(data, len); /* aborts when something is wrong */
		printf("ok %d - %s\n", i, argv[i]);
	}
	return 0;
}
