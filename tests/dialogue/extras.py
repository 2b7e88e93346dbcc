"""Access rights (RFC 4314, 2086) and annotations (RFC 5464) of the model server.

    server.acl = {"INBOX": {"anna": "lrswipkxtea", "bob": "lr"}}
    server.metadata = {"": {"/shared/comment": b"hello"}, "INBOX": {...}}

    server.quota = (512, 1024 * 1024)               # octets used, and their limit
    server.quota_more = {"MESSAGE": (3, 100)}       # other resources of that root

A folder without an entry in acl has the login alone, with all rights. A hook on "SETACL",
"SETMETADATA" or "SETQUOTA" refuses what a scene wants refused.
"""

import re

from syntax import quote

WIDE, OLD = "lrswipkxtea", "lrswipcda"


class ExtrasCommands:
    """GETACL, SETACL, MYRIGHTS, GETMETADATA, SETMETADATA; a part of Server."""

    acl = metadata = quota = None
    quota_root, quota_more = "User quota", {}
    options_behind = False      # of GETMETADATA: as in the examples of the RFC, not in its grammar
    groups = ()                 # names of groups that the login belongs to

    def _acl_of(self, name):
        self.acl = {} if self.acl is None else self.acl
        every = WIDE if any(c.startswith("RIGHTS=") for c in self.caps) else OLD
        return self.acl.setdefault(name, {self.user: every})

    def _metadata_of(self, name):
        self.metadata = {} if self.metadata is None else self.metadata
        return self.metadata.setdefault(name, {})

    def _folder_for(self, call, cursor, cap, server=False):
        self.need(call, cap)
        name = self._name(cursor)
        return name if (server and not name) or self.store.get(name) else None

    def do_getacl(self, call, cursor):
        name = self._folder_for(call, cursor, "ACL")
        cursor.end()
        if name is None:
            return self.no(call, "[NONEXISTENT] no such folder")
        words = [quote(name)]
        for who, rights in self._acl_of(name).items():
            if "RIGHTS=" in " ".join(self.caps):
                rights += "c" * ("k" in rights) + "d" * ("t" in rights)
            words += [quote(who), quote(rights)]
        return [b"* ACL " + b" ".join(words) + b"\r\n", *self.ok(call)]

    def _quota_line(self):
        used, limit = self.quota
        more = "".join(f" {name} {u} {n}" for name, (u, n) in self.quota_more.items())
        return b"* QUOTA " + quote(self.quota_root) + f" (STORAGE {used // 1024} {limit // 1024}{more})\r\n".encode()

    def do_getquotaroot(self, call, cursor):
        name = self._name(cursor)
        cursor.end()
        if not self.need(call, "QUOTA"):
            return [call.tagged("BAD Command unrecognized: GETQUOTAROOT")]
        if self.store.get(name) is None:
            return self.no(call, "[NONEXISTENT] no such folder")
        roots = [quote(self.quota_root)] if self.quota else []
        return [b" ".join([b"* QUOTAROOT", quote(name), *roots]) + b"\r\n",
                *([self._quota_line()] if self.quota else []), *self.ok(call)]

    def do_setquota(self, call, cursor):
        """What is not in the list has no limit any more (RFC 9208 4.1.3)."""
        self.need(call, "QUOTA")
        if any(c.startswith("QUOTA=RES-") for c in self.caps):
            self.need(call, "QUOTASET")
        cursor.space()
        root = cursor.astring().decode()
        cursor.space()
        words = [w.decode() for w in cursor.listed(cursor.word)]
        cursor.end()
        if root != self.quota_root:
            return self.no(call, "no such quota root")
        limits = dict(zip(words[::2], map(int, words[1::2])))
        self.quota = (self.quota[0], limits.pop("STORAGE") * 1024)
        self.quota_more = {name: (self.quota_more.get(name, (0, 0))[0], n) for name, n in limits.items()}
        return [self._quota_line(), *self.ok(call)]

    def do_myrights(self, call, cursor):
        name = self._folder_for(call, cursor, "ACL")
        cursor.end()
        acl, mine = self._acl_of(name), set()
        who = (self.user, "anyone", *self.groups)
        for one in who:
            mine |= set(acl.get(one, ""))
        for one in who:
            mine -= set(acl.get("-" + one, ""))
        return [b"* MYRIGHTS " + quote(name) + f" {''.join(sorted(mine)) or chr(34) * 2}\r\n".encode(), *self.ok(call)]

    def do_setacl(self, call, cursor):
        name = self._folder_for(call, cursor, "ACL")
        cursor.space()
        who = cursor.astring().decode()
        cursor.space()
        rights = cursor.astring().decode()
        cursor.end()
        acl = self._acl_of(name)
        have = acl.get(who, "")
        if rights[:1] not in ("+", "-"):
            self.violation(call.session, f"{call.text!r} replaces rights that were there")
        known = WIDE + "cd" if "RIGHTS=" in " ".join(self.caps) else OLD
        if strange := set(rights[1:]) - set(known):
            return [call.tagged(f"BAD unknown rights {sorted(strange)}")]
        if rights[0] == "-":
            acl[who] = "".join(r for r in have if r not in rights)
        else:
            acl[who] = have + "".join(r for r in rights[1:] if r not in have)
        return self.ok(call)

    def do_getmetadata(self, call, cursor):
        ahead = bool(re.match(rb"GETMETADATA \(", call.data, re.I))
        if ahead:
            cursor.token(b" (DEPTH infinity)")
        if ahead and self.options_behind:
            return [call.tagged("BAD GETMETADATA wants a mailbox first")]
        self.need(call, "METADATA")
        name = self._name(cursor)
        if not ahead:
            cursor.token(b" (DEPTH infinity)")
        cursor.space()
        roots = [r.decode() for r in cursor.listed(cursor.astring)]
        cursor.end()
        rows = [quote(e) + b" " + (b"NIL" if v is None else b"~{%d}\r\n%s" % (len(v), v))
                for e, v in self._metadata_of(name).items() if any(e.startswith(r + "/") for r in roots)]
        lines = [b"* METADATA " + quote(name) + b" (" + b" ".join(rows) + b")\r\n"] if rows else []
        return [*lines, *self.ok(call)]

    def do_setmetadata(self, call, cursor):
        name = self._folder_for(call, cursor, "METADATA", server=True)
        cursor.token(b" (")
        entry = cursor.astring().decode()
        cursor.space()
        value = cursor.string()
        cursor.token(b")")
        cursor.end()
        self._metadata_of(name)[entry] = value
        return self.ok(call)
