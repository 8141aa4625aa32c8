# test_nested_intel.py: the media of the Intel lab host are sound; running them is scripts/nested-intel.
# SPDX-License-Identifier: GPL-2.0-or-later
import gzip
import pathlib
import re
import subprocess

import pytest

import berthlib
import bochs
import inner
from ui import run

EMULATOR = ('bochs', 'bochsbios', 'vgabios')     # needed to run it, not to make it


def listing(iso):
    return run('xorriso', '-indev', iso, '-find', '/', '-type', 'f', '-exec', 'echo', '--')


@pytest.fixture(scope='module')
def media(tmp_path_factory):
    absent = [name for name in bochs.missing() if name not in EMULATOR]
    if absent:
        pytest.skip('not installed: ' + ', '.join(absent))
    return bochs.prepare(tmp_path_factory.mktemp('intel'), inner.iso(berthlib.berth_path()))


def test_boot_cd(media):
    files = listing(media / 'boot.iso')
    for name in ('/vmlinuz', '/initrd.img', '/boot/eltorito.img'):
        assert f"'{name}'" in files, files
    assert 'El Torito' in run('xorriso', '-indev', media / 'boot.iso', '-report_el_torito', 'plain')
    run('xorriso', '-osirrox', 'on', '-indev', media / 'boot.iso', '-extract', '/initrd.img', media / 'initrd.img')
    archive = gzip.decompress((media / 'initrd.img').read_bytes())
    for name in (b'kvm-intel.ko', b'isofs.ko', b'ata_piix.ko', b'modules.dep', b'berth run /tmp/vm/nested.vmx'):
        assert name in archive, name


def test_content_cd(media):
    files = listing(media / 'inner.iso')
    for name in ('/usr/bin/berth', '/usr/share/seabios/bios-256k.bin', '/vm/small.iso', '/vm/nested.vmx', '/run-inner', '/bin/busybox'):
        assert f"'{name}'" in files, files
    folder = media / 'vm'
    run('xorriso', '-osirrox', 'on', '-indev', media / 'inner.iso', '-extract', '/vm', folder)
    run('chmod', '-R', 'u+w', folder)
    assert 'El Torito' in run('xorriso', '-indev', folder / 'small.iso', '-report_el_torito', 'plain')
    for name in ('small', 'restricted', 'nested', 'spin'):
        machine = berthlib.berth('check', '--json', folder / f'{name}.vmx', check=0).stdout
        assert f'"nested": {"true" if name in ("nested", "spin") else "false"}' in machine


def test_configuration(media):
    text = (media / 'bochsrc').read_text()
    for path in re.findall(r'(?:path|file)=([^,\s]+)', text):
        if path.startswith(str(media)):
            assert pathlib.Path(path).is_file(), path
    assert (media / 'go').read_text() == 'c\n'
    for script in ('bochs-init.sh', 'bochs-nesting.sh', 'bochs-unittests.sh', 'inner-init.sh', 'inner-bench.sh'):
        assert subprocess.run(['/bin/busybox', 'sh', '-n', inner.HERE / script]).returncode == 0, script
