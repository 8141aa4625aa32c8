# test_firmware.py: what tools that look for faults in firmware say: the kernel's log, lspci, fwts.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pathlib
import shutil
import test_names
import lab

def test_explore(folder):
    shutil.copy(os.environ['BERTH_GUEST_tools'] + '/tools.iso', folder / 'tools.iso')
    R = pathlib.Path('/mnt/results')
    with lab.debian(folder, **test_names.keys(), **{'ide1:0.present': 'TRUE', 'ide1:0.fileName': 'tools.iso', 'numvcpus': '2'}) as vm:
        vm.start()
        vm.login()
        (R / 'dmesg-warn').write_text(vm.command('dmesg --level=emerg,alert,crit,err,warn; dmesg -r | grep -E "^<[0-4]>"', check=False))
        (R / 'dmesg').write_text(vm.command('dmesg', 120))
        (R / 'lspci').write_text(vm.command('lspci -vvv 2>&1', 120))
        (R / 'mtrr').write_text(vm.command('cat /proc/mtrr; cat /proc/iomem; cat /proc/ioports', 120))
        vm.command('mount -t iso9660 -o ro /dev/sr0 /mnt')
        vm.command('for d in proc sys dev run tmp; do mount --bind /$d /mnt/$d; done')
        (R / 'udev').write_text(vm.command('for n in /sys/class/net/e*; do chroot /mnt udevadm test-builtin net_id $n 2>&1; done', 120, check=False))
        (R / 'fwts').write_text(vm.command('cd /tmp; time chroot /mnt fwts --show-tests-full; cd /tmp; time chroot /mnt fwts -r /tmp/fwts.log --acpitests dmicheck mpcheck mcfg pcc 2>&1 | tail -50; cat fwts.log', 900, check=False))
        lab.power_off(vm)
