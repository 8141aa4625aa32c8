# test_names.py: what a guest derives from PCI: interface names, slots, the list of devices; drivers that find nothing.
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import re

import lab
import vmxfile

GOLDEN = pathlib.Path(__file__).resolve().parent / 'golden/lspci-hw19.txt'
SCHEMES = ('v238', 'v247', 'v251', 'v253')

# Number in the .vmx, where that is, what the guest makes of it, driver, address.
NICS = {
    'ethernet0': ('33', '02:01.0', 'ens33', 'e1000', '00:50:56:01:02:33'),
    'ethernet1': ('160', '03:00.0', 'ens160', 'vmxnet3', '00:50:56:01:02:60'),
    'ethernet2': ('192', '0b:00.0', 'ens192', 'vmxnet3', '00:50:56:01:02:92'),
    'ethernet3': ('1184', '04:00.0', 'ens161', 'vmxnet3', '00:50:56:01:02:61'),
}

# What the kernel says on VMware's own machine too: I/O windows for 32 slots that have nothing to put there do not all fit.
USUAL = r'(BAR 13|bridge window \[io.*\]): (failed to assign|no space|can.t assign)|failed to assign \[io|no space for \[io'
COMPLAINTS = r'acpi.*(error|warning|exception|fail)|firmware bug|pci.*(error|fail|conflict|invalid|no space|can.t|disabl.*irq)|' \
    r'mmconfig.*(not|fail)|nobody cared|call trace|(uhci|ehci|e1000|vmxnet3).*(error|fail|fatal|timed? ?out|not responding)'


def keys():
    changes = {'virtualHW.version': '19', 'vmci0.present': 'FALSE', 'usb.pciSlotNumber': None}
    for node, (slot, _, _, driver, address) in NICS.items():
        changes |= {f'{node}.present': 'TRUE', f'{node}.virtualDev': driver, f'{node}.pciSlotNumber': slot,
                    f'{node}.addressType': 'static', f'{node}.address': address}
    return changes


def interfaces(vm):
    """PCI address (without the domain) of each interface, by its name."""
    lines = vm.command('cd /sys/class/net; for n in eth*; do echo $n $(basename $(readlink -f $n/device)); done; cd /')
    return {place.removeprefix('0000:'): name for name, place in (line.split() for line in lines.splitlines())}


def check_names(vm, found):
    for node, (_, place, name, driver, address) in NICS.items():
        interface = found[place]
        folder = f'/sys/class/net/{interface}'
        assert vm.command(f'cat {folder}/address') == address, node
        assert vm.command(f'basename $(readlink -f {folder}/device/driver)') == driver, node
        vm.command(f'ip link set {interface} up')
        assert vm.command(f'cat {folder}/carrier') == '0', node
        for scheme in SCHEMES:
            text = vm.command(f'NET_NAMING_SCHEME={scheme} udevadm test-builtin net_id {folder} 2>/dev/null')
            properties = dict(line.split('=', 1) for line in text.splitlines() if '=' in line)
            assert properties.get('ID_NET_NAME_SLOT') == name, (node, scheme, text)
            # An index that were taken would win over the slot.
            assert 'ID_NET_NAME_ONBOARD' not in properties, (node, scheme, text)


def check_slots(vm):
    slots = vm.command('cd /sys/bus/pci/slots; for n in *; do echo $n $(cat $n/address); done; cd /')
    slots = dict(line.split() for line in slots.splitlines())
    expected = {f'{32 + device}': f'0000:02:{device:02x}' for device in range(32)}
    expected |= {f'{160 + 32 * bridge + function}': f'0000:{3 + 8 * bridge + function:02x}:00'
                 for bridge in range(4) for function in range(8)}
    assert slots == expected
    # Behind the PCI bridge pins turn with the device; behind a root port they come with the port.
    irqs = vm.command('cd /sys/bus/pci/devices; cat 0000:02:00.0/irq 0000:02:01.0/irq 0000:02:03.0/irq; cd /')
    assert irqs.split() == ['18', '19', '17']
    index = vm.command('cat /sys/bus/pci/devices/0000:02:01.0/acpi_index /sys/bus/pci/devices/0000:02:01.0/label')
    assert index.split() == [str(0x01000208), 'Ethernet0']


def check_usb(vm):
    # Built in, in some kernels. In this order: the kernel warns of the other one.
    vm.command('modprobe -q ehci-pci; modprobe -q uhci-hcd; true')
    hubs = vm.command('cat /sys/bus/usb/devices/usb*/maxchild').split()
    assert sorted(hubs) == ['2', '6']
    devices = vm.command('ls /sys/bus/usb/devices').split()
    assert [name for name in devices if not re.fullmatch(r'usb\d+|\d+-0:1\.0', name)] == []


def check_express(vm):
    """Extended configuration space is reached, and the ports' slots are driven natively."""
    vm.command("dmesg | grep -F '[mem 0xe0000000-0xe7ffffff]'")
    text = vm.command('lspci -vvv -s 03:00.0')
    assert 'Device Serial Number 00-50-56-ff-ff-01-02-60' in text, text
    text = vm.command('lspci -vvv -s 00:15.0')
    assert 'Slot #160' in text and 'PresDet+' in text and 'DLActive+' in text, text
    text = vm.command('lspci -vvv -s 00:18.7')
    assert 'Slot #263' in text and 'PresDet-' in text, text
    assert int(vm.command('grep -c pciehp /proc/interrupts')) == 32
    granted = vm.command("dmesg | grep 'OS now controls'")
    assert re.search(r'\[PCIeHotplug SHPCHotplug PME PCIeCapability\]', granted), granted


def check_power(vm):
    """Power off and on by the slot's own file: the port goes dark, and what is in it comes back."""
    vm.command('echo 0 > /sys/bus/pci/slots/192/power')
    assert vm.command('lspci -n -s 0b:00.0') == ''
    vm.command('echo 1 > /sys/bus/pci/slots/192/power')
    assert '15ad:07b0' in vm.command('lspci -n -s 0b:00.0')


def test_names(folder):
    with lab.debian(folder, **keys()) as vm:
        vm.start()
        vm.login()
        assert vm.command('lspci -nn').split('\n') == GOLDEN.read_text().splitlines()
        vm.command('modprobe e1000; modprobe vmxnet3')
        check_names(vm, interfaces(vm))
        check_slots(vm)
        check_usb(vm)
        check_express(vm)
        check_power(vm)
        said = vm.command(f"dmesg | sed '/XSAVE consistency problem/,/end trace/d' | grep -vE '{USUAL}' | grep -iE '{COMPLAINTS}' || true")
        assert said == ''
        assert lab.warnings(vm) == []
        assert lab.lspci_complaints(vm) == ''
        lab.power_off(vm)
        # A number that the file lacked is in it now.
        assert vmxfile.parse(vm.vmx.read_text())['usb.pciSlotNumber'] == '32'
