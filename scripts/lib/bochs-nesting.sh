#!/bin/sh
# A job of the Intel lab host: what it says about nesting, a third level, a reset of the outer guest while an inner one runs.
# SPDX-License-Identifier: GPL-2.0-or-later
echo "intel host: $(since) s: berth host --nested"
/mnt/run-inner /mnt /usr/bin/berth host --nested
echo "intel host: exit status $?"
echo "intel host: $(since) s: starting the VM"
berth run /tmp/vm/nested.vmx --console --no-log
echo "intel host: exit status $?"

# A reset from outside while an inner guest runs: the CPU must leave it, and VMX, or the firmware would start in neither.
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
