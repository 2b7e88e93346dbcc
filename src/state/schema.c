/* The tables of imex.db, and the steps from each version to the next. A version, once released,
 * never changes: a change is a new step at the end. All steps that are missing are one transaction
 * with the number they lead to (PRAGMA user_version): a kill leaves no version in between.
 *
 * What a column means is said where its field is: state.h, mail/msg.h, mail/folder.h. NULL saves
 * room for what most rows do not have. Totals of a folder are kept beside it, as counting a
 * million rows takes seconds. */
#include "state/sqlite.h"

static const char *const schema_steps[] = {
	/* 1 */
	"CREATE TABLE note(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE run(id INTEGER PRIMARY KEY, version TEXT, options TEXT, started_ms INTEGER "
	"NOT NULL,"
	" ended_ms INTEGER, exit_code INTEGER);"
	"CREATE TABLE account(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, dir TEXT NOT NULL "
	"UNIQUE COLLATE NOCASE,"
	" name TEXT NOT NULL DEFAULT '', login TEXT NOT NULL DEFAULT '', host TEXT NOT NULL "
	"DEFAULT '',"
	" port TEXT NOT NULL DEFAULT '', status INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL "
	"DEFAULT '',"
	" error_exit INTEGER NOT NULL DEFAULT 0, started_ms INTEGER NOT NULL DEFAULT 0, ended_ms "
	"INTEGER NOT NULL DEFAULT 0,"
	" warnings INTEGER NOT NULL DEFAULT 0, epoch INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE folder(id INTEGER PRIMARY KEY, account INTEGER NOT NULL, name TEXT NOT NULL,"
	" uidvalidity INTEGER NOT NULL, delim INTEGER NOT NULL DEFAULT 0, special_use TEXT,"
	" subscribed INTEGER NOT NULL DEFAULT 0, path TEXT NOT NULL, mark TEXT NOT NULL,"
	" name_mapped INTEGER NOT NULL DEFAULT 0, uidnext INTEGER NOT NULL DEFAULT 0, messages "
	"INTEGER NOT NULL DEFAULT 0,"
	" highestmodseq INTEGER NOT NULL DEFAULT 0, excluded INTEGER NOT NULL DEFAULT 0, vanished "
	"INTEGER NOT NULL DEFAULT 0,"
	" proved INTEGER NOT NULL DEFAULT 0, searched_known INTEGER NOT NULL DEFAULT 0,"
	" proof_exists INTEGER NOT NULL DEFAULT 0, proof_searched INTEGER NOT NULL DEFAULT 0,"
	" proof_fetched INTEGER NOT NULL DEFAULT 0, proof_uidnext INTEGER NOT NULL DEFAULT 0,"
	" proof_at_ms INTEGER NOT NULL DEFAULT 0, proof_late INTEGER NOT NULL DEFAULT 0,"
	" proof_carried INTEGER NOT NULL DEFAULT 0, proof_why TEXT,"
	" listed INTEGER NOT NULL DEFAULT 0, expunged INTEGER NOT NULL DEFAULT 0, bytes INTEGER "
	"NOT NULL DEFAULT 0,"
	" n_none INTEGER NOT NULL DEFAULT 0, n_stored INTEGER NOT NULL DEFAULT 0, n_excluded "
	"INTEGER NOT NULL DEFAULT 0,"
	" n_gone INTEGER NOT NULL DEFAULT 0, n_phantom INTEGER NOT NULL DEFAULT 0,"
	" n_reconstructed INTEGER NOT NULL DEFAULT 0, n_header_only INTEGER NOT NULL DEFAULT 0,"
	" n_placeholder INTEGER NOT NULL DEFAULT 0, n_refused INTEGER NOT NULL DEFAULT 0,"
	" n_failed INTEGER NOT NULL DEFAULT 0, UNIQUE(account, name, uidvalidity));"
	"CREATE TABLE message(folder INTEGER NOT NULL, uid INTEGER NOT NULL, size INTEGER, date "
	"INTEGER,"
	" zone INTEGER NOT NULL, raw_date TEXT, flags INTEGER NOT NULL, keywords TEXT, modseq "
	"INTEGER NOT NULL,"
	" verdict INTEGER NOT NULL, reason TEXT, wire_bytes INTEGER NOT NULL, file_bytes INTEGER "
	"NOT NULL, sha256 BLOB,"
	" expunged INTEGER NOT NULL, PRIMARY KEY(folder, uid)) WITHOUT ROWID;"
	"CREATE TABLE forgotten(folder INTEGER NOT NULL, sha256 BLOB NOT NULL, n INTEGER NOT NULL,"
	" PRIMARY KEY(folder, sha256)) WITHOUT ROWID;"
	"CREATE TABLE problem(folder INTEGER NOT NULL, uid INTEGER NOT NULL, verdict INTEGER NOT "
	"NULL, reason TEXT,"
	" \"from\" TEXT, date TEXT, subject TEXT, message_id TEXT, reply TEXT, PRIMARY KEY(folder, "
	"uid)) WITHOUT ROWID;"
	"CREATE TABLE warning(account INTEGER NOT NULL, event INTEGER NOT NULL, folder TEXT NOT "
	"NULL, uid INTEGER NOT NULL,"
	" text TEXT NOT NULL, PRIMARY KEY(account, event, folder, uid)) WITHOUT ROWID;"
	"CREATE TABLE debt(folder INTEGER NOT NULL, uid INTEGER NOT NULL, PRIMARY KEY(folder, "
	"uid)) WITHOUT ROWID;"
	"CREATE TABLE server(host_port TEXT PRIMARY KEY, product TEXT NOT NULL, refused_forms "
	"INTEGER NOT NULL,"
	" works_form INTEGER NOT NULL, quirks INTEGER NOT NULL, connections INTEGER NOT NULL) "
	"WITHOUT ROWID;",
	/* 2: copies on another server */
	"ALTER TABLE message ADD COLUMN dest_uid INTEGER;"
	"ALTER TABLE message ADD COLUMN dest_own INTEGER;"
	"CREATE TABLE intent(folder INTEGER NOT NULL, uid INTEGER NOT NULL, size INTEGER, date "
	"INTEGER,"
	" dest_uidvalidity INTEGER NOT NULL, dest_uidnext INTEGER NOT NULL, at_ms INTEGER NOT "
	"NULL,"
	" PRIMARY KEY(folder, uid)) WITHOUT ROWID;",
	/* 3: many accounts, again and again; who ran the job */
	"ALTER TABLE account ADD COLUMN retry_at_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN day INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN bytes_day INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN bytes_known INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE run ADD COLUMN who TEXT;"
	"ALTER TABLE run ADD COLUMN host TEXT;"
	"ALTER TABLE run ADD COLUMN pid INTEGER;",
	/* 4: messages of servers without UIDs */
	"CREATE TABLE numbered(folder INTEGER NOT NULL, uid INTEGER NOT NULL, size INTEGER, date "
	"INTEGER, head BLOB, PRIMARY KEY(folder, uid)) WITHOUT ROWID;",
	/* 5: several processes */
	"ALTER TABLE account ADD COLUMN owner INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN round INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE process(id INTEGER PRIMARY KEY AUTOINCREMENT, pid INTEGER NOT NULL, run INTEGER,"
	" sharing INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE place(host_port TEXT NOT NULL, process INTEGER NOT NULL, open INTEGER NOT NULL,"
	" logins INTEGER NOT NULL, PRIMARY KEY(host_port, process)) WITHOUT ROWID;"
	"CREATE TABLE bearing(host_port TEXT PRIMARY KEY, ceiling INTEGER NOT NULL DEFAULT 0,"
	" ceiling_ms INTEGER NOT NULL DEFAULT 0, held_until_ms INTEGER NOT NULL DEFAULT 0,"
	" closed INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;",
	/* 6: copies that went as the message on the source did */
	"ALTER TABLE folder ADD COLUMN n_mirrored INTEGER NOT NULL DEFAULT 0;",
	/* 7: folders that are known by an id (OBJECTID) */
	"ALTER TABLE folder ADD COLUMN mailbox_id TEXT;",
	/* 8: messages that are known by their header when their UIDs have changed */
	"ALTER TABLE message ADD COLUMN head BLOB;",
	/* 9: labels and ids of Gmail; the copies that an account has of a message; where accounts go */
	"ALTER TABLE message ADD COLUMN gm_msgid INTEGER;"
	"ALTER TABLE message ADD COLUMN gm_thrid INTEGER;"
	"ALTER TABLE message ADD COLUMN labels TEXT;"
	"CREATE INDEX message_gm_msgid ON message(gm_msgid) WHERE gm_msgid IS NOT NULL;"
	"ALTER TABLE account ADD COLUMN dest TEXT;",
};

const int schema_version = (int)COUNT_OF(schema_steps);

const char *
schema_sql(int to)
{
	return schema_steps[to - 1];
}

static int
schema_step(struct backend *b, int to, struct err *err)
{
	char version[96];

	(void)snprintf(version, sizeof version, "PRAGMA application_id=%d; PRAGMA user_version=%d",
	    SCHEMA_ID, to);
	if (db_exec(b, schema_sql(to), err) < 0 || db_exec(b, version, err) < 0)
		return err_wrap(err, "bring the state to version %d", to);
	return 0;
}

int
schema_migrate(struct backend *b, int from, struct err *err)
{
	int rc = 0;

	if (from == schema_version)
		return 0;
	if (db_exec(b, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	for (int to = from + 1; rc == 0 && to <= schema_version; to++)
		rc = schema_step(b, to, err);
	return db_end(b, rc, err);
}
