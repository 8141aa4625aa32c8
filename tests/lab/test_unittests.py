# test_unittests.py: scripts/kvm-unit-tests with a checkout of ours: a multiboot kernel gets its words and says how it ended.
# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

import berthlib
import payload
import unittests
import unittests_intel
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


def test_console_of_the_intel_host():
    """What belongs to a test is between its marks; a host that ended in the midst of one leaves what there was."""
    console = unittests_intel.Console()
    for line in ('unit test a: begins at 1 s', 'PASS: one', 'unit test a: ends at 2 s', 'intel host: between',
                 'unit test b: begins at 3 s', 'Test suite: part'):
        console.line(line)
    console.keep()
    assert console.texts == {'a': 'PASS: one\n', 'b': 'Test suite: part\n'}


def test_part_that_hangs_in_the_intel_host(tmp_path, checkout, monkeypatch, capsys):
    """The test starts again without the part; one that never said a word fails, one that needs too much is skipped."""
    (checkout / 'x86/unittests.cfg').write_text('[one]\nfile = vmx.flat\n[mute]\nfile = vmx.flat\n'
                                                '[big]\nfile = vmx.flat\nqemu_params = -m 2560\n')
    texts, boots = [{'one': 'Test suite: bad\n', 'one.qemu': 'PASS: bad\nSUMMARY: 4 tests\n--- DONE: 0 ---\n'},
                    {'one': 'SUMMARY: 3 tests\n--- DONE: 0 ---\n'}], []

    def boot(tries, kernels, berth, folder, timeout):
        boots.append([(one.name, list(one.hung)) for one in tries])
        return texts.pop(0)

    monkeypatch.setattr(unittests_intel, 'boot', boot)
    monkeypatch.setattr(unittests_intel.bochs, 'missing', list)
    wanted = unittests.tests(checkout, 'vmx', '')
    assert unittests_intel.run(wanted, checkout, '/bin/false', tmp_path, 1, True) == 2
    assert boots == [[('one', []), ('mute', []), ('one.qemu', []), ('mute.qemu', [])], [('one', ['bad']), ('mute', []), ('mute.qemu', [])]]
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ['SKIP big: needs 2560 MiB, which the Intel lab host does not give', 'FAIL one: 3 tests: bad: no end']
    assert lines[2] == '     one: QEMU: PASS 4 tests; otherwise under QEMU: bad: no end (FAIL, QEMU not reached); bad (not reached, QEMU PASS)'
    assert lines[3] == 'FAIL mute: no end; last line: nothing was printed'
    assert 'bad: no end' in (tmp_path / 'one.log').read_text()


def test_cd_of_the_intel_host(tmp_path, checkout):
    """Each monitor's folder has a CD of its own and the command that runs it there."""
    (checkout / 'x86/vmx.flat').write_bytes(b'kernel')
    test = unittests.tests(checkout, 'vmx', '')[0]
    for monitor in ('berth', 'qemu'):
        one = unittests_intel.Try(test, monitor)
        one.put(checkout, tmp_path)
        assert (tmp_path / 'vm' / one.name / 'test.iso').is_file() and not (tmp_path / 'vm' / one.name / 'tree').exists()
        command = (tmp_path / 'vm' / one.name / 'command').read_text()
        assert ('/usr/bin/berth run /tmp/vm/vmx/test.vmx ' if monitor == 'berth' else '-cdrom /tmp/vm/vmx.qemu/test.iso') in command
