# test_disk_tool.py: `berth disk` and vmware-vdiskmanager, judged by qemu-img.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The table of test_matrix stands in docs/disks.md; BERTH_MATRIX_WRITE=1 writes it anew.
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import tempfile
import time

import pytest

import berthlib
import vmdkimages
from ui import run

MATRIX = berthlib.TOP / 'docs/disks.md'
MATRIX_HEADING, AFTER_MATRIX = '## What works on which disk\n', '## More\n'
CLEAN, LOST, NO, STOPPED = 0, 9, 10, 7
SIZE = 2080 << 20               # more than one extent of a split disk; almost all of it is holes
SMALL = 64 << 20                # for what lies in one file
CREATABLE = ('monolithicSparse', 'monolithicFlat', 'twoGbMaxExtentSparse', 'twoGbMaxExtentFlat', 'vmfs', 'vmfsSparse')
TYPES = (*CREATABLE, 'seSparse', 'streamOptimized', 'raw')
COLUMNS = ('create', 'open', 'read', 'write', 'chain', 'convert', 'check')


@pytest.fixture
def folder():
    base = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix='berth-disk-', dir=base) as name:
        yield pathlib.Path(name)


def disk(*words, check=0, **kwargs):
    return berthlib.berth('disk', *words, check=check, timeout=120, **kwargs)


