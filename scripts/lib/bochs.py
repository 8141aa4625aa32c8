# bochs.py: a Linux host with Intel's VMX and EPT, emulated: Bochs, a Debian kernel with kvm_intel, Berth on a CD.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Bochs has no share of this machine's files, so all of it is on two CDs: the boot CD (GRUB, kernel, initramfs), and the
# one that inner.py makes. It interprets every instruction: what takes a second elsewhere takes minutes here.
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time

import grubdisk
import initramfs
import inner
import kernel as kernels
from ui import Failure, with_us

HERE = pathlib.Path(__file__).resolve().parent
BIOS = pathlib.Path('/usr/share/bochs/BIOS-bochs-latest')
VGA_BIOS = pathlib.Path('/usr/share/vgabios/vgabios.bin')
MODULES = ('kvm-intel', 'ata_piix', 'ata_generic', 'sr_mod', 'isofs')
ARGUMENTS = 'console=ttyS0,115200n8 quiet loglevel=3 mitigations=off nokaslr tsc=reliable panic=-1'
MEMORY_MB = 2048
END = 's: job ended'

GRUB_CFG = f"""\
linux (cd)/vmlinuz {ARGUMENTS}
initrd (cd)/initrd.img
boot
"""

# The packaged program is a debugger: "c" is its command to run. The rfb display needs no screen and waits for nobody.
BOCHSRC = """\
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=1, parallel=0, serial=1
cpu: model=corei7_skylake_x, count=1, ips=100000000, reset_on_triple_fault=0
megs: {memory}
romimage: file={bios}
vgaromimage: file={vga_bios}
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={boot}, status=inserted
ata0-slave: type=cdrom, path={content}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={serial}
display_library: rfb, options="timeout=0"
clock: sync=none
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
log: {log}
"""


def missing():
    """Names of what this scenario needs and this machine has not."""
    places = {'bochs': shutil.which('bochs-bin') or shutil.which('bochs') or '', 'bochsbios': BIOS, 'vgabios': VGA_BIOS,
              'seabios': inner.FIRMWARE / 'bios-256k.bin', 'grub-pc-bin': grubdisk.GRUB_PC, 'xorriso': shutil.which('xorriso') or ''}
    return [name for name, place in places.items() if not str(place) or not os.path.exists(place)]


def program():
    """The emulator itself: the distribution's `bochs` is a wrapper of the same arguments."""
    return shutil.which('bochs-bin') or shutil.which('bochs')


def boot_iso(kernel, job, output):
    """The boot CD: GRUB, the kernel, and an initramfs with kvm_intel, the CD's drivers and the JOB (a script of this folder)."""
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as more:
        tree = pathlib.Path(name)
        shutil.copyfile(kernel.vmlinuz, tree / 'vmlinuz')
        shutil.copyfile(HERE / job, pathlib.Path(more) / 'job')
        initramfs.build(kernel, MODULES, (), (HERE / 'bochs-init.sh').read_text(), tree / 'initrd.img', more=more)
        grubdisk.boot_iso(tree, GRUB_CFG, output)


def prepare(folder, content, job='bochs-nesting.sh'):
    """Everything a run of JOB needs in FOLDER: the boot CD and a copy of CONTENT, the configuration, the debugger's script."""
    folder = pathlib.Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'serial.log').unlink(missing_ok=True)
    boot_iso(kernels.get(), job, folder / 'boot.iso')
    shutil.copyfile(content, folder / 'inner.iso')
    (folder / 'bochsrc').write_text(BOCHSRC.format(
        memory=MEMORY_MB, bios=BIOS, vga_bios=VGA_BIOS, boot=folder / 'boot.iso', content=folder / 'inner.iso',
        serial=folder / 'serial.log', log=folder / 'bochs.log'))
    (folder / 'go').write_text('c\n')
    return folder


def command(folder):
    return [program(), '-q', '-f', str(folder / 'bochsrc'), '-rc', str(folder / 'go')]


def follow(process, serial, line, limit, quiet):
    """Calls LINE with each line of the serial port as it comes, until the process ends; false after LIMIT seconds, or QUIET
    without a word."""
    rest, position, last = b'', 0, time.monotonic()
    deadline = last + limit
    while True:
        ended = process.poll() is not None
        if serial.exists():
            with open(serial, 'rb') as file:
                file.seek(position)
                data = file.read()
            position += len(data)
            last = time.monotonic() if data else last
            *lines, rest = (rest + data).replace(b'\r', b'').split(b'\n')
            for text in lines:
                line(text.decode(errors='replace'))
        if ended:
            return True
        if time.monotonic() > min(deadline, last + quiet):
            return False
        select.select([], [], [], 0.5)


def boot(folder, line, timeout=7200, quiet=None):
    """Runs the emulator to the end of its job. LINE is called with each line of its console. True when the job ended. With QUIET,
    so many seconds without a word, or TIMEOUT, just end it; without, only TIMEOUT does, and that is a failure."""
    seen = []

    def keep(text):
        seen.append(text)
        line(text)
        if 'Kernel panic' in text:      # it would start again and again
            raise Failure(f'a kernel of the Intel lab host ended itself; its console is {folder}/serial.log: {text.strip()}')

    with open(folder / 'bochs.out', 'wb') as out:
        process = subprocess.Popen(with_us(command(folder)), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                                   cwd=folder)
        try:
            if not follow(process, folder / 'serial.log', keep, timeout, quiet or timeout) and quiet is None:
                raise Failure(f'the Intel lab host was still running after {timeout} s; its console is {folder}/serial.log')
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return any(END in text for text in seen)
