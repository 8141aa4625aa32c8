# block.py: disks: requests a second of ours beside raw through our own queue and beside qemu-img bench.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# All contestants run in turn on the same files with the same offsets; medians are compared. "rand" is a stride that visits
# every block once, far from its neighbours: the one pattern that both programs can be told. The page cache holds the
# images, so what is measured is the way through the program and the kernel.
import os
import pathlib
import re
import resource
import statistics
import tempfile

from ui import Failure, run

ROUNDS = 5
SIZE = 256 << 20
LAYERS = 8
KINDS = {'flat': 'monolithicFlat', 'sparse': 'monolithicSparse', 'split': 'twoGbMaxExtentSparse', 'chain8': None}
COUNTS = {4: {1: 8000, 32: 40000}, 64: {1: 3000, 32: 6000}}     # ours and raw; the peer gets a part of it
PEER_PART = {1: 2, 32: 8}


def program():
    return pathlib.Path(os.environ['BERTH']).parents[2] / 'tests/bench/block_bench'


def step_for(block, random):
    """Bytes from one offset to the next: for "rand" an odd number of blocks, about 0.6 of the disk."""
    return (int(SIZE * 0.618 / block) | 1) * block if random else block


class Case:
    """One line's worth: block size in KiB, pattern, direction, depth."""

    engine = 'io_uring'         # of the peer
    def __init__(self, kib, random, write, depth):
        self.block, self.write, self.depth = kib << 10, write, depth
        self.step = step_for(self.block, random)
        self.count = COUNTS[kib][depth]
        self.name = f'{kib}k-{"rand" if random else "seq"}{"write" if write else "read"}-qd{depth}'

    def ours(self, image, *options):
        """Requests a second and microseconds of CPU time for each."""
        words = [program(), *options, *(['--write'] if self.write else []), image, self.block, self.step, self.depth, self.count]
        done, wall, cpu = run(*[str(word) for word in words]).split()
        return int(done) / float(wall), float(cpu) / int(done) * 1e6

    def raw(self, image):
        return self.ours(image, '--raw')

    def qemu(self, image, kind):
        count = max(self.count // PEER_PART[self.depth], 500)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        text = run('qemu-img', 'bench', '-f', kind, '-i', self.engine, '-c', str(count), '-d', str(self.depth), '-s', str(self.block),
                   '-S', str(self.step), *(['-w'] if self.write else []), image)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = re.search(r'Run completed in ([0-9.]+) seconds', text)
        if not wall:
            raise Failure(f'qemu-img bench said: {text}')
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return count / float(wall[1]), cpu / count * 1e6


def choose_engine(image):
    """The peer's io_uring waits for ever with some pairs of kernel and release: then its threads are the peer."""
    try:
        run('qemu-img', 'bench', '-f', 'vmdk', '-i', 'io_uring', '-c', '100', image, timeout=10)
    except Failure:
        Case.engine = 'threads'


class Folder:
    def __init__(self, path):
        self.path = pathlib.Path(path)

    def create(self, name, kind, parent=None):
        path = self.path / name
        if path.exists():
            for old in self.path.glob(path.stem + '*.vmdk'):
                old.unlink()
        words = ['qemu-img', 'create', '-q', '-f', 'vmdk', '-o', f'subformat={kind}']
        run(*words, *(['-b', parent, '-F', 'vmdk'] if parent else []), path, *([] if parent else [str(SIZE)]))
        return path

    def fill(self, image, *options, block=1 << 16, first=0, step=None):
        run(program(), '--write', '--flush', *options, image, str(block), str(step or block), '8', str(SIZE // (step or block)))

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
            run(program(), '--write', '--flush', below, str(1 << 16), str((2 * layer + 5) << 16), '8', str((SIZE >> 16) // LAYERS))
        self.chain = below

    def image(self, kind):
        return self.chain if kind == 'chain8' else self.path / f'{kind}.vmdk'


def report(name, figures, peer):
    ours, other = (statistics.median(rate for rate, _ in figures[side]) for side in ('ours', peer))
    cpu, other_cpu = (statistics.median(spent for _, spent in figures[side]) for side in ('ours', peer))
    print(f'bench: {name}-vs-{peer} ours={ours:.0f} peer={other:.0f} ratio={ours / other:.3f} unit=iops peer_is={peer} '
          f'cpu_us={cpu:.1f} peer_cpu_us={other_cpu:.1f}', flush=True)


def in_turn(contestants, rounds=ROUNDS):
    """Each one's figures. The order changes from round to round: what one leaves behind is not always the same one's burden."""
    names, figures = list(contestants), {name: [] for name in contestants}
    for turn in range(rounds):
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            figures[name].append(contestants[name]())
    return figures


def compare(folder, kind, case):
    image = folder.image(kind)
    if kind == 'chain8' and case.write:
        folder.fill(image)      # allocated: the deltas' own grains, not copies from below
    case.ours(image)
    case.raw(folder.raw)
    figures = in_turn({'ours': lambda: case.ours(image), 'raw': lambda: case.raw(folder.raw), 'qemu': lambda: case.qemu(image, 'vmdk')})
    report(f'{kind}-{case.name}', figures, 'raw')
    report(f'{kind}-{case.name}', figures, 'qemu')


def compare_allocating(folder, case):
    """Into nothing: a new image, and a raw file that is one hole, for every run; gone before the next one begins."""
    case.count = min(case.count, SIZE // case.block)

    def into(create, measure):
        path = create()
        try:
            return measure(path)
        finally:
            path.unlink()

    def new():
        return folder.create('new.vmdk', 'monolithicSparse')

    def hole():
        path = folder.path / 'new.raw'
        with open(path, 'wb') as file:
            file.truncate(SIZE)
        return path
    figures = in_turn({'ours': lambda: into(new, case.ours), 'raw': lambda: into(hole, case.raw),
                       'qemu': lambda: into(new, lambda path: case.qemu(path, 'vmdk'))})
    report(f'alloc-{case.name}', figures, 'raw')
    report(f'alloc-{case.name}', figures, 'qemu')


def some_cases():
    """What the budgets speak of, and a large block for each."""
    return [Case(4, True, False, 32), Case(4, True, True, 32), Case(4, True, False, 1), Case(64, False, False, 32)]


def all_cases():
    return [Case(kib, random, write, depth)
            for write in (False, True) for kib in (4, 64) for random in (True, False) for depth in (1, 32)]


def cache_modes(folder):
    """Not a budget: which default berth.disk.cache should have."""
    image = folder.image('flat')
    for case in all_cases():
        figures = in_turn({'ours': lambda: case.ours(image, '--direct'), 'host-cache': lambda: case.ours(image)})
        report(f'direct-{case.name}', figures, 'host-cache')


def main(*options):
    everything = '--all' in options
    with tempfile.TemporaryDirectory(prefix='berth-bench-', dir=os.environ.get('TMPDIR', '/var/tmp')) as name:
        folder = Folder(name)
        folder.make()
        choose_engine(folder.image('flat'))
        for kind in KINDS:
            for case in sorted(all_cases() if everything else some_cases(), key=lambda case: case.write):
                compare(folder, kind, case)
        allocating = [case for case in all_cases() if case.write] if everything else [Case(64, False, True, 32), Case(4, False, True, 32)]
        for case in allocating:
            compare_allocating(folder, case)
        if everything:
            cache_modes(folder)
