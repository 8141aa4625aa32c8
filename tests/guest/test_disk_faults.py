# test_disk_faults.py: disks on a file system that is full, and disks that are not persistent.
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import pty
import re
import resource
import struct
import subprocess

import berthlib
import payload
import pytest
import vmxfile
from ui import run

DATA_SIZE = '64M'
SMALL, LARGE = 1 << 20, 32 << 20
COUNT = 40              # sectors that the payload writes, each in a grain of its own


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


def machine(folder, small, changes=None):
    run('qemu-img', 'create', '-q', '-f', 'vmdk', '-o', 'subformat=monolithicSparse,adapter_type=ide', small.place / 'data.vmdk', DATA_SIZE)
    return payload.machine(folder, 'fill', {'ide0:1.present': 'TRUE', 'ide0:1.fileName': 'small/data.vmdk', **(changes or {})},
                           {'COUNT': COUNT})


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
        assert f'written {COUNT:08x} 00000000' in lines and 'ok data' in lines and 'ok flush' in lines, lines
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
        assert f'written {COUNT:08x} 00000003' in lines and 'ok data' in lines, lines


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
        assert f'written {COUNT:08x} 00000000' in lines and 'ok data' in lines, lines


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


# --- disks that are not persistent -------------------------------------------------------------------------------------

class Undo:
    """The folder of a VM whose data disk is not persistent."""

    def __init__(self, folder, limited, mode, **changes):
        self.folder = folder
        self.disk = limited.place / 'data.vmdk'
        self.vm = machine(folder, limited, {'ide0:1.mode': mode, **changes})
        self.before = self.disk.read_bytes()

    def run(self):
        lines = payload.run_to_end(self.vm)
        (self.folder / 'serial.log').unlink()
        return lines

    def logs(self):
        return sorted(path.name for path in self.folder.glob('**/*REDO*') if not path.name.endswith('.lck'))

    def key(self):
        return vmxfile.parse(self.vm.vmx.read_text()).get('ide0:1.redo')

    def untouched(self):
        return self.disk.read_bytes() == self.before

    def set(self, name, value):
        text = '\n'.join(line for line in self.vm.vmx.read_text().splitlines() if not line.startswith(name))
        self.vm.vmx.write_text(f'{text}\n{name} = "{value}"\n')

    def has_all(self):
        """The disk, as a program that nobody here wrote reads it, holds what the payload writes."""
        raw = self.folder / 'all.raw'
        run('qemu-img', 'convert', '-f', 'vmdk', '-O', 'raw', self.disk, raw)
        with open(raw, 'rb') as file:
            for sector in range(COUNT):
                file.seek(sector * 256 * 512)
                words = struct.unpack('<128I', file.read(512))
                if words != tuple((sector * 0x01000193 + n * 0x9e3779b9) & 0xffffffff for n in range(128)):
                    return False
        return True


def locks(folder):
    return sorted(str(path) for path in folder.glob('**/*.lck'))


def test_nonpersistent(folder, limited):
    undo = Undo(folder, limited, 'independent-nonpersistent')
    undo.run()
    assert undo.logs() == [] and undo.untouched() and undo.key() == '' and locks(folder) == []


def test_nonpersistent_after_a_crash(folder, limited):
    """What a process that was killed left behind is dropped at the next start, its locks are taken over."""
    undo = Undo(folder, limited, 'nonpersistent')
    with undo.vm as vm:
        limited.start(vm)
        wait_question(vm)
        assert len(undo.logs()) == 1 and undo.key() == undo.logs()[0]
        # A reset is no end: the log stays.
        berthlib.berth('reset', vm.vmx, check=0)
        berthlib.wait_for(lambda: payload.serial(vm).count('filling') == 2 and question(vm), 60, 'the second boot')
        assert len(undo.logs()) == 1
        second = berthlib.berth('run', vm.vmx)
        assert second.returncode == berthlib.BUSY and str(vm.process.pid) in second.stderr, second.stderr
        old = undo.logs()
        vm.end()
    assert undo.logs() == old and len(locks(folder)) >= 2
    (folder / 'serial.log').unlink()
    undo.run()
    assert undo.logs() == [] and undo.untouched() and undo.key() == '' and locks(folder) == []
    assert 'what an earlier run wrote is dropped' in undo.vm.stderr()
    assert 'did not end properly' in undo.vm.stderr()


