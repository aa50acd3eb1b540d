#!/bin/sh
# Starts Dovecot in the foreground, with all it keeps of mail in $DATA and all
# else in $RUN. $FORMAT is maildir or mdbox, $FSYNC is always, optimized or never.
# $LOCKS are removed or kept: lock files that a crash has left. Nobody can hold one
# before the server starts, and Dovecot itself waits minutes for them to be stale.
set -eu
cd "$(dirname "$0")"
case $FORMAT in
maildir | mdbox) ;;
*) echo "start.sh: FORMAT is '$FORMAT', want maildir or mdbox" >&2; exit 2 ;;
esac
dovecot=$(command -v dovecot || echo /usr/sbin/dovecot)
[ -x "$dovecot" ] || { echo "start.sh: no dovecot here (Debian: dovecot-imapd dovecot-lmtpd)" >&2; exit 2; }

[ "$LOCKS" = kept ] || find "$DATA" \( -name '*.lock' -o -name '*.newlock' \) -delete
mkdir -p "$RUN/state" "$RUN/locks" "$DATA/mail"
chown mail:mail "$RUN/locks" "$DATA/mail"
sed -e "s|@RUN@|$RUN|g" -e "s|@DATA@|$DATA|g" -e "s|@HOST@|$HOST|g" \
	-e "s|@LMTP_PORT@|$LMTP_PORT|g" -e "s|@IMAP_PORT@|$IMAP_PORT|g" \
	-e "s|@FORMAT@|$FORMAT|g" -e "s|@FSYNC@|$FSYNC|g" dovecot.conf.in >"$RUN/dovecot.conf"
rm -f "$RUN/base/master.pid" # of a master that was killed
exec "$dovecot" -F -c "$RUN/dovecot.conf"
