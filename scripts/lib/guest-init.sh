#!/bin/sh
# First program of the demo guest's initramfs: finds the root disk and hands over to its init.
# SPDX-License-Identifier: GPL-2.0-or-later
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in ata_piix ata_generic sd_mod sr_mod ext4 crc32c_generic; do
	modprobe -q $module
done
tries=0
until mount -t ext4 -o ro LABEL=berth-root /mnt 2>/dev/null || mount -t ext4 -o ro /dev/sda1 /mnt 2>/dev/null; do
	tries=$((tries + 1))
	if [ $tries -ge 100 ]; then
		echo "berth-guest: no root disk"
		cat /proc/partitions
		exec sh
	fi
	sleep 0.2
done
mount --move /dev /mnt/dev
# The journal has been replayed by now, and nothing has been written since.
if [ -e /mnt/forcefsck ]; then
	chroot /mnt /usr/bin/e2fsck -f -n $(sed -n 's: /mnt .*::p' /proc/mounts)
	echo "berth-guest: fsck status $?"
fi
mount -o remount,rw /mnt
mount --move /proc /mnt/proc
mount --move /sys /mnt/sys
exec switch_root /mnt /sbin/init
