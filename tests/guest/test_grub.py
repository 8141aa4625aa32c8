# test_grub.py: SeaBIOS starts GRUB from each kind of VMDK and from a CD; its screen is compared by pixels.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The script of this GRUB prints fixed text, so that neither GRUB's version nor a time-out is part of the picture.
# Where KVM emulates guest kernel code, unpacking GRUB takes 15 s on an idle machine and far longer on a busy one.
# BERTH_TEST_UPDATE=1 stores the picture anew: look at it before it is committed.
import os
import pathlib
import shutil

import pytest

import berthlib
import grubdisk
import screen
import vmxfile
from payload import wait_serial

PICTURE = pathlib.Path(__file__).parent / 'data/grub.png'
# The text cursor blinks below the last line: one cell of 9 by 16.
CURSOR = (0, 9 * 16, 9, 10 * 16)
SCRIPT = """\
serial --unit=0 --speed=115200
terminal_input console
terminal_output console serial
clear
echo 'Berth: the screen of GRUB'
echo
set color_normal=yellow/blue
echo 'yellow on blue'
set color_normal=white/black
echo 'white on black'
set color_normal=light-gray/black
echo 'ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz 0123456789'
echo '!"#$%&()*+,-./:;<=>?@[]^_{|}~'
echo
echo '....:....1....:....2....:....3....:....4....:....5....:....6....:....7....:....'
echo 'end of the picture'
sleep --interruptible 100000
halt
"""


def disk_keys(name):
    return {'ide0:0.present': 'TRUE', 'ide0:0.fileName': name}


def make_media(folder, kind):
    """Puts GRUB on a medium of KIND; returns the keys that attach it."""
    if kind == 'iso':
        grubdisk.grub_only_iso(folder / 'grub.iso', SCRIPT)
        return {'ide1:0.present': 'TRUE', 'ide1:0.deviceType': 'cdrom-image', 'ide1:0.fileName': 'grub.iso'}
    grubdisk.grub_only_disk(folder / 'grub.raw', SCRIPT)
    grubdisk.to_vmdk(folder / 'grub.raw', folder / 'grub.vmdk', kind)
    return disk_keys('grub.vmdk')


@pytest.mark.parametrize('kind', [*grubdisk.SUBFORMATS, 'iso'])
def test_boot(folder, kind):
    keys = vmxfile.workstation(**{'ide0:0.present': 'FALSE', 'memsize': '128', 'serial0.present': 'TRUE', **make_media(folder, kind),
                                  'serial0.fileName': 'serial.log'})
    with berthlib.Vm(folder, keys) as vm:
        vm.start()
        wait_serial(vm, 'end of the picture', 240)
        vm.expect_screen('end of the picture', 20)
        shot = vm.screenshot('shot.png')
        if os.environ.get('BERTH_TEST_UPDATE'):
            PICTURE.parent.mkdir(exist_ok=True)
            shutil.copy(shot, PICTURE)
        assert screen.difference(shot, PICTURE, [CURSOR]) is None, '\n'.join(vm.screen())
        vm.last_key()       # ends the sleep; GRUB's halt is ACPI S5
        assert vm.wait(120) == berthlib.OFF, vm.describe()
