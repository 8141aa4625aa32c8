# test_tools.py: qemu-img reads what Berth wrote; systemd judges the unit.
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import re
import shutil
import subprocess

import pytest

import berthlib
import grubdisk
import payload
from ui import run

TOP = berthlib.TOP
UNIT = TOP / 'scripts/systemd/berth@.service'


@pytest.mark.parametrize('kind', grubdisk.SUBFORMATS)
def test_untouched_disk(folder, kind):
    """A guest that only reads leaves the disk as it was, clean for qemu-img."""
    vm = payload.machine(folder, 'keys')
    (folder / 'disk-flat.vmdk').unlink()
    (folder / 'disk.vmdk').unlink()
    grubdisk.to_vmdk(folder / 'payload.raw', folder / 'disk.vmdk', kind)
    with vm:
        vm.start()
        payload.wait_serial(vm, 'waiting for keys')
        vm.last_key()
        assert vm.wait(20) == berthlib.OFF, vm.describe()
    if 'Sparse' in kind:        # qemu-img knows no check of flat disks
        assert 'No errors' in run('qemu-img', 'check', '-f', 'vmdk', folder / 'disk.vmdk')
    assert 'identical' in run('qemu-img', 'compare', '-f', 'raw', '-F', 'vmdk', folder / 'payload.raw', folder / 'disk.vmdk')


def systemd_analyze(*words):
    if not shutil.which('systemd-analyze'):
        pytest.skip('systemd-analyze is not installed')
    return subprocess.run(['systemd-analyze', *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)


def unit_copy(folder):
    """The unit with the path of the program that was built, since systemd checks that it exists."""
    copy = folder / 'berth@vm.service'
    text = UNIT.read_text()
    assert '/usr/bin/berth ' in text
    copy.write_text(text.replace('/usr/bin/berth ', f'{pathlib.Path(berthlib.berth_path()).resolve()} '))
    return copy


def test_unit_verify(folder):
    done = systemd_analyze('verify', '--man=no', unit_copy(folder))
    ours = [line for line in done.stdout.splitlines() if 'berth' in line]
    assert done.returncode == 0 and not ours, done.stdout


def test_unit_security(folder):
    done = systemd_analyze('security', '--offline=true', '--no-pager', unit_copy(folder))
    found = re.search(r'Overall exposure level for \S+: ([\d.]+)', done.stdout)
    assert found, done.stdout
    assert float(found.group(1)) <= 3.0, done.stdout
