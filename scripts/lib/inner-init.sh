#!/bin/sh
# First program of the small Linux that nesting is tried with: says where it runs, starts a guest of its own if it can.
# SPDX-License-Identifier: GPL-2.0-or-later
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo "inner: kernel $(sed 's/^Linux version \([^ ]*\).*/\1/' /proc/version) is up"
for words in "" ioperm iopl wrong "iopl wrong" out "iopl nesting" "iopl hardware" ""; do
	echo "inner: backdoor [$words] $(checkvm $words)"
done
if [ -x /usr/bin/vmware-checkvm ]; then
	for words in "" iopl; do
		echo "inner: vmware-checkvm [$words] $(checkvm $words exec /usr/bin/vmware-checkvm 2>&1)"
	done
fi
flag=$(grep -o -w -m 1 -E 'vmx|svm' /proc/cpuinfo)
echo "inner: virtualization ${flag:-none}"
if [ -n "$flag" ]; then
	modprobe kvm-intel 2>/dev/null || modprobe kvm-amd
	level3
	# A second serial port asks for an inner guest without end.
	if grep -q '^1: uart:16' /proc/tty/driver/serial; then
		echo "inner: spinning"
		level3 spin
	fi
fi
echo "inner: the end"
poweroff -f
