# test_identity.py: an unmodified Debian reports who it is; compared field by field with what VMware guests show.
# SPDX-License-Identifier: GPL-2.0-or-later
import re

import berthlib
import lab
from golden_fields import UUID, compare


def cpuid_leaves(text):
    """{(leaf, subleaf): (eax, ebx, ecx, edx)} of `cpuid -r`."""
    found = re.findall(r'0x(\w+) 0x(\w+): eax=0x(\w+) ebx=0x(\w+) ecx=0x(\w+) edx=0x(\w+)', text)
    return {(int(row[0], 16), int(row[1], 16)): tuple(int(value, 16) for value in row[2:]) for row in found}


def cpuid_fields(leaves):
    eax, ebx, ecx, edx = leaves[0x40000000, 0]
    timing = leaves[0x40000010, 0]
    signature = b''.join(value.to_bytes(4, 'little') for value in (ebx, ecx, edx)).decode()
    return [f'1.ecx.31: {leaves[1, 0][2] >> 31}', f'40000000.eax: {eax:x}', f'40000000.signature: {signature}',
            f'40000010.ebx: {timing[1]}', f'40000010.ecx: {timing[2]:x}',
            f'40000100.eax: {"there" if (0x40000100, 0) in leaves else "none"}']


def check_cpuid(vm, leaves):
    """`berth cpuid` foretells what the guest reads."""
    told = cpuid_leaves(berthlib.berth('cpuid', '--raw', vm.vmx, check=0).stdout.split('CPU 1:')[0])
    # APIC ID, OSXSAVE and OSPKE are the running CPU's, leaf Dh counts what is switched on; the TSC's rate is measured anew.
    changing = {(0x0d, sub) for sub in range(64)} | {(0x40000010, 0)}
    for key, values in leaves.items():
        if key in changing or key not in told:
            continue
        expected = list(told[key])
        got = list(values)
        if key == (1, 0):
            got[2] &= ~(1 << 27)
            expected[2] &= ~(1 << 27)
            got[1] &= 0xffffff
            expected[1] &= 0xffffff
        if key == (7, 0):
            got[2] &= ~(1 << 4)
            expected[2] &= ~(1 << 4)
        if key[0] in (0xb, 0x8000001e):
            continue
        assert got == expected, f'leaf {key[0]:x}.{key[1]}: {got} is not {expected}'


def check_vmci(vm):
    assert '15ad:0740' in vm.command('for d in /sys/bus/pci/devices/0000:00:07.7; do '
                                     'echo $(cut -c3- $d/vendor):$(cut -c3- $d/device); done')
    vm.command('modprobe vmw_vmci')
    said = vm.command('dmesg | grep -i vmci')
    assert 'Using capabilities 0x1c' in said, said
    assert not re.search('fail|unable|error|does not support', said, re.I), said
    assert vm.command('readlink /sys/bus/pci/devices/0000:00:07.7/driver').endswith('/vmw_vmci')
    assert 'vmw_vmci' in vm.command('cat /proc/interrupts')
    vm.command('modprobe -r vmw_vmci; modprobe vmw_vmci')
    said = vm.command('dmesg | grep -i vmci')
    assert not re.search('fail|unable|error|does not support', said, re.I), said


def check_iomem(iomem):
    lines = iomem.splitlines()
    for pattern in (r'fec00000-fec\w+ : (Reserved|IOAPIC 0)', r'fee00000-fee00fff : (Reserved|Local APIC)',
                    r'fffe?\w+-ffffffff : Reserved', r'000a0000-000bffff : (PCI Bus|Video|Reserved)',
                    r'00100000-\w+ : System RAM'):
        assert any(re.match(r'\s*' + pattern, line) for line in lines), f'{pattern}\n{iomem}'


def identity(vm):
    """What must be the same at every start, byte for byte."""
    return {
        'smbios': vm.command('md5sum < /sys/firmware/dmi/tables/DMI'),
        'acpi': vm.command('cd /sys/firmware/acpi/tables; md5sum APIC DSDT SSDT* HPET WAET FACP | sort; cd /'),
        # Without the measured rate, and without the leaves with the ID of the CPU that happens to run the program.
        'cpuid': vm.command("cpuid-raw | grep -vE '0x40000010 0x|0x00000001 0x|0x0000000b 0x|0x8000001e 0x' | md5sum"),
        'genid': vm.command('ls /sys/bus/acpi/devices | grep VMW0001'),
    }


def test_identity(folder):
    """hw 19: dmidecode, CPUID, memory map, VMCI; the same after a reboot."""
    with lab.debian(folder, **{'virtualHW.version': '19', 'uuid.bios': UUID, 'memsize': '512', 'numvcpus': '2',
                               'cpuid.coresPerSocket': '1'}) as vm:
        vm.start()
        vm.login()
        leaves = cpuid_leaves(vm.command('cpuid-raw'))
        assert compare(19, lab.packed(vm, 'dmidecode'), cpuid_fields(leaves)) > 140
        check_cpuid(vm, leaves)
        check_iomem(vm.command('cat /proc/iomem'))
        assert lab.warnings(vm) == []
        check_vmci(vm)
        before = identity(vm)
        vm.terminal.send('reboot\r')
        vm.login()
        assert identity(vm) == before
        assert vm.command('dmidecode -s system-serial-number') == 'VMware-' + UUID
        lab.power_off(vm)
