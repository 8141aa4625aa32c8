# test_nested.py: guests that are hypervisors: a Linux kernel on the third level, and whose backdoor answers where.
# SPDX-License-Identifier: GPL-2.0-or-later
import contextlib
import os
import pathlib
import re
import subprocess

import pytest

import berthlib
import inner
import lab

LONG = os.environ.get('BERTH_LAB_LONG')
OUTER_HARDWARE = 20


def content():
    """The CD with Berth, QEMU and the small VM; made outside when we run inside the emulated host."""
    made = os.environ.get('BERTH_GUEST_inner')
    return pathlib.Path(made) / 'inner.iso' if made else inner.iso(berthlib.berth_path(), (inner.QEMU,) if LONG else ())


def modprobe(*words):
    # The modules are in the emulated host's initramfs, which is the root of its first process.
    subprocess.run(['chroot', '/proc/1/root', '/bin/modprobe', *words], check=True, stdin=subprocess.DEVNULL)


@contextlib.contextmanager
def kvm(backdoor=0, nested=1):
    """KVM loaded anew with these parameters; the emulated host's own afterwards."""
    if not os.environ.get('BERTH_LAB'):
        pytest.skip('only the emulated host may have its KVM reloaded')
    try:
        modprobe('-r', 'kvm-amd')
        modprobe('-r', 'kvm')
        modprobe('kvm', f'enable_vmware_backdoor={backdoor}')
        modprobe('kvm-amd', f'nested={nested}')
        yield
    finally:
        modprobe('-r', 'kvm-amd')
        modprobe('-r', 'kvm')
        modprobe('kvm')
        modprobe('kvm-amd')


