# guest.py: the Debian guest of the demo and of the lab: its userland, its disk, its VM folder.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import cache
import grubdisk
import initramfs
import kernel as kernels
import vmxfile
from grubdisk import MIB
from ui import Failure, run, step

HERE = pathlib.Path(__file__).resolve().parent

# The disk: root in the first extent, a bare partition for write tests that lies across the 2 GiB boundary between the
# two extents of a split disk.
DISK_SIZE = 2304 * MIB
ROOT_START, ROOT_SIZE = MIB, 191 * MIB
SCRATCH_START, SCRATCH_SIZE = 2040 * MIB, 128 * MIB
PATTERN_SIZE = 4 * MIB

BOOT_MODULES = ('ata_piix', 'ata_generic', 'sd_mod', 'sr_mod', 'ext4')
ROOT_MODULES = ('isofs', 'button', 'evdev', 'psmouse', 'kvm-amd', 'kvm-intel', 'i2c-piix4', 'e1000', 'vmxnet3',
                'uhci-hcd', 'ehci-pci', 'vmw_vmci')
# Built in or gone in some kernels.
OPTIONAL_MODULES = ('crc32c_generic', 'crc32c_intel', 'mbcache', 'jbd2')
PROGRAMS = ('lscpu', 'systemd-detect-virt', 'dmidecode', 'lspci', 'udevadm', 'e2fsck')

GRUB_CFG = """\
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=1
set default=0
menuentry 'Debian GNU/Linux' {
	linux /boot/vmlinuz root=LABEL=berth-root console=tty0 console=ttyS0,115200n8 quiet mitigations=off consoleblank=0
	initrd /boot/initrd.img
}
menuentry 'Memory test (memtest86+)' {
	linux /boot/memtest86+.bin
}
"""

INITTAB = """\
::sysinit:/etc/rc
ttyS0::respawn:/bin/getty -L 115200 ttyS0 vt102
tty1::respawn:/bin/getty 38400 tty1 linux
::restart:/sbin/init
::ctrlaltdel:/sbin/reboot
::shutdown:/bin/sync
::shutdown:/bin/umount -a -r
"""

RC = """\
#!/bin/sh
# Brings the guest up: file systems, the drivers that the kernel does not load by itself, the power button.
mount -t devpts devpts /dev/pts 2>/dev/null || { mkdir -p /dev/pts; mount -t devpts devpts /dev/pts; }
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
for module in button evdev psmouse isofs; do
	modprobe -q $module
done
hostname berth-guest
mdev -s
acpid -l /dev/null
dmesg -n 4
"""

# The scratch disks' writer: copies the pattern to places that were never written, across grain, table and extent
# boundaries, in odd sizes. The host knows the same list (SCRATCH_WRITES) and makes the same image on its own.
SCRATCH_WRITES = (      # (offset in the partition, offset in the pattern, length), all in 512-byte sectors
    (0, 0, 1), (1, 7, 127), (129, 3, 255), (1000, 0, 8192), (16200, 11, 3), (16384 - 64, 100, 193),
    (65535, 1, 2), (70001, 17, 4099), (131072, 0, 1), (200000, 4000, 2048), (262143, 5, 1))

WRITE_SCRIPT = """\
#!/bin/sh
# write-pattern DEVICE: writes the pattern to the places that the host expects.
set -e
while read to from count; do
	dd if=/boot/pattern of=$1 bs=512 seek=$to skip=$from count=$count conv=notrunc 2>/dev/null
done < /boot/writes
sync
blockdev --flushbufs $1
echo written
"""

READ_SCRIPT = """\
#!/bin/sh
# read-pattern DEVICE: reads the same places back and compares.
while read to from count; do
	a=$(dd if=$1 bs=512 skip=$to count=$count 2>/dev/null | md5sum)
	b=$(dd if=/boot/pattern bs=512 skip=$from count=$count 2>/dev/null | md5sum)
	[ "$a" = "$b" ] || { echo "differs at sector $to"; exit 1; }
done < /boot/writes
echo same
"""


