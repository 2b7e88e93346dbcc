#!/bin/bash
# Dovecot 2.3 (Debian: dovecot-imapd), private configuration under DIR.
# Knobs, read at `start`:
#   DOVECOT_FORMAT   maildir (default) | sdbox | mdbox | mbox
#   DOVECOT_SEP      hierarchy separator, default /
#   DOVECOT_PREFIX   namespace prefix, default none; e.g. INBOX. with DOVECOT_SEP=.
#   DOVECOT_MAXPERIP mail_max_userip_connections, default 10 (Dovecot's own default)
#   DOVECOT_AUTO     subscribe (default: Drafts and the like are made and subscribed) | no
#   DOVECOT_EXTRA    a file of settings appended to the configuration
# shellcheck source=tests/servers/common.sh
. "$(dirname "$0")/common.sh"

do_start() {
	local port=$1 tls=$2 fmt=${DOVECOT_FORMAT:-maildir} sep=${DOVECOT_SEP:-/} prefix=${DOVECOT_PREFIX:-} loc tlsl=""
	need dovecot
	[ -x /usr/lib/dovecot/imap ] || die "dovecot is here but its IMAP part is not: install dovecot-imapd"
	make_cert
	mkdir -p "$DIR/mail" "$DIR/etc" "$DIR/run/base" "$DIR/state"
	touch "$DIR/etc/users"; chgrp dovecot "$DIR/etc/users"; chmod 640 "$DIR/etc/users"
	chown "$MAILUSER:$MAILUSER" "$DIR/mail"; check_dir
	case $fmt in
		maildir) loc='maildir:~/Maildir' ;;
		sdbox) loc='sdbox:~/sdbox' ;;
		mdbox) loc='mdbox:~/mdbox' ;;
		mbox) loc='mbox:~/mbox:INBOX=~/inbox.mbox' ;;
		*) die "DOVECOT_FORMAT=$fmt: one of maildir sdbox mdbox mbox" ;;
	esac
	[ -n "$tls" ] && tlsl="inet_listener imaps {
		address = $HOST
		port = $tls
		ssl = yes
	}"
	cat >"$DIR/etc/dovecot.conf" <<CONF
base_dir = $DIR/run/base
state_dir = $DIR/state
protocols = imap
listen = $HOST
log_path = $DIR/log/dovecot.log
ssl = yes
ssl_cert = <$DIR/tls/cert.pem
ssl_key = <$DIR/tls/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 digest-md5 scram-sha-1 scram-sha-256
mail_location = $loc
mail_uid = $MAILUSER
mail_gid = $MAILUSER
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = ${DOVECOT_MAXPERIP:-10}
mail_attribute_dict = file:%h/dovecot-attributes
mail_plugins = \$mail_plugins quota acl zlib
auth_failure_delay = 0
protocol imap {
  imap_metadata = yes
  mail_plugins = \$mail_plugins imap_quota imap_acl imap_zlib
}
plugin {
  acl = vfile
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=10G
}
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u $DIR/etc/users
}
userdb {
  driver = static
  args = uid=$MAILUSER gid=$MAILUSER home=$DIR/mail/%u
}
namespace inbox {
  inbox = yes
  separator = $sep
  prefix = $prefix
  mailbox Drafts {
    special_use = \Drafts
    auto = ${DOVECOT_AUTO:-subscribe}
  }
  mailbox Junk {
    special_use = \Junk
    auto = ${DOVECOT_AUTO:-subscribe}
  }
  mailbox Trash {
    special_use = \Trash
    auto = ${DOVECOT_AUTO:-subscribe}
  }
  mailbox Sent {
    special_use = \Sent
    auto = ${DOVECOT_AUTO:-subscribe}
  }
  mailbox Archive {
    special_use = \Archive
  }
}
service imap-login {
  inet_listener imap {
    address = $HOST
    port = $port
  }
  inet_listener imaps {
    port = 0
  }
  $tlsl
}
service stats {
  client_limit = 1000
}
CONF
	[ -n "${DOVECOT_EXTRA:-}" ] && cat "$DOVECOT_EXTRA" >>"$DIR/etc/dovecot.conf"
	launch main dovecot -F -c "$DIR/etc/dovecot.conf"
	wait_imap "$port" main
	[ -z "$tls" ] || wait_open "$tls" main
}

do_adduser() {
	local f=$DIR/etc/users
	[ -e "$f" ] || die "start it first"
	{ grep -v "^$1:" "$f"; echo "$1:{PLAIN}$2"; } >"$f.new"
	chgrp dovecot "$f.new"; chmod 640 "$f.new"; mv "$f.new" "$f"
	install -d -o "$MAILUSER" -g "$MAILUSER" "$DIR/mail/$1"
}

do_info() {
	echo "dovecot: $(dovecot --version 2>/dev/null || echo 'not installed')"
	echo "knobs: DOVECOT_FORMAT DOVECOT_SEP DOVECOT_PREFIX DOVECOT_MAXPERIP DOVECOT_AUTO DOVECOT_EXTRA"
	echo "folders: separator /, no prefix; special-use Drafts Junk Trash Sent Archive; mail under DIR/mail/USER"
}
main "$@"
