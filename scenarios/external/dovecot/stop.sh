#!/bin/sh
# Ends Dovecot as an administrator does. The master returns when all is closed.
exec doveadm -c "$RUN/dovecot.conf" stop
