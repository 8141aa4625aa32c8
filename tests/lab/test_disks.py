# test_disks.py: Debian on a chain of disks whose process is killed in the middle of writing, again and again.
# SPDX-License-Identifier: GPL-2.0-or-later
import base64
import hashlib
import os
import re
import signal

import pytest

import berthlib
import guest
import lab
import vmxfile
from ui import run

# The writer's files; its name and number stand in the first line, so that no two versions of a file are alike.
FILES = 8
FILE_MB = 4
WRITER = f'''
i=$1
while :; do
	i=$((i + 1))
	n=$((i % {FILES}))
	{{ echo "version $i"; cat /boot/pattern; }} > /root/new
	sync
	mv /root/new /root/file$n
	sync
	echo "FLUSHED $i"
done
'''
CHECKER = '''
v=$(sed -n '1s/version //p;1q' $1)
{ echo "version $v"; cat /boot/pattern; } | cmp - $1 && echo "whole $v"
'''
LONG = pytest.mark.skipif(not os.environ.get('BERTH_LAB_LONG'), reason='takes many minutes: BERTH_LAB_LONG=1 runs it')
MARK = guest.SCRATCH_START


def fill(path, value, offset, length):
    run('qemu-io', '-f', 'vmdk', '-c', f'write -P {value} {offset} {length}', path)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def chain(folder):
    """The guest's disk, and two deltas on it, each with something of its own that those above do not hide."""
    guest.copy_disk(guest.vmdk(lab.SUBFORMAT), folder)
    below = 'debian.vmdk'
    for name, value, offset, length in (('debian-000001.vmdk', 0x11, MARK, 65536), ('debian-000002.vmdk', 0x22, MARK + 32768, 65536)):
        run('qemu-img', 'create', '-q', '-f', 'vmdk', '-b', below, '-F', 'vmdk', '-o', f'subformat={lab.SUBFORMAT}', name, cwd=folder)
        fill(folder / name, value, offset, length)
        below = name
    run('qemu-img', 'create', '-q', '-f', 'vmdk', '-b', below, '-F', 'vmdk', '-o', f'subformat={lab.SUBFORMAT}', 'debian-000003.vmdk',
        cwd=folder)
    return folder / 'debian-000003.vmdk'


def script(vm, name, text):
    vm.command(f'echo {base64.b64encode(text.encode()).decode()} | base64 -d > {name}')


def whole(vm, flushed):
    """Every file that was flushed is there, as it was or in a later version, to the last byte. Returns the latest version."""
    latest = flushed
    for n in range(FILES):
        last = max((i for i in range(max(1, flushed - FILES + 1), flushed + 1) if i % FILES == n), default=0)
        if last:
            found = re.search(r'whole (\d+)', vm.command(f'sh /boot/check /root/file{n}', 120))
            assert found and int(found.group(1)) >= last, f'file{n}: {found and found.group(0)}, flushed was version {last}'
            latest = max(latest, int(found.group(1)))
    return latest


def check_layers(vm):
    """What the two deltas below hold is what the guest reads."""
    expected = hashlib.md5(b'\x11' * 32768 + b'\x22' * 65536).hexdigest()
    assert vm.command('dd if=/dev/sda2 bs=32k count=3 2>/dev/null | md5sum').split()[0] == expected


def check_file_system(folder, disk):
    raw, part = folder / 'got.raw', folder / 'root.ext4'
    run('qemu-img', 'convert', '-f', 'vmdk', '-O', 'raw', disk, raw, timeout=900)
    run('dd', f'if={raw}', f'of={part}', 'bs=1M', f'skip={guest.ROOT_START >> 20}', f'count={guest.ROOT_SIZE >> 20}', 'conv=sparse')
    print(run('/sbin/e2fsck', '-f', '-n', part))
    raw.unlink()
    part.unlink()


def boot(vm, check):
    """Starts VM and logs in. CHECK: the guest looks over its root file system before it writes to it, and finds no fault."""
    vm.start()
    if check:
        found = vm.expect(r'^berth-guest: fsck status (\d+)$', 120)
        assert found.group(1) == '0', vm.describe()
    vm.login()


def write_until(vm, version, want):
    """Starts the guest's writer behind VERSION; returns the first version from WANT on that it has flushed. It goes on writing."""
    flushed = 0
    vm.terminal.send(f'sh /boot/write {version}\r')
    while flushed < want:
        flushed = int(vm.expect(r'^FLUSHED (\d+)$', 180).group(1))
    return flushed


@pytest.mark.parametrize('kills,megabytes', [(1, 64), pytest.param(5, 2048, marks=LONG)])
def test_chain_killed(folder, kills, megabytes):
    disk = chain(folder)
    parents = {path: digest(path) for path in folder.glob('*.vmdk') if '000003' not in path.name}
    keys = vmxfile.workstation(**{'numvcpus': '1', 'memsize': '512', 'ide0:0.fileName': disk.name})
    flushed = 0
    for turn in range(kills + 1):
        with berthlib.Vm(folder, keys, name='debian', console=True) as vm:
            boot(vm, check=turn > 0)
            if turn == 0:
                check_layers(vm)
                script(vm, '/boot/write', WRITER)
                script(vm, '/boot/check', CHECKER)
                vm.command('touch /forcefsck; sync')
            version = whole(vm, flushed)
            if turn == kills:
                check_layers(vm)
                vm.terminal.send('poweroff\r')
                assert vm.wait(60) == berthlib.OFF, vm.describe()
                break
            flushed = write_until(vm, version, version + megabytes // kills // FILE_MB)
            os.kill(vm.process.pid, signal.SIGKILL)
            vm.process.wait()
            print(f'killed after version {flushed}, {flushed * FILE_MB} MB')
    assert vm.stderr().count('did not end properly') >= 2 * kills
    assert sorted(path.name for path in folder.glob('*.lck')) == []
    lab.check_disk(disk)
    check_file_system(folder, disk)
    assert len(parents) == 9
    for path, before in parents.items():
        assert digest(path) == before, f'{path.name} was written to'
