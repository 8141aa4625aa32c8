# convert.py: how long `berth disk convert` takes beside qemu-img convert.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Ours and the peer run in turn on the same files, now one first, now the other; the median of the rounds' ratios is the result. Both must
# end with the result on the disk: qemu-img's default for the target is to leave that to the kernel, so it is told to flush (-t writeback).
# BERTH_BENCH_DIR chooses the file system.
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import berthlib
from ui import Failure, run

ROUNDS = 5
MEGABYTES = int(os.environ.get('BERTH_BENCH_MEGABYTES', '512'))         # of data, in a disk of twice the size
SIZE = 2 * MEGABYTES << 20

# name, source, our type, qemu-img's format and options
CASES = [
    ('raw-to-sparse', 'raw', 'monolithicSparse', ['vmdk', '-o', 'subformat=monolithicSparse']),
    ('raw-to-flat', 'raw', 'monolithicFlat', ['vmdk', '-o', 'subformat=monolithicFlat']),
    ('raw-to-split', 'raw', 'twoGbMaxExtentSparse', ['vmdk', '-o', 'subformat=twoGbMaxExtentSparse']),
    ('sparse-to-flat', 'sparse', 'monolithicFlat', ['vmdk', '-o', 'subformat=monolithicFlat']),
    ('sparse-to-raw', 'sparse', 'raw', ['raw']),
    ('sparse-to-sparse', 'sparse', 'monolithicSparse', ['vmdk', '-o', 'subformat=monolithicSparse']),
]


def make_sources(folder):
    """Every second stretch of 8 MiB holds random data; the rest is holes."""
    raw = folder / 'source.raw'
    block = os.urandom(8 << 20)
    with open(raw, 'wb') as file:
        file.truncate(SIZE)
        for at in range(0, SIZE, 16 << 20):
            file.seek(at)
            file.write(block)
    sparse = folder / 'source.vmdk'
    run('qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', '-o', 'subformat=monolithicSparse', raw, sparse)
    os.sync()
    return {'raw': raw, 'sparse': sparse}


def timed(folder, words, target):
    begin = time.monotonic()
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=berthlib.environment())
    spent = time.monotonic() - begin
    if done.returncode:
        raise Failure(f'{words[0]} ended with {done.returncode}: {done.stdout}')
    for path in folder.glob(f'{target.stem}*'):
        path.unlink()
    return spent


def measure(folder, sources, case):
    name, source, kind, peer_words = case
    target = folder / f'target.{"raw" if kind == "raw" else "vmdk"}'
    path = sources[source]
    commands = {
        'ours': [berthlib.berth_path(), 'disk', 'convert', '-q', '-t', kind, path, target],
        'peer': ['qemu-img', 'convert', '-t', 'writeback', '-f', 'raw' if source == 'raw' else 'vmdk', '-O', *peer_words, path, target],
    }
    figures = {side: [] for side in commands}
    for turn in range(ROUNDS):
        for side in sorted(commands, reverse=turn % 2):
            figures[side].append(timed(folder, commands[side], target))
    ours, peer = (statistics.median(figures[side]) for side in ('ours', 'peer'))
    ratios = sorted(a / b for a, b in zip(figures['ours'], figures['peer']))
    print(f'bench: convert-{name} ours={ours:.2f} peer={peer:.2f} ratio={statistics.median(ratios):.3f} unit=s peer_is=qemu-img '
          f'low={ratios[1]:.3f} high={ratios[-2]:.3f}', flush=True)


def main():
    with tempfile.TemporaryDirectory(prefix='berth-bench-', dir=os.environ.get('BERTH_BENCH_DIR')) as name:
        folder = pathlib.Path(name)
        sources = make_sources(folder)
        for case in CASES:
            measure(folder, sources, case)
