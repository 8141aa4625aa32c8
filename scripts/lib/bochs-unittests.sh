#!/bin/sh
# A job of the Intel lab host: each VM of the CD (a test of kvm-unit-tests) until its last word, or until it says nothing more.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What passed is counted, not printed: the emulated serial port takes longer for a line than many a test for its work.
quiet=10	# seconds of this host's clock without a word: a thousand million instructions
dmesg -c >/dev/null
/mnt/run-inner /mnt /bin/true
last() {
	/bin/busybox tail -n $1 /test.log
}
for folder in /mnt/vm/*; do
	name=${folder##*/} silent=0 size=0 part=
	echo "unit test $name: begins at $(since) s"
	rm -f /ended
	{ berth run /tmp/vm/$name/test.vmx --console --no-log -q; echo >/ended; } >/test.log 2>&1 &
	until [ -e /ended ] || [ $silent -ge $((quiet * 5)) ] || last 3 | grep -q -e '--- DONE'; do
		sleep 0.2
		silent=$((silent + 1)) now=$(/bin/busybox stat -c %s /test.log)
		[ $now = $size ] || silent=0
		size=$now before=$part part=$(grep '^Test suite: ' /test.log | /bin/busybox tail -n 1)
		[ "$part" = "$before" ] || echo "unit test $name: at $(since) s: $part"
	done
	[ -e /ended ] || berth stop --hard /tmp/vm/$name/test.vmx
	wait
	echo "unit test $name: $(grep -c '^PASS: ' /test.log) passed; the rest:"
	grep -v '^PASS: ' /test.log
	grep -q -e '--- DONE' /test.log || { echo "the last of all:"; last 12; }
	dmesg -c | grep -m 3 'WARNING\|BUG\|Oops'
	echo "unit test $name: ends at $(since) s"
done
sleep 3	# what was written is still on its way
