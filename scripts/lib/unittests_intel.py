# unittests_intel.py: the vmx tests of a kvm-unit-tests checkout as guests of Berth in the Intel lab host, which is Bochs.
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import re
import shlex
import shutil
import tempfile

import bochs
import inner
import unittests
from ui import Failure, say

MEMORY_MB = 2048        # the most that a test may have there
QUIET = 300             # seconds: a guest that spins with interrupts off keeps Bochs 2.7 from giving its host any
MARK = re.compile(r'^unit test (\S+): (begins|ends) at ')


def unsuitable(test):
    """Why a test is not run there, or None."""
    if test.memory > MEMORY_MB:
        return f'needs {test.memory} MiB, which the Intel lab host does not give'
    return test.skip


class Try:
    """One test under one monitor; HUNG are the parts that it goes without, TEXT what it printed."""

    def __init__(self, test, monitor):
        self.test, self.monitor = test, monitor
        self.name = test.name if monitor == 'berth' else f'{test.name}.{monitor}'
        self.hung, self.text = [], ''

    def put(self, kernels, tree):
        """The VM's folder in the CD's TREE, with the monitor's command line."""
        folder = tree / 'vm' / self.name
        unittests.make_vm(self.test, kernels, folder, map(unittests.word_of, self.hung))
        shutil.rmtree(folder / 'tree')
        place = pathlib.Path('/tmp/vm', self.name, 'test.vmx')
        words = (unittests.berth_words('/usr/bin/berth', place) if self.monitor == 'berth' else
                 unittests.qemu_words(self.test, place))
        (folder / 'command').write_text(shlex.join(map(str, words)) + '\n')

    def whole_text(self):
        return unittests.with_hung(self.text, self.hung)

    def verdict(self):
        found = unittests.DONE.search(self.text)
        return unittests.verdict(self.whole_text(), int(found.group(1)) if found else None)


class Console:
    """Takes the lab host's console line by line; keeps each test's text, prints what goes on."""

    def __init__(self):
        self.name, self.lines, self.texts = None, [], {}

    def line(self, text):
        mark = MARK.match(text)
        if mark:
            self.keep()
            self.name, self.lines = (mark.group(1), []) if mark.group(2) == 'begins' else (None, [])
        elif self.name:
            self.lines.append(text)
        if mark or unittests.PART.match(text):
            say(f'     {text}')

    def keep(self):
        if self.name:
            self.texts[self.name] = '\n'.join(self.lines) + '\n'


def boot(tries, kernels, berth, folder, timeout):
    """Runs TRIES in the lab host; {name: what it printed}, as far as that came."""
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        tree, content = pathlib.Path(name) / 'tree', pathlib.Path(name) / 'content.iso'
        inner.build_root(berth, tree, {inner.QEMU for one in tries if one.monitor == 'qemu'})
        for one in tries:
            one.put(kernels, tree)
        inner.make_iso(tree, content)
        place = bochs.prepare(folder, content, 'bochs-unittests.sh')
    bochs.boot(place, console.line, timeout, QUIET)
    console.keep()
    return console.texts


def go_on(tries, texts):
    """Takes over what TRIES printed; those that are to start again: without the part in which they ended, or because the part
    of another one took the host with it before their turn."""
    stopped = []
    for one in tries:
        one.text = texts.get(one.name, '')
        part = unittests.at_fault(one.text, one.hung)
        if part:
            one.hung.append(part)
            stopped.append(one)
    return [one for one in tries if one in stopped or stopped and one.name not in texts]


def tell(one, peer, results):
    """Prints the lines of one test and keeps its logs; whether it failed."""
    word, reason = one.verdict()
    say(f'{word} {one.name}{": " + reason if reason else ""}')
    (results / f'{one.name}.log').write_text(one.whole_text())
    if peer:
        (results / f'{peer.name}.log').write_text(peer.whole_text())
        say(f'     {one.name}: QEMU: {" ".join(peer.verdict())}; {unittests.difference(one.whole_text(), peer.whole_text())}')
    return word == 'FAIL'


def run(wanted, kernels, berth, results, timeout, beside_qemu=False):
    """Runs the tests there, again without a part that hangs or ends its test; prints a line for each, returns the number of failures."""
    absent = bochs.missing()
    if absent:
        raise Failure(f'the Intel lab host needs {", ".join(absent)}: scripts/nested-intel installs it')
    for test in wanted:
        if unsuitable(test):
            say(f'SKIP {test.name}: {unsuitable(test)}')
    tests = [test for test in wanted if not unsuitable(test)]
    ours, peers = [Try(test, 'berth') for test in tests], [Try(test, 'qemu') for test in tests if beside_qemu]
    tries = [*ours, *peers]
    while tries:
        tries = go_on(tries, boot(tries, kernels, berth, results / 'intel', timeout))
    return sum(tell(one, peer, results) for one, peer in zip(ours, peers or [None] * len(ours)))
