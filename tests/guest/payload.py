# payload.py: assembles a payload of tests/guest/payloads and puts it on a disk.
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import re

import berthlib
import vmxfile
from ui import run

PAYLOADS = pathlib.Path(__file__).resolve().parent / 'payloads'
DISK_SIZE = 8 << 20


def assemble(folder, name, **defines):
    """Writes payload NAME as folder/disk.vmdk (a flat one)."""
    raw = folder / 'payload.raw'
    words = [f'-D{key}={value}' for key, value in defines.items()]
    run('nasm', '-f', 'bin', '-w+error', '-I', f'{PAYLOADS}/', *words, '-o', raw, PAYLOADS / f'{name}.asm')
    with open(raw, 'r+b') as file:
        file.truncate(DISK_SIZE)
    run('qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', '-o', 'subformat=monolithicFlat,adapter_type=ide', raw,
        folder / 'disk.vmdk')


def machine(folder, name, changes=None, defines=None, options=()):
    """A Vm that boots payload NAME, its COM1 in serial.log. Not started."""
    assemble(folder, name, **(defines or {}))
    keys = vmxfile.minimal(**{'ide0:0.present': 'TRUE', 'ide0:0.fileName': 'disk.vmdk', 'serial0.present': 'TRUE',
                              'serial0.fileType': 'file', 'serial0.fileName': 'serial.log', **(changes or {})})
    return berthlib.Vm(folder, keys, options=options)


def serial(vm):
    """What came out of COM1 so far, without carriage returns."""
    path = vm.folder / 'serial.log'
    return path.read_bytes().decode(errors='replace').replace('\r', '') if path.exists() else ''


def wait_serial(vm, pattern, timeout=60):
    """Waits until COM1 has shown PATTERN; fails at once when the VM ends without it."""
    def look():
        running = vm.running()          # before the file is read: what came last is seen
        found = re.search(pattern, serial(vm))
        assert found or running, f'the VM ended before {pattern!r} came\n{serial(vm)}\n{vm.describe()}'
        return found
    return berthlib.wait_for(look, timeout, f'{pattern!r} on COM1; so far:\n{serial(vm)}\n{vm.describe()}')


def run_to_end(vm, timeout=60):
    """Runs a payload that reports and switches off; returns its lines. Fails on each line that says bad."""
    with vm:
        vm.start()
        code = vm.wait(timeout)
        text = serial(vm)
        assert code == berthlib.OFF, f'exit code {code}\n{text}\n{vm.describe()}'
    lines = text.splitlines()
    bad = [line for line in lines if line.startswith('bad')]
    assert not bad, '\n'.join(bad)
    assert 'done' in lines, text
    return lines


def wait_keys(vm, count, timeout=60):
    """Waits until payload keys has printed COUNT keys; returns them as hexadecimal text: shift state, scan code, character."""
    def look():
        assert vm.running(), f'the VM ended\n{vm.describe()}'
        keys = [line.split()[1] for line in serial(vm).splitlines(keepends=True) if line.startswith('key ') and line.endswith('\n')]
        return keys if len(keys) >= count else None
    return berthlib.wait_for(look, timeout, f'{count} keys; so far:\n{serial(vm)}')
