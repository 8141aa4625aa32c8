# test_hotplug.py: adapters that come and go while Debian runs: behind a root port and behind the PCI bridge.
# SPDX-License-Identifier: GPL-2.0-or-later
import re

import berthlib
import lab
import vmxfile

# What is put in: node, driver, number in the .vmx, address on PCI, name.
PLUGGED = (('ethernet1', 'vmxnet3', '192', '0b:00.0', 'ens192'), ('ethernet2', 'e1000', '33', '02:01.0', 'ens33'))
COMPLAINTS = r'error|fail|unexpected|timed? ?out|link training|call trace|cannot|could not'


def found(vm, place):
    return vm.command(f'test -e /sys/bus/pci/devices/0000:{place} && echo there || true') == 'there'


def add(vm, node, driver, number):
    keys = vmxfile.parse(vm.vmx.read_text())
    vmxfile.write(vm.vmx, keys | {f'{node}.present': 'TRUE', f'{node}.virtualDev': driver, f'{node}.pciSlotNumber': number})
    berthlib.berth('device', 'add', vm.vmx, node, check=0)


def check_in_use(vm, place, name, driver):
    """The guest has found it by itself, its driver works it, and it has the name that its slot says."""
    berthlib.wait_for(lambda: found(vm, place), 60, f'{place} to appear')
    vm.command(f'modprobe {driver}')
    interface = vm.command(f'ls /sys/bus/pci/devices/0000:{place}/net')
    vm.command(f'ip link set {interface} up')
    text = vm.command(f'udevadm test-builtin net_id /sys/class/net/{interface} 2>/dev/null')
    assert f'ID_NET_NAME_SLOT={name}' in text, text
    vm.command(f'ip link set {interface} down')


def test_come_and_go(folder):
    with lab.debian(folder) as vm:
        vm.start()
        vm.login()
        for node, driver, number, place, name in PLUGGED:
            assert not found(vm, place)
            add(vm, node, driver, number)
            check_in_use(vm, place, name, driver)
        for node, driver, number, place, name in PLUGGED:
            berthlib.berth('device', 'remove', '--timeout', '300', vm.vmx, node, timeout=330, check=0)
            assert not found(vm, place)
            assert vm.command(f'ls /sys/class/net | grep -c {name} || true') == '0'
            assert vmxfile.parse(vm.vmx.read_text())[f'{node}.present'] == 'FALSE'
        assert vm.json('status', vm.vmx)['devices'] == []
        # Once more into the same slot, and out of it by the guest's own hand.
        add(vm, 'ethernet2', 'e1000', '33')
        check_in_use(vm, '02:01.0', 'ens33', 'e1000')
        vm.command('echo 0 > /sys/bus/pci/slots/33/power')
        berthlib.wait_for(lambda: vm.json('status', vm.vmx)['devices'] == [], 30, 'the adapter to have left')
        said = vm.command(f"dmesg | sed '1,/login:/d' | grep -iE 'hotplug|pciehp|acpiphp|0b:00|02:01' | grep -iE '{COMPLAINTS}' || true")
        assert not re.search(COMPLAINTS, said, re.I), said
        lab.power_off(vm)
