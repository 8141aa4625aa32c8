# test_stop.py: how a VM ends from outside, and what the commands say meanwhile.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import re
import signal
import time

import berthlib
import payload
import pytest


def started(vm, word='hanging'):
    vm.start()
    payload.wait_serial(vm, word)
    return vm


def test_stop_hard(folder):
    with payload.machine(folder, 'hang') as vm:
        started(vm)
        berthlib.berth('stop', '--hard', vm.vmx, check=0)
        assert vm.wait(10) == berthlib.KILLED, vm.describe()


def test_registers(folder):
    """Where a guest stands that has hung, while it runs and while it is paused; it does not mind."""
    with payload.machine(folder, 'hang', {'numvcpus': '2'}) as vm:
        started(vm)
        for command in ('resume', 'pause', 'resume'):
            berthlib.berth(command, vm.vmx, check=0)
            boot, other = vm.json('status', '--registers', vm.vmx)['registers']
            assert re.search(r' rip=7[c-f][0-9a-f]{2} ', boot), boot            # a boot sector is loaded at 7c00h
            assert re.search(r' rip=[0-9a-f]+ ', other), other
        assert f'vcpu1     {other}' in berthlib.berth('status', '--registers', vm.vmx, check=0).stdout
        assert 'registers' not in vm.json('status', vm.vmx)
        berthlib.berth('stop', '--hard', vm.vmx, check=0)
        assert vm.wait(10) == berthlib.KILLED, vm.describe()


def test_stop_without_acpi(folder):
    """A guest that never heard of ACPI cannot be asked: a polite stop switches it off at once."""
    with payload.machine(folder, 'hang') as vm:
        started(vm)
        berthlib.berth('stop', vm.vmx, check=0)
        assert vm.wait(10) == berthlib.OFF, vm.describe()


def test_stop_deaf_guest(folder):
    """A polite stop of a guest with ACPI waits for its time-out and becomes a hard one."""
    with payload.machine(folder, 'hang', defines={'ACPI': 1}) as vm:
        started(vm)
        begin = time.monotonic()
        berthlib.berth('stop', '--timeout', 2, vm.vmx, timeout=30)
        assert vm.wait(20) == berthlib.KILLED, vm.describe()
        assert time.monotonic() - begin >= 1.5


def test_sigterm_twice(folder):
    with payload.machine(folder, 'hang', defines={'ACPI': 1}) as vm:
        started(vm)
        vm.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert vm.running(), 'the first SIGTERM is a polite stop'
        vm.process.send_signal(signal.SIGTERM)
        assert vm.wait(10) == berthlib.KILLED, vm.describe()


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_signal_time_out(folder, number):
    with payload.machine(folder, 'hang', {'berth.stopTimeout': '2'}, {'ACPI': 1}) as vm:
        started(vm)
        vm.process.send_signal(number)
        assert vm.wait(20) == berthlib.KILLED, vm.describe()


def test_pause_resume(folder):
    with payload.machine(folder, 'keys') as vm:
        started(vm, 'waiting for keys')
        berthlib.berth('pause', vm.vmx, check=0)
        assert vm.json('status', vm.vmx)['state'] == 'paused'
        berthlib.berth('type', vm.vmx, 'a')
        time.sleep(1)
        assert 'key' not in payload.serial(vm).replace('waiting for keys', '')
        berthlib.berth('resume', vm.vmx, check=0)
        assert vm.json('status', vm.vmx)['state'] == 'running'
        berthlib.berth('type', vm.vmx, 'b')
        payload.wait_serial(vm, r'key \w{4}3062')
        vm.last_key()
        assert vm.wait(10) == berthlib.OFF, vm.describe()


def test_type(folder):
    """Characters of all kinds arrive as the BIOS's keyboard handler makes them out of scan codes."""
    text = 'Berth 09 az AZ !@#$%^&*()-_=+[]{};:\'"\\|,.<>/?`~'
    with payload.machine(folder, 'keys') as vm:
        started(vm, 'waiting for keys')
        berthlib.berth('type', vm.vmx, text.replace('\\', '\\\\'), check=0)
        keys = payload.wait_keys(vm, len(text))
        assert ''.join(chr(int(key[-2:], 16)) for key in keys) == text
        berthlib.berth('sendkey', vm.vmx, 'f1', 'up', check=0)
        vm.last_key()
        assert vm.wait(10) == berthlib.OFF, vm.describe()
        tail = payload.serial(vm)
        assert 'key 00003b00' in tail and tail.index('3b00') < tail.index('011b')


def test_list_and_status(folder):
    with payload.machine(folder, 'hang', {'displayName': 'A VM, "quoted"'}) as vm:
        assert str(vm.vmx) not in str(berthlib.berth('list', '--json', check=0).stdout)
        started(vm)
        listed = vm.json('list')
        entry = next(entry for entry in listed if entry.get('vmx') == os.path.realpath(vm.vmx))
        assert entry['name'] == 'A VM, "quoted"' and entry['pid'] == vm.process.pid
        assert str(os.path.realpath(vm.vmx)) in berthlib.berth('list', check=0).stdout
        assert vm.json('status', vm.vmx)['state'] == 'running'
        assert berthlib.berth('status', 'A VM, "quoted"').returncode == 0
        second = berthlib.berth('run', vm.vmx, timeout=20)
        assert second.returncode == berthlib.BUSY and second.stderr.strip(), second
        berthlib.berth('stop', '--hard', vm.vmx, check=0)
        vm.wait(10)
        assert str(vm.vmx) not in str(berthlib.berth('list', '--json', check=0).stdout)
        assert berthlib.berth('status', vm.vmx).returncode != 0
