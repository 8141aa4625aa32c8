# test_disk_faults.py: a disk whose file system is full: the VM waits and asks, and does what it is told.
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import re
import resource
import subprocess

import berthlib
import payload
import pytest
from ui import run

DATA_SIZE = '64M'
SMALL, LARGE = 2 << 20, 32 << 20


class Limit:
    """A process that may not write files beyond a size."""

    def __init__(self, folder):
        self.place = folder / 'small'
        self.place.mkdir()

    def start(self, vm):
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, hard))        # for the child
        try:
            vm.start()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        self.pid = vm.process.pid

    def make_room(self):
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (LARGE, resource.prlimit(self.pid, resource.RLIMIT_FSIZE)[1]))

    def end(self):
        pass


class Tmpfs:
    """A file system that is too small. What the payload writes takes one page a sector there, whatever the file's size."""

    def __init__(self, folder):
        self.place = folder / 'small'
        self.place.mkdir()
        done = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={SMALL >> 3}', 'small', self.place], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            pytest.skip(f'no file system can be mounted here: {done.stderr.strip()}')

    def start(self, vm):
        vm.start()

    def make_room(self):
        run('mount', '-o', f'remount,size={LARGE}', self.place)

    def end(self):
        run('umount', self.place)


@pytest.fixture(params=[Limit, Tmpfs])
def small(folder, request):
    place = request.param(folder)
    yield place
    place.end()


@pytest.fixture
def limited(folder):
    return Limit(folder)


def machine(folder, small, changes=None, count=64):
    run('qemu-img', 'create', '-q', '-f', 'vmdk', '-o', 'subformat=monolithicSparse,adapter_type=ide', small.place / 'data.vmdk', DATA_SIZE)
    return payload.machine(folder, 'fill', {'ide0:1.present': 'TRUE', 'ide0:1.fileName': 'small/data.vmdk', **(changes or {})},
                           {'COUNT': count})


def question(vm):
    """The status of a VM that asks something, or None. A command that the busy machine leaves no time is no answer."""
    assert vm.running(), f'the VM ended\n{payload.serial(vm)}\n{vm.describe()}'
    done = berthlib.berth('status', '--json', vm.vmx)
    status = json.loads(done.stdout) if done.returncode == 0 else {}
    return status if status.get('state') == 'question' else None


def wait_question(vm, timeout=60):
    payload.wait_serial(vm, 'filling')
    return berthlib.wait_for(lambda: question(vm), timeout, 'a question')


def check_end(vm, small, code):
    assert vm.wait(30) == code, f'{payload.serial(vm)}\n{vm.describe()}'
    text = run('qemu-img', 'check', '-f', 'vmdk', small.place / 'data.vmdk')
    assert 'No errors' in text, text


def test_retry(folder, small):
    with machine(folder, small) as vm:
        small.start(vm)
        status = wait_question(vm)
        question = status['question']
        assert question['id'] == 'hbacommon.outofspace'
        assert 'data.vmdk' in question['text'] and re.search('No space left|File too large', question['text'])
        assert [choice['answer'] for choice in question['choices']] == ['retry', 'fail', 'off']
        shown = berthlib.berth('status', vm.vmx, check=0).stdout
        assert 'question' in shown and 'data.vmdk' in shown and 'retry' in shown, shown
        assert berthlib.berth('answer', vm.vmx, 'perhaps').returncode == 1
        # Without room the same question comes again.
        berthlib.berth('answer', vm.vmx, 'retry', check=0)
        wait_question(vm)
        before = vm.json('status', vm.vmx)['uptime_ms']
        assert vm.json('status', vm.vmx)['uptime_ms'] == before       # the guest's time stands still
        small.make_room()
        berthlib.berth('answer', vm.vmx, 'retry', check=0)
        check_end(vm, small, berthlib.OFF)
        lines = payload.serial(vm).splitlines()
        assert 'written 00000040 00000000' in lines and 'ok data' in lines and 'ok flush' in lines, lines
        assert berthlib.berth('answer', vm.vmx, 'retry').returncode == berthlib.CONFIG


def test_fail(folder, small):
    """The guest gets the error, as from a drive; what it wrote before is there."""
    with machine(folder, small) as vm:
        small.start(vm)
        for answers in range(1, 4):
            wait_question(vm)
            berthlib.berth('answer', vm.vmx, 'fail', check=0)
            berthlib.wait_for(lambda: payload.serial(vm).count('error ') >= answers, 30, 'the error in the guest')
        wait_question(vm)
        small.make_room()
        berthlib.berth('answer', vm.vmx, 'retry', check=0)
        check_end(vm, small, berthlib.OFF)
        lines = payload.serial(vm).splitlines()
        errors = [line.split() for line in lines if line.startswith('error ')]
        assert len(errors) == 3 and all(int(status, 16) & 0x21 for _, _, status in errors), lines
        assert 'written 00000040 00000003' in lines and 'ok data' in lines, lines


def test_off(folder, limited):
    with machine(folder, limited) as vm:
        limited.start(vm)
        wait_question(vm)
        berthlib.berth('answer', vm.vmx, 'off')
        check_end(vm, limited, berthlib.DISK)
        assert re.search(r'data\.vmdk: a write failed, and the VM was powered off', vm.stderr()), vm.stderr()


def test_stop_hard(folder, limited):
    with machine(folder, limited) as vm:
        limited.start(vm)
        wait_question(vm)
        berthlib.berth('stop', '--hard', vm.vmx, check=0)
        check_end(vm, limited, berthlib.DISK)
        assert re.search(r'data\.vmdk: 1 write of the guest could not be carried out', vm.stderr()), vm.stderr()


def test_reset(folder, limited):
    """The held write is given up with the guest that made it; the next one meets the same disk."""
    with machine(folder, limited) as vm:
        limited.start(vm)
        wait_question(vm)
        berthlib.berth('reset', vm.vmx, check=0)
        berthlib.wait_for(lambda: payload.serial(vm).count('filling') == 2, 60, 'the second boot')
        wait_question(vm)
        limited.make_room()
        berthlib.berth('answer', vm.vmx, 'retry', check=0)
        check_end(vm, limited, berthlib.OFF)
        lines = payload.serial(vm).splitlines()
        assert 'written 00000040 00000000' in lines and 'ok data' in lines, lines


def test_pause_and_signals(folder, limited):
    """A pause outlives the question; two signals end a VM that waits."""
    with machine(folder, limited) as vm:
        limited.start(vm)
        wait_question(vm)
        berthlib.berth('pause', vm.vmx, check=0)
        assert vm.json('status', vm.vmx)['state'] == 'question'
        limited.make_room()
        berthlib.berth('answer', vm.vmx, 'retry', check=0)
        assert vm.json('status', vm.vmx)['state'] == 'paused'
        assert 'written' not in payload.serial(vm)
        berthlib.berth('resume', vm.vmx, check=0)
        check_end(vm, limited, berthlib.OFF)
        assert 'ok data' in payload.serial(vm)


def test_answer_of_the_vmx(folder, limited):
    with machine(folder, limited, {'answer.msg.hbacommon.outofspace': 'Cancel'}) as vm:
        limited.start(vm)
        check_end(vm, limited, berthlib.DISK)


def test_automatic_answer(folder, limited):
    """The standard answer is to try again, not more than once a second, until there is room."""
    with machine(folder, limited, {'msg.autoAnswer': 'TRUE'}) as vm:
        limited.start(vm)
        wait_question(vm)
        limited.make_room()
        check_end(vm, limited, berthlib.OFF)
        assert 'ok data' in payload.serial(vm)