def manager(*words, check=0):
    program = pathlib.Path(berthlib.berth_path()).with_name('vmware-vdiskmanager')
    done = subprocess.run([program, *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=120 * berthlib.SLOW, env=berthlib.environment())
    assert not berthlib.SANITIZER.search(done.stderr), done.stderr
    assert done.returncode == check, f'{words}: {done.returncode}\n{done.stdout}{done.stderr}'
    return done


def make_raw(path, size=SIZE, marks=()):
    """Random data at the start, the middle, beyond 2047 MiB and at the end; MARKS says where there is more."""
    with open(path, 'wb') as file:
        file.truncate(size)
        for at in (0, size // 3 // 512 * 512, 2047 << 20, size - 4096, *marks):
            if at + 4096 <= size:
                file.seek(at)
                file.write(os.urandom(min(300 << 10, size - at)))
    return path


def same(a, b):
    kind = {'.raw': 'raw'}
    return 'identical' in run('qemu-img', 'compare', '-f', kind.get(a.suffix, 'vmdk'), '-F', kind.get(b.suffix, 'vmdk'), a, b)


# --- the matrix ------------------------------------------------------------------------------------------

class Refused(Exception):
    """Our own refusal, in our own words: an answer, not a failure."""


def sentence(stderr):
    """What went wrong, without the file's name and without the advice."""
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, f'more or less than one sentence:\n{stderr}'
    text = re.sub(r'^berth(?: disk \w+)?: ', '', lines[0])
    text = re.sub(r'^(\S+\.(vmdk|raw): )+', '', text)
    text = re.sub(r'"\S+\.vmdk"', 'its parent', text)
    return re.sub(r'\. .*', '', text).rstrip('.')


def allowed(*words):
    """Runs a command that may be refused, with an exit code that says so and in one sentence."""
    done = disk(*words, check=None)
    if done.returncode:
        assert done.returncode in (berthlib.USAGE, berthlib.CONFIG, berthlib.DISK), f'{words}: {done.returncode}\n{done.stderr}'
        raise Refused(sentence(done.stderr))
    return done


class Cells:
    def __init__(self, folder, kind):
        self.folder, self.kind = folder, kind
        self.size = SIZE if kind.startswith('twoGb') else SMALL
        self.raw = make_raw(folder / 'content.raw', self.size)
        self.made = 0

    def path(self, kind=None):
        self.made += 1
        return self.folder / f'd{self.made}.{"raw" if (kind or self.kind) == "raw" else "vmdk"}'

    def foreign(self, raw):
        """An image with the content of RAW that none of our programs has written."""
        path = self.path()
        if self.kind == 'raw':
            run('cp', '--sparse=always', raw, path)
        elif self.kind == 'vmfsSparse':
            vmdkimages.cowd(path, raw)
        elif self.kind == 'seSparse':
            vmdkimages.sesparse(path, raw)
        else:
            kind = 'monolithicFlat' if self.kind == 'vmfs' else self.kind
            run('qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', '-o', f'subformat={kind}', raw, path)
            if self.kind == 'vmfs':
                path.write_text(path.read_text().replace('monolithicFlat', 'vmfs').replace(' FLAT ', ' VMFS ').replace('.vmdk" 0', '.vmdk"'))
        assert same(raw, path)
        return path

    def create(self):
        if self.kind == 'raw':
            raise Refused('a raw image is made by truncate or fallocate')
        path = self.path()
        allowed('create', '-t', self.kind, '-s', self.size, path)
        assert json.loads(run('qemu-img', 'info', '--output=json', path))['virtual-size'] == self.size

    def open(self):
        empty = self.folder / 'empty.raw'
        with open(empty, 'wb') as file:
            file.truncate(self.size)
        path = self.foreign(empty)
        allowed('compare', path, path)

    def read(self):
        allowed('compare', self.raw, self.foreign(self.raw))

    def write(self):
        path = self.path()
        allowed('convert', '-t', self.kind, self.raw, path)
        assert same(self.raw, path)

    def chain(self):
        if self.kind == 'raw':
            raise Refused('a raw image has no content id that a child could refer to')
        base, child, flat, wanted = self.foreign(self.raw), self.path(), self.path('raw'), self.path('raw')
        allowed('delta', '-t', 'monolithicSparse', base, child)
        run('qemu-io', '-f', 'vmdk', '-c', 'write -P 7 1M 128k', '-c', f'write -P 8 {self.size - 65536} 64k', child)
        run('qemu-img', 'convert', '-f', 'vmdk', '-O', 'raw', child, wanted)
        allowed('flatten', '-t', 'raw', child, flat)
        assert same(wanted, flat)
        assert disk('check', child).returncode == 0

    def convert(self):
        back = self.path('raw')
        allowed('convert', self.foreign(self.raw), back)
        assert same(self.raw, back)

    def check(self):
        if self.kind == 'raw':
            raise Refused('a raw image has nothing to check')
        path = self.foreign(self.raw)
        done = allowed('check', path)
        assert 'clean' in done.stdout, done.stdout
        if 'not checked inside' in done.stdout:
            raise Refused('its format is not checked inside')
        if 'parse' in self.kind:
            assert 'No errors' in run('qemu-img', 'check', '-f', 'vmdk', path)


def cell(cells, column):
    try:
        getattr(cells, column)()
    except Refused as reason:
        return str(reason)
    finally:
        for path in cells.folder.glob('d*'):
            path.unlink()
    return 'yes'


def render(rows):
    """The table, with the refusals' reasons below it."""
    notes = []
    lines = [MATRIX_HEADING, 'Each cell was tried by `tests/clients/test_disk_tool.py` (test_matrix), with qemu-img as the judge.',
             'A number is a refusal, with its reason below.', '', '| Type | ' + ' | '.join(COLUMNS) + ' |',
             '| --- |' + ' --- |' * len(COLUMNS)]
    for kind, row in rows.items():
        words = []
        for text in row:
            if text != 'yes' and text not in notes:
                notes.append(text)
            words.append('yes' if text == 'yes' else f'({notes.index(text) + 1})')
        lines.append(f'| `{kind}` | ' + ' | '.join(words) + ' |')
    lines.append('')
    lines += [f'{number}. {text}' for number, text in enumerate(notes, 1)]
    lines += ['', 'create: `berth disk create`, seen by qemu-img. open: an empty image of a foreign program. read: an image with content of a',
              'foreign program, compared. write: `berth disk convert` into the type. chain: a child of `berth disk delta` on it, written by',
              'qemu-io, flattened. convert: to raw. check: `berth disk check`, and qemu-img check where it knows one.', '']
    return '\n'.join(lines)


def test_matrix(folder):
    rows = {}
    for kind in TYPES:
        cells = Cells(folder, kind)
        rows[kind] = [cell(cells, column) for column in COLUMNS]
    table = render(rows)
    print('\n' + table)
    for kind in CREATABLE[:5]:
        assert [word for column, word in zip(COLUMNS, rows[kind]) if column != 'chain'] == ['yes'] * (len(COLUMNS) - 1), (kind, rows[kind])
    text = MATRIX.read_text()
    before, rest = text.split(MATRIX_HEADING)
    whole = before + table + '\n' + AFTER_MATRIX + rest.split(AFTER_MATRIX)[1]
    if os.environ.get('BERTH_MATRIX_WRITE'):
        MATRIX.write_text(whole)
    assert whole == text, 'BERTH_MATRIX_WRITE=1 writes the table anew'


# --- data through the tools ------------------------------------------------------------------------------

SPARSE_AND_FLAT = ('monolithicSparse', 'monolithicFlat', 'twoGbMaxExtentSparse', 'twoGbMaxExtentFlat')


def checked(path):
    disk('check', path)
    if 'Sparse' in json.loads(disk('info', '--json', path).stdout)['chain'][0]['type']:
        assert 'No errors' in run('qemu-img', 'check', '-f', 'vmdk', path)


@pytest.mark.parametrize('kind', SPARSE_AND_FLAT)
def test_grow_shrink(folder, kind):
    raw, path = make_raw(folder / 'content.raw', 512 << 20), folder / 'd.vmdk'
    disk('convert', '-t', kind, raw, path)
    disk('grow', '-s', '+2200M', path)
    size = 2712 << 20
    with open(raw, 'r+b') as file:
        file.truncate(size)
    assert same(raw, path)
    checked(path)
    run('qemu-io', '-f', 'vmdk', '-c', 'write -P 5 100M 3M', '-c', 'write -P 0 100M 2M', '-c', f'write -P 6 {size - 65536} 64k', path)
    run('qemu-io', '-f', 'raw', '-c', 'write -P 5 102M 1M', '-c', f'write -P 6 {size - 65536} 64k', raw)
    disk('shrink', path)
    assert same(raw, path)
    checked(path)
    disk('defragment', path)
    assert same(raw, path)
    checked(path)
    disk('rename', path, folder / 'renamed.vmdk')
    assert same(raw, folder / 'renamed.vmdk')
    assert not list(folder.glob('d*'))


@pytest.mark.parametrize('kind', SPARSE_AND_FLAT)
def test_delta_commit(folder, kind):
    raw, base, child, wanted = make_raw(folder / 'content.raw'), folder / 'base.vmdk', folder / 'child.vmdk', folder / 'wanted.raw'
    disk('convert', '-t', kind, raw, base)
    before = base.read_bytes()[:20000]
    disk('delta', base, child)
    run('qemu-io', '-f', 'vmdk', '-c', 'write -P 1 700M 3M', '-c', 'write -P 2 64k 512', '-c', f'write -P 3 {SIZE - 512} 512', child)
    run('qemu-img', 'convert', '-f', 'vmdk', '-O', 'raw', child, wanted)
    assert base.read_bytes()[:20000] == before
    layers = {entry.get('layer') for entry in json.loads(disk('map', '--json', child).stdout)}
    assert {0, 1} <= layers
    done = disk('commit', child)
    assert 'went into' in done.stdout
    assert same(wanted, base) and same(wanted, child)
    checked(base)
    assert disk('check', child).returncode == 0
    disk('commit', '--delete', child)
    assert not list(folder.glob('child*'))
    assert same(wanted, base)


def test_answers(folder):
    """Exit codes that scripts live by."""
    a, b = folder / 'a.vmdk', folder / 'b.vmdk'
    disk('create', '-s', '64M', a)
    disk('create', '-s', '64M', '-t', 'flat', '--preallocate', b)
    disk('compare', a, b)
    run('qemu-io', '-f', 'vmdk', '-c', 'write -P 1 5M 512', b)
    done = disk('compare', '--json', a, b, check=NO)
    assert json.loads(done.stdout)['firstDifference'] == 5 << 20
    disk('create', '-s', '64M', a, check=1)
    disk('create', '-s', '7', a, check=berthlib.USAGE)
    disk('info', folder / 'none.vmdk', check=berthlib.CONFIG)
    assert json.loads(disk('info', '--json', a).stdout)['chain'][0]['size'] == 64 << 20
    odd = folder / os.fsdecode(b'\xff\xe9.vmdk')
    disk('create', '-s', '1M', '-t', 'flat', odd)
    assert json.loads(disk('info', '--json', odd).stdout)['chain'][0]['path'].endswith('??.vmdk')
    disk('wipe', '--all', b, check=STOPPED)
    disk('wipe', '--all', '--yes', b)
    disk('compare', a, b)
    for command in re.findall(r'^  (\w+) ', disk('--help').stdout, re.M):
        assert 'Exit codes' in disk(command, '--help').stdout


# --- interruptions ---------------------------------------------------------------------------------------

def start(*words, **kwargs):
    return subprocess.Popen([berthlib.berth_path(), 'disk', *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, env=berthlib.environment(), **kwargs)


def interrupt(process, number, begun):
    """Sends the signal as soon as BEGUN() is true. False when the program was faster."""
    while process.poll() is None and not begun():
        time.sleep(0.0005)
    running = process.poll() is None
    if running:
        process.send_signal(number)
    process.wait(60 * berthlib.SLOW)
    errors = process.stderr.read().decode()
    process.stderr.close()
    for path in process.args[3:]:           # the kernel closes the files of a ring a moment after the process is gone
        if os.path.isfile(path):
            berthlib.wait_for(lambda: disk('check', path, check=None).returncode != berthlib.BUSY, 20, f'{path} is let go')
    assert not berthlib.SANITIZER.search(errors), errors
    return running


def full_raw(path, megabytes=192):
    with open(path, 'wb') as file:
        for number in range(megabytes):
            file.write(bytes([number % 255 + 1]) * (1 << 20))
    return path


def blocks(path):
    return path.stat().st_blocks if path.exists() else 0


@pytest.mark.parametrize('kind', SPARSE_AND_FLAT)
def test_ctrl_c(folder, kind):
    raw = full_raw(folder / 'content.raw')
    hits = 0
    for attempt in range(8):
        target = folder / f'd{attempt}.vmdk'
        process = start('convert', '-t', kind, raw, target)
        if interrupt(process, signal.SIGINT, lambda: any(map(blocks, folder.glob(f'd{attempt}*')))) and process.returncode:
            assert process.returncode == STOPPED
            assert not list(folder.glob(f'd{attempt}*')), 'something was left behind'
            hits += 1
            break
        for path in folder.glob(f'd{attempt}*'):
            path.unlink()
    assert hits, 'the signal never came in time'


def killed(folder, words, begun, attempts=8):
    """Runs the command and kills it half way; True when that worked."""
    for _ in range(attempts):
        if interrupt(start(*words), signal.SIGKILL, begun):
            return True
    return False


def test_kill_convert(folder):
    raw, source = full_raw(folder / 'content.raw', 96), folder / 's.vmdk'
    disk('convert', raw, source)
    assert killed(folder, ('convert', source, folder / 't.vmdk'), lambda: blocks(folder / 't.vmdk') > 1000)
    disk('check', source)
    assert same(raw, source)


def test_kill_commit(folder):
    """Whatever was written, the child shows what it showed, and a second commit ends it."""
    raw, base, child, wanted = make_raw(folder / 'content.raw'), folder / 'base.vmdk', folder / 'child.vmdk', folder / 'wanted.raw'
    disk('convert', raw, base)
    disk('delta', base, child)
    run('qemu-io', '-f', 'vmdk', *[word for at in range(0, 160, 16) for word in ('-c', f'write -P {at + 1} {300 + at}M 16M')], child)
    run('qemu-img', 'convert', '-f', 'vmdk', '-O', 'raw', child, wanted)
    before = blocks(base)
    assert killed(folder, ('commit', child), lambda: blocks(base) > before + 2000)
    disk('check', '--repair', base, check=None)
    assert disk('check', base, check=None).returncode in (CLEAN, LOST)
    assert disk('check', child, check=None).returncode in (CLEAN, LOST)
    assert same(wanted, child)
    disk('commit', child)
    assert same(wanted, base)


def test_kill_repair(folder):
    """Repair is made of small steps: killed anywhere, the next one ends it, and no byte is lost."""
    raw, path = full_raw(folder / 'content.raw', 96), folder / 'd.vmdk'
    disk('convert', raw, path)
    good = path.read_bytes()
    tables = int.from_bytes(good[56:64], 'little') * 512
    first = int.from_bytes(good[tables:tables + 4], 'little') * 512
    for attempt in range(6):
        data = bytearray(good)
        data[72] = 1
        for entry in range(attempt, 1400, 7):
            data[first + entry * 4:first + entry * 4 + 4] = b'\xff\xff\xff\xf0'
        path.write_bytes(data)
        process = start('check', '--repair', path)
        interrupt(process, signal.SIGKILL, lambda: path.read_bytes()[first:first + 6144] != data[first:first + 6144])
        disk('check', '--repair', path)
        disk('check', path)
        assert same(raw, path)


@pytest.mark.parametrize('kind', SPARSE_AND_FLAT)
def test_no_space(folder, kind):
    """One sentence, and nothing left behind."""
    raw = full_raw(folder / 'content.raw', 24)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, 8 << 20))
    done = disk('convert', '-t', kind, raw, folder / 'd.vmdk', check=None, preexec_fn=limit)
    assert done.returncode in (1, berthlib.DISK), done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and 'File too large' in done.stderr, done.stderr
    assert not list(folder.glob('d*'))


# --- vmware-vdiskmanager ---------------------------------------------------------------------------------

def test_packer(folder):
    """What Packer runs, in its order."""
    path = folder / 'disk.vmdk'
    done = manager('-c', '-s', '1000M', '-a', 'lsilogic', '-t', '1', path)
    lines = re.split(r'[\r\n]+', done.stdout.strip())
    assert lines[0] == f"Creating disk '{path}'" and lines[-1] == 'Virtual disk creation successful.'
    assert re.fullmatch(r'  Create: \d+% done\.', lines[-2])
    assert 'Defragmentation completed successfully.' in manager('-d', path).stdout
    assert 'Shrink completed successfully.' in manager('-k', path).stdout
    assert 'Failed to create disk' in manager('-c', '-s', '1000M', '-a', 'lsilogic', '-t', '1', path, check=1).stderr


MANAGER_TYPES = ((0, 'monolithicSparse'), (1, 'twoGbMaxExtentSparse'), (2, 'monolithicFlat'), (3, 'twoGbMaxExtentFlat'), (4, 'vmfs'), (6, 'vmfs'))


@pytest.mark.parametrize('number, kind', MANAGER_TYPES)
def test_types(folder, number, kind):
    raw, path, copy = make_raw(folder / 'content.raw', 48 << 20), folder / 'd.vmdk', folder / 'e.vmdk'
    manager('-c', '-s', '48MB', '-a', 'pvscsi', '-t', number, '-q', path)
    info = json.loads(disk('info', '--json', path).stdout)['chain'][0]
    assert info['type'] == kind and info['size'] == 48 << 20 and info['adapter'] == 'lsilogic'
    if number in (2, 3, 4):
        assert info['hostBytes'] >= 48 << 20
    else:
        assert info['hostBytes'] < 1 << 20
    disk('convert', raw, folder / 's.vmdk')
    done = manager('-r', folder / 's.vmdk', '-t', number, copy)
    assert 'Virtual disk conversion successful.' in done.stdout
    assert same(raw, copy)
    manager('-n', copy, folder / 'f.vmdk')
    assert same(raw, folder / 'f.vmdk') and not list(folder.glob('e*'))
    if kind != 'vmfs':
        manager('-x', '64MB', folder / 'f.vmdk')
        assert json.loads(run('qemu-img', 'info', '--output=json', folder / 'f.vmdk'))['virtual-size'] == 64 << 20
    assert 'No errors were found' in manager('-R', folder / 'f.vmdk').stdout
    manager('-e', folder / 'f.vmdk')
    manager('-U', folder / 'f.vmdk')
    assert not list(folder.glob('f*'))


def test_type_5(folder):
    """Compressed for streaming: made by a conversion, read by everybody, written by nobody."""
    raw, path, back = make_raw(folder / 'content.raw', 48 << 20), folder / 'd.vmdk', folder / 'e.vmdk'
    assert 'written once' in manager('-c', '-s', '48MB', '-a', 'lsilogic', '-t', '5', path, check=1).stderr
    assert not path.exists()
    disk('convert', raw, folder / 's.vmdk')
    assert 'Virtual disk conversion successful.' in manager('-r', folder / 's.vmdk', '-t', '5', path).stdout
    assert json.loads(disk('info', '--json', path).stdout)['chain'][0]['type'] == 'streamOptimized'
    assert same(raw, path)
    assert 'No errors were found' in manager('-R', path).stdout
    assert 'Failed to expand' in manager('-x', '64MB', path, check=1).stderr
    manager('-r', path, '-t', '0', back)
    assert same(raw, back)
    manager('-U', path)
    assert not path.exists()


def test_manager_mistakes(folder):
    for words in ((), ('-c',), ('-c', '-d', 'x'), ('-t', '9', '-c', 'x'), ('-c', '-s', '1', '-a', 'ide', '-t', '0', folder / 'x.vmdk')):
        manager(*words, check=255)
    for place in ('/', '/dev/shm'):
        assert 'Failed to prepare' in manager('-p', place, check=1).stderr
    assert 'Failed to shrink' in manager('-k', folder / 'none.vmdk', check=1).stderr
    (folder / 'd.vmdk').write_text('# Disk DescriptorFile\nRW 1 SPARSE "none"\n')
    manager('-R', folder / 'd.vmdk', check=1)


# --- what people are told --------------------------------------------------------------------------------

def commands():
    return re.findall(r'^  (\w+) +\S', disk('--help').stdout, re.M)


def options(command):
    return set(re.findall(r'(--[\w]+(?:-\w+)*)', disk(command, '--help').stdout)) - {'--help'}


def test_manual():
    page = (berthlib.TOP / 'docs/man/berth-disk.1').read_text().replace('\\-', '-')
    for command in commands():
        assert re.search(rf'"?{command} ', page), command
        for option in options(command) - {'--quiet'}:
            assert option in page or option in ('--raw1', '--raw2', '--type', '--size', '--adapter'), f'{command} {option}'


def test_completion():
    def complete(*words):
        script = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _berth; printf "%s\\n" "${COMPREPLY[@]}"'
        return subprocess.run(['bash', '-c', script, berthlib.TOP / 'scripts/completions/berth', *words], stdout=subprocess.PIPE, text=True,
                              check=True).stdout.split('\n')[:-1]
    assert set(commands()) <= set(complete('berth', 'disk', ''))
    for command in commands():
        assert options(command) <= set(complete('berth', 'disk', command, '--')), command
    assert complete('berth', 'disk', 'create', '--type', 'mono') == ['monolithicSparse', 'monolithicFlat']
