# unittests.py: the nested tests of a kvm-unit-tests checkout as guests of Berth: builds them, makes CDs, runs them.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The tests are multiboot kernels for QEMU's -kernel; GRUB starts them as well. What they would ask QEMU for (memory, CPUs,
# no test device) stands in a file of environment variables that is their multiboot module, and the last line that they print
# says how they ended.
import configparser
import os
import pathlib
import re
import select
import shlex
import signal
import subprocess
import time

import grubdisk
import vmxfile
from ui import Failure, run

FILES = {'svm': ('svm.flat', 'svm_npt.flat'), 'vmx': ('vmx.flat',)}
MEMORY_MB = 512
TIMEOUT = 90            # seconds on a real machine, where a test names none
DONE = re.compile(r'--- DONE: (\d+) ---')
SKIPPED = 77 >> 1      # the exit code of a test that found nothing to test, as QEMU would shift it back

GRUB_CFG = """\
multiboot (cd)/test.flat {words}
module (cd)/environment
boot
"""


class Test:
    """One section of x86/unittests.cfg."""

    def __init__(self, name, section):
        self.name = name
        self.file = section['file']
        self.words = shlex.split(section.get('test_args', '').strip('"'))
        self.cpus = int(section.get('smp', '1'))
        self.timeout = int(section.get('timeout', TIMEOUT))
        self.skip = None
        parameters = section.get('qemu_params', '')
        memory = re.search(r'-m (\d+)(g?)', parameters)
        self.memory = max(MEMORY_MB, int(memory.group(1)) << (10 if memory.group(2) else 0)) if memory else MEMORY_MB
        changed = re.search(r'-cpu \S*?,((?:\+(?:svm|vmx),?|host-phys-bits,)*)([^ ,]\S*)', parameters)
        if changed and changed.group(2) not in ('+svm', '+vmx'):
            self.skip = f'wants another CPU: {changed.group(2)}'
        if 'nodefault' in section.get('groups', '').split():
            self.skip = 'not among the default ones'

    def accelerate(self, vendor):
        return self.file in FILES[vendor]


def tests(checkout, vendor, pattern):
    """The tests for this VENDOR (svm or vmx) whose names contain PATTERN, in the order of the file."""
    parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=('=',), default_section='none')
    parser.read(checkout / 'x86/unittests.cfg')
    found = [Test(name, parser[name]) for name in parser.sections() if 'file' in parser[name]]
    return [test for test in found if test.accelerate(vendor) and pattern in test.name]


def build(checkout, folder, vendor):
    """Builds the test kernels out of the tree, in FOLDER."""
    if not (checkout / 'x86/unittests.cfg').is_file():
        raise Failure(f'{checkout} is no checkout of kvm-unit-tests: it has no x86/unittests.cfg')
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / 'config.mak').exists():
        run(checkout / 'configure', '--arch=x86_64', cwd=folder)
    run('make', '-j', str(os.cpu_count() or 1), *(f'x86/{name}' for name in FILES[vendor]), cwd=folder, timeout=1800)


def make_vm(test, kernels, folder):
    """A VM folder for one test: a CD that starts it, and test.vmx."""
    tree = folder / 'tree'
    tree.mkdir(parents=True)
    (tree / 'test.flat').write_bytes((kernels / 'x86' / test.file).read_bytes())
    (tree / 'environment').write_text(f'NR_CPUS={test.cpus}\nMEMSIZE={test.memory}\nTEST_DEVICE=0\n')
    words = ' '.join(f"'{word}'" for word in (test.file, *test.words))
    grubdisk.boot_iso(tree, GRUB_CFG.format(words=words), folder / 'test.iso',
                      modules=(*grubdisk.SMALL_MODULES, 'multiboot'))
    vmxfile.write(folder / 'test.vmx', vmxfile.minimal(**{
        'vhv.enable': 'TRUE', 'guestOS': 'other-64', 'memsize': str(test.memory), 'numvcpus': str(test.cpus), 'logging': 'FALSE',
        'ide1:0.present': 'TRUE', 'ide1:0.deviceType': 'cdrom-image', 'ide1:0.fileName': 'test.iso'}))
    return folder / 'test.vmx'


def follow(process, log, deadline):
    """Reads the guest's console until its last line, its end or the deadline; returns the text."""
    text = b''
    while time.monotonic() < deadline:
        if not select.select([process.stdout], [], [], 1)[0]:
            continue
        data = os.read(process.stdout.fileno(), 65536)
        if not data:
            break
        log.write(data)
        log.flush()
        text += data
        if DONE.search(text[-4096:].decode(errors='replace')):
            break
    return text.decode(errors='replace').replace('\r', '')


def run_test(berth, vmx, log_path, timeout):
    """Runs the VM until the test has said its last word; returns (the console's text, its exit code or None)."""
    with open(log_path, 'wb') as log:
        process = subprocess.Popen([berth, 'run', vmx, '--console', '--no-log', '-q'], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            text = follow(process, log, time.monotonic() + timeout)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
    found = DONE.search(text)
    return text, int(found.group(1)) if found else None


def verdict(text, status):
    """One word and what to say beside it."""
    summary = (re.findall(r'^SUMMARY: (.*)$', text, re.M) or [''])[-1]
    if status == 0:
        return 'PASS', summary
    if status == SKIPPED:
        return 'SKIP', (re.findall(r'^SKIP: (.*)$', text, re.M) or [''])[-1]
    if status is None:
        last = text.strip().splitlines()[-1:] or ['nothing was printed']
        return 'FAIL', f'no end; last line: {last[0][:150]}'
    failed = [line[:100] for line in re.findall(r'^FAIL: (.*)$', text, re.M)]
    return 'FAIL', f'{summary}: {"; ".join(failed[:8])}'


def run_all(wanted, kernels, folder, results, berth, slow):
    """Runs the tests one after another and prints a line for each; logs stay in RESULTS. Returns the number of failures."""
    failures = 0
    for test in wanted:
        if test.skip:
            print(f'SKIP {test.name}: {test.skip}', flush=True)
            continue
        begin = time.monotonic()
        vmx = make_vm(test, kernels, pathlib.Path(folder) / test.name)
        text, status = run_test(berth, vmx, pathlib.Path(results) / f'{test.name}.log', test.timeout * slow)
        word, reason = verdict(text, status)
        failures += word == 'FAIL'
        print(f'{word} {test.name} {time.monotonic() - begin:.0f}s{": " + reason if reason else ""}', flush=True)
    return failures
