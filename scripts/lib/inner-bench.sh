#!/bin/sh
# First program of the small Linux when it is measured: loops between marks, whose reader has the clock, and jobs of fio.
# SPDX-License-Identifier: GPL-2.0-or-later
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in ata_piix ata_generic sd_mod sr_mod isofs; do
	modprobe -q $module
done
tries=0
until [ -b /dev/sda ] || [ $tries -ge 100 ]; do
	tries=$((tries + 1))
	sleep 0.1
done

mount -t iso9660 -o ro /dev/sr0 /mnt
for place in dev proc sys; do
	mount --bind /$place /mnt/root/$place
done
mount -t tmpfs tmpfs /mnt/root/tmp

# Prints fio's error number and its run time in ms: fields of its terse form, one for reading and one for writing.
job() {
	echo "job $1 $(chroot /mnt/root /usr/bin/fio --minimal --name=$1 --rw=$1 --bs=$2 --number_ios=$3 --filename=/dev/sda --size=20m \
		--ioengine=psync --direct=1 --randseed=1 --allrandrepeat=1 | /bin/busybox cut -d';' -f5,$4)"
}

cpu() { dd if=/dev/zero bs=64k count=256 2>/dev/null | md5sum >/dev/null; }
fork() { n=0; while [ $n -lt 200 ]; do /bin/true; n=$((n + 1)); done; }
syscall() { dd if=/dev/zero of=/dev/null bs=512 count=50000 2>/dev/null; }
disk() { dd if=/dev/sda of=/dev/null bs=64k count=320 iflag=direct 2>/dev/null; }
fio() { job randread 4k 1000 9; job randwrite 4k 1000 50; job read 64k 320 9; job write 64k 320 50; }

for loop in cpu fork syscall disk fio; do
	echo "begin $loop"
	$loop
	echo "end $loop"
done
poweroff -f
