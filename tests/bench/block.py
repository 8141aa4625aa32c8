# block.py: disks: requests a second of ours beside raw through our own queue and beside qemu-img bench.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# All contestants run in turn on the same files with the same offsets, in short runs that follow each other closely: a ratio is
# taken within each round, and the median of these is printed. "rand" is a stride that visits every block once, far from its
# neighbours: the one pattern that both programs can be told. The page cache holds the images, so what is measured is the way
# through the program and the kernel.
import fnmatch
import os
import pathlib
import re
import resource
import shutil
import statistics
import tempfile

from ui import Failure, run

ROUNDS = 7
SECONDS = 0.06          # of one run, about
SIZE = 256 << 20
LAYERS = 8
GRAIN = 64 << 10
KINDS = {'flat': 'monolithicFlat', 'sparse': 'monolithicSparse', 'split': 'twoGbMaxExtentSparse', 'chain8': None}


def program():
    return pathlib.Path(os.environ['BERTH']).parents[2] / 'tests/bench/block_bench'


def step_for(block, random):
    """Bytes from one offset to the next: for "rand" an odd number of blocks, about 0.6 of the disk."""
    return (int(SIZE * 0.618 / block) | 1) * block if random else block


class Peer:
    """qemu-img bench: the engine that works here, and the CPU time that the process costs without any request."""

    engine = 'io_uring'
    start = 0.0

    def choose(self, image):
        """Its io_uring waits for ever with some pairs of kernel and release: then its threads are the peer."""
        try:
            run('qemu-img', 'bench', '-f', 'vmdk', '-i', 'io_uring', '-c', '100', image, timeout=10)
        except Failure:
            self.engine = 'threads'
        self.start = statistics.median(self.bench(image, '-c', '1')[1] for _ in range(5))

    def bench(self, image, *options):
        """Seconds that it says, and of CPU time."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        text = run('qemu-img', 'bench', '-f', 'vmdk', '-i', self.engine, *options, image)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = re.search(r'Run completed in ([0-9.]+) seconds', text)
        if not wall:
            raise Failure(f'qemu-img bench said: {text}')
        return float(wall[1]), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class Case:
    """One line's worth: block size in KiB, pattern, direction, depth."""

    def __init__(self, peer, kib, random, write, depth):
        self.peer, self.block, self.write, self.depth = peer, kib << 10, write, depth
        self.random = random
        self.step = step_for(self.block, random)
        self.name = f'{kib}k-{"rand" if random else "seq"}{"write" if write else "read"}-qd{depth}'
        self.counts = {}
        self.limit = 1 << 20

    def first_touches(self):
        """Only as many requests as find nothing there yet."""
        self.limit = min(SIZE // (max(self.block, GRAIN) if self.random else self.block), 16 << 10) - 1

    def sized(self, who, measure):
        """What MEASURE(count) says; the first run, of few requests, finds how many WHO does in the time of one run."""
        if who not in self.counts:
            first = min(2000 if self.depth > 1 else 500, self.limit)
            self.counts[who] = min(max(int(measure(first)[0] * SECONDS), 200), self.limit)
        return measure(self.counts[who])

    def ours(self, image, *options):
        """Requests a second and microseconds of CPU time for each."""
        def measure(count):
            words = [program(), *options, *(['--write'] if self.write else []), image, self.block, self.step, self.depth, count]
            done, wall, cpu = run(*[str(word) for word in words]).split()
            return int(done) / float(wall), float(cpu) / int(done) * 1e6
        return self.sized(('ours', options), measure)

    def raw(self, image, *options):
        return self.ours(image, '--raw', *options)

    def qemu(self, image):
        def measure(count):
            wall, cpu = self.peer.bench(image, '-c', str(count), '-d', str(self.depth), '-s', str(self.block),
                                        '-S', str(self.step), *(['-w'] if self.write else []))
            return count / max(wall, 0.001), max(cpu - self.peer.start, 0) / count * 1e6
        return self.sized('qemu', measure)


class Folder:
    def __init__(self, path):
        self.path = pathlib.Path(path)

    def forget(self, path):
        """An image that was dropped, with the lock that it still has."""
        path.unlink(missing_ok=True)
        shutil.rmtree(f'{path}.lck', ignore_errors=True)

    def create(self, name, kind, parent=None):
        path = self.path / name
        self.forget(path)
        words = ['qemu-img', 'create', '-q', '-f', 'vmdk', '-o', f'subformat={kind}']
        run(*words, *(['-b', parent, '-F', 'vmdk'] if parent else []), path, *([] if parent else [str(SIZE)]))
        return path

    def fill(self, image, *options, step=GRAIN):
        run(program(), '--write', '--flush', *options, image, str(GRAIN), str(step), '8', str(SIZE // GRAIN))

    def make(self):
        self.raw = self.path / 'disk.raw'
        with open(self.raw, 'wb') as file:
            file.truncate(SIZE)
        self.fill(self.raw, '--raw')
        for name, kind in KINDS.items():
            if kind:
                self.fill(self.create(f'{name}.vmdk', kind))
        self.make_chain()

    def make_chain(self):
        """A full base; each delta holds every eighth grain, every second of them written in the layer above again."""
        below = self.create('c0.vmdk', 'monolithicSparse')
        self.fill(below)
        for layer in range(1, LAYERS):
            below = self.create(f'c{layer}.vmdk', 'monolithicSparse', below)
            run(program(), '--write', '--flush', below, str(GRAIN), str((2 * layer + 5) * GRAIN), '8', str(SIZE // GRAIN // LAYERS))
        self.chain = below

    def image(self, kind):
        return self.chain if kind == 'chain8' else self.path / f'{kind}.vmdk'


def report(name, figures, peer):
    def middle(side, which):
        return statistics.median(figure[which] for figure in figures[side])
    ratios = sorted(ours[0] / other[0] for ours, other in zip(figures['ours'], figures[peer]))
    quarter = len(ratios) // 4
    print(f'bench: {name}-vs-{peer} ours={middle("ours", 0):.0f} peer={middle(peer, 0):.0f} ratio={statistics.median(ratios):.3f} '
          f'unit=iops peer_is={peer} low={ratios[quarter]:.3f} high={ratios[-1 - quarter]:.3f} '
          f'cpu_us={middle("ours", 1):.2f} peer_cpu_us={middle(peer, 1):.2f}', flush=True)


def in_turn(contestants, rounds=ROUNDS):
    """Each one's figures. The order changes from round to round: what one leaves behind is not always the same one's burden."""
    names, figures = list(contestants), {name: [] for name in contestants}
    for measure in contestants.values():
        measure()
    for turn in range(rounds):
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            figures[name].append(contestants[name]())
    return figures


def compare(folder, kind, case):
    image = folder.image(kind)
    figures = in_turn({'ours': lambda: case.ours(image), 'raw': lambda: case.raw(folder.raw), 'qemu': lambda: case.qemu(image)})
    report(f'{kind}-{case.name}', figures, 'raw')
    report(f'{kind}-{case.name}', figures, 'qemu')


def compare_allocating(folder, case):
    """Into nothing: a new image, and a raw file that is one hole, for every run; gone before the next one begins."""
    case.first_touches()

    def new():
        return folder.create('new.vmdk', 'monolithicSparse')

    def hole():
        path = folder.path / 'new.raw'
        folder.forget(path)
        with open(path, 'wb') as file:
            file.truncate(SIZE)
        return path
    # All of the image; the peer, which takes much longer for each, a part.
    case.counts = {('ours', ('--drop',)): case.limit, ('ours', ('--raw', '--drop')): case.limit, 'qemu': max(case.limit // 40, 100)}
    figures = in_turn({'ours': lambda: case.ours(new(), '--drop'), 'raw': lambda: case.raw(hole(), '--drop'),
                       'qemu': lambda: case.qemu(new())})
    report(f'alloc-{case.name}', figures, 'raw')
    report(f'alloc-{case.name}', figures, 'qemu')


def all_cases(peer):
    return [Case(peer, kib, random, write, depth)
            for write in (False, True) for kib in (4, 64) for random in (True, False) for depth in (1, 32)]


def budgets(folder, peer, wanted):
    for kind in KINDS:
        filled = False
        for case in all_cases(peer):
            if not wanted(f'{kind}-{case.name}'):
                continue
            if kind == 'chain8' and case.write and not filled:
                folder.fill(folder.chain)       # allocated: the delta's own grains, not copies from below
                filled = True
            compare(folder, kind, case)
    for case in all_cases(peer):
        if case.write and wanted(f'alloc-{case.name}'):
            compare_allocating(folder, case)


def cache_modes(folder, peer, wanted):
    """Not a budget: which default berth.disk.cache should have."""
    image = folder.image('flat')
    for case in all_cases(peer):
        if wanted(f'direct-{case.name}'):
            figures = in_turn({'ours': lambda: case.ours(image, '--direct'), 'host-cache': lambda: case.ours(image)})
            report(f'direct-{case.name}', figures, 'host-cache')


def main(*options):
    patterns = [word for word in options if not word.startswith('-')]
    peer = Peer()

    def wanted(name):
        return not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
    with tempfile.TemporaryDirectory(prefix='berth-bench-', dir=os.environ.get('TMPDIR', '/var/tmp')) as name:
        folder = Folder(name)
        folder.make()
        peer.choose(folder.image('flat'))
        (cache_modes if '--cache' in options else budgets)(folder, peer, wanted)
