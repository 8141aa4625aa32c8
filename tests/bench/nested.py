# nested.py: loops in a guest of a host that is emulated itself: what Berth's virtual machine costs there beside QEMU's.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The same CD, disk, kernel and CPU model under both, in turn, in one run of the emulated host; medians. The clock is the
# emulated host's, read when the guest's marks arrive on its serial port.
import os
import pathlib
import re
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TOP / 'tests'), str(TOP / 'scripts/lib')]
import berthlib  # noqa: E402
import cache  # noqa: E402
import emuhost  # noqa: E402
import grubdisk  # noqa: E402
import guest  # noqa: E402
import inner  # noqa: E402
import kernel as kernels  # noqa: E402
import ui  # noqa: E402

ROUNDS = int(os.environ.get('BERTH_BENCH_ROUNDS', '3'))
LOOPS = ('cpu', 'fork', 'syscall', 'disk')
MARK = re.compile(rb'(begin|end) (\w+)')
LIMIT = 600


def make_files(kernel, work):
    """The CD that the guest boots from and the disk that it reads."""
    inner.small_vm(kernel, work, 'inner-bench.sh', ('ata_piix', 'ata_generic', 'sd_mod'))
    (work / 'data.raw').write_bytes(guest.pattern() * 8)
    grubdisk.to_vmdk(work / 'data.raw', work / 'data.vmdk', 'monolithicSparse')
    (work / 'data.raw').unlink()


def files():
    """The folder of the cache with what is measured."""
    kernel = kernels.get()
    sources = [inner.HERE / name for name in ('inner.py', 'inner-bench.sh', 'initramfs.py', 'grubdisk.py', 'level3.c', 'checkvm.c')]
    return cache.make('innerbench', cache.checksum(pathlib.Path(__file__), *sources, kernel.version),
                      lambda work: make_files(kernel, work))


def marks(process):
    """Seconds between the marks of each loop; reads to the end of the guest."""
    seen, text, end = {}, b'', time.monotonic() + LIMIT
    while time.monotonic() < end:
        if not select.select([process.stdout], [], [], 1)[0]:
            continue
        data = os.read(process.stdout.fileno(), 4096)
        now = time.monotonic()
        if not data:
            break
        text += data
        for word, loop in MARK.findall(text[:text.rfind(b'\n') + 1]):
            seen.setdefault((word.decode(), loop.decode()), now)
        text = text[max(text.rfind(b'\n') + 1, 0):] or text[-300:]
    missing = [loop for loop in LOOPS if ('end', loop) not in seen]
    if missing:
        raise ui.Failure(f'{process.args[0]}: the guest did not finish {", ".join(missing)}: {text[-300:].decode(errors="replace")}')
    return {loop: seen['end', loop] - seen['begin', loop] for loop in LOOPS}


def measure(words):
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    try:
        return marks(process)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def commands(folder):
    return {'ours': [berthlib.berth_path(), 'run', str(folder / 'small.vmx'), '--console', '--no-log'],
            'peer': [inner.QEMU, '-accel', 'kvm', '-machine', 'pc', '-cpu', 'host', '-m', '128', '-nodefaults', '-no-user-config',
                     '-display', 'none', '-device', 'vmware-svga', '-serial', 'stdio', '-no-reboot',
                     '-cdrom', str(folder / 'small.iso'),
                     '-drive', f'if=ide,format=vmdk,cache=writeback,aio=io_uring,file={folder / "data.vmdk"}']}


def measure_both():
    with tempfile.TemporaryDirectory(prefix='berth-bench-') as name:
        folder = pathlib.Path(name)
        for part in ('small.iso', 'data.vmdk'):
            shutil.copy(pathlib.Path(os.environ['BERTH_GUEST_bench']) / part, folder)
        inner.write_vmx(folder / 'small.vmx', **{'ide0:0.present': 'TRUE', 'ide0:0.fileName': 'data.vmdk'})
        figures = {side: [] for side in ('ours', 'peer')}
        for number in range(ROUNDS):
            for side, words in commands(folder).items():
                figures[side].append(measure(words))
                print(f'bench: round {number + 1}, {side}: {figures[side][-1]}', flush=True)
    for loop in LOOPS:
        ours, peer = (statistics.median(one[loop] for one in figures[side]) for side in ('ours', 'peer'))
        print(f'bench: nested-{loop} ours={ours:.2f} peer={peer:.2f} ratio={ours / peer:.3f} unit=s peer_is=qemu', flush=True)


def main():
    environment = {'BERTH': berthlib.berth_path(), 'BERTH_GUEST_bench': str(files()), 'BERTH_BENCH_ROUNDS': str(ROUNDS),
                   'PYTHONDONTWRITEBYTECODE': '1', 'BERTH_LAB': '1'}
    if emuhost.direct() or os.environ.get('BERTH_LAB'):
        os.environ.update(environment)
        return measure_both()
    print('bench: inside the emulated host', flush=True)
    lines = []

    def keep(line):
        lines.append(line)
        if line.startswith('bench:'):
            print(line, flush=True)

    with tempfile.TemporaryDirectory(prefix='berth-bench-') as results:
        status = emuhost.run(['/usr/bin/python3', '-B', __file__], TOP, results, environment,
                             keep=[environment['BERTH_GUEST_bench'], pathlib.Path(environment['BERTH']).parent], line=keep,
                             timeout=2 * ROUNDS * LIMIT)
    if status:
        raise ui.Failure('the measurement ended with ' + str(status) + ':\n' + '\n'.join(lines[-10:]))
    return 0


if __name__ == '__main__':          # on the emulated host
    sys.exit(ui.main(measure_both))