def small_vm(folder, **changes):
    """The small Linux under Berth on the first level: its CD is a file on the other CD."""
    subprocess.run(['xorriso', '-osirrox', 'on', '-indev', content(), '-extract', '/vm/small.iso', folder / 'small.iso'],
                   check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.chmod(folder / 'small.iso', 0o644)
    vm = berthlib.Vm(folder, {}, name='small', console=True)
    inner.write_vmx(folder / 'small.vmx', **changes)
    return vm


def said(text):
    """What the small Linux said about the backdoor: {words: answer}."""
    return dict(re.findall(r'inner: backdoor \[(.*?)\] (.*?)\s*$', text, re.M))


def check_vmware_checkvm(text, everybody):
    """What VMware's own program said, which the CD of the long form has: with a right to the port it always sees VMware."""
    said_so = {words: 'version 6 (good)' in answer for words, answer in
               re.findall(r'inner: vmware-checkvm \[(.*?)\] (.*?)\s*$', text, re.M)}
    assert said_so == ({'': everybody, 'iopl': True} if LONG else {}), text


def check_rights(text):
    """What is the same whenever the port obeys the CPU's rules."""
    answers = said(text)
    assert answers[''] == 'fault', answers
    assert answers['ioperm'] == 'version 6', answers
    assert answers['iopl'] == 'version 6', answers
    assert answers['wrong'] == 'fault', answers
    assert answers['iopl wrong'] == 'empty port', answers
    assert answers['out'] == 'fault', answers
    assert answers['iopl nesting'] == 'nesting 2', answers
    assert answers['iopl hardware'] == f'hardware {inner.HARDWARE}', answers
    check_vmware_checkvm(text, False)


def check_everybody(text):
    """The port is open to every program: the magic number is all that it needs."""
    answers = said(text)
    assert {words: answers[words] for words in ('', 'wrong', 'iopl wrong', 'out', 'iopl nesting', 'iopl hardware')} == {
        '': 'version 6', 'wrong': 'fault', 'iopl wrong': 'empty port', 'out': 'fault', 'iopl nesting': 'nesting 2',
        'iopl hardware': f'hardware {inner.HARDWARE}'}
    check_vmware_checkvm(text, True)


RIGHTS = [(1, 'TRUE')] + ([(0, 'FALSE'), (0, 'TRUE')] if LONG else [])


def words_of(folder, **changes):
    """Runs the small Linux to its end; what it said."""
    with small_vm(folder, **changes) as vm:
        vm.start()
        text = vm.expect(r'(?s).*inner: the end', 90).group(0)
        assert vm.wait(30) == berthlib.OFF, vm.describe()
        return text


@pytest.mark.parametrize('backdoor,restrict', RIGHTS)
def test_backdoor_obeys_port_rights(folder, backdoor, restrict):
    """Restricted by the .vmx although KVM hands the port over, or by a KVM that does not."""
    with kvm(backdoor=backdoor):
        check_rights(words_of(folder, **{'monitor_control.restrict_backdoor': restrict}))


def test_backdoor_for_every_program(folder):
    """KVM hands the port over and the .vmx does not restrict it."""
    with kvm(backdoor=1):
        check_everybody(words_of(folder))


def inner_guest(vm, command, timeout):
    """Runs COMMAND on the CD's root in the guest; what the third level said, and checks that it ran to its end."""
    text = vm.command(f'/mnt/run-inner /mnt {command} </dev/null 2>&1 || true', timeout)
    assert 'inner: the end' in text, text
    assert re.search(r'inner: kernel \d+\.\d+\S* is up', text), text
    return text


QEMU_WORDS = ('-accel kvm -cpu host -m 128 -nodefaults -display none -vga none -serial stdio -no-reboot '
              '-cdrom /tmp/vm/small.iso')


INNER = {'qemu': f'{inner.QEMU} {QEMU_WORDS}',
         **{name: f'/usr/bin/berth run /tmp/vm/{name}.vmx --console --no-log' for name in ('small', 'restricted')}}
# What runs the third level, whether the guest's own KVM hands the port over, whether every program then gets an answer.
THIRD = [('qemu', 0, False), ('small', 0, False), ('small', 1, True), ('restricted', 1, False)]


@pytest.mark.skipif(not LONG, reason='takes many minutes: BERTH_LAB_LONG=1 runs it')
@pytest.mark.parametrize('monitor,backdoor,everybody', THIRD)
def test_third_level_linux(folder, monitor, backdoor, everybody):
    """The guest loads its KVM and starts a Linux kernel of its own, by QEMU or by Berth. Each level has its own backdoor,
    whatever the level below does with its own."""
    changes = {'vhv.enable': 'TRUE', 'memsize': '1024', 'ide1:0.present': 'TRUE', 'ide1:0.fileName': str(content())}
    with kvm(backdoor=int(not everybody)), lab.debian(folder, **changes) as vm:
        vm.start()
        vm.login()
        assert vm.command('checkvm') == ('fault' if everybody else 'version 6')
        assert vm.command('checkvm iopl hardware') == f'hardware {OUTER_HARDWARE}'
        vm.command(f'modprobe kvm enable_vmware_backdoor={backdoor} && modprobe kvm-amd && mount -t iso9660 -o ro /dev/sr0 /mnt')
        text = inner_guest(vm, INNER[monitor], 300)
        if monitor == 'qemu':
            assert said(text)[''] == 'fault' and said(text)['ioperm'] == 'version 6', text
        else:
            (check_everybody if everybody else check_rights)(text)
        vm.command('umount -l /mnt')
        lab.power_off(vm)


def test_xen(folder):
    """Xen with Debian's kernel as domain 0; its tools start a PVH domain, which needs the CPU's virtualization."""
    cd = lab.made('xen') / 'xen.iso'
    vm = berthlib.Vm(folder, {}, name='small', console=True)
    inner.write_vmx(folder / 'small.vmx', **{**inner.NESTED, 'memsize': '1024', 'ide1:0.fileName': str(cd), 'hpet0.present': 'TRUE'})
    with vm:
        vm.start()
        text = vm.expect(r'(?s).*dom0: the end', 300).group(0)
        assert vm.wait(60) == berthlib.OFF, vm.describe()
        assert re.search(r'virt_caps\s*:.*\bhvm\b', text), text
        assert 'dom0: xl create ended with 0' in text, text
        assert re.search(r'inner: kernel \d+\.\d+\S* is up', text) and 'inner: the end' in text, text


def test_nesting_off(folder):
    """kvm_amd.nested = 0: a start that needs nesting says why and what to do; one that only wishes for it runs without."""
    with kvm(nested=0):
        done = berthlib.berth('host', '--nested')
        assert done.returncode == berthlib.HOST
        assert 'kvm_amd.nested = 0' in done.stdout and '/etc/modprobe.d/berth-nested.conf' in done.stdout, done.stdout
        with small_vm(folder, **inner.NESTED) as vm:
            vm.start()
            assert vm.wait(30) == berthlib.HOST, vm.describe()
            assert 'kvm_amd.nested = 0' in vm.stderr() and 'modprobe.d' in vm.stderr(), vm.stderr()
