# shellcheck shell=bash
# What the NAME.sh scripts of this folder share; sourced, not run.
#
# Each script defines
#   do_start PORT TLSPORT   do_adduser USER PASSWORD   do_info
# (DIR is set for the first two; do_unpack is optional) and ends with: main "$@"
set -u
umask 022
export LC_ALL=C
HOST=127.0.0.1
NAME=$(basename "$0" .sh)
HERE=$(cd "$(dirname "$0")" && pwd)
# Where the packages that cannot be installed side by side are unpacked.
CACHE=${IMEX_SERVERS_CACHE:-/var/cache/imex-test-servers}
# Mail is stored as this unprivileged account (always present on Debian).
MAILUSER=${IMEX_SERVERS_USER:-mail}

die() { echo "$NAME: $*" >&2; exit 1; }
note() { echo "$NAME: $*"; }
need_root() { [ "$(id -u)" = 0 ] || die "must be started as root (it drops to '$MAILUSER' itself)"; }
need() {
	for c in "$@"; do
		command -v "$c" >/dev/null 2>&1 || die "missing program '$c': run scripts/deps as root"
	done
}

# deb_tree NAME MARKER: print the root under which MARKER exists: "" when the package
# is installed on this machine, else a private tree of the packages that scripts/deps
# lists under NAME, unpacked now if it was not yet.
deb_tree() {
	local name=$1 marker=$2 d=$CACHE/$1
	if [ -e "$marker" ]; then return 0; fi
	if [ ! -e "$d$marker" ]; then
		mkdir -p "$CACHE" || die "cannot make $CACHE (set IMEX_SERVERS_CACHE)"
		chmod 755 "$CACHE"
		# One at a time: two test runs may come here together.
		( flock 9; [ -e "$d$marker" ] || unpack "$name" "$d" ) 9>"$CACHE/lock" || exit 1
	fi
	[ -e "$d$marker" ] || die "unpacked $name into $d but $marker is not there"
	echo "$d"
}
unpack() { # NAME TREE
	local pkgs
	echo "$NAME: fetching and unpacking the packages of $1 into $2" >&2
	mapfile -t pkgs < <("$HERE/../../scripts/deps" --list "$1")
	rm -rf "$2.new"
	mkdir -p "$2.new/debs" "$2.new/root"
	(
		cd "$2.new/debs" || exit 1
		apt-get download "${pkgs[@]}" >../log 2>&1 ||
			{ apt-get -qq update && apt-get download "${pkgs[@]}"; } >>../log 2>&1 || exit 1
		for f in *.deb; do dpkg -x "$f" ../root || exit 1; done
	) || die "could not fetch and unpack: ${pkgs[*]} (see $2.new/log)"
	rm -rf "$2"
	mv "$2.new/root" "$2"
	rm -rf "$2.new"
	chmod 755 "$2"
}

