#!/bin/bash
# Courier IMAP 5.0.13 (Debian: courier-imap), authentication from a private userdb.
# Courier's paths (/etc/courier, /run/courier, ...) are compiled in, so it runs in
# its own mount namespace where those paths are folders under DIR; nothing on the
# machine's /etc or /run is touched.  courier-imap conflicts with the other IMAP
# server packages: when it is not installed its packages are fetched with apt,
# unpacked under the cache folder and laid over /usr inside that namespace only.
# Knobs, read at `start`:
#   COURIER_MAXPERIP   default 20 (Debian's), COURIER_MAXDAEMONS default 40
#   COURIER_ULIMIT     kB of address space per imapd, default 131072 (Debian's)
#   COURIER_CAPABILITY replaces IMAP_CAPABILITY
#   COURIER_EXTRA      a file of settings appended to the `imapd` file
# shellcheck source=tests/servers/common.sh
. "$(dirname "$0")/common.sh"

tree() {
	ROOT=$(deb_tree courier /usr/lib/courier/courier/imaplogin) || exit 1
}
do_unpack() { tree; }

# run a command where Courier's fixed paths are ours
# shellcheck disable=SC2016  # expanded inside
inside_script='
mount --make-rprivate / || exit 70
if [ -n "$ROOT" ]; then mount -t overlay overlay -o "lowerdir=$ROOT/usr:/usr" /usr || exit 71; fi
mount -t overlay overlay -o "lowerdir=$DIR/layer/etc:/etc" /etc || exit 72
mount --bind "$DIR/etc" /etc/courier || exit 73
mount -t overlay overlay -o "lowerdir=$DIR/layer/run:/run" /run || exit 74
mount --bind "$DIR/run/courier" /run/courier || exit 75
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec "$@"'
inside() { unshare -m env ROOT="$ROOT" DIR="$DIR" sh -c "$inside_script" inside "$@"; }

