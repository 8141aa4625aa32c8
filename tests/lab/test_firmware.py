# test_firmware.py: what a program that looks for faults in firmware finds: fwts; the newest udev. The long form.
# SPDX-License-Identifier: GPL-2.0-or-later
import re
import shutil

import lab
import test_names

TESTS = '--acpitests dmicheck mpcheck mcfg'

# Failures that VMware's machine has as well, or that are not the machine's: pattern of the line, reason. docs/fidelity.md
# lists them, too.
USUAL_FAILURES = (
    (r"DMI(SerialNumber|AssetTag): .*default value '(None|N/A|No Asset Tag)'", "VMware's own words"),
    (r'MMapUnmappable: .*Cannot mmap PCI config space', "Debian's kernel gives no program that memory (CONFIG_IO_STRICT_DEVMEM)"),
    (r"MethodCIDInvalidString: .*VMGC\._CID .*'VM_GEN_COUNTER'", "the name by which drivers find VMware's generation ID"),
    (r'SPECMADTFADTRevisions: .*MADT 1 expects FADT 3\.0 but found 4\.0', "VMware's table revisions"),
)
FOLDERS = 'proc sys dev run tmp'


def enter_tools(vm):
    """A small root with the tools, from the CD."""
    vm.command('mount -t iso9660 -o ro /dev/sr0 /mnt')
    vm.command(f'for d in {FOLDERS}; do mount --bind /$d /mnt/$d; done')


def failures(log):
    """The failures of a log, a line each: fwts breaks them at 80 columns."""
    found = re.findall(r'^FAILED \[(\w+)\] (.*(?:\n(?!ADVICE|$|[A-Z]+: |Test \d).+)*)', log, re.M)
    return [f'{level} {" ".join(text.split())}' for level, text in found]


def test_fwts(folder):
    """ACPI, SMBIOS and MP tables; every failure is one that VMware's machine has as well."""
    shutil.copy(lab.made('tools') / 'tools.iso', folder / 'tools.iso')
    with lab.debian(folder, **test_names.keys(), **{'ide1:0.present': 'TRUE', 'ide1:0.fileName': 'tools.iso', 'numvcpus': '2'}) as vm:
        vm.start()
        vm.login()
        enter_tools(vm)
        vm.command(f'cd /tmp; chroot /mnt fwts -q -r /tmp/fwts.log {TESTS} >/tmp/fwts.out 2>&1; cd /; true', 1200)
        totals = vm.command("grep '^Total:' /tmp/fwts.log")
        assert int(re.findall(r'\d+', totals)[0]) > 1000, totals
        for name in ('dmicheck', 'mpcheck', 'method', 'madt', 'fadt', 'mcfg'):
            passed = vm.command(f"grep -E '^{name} ' /tmp/fwts.log | tail -n 1")
            assert re.match(rf'{name} +\| +\d+', passed), passed
        left = failures(vm.command("grep -A4 '^FAILED' /tmp/fwts.log || true", 120))
        assert left, 'the failures of VMware\'s machine are not found'
        assert [line for line in left if not any(re.search(pattern, line) for pattern, _ in USUAL_FAILURES)] == []
        check_newest_names(vm)
        lab.power_off(vm)


def check_newest_names(vm):
    """The udev of today, which reads the number from ACPI's companion of the function."""
    vm.command('modprobe e1000; modprobe vmxnet3')
    for place, name in test_names.interfaces(vm).items():
        text = vm.command(f'chroot /mnt udevadm test-builtin net_id /sys/class/net/{name} 2>/dev/null')
        expected = {nic[1]: nic[2] for nic in test_names.NICS.values()}[place]
        assert f'ID_NET_NAME_SLOT={expected}' in text and 'ID_NET_NAME_ONBOARD' not in text, text
