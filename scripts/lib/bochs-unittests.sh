#!/bin/sh
# A job of the Intel lab host: each VM of the CD (a test of kvm-unit-tests) until its last word, or until it says nothing more.
# SPDX-License-Identifier: GPL-2.0-or-later
quiet=10	# seconds of this host's clock without a word: a thousand million instructions
echo 1 >/proc/sys/vm/overcommit_memory		# a test uses little of the memory that it asks for
dmesg -c >/dev/null
/mnt/run-inner /mnt /bin/true
# The monitor's command line is the file "command" of a VM's folder.
begin() {
	rm -f /ended
	: >/test.log
	{
		sh -c 'echo $$ >/monitor; exec chroot /mnt "$@"' sh $(cat /mnt/vm/$1/command) </dev/null 2>&1
		echo >/ended
	} | /bin/busybox tee -a /test.log &
}
follow() {
	silent=0 size=0
	until [ -e /ended ] || [ $silent -ge $quiet ] || /bin/busybox tail -n 3 /test.log | grep -q -e '--- DONE'; do
		sleep 1
		silent=$((silent + 1)) now=$(/bin/busybox stat -c %s /test.log)
		[ $now = $size ] || silent=0
		size=$now
	done
	[ -e /ended ] || kill -9 $(cat /monitor)
	wait
}
for folder in /mnt/vm/*; do
	name=${folder##*/}
	echo "unit test $name: begins at $(since) s"
	begin $name
	follow
	dmesg -c | grep -m 3 'WARNING\|BUG\|Oops'
	echo "unit test $name: ends at $(since) s"
done
sleep 3	# what was written is still on its way
