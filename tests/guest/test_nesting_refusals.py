# test_nesting_refusals.py: what asks for nesting and cannot have it: exit code and words, the same as `berth host --nested`.
# SPDX-License-Identifier: GPL-2.0-or-later
import json

import pytest

import berthlib
import payload
from test_commands import refused, write

MASK = '----:----:----:----:----:----:--{}-:----'
DEMANDS = {'key': {'vhv.enable': 'TRUE'}, 'feature mask': {'featMask.vm.hv.capable': 'Min:1'}, 'mask': {'cpuid.1.ecx': MASK.format('T')},
           'feature': {'featMask.vm.cpuid.SVM': 'Min:1'}}
ALWAYS = {      # (exit code, words, keys)
    'iommu': (berthlib.CONFIG, ('vvtd.enable', 'virtual IOMMU', 'FALSE'), {'vvtd.enable': 'TRUE'}),
    'old hardware': (berthlib.CONFIG, ('vhv.enable', 'hardware version'), {'vhv.enable': 'TRUE', 'virtualHW.version': '7'}),
    'feature mask': (berthlib.CONFIG, ('featMask.vm.hv.capable',), {'featMask.vm.hv.capable': '1'}),
    'vmcs without nesting': (berthlib.CONFIG, ('berth.hyperv.evmcs', 'vhv.enable'),
                             {'berth.hyperv.evmcs': 'TRUE', 'berth.hyperv.vapic': 'TRUE'}),
    'contradiction': (berthlib.CONFIG, ('cpuid.1.ecx', 'vhv.enable', 'forbids'),
                      {'cpuid.1.ecx': MASK.format('T'), 'vhv.enable': 'FALSE'}),
    'two faces': (berthlib.CONFIG, ('hypervisor.cpuid.v0',), {'berth.hyperv.relaxed': 'TRUE', 'hypervisor.cpuid.v0': 'FALSE'}),
}


def host_list():
    return json.loads(berthlib.berth('host', '--nested', '--json').stdout)


def obstacle():
    """The first item of this host's list that says no; skips where nesting works."""
    no = [item for item in host_list() if item['verdict'] == 'no']
    if not no:
        pytest.skip('this host can nest')
    return no[0]


@pytest.mark.parametrize('demand', DEMANDS)
def test_demanded_and_impossible(folder, demand):
    item = obstacle()
    refused(folder, write(folder, **DEMANDS[demand]), berthlib.HOST, next(iter(DEMANDS[demand])), item['text'], item['remedy'],
            'berth host --nested')


@pytest.mark.parametrize('wish', [{'guestOS': 'winhyperv'}, {'guestOS': 'vmkernel7', 'memsize': '64'},
                                  {'cpuid.1.ecx': MASK.format('h')}])
def test_wished_for_and_impossible(folder, wish):
    """The VM runs without, and says why."""
    item = obstacle()
    with payload.machine(folder, 'hang', wish) as vm:
        vm.start()
        berthlib.wait_for(lambda: 'runs without: ' + item['text'] in vm.stderr(), 30, 'the warning')
        berthlib.wait_for(lambda: berthlib.berth('status', vm.vmx).returncode == 0, 30, 'the VM to run')
        assert 'inner_guest' not in vm.json('status', vm.vmx)


@pytest.mark.parametrize('case', ALWAYS)
def test_refused_anywhere(folder, case):
    code, words, keys = ALWAYS[case]
    refused(folder, write(folder, **keys), code, *words)


def test_host_that_is_a_vm(folder):
    """vmx.allowNested: FALSE refuses, whatever the VM wants."""
    inside = next(item for item in host_list() if item['name'] == 'inside')
    if inside['verdict'] != 'note':
        pytest.skip('this host is no virtual machine')
    refused(folder, write(folder, **{'vmx.allowNested': 'FALSE'}), berthlib.HOST, 'vmx.allowNested', 'virtual machine', '/etc/berth/config')
