# xen.py: a CD with Xen, Debian's kernel as domain 0 and a PVH domain, for the long form of the nesting tests.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian 12's packages, unpacked and not installed.
import gzip
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import cache
import grubdisk
import initramfs
import inner
import kernel as kernels
from ui import Failure, run, step

PACKAGES = ('xen-hypervisor-4.17-amd64', 'xen-utils-4.17', 'xen-utils-common', 'libxenmisc4.17', 'libxentoollog1', 'libxenstore4',
            'libxencall1', 'libxenevtchn1', 'libxenforeignmemory1', 'libxengnttab1', 'libxenhypfs1', 'libxentoolcore1',
            'libxendevicemodel1', 'xenstore-utils', 'libyajl2')
TOOLS = ('xl', 'xenstored', 'xenconsoled', 'xen-init-dom0')
THREAD_END = ('/lib/x86_64-linux-gnu/libgcc_s.so.1',)    # the C library loads it when a thread is cancelled
MODULES = ('xen-evtchn', 'xen-gntdev', 'xen-gntalloc', 'xen-privcmd', 'xenfs')

# smap=0: an emulated host of QEMU before 9.1 takes an IRET of domain 0, which runs in ring 3, for the kernel's, and SMAP then
# forbids it to read its own stack.
GRUB_CFG = """\
multiboot2 (cd)/xen dom0_mem=384M,max:384M dom0_max_vcpus=1 console=com1 com1=115200,8n1 loglvl=all guest_loglvl=warning smap=0 noreboot
module2 (cd)/vmlinuz console=hvc0 quiet mitigations=off
module2 (cd)/initrd.img
boot
"""


def unpack(work):
    for package in PACKAGES:
        run('apt-get', '-q', 'download', package, cwd=work, timeout=300)
    for deb in work.glob('*.deb'):
        run('dpkg', '-x', deb, work / 'tree')
    return work / 'tree'


def libraries(program, tree):
    """Libraries of PROGRAM: those of TREE first, then this machine's."""
    places = [tree / 'usr/lib/x86_64-linux-gnu', tree / 'lib/x86_64-linux-gnu', *tree.glob('usr/lib/xen-*/lib/x86_64-linux-gnu')]
    done = subprocess.run(['ldd', program], stdout=subprocess.PIPE, text=True,
                          env=dict(os.environ, LD_LIBRARY_PATH=':'.join(map(str, places))))
    if 'not found' in done.stdout:
        raise Failure(f'{program}: {done.stdout}')
    return re.findall(r'(/\S+) \(0x', done.stdout)


def domain0(kernel, tree, output):
    """The initramfs that is domain 0's root: Xen's tools, their libraries, and the inner domain."""
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for folder in ('dev', 'proc', 'sys', 'run', 'tmp', 'var', 'sbin', 'inner', 'lib64', 'usr/lib/x86_64-linux-gnu'):
            (root / folder).mkdir(parents=True, exist_ok=True)
        listed = run(initramfs.BUSYBOX, '--list').split()
        initramfs.install_busybox(root, [name for name in listed if name not in ('busybox', '[[')])
        (root / 'sbin/modprobe').symlink_to('../bin/busybox')
        kernel.copy_modules(MODULES, root)
        for tool in TOOLS:
            source = next(tree.glob(f'usr/lib/xen-*/bin/{tool}'))
            target = root / source.relative_to(tree)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
            for library in [*libraries(source, tree), *THREAD_END]:
                loader = library.startswith('/lib64/')
                place = root / ('lib64' if loader else 'usr/lib/x86_64-linux-gnu') / pathlib.Path(library).name
                shutil.copyfile(os.path.realpath(library), place)
                place.chmod(0o755)
        (root / 'etc').mkdir()
        (root / 'etc/ld.so.conf').write_text('/usr/lib/x86_64-linux-gnu\n')
        run('/sbin/ldconfig', '-r', root)
        inner.small_files(kernel, root / 'inner', 'inner-init.sh', ())
        (root / 'init').write_text((inner.HERE / 'xen-init.sh').read_text())
        (root / 'init').chmod(0o755)
        pathlib.Path(output).write_bytes(initramfs.archive(root))


def build(kernel, work):
    tree = unpack(work)
    root = work / 'root'
    root.mkdir()
    (root / 'xen').write_bytes(gzip.decompress(next((tree / 'boot').glob('xen-*.gz')).read_bytes()))
    shutil.copyfile(kernel.vmlinuz, root / 'vmlinuz')
    domain0(kernel, tree, root / 'initrd.img')
    grubdisk.boot_iso(root, GRUB_CFG, work / 'xen.iso', 'XEN', (*grubdisk.SMALL_MODULES, 'multiboot2'))
    for leftover in work.glob('*.deb'):
        leftover.unlink()
    for leftover in (tree, root):
        shutil.rmtree(leftover)


def iso():
    """The CD in the cache, as a path."""
    kernel = kernels.get()
    sources = [inner.HERE / name for name in ('xen.py', 'xen-init.sh', 'inner.py', 'inner-init.sh', 'initramfs.py', 'grubdisk.py')]
    with step('making the CD with Xen'):
        return cache.make('xen', cache.checksum(*sources, kernel.version), lambda work: build(kernel, work)) / 'xen.iso'
