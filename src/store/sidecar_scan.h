/* One line of a sidecar, looked at for its index. */
#ifndef STORE_SIDECAR_SCAN_H
#define STORE_SIDECAR_SCAN_H

#include "base/slice.h"

enum sidecar_kind {
	SIDECAR_BAD,
	SIDECAR_FOLDER,
	SIDECAR_MESSAGE,
	SIDECAR_AMENDED, /* no "file": flags and keywords of an earlier line change */
	SIDECAR_REMOVED
};

struct sidecar_scanned {
	enum sidecar_kind kind;
	uint32_t uid, uidvalidity;
	bool uidvalidity_known, removed, at_known;
	uint64_t at, stored;
	struct slice file; /* escapes as they are; into the line. data NULL: none */
};

void sidecar_scan(struct slice line, struct sidecar_scanned *ret);

#endif
