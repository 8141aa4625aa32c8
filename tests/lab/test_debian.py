# test_debian.py: an unmodified Debian kernel and its userland, from the VMDK to the login prompt and back.
# SPDX-License-Identifier: GPL-2.0-or-later
import re
import shutil
import time

import pytest

import berthlib
import guest
import grubdisk
import lab
import screen
import vmxfile
from ui import run

# As on VMware, the tables list more processors than there are; Linux sets memory aside for each.
LISTED_CPUS, PER_CPU_KB = 128, 384


def serial_number(uuid_bios):
    """What VMware's SMBIOS shows: the bytes of uuid.bios in the file's order."""
    return 'VMware-' + uuid_bios


@pytest.mark.parametrize('cpus,cores,memory', [(1, 1, 512), (2, 1, 5120), (4, 2, 512)])
def test_boot(folder, cpus, cores, memory):
    uuid = vmxfile.new_uuid()
    with lab.debian(folder, **{'numvcpus': str(cpus), 'cpuid.coresPerSocket': str(cores), 'memsize': str(memory),
                               'uuid.bios': uuid}) as vm:
        vm.start()
        vm.login()
        topology = lab.fields(vm.command('lscpu'))
        assert topology['CPU(s)'] == str(cpus)
        assert topology['Core(s) per socket'] == str(cores)
        assert topology['Socket(s)'] == str(cpus // cores)
        assert topology['Thread(s) per core'] == '1'
        assert topology['Hypervisor vendor'] == 'VMware'
        assert vm.command('systemd-detect-virt') == 'vmware'
        assert vm.command('dmidecode -s system-serial-number') == serial_number(uuid)
        assert vm.command('dmidecode -s system-manufacturer') == 'VMware, Inc.'
        assert vm.command('dmidecode -s bios-version') == '6.00'
        total = int(re.search(r'MemTotal:\s+(\d+) kB', vm.command('cat /proc/meminfo')).group(1))
        assert memory * 1024 * 0.85 - LISTED_CPUS * PER_CPU_KB < total < memory * 1024, total
        if memory > 3072:
            assert re.search(r'^ *100000000-\w+ : System RAM', vm.command('cat /proc/iomem'), re.M)
        # The emulated host does not stop a guest's XSETBV, so its KVM counts the XSAVE area wrong, under any monitor.
        complaints = vm.command("dmesg | sed '/XSAVE consistency problem/,/end trace/d' | "
                                "grep -iE 'acpi (bios )?(error|warning)|firmware bug|mce: |call trace|lost interrupt' || true")
        assert complaints == ''
        lab.power_off(vm)


def test_files_reboot_power_off(folder):
    """What the guest writes is there after a reboot, after power-off, and for programs that nobody here wrote."""
    expected = folder / 'expected.raw'
    run('qemu-img', 'convert', '-f', 'vmdk', '-O', 'raw', guest.vmdk(lab.SUBFORMAT) / 'debian.vmdk', expected, timeout=900)
    guest.apply_writes(expected, guest.SCRATCH_START)
    with lab.debian(folder, **{'numvcpus': '2', 'memsize': '5120'}) as vm:
        vm.start()
        vm.login()
        assert vm.command('write-pattern /dev/sda2', 120) == 'written'
        assert vm.command('read-pattern /dev/sda2', 120) == 'same'
        vm.command('for n in 1 2 3 4 5 6 7 8; do dd if=/boot/pattern of=/root/file$n bs=64k count=$((n * 8)) 2>/dev/null; done; sync')
        sums = vm.command('cd /root; md5sum file*; cd /', 120)
        boot_id = vm.command('cat /proc/sys/kernel/random/boot_id')
        vm.terminal.send('reboot\r')
        vm.login()
        assert vm.command('cat /proc/sys/kernel/random/boot_id') != boot_id
        assert vm.command('cd /root; md5sum file*; cd /', 120) == sums
        assert vm.command('read-pattern /dev/sda2', 120) == 'same'
        vm.command('rm /root/file*')
        lab.power_off(vm)
    got = folder / 'got.raw'
    run('qemu-img', 'convert', '-f', 'vmdk', '-O', 'raw', folder / 'debian.vmdk', got, timeout=900)
    part = folder / 'root.ext4'
    run('dd', f'if={got}', f'of={part}', 'bs=1M', f'skip={guest.ROOT_START >> 20}', f'count={guest.ROOT_SIZE >> 20}', 'conv=sparse')
    run('/sbin/e2fsck', '-f', '-n', part)
    # The root file system has new times in it; everything else must be what was written, to the bit.
    with open(got, 'rb') as source, open(expected, 'r+b') as target:
        source.seek(guest.ROOT_START)
        target.seek(guest.ROOT_START)
        for _ in range(guest.ROOT_SIZE >> 20):
            target.write(source.read(1 << 20))
    assert 'identical' in run('qemu-img', 'compare', '-f', 'vmdk', '-F', 'raw', folder / 'debian.vmdk', expected, timeout=900)


def test_control(folder):
    """The commands, while Debian runs: list, status, screenshot, type, sendkey, stop by the power button."""
    with lab.debian(folder, **{'displayName': 'Lab VM', 'numvcpus': '2'}) as vm:
        vm.start()
        vm.login()
        vm.command('echo Uptime; cat /proc/uptime')
        assert any(entry['name'] == 'Lab VM' for entry in vm.json('list'))
        assert vm.json('status', 'Lab VM')['state'] == 'running'
        vm.expect_screen(lab.LOGIN, 60)
        shot = vm.screenshot('login.png')
        assert any(lab.LOGIN in line for line in screen.read_text(shot))
        berthlib.berth('type', vm.vmx, 'root\\n', check=0)
        vm.expect_screen('root@berth-guest', 60)
        berthlib.berth('type', vm.vmx, 'echo "Typed: $((6*7))" > /tmp/typed\\n', check=0)
        berthlib.wait_for(lambda: 'Typed: 42' in vm.command('cat /tmp/typed', check=False), 30, 'the typed command')
        berthlib.berth('pause', vm.vmx, check=0)
        assert vm.json('status', vm.vmx)['state'] == 'paused'
        berthlib.berth('resume', vm.vmx, check=0)
        assert vm.command('echo alive') == 'alive'
        begin = time.monotonic()
        berthlib.berth('stop', '--timeout', int(120 * berthlib.SLOW), vm.vmx, timeout=150)
        assert vm.wait(30) == berthlib.OFF, vm.describe()
        assert time.monotonic() - begin < 120 * berthlib.SLOW
        lab.check_disk(folder / 'debian.vmdk')


def test_cdrom(folder):
    """Linux's own driver reads an ISO, is told of the size, and ejects."""
    content = folder / 'content'
    content.mkdir()
    (content / 'pattern').write_bytes(guest.pattern()[:1 << 20])
    run('xorriso', '-as', 'mkisofs', '-quiet', '-R', '-V', 'LABCD', '-o', folder / 'lab.iso', content)
    shutil.rmtree(content)
    with lab.debian(folder, **{'ide1:0.present': 'TRUE', 'ide1:0.fileName': 'lab.iso'}) as vm:
        vm.start()
        vm.login()
        assert 'VMware' in vm.command('cat /sys/block/sr0/device/vendor /sys/block/sr0/device/model')
        vm.command('mount -t iso9660 -o ro /dev/sr0 /mnt')
        vm.command('dd if=/boot/pattern bs=1M count=1 2>/dev/null | cmp - /mnt/pattern', 120)
        vm.command('umount /mnt')
        assert vm.command('cat /sys/block/sda/device/model').startswith('VMware')
        lab.power_off(vm)
