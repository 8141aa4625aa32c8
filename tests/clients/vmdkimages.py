# vmdkimages.py: images of the formats that no packaged program writes: ESX deltas (COWD) and seSparse.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import struct

DESCRIPTOR = '''# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=fffffffe
parentCID={parent}
createType="{kind}"
{hint}
# Extent description
RW {sectors} {extent} "{name}"

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
'''


def blocks(raw, size):
    """Number and content of every block of RAW, a file, that is not all zeros."""
    with open(raw, 'rb') as file:
        end = file.seek(0, os.SEEK_END)
        at = 0
        while at < end:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA) // size * size
            except OSError:         # nothing but a hole
                return
            hole = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            while at < hole:
                data = os.pread(file.fileno(), size, at).ljust(size, b'\0')
                if data.count(0) != size:
                    yield at // size, data
                at += size


def describe(path, kind, extent, sectors, name, parent='ffffffff', hint=''):
    path.write_text(DESCRIPTOR.format(kind=kind, extent=extent, sectors=sectors, name=name, parent=parent, hint=hint))


def cowd(path, raw):
    """Grains of a sector, tables of 4096 entries, all little endian."""
    sectors, name = raw.stat().st_size // 512, path.stem + '-delta.vmdk'
    tables = -(-sectors // 4096)
    free = 4 + -(-tables * 4 // 512)
    directory, content, entries = [0] * tables, [], {}
    for number, data in blocks(raw, 512):
        entries.setdefault(number // 4096, []).append((number % 4096, data))
    for index, grains in sorted(entries.items()):
        directory[index] = free
        table, free = [0] * 4096, free + 32
        start = free
        for position, _ in grains:
            table[position] = free
            free += 1
        content.append((directory[index], struct.pack('<4096I', *table)))
        content.append((start, b''.join(data for _, data in grains)))
    header = struct.pack('<4s7I', b'COWD', 1, 3, sectors, 1, 4, tables, free)
    with open(path.with_name(name), 'wb') as file:
        file.write(header.ljust(2048, b'\0') + struct.pack(f'<{tables}I', *directory))
        for at, data in content:
            file.seek(at * 512)
            file.write(data)
        file.truncate(free * 512)
    describe(path, 'vmfsSparse', 'VMFSSPARSE', sectors, name)


def sesparse(path, raw):
    """Grains of 4 KiB, tables of 4096 entries."""
    sectors, name = raw.stat().st_size // 512, path.stem + '-sesparse.vmdk'
    tables = -(-sectors // (8 * 4096))
    used = {}
    for number, data in blocks(raw, 4096):
        used.setdefault(number // 4096, []).append((number % 4096, data))
    directory_at, directory_size = 2056, -(-tables * 8 // 512)
    tables_at = (directory_at + directory_size + 63) // 64 * 64
    grains_at = tables_at + 64 * max(len(used), 1)
    directory, grain = [0] * tables, 0
    with open(path.with_name(name), 'wb') as file:
        for place, (index, grains) in enumerate(sorted(used.items())):
            directory[index] = 0x1000000000000000 | place
            table = [0] * 4096
            for position, data in grains:
                table[position] = 0x3 << 60 | (grain & 0xfff) << 48 | grain >> 12
                file.seek((grains_at + grain * 8) * 512)
                file.write(data)
                grain += 1
            file.seek((tables_at + place * 64) * 512)
            file.write(struct.pack('<4096Q', *table))
        header = struct.pack('<26Q', 0xcafebabe, 0x200000001, sectors, 8, 64, 0, 0, 0, 0, 0, 1, 1, 2, 2046, 4, 2044,
                             directory_at, directory_size, tables_at, 64 * max(len(used), 1), 2052, 1, 2053, 1, grains_at, max(grain, 1) * 8)
        file.seek(0)
        file.write(header.ljust(512, b'\0') + struct.pack('<4Q', 0xcafecafe, len(used), 1, 0).ljust(512, b'\0'))
        file.seek(directory_at * 512)
        file.write(struct.pack(f'<{tables}Q', *directory))
        file.truncate((grains_at + max(grain, 1) * 8) * 512)
    describe(path, 'seSparse', 'SESPARSE', sectors, name)
