# test_formats.py: streamOptimized, COWD and seSparse images, each read by qemu-img and by us.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pathlib
import random
import shutil
import struct
import subprocess

import pytest

import berthlib

TOOL = pathlib.Path(os.environ.get('BERTH_FORMATS_TOOL') or berthlib.TOP / 'build/tests/unit/formats_tool')
SECTOR = 512


def tool(*words, check=True):
    done = subprocess.run([str(TOOL), *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, env=berthlib.environment())
    assert not check or done.returncode == 0, done.stdout
    return done


def qemu_img(*words):
    if not shutil.which('qemu-img'):
        pytest.skip('qemu-img is not installed')
    done = subprocess.run(['qemu-img', *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    return done.stdout


def make_raw(path, sectors, seed=1):
    """A disk with noise, text and zeros in pieces of odd sizes."""
    rng = random.Random(seed)
    with open(path, 'wb') as out:
        at = 0
        while at < sectors:
            count = min(rng.choice((1, 3, 7, 8, 40, 128, 500)), sectors - at)
            kind = rng.randrange(4)
            if kind == 0:
                out.write(rng.randbytes(count * SECTOR))
            elif kind == 1:
                out.write((b'%d line\n' % at * (count * SECTOR))[:count * SECTOR])
            else:
                out.write(bytes(count * SECTOR))
            at += count
    return path


def identical(folder, image, raw):
    """Both readers find RAW in IMAGE."""
    assert 'identical' in qemu_img('compare', '-f', 'vmdk', '-F', 'raw', image, raw)
    back = folder / 'copy.raw'
    back.unlink(missing_ok=True)
    tool('read', image, back)
    assert back.read_bytes() == raw.read_bytes()


@pytest.mark.parametrize('sectors', (1, 129, 20000, 70001))
def test_stream_ours(folder, sectors):
    """What we export qemu-img reads, and finds nothing wrong with."""
    raw = make_raw(folder / 'disk.raw', sectors)
    image = folder / 'disk.vmdk'
    tool('stream', raw, image)
    assert 'No errors' in qemu_img('check', '-f', 'vmdk', image)
    assert 'streamOptimized' in qemu_img('info', '-f', 'vmdk', image)
    identical(folder, image, raw)


@pytest.mark.parametrize('sectors', (1, 129, 20000, 70001))
def test_stream_qemu(folder, sectors):
    raw = make_raw(folder / 'disk.raw', sectors)
    image = folder / 'disk.vmdk'
    qemu_img('convert', '-f', 'raw', '-O', 'vmdk', '-o', 'subformat=streamOptimized', raw, image)
    identical(folder, image, raw)
    refused = tool('apply', raw, image, check=False)
    assert refused.returncode != 0 and 'read but not written' in refused.stdout


def descriptor(path, kind, sectors, extent):
    path.write_text('# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n'
                    f'createType="{kind}"\n\n# Extent description\n{extent}\n\n# The Disk Data Base\n#DDB\n'
                    'ddb.adapterType = "lsilogic"\n')
    return path


def nonzero(raw, size):
    """Numbers and content of the pieces of SIZE bytes that are not all zero."""
    data = raw.read_bytes()
    for at in range(0, len(data), size):
        piece = data[at:at + size]
        if piece.strip(b'\0'):
            yield at // size, piece.ljust(size, b'\0')


def cowd_header(sectors, grain, tables, free):
    raw = bytearray(2048)
    struct.pack_into('<4s10I', raw, 0, b'COWD', 1, 3, sectors, grain, 4, tables, free, 16, 16, 63)
    return raw


def make_cowd(path, raw, sectors, grain):
    """An extent with all that RAW holds; the tables lie between the grains, as they come."""
    tables = -(-sectors // (4096 * grain))
    data = bytearray(-(-tables * 4 // SECTOR) * SECTOR)
    start, maps = 4 + len(data) // SECTOR, {}
    for number, piece in nonzero(raw, grain * SECTOR):
        table = number // 4096
        if table not in maps:
            maps[table] = len(data)
            struct.pack_into('<I', data, table * 4, 4 + len(data) // SECTOR)
            data += bytes(16384)
        struct.pack_into('<I', data, maps[table] + number % 4096 * 4, 4 + len(data) // SECTOR)
        data += piece
    assert start <= 4 + len(data) // SECTOR
    path.write_bytes(cowd_header(sectors, grain, tables, 4 + len(data) // SECTOR) + data)


@pytest.mark.parametrize('grain', (1, 8, 128))
def test_cowd_read(folder, grain):
    """An image made from the specification is the same disk for qemu-img and for us."""
    sectors = 4096 * 3 * min(grain, 4) + 77
    raw = make_raw(folder / 'disk.raw', sectors, grain)
    make_cowd(folder / 'disk-delta.vmdk', raw, sectors, grain)
    image = descriptor(folder / 'disk.vmdk', 'vmfsSparse', sectors, f'RW {sectors} VMFSSPARSE "disk-delta.vmdk"')
    identical(folder, image, raw)


@pytest.mark.parametrize('grain', (1, 8, 128))
def test_cowd_write(folder, grain):
    """qemu-img reads what we have written into an empty one, and over a full one."""
    sectors = 4096 * 3 * min(grain, 4) + 77
    empty = folder / 'empty.raw'
    with open(empty, 'wb') as out:
        out.truncate(sectors * SECTOR)
    make_cowd(folder / 'disk-delta.vmdk', empty, sectors, grain)
    image = descriptor(folder / 'disk.vmdk', 'vmfsSparse', sectors, f'RW {sectors} VMFSSPARSE "disk-delta.vmdk"')
    raw = make_raw(folder / 'disk.raw', sectors, grain)
    tool('apply', raw, image)
    identical(folder, image, raw)
    new = make_raw(folder / 'new.raw', sectors, grain + 1)
    tool('apply', new, image)
    mixed, front, over = folder / 'mixed.raw', bytearray(raw.read_bytes()), new.read_bytes()
    at, count = len(front), 0
    while at:                           # as formats_tool cuts its pieces
        count = count % 40 + 1
        begin = max(at - count * SECTOR, 0)
        if over[begin:at].strip(b'\0'):
            front[begin:at] = over[begin:at]
        at = begin
    mixed.write_bytes(front)
    identical(folder, image, mixed)
    header = (folder / 'disk-delta.vmdk').read_bytes()[:2048]
    assert struct.unpack_from('<I', header, 1648)[0] == 0
    assert struct.unpack_from('<I', header, 28)[0] * SECTOR < (folder / 'disk-delta.vmdk').stat().st_size


def make_sesparse(path, raw, sectors):
    """Headers, directory, tables in reverse order, grains; some pieces of zeros are named as such."""
    covered = 4096 * 8
    tables = -(-sectors // covered)
    table_at, grain_at = 64, 64 + 64 * tables
    head = bytearray(grain_at * SECTOR)
    struct.pack_into('<6Q', head, 0, 0xcafebabe, 0x200000001, sectors, 8, 64, 0)
    grains = bytearray()
    for number, piece in nonzero(raw, 8 * SECTOR):
        grain = len(grains) // 4096
        entry = 3 << 60 | (grain & 0xfff) << 48 | grain >> 12
        table = tables - 1 - number // 4096
        struct.pack_into('<Q', head, (table_at + 64 * table) * SECTOR + 8 * (number % 4096), entry)
        grains += piece
    for table in range(tables):
        at = (table_at + 64 * table) * SECTOR
        struct.pack_into('<Q', head, 2 * SECTOR + 8 * (tables - 1 - table), 0x1000000000000000 | table)
        for index in range(0, 4096, 5):
            if struct.unpack_from('<Q', head, at + 8 * index)[0] == 0:
                struct.pack_into('<Q', head, at + 8 * index, (1 + index % 2) << 60)
    for at, place, size in ((80, 1, 1), (128, 2, 1), (144, table_at, 64 * tables), (192, grain_at, max(len(grains) // SECTOR, 8))):
        struct.pack_into('<2Q', head, at, place, size)
    struct.pack_into('<2Q', head, SECTOR, 0xcafecafe, tables)
    path.write_bytes(head + grains)


@pytest.mark.parametrize('sectors', (1000, 70003))
def test_sesparse_read(folder, sectors):
    raw = make_raw(folder / 'disk.raw', sectors, sectors)
    make_sesparse(folder / 'disk-sesparse.vmdk', raw, sectors)
    image = descriptor(folder / 'disk.vmdk', 'seSparse', sectors, f'RW {sectors} SESPARSE "disk-sesparse.vmdk"')
    identical(folder, image, raw)
    refused = tool('apply', raw, image, check=False)
    assert refused.returncode != 0 and 'read but not written' in refused.stdout


@pytest.fixture
def loop_device(folder):
    """A block device of this host and the file that is behind it."""
    if not shutil.which('losetup'):
        pytest.skip('losetup is not installed')
    back = folder / 'back.raw'
    with open(back, 'wb') as out:
        out.truncate(4 << 20)
    made = subprocess.run(['losetup', '-f', '--show', str(back)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode:
        pytest.skip(f'no loop device: {made.stdout.strip()}')
    yield made.stdout.strip(), back
    subprocess.run(['losetup', '-d', made.stdout.strip()], check=True)


def test_device(folder, loop_device):
    """A whole disk of the host, and a disk made of a saved sector, a gap and a part of it."""
    device, back = loop_device
    raw = make_raw(folder / 'disk.raw', 8192)
    whole = descriptor(folder / 'disk.vmdk', 'fullDevice', 8192, f'RW 8192 FLAT "{device}" 0')
    tool('apply', raw, whole)
    assert back.read_bytes() == raw.read_bytes()
    (folder / 'parts-pt.vmdk').write_bytes(b'p' * SECTOR)
    parts = descriptor(folder / 'parts.vmdk', 'partitionedDevice', 72,
                       f'RW 1 FLAT "parts-pt.vmdk" 0\nRW 7 ZERO\nRW 64 FLAT "{device}" 128')
    tool('read', parts, folder / 'parts.raw')
    want = b'p' * SECTOR + bytes(7 * SECTOR) + raw.read_bytes()[128 * SECTOR:192 * SECTOR]
    assert (folder / 'parts.raw').read_bytes() == want
