# grubdisk.py: bootable disk images made by arithmetic alone: no root, no loop device, no grub-install.
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import struct
import tempfile

from ui import Failure, run

SECTOR = 512
MIB = 1 << 20
GRUB_PC = pathlib.Path('/usr/lib/grub/i386-pc')
# The gap between the partition table and the first partition, where core.img goes.
FIRST_PARTITION = MIB
# A GRUB that only draws and waits is small: on hosts that emulate guest kernel code its unpacking takes the time.
SMALL_MODULES = ('biosdisk', 'part_msdos', 'iso9660', 'normal', 'serial', 'terminal', 'echo', 'sleep', 'halt', 'reboot', 'minicmd')
MODULES = (*SMALL_MODULES, 'ext2', 'configfile', 'linux', 'linux16', 'test', 'ls', 'cat', 'search')

# Offsets of GRUB's boot.img and of the block list at the end of core.img's first sector (grub's boot.h, diskboot.S).
BOOT_KERNEL_SECTOR = 0x5c
BOOT_DRIVE = 0x64
BLOCKLIST = SECTOR - 12


def core_image(prefix, config=None, modules=MODULES):
    """GRUB's core.img for PC BIOS with PREFIX; CONFIG (text) is built in and runs first."""
    if not GRUB_PC.is_dir():
        raise Failure(f'{GRUB_PC} is missing: install grub-pc-bin')
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        words = ['grub-mkimage', '-O', 'i386-pc', '-p', prefix, '-o', work / 'core.img']
        if config is not None:
            (work / 'early.cfg').write_text(config)
            words += ['-c', work / 'early.cfg']
        run(*words, *modules)
        return (work / 'core.img').read_bytes()


def partition_entry(start, size, kind, active):
    """One entry of the partition table, in bytes; CHS fields say "use LBA"."""
    return struct.pack('<B3sB3sII', 0x80 if active else 0, b'\xfe\xff\xff', kind, b'\xfe\xff\xff',
                       start // SECTOR, size // SECTOR)


def boot_record(partitions):
    """The first sector: GRUB's boot.img with the partition table [(start, size, type)], first one active."""
    record = bytearray((GRUB_PC / 'boot.img').read_bytes()[:SECTOR])
    struct.pack_into('<Q', record, BOOT_KERNEL_SECTOR, 1)
    record[BOOT_DRIVE] = 0xff               # "the drive the BIOS booted from"
    struct.pack_into('<I', record, 0x1b8, 0x42455254)
    record[0x1be:0x1fe] = bytes(64)         # boot.img keeps its floppy code here
    for index, (start, size, kind) in enumerate(partitions):
        record[0x1be + 16 * index:0x1ce + 16 * index] = partition_entry(start, size, kind, index == 0)
    record[0x1fe:] = b'\x55\xaa'
    return bytes(record)


def install_grub(image, partitions, prefix, config=None, modules=MODULES):
    """Writes partition table, boot sector and core.img into IMAGE (an open file)."""
    core = bytearray(core_image(prefix, config, modules))
    if SECTOR + len(core) > FIRST_PARTITION:
        raise Failure('core.img does not fit before the first partition')
    sectors = -(-len(core) // SECTOR)
    # core.img follows the first sector in one piece: its own block list is one run from sector 2.
    struct.pack_into('<QHH', core, BLOCKLIST, 2, sectors - 1, struct.unpack_from('<H', core, BLOCKLIST + 10)[0])
    image.seek(0)
    image.write(boot_record(partitions))
    image.write(core)


def make_ext4(image_path, start, size, tree, label):
    """Makes an ext4 file system holding TREE at START of the image file."""
    with tempfile.TemporaryDirectory(dir=pathlib.Path(image_path).parent) as name:
        part = pathlib.Path(name) / 'part'
        with open(part, 'wb') as file:
            file.truncate(size)
        # No 64bit and metadata_csum features: every GRUB reads it, and the image compresses well.
        run('/sbin/mke2fs', '-q', '-t', 'ext4', '-L', label, '-d', tree, '-E', 'root_owner=0:0,lazy_itable_init=0',
            '-O', '^metadata_csum,^64bit,^orphan_file', '-m', '0', '-F', part)
        copy_sparse(part, image_path, start)


def copy_sparse(source, target, offset):
    """Copies file SOURCE to OFFSET of TARGET, leaving holes where there are only zeros."""
    zeros = bytes(MIB)
    with open(source, 'rb') as read, open(target, 'r+b') as write:
        while block := read.read(MIB):
            if block != zeros[:len(block)]:
                write.seek(offset + read.tell() - len(block))
                write.write(block)


SUBFORMATS = ('monolithicSparse', 'monolithicFlat', 'twoGbMaxExtentSparse', 'twoGbMaxExtentFlat')


def to_vmdk(raw, vmdk, subformat):
    """Converts a raw image with qemu-img, a program that nobody here wrote."""
    run('qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', '-o', f'subformat={subformat},adapter_type=ide', raw, vmdk,
        timeout=1200)


def grub_only_disk(path, config, size=16 * MIB):
    """A raw disk with GRUB and nothing else; CONFIG is its script."""
    with open(path, 'wb') as image:
        image.truncate(size)
        install_grub(image, [(FIRST_PARTITION, size - FIRST_PARTITION, 0x83)], '(hd0,msdos1)/boot/grub', config, SMALL_MODULES)


def boot_iso(tree, config, output, label='BOOT', modules=(*SMALL_MODULES, 'linux')):
    """A CD that boots (El Torito, no emulation): GRUB with the script CONFIG, and the files in folder TREE."""
    (tree / 'boot').mkdir(exist_ok=True)
    core = core_image('(cd)/boot/grub', config, modules)
    (tree / 'boot/eltorito.img').write_bytes((GRUB_PC / 'cdboot.img').read_bytes() + core)
    run('xorriso', '-as', 'mkisofs', '-quiet', '-V', label, '-R', '-b', 'boot/eltorito.img', '-no-emul-boot',
        '-boot-load-size', '4', '-boot-info-table', '-o', output, tree)


def grub_only_iso(path, config):
    """A CD with GRUB and nothing else; CONFIG is its script."""
    with tempfile.TemporaryDirectory() as name:
        boot_iso(pathlib.Path(name), config, path, 'BERTH', SMALL_MODULES)
