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
QUIET = 30              # seconds without a word, on a real machine, after which a part of a test hangs
HANGS_MAX = 8           # parts that may hang or end the test, and are then left out, before the test is given up
DONE = re.compile(r'--- DONE: (\d+) ---')
NUMBER = re.compile(r'\b(?:0x)?[0-9a-f]{4,}\b')     # addresses and random bits: other ones every time
PART = re.compile(r'^(?:SVM test|Test suite): (.*?)\s*$', re.M)
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
    """The tests for this VENDOR (svm or vmx) in the order of the file: the one called PATTERN, else those whose names contain it."""
    parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=('=',), default_section='none')
    parser.read(checkout / 'x86/unittests.cfg')
    found = [Test(name, parser[name]) for name in parser.sections() if 'file' in parser[name]]
    found = [test for test in found if test.accelerate(vendor) and pattern in test.name]
    return [test for test in found if test.name == pattern] or found


def build(checkout, folder, vendor):
    """Builds the test kernels out of the tree, in FOLDER."""
    if not (checkout / 'x86/unittests.cfg').is_file():
        raise Failure(f'{checkout} is no checkout of kvm-unit-tests: it has no x86/unittests.cfg')
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / 'config.mak').exists():
        run(checkout / 'configure', '--arch=x86_64', cwd=folder)
    run('make', '-j', str(os.cpu_count() or 1), *(f'x86/{name}' for name in FILES[vendor]), cwd=folder, timeout=1800)


def make_vm(test, kernels, folder, without=()):
    """A VM folder for one test: a CD that starts it, WITHOUT some of its parts, and test.vmx."""
    tree = folder / 'tree'
    tree.mkdir(parents=True, exist_ok=True)
    (tree / 'test.flat').write_bytes((kernels / 'x86' / test.file).read_bytes())
    (tree / 'environment').write_text(f'NR_CPUS={test.cpus}\nMEMSIZE={test.memory}\nTEST_DEVICE=0\n')
    words = ' '.join(f"'{word}'" for word in (test.file, *test.words, *(f'-{part}' for part in without)))
    grubdisk.boot_iso(tree, GRUB_CFG.format(words=words), folder / 'test.iso',
                      modules=(*grubdisk.SMALL_MODULES, 'multiboot'))
    vmxfile.write(folder / 'test.vmx', vmxfile.minimal(**{
        'vhv.enable': 'TRUE', 'guestOS': 'other-64', 'memsize': str(test.memory), 'numvcpus': str(test.cpus), 'logging': 'FALSE',
        'ide1:0.present': 'TRUE', 'ide1:0.deviceType': 'cdrom-image', 'ide1:0.fileName': 'test.iso'}))
    return folder / 'test.vmx'


def follow(process, log, limit, quiet):
    """Reads the guest's console until its last word, its end, LIMIT seconds, or QUIET seconds without a word; the text."""
    text, deadline = b'', time.monotonic() + limit
    while time.monotonic() < deadline:
        if not select.select([process.stdout], [], [], quiet)[0]:
            break
        data = os.read(process.stdout.fileno(), 65536)
        if not data:
            break
        log.write(data)
        log.flush()
        text += data
        if DONE.search(text[-4096:].decode(errors='replace')):
            break
    return text.decode(errors='replace').replace('\r', '')


def berth_words(berth, vmx):
    return [berth, 'run', vmx, '--console', '--no-log', '-q']


def qemu_words(test, vmx):
    """The same CD, memory and CPUs under QEMU: what fails there too is the host's doing, not a monitor's."""
    return ['qemu-system-x86_64', '-accel', 'kvm', '-cpu', 'host', '-m', str(test.memory), '-smp', str(test.cpus), '-nodefaults',
            '-display', 'none', '-serial', 'stdio', '-no-reboot', '-cdrom', vmx.parent / 'test.iso']


