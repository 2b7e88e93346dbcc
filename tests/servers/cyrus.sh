#!/bin/bash
# Cyrus IMAP 3.6 (Debian: cyrus-imapd), private configuration under DIR.
# cyrus-imapd conflicts with the other IMAP server packages, so when it is not
# installed its packages are fetched with apt and unpacked under the cache folder.
# Knobs, read at `start`:
#   CYRUS_SEP=dot      hierarchy separator . instead of / (unixhierarchysep: no)
#   CYRUS_ALTNS=no     the user's folders under INBOX. as in old Cyrus (altnamespace: no)
#   CYRUS_EXTRA        a file of imapd.conf settings appended
# The account "cyrus" (password "cyrus") is the admin.
# shellcheck source=tests/servers/common.sh
. "$(dirname "$0")/common.sh"

tree() {
	ROOT=$(deb_tree cyrus /usr/lib/cyrus/bin/imapd) || exit 1
	BIN=$ROOT/usr/lib/cyrus/bin
	[ -z "$ROOT" ] || { LD_LIBRARY_PATH=$ROOT/usr/lib/$(uname -m)-linux-gnu; export LD_LIBRARY_PATH; }
	if ldd "$BIN/imapd" | grep 'not found' >&2; then die "libraries missing: run scripts/deps as root"; fi
	CYRUS_USER=$MAILUSER; export CYRUS_USER
}
do_unpack() { tree; }

do_start() {
	local port=$1 tls=$2 usep=yes alt=${CYRUS_ALTNS:-yes} d
	need saslpasswd2
	tree
	[ "${CYRUS_SEP:-slash}" = dot ] && usep=no
	make_cert
	chgrp "$MAILUSER" "$DIR/tls"/*.pem
	for d in etc var spool var/socket var/db var/log var/proc; do mkdir -p "$DIR/$d"; done
	chown -R "$MAILUSER:$MAILUSER" "$DIR/var" "$DIR/spool"
	check_dir
	cat >"$DIR/etc/imapd.conf" <<CONF
configdirectory: $DIR/var
defaultpartition: default
partition-default: $DIR/spool
cyrus_user: $MAILUSER
cyrus_group: $MAILUSER
servername: localhost
admins: cyrus
unixhierarchysep: $usep
altnamespace: $alt
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: $DIR/etc/sasldb2
sasl_mech_list: PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256
loginrealms: localhost
defaultdomain: localhost
autocreate_quota: 0
autocreate_inbox_folders: Drafts | Sent | Trash | Spam
autocreate_subscribe_folders: Drafts | Sent | Trash | Spam
xlist-drafts: Drafts
xlist-sent: Sent
xlist-trash: Trash
xlist-junk: Spam
specialusealways: yes
conversations: no
tls_server_cert: $DIR/tls/cert.pem
tls_server_key: $DIR/tls/key.pem
tls_sessions_db_path: $DIR/var/tls_sessions.db
idlesocket: $DIR/var/socket/idle
lmtpsocket: $DIR/var/socket/lmtp
notifysocket: $DIR/var/socket/notify
sievedir: $DIR/var/sieve
syslog_prefix: cyrus-test
allowusermoves: no
CONF
	[ -n "${CYRUS_EXTRA:-}" ] && cat "$CYRUS_EXTRA" >>"$DIR/etc/imapd.conf"
	{
		echo "START {"
		echo "  recover cmd=\"$BIN/ctl_cyrusdb -C $DIR/etc/imapd.conf -r\""
		echo "  idled cmd=\"$BIN/idled -C $DIR/etc/imapd.conf\""
		echo "}"
		echo "SERVICES {"
		echo "  imap cmd=\"$BIN/imapd -C $DIR/etc/imapd.conf -U 30\" listen=\"$HOST:$port\" proto=\"tcp4\" prefork=0 maxchild=200"
		[ -z "$tls" ] || echo "  imaps cmd=\"$BIN/imapd -s -C $DIR/etc/imapd.conf -U 30\" listen=\"$HOST:$tls\" proto=\"tcp4\" prefork=0 maxchild=200"
		echo "}"
		echo "EVENTS {"
		echo "  checkpoint cmd=\"$BIN/ctl_cyrusdb -C $DIR/etc/imapd.conf -c\" period=30"
		echo "}"
	} >"$DIR/etc/cyrus.conf"
	sasl cyrus cyrus || exit 1
	launch main "$BIN/master" -C "$DIR/etc/imapd.conf" -M "$DIR/etc/cyrus.conf" -p "$DIR/run/master.pid.cyrus"
	wait_imap "$port" main
	[ -z "$tls" ] || wait_open "$tls" main
}

sasl() { # USER PASSWORD into the private sasldb
	printf '%s' "$2" | saslpasswd2 -p -c -f "$DIR/etc/sasldb2" -u localhost "$1" || die "saslpasswd2 failed for $1"
	chgrp "$MAILUSER" "$DIR/etc/sasldb2"; chmod 640 "$DIR/etc/sasldb2"
}
do_adduser() {
	[ -e "$DIR/etc/imapd.conf" ] || die "start it first"
	case $1 in *@*) die "no @ in user names here: virtual domains are off" ;; esac
	sasl "$1" "$2"      # the mailbox is made at the first login (autocreate)
}
do_info() {
	local v
	v=$(dpkg-query -W -f '${Version}' cyrus-imapd 2>/dev/null || apt-cache policy cyrus-imapd 2>/dev/null | awk '/Candidate/{print $2}')
	echo "cyrus-imapd: ${v:-unknown}"
	echo "knobs: CYRUS_SEP=dot CYRUS_ALTNS=no CYRUS_EXTRA; admin account cyrus/cyrus"
}
main "$@"