def test_undoable_kept_then_committed(folder, limited):
    undo = Undo(folder, limited, 'undoable')
    undo.run()                                  # nobody is there to be asked: kept
    assert len(undo.logs()) == 1 and undo.untouched() and undo.key() == undo.logs()[0]
    first = undo.logs()
    undo.set('answer.msg.disk.undoable', 'Commit')
    undo.run()
    assert 'goes on with what lies in its redo log' in undo.vm.stderr()
    assert first[0] in undo.vm.stderr()
    assert undo.logs() == [] and undo.key() == '' and undo.has_all() and locks(folder) == []


def test_undoable_discarded(folder, limited):
    undo = Undo(folder, limited, 'undoable', **{'answer.msg.disk.undoable': 'Discard'})
    undo.run()
    assert undo.logs() == [] and undo.untouched() and undo.key() == ''


def test_append(folder, limited):
    undo = Undo(folder, limited, 'append')
    undo.run()
    kept = undo.logs()
    undo.run()
    assert undo.logs() == kept and len(kept) == 1 and undo.untouched()
    # In a mode without a redo log it stops the start; committed by hand, the disk is whole.
    undo.set('ide0:1.mode', 'persistent')
    done = berthlib.berth('run', undo.vm.vmx)
    assert done.returncode == berthlib.CONFIG and kept[0] in done.stderr, done.stderr
    berthlib.berth('disk', 'commit', '--delete', limited.place / kept[0], check=0)
    assert undo.has_all()


@pytest.mark.parametrize('name', ['other.vmdk', 'data.vmdk.REDO_abc123'])
def test_redo_that_is_none(folder, limited, name):
    """The key .redo makes Berth open or delete nothing but a redo log of the very disk."""
    undo = Undo(folder, limited, 'nonpersistent', **{'ide0:1.redo': name})
    run('qemu-img', 'create', '-q', '-f', 'vmdk', limited.place / name, DATA_SIZE)
    before = undo.vm.vmx.read_bytes()
    done = berthlib.berth('run', undo.vm.vmx)
    assert done.returncode == berthlib.CONFIG and 'redo names it' in done.stderr, done.stderr
    assert undo.vm.vmx.read_bytes() == before and (limited.place / name).exists()
    assert locks(folder) == []


@pytest.mark.parametrize('answer', ['commit', 'stop'])
def test_undoable_asks_at_a_terminal(folder, limited, answer):
    """At the end, when the guest has gone; a second stop means keep."""
    undo = Undo(folder, limited, 'undoable')
    master, slave = pty.openpty()
    with undo.vm as vm:
        vm.errors = open(folder / 'stderr.txt', 'ab')
        vm.process = subprocess.Popen([berthlib.berth_path(), 'run', vm.vmx], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=slave, env=berthlib.environment(), start_new_session=True)
        os.close(slave)
        status = wait_question(vm)
        assert status['question']['id'] == 'disk.undoable' and status['question']['standard'] == 'keep'
        assert [choice['answer'] for choice in status['question']['choices']] == ['commit', 'discard', 'keep']
        assert 'done' in payload.serial(vm)
        for word in ('reset', 'pause', 'resume'):
            assert berthlib.berth(word, vm.vmx).returncode == 0
        assert question(vm)
        if answer == 'stop':
            berthlib.berth('stop', vm.vmx, check=0)
        else:
            berthlib.berth('answer', vm.vmx, answer)
        assert vm.wait(30) == berthlib.OFF, os.read(master, 65536)
    os.close(master)
    assert len(undo.logs()) == (1 if answer == 'stop' else 0)
    assert undo.has_all() if answer == 'commit' else undo.untouched()
    assert locks(folder) == []
