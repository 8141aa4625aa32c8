#!/bin/sh
# First program of the emulated host: shows this machine's files read-only, runs the job, switches off.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Kernel arguments: berth.keep=A:B   folders that stay visible although they lie below /tmp or another place that is
#                                    covered by a writable tmpfs
#                   berth.kvm=ARGS   module parameters for kvm, berth.amd=ARGS for kvm-amd, commas for spaces
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm

argument()
{
	sed -n "s/.*\\b$1=\\([^ ]*\\).*/\\1/p" /proc/cmdline
}

die()
{
	echo "emulated host: $1"
	poweroff -f
}

for module in virtio_pci 9p 9pnet_virtio tun vhost_net bridge overlay; do
	modprobe -q $module
done
modprobe kvm $(argument berth.kvm | sed 's/,/ /g')
modprobe kvm-amd $(argument berth.amd | sed 's/,/ /g')
[ -c /dev/kvm ] || die "kvm-amd made no /dev/kvm"
chmod 666 /dev/kvm
ip link set lo up

options=trans=virtio,version=9p2000.L,msize=524288
mkdir -p /host /kept
mount -t 9p -o $options,cache=loose,ro host /host || die "no 9p share of the host's files"

number=0
for path in $(argument berth.keep | sed 's/:/ /g'); do
	number=$((number + 1))
	mkdir -p /kept/$number
	mount --bind /host$path /kept/$number
done
for place in tmp run var/tmp root mnt; do
	[ -d /host/$place ] && mount -t tmpfs -o mode=1777,size=90% tmpfs /host/$place
done
number=0
for path in $(argument berth.keep | sed 's/:/ /g'); do
	number=$((number + 1))
	mkdir -p /host$path
	mount --bind /kept/$number /host$path
done
mkdir -p /host/mnt/results
mount -t 9p -o $options,cache=none,rw results /host/mnt/results || die "no 9p share for the results"
mount --bind /proc /host/proc
mount --bind /sys /host/sys
mount --bind /dev /host/dev
mount --bind /dev/pts /host/dev/pts
mount --bind /dev/shm /host/dev/shm
mkdir -p /host/run/lock /host/run/user

echo	# the firmware's last line has no end
chroot /host /bin/sh /mnt/results/job.sh </dev/null
echo "emulated host: job ended with $?"
poweroff -f
