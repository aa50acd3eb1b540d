#!/bin/sh
# Starts Dovecot in the foreground, with everything it keeps of mail in $DATA and
# everything else in $RUN. $FORMAT is maildir or mdbox, $FSYNC is always,
# optimized or never.
set -eu
case $FORMAT in
maildir) location='maildir:~/Maildir' ;;
mdbox) location='mdbox:~/mdbox' ;;
*) echo "start.sh: FORMAT is '$FORMAT', want maildir or mdbox" >&2; exit 2 ;;
esac
dovecot=$(command -v dovecot || echo /usr/sbin/dovecot)
[ -x "$dovecot" ] || { echo "start.sh: no dovecot here (Debian: dovecot-imapd dovecot-lmtpd)" >&2; exit 2; }

mkdir -p "$RUN/state" "$DATA/mail"
chown mail:mail "$DATA/mail"
sed -e "s|@RUN@|$RUN|g" -e "s|@DATA@|$DATA|g" -e "s|@HOST@|$HOST|g" \
	-e "s|@LMTP_PORT@|$LMTP_PORT|g" -e "s|@IMAP_PORT@|$IMAP_PORT|g" \
	-e "s|@LOCATION@|$location|g" -e "s|@FSYNC@|$FSYNC|g" dovecot.conf.in >"$RUN/dovecot.conf"
rm -f "$RUN/base/master.pid" # of a master that was killed
exec "$dovecot" -F -c "$RUN/dovecot.conf"