def pattern():
    """Bytes that no compression or zero detection shortens; the same on every machine."""
    state, words = 0x2545f491, []
    for _ in range(PATTERN_SIZE // 4):
        state ^= (state << 13) & 0xffffffff
        state ^= state >> 17
        state ^= (state << 5) & 0xffffffff
        words.append(state.to_bytes(4, 'little'))
    return b''.join(words)


def apply_writes(path, start):
    """Does to the raw image PATH at START what write-pattern does in the guest."""
    data = pattern()
    with open(path, 'r+b') as image:
        for to, source, count in SCRATCH_WRITES:
            image.seek(start + to * 512)
            image.write(data[source * 512:(source + count) * 512])


def libraries(program):
    """Absolute paths of the shared libraries of PROGRAM, the loader included."""
    done = subprocess.run(['ldd', program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return sorted(set(re.findall(r'(/\S+)', '\n'.join(line for line in done.stdout.splitlines() if '(0x' in line))))


def copy_programs(tree):
    for name in PROGRAMS:
        program = shutil.which(name, path='/usr/bin:/usr/sbin:/bin:/sbin')
        if not program:
            raise Failure(f'{name} is not installed')
        for source in [program, *libraries(program)]:
            # /lib and /lib64 are directories of their own in the guest; the loader's path must stay.
            target = tree / source.lstrip('/') if source != program else tree / 'usr/bin' / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                shutil.copy2(os.path.realpath(source), target)


def level3(tree):
    """For tests of nested virtualization: the smallest KVM user there is, and who asks the backdoor."""
    for name in ('level3', 'checkvm'):
        run('gcc', '-std=gnu17', '-Os', '-static', '-s', '-o', tree / 'usr/bin' / name, HERE / f'{name}.c')


def cpuid_raw(tree):
    run('gcc', '-std=gnu17', '-Os', '-static', '-s', '-o', tree / 'usr/bin/cpuid-raw', HERE / 'cpuid-raw.c')


def memtest():
    for name in ('/boot/memtest86+x64.bin', '/boot/mt86+x64'):
        if os.access(name, os.R_OK):
            return pathlib.Path(name)
    return None


def add_programs(tree, system):
    """Debian's programs and, on the kernel that this machine can compile for, our own."""
    if system:
        system.copy_programs(tree)
        return
    copy_programs(tree)
    level3(tree)
    cpuid_raw(tree)


def build_root(kernel, tree, system=None):
    """Fills TREE with the guest's root file system; SYSTEM (a distro.System) is another Debian than this machine's."""
    busybox = system.busybox if system else initramfs.BUSYBOX
    for folder in ('boot/grub', 'dev', 'proc', 'sys', 'run', 'tmp', 'mnt', 'root', 'etc/acpi/PWRF', 'sbin', 'usr/bin', 'var/run'):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    listed = run(initramfs.BUSYBOX, '--list').split()
    initramfs.install_busybox(tree, [name for name in listed if name not in ('busybox', '[[')], busybox)
    for name in ('init', 'modprobe', 'reboot', 'poweroff', 'halt'):
        (tree / 'sbin' / name).symlink_to('../bin/busybox')
    add_programs(tree, system)
    kernel.copy_modules((*BOOT_MODULES, *ROOT_MODULES), tree, OPTIONAL_MODULES)
    files = {
        'etc/inittab': INITTAB, 'etc/rc': RC, 'etc/hostname': 'berth-guest\n', 'etc/issue': 'Debian GNU/Linux \\n \\l\n\n',
        'etc/passwd': 'root::0:0:root:/root:/bin/sh\n', 'etc/group': 'root:x:0:\n', 'etc/profile': "export PS1='root@\\h:\\w# '\n",
        'etc/acpi/PWRF/00000080': '#!/bin/sh\npoweroff\n', 'usr/bin/write-pattern': WRITE_SCRIPT,
        'usr/bin/read-pattern': READ_SCRIPT, 'boot/grub/grub.cfg': GRUB_CFG,
        'etc/acpid.conf': 'PWRF PWRF/00000080\n', 'etc/fstab': '',
        'boot/writes': ''.join(f'{to} {source} {count}\n' for to, source, count in SCRATCH_WRITES),
    }
    for name, text in files.items():
        (tree / name).write_text(text)
    for name in ('etc/rc', 'etc/acpi/PWRF/00000080', 'usr/bin/write-pattern', 'usr/bin/read-pattern'):
        (tree / name).chmod(0o755)
    (tree / 'boot/pattern').write_bytes(pattern())
    (tree / 'boot/vmlinuz').write_bytes(kernel.vmlinuz.read_bytes())
    if memtest():
        (tree / 'boot/memtest86+.bin').write_bytes(memtest().read_bytes())
    initramfs.build(kernel, BOOT_MODULES, OPTIONAL_MODULES, (HERE / 'guest-init.sh').read_text(), tree / 'boot/initrd.img',
                    busybox=busybox)


def recipe(kernel, system=None):
    """What the disk is made of, as a checksum: a change of any of it makes a new image."""
    sources = [HERE / name for name in ('guest.py', 'grubdisk.py', 'initramfs.py', 'kernel.py', 'guest-init.sh', 'level3.c', 'checkvm.c', 'cpuid-raw.c')]
    extra = [memtest()] if memtest() else []
    return cache.checksum(*sources, initramfs.BUSYBOX, *extra, kernel.version, *([system.place.name] if system else []))


def raw_disk(system=None):
    """The guest's disk as a raw image in the cache."""
    kernel = system.kernel if system else kernels.get()

    def build(work):
        with tempfile.TemporaryDirectory(dir=work) as name:
            tree = pathlib.Path(name) / 'root'
            tree.mkdir()
            build_root(kernel, tree, system)
            image = work / 'debian.raw'
            with open(image, 'wb') as file:
                file.truncate(DISK_SIZE)
                grubdisk.install_grub(file, [(ROOT_START, ROOT_SIZE, 0x83), (SCRATCH_START, SCRATCH_SIZE, 0xda)],
                                      '(hd0,msdos1)/boot/grub')
            grubdisk.make_ext4(image, ROOT_START, ROOT_SIZE, tree, 'berth-root')

    key = recipe(kernel, system)
    with step(f'making the guest disk{" of " + system.name if system else ""}', quiet=(cache.root() / f'guest-{key}').is_dir()):
        return cache.make('guest', key, build) / 'debian.raw'


def vmdk(subformat='twoGbMaxExtentSparse', system=None):
    """Directory of the cache with the guest's disk as debian.vmdk of SUBFORMAT."""
    if not system and 'BERTH_GUEST_' + subformat in os.environ:         # inside the emulated host: made before, outside
        return pathlib.Path(os.environ['BERTH_GUEST_' + subformat])
    raw = raw_disk(system)
    key = cache.checksum(raw.parent.name, subformat)
    with step(f'converting it to VMDK, {subformat}', quiet=(cache.root() / f'vmdk-{key}').is_dir()):
        return cache.make('vmdk', key, lambda work: grubdisk.to_vmdk(raw, work / 'debian.vmdk', subformat))


def copy_disk(source, folder):
    """Copies all files of a disk into FOLDER, holes stay holes."""
    for path in sorted(pathlib.Path(source).glob('*.vmdk')):
        run('cp', '--sparse=always', path, pathlib.Path(folder) / path.name)


def make_folder(folder, subformat='twoGbMaxExtentSparse', changes=None):
    """A VM folder: debian.vmx and its disk. Returns the path of the .vmx."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    copy_disk(vmdk(subformat), folder)
    path = folder / 'debian.vmx'
    vmxfile.write(path, vmxfile.workstation(**(changes or {})))
    return path
