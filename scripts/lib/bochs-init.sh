#!/bin/sh
# First program of the Intel lab host, under Bochs: loads kvm_intel and runs Berth from the second CD.
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
echo "intel host: $(since) s: berth host --nested"
/mnt/run-inner /mnt /usr/bin/berth host --nested
echo "intel host: exit status $?"
echo "intel host: $(since) s: starting the VM"
chroot /mnt /usr/bin/berth run /tmp/vm/nested.vmx --console --no-log </dev/null
echo "intel host: exit status $?"

# A reset from outside while an inner guest runs: the CPU must leave it, and VMX, or the firmware would start in neither.
berth() {
	chroot /mnt /usr/bin/berth "$@" </dev/null
}
spinning() {
	tries=0
	until [ "$(grep -c 'inner: spinning' /spin.log)" -ge $1 ]; do
		tries=$((tries + 1))
		[ $tries -lt 1000 ] || { echo "intel host: no inner guest"; poweroff -f; }
		sleep 0.1
	done
}
running() {
	tries=0
	until berth status /tmp/vm/spin.vmx | grep 'an inner guest runs'; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || { echo "intel host: status says nothing of an inner guest"; poweroff -f; }
		sleep 0.1
	done
}
echo "intel host: $(since) s: starting the VM whose inner guest has no end"
: >/spin.log
berth run /tmp/vm/spin.vmx --console --no-log 2>&1 | /bin/busybox tee -a /spin.log &
for round in 1 2; do
	spinning $round
	running
	[ $round = 2 ] || berth reset /tmp/vm/spin.vmx
done
berth stop --hard /tmp/vm/spin.vmx
wait
grep -q 'BUG:\|Kernel panic\|Oops' /spin.log || echo "intel host: reset out of an inner guest: ok"
echo "intel host: $(since) s: job ended"
poweroff -f
