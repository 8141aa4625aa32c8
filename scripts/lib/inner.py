# inner.py: what nesting is tried with: a small Linux VM, and a CD with Berth, its libraries, SeaBIOS and that VM.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The CD is for a guest that has none of this machine's files: it mounts it and calls /run-inner, and Berth runs there.
import os
import pathlib
import shutil
import tempfile

import cache
import grubdisk
import initramfs
import kernel as kernels
import vmxfile
from ui import run, step

HERE = pathlib.Path(__file__).resolve().parent
FIRMWARE = pathlib.Path('/usr/share/seabios')
FIRMWARE_FILES = ('bios-256k.bin', 'vgabios-vmware.bin')
MODULES = ('kvm-amd', 'kvm-intel')
# Without PCIe root ports, which take long to look at on a third level; nesting needs a newer one.
HARDWARE, NESTED_HARDWARE = 6, 14
QEMU = '/usr/bin/qemu-system-x86_64'
ARGUMENTS = 'console=ttyS0,115200n8 quiet mitigations=off nokaslr tsc=reliable panic=-1'

GRUB_CFG = f"""\
linux (cd)/vmlinuz {ARGUMENTS}
initrd (cd)/initrd.img
boot
"""

# Runs in the guest that mounted the CD. The folders of the new root that must be writable are in memory.
RUN = """\
#!/bin/sh
# Runs a command in the root that this CD is: run FOLDER COMMAND...
root=$1
shift
mount -t tmpfs -o size=80% tmpfs $root/tmp
mount -t tmpfs tmpfs $root/run
for place in dev proc sys; do
	mount --bind /$place $root/$place
done
/bin/busybox cp -r $root/vm $root/tmp/vm
exec chroot $root "$@"
"""


def compile_static(name, output):
    run('gcc', '-std=gnu17', '-Os', '-static', '-s', '-o', output, HERE / f'{name}.c')


def programs(work):
    """The two programs that the inner guest has beside busybox, in WORK."""
    for name in ('level3', 'checkvm'):
        compile_static(name, work / name)
    return [work / 'level3', work / 'checkvm']


def vmware_checkvm(tree):
    """VMware's own program and its libraries in TREE: Debian's package, unpacked and not installed."""
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        run('apt-get', '-q', 'download', 'open-vm-tools', cwd=work, timeout=300)
        run('dpkg', '-x', next(work.glob('*.deb')), work / 'package')
        source = work / 'package/usr'
        for path in (source / 'bin/vmware-checkvm', *source.glob('lib/**/libvmtools.so.0')):
            copy_program(path, tree, work / 'package')
        (tree / 'etc').mkdir()
        (tree / 'etc/ld.so.conf').write_text('/usr/lib/x86_64-linux-gnu\n/lib/x86_64-linux-gnu\n')
        run('/sbin/ldconfig', '-r', tree)


def small_files(kernel, work, init, modules, with_tools=False):
    """vmlinuz and initrd.img of the small Linux in WORK."""
    shutil.copyfile(kernel.vmlinuz, work / 'vmlinuz')
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as more:
        if with_tools:
            vmware_checkvm(pathlib.Path(more))
        initramfs.build(kernel, modules, (), (HERE / init).read_text(), work / 'initrd.img',
                        programs(pathlib.Path(name)), more=more)


def small_vm(kernel, folder, init='inner-init.sh', modules=MODULES, with_tools=False):
    """A VM folder with the small Linux on a CD: small.iso, small.vmx, restricted.vmx whose backdoor is, nested.vmx with
    vhv.enable, and spin.vmx, whose inner guest never ends.

    On a CD, since a firmware reads that in pieces four times as big as a disk's, and each piece is several exits.
    """
    with tempfile.TemporaryDirectory() as name:
        tree = pathlib.Path(name)
        small_files(kernel, tree, init, modules, with_tools)
        grubdisk.boot_iso(tree, GRUB_CFG, folder / 'small.iso')
    write_vmx(folder / 'small.vmx')
    write_vmx(folder / 'restricted.vmx', **{'monitor_control.restrict_backdoor': 'TRUE'})
    write_vmx(folder / 'nested.vmx', **NESTED)
    write_vmx(folder / 'spin.vmx', **NESTED, **SPIN)


