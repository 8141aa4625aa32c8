# test_hotplug.py: devices that come and go under a guest that does not care: commands, messages, what the .vmx says.
# SPDX-License-Identifier: GPL-2.0-or-later
import berthlib
import payload
import vmxfile


def device(verb, vm, *words):
    return berthlib.berth('device', verb, *words[1:], vm.vmx, *words[:1])


def there(vm):
    return {entry['node']: entry for entry in vm.json('status', vm.vmx)['devices']}


def refused(done, *words):
    assert done.returncode not in (0, berthlib.USAGE), done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def edit(vm, **changes):
    keys = vmxfile.parse(vm.vmx.read_text())
    vmxfile.write(vm.vmx, keys | changes)


def test_without_a_guest_that_listens(folder):
    with payload.machine(folder, 'hang', {'ethernet0.present': 'TRUE', 'ethernet0.virtualDev': 'vmxnet3'}) as vm:
        vm.start()
        payload.wait_serial(vm, 'hanging')
        assert there(vm) == {'ethernet0': {'node': 'ethernet0', 'type': 'vmxnet3', 'slot': 160, 'leaving': False}}
        refused(device('add', vm, 'ethernet1'), 'ethernet1.present = "TRUE"')
        refused(device('add', vm, 'scsi0'), 'no device that can come')
        refused(device('add', vm, 'ethernet0'), 'is there already, in slot 160')
        refused(device('remove', vm, 'ethernet1'), 'no device of this name')
        edit(vm, **{'ethernet1.present': 'TRUE', 'ethernet1.virtualDev': 'e1000', 'ethernet2.present': 'TRUE',
                    'ethernet2.virtualDev': 'vmxnet3', 'ethernet2.pciSlotNumber': '160'})
        for node in ('ethernet1', 'ethernet2'):
            assert device('add', vm, node).returncode == 0
        found = there(vm)
        assert found['ethernet1']['slot'] == 32 and found['ethernet2']['slot'] == 192
        keys = vmxfile.parse(vm.vmx.read_text())
        assert keys['ethernet1.pciSlotNumber'] == '32' and keys['ethernet2.pciSlotNumber'] == '192'
        assert keys['ethernet1.generatedAddress'].startswith('00:0c:29:') and keys['ethernet1.generatedAddressOffset'] == '10'
        # Nobody lets go of anything here.
        refused(device('remove', vm, 'ethernet1', '--timeout', '0'), 'has not let go of it')
        refused(device('remove', vm, 'ethernet2', '--timeout', '0'), 'has not let go of it')
        assert there(vm)['ethernet1']['leaving'] and there(vm)['ethernet2']['leaving']
        refused(device('remove', vm, 'ethernet1', '--timeout', '0'), 'already')
        refused(device('add', vm, 'ethernet1'), 'asked to leave')
        assert device('remove', vm, 'ethernet1', '--hard').returncode == 0
        assert sorted(there(vm)) == ['ethernet0', 'ethernet2']
        assert vmxfile.parse(vm.vmx.read_text())['ethernet1.present'] == 'FALSE'
        # A reset is the end of it; the slot is free again.
        berthlib.berth('reset', vm.vmx, check=0)
        berthlib.wait_for(lambda: sorted(there(vm)) == ['ethernet0'], 30, 'ethernet2 to have left')
        edit(vm, **{'ethernet2.present': 'TRUE'})
        assert device('add', vm, 'ethernet2').returncode == 0
        assert there(vm)['ethernet2'] == {'node': 'ethernet2', 'type': 'vmxnet3', 'slot': 192, 'leaving': False}
        assert 'ethernet2' in device('list', vm).stdout
        berthlib.berth('stop', '--hard', vm.vmx, check=0)
        assert vm.wait() == berthlib.KILLED, vm.describe()
        keys = vmxfile.parse(vm.vmx.read_text())
        assert keys['cleanShutdown'] == 'TRUE' and keys['ethernet1.present'] == 'FALSE' and keys['ethernet2.present'] == 'TRUE'


def test_forbidden(folder):
    """devices.hotplug = FALSE: nothing comes or goes."""
    with payload.machine(folder, 'hang', {'ethernet0.present': 'TRUE', 'ethernet0.virtualDev': 'e1000', 'devices.hotplug': 'FALSE'}) as vm:
        vm.start()
        berthlib.wait_for(lambda: 'ethernet0' in device('list', vm).stdout, 60, 'the VM to answer')
        edit(vm, **{'ethernet1.present': 'TRUE', 'ethernet1.virtualDev': 'e1000'})
        for words in (('add', vm, 'ethernet1'), ('remove', vm, 'ethernet0'), ('remove', vm, 'ethernet0', '--hard')):
            refused(device(*words), 'devices.hotplug')
        assert sorted(there(vm)) == ['ethernet0']
        berthlib.berth('stop', '--hard', vm.vmx, check=0)
        assert vm.wait() == berthlib.KILLED, vm.describe()


def test_usage(folder):
    for words in ((), ('insert',), ('add', 'vm'), ('remove', '--timeout', 'long', 'vm', 'ethernet1')):
        assert berthlib.berth('device', *words).returncode == berthlib.USAGE
    assert 'device remove' in berthlib.berth('device', '--help', check=0).stdout
