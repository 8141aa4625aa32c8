# start.py: how long a VM takes to its first instruction and to its boot sector, and what the process costs in memory.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Ours and the peer run in turn on the same machine; the medians are compared. The same BIOS, disk and devices.
import fcntl
import os
import pathlib
import re
import select
import signal
import statistics
import subprocess
import tempfile
import time

import berthlib
import vmxfile
from ui import Failure, run

HERE = pathlib.Path(__file__).resolve().parent
ROUNDS = 7
# Sizes that nothing else in the process has: the mappings of RAM and video memory are found by them.
MEMORY_MB, VRAM_MB = 300, 16
LIMIT = 120


class Bench:
    """A VM folder that both programs run."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        for name in ('first', 'sector'):
            run('nasm', '-f', 'bin', '-o', self.folder / name, HERE / f'{name}.asm')
        with open(self.folder / 'sector', 'r+b') as file:
            file.truncate(8 << 20)
        run('qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', '-o', 'subformat=monolithicFlat,adapter_type=ide',
            self.folder / 'sector', self.folder / 'disk.vmdk')
        self.vmx = self.folder / 'bench.vmx'
        vmxfile.write(self.vmx, vmxfile.minimal(**{
            'memsize': str(MEMORY_MB), 'svga.vramSize': str(VRAM_MB << 20), 'ide0:0.present': 'TRUE', 'ide0:0.fileName': 'disk.vmdk',
            'usb.present': 'TRUE', 'hpet0.present': 'TRUE', 'logging': 'FALSE'}))

    def ours(self, bios=None, debug=None):
        words = [berthlib.berth_path(), 'run', str(self.vmx), '--console', '--no-log']
        words += ['--bios', str(bios)] if bios else []
        return words + (['--debugcon', str(debug)] if debug else [])

    def peer(self, bios=None, debug=None):
        words = ['qemu-system-x86_64', '-accel', 'kvm', '-machine', 'pc,vmport=on', '-m', str(MEMORY_MB), '-display', 'none',
                 '-no-user-config', '-nodefaults', '-device', f'vmware-svga,vgamem_mb={VRAM_MB}', '-usb',
                 '-drive', f'if=ide,format=vmdk,file={self.folder}/disk.vmdk', '-serial', 'stdio']
        words += ['-bios', str(bios)] if bios else []
        return words + (['-debugcon', f'file:{debug}', '-global', 'isa-debugcon.iobase=0x402'] if debug else [])


def stop(process):
    """Ends a process that we started: politely would take the guest's help, and there is none here."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until_free(path):
    """The kernel gives back the files of a killed process's ring a moment after the process: their locks stay that long."""
    end = time.monotonic() + 10
    with open(path, 'r+b') as file:
        while time.monotonic() < end:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                time.sleep(0.01)
    raise Failure(f'{path} is still locked')


def launch(words, **streams):
    return subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
                            env=berthlib.environment(), **streams)


def wait_byte(descriptor, byte, process):
    """Reads until BYTE has come; a program that ends before is an error."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        if select.select([descriptor], [], [], 0.5)[0]:
            data = os.read(descriptor, 4096)
            if byte in data:
                return
            if data:
                continue
        if process.poll() is not None:
            raise Failure(f'{process.args[0]} ended with {process.returncode} before the guest spoke')
    raise Failure(f'{process.args[0]}: the guest said nothing in {LIMIT} s')


def first_instruction(bench, command):
    """Milliseconds from exec to the byte that the instruction at the reset vector writes."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as name:
        pipe = os.path.join(name, 'debug')
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)       # read-write: opening for writing never waits for us
        begin = time.monotonic()
        process = launch(command(bios=bench.folder / 'first', debug=pipe), stdout=subprocess.DEVNULL)
        try:
            wait_byte(reader, b'B', process)
            return (time.monotonic() - begin) * 1000
        finally:
            stop(process)
            os.close(reader)


def boot_sector(bench, command, measure=None):
    """Milliseconds from exec to the byte that the boot sector writes; or what MEASURE(pid) says at that moment."""
    begin = time.monotonic()
    process = launch(command(), stdout=subprocess.PIPE)
    try:
        wait_byte(process.stdout.fileno(), b'S', process)
        spent = (time.monotonic() - begin) * 1000
        return measure(process.pid) if measure else spent
    finally:
        stop(process)
        process.stdout.close()


def private_memory(pid):
    """KiB of private dirty memory outside the mappings of guest RAM and video memory."""
    skip_sizes = {MEMORY_MB << 10, VRAM_MB << 10}
    total, skipped, size, name = 0, 0, 0, ''
    for line in pathlib.Path(f'/proc/{pid}/smaps').read_text().splitlines():
        head = re.match(r'[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+\s*(.*)', line)
        if head:
            name = head.group(1)
        elif line.startswith('Size:'):
            size = int(line.split()[1])
        elif line.startswith('Private_Dirty:'):
            if size in skip_sizes or name.startswith('/memfd:'):
                skipped += 1
            else:
                total += int(line.split()[1])
    if not skipped:
        raise Failure('guest RAM was not found among the mappings of the process')
    return total


def compare(name, unit, bench, measure):
    """Runs both in turn; prints the line of the medians."""
    figures = {'ours': [], 'peer': []}
    for _ in range(ROUNDS):
        for side in ('ours', 'peer'):
            for path in bench.folder.glob('*.vmdk'):
                wait_until_free(path)
            figures[side].append(measure(bench, getattr(bench, side)))
    ours, peer = (statistics.median(figures[side]) for side in ('ours', 'peer'))
    print(f'bench: {name} ours={ours:.1f} peer={peer:.1f} ratio={ours / peer:.3f} unit={unit} peer_is=qemu', flush=True)


def main():
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        raise Failure('this benchmark needs /dev/kvm')
    with tempfile.TemporaryDirectory(prefix='berth-bench-') as name:
        bench = Bench(name)
        compare('start-first-instruction', 'ms', bench, first_instruction)
        compare('start-boot-sector', 'ms', bench, boot_sector)
        compare('private-memory', 'KiB', bench, lambda which, command: boot_sector(which, command, private_memory))