starttime() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
state_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -c1; }
alive() { # PIDFILE: does that very process still run?
	local pid st
	[ -s "$1" ] || return 1
	read -r pid st <"$1" || return 1
	[ -n "$pid" ] && [ -d "/proc/$pid" ] && [ "$(starttime "$pid")" = "$st" ] && [ "$(state_of "$pid")" != Z ]
}
# launch NAME CMD...: own session, own process group, output to DIR/log/NAME.log. The
# new process writes its own id before it becomes CMD, so that it can be ended even if
# we are killed here, and does not begin in a DIR that was removed meanwhile.
launch() {
	local what=$1
	shift
	rm -f "$DIR/run/$what.pid"
	# shellcheck disable=SC2016  # expanded by the new process
	setsid bash -c 'read -r line <"/proc/$$/stat" && rest=(${line##*) }) &&
		echo "$$ ${rest[19]}" >"$0" && exec "$@"' "$DIR/run/$what.pid" "$@" \
		</dev/null >>"$DIR/log/$what.log" 2>&1 9>&- &
	for _ in $(seq 1 100); do
		[ ! -s "$DIR/run/$what.pid" ] || return 0
		sleep 0.05
	done
	die "could not launch $what"
}
in_session() { ps -o pid= -s "$1" 2>/dev/null; }
signal_session() { # SIGNAL SESSION
	local pids
	mapfile -t pids < <(in_session "$2" | tr -d ' ')
	[ ${#pids[@]} = 0 ] || kill "-$1" "${pids[@]}" 2>/dev/null
}
# wait_gone TENTHS CMD...: until CMD fails or the time is over
wait_gone() {
	local left=$1
	shift
	while [ "$left" -gt 0 ] && "$@" >/dev/null; do
		sleep 0.1
		left=$((left - 1))
	done
}
session_lives() { [ -n "$(in_session "$1")" ]; }
# End one launched process and what is left of its session: TERM, wait, KILL. A
# session number is not given out again while a member of it lives, so the members
# are ours unless its number now belongs to a leader with another start time.
end() {
	local f=$DIR/run/$1.pid pid st
	[ -s "$f" ] || return 0
	read -r pid st <"$f"
	if alive "$f"; then
		kill -TERM "$pid" 2>/dev/null
		wait_gone 100 alive "$f"
	fi
	if [ ! -d "/proc/$pid" ] || [ "$(starttime "$pid")" = "$st" ]; then
		signal_session TERM "$pid"
		wait_gone 20 session_lives "$pid"
		signal_session KILL "$pid"
		wait_gone 20 session_lives "$pid"
	fi
	rm -f "$f"
}

port_free() {
	if (exec 3<>"/dev/tcp/$HOST/$1") 2>/dev/null; then return 1; fi
	return 0
}
greeting() { # PORT: the first line, or nothing
	(
		exec 2>/dev/null
		exec 3<>"/dev/tcp/$HOST/$1" || exit 1
		IFS= read -r -t 5 l <&3 && printf '%s\n' "$l"
	)
}
wait_imap() { # PORT PIDNAME
	local g=""
	for _ in $(seq 1 300); do
		g=$(greeting "$1")
		case $g in '* OK'* | '* PREAUTH'*) note "ready on $HOST:$1"; return 0 ;; esac
		if ! alive "$DIR/run/$2.pid"; then
			tail -n 15 "$DIR"/log/*.log >&2
			die "$2 died at start"
		fi
		sleep 0.1
	done
	tail -n 15 "$DIR"/log/*.log >&2
	die "no IMAP greeting on $HOST:$1 after 30 s (last: '$g')"
}
wait_open() { # PORT PIDNAME: only that it accepts (TLS ports)
	for _ in $(seq 1 100); do
		port_free "$1" || { note "ready on $HOST:$1 (TLS)"; return 0; }
		alive "$DIR/run/$2.pid" || die "$2 died at start; see $DIR/log"
		sleep 0.1
	done
	die "nothing listens on $HOST:$1"
}

make_cert() { # DIR/tls/{cert,key,both}.pem, self-signed for localhost and 127.0.0.1
	[ -s "$DIR/tls/both.pem" ] && return 0
	need openssl
	mkdir -p "$DIR/tls"
	openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
		-keyout "$DIR/tls/key.pem" -out "$DIR/tls/cert.pem" 2>"$DIR/log/openssl.out" ||
		die "openssl: $(cat "$DIR/log/openssl.out")"
	rm -f "$DIR/log/openssl.out"
	cat "$DIR/tls/key.pem" "$DIR/tls/cert.pem" >"$DIR/tls/both.pem"
	chmod 640 "$DIR/tls"/*.pem
}
check_user() {
	case $1 in
	'' | *[!A-Za-z0-9@._+-]* | .*) die "user name '$1': use letters, digits and @ . _ + - only" ;;
	esac
	case $2 in
	'' | *:* | *[[:space:]]* | *\"* | *\\*) die "password: no blanks, quotes, backslashes or colons, and not empty" ;;
	esac
}
# a DIR that the mail account can pass through
check_dir() {
	setpriv --reuid="$MAILUSER" --regid="$MAILUSER" --clear-groups test -x "$DIR" ||
		die "account '$MAILUSER' cannot enter $DIR: use a folder whose parents are world-executable, such as one under /tmp"
}

usage() {
	echo "usage: $0 start DIR PORT [TLSPORT] | stop DIR | add-user DIR USER PASSWORD | info | install" >&2
	exit 64
}
start() { # PORT TLSPORT
	need_root
	case $1$2 in *[!0-9]* | '') usage ;; esac
	mkdir -p "$DIR/log"
	chmod 755 "$DIR"
	if [ -s "$DIR/run/main.pid" ] && alive "$DIR/run/main.pid"; then
		[ "$(cat "$DIR/run/ports" 2>/dev/null)" = "$1 $2" ] ||
			die "already running on port(s) $(cat "$DIR/run/ports"): stop it first"
		note "already running on $HOST:$1"
		return 0
	fi
	for p in $1 $2; do port_free "$p" || die "port $p is already in use"; done
	echo "$1 $2" >"$DIR/run/ports"
	do_start "$1" "$2"
}
stop() {
	for f in "$DIR"/run/*.pid; do
		[ -e "$f" ] || continue
		end "$(basename "$f" .pid)"
	done
	rm -f "$DIR/run/ports"
	note stopped
}
main() {
	case ${1:-} in
	start | stop | add-user)
		[ -n "${2:-}" ] || usage
		if [ "$1" = start ]; then mkdir -p "$2" || die "cannot make $2"; fi
		[ -d "$2" ] || { [ "$1" = stop ] && exit 0; die "no folder $2: start it first"; }
		DIR=$(cd "$2" && pwd)
		;;
	esac
	# One at a time: a stop must find what a start has launched.
	case ${1:-} in
	start)
		mkdir -p "$DIR/run" && exec 9>"$DIR/run/lock" && flock 9
		start "${3:-}" "${4:-}"
		;;
	stop)
		[ -d "$DIR/run" ] || exit 0
		exec 9>"$DIR/run/lock" && flock 9
		stop
		;;
	add-user)
		[ -n "${4:-}" ] || usage
		check_user "$3" "$4"
		do_adduser "$3" "$4" && note "user $3 ready"
		;;
	install) if type do_unpack >/dev/null 2>&1; then do_unpack; fi ;;
	info) do_info ;;
	*) usage ;;
	esac
}
