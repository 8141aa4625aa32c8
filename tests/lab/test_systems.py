# test_systems.py: guests of another architecture and of another age. The long form.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import re

import pytest

import golden_fields
import lab
import test_names

# Kernel, and the naming schemes that its udev knows.
SYSTEMS = {
    'i386': (r'6\.1\..*-686', ('v238', 'v247', 'v251')),
    'bullseye': (r'5\.10\..*-amd64', ('v238', 'v247')),
}
# Linux 5.10 does not get on with the emulated host's XSAVE (QEMU 7.2's): the first signal's frame ends init, under QEMU too.
NO_XSAVE = '---0:-0--:----:----:----:----:----:----'


def check_names(vm, schemes):
    vm.command('modprobe e1000; modprobe vmxnet3')
    found = test_names.interfaces(vm)
    for node, (_, place, name, driver, address) in test_names.NICS.items():
        folder = f'/sys/class/net/{found[place]}'
        assert vm.command(f'cat {folder}/address') == address, node
        assert vm.command(f'basename $(readlink -f {folder}/device/driver)') == driver, node
        for scheme in schemes:
            text = vm.command(f'NET_NAMING_SCHEME={scheme} udevadm test-builtin net_id {folder} 2>/dev/null')
            assert f'ID_NET_NAME_SLOT={name}\n' in text + '\n' and 'ID_NET_NAME_ONBOARD' not in text, (node, scheme, text)


@pytest.mark.parametrize('system', SYSTEMS)
def test_system(folder, system):
    """Devices, names, SMBIOS as Debian 12 amd64 sees them; no warning that VMware's machine would not give."""
    kernel, schemes = SYSTEMS[system]
    if system == 'i386' and os.environ.get('BERTH_LAB'):
        pytest.skip("no word from a 32-bit kernel in the emulated host (QEMU 7.2's SVM), under QEMU neither")
    with lab.debian(folder, system, **test_names.keys(), **{'uuid.bios': golden_fields.UUID, 'cpuid.1.ecx': NO_XSAVE,
                                                             'numvcpus': '2', 'cpuid.coresPerSocket': '1'}) as vm:
        vm.start()
        vm.login()
        assert re.match(kernel, vm.command('uname -r'))
        assert vm.command('lspci -nn').split('\n') == test_names.GOLDEN.read_text().splitlines()
        check_names(vm, schemes)
        test_names.check_slots(vm)
        assert golden_fields.compare(19, lab.packed(vm, 'dmidecode'), None) > 140
        assert lab.warnings(vm) == []
        assert lab.lspci_complaints(vm) == ''
        lab.power_off(vm)
