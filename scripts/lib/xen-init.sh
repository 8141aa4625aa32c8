#!/bin/sh
# First program of Xen's domain 0: starts the tool stack, then a PVH domain that needs hardware virtualization.
# SPDX-License-Identifier: GPL-2.0-or-later
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
for module in xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs; do
	modprobe -q $module
done
mount -t xenfs xenfs /proc/xen
mkdir -p /run/xen /run/xenstored /run/lock /var/lib/xenstored /var/log/xen/console /var/lib/xen
ln -s /run /var/run
echo "dom0: kernel is up"
tools=$(echo /usr/lib/xen-*/bin)
$tools/xenstored --pid-file /run/xenstored.pid
$tools/xen-init-dom0
$tools/xenconsoled --log=guest --log-dir=/var/log/xen/console
$tools/xl info | grep -E '^(xen_version|virt_caps)'
# tsc_mode: Xen would intercept RDTSC where the TSC is not an invariant one, which is slow here; and an emulated host of QEMU
# says RDTSC when RDTSCP was intercepted, which Xen does not believe.
cat >/run/inner.cfg <<EOC
name = "inner"
type = "pvh"
kernel = "/inner/vmlinuz"
ramdisk = "/inner/initrd.img"
extra = "console=hvc0 quiet mitigations=off"
memory = 160
vcpus = 1
tsc_mode = "native"
on_poweroff = "destroy"
on_crash = "destroy"
EOC
$tools/xl create /run/inner.cfg
echo "dom0: xl create ended with $?"
# One question of many may fail while a domain comes up: only a list without the domain says that it is gone.
gone() {
	list=$($tools/xl list) && ! echo "$list" | grep -q '^inner '
}
tries=0
until gone || [ $tries -ge 900 ]; do
	tries=$((tries + 1))
	sleep 1
done
echo "dom0: after $tries looks: $list"
cat /var/log/xen/console/*
echo "dom0: the end"
poweroff -f
