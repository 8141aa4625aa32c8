# test_unittests.py: scripts/kvm-unit-tests with a checkout of ours: a multiboot kernel gets its words and says how it ended.
# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

import berthlib
import payload
import unittests
import vmxfile
from ui import run

CONFIG = """\
# A comment.
[svm]
file = svm.flat
smp = 2
test_args = "-one_test -other*"
qemu_params = -cpu max,+svm -m 4g
arch = x86_64
groups = svm

[svm_no_npt]
file = svm.flat
qemu_params = -cpu max,+svm,-npt

[slow]
file = svm.flat
groups = svm nodefault

[vmx]
file = vmx.flat
timeout = 10

[realmode]
file = realmode.flat
"""


@pytest.fixture
def checkout(tmp_path):
    place = tmp_path / 'checkout'
    (place / 'x86').mkdir(parents=True)
    (place / 'x86/unittests.cfg').write_text(CONFIG)
    return place


def test_sections(checkout):
    found = {test.name: test for test in unittests.tests(checkout, 'svm', '')}
    assert list(found) == ['svm', 'svm_no_npt', 'slow']
    assert found['svm'].words == ['-one_test', '-other*'] and found['svm'].cpus == 2 and found['svm'].memory == 4096
    assert found['svm'].skip is None and '-npt' in found['svm_no_npt'].skip and 'default' in found['slow'].skip
    assert [test.timeout for test in unittests.tests(checkout, 'vmx', 'v')] == [10]
    assert unittests.tests(checkout, 'svm', 'nothing') == []
    assert [test.name for test in unittests.tests(checkout, 'svm', 'svm')] == ['svm']
    assert [test.name for test in unittests.tests(checkout, 'svm', 'sv')] == ['svm', 'svm_no_npt']


@pytest.mark.parametrize('code,word', [(0, 'PASS'), (1, 'FAIL')])
def test_kernel(folder, checkout, code, word):
    kernels = checkout / 'built'
    (kernels / 'x86').mkdir(parents=True)
    run('nasm', '-f', 'bin', '-w+error', f'-DCODE={code}', '-o', kernels / 'x86/svm.flat', payload.PAYLOADS / 'multiboot.asm')
    test = unittests.tests(checkout, 'svm', '')[0]
    test.memory, test.cpus = 64, 1
    vmx = unittests.make_vm(test, kernels, folder / 'vm')
    keys = vmxfile.parse(vmx.read_text())
    assert keys.pop('vhv.enable') == 'TRUE'         # for hosts that cannot nest
    vmxfile.write(vmx, keys)
    text, status = unittests.run_test(unittests.berth_words(berthlib.berth_path(), vmx), folder / 'test.log', 120, 60)
    assert status == code, text
    assert unittests.verdict(text, status) == (word, '1 tests' if code == 0 else '1 tests: '), text
    assert 'svm.flat -one_test -other*\nNR_CPUS=1\nMEMSIZE=64\nTEST_DEVICE=0\n' in text, text


def test_no_end():
    assert unittests.verdict('one\ntwo\n', None) == ('FAIL', 'no end; last line: two')


def test_beside_another():
    ours = 'PASS: a\nFAIL: b\nPASS: c\nFAIL: c\nSKIP: d (not supported)\n'
    assert unittests.outcomes(ours) == {'a': 'PASS', 'b': 'FAIL', 'c': 'FAIL', 'd (not supported)': 'SKIP'}
    assert unittests.difference(ours, ours) == 'the same under QEMU, all 4 parts'
    assert unittests.difference('PASS: a\nPASS: b\n', 'PASS: a\nFAIL: b\nPASS: e\n') == (
        'otherwise under QEMU: b (PASS, QEMU FAIL); e (not reached, QEMU PASS)')


def test_part_that_hangs(tmp_path, checkout, monkeypatch):
    """A part without an end is left out the next time, and counts as failed."""
    made, texts = [], [('SVM test: one\nPASS: one\nSVM test: two words\n', None),
                       ('PASS: one\nSVM test: three\nUnhandled exception\n', 63), ('PASS: one\nSUMMARY: 1 tests\n', 0)]
    monkeypatch.setattr(unittests, 'make_vm', lambda test, kernels, folder, without: made.append(list(without)))
    monkeypatch.setattr(unittests, 'run_test', lambda *words: texts.pop(0))
    runner = unittests.Runner(checkout, tmp_path, '/bin/false')
    text, status = runner.under('berth', unittests.tests(checkout, 'svm', '')[0], tmp_path)
    assert made == [[], ['two_words'], ['two_words', 'three']] and status == 0
    assert unittests.verdict(text, status) == ('FAIL', '1 tests: two words: no end; three: no end')