do_start() {
	local port=$1 tls=$2 cap
	need unshare
	tree
	make_cert
	mkdir -p "$DIR/etc/shared" "$DIR/layer/etc/courier" "$DIR/layer/run/courier" "$DIR/run/courier/authdaemon" "$DIR/mail"
	chown "$MAILUSER:$MAILUSER" "$DIR/mail"; check_dir
	cp "$DIR/tls/both.pem" "$DIR/etc/imapd.pem"; chown "$MAILUSER" "$DIR/etc/imapd.pem"; chmod 600 "$DIR/etc/imapd.pem"
	[ -e "$DIR/etc/userdb" ] || { : >"$DIR/etc/userdb"; chmod 600 "$DIR/etc/userdb"; }
	cap=${COURIER_CAPABILITY:-'IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA AUTH=CRAM-MD5 IDLE'}
	cat >"$DIR/etc/authdaemonrc" <<CONF
authmodulelist="authuserdb"
authmodulelistorig="authuserdb"
daemons=5
authdaemonvar=/run/courier/authdaemon
DEBUG_LOGIN=0
DEFAULTOPTIONS=""
CONF
	cat >"$DIR/etc/imapd" <<CONF
MAXDAEMONS=${COURIER_MAXDAEMONS:-40}
MAXPERIP=${COURIER_MAXPERIP:-20}
IMAP_CAPABILITY="$cap"
IMAP_CAPABILITY_TLS="$cap AUTH=PLAIN"
IMAP_KEYWORDS=1
IMAP_ACL=1
IMAP_PROXY=0
IMAP_PROXY_FOREIGN=0
IMAP_IDLE_TIMEOUT=60
IMAP_MAILBOX_SANITY_CHECK=1
IMAP_DISABLETHREADSORT=0
IMAP_CHECK_ALL_FOLDERS=0
IMAP_OBSOLETE_CLIENT=0
IMAP_UMASK=022
IMAP_ULIMITD=${COURIER_ULIMIT:-131072}
IMAP_USELOCKS=1
IMAP_SHAREDINDEXFILE=/etc/courier/shared/index
IMAP_ENHANCEDIDLE=0
IMAP_TRASHFOLDERNAME=Trash
IMAP_EMPTYTRASH=Trash:7
IMAP_MOVE_EXPUNGE_TO_TRASH=0
SENDMAIL=/usr/sbin/sendmail
HEADERFROM=X-IMAP-Sender
COURIERTLS=/usr/bin/couriertls
TLS_CERTFILE=/etc/courier/imapd.pem
TLS_VERIFYPEER=NONE
TLS_PROTOCOL=
TLS_STARTTLS_PROTOCOL=
IMAP_TLS_REQUIRED=0
PATH=/usr/sbin:/usr/bin:/sbin:/bin
CONF
	[ -n "${COURIER_EXTRA:-}" ] && cat "$COURIER_EXTRA" >>"$DIR/etc/imapd"
	cat >"$DIR/etc/run-auth" <<'CONF'
set -a; . /etc/courier/authdaemonrc; exec /usr/lib/courier/courier-authlib/authdaemond
CONF
	cat >"$DIR/etc/run-imap" <<'CONF'
set -a; . /etc/courier/imapd; umask $IMAP_UMASK; ulimit -v $IMAP_ULIMITD
port=$1; shift
if [ $# -gt 0 ]; then IMAP_TLS=1; IMAP_STARTTLS=NO; else IMAP_TLS=0; IMAP_STARTTLS=YES; fi
exec /usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=$MAXDAEMONS -maxperip=$MAXPERIP -nodnslookup -noidentlookup \
  $port "$@" /usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir
CONF
	# couriertls drops to the account "courier"; give it one inside the namespace
	{ grep -v '^courier:' /etc/passwd; echo "courier:x:$(id -u "$MAILUSER"):$(id -g "$MAILUSER")::/nonexistent:/usr/sbin/nologin"; } >"$DIR/layer/etc/passwd"
	makedb
	go auth sh /etc/courier/run-auth
	for _ in $(seq 1 50); do [ -S "$DIR/run/courier/authdaemon/socket" ] && break; sleep 0.1; done
	[ -S "$DIR/run/courier/authdaemon/socket" ] || { cat "$DIR/log/auth.log" >&2; die "authdaemond did not come up"; }
	go main sh /etc/courier/run-imap "$port"
	wait_imap "$port" main
	if [ -n "$tls" ]; then
		go imaps sh /etc/courier/run-imap "$tls" /usr/bin/couriertls -server -tcpd
		wait_open "$tls" imaps
	fi
}
go() { # NAME CMD...: launch inside, with a clean environment
	local n=$1
	shift
	launch "$n" env -i ROOT="$ROOT" DIR="$DIR" PATH=/usr/sbin:/usr/bin:/sbin:/bin unshare -m sh -c "$inside_script" inside "$@"
}
makedb() { inside makeuserdb >>"$DIR/log/userdb.log" 2>&1 || { tail -3 "$DIR/log/userdb.log" >&2; die "makeuserdb failed"; }; }
do_adduser() {
	local md5 plain uid gid
	[ -e "$DIR/etc/userdb" ] || die "start it first"
	tree
	uid=$(id -u "$MAILUSER"); gid=$(id -g "$MAILUSER")
	install -d -o "$MAILUSER" -g "$MAILUSER" "$DIR/mail/$1"
	plain=$(printf '%s\n%s\n' "$2" "$2" | inside userdbpw -md5) || die "userdbpw failed"
	md5=$(printf '%s\n%s\n' "$2" "$2" | inside userdbpw -hmac-md5) || die "userdbpw failed"
	# shellcheck disable=SC2016  # expanded inside
	inside sh -c 'd=$1; u=$2; shift 2
		[ -d "$d/mail/$u/Maildir" ] || setpriv --reuid=$3 --regid=$4 --clear-groups maildirmake.courier "$d/mail/$u/Maildir" || exit 1
		userdb "$u" set "home=$d/mail/$u" "mail=$d/mail/$u/Maildir" "uid=$3" "gid=$4" "systempw=$1" "hmac-md5pw=$2"' sh "$DIR" "$1" "$plain" "$md5" "$uid" "$gid" || die "userdb failed"
	chmod 600 "$DIR/etc/userdb"
	makedb
}
do_info() {
	local v
	v=$(dpkg-query -W -f '${Version}' courier-imap 2>/dev/null || apt-cache policy courier-imap 2>/dev/null | awk '/Candidate/{print $2}')
	echo "courier-imap: ${v:-unknown}"
	echo "folders: separator ., everything under INBOX.; knobs: COURIER_MAXPERIP COURIER_MAXDAEMONS COURIER_ULIMIT COURIER_CAPABILITY COURIER_EXTRA"
}
main "$@"
