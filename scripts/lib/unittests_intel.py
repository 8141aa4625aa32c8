# unittests_intel.py: the vmx tests of a kvm-unit-tests checkout as guests of Berth in the Intel lab host, which is Bochs.
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import re
import shutil
import tempfile

import bochs
import inner
import unittests
from ui import Failure, say

MEMORY_MB = 2048        # the most that a test may have there
MARK = re.compile(r'^unit test (\S+): (begins|ends) at ')


def unsuitable(test):
    """Why a test is not run there, or None."""
    if test.memory > MEMORY_MB:
        return f'needs {test.memory} MiB, which the Intel lab host does not give'
    return test.skip


def cd(wanted, kernels, berth, hung, output):
    """A CD with Berth and a VM folder for each of the tests WANTED, without the parts of HUNG."""
    with tempfile.TemporaryDirectory() as name:
        tree = pathlib.Path(name)
        inner.build_root(berth, tree)
        for test in wanted:
            unittests.make_vm(test, kernels, tree / 'vm' / test.name, map(unittests.word_of, hung[test.name]))
            shutil.rmtree(tree / 'vm' / test.name / 'tree')
        inner.make_iso(tree, output)


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
        if text.startswith('unit test '):
            say(f'     {text}')

    def keep(self):
        if self.name:
            self.texts[self.name] = '\n'.join(self.lines) + '\n'


def boot(wanted, kernels, berth, hung, folder, timeout):
    """Runs the tests WANTED in the lab host; {name: what it printed}, as far as that came."""
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        content = pathlib.Path(name) / 'content.iso'
        cd(wanted, kernels, berth, hung, content)
        place = bochs.prepare(folder, content, 'bochs-unittests.sh')
    bochs.boot(place, console.line, timeout)
    console.keep()
    return console.texts


def tell(test, text, hung, results):
    """Prints the line of one test and keeps its log; whether it failed."""
    text = unittests.with_hung(text, hung)
    (results / f'{test.name}.log').write_text(text)
    found = unittests.DONE.search(text)
    word, reason = unittests.verdict(text, int(found.group(1)) if found else None)
    say(f'{word} {test.name}{": " + reason if reason else ""}')
    return word == 'FAIL'


def run(wanted, kernels, berth, results, timeout):
    """Runs the tests there, again without a part that hangs or ends its test; prints a line for each, returns the number of failures."""
    absent, failures = bochs.missing(), 0
    if absent:
        raise Failure(f'the Intel lab host needs {", ".join(absent)}: scripts/nested-intel installs it')
    for test in wanted:
        if unsuitable(test):
            say(f'SKIP {test.name}: {unsuitable(test)}')
    wanted = [test for test in wanted if not unsuitable(test)]
    hung = {test.name: [] for test in wanted}
    while wanted:
        texts, again = boot(wanted, kernels, berth, hung, results / 'intel', timeout), []
        for test in wanted:
            text = texts.get(test.name, '')
            part = unittests.at_fault(text, hung[test.name])
            if part:
                hung[test.name].append(part)
                again.append(test)
            else:
                failures += tell(test, text, hung[test.name], results)
        wanted = again
    return failures
