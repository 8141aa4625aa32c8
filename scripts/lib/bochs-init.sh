#!/bin/sh
# First program of the Intel lab host, under Bochs: loads kvm_intel, mounts the second CD, which has Berth, and does /job.
# SPDX-License-Identifier: GPL-2.0-or-later
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
since() { sed 's/ .*//' /proc/uptime; }
echo "intel host: $(since) s: kernel is up"
for module in ata_piix ata_generic sr_mod isofs; do
	modprobe -q $module
done
modprobe kvm-intel
echo "intel host: $(since) s: kvm_intel nested=$(cat /sys/module/kvm_intel/parameters/nested) ept=$(cat /sys/module/kvm_intel/parameters/ept)"
tries=0
until mount -t iso9660 -o ro LABEL=INNER /mnt 2>/dev/null || mount -t iso9660 -o ro /dev/sr1 /mnt 2>/dev/null ||
      mount -t iso9660 -o ro /dev/sr0 /mnt 2>/dev/null; do
	tries=$((tries + 1))
	[ $tries -lt 50 ] || { echo "intel host: no CD"; poweroff -f; }
	sleep 0.2
done
berth() {
	chroot /mnt /usr/bin/berth "$@" </dev/null
}
. /job
echo "intel host: $(since) s: job ended"
poweroff -f
