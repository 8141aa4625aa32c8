# lab.py: the Debian guest for the scenarios of this tier.
# SPDX-License-Identifier: GPL-2.0-or-later
import berthlib
import guest
import vmxfile
from ui import run

SUBFORMAT = 'twoGbMaxExtentSparse'
LOGIN = 'berth-guest login:'


def debian(folder, **changes):
    """A Vm with the Debian guest on a split sparse disk; its console is ours. Not started."""
    guest.copy_disk(guest.vmdk(SUBFORMAT), folder)
    return berthlib.Vm(folder, vmxfile.workstation(**changes), name='debian', console=True)


def power_off(vm, timeout=60):
    """Switches off from inside, checks the end and the disk."""
    vm.terminal.send('poweroff\r')
    assert vm.wait(timeout) == berthlib.OFF, vm.describe()
    check_disk(vm.folder / 'debian.vmdk')


def check_disk(path):
    text = run('qemu-img', 'check', '-f', 'vmdk', path)
    assert 'No errors' in text, text


def fields(text):
    """Lines `name: value` as a dictionary."""
    return {name.strip(): value.strip() for name, _, value in (line.partition(':') for line in text.splitlines())}
