# nested.py: loops and fio in a guest of a host that is emulated itself: what Berth's virtual machine costs there beside QEMU's.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The same CD, disk, kernel, memory and CPU model under both, in turn, in one run of the emulated host; medians. A loop's
# clock is the emulated host's, read when the guest's marks arrive on its serial port. fio's is the guest's, since its start
# takes longer than its work; the whole of it stands between marks too, which shows that the guest's clock was right.
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
LOOPS = ('cpu', 'fork', 'syscall', 'disk', 'fio')
JOBS = ('randread', 'randwrite', 'read', 'write')
MARK = re.compile(rb'(begin|end) (\w+)')
JOB = re.compile(rb'job (\w+) 0;(\d+)')
LIMIT = 600
MEMORY_MB = 256
FIO = '/usr/bin/fio'


def make_files(kernel, work):
    """The CD that the guest boots from, with fio on it, and the disk that it reads."""
    with tempfile.TemporaryDirectory() as name:
        tree = pathlib.Path(name)
        inner.small_files(kernel, tree, 'inner-bench.sh', ('ata_piix', 'ata_generic', 'sd_mod', 'sr_mod', 'isofs'))
        inner.copy_program(FIO, tree / 'root')
        for place in ('dev', 'proc', 'sys', 'tmp'):
            (tree / 'root' / place).mkdir()
        grubdisk.boot_iso(tree, inner.GRUB_CFG, work / 'small.iso')
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
    seen, jobs, text, end = {}, {}, b'', time.monotonic() + LIMIT
    while time.monotonic() < end:
        if not select.select([process.stdout], [], [], 1)[0]:
            continue
        data = os.read(process.stdout.fileno(), 4096)
        now = time.monotonic()
        if not data:
            break
        text += data
        whole = text[:text.rfind(b'\n') + 1]
        for word, loop in MARK.findall(whole):
            seen.setdefault((word.decode(), loop.decode()), now)
        jobs.update({f'fio-{job.decode()}': int(time_ms) / 1000 for job, time_ms in JOB.findall(whole)})
        text = text[max(text.rfind(b'\n') + 1, 0):] or text[-300:]
    missing = [loop for loop in LOOPS if ('end', loop) not in seen] + [job for job in JOBS if f'fio-{job}' not in jobs]
    if missing:
        raise ui.Failure(f'{process.args[0]}: the guest did not finish {", ".join(missing)}: {text[-300:].decode(errors="replace")}')
    return {**{loop: seen['end', loop] - seen['begin', loop] for loop in LOOPS}, **jobs}


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


def boot_cd():
    return pathlib.Path(os.environ['BERTH_GUEST_bench']) / 'small.iso'


def commands(folder):
    return {'ours': [berthlib.berth_path(), 'run', str(folder / 'small.vmx'), '--console', '--no-log'],
            'peer': [inner.QEMU, '-accel', 'kvm', '-machine', 'pc', '-cpu', 'host', '-m', str(MEMORY_MB), '-nodefaults', '-no-user-config',
                     '-display', 'none', '-device', 'vmware-svga', '-serial', 'stdio', '-no-reboot',
                     '-cdrom', str(boot_cd()),
                     '-drive', f'if=ide,format=vmdk,cache=writeback,aio=io_uring,file={folder / "data.vmdk"}']}


def measure_both():
    with tempfile.TemporaryDirectory(prefix='berth-bench-') as name:
        folder = pathlib.Path(name)
        shutil.copy(pathlib.Path(os.environ['BERTH_GUEST_bench']) / 'data.vmdk', folder)
        inner.write_vmx(folder / 'small.vmx', **{'memsize': str(MEMORY_MB), 'ide1:0.fileName': str(boot_cd()),
                                                 'ide0:0.present': 'TRUE', 'ide0:0.fileName': 'data.vmdk'})
        figures = {side: [] for side in ('ours', 'peer')}
        for number in range(ROUNDS):
            for side, words in commands(folder).items():
                figures[side].append(measure(words))
                print(f'bench: round {number + 1}, {side}: {figures[side][-1]}', flush=True)
    for loop in figures['ours'][0]:
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
