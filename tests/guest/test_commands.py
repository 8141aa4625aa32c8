# test_commands.py: berth check and berth host; what bad input gets: one message, the documented exit code, nothing written.
# SPDX-License-Identifier: GPL-2.0-or-later
import difflib
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess

import pytest

import berthlib
import grubdisk
import payload
import vmxfile
from ui import run


def snapshot(folder):
    """Name, size and checksum of all files below FOLDER."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob('*')) if path.is_file()}


def refused(folder, vmx, code, *words, options=()):
    """berth run ends with CODE, one message that names WORDS, and leaves the folder as it was."""
    before = snapshot(folder)
    done = berthlib.berth('run', *options, vmx, timeout=20)
    assert done.returncode == code, f'exit {done.returncode}, not {code}\n{done.stderr}'
    assert snapshot(folder) == before, 'something was written'
    for word in words:
        assert word.lower() in done.stderr.lower(), done.stderr
    assert 0 < len(done.stderr.strip().splitlines()) <= 12, done.stderr
    return done.stderr


def write(folder, text=None, **changes):
    path = folder / 'vm.vmx'
    if text is None:
        vmxfile.write(path, vmxfile.minimal(**changes))
    else:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def with_disk(folder, **changes):
    payload.assemble(folder, 'hang')
    return write(folder, **{'ide0:0.present': 'TRUE', 'ide0:0.fileName': 'disk.vmdk', **changes})


def test_check_names_every_key(folder):
    """Each key of a Workstation 17 file appears with its fate; nothing is written."""
    payload.assemble(folder, 'hang')
    keys = vmxfile.workstation(**{'ide0:0.fileName': 'disk.vmdk'})
    assert len(keys) >= 80
    vmx = folder / 'vm.vmx'
    vmxfile.write(vmx, keys)
    before = snapshot(folder)
    done = berthlib.berth('check', '--all', vmx, check=0)
    missing = [key for key in keys if key.lower() not in done.stdout.lower()]
    assert not missing, f'not named: {missing}\n{done.stdout}'
    text = berthlib.berth('check', '--json', vmx, check=0).stdout
    json.loads(text)
    assert not [key for key in keys if key.lower() not in text.lower()]
    assert snapshot(folder) == before


def test_check_reports_all_at_once(folder):
    vmx = write(folder, numvcpus='many', memsize='-4', **{'RemoteDisplay.vnc.enabled': 'TRUE', 'RemoteDisplay.vnc.port': '70000'})
    done = berthlib.berth('check', vmx)
    assert done.returncode == berthlib.CONFIG
    lines = vmx.read_text().splitlines()
    for key in ('numvcpus', 'memsize', 'RemoteDisplay.vnc.port'):
        number = next(index for index, line in enumerate(lines, 1) if line.startswith(key))
        assert re.search(rf'\b{number}\b.*{re.escape(key)}', done.stdout + done.stderr, re.I), done.stdout + done.stderr


def test_unknown_keys_survive_a_run(folder):
    """After a run the file differs only in the keys that changed; endings and comments stay."""
    payload.assemble(folder, 'ports')
    keys = vmxfile.workstation(**{'ide0:0.fileName': 'disk.vmdk', 'my.own.key': 'kept # as it is', 'memsize': '64'})
    text = ('#!/usr/bin/vmware\n# a comment\n' + vmxfile.text_of(keys) + 'unquoted.key = word  # with a comment').replace('\n', '\r\n')
    vmx = write(folder, text)
    before = vmx.read_bytes()
    berthlib.berth('run', vmx, timeout=60, check=berthlib.OFF)
    after = vmx.read_bytes()
    assert after.count(b'\r\n') >= before.count(b'\r\n') and not re.search(rb'(?<!\r)\n', after)
    changed = [line[2:].split(' = ')[0].strip() for line in
               difflib.ndiff(before.decode().split('\r\n'), after.decode().split('\r\n')) if line[:2] in ('- ', '+ ') and line[2:].strip()]
    assert {key.lower() for key in changed} <= {'cleanshutdown', 'softpoweroff', 'berth.location', 'vmci0.id', 'vm.genid', 'vm.genidx'}, changed


def test_host(folder):
    done = berthlib.berth('host')
    assert done.returncode in (0, berthlib.HOST), done
    for word in ('kvm', 'nest', 'backdoor', 'io_uring'):
        assert word in done.stdout.lower(), done.stdout
    json.loads(berthlib.berth('host', '--json').stdout)


@pytest.mark.parametrize('words', [[], ['frobnicate'], ['run'], ['run', '--frobnicate', 'x.vmx'], ['stop'], ['type', 'x']])
def test_usage(folder, words):
    done = berthlib.berth(*words)
    assert done.returncode == berthlib.USAGE and done.stderr.strip(), done


def test_missing_vmx(folder):
    refused(folder, folder / 'none.vmx', berthlib.CONFIG, 'none.vmx')


MALFORMED = {
    'garbage': b'\x00\x01\x02\xff' * 1000, 'no-quote': 'memsize = "64\n', 'no-equals': 'config.version "8"\n',
    'duplicate': 'config.version = "8"\nvirtualHW.version = "20"\nmemsize = "64"\nguestOS = "other"\nMemSize = "128"\n',
    'empty': '', 'long-line': 'a' * 100000}


@pytest.mark.parametrize('name', MALFORMED)
def test_malformed_vmx(folder, name):
    message = refused(folder, write(folder, MALFORMED[name]), berthlib.CONFIG)
    if name == 'duplicate':
        assert '3' in message and '5' in message, message


def test_directory_as_vmx(folder):
    refused(folder, folder, berthlib.CONFIG)


def test_suspended(folder):
    refused(folder, write(folder, **{'checkpoint.vmState': 'vm-1234.vmss'}), berthlib.BUSY, 'suspend')


def test_encrypted(folder):
    refused(folder, write(folder, '.encoding = "UTF-8"\ndisplayName = "secret"\nencryption.keySafe = "vmware:key/list/(pair/(x,y,z))"\n'
                                  'encryption.data = "AAAA"\n'), berthlib.CONFIG, 'encrypt')


def test_unknown_device(folder):
    refused(folder, write(folder, **{'scsi0.present': 'TRUE', 'scsi0.virtualDev': 'frobnicator'}), berthlib.CONFIG, 'frobnicator')


def test_missing_disk(folder):
    refused(folder, write(folder, **{'ide0:0.present': 'TRUE', 'ide0:0.fileName': 'none.vmdk'}), berthlib.CONFIG, 'ide0:0', 'none.vmdk')


def test_impossible_geometry(folder):
    vmx = with_disk(folder)
    (folder / 'disk.vmdk').unlink()
    grubdisk.to_vmdk(folder / 'payload.raw', folder / 'disk.vmdk', 'monolithicSparse')
    data = bytearray((folder / 'disk.vmdk').read_bytes())
    data[12:20] = (2 ** 62).to_bytes(8, 'little')       # capacity
    data[20:28] = (3).to_bytes(8, 'little')             # a grain size that is no power of two
    (folder / 'disk.vmdk').write_bytes(data)
    refused(folder, vmx, berthlib.DISK, 'disk.vmdk')


def test_disk_that_can_only_be_read(folder):
    """berth check refuses it as berth run does; a disk whose guest writes elsewhere is taken."""
    vmx = with_disk(folder)
    (folder / 'disk.vmdk').unlink()
    run('qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', '-o', 'subformat=streamOptimized', folder / 'payload.raw', folder / 'disk.vmdk')
    refused(folder, vmx, berthlib.DISK, 'disk.vmdk', 'can be read but not written', 'berth disk convert')
    assert 'can be read but not written' in berthlib.berth('check', vmx, check=berthlib.DISK).stdout
    vmxfile.write(vmx, {**vmxfile.parse(vmx.read_text()), 'ide0:0.mode': 'independent-nonpersistent'})
    berthlib.berth('check', vmx, check=0)


def test_extent_outside_the_folder(folder):
    """A descriptor that points elsewhere is refused unless a key allows it."""
    inner = folder / 'vm'
    inner.mkdir()
    vmx = with_disk(inner)
    descriptor = (inner / 'disk.vmdk').read_text()
    shutil.move(inner / 'disk-flat.vmdk', folder / 'elsewhere.vmdk')
    (inner / 'disk.vmdk').write_text(descriptor.replace('disk-flat.vmdk', '../elsewhere.vmdk'))
    refused(inner, vmx, berthlib.CONFIG, 'elsewhere.vmdk', 'berth.disk.allowOutside')
    vmxfile.write(vmx, {**vmxfile.parse(vmx.read_text()), 'berth.disk.allowOutside': 'TRUE'})
    berthlib.berth('check', vmx, check=0)


def test_port_in_use(folder):
    with socket.socket() as busy:
        busy.bind(('127.0.0.1', 0))
        busy.listen()
        port = busy.getsockname()[1]
        refused(folder, write(folder, **{'RemoteDisplay.vnc.enabled': 'TRUE', 'RemoteDisplay.vnc.port': str(port)}), berthlib.HOST, str(port))


def test_no_bios(folder):
    refused(folder, write(folder), berthlib.CONFIG, 'none.bin', options=['--bios', str(folder / 'none.bin')])


def as_nobody(folder, *words):
    """Runs berth as a user who may not open /dev/kvm; needs root."""
    if os.geteuid() != 0:
        pytest.skip('needs root to become somebody else')
    if os.stat('/dev/kvm').st_mode & 0o007:
        pytest.skip('everybody may open /dev/kvm here')
    own = folder / 'berth'
    shutil.copy(berthlib.berth_path(), own)     # its own folder may be closed to others
    for path in (folder, *folder.parents):
        if str(path).startswith('/tmp/'):
            os.chmod(path, 0o755)
    return subprocess.run(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', str(own), *map(str, words)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30,
                          env={**berthlib.environment(), 'XDG_RUNTIME_DIR': ''})


def test_no_permission(folder):
    done = as_nobody(folder, 'run', write(folder))
    assert done.returncode == berthlib.HOST and '/dev/kvm' in done.stderr, done
    assert 'group' in done.stderr.lower(), done.stderr


def test_dev_kvm_is_not_kvm(folder):
    """/dev/kvm that is not KVM: another device lies over it in a mount name space of its own."""
    if os.geteuid() != 0:
        pytest.skip('needs root for a mount name space')
    done = subprocess.run(['unshare', '--mount', 'sh', '-c', 'mount --bind /dev/null /dev/kvm && exec "$0" run "$1"',
                           berthlib.berth_path(), write(folder)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=30, env=berthlib.environment())
    assert done.returncode == berthlib.HOST and '/dev/kvm' in done.stderr, done
