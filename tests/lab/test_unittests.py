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
    text, status = unittests.run_test(berthlib.berth_path(), vmx, folder / 'test.log', 120)
    assert status == code, text
    assert unittests.verdict(text, status) == (word, '1 tests' if code == 0 else '1 tests: '), text
    assert 'svm.flat -one_test -other*\nNR_CPUS=1\nMEMSIZE=64\nTEST_DEVICE=0\n' in text, text


def test_no_end():
    assert unittests.verdict('one\ntwo\n', None) == ('FAIL', 'no end; last line: two')
