# initramfs.py: writes "newc" archives for the kernel without needing root, and the initramfs of guest and host.
# SPDX-License-Identifier: GPL-2.0-or-later
import gzip
import os
import pathlib
import shutil
import stat
import tempfile

BUSYBOX = pathlib.Path('/bin/busybox')


def _record(name, mode, data, number):
    # All files belong to root and carry no time: the same recipe gives the same bytes.
    encoded = name.encode() + b'\0'
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    head = b'070701' + b''.join(b'%08x' % field for field in fields) + encoded
    head += b'\0' * (-len(head) % 4)
    return head + data + b'\0' * (-len(data) % 4)


def archive(tree):
    """Directory TREE as a gzip-compressed cpio archive."""
    tree = pathlib.Path(tree)
    parts, number = [], 1
    for folder, folders, files in os.walk(tree):
        folders.sort()
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in sorted(files + links + [f for f in folders if f not in links]):
            path = pathlib.Path(folder) / name
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                data = os.readlink(path).encode()
            else:
                data = path.read_bytes() if stat.S_ISREG(mode) else b''
            parts.append(_record(str(path.relative_to(tree)), mode, data, number))
            number += 1
    parts.append(_record('TRAILER!!!', 0, b'', 0))
    return gzip.compress(b''.join(parts), 6, mtime=0)


def install_busybox(tree, applets, busybox=BUSYBOX):
    """Copies the static BUSYBOX and links APPLETS (names) to it in /bin."""
    binaries = pathlib.Path(tree) / 'bin'
    binaries.mkdir(parents=True, exist_ok=True)
    shutil.copy2(busybox, binaries / 'busybox')
    os.chmod(binaries / 'busybox', 0o755)
    for applet in applets:
        (binaries / applet).symlink_to('busybox')


def build(kernel, modules, optional, init, output, programs=(), busybox=BUSYBOX):
    """Writes an initramfs: busybox, MODULES of KERNEL, INIT as /init, and static PROGRAMS (paths) in /bin."""
    with tempfile.TemporaryDirectory() as name:
        tree = pathlib.Path(name)
        for folder in ('dev', 'proc', 'sys', 'mnt', 'sbin', 'tmp', 'run'):
            (tree / folder).mkdir()
        install_busybox(tree, ('sh', 'mount', 'umount', 'modprobe', 'switch_root', 'chroot', 'mkdir', 'echo', 'cat', 'sleep',
                               'poweroff', 'reboot', 'ls', 'sed', 'ip', 'mknod', 'ln', 'grep', 'dmesg', 'dd', 'md5sum', 'true'),
                        busybox)
        (tree / 'sbin/modprobe').symlink_to('../bin/busybox')   # the kernel's own request_module() calls this path
        kernel.copy_modules(modules, tree, optional)
        for program in programs:
            shutil.copy2(program, tree / 'bin')
        (tree / 'init').write_text(init)
        os.chmod(tree / 'init', 0o755)
        pathlib.Path(output).write_bytes(archive(tree))
