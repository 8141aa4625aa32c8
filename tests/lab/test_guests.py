# test_guests.py: other guests on a true KVM: memtest86+, a third level, and those that must fail.
# SPDX-License-Identifier: GPL-2.0-or-later
import re

import pytest

import berthlib
import guest
import lab
import payload

NESTED = '/sys/module/kvm_amd/parameters/nested', '/sys/module/kvm_intel/parameters/nested'


def host_nests():
    for name in NESTED:
        try:
            with open(name, encoding='ascii') as file:
                return file.read().strip() in ('1', 'Y')
        except OSError:
            continue
    return False


def test_memtest(folder):
    """memtest86+ draws its screen and counts."""
    if not guest.memtest():
        pytest.skip('memtest86+ is not installed')
    with lab.debian(folder, numvcpus='1', memsize='64') as vm:
        vm.start()
        vm.expect('Memory test', 60)
        vm.terminal.send('\x1b[B')
        vm.terminal.send('\r')
        vm.expect_screen(r'Memtest86\+', 90)

        def tested():
            found = re.search(r'(?:Time|WallTime)\D*(\d+):(\d+):(\d+)', '\n'.join(vm.screen()))
            return found and int(found.group(3)) >= 3

        berthlib.wait_for(tested, 90, 'memtest86+ to have run for three seconds')
        text = '\n'.join(vm.screen())
        assert re.search(r'Errors?:\s*0\b', text), text
        berthlib.berth('stop', '--hard', vm.vmx, check=0)
        assert vm.wait(20) == berthlib.KILLED, vm.describe()


KVM_MODULE = 'modprobe kvm-amd 2>/dev/null || modprobe kvm-intel'


def inner_guest(vm):
    """What the VM says about a guest of its guest."""
    return vm.json('status', vm.vmx)['inner_guest']


def test_third_level(folder):
    """vhv.enable: the guest runs a guest of its own, seen from outside; neither a pause nor a reset minds it."""
    if not host_nests():
        pytest.skip("this host's KVM has nesting off")
    with lab.debian(folder, **{'vhv.enable': 'TRUE'}) as vm:
        vm.start()
        vm.login()
        assert re.search(r'^flags\s*:.*\b(svm|vmx)\b', vm.command('cat /proc/cpuinfo'), re.M)
        vm.command(KVM_MODULE)
        assert 'level3: ok' in vm.command('level3', 120)
        assert inner_guest(vm) is False
        vm.command('level3 spin >/dev/null &')
        berthlib.wait_for(lambda: inner_guest(vm), 30, 'the inner guest')
        berthlib.berth('pause', vm.vmx, check=0)
        assert 'nesting ' in berthlib.berth('status', vm.vmx, check=0).stdout
        berthlib.berth('resume', vm.vmx, check=0)
        berthlib.wait_for(lambda: inner_guest(vm), 30, 'the inner guest after a pause')
        berthlib.berth('reset', vm.vmx, check=0)
        vm.login()
        assert inner_guest(vm) is False
        vm.command(KVM_MODULE)
        assert 'level3: ok' in vm.command('level3', 120)
        lab.power_off(vm)


def test_no_third_level_unasked(folder):
    with lab.debian(folder) as vm:
        vm.start()
        vm.login()
        assert not re.search(r'^flags\s*:.*\b(svm|vmx)\b', vm.command('cat /proc/cpuinfo'), re.M)
        assert vm.command('modprobe kvm-amd 2>/dev/null || modprobe kvm-intel 2>/dev/null || echo none') == 'none'
        lab.power_off(vm)


def test_triple_fault(folder):
    with payload.machine(folder, 'triple') as vm:
        vm.start()
        assert vm.wait(60) == berthlib.CRASH, vm.describe()
        assert re.search('triple fault', vm.stderr(), re.I), vm.stderr()


@pytest.mark.parametrize('name', ['dma', 'mmio', 'string', 'storm', 'smi'])
def test_payload(folder, name):
    defines = {'ROUNDS': 1} if name == 'storm' else {}
    payload.run_to_end(payload.machine(folder, name, {'hpet0.present': 'TRUE'}, defines), 120)


def test_kernel_panic(folder):
    """A guest that dies of itself stays as it is, on the screen, until it is stopped."""
    with lab.debian(folder) as vm:
        vm.start()
        vm.login()
        vm.terminal.send('echo c > /proc/sysrq-trigger\r')
        vm.expect('Kernel panic', 60)
        assert vm.running()
        berthlib.berth('stop', '--hard', vm.vmx, check=0)
        assert vm.wait(20) == berthlib.KILLED, vm.describe()