# Its memory: Linux sets some aside for each of the 128 processors that the tables of this hardware version list.
NESTED = {'vhv.enable': 'TRUE', 'virtualHW.version': str(NESTED_HARDWARE), 'memsize': '256'}
SPIN = {'serial1.present': 'TRUE', 'serial1.fileType': 'file', 'serial1.fileName': 'spin.txt'}


def write_vmx(path, **changes):
    """The .vmx of the small Linux, changed by CHANGES. Its hardware version tells its backdoor from another."""
    keys = {'virtualHW.version': str(HARDWARE), 'displayName': 'inner', 'guestOS': 'debian12-64', 'memsize': '128',
            'ide1:0.present': 'TRUE', 'ide1:0.deviceType': 'cdrom-image', 'ide1:0.fileName': 'small.iso', 'logging': 'FALSE'}
    vmxfile.write(path, vmxfile.minimal(**{**keys, **changes}))


def copy_program(program, tree, root='/'):
    """PROGRAM and its libraries, at the paths where they are below ROOT. Follows links, so that the tree has none."""
    import guest
    for source in [program, *guest.libraries(program)]:
        path = os.path.abspath(source)
        target = tree / os.path.relpath(path, root if path.startswith(str(root)) else '/')
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copyfile(os.path.realpath(source), target)
            target.chmod(0o755)


def build_root(berth, tree, extra=()):
    """The root file system of the CD: busybox, Berth as /usr/bin/berth, SeaBIOS, an empty /vm, /run-inner; and EXTRA programs."""
    for folder in ('dev', 'proc', 'sys', 'tmp', 'run', 'usr/bin', 'vm'):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    initramfs.install_busybox(tree, ('sh', 'cat', 'ls', 'echo', 'sleep', 'dmesg', 'grep', 'env', 'md5sum', 'dd', 'true'))
    for program in extra:
        copy_program(program, tree)
    copy_program(berth, tree)
    shutil.move(tree / os.path.abspath(berth).lstrip('/'), tree / 'usr/bin/berth')
    (tree / FIRMWARE.relative_to('/')).mkdir(parents=True)
    for name in FIRMWARE_FILES:
        shutil.copyfile(FIRMWARE / name, tree / FIRMWARE.relative_to('/') / name)
    (tree / 'run-inner').write_text(RUN)
    (tree / 'run-inner').chmod(0o755)


def make_iso(tree, output):
    run('xorriso', '-as', 'mkisofs', '-quiet', '-R', '-V', 'INNER', '-o', output, tree)


def recipe(kernel, berth, extra):
    sources = [HERE / name for name in ('inner.py', 'inner-init.sh', 'level3.c', 'checkvm.c', 'initramfs.py', 'grubdisk.py')]
    return cache.checksum(*sources, pathlib.Path(berth), *(FIRMWARE / name for name in FIRMWARE_FILES), repr(extra),
                          kernel.version)


def iso(berth, extra=()):
    """The CD in the cache, as a path; with EXTRA programs and their libraries, and VMware's own vmware-checkvm in the small Linux."""
    kernel = kernels.get()

    def build(work):
        with tempfile.TemporaryDirectory() as name:
            build_root(berth, pathlib.Path(name), extra)
            small_vm(kernel, pathlib.Path(name) / 'vm', with_tools=bool(extra))
            make_iso(name, work / 'inner.iso')

    key = recipe(kernel, berth, extra)
    with step('making the CD with Berth on it', quiet=(cache.root() / f'inner-{key}').is_dir()):
        return cache.make('inner', key, build) / 'inner.iso'