def run_test(words, log_path, limit, quiet):
    """Runs a monitor (its command: WORDS) until the test has said its last word; returns (the console's text, its exit code or None)."""
    with open(log_path, 'wb') as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   start_new_session=True)
        try:
            text = follow(process, log, limit, quiet)
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
    failed = [line[:100] for line in re.findall(r'^FAIL: (.*)$', text, re.M)]
    if status == 0 and not failed:
        return 'PASS', summary
    if status == SKIPPED:
        return 'SKIP', (re.findall(r'^SKIP: (.*)$', text, re.M) or [''])[-1]
    if status is None:
        last = text.strip().splitlines()[-1:] or ['nothing was printed']
        return 'FAIL', f'no end; last line: {last[0][:150]}'
    return 'FAIL', f'{summary}: {"; ".join(dict.fromkeys(failed))}'


def word_of(part):
    """A part's name as the test's command line takes it."""
    return part.replace(' ', '_')


def whole(text):
    """True when the test went through all its parts, whatever came out."""
    return 'SUMMARY: ' in text


def at_fault(text, hung):
    """The part in which a test did not go on, when it is worth another try without: beside those of HUNG. Else None."""
    part = (PART.findall(text) or [''])[-1]
    return part if part and part not in hung and len(hung) < HANGS_MAX and not whole(text) else None


def with_hung(text, hung):
    """What a test printed, and a failure for each part that had to be left out."""
    return text + ''.join(f'\nFAIL: {part}: no end' for part in hung)


def outcomes(text):
    """What the test said of each of its parts: {part: PASS, FAIL or SKIP}; a part that failed once has failed."""
    said = {}
    for word, part in re.findall(r'^(PASS|FAIL|SKIP): (.*?)\s*$', NUMBER.sub('#', text), re.M):
        said[part] = 'FAIL' if 'FAIL' in (word, said.get(part)) else word
    return said


def difference(ours, peer):
    """One sentence: what came out otherwise under the other monitor."""
    ours, peer = outcomes(ours), outcomes(peer)
    other = [f'{part} ({ours.get(part, "not reached")}, QEMU {peer.get(part, "not reached")})'
             for part in dict.fromkeys([*ours, *peer]) if ours.get(part) != peer.get(part)]
    return f'otherwise under QEMU: {"; ".join(other)}' if other else f'the same under QEMU, all {len(ours)} parts'


class Runner:
    """Where the test kernels are, where the logs go, which monitors; SLOW multiplies the tests' own time limits."""

    def __init__(self, kernels, results, berth, slow=1, beside_qemu=False):
        self.kernels, self.results, self.berth = kernels, pathlib.Path(results), berth
        self.slow, self.beside_qemu = slow, beside_qemu

    def under(self, monitor, test, folder):
        """Runs one test under a monitor, again without a part that hangs or ends the test; (text, exit code or None)."""
        hung, log = [], self.results / f'{test.name}{"" if monitor == "berth" else "." + monitor}.log'
        while True:
            vmx = make_vm(test, self.kernels, folder, map(word_of, hung))
            words = berth_words(self.berth, vmx) if monitor == 'berth' else qemu_words(test, vmx)
            text, status = run_test(words, log, test.timeout * self.slow, QUIET * self.slow)
            part = at_fault(text, hung)
            if not part:
                return with_hung(text, hung), status
            hung.append(part)

    def one(self, test, folder):
        """Runs one test in FOLDER and prints its line; returns its verdict."""
        begin = time.monotonic()
        text, status = self.under('berth', test, folder)
        word, reason = verdict(text, status)
        print(f'{word} {test.name} {time.monotonic() - begin:.0f}s{": " + reason if reason else ""}', flush=True)
        if self.beside_qemu:
            peer, status = self.under('qemu', test, folder)
            print(f'     {test.name}: QEMU: {" ".join(verdict(peer, status))}; {difference(text, peer)}', flush=True)
        return word

    def all(self, wanted, folder):
        """Runs the tests one after another; returns the number of failures."""
        failures = 0
        for test in wanted:
            if test.skip:
                print(f'SKIP {test.name}: {test.skip}', flush=True)
            else:
                failures += self.one(test, pathlib.Path(folder) / test.name) == 'FAIL'
        return failures
