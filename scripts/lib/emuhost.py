# emuhost.py: a Linux host with a true /dev/kvm, emulated: QEMU TCG with SVM, a Debian kernel, this machine's files.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The emulated host sees / of this machine read-only through 9p and changes root into it, so that the build and every
# installed program are there as they are. /tmp, /run and their like are empty and in memory. Results leave through a
# second, writable share and over the console.
import os
import pathlib
import re
import select
import shlex
import subprocess
import time

import cache
import initramfs
import kernel as kernels
from ui import Failure, plain, step, with_us

HERE = pathlib.Path(__file__).resolve().parent
MODULES = ('virtio_pci', '9p', '9pnet_virtio', 'kvm-amd', 'tun', 'vhost_net', 'bridge', 'overlay')
COVERED = ('/tmp', '/run', '/var/tmp', '/root', '/mnt')
MEMORY_MB = 7168        # the largest guest of the lab, and what is needed beside it
END = re.compile(rb'emulated host: job ended with (\d+)')
# QEMU 7.2 now and then loses an interrupt of a host that has a guest: its SVM code changes the CPU's pending interrupts
# without the lock that the timers' thread holds. The local APIC still has it, but an idle CPU looks there only when
# another one comes: it would sleep for ever, its only timer lost. A character on its console is another one, and XON is
# nothing to a terminal.
NUDGE, NUDGE_SECONDS = b'\x11', 0.5


def direct():
    """True when this machine's own KVM can run an unmodified kernel."""
    try:
        flags = pathlib.Path('/proc/cpuinfo').read_text()
    except OSError:
        return False
    return bool(re.search(r'^flags\s*:.*\b(vmx|svm)\b', flags, re.M)) and os.access('/dev/kvm', os.R_OK | os.W_OK)


def why_not_direct():
    """One sentence for the user: why the emulated host is needed."""
    if not os.path.exists('/dev/kvm'):
        return 'this machine has no /dev/kvm'
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return 'this user may not open /dev/kvm (group kvm)'
    return ('the CPU shows neither vmx nor svm: /dev/kvm here runs guest kernel code through an instruction emulator, '
            'which an unmodified Linux kernel does not survive')


def image():
    """The kernel and the initramfs of the emulated host; made when the cache has none."""
    kernel = kernels.get()
    init = (HERE / 'emuhost-init.sh').read_text()
    key = cache.checksum('1', init, HERE / 'initramfs.py', HERE / 'kernel.py', initramfs.BUSYBOX, repr(MODULES), kernel.version)
    with step("making the emulated host's initramfs", quiet=(cache.root() / f'emuhost-{key}').is_dir()):
        place = cache.make('emuhost', key, lambda work: initramfs.build(kernel, MODULES, (), init, work / 'initrd.img'))
    return kernel.vmlinuz, place / 'initrd.img'


def _covered(path):
    return any(path == place or path.startswith(place + '/') for place in COVERED)


def _command(results, keep, memory_mb, kvm_args, amd_args):
    vmlinuz, initrd = image()
    keep = ':'.join(sorted({path for path in map(os.path.realpath, keep) if _covered(path)}))
    append = f'console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off tsc=reliable berth.keep={keep}'
    append += f' berth.kvm={kvm_args} berth.amd={amd_args}'
    # One CPU: with two, QEMU 7.2 now and then stores the host's own registers as the guest's when it leaves one, and the
    # guest ends with a triple fault that no monitor can help. The work is serial anyway.
    return ['qemu-system-x86_64', '-accel', 'tcg', '-cpu', 'max', '-smp', '1', '-m', str(memory_mb),
            '-nographic', '-nodefaults', '-serial', 'stdio', '-no-reboot', '-kernel', str(vmlinuz), '-initrd', str(initrd),
            '-append', append,
            '-fsdev', 'local,id=h,path=/,security_model=none,readonly=on,multidevs=remap',
            '-device', 'virtio-9p-pci,fsdev=h,mount_tag=host',
            '-fsdev', f'local,id=r,path={results},security_model=none',
            '-device', 'virtio-9p-pci,fsdev=r,mount_tag=results']


def job_text(argv, directory, environment):
    """The script that the emulated host runs: ARGV in DIRECTORY with ENVIRONMENT added."""
    lines = ['export HOME=/root TERM=dumb LANG=C.UTF-8 XDG_RUNTIME_DIR=/run/user TMPDIR=/tmp',
             'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']
    lines += [f'export {name}={shlex.quote(str(value))}' for name, value in environment.items()]
    lines += [f'cd {shlex.quote(str(directory))}', ' '.join(shlex.quote(str(word)) for word in argv)]
    return '\n'.join(lines) + '\n'


def _nudge(process):
    try:
        os.write(process.stdin.fileno(), NUDGE)
    except BrokenPipeError:     # it has just ended
        pass


def _pump(process, log, line, deadline):
    """Copies the console to LOG and calls LINE with each whole line until the end of the console or the deadline."""
    rest, status = b'', None
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Failure(f'the emulated host was still running after its time limit; its console is in {log.name}')
        ready, _, _ = select.select([process.stdout], [], [], min(left, NUDGE_SECONDS))
        if not ready:
            _nudge(process)
            continue
        data = os.read(process.stdout.fileno(), 65536)
        if not data:
            return status
        log.write(data)
        log.flush()
        *lines, rest = (rest + data).replace(b'\r', b'').split(b'\n')
        for text in lines:
            found = END.search(text)
            if found:
                status = int(found.group(1))
            elif line:
                line(plain(text.decode(errors='replace')).strip('\n'))


def run(argv, directory, results, environment=None, keep=(), line=None, timeout=1200, memory_mb=MEMORY_MB, kvm_args='', amd_args=''):
    """Boots the emulated host, runs ARGV there, returns its exit status.

    RESULTS is a directory that it sees as /mnt/results and may write to; console.log is kept there. KEEP names folders
    that ARGV needs and that may lie below /tmp. LINE is called with each line of the console.
    """
    results = pathlib.Path(results).resolve()
    results.mkdir(parents=True, exist_ok=True)
    (results / 'job.sh').write_text(job_text(argv, directory, environment or {}))
    command = _command(results, [directory, *keep], memory_mb, kvm_args, amd_args)
    with open(results / 'console.log', 'wb') as log:
        process = subprocess.Popen(with_us(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            status = _pump(process, log, line, time.monotonic() + timeout)
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
    if status is None:
        tail = (results / 'console.log').read_bytes().decode(errors='replace').splitlines()[-15:]
        raise Failure('the emulated host ended before the job did:\n' + '\n'.join(tail))
    return status
