/* libFuzzer: configuration files, for one command or another; what is taken must hold together, what is not has a
 * sentence that names the line. The first octet chooses the command. */
#include <stdlib.h>
#include <string.h>

#include "app/cli/command.h"
#include "app/cli/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err err = { 0 };
	struct options o;

	if (len == 0)
		return 0;
	options_init(&o, &command_table[data[0] % command_count]);
	if (config_parse(&o, "imex.conf", (struct slice){ (const char *)data + 1, len - 1 }, &err) == 0)
		(void)!options_fit(&o, &err);
	else if (strncmp(err.text, "imex.conf", 9) != 0)
		abort();
	options_done(&o);
	return 0;
}
