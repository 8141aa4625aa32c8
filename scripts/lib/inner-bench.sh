#!/bin/sh
# First program of the small Linux when it is measured: loops between marks; whoever reads the marks has the clock.
# SPDX-License-Identifier: GPL-2.0-or-later
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in ata_piix ata_generic sd_mod; do
	modprobe -q $module
done
tries=0
until [ -b /dev/sda ] || [ $tries -ge 100 ]; do
	tries=$((tries + 1))
	sleep 0.1
done

cpu() { dd if=/dev/zero bs=64k count=256 2>/dev/null | md5sum >/dev/null; }
fork() { n=0; while [ $n -lt 200 ]; do /bin/true; n=$((n + 1)); done; }
syscall() { dd if=/dev/zero of=/dev/null bs=512 count=50000 2>/dev/null; }
disk() { dd if=/dev/sda of=/dev/null bs=64k count=320 iflag=direct 2>/dev/null; }

for loop in cpu fork syscall disk; do
	echo "begin $loop"
	$loop
	echo "end $loop"
done
poweroff -f
