# test_nested.py: guests that are hypervisors: a Linux kernel on the third level, and whose backdoor answers where.
# SPDX-License-Identifier: GPL-2.0-or-later
import contextlib
import os
import pathlib
import re
import subprocess

import pytest

import berthlib
import guest
import inner
import lab

LONG = os.environ.get('BERTH_LAB_LONG')
OUTER_HARDWARE = 20


def content():
    """The CD with Berth, QEMU and the small VM; made outside when we run inside the emulated host."""
    made = os.environ.get('BERTH_GUEST_inner')
    return pathlib.Path(made) / 'inner.iso' if made else inner.iso(berthlib.berth_path(), (inner.QEMU,))


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
    """The small Linux under Berth on the first level: its disk comes from the CD."""
    subprocess.run(['xorriso', '-osirrox', 'on', '-indev', content(), '-extract', '/vm/small.vmdk', folder / 'small.vmdk'],
                   check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.chmod(folder / 'small.vmdk', 0o644)
    vm = berthlib.Vm(folder, {}, name='small', console=True)
    inner.write_vmx(folder / 'small.vmx', **changes)
    return vm


def said(text):
    """What the small Linux said about the backdoor: {words: answer}."""
    return dict(re.findall(r'inner: backdoor \[(.*?)\] (.*?)\s*$', text, re.M))


def check_rights(answers):
    """What is the same whenever the port obeys the CPU's rules."""
    assert answers[''] == 'fault', answers
    assert answers['ioperm'] == 'version 6', answers
    assert answers['iopl'] == 'version 6', answers
    assert answers['wrong'] == 'fault', answers
    assert answers['iopl wrong'] == 'empty port', answers
    assert answers['out'] == 'fault', answers
    assert answers['iopl nesting'] == 'nesting 2', answers
    assert answers['iopl hardware'] == f'hardware {inner.HARDWARE}', answers


RIGHTS = [(1, 'TRUE')] + ([(0, 'FALSE'), (0, 'TRUE')] if LONG else [])


def answers_of(folder, **changes):
    """Runs the small Linux to its end; what it said about the backdoor."""
    with small_vm(folder, **changes) as vm:
        vm.start()
        text = vm.expect(r'(?s).*inner: the end', 90).group(0)
        assert vm.wait(30) == berthlib.OFF, vm.describe()
        return said(text)


@pytest.mark.parametrize('backdoor,restrict', RIGHTS)
def test_backdoor_obeys_port_rights(folder, backdoor, restrict):
    """Restricted by the .vmx although KVM hands the port over, or by a KVM that does not."""
    with kvm(backdoor=backdoor):
        check_rights(answers_of(folder, **{'monitor_control.restrict_backdoor': restrict}))


def test_backdoor_for_every_program(folder):
    """KVM hands the port over and the .vmx does not restrict it: the magic number is all that a program needs."""
    with kvm(backdoor=1):
        answers = answers_of(folder)
    assert {words: answers[words] for words in ('', 'wrong', 'iopl wrong', 'out', 'iopl nesting', 'iopl hardware')} == {
        '': 'version 6', 'wrong': 'fault', 'iopl wrong': 'empty port', 'out': 'fault', 'iopl nesting': 'nesting 2',
        'iopl hardware': f'hardware {inner.HARDWARE}'}


def inner_guest(vm, command, timeout):
    """Runs COMMAND on the CD's root in the guest; what the third level said, and checks that it ran to its end."""
    text = vm.command(f'/mnt/run-inner /mnt {command} </dev/null 2>&1 || true', timeout)
    assert 'inner: the end' in text, text
    assert re.search(r'inner: kernel \d+\.\d+\S* is up', text), text
    return said(text)


QEMU_WORDS = ('-accel kvm -cpu host -m 128 -nodefaults -display none -vga none -serial stdio -no-reboot '
              '-drive file=/tmp/vm/small.vmdk,format=vmdk,if=ide,snapshot=on')


@pytest.mark.skipif(not LONG, reason='takes many minutes: BERTH_LAB_LONG=1 runs it')
@pytest.mark.parametrize('monitor', ['qemu', 'berth'])
def test_third_level_linux(folder, monitor):
    """The guest loads its KVM and starts a Linux kernel of its own, by QEMU or by Berth. Each level has its own backdoor."""
    changes = {'vhv.enable': 'TRUE', 'memsize': '768', 'ide1:0.present': 'TRUE', 'ide1:0.fileName': str(content())}
    words = {'qemu': f'{inner.QEMU} {QEMU_WORDS}', 'berth': '/usr/bin/berth run /tmp/vm/small.vmx --console --no-log'}
    with kvm(backdoor=1), lab.debian(folder, **changes) as vm:
        vm.start()
        vm.login()
        assert vm.command('checkvm') == 'version 6'
        assert vm.command('checkvm hardware') == f'hardware {OUTER_HARDWARE}'
        vm.command('modprobe kvm-amd && mount -t iso9660 -o ro /dev/sr0 /mnt')
        answers = inner_guest(vm, words[monitor], 600)
        assert answers[''] == 'fault' and answers['iopl'] == 'version 6', answers
        if monitor == 'berth':
            check_rights(answers)
        vm.command('umount -l /mnt')
        lab.power_off(vm)


@pytest.mark.skipif(not LONG, reason='takes minutes: BERTH_LAB_LONG=1 runs it')
def test_xen(folder):
    """Xen with Debian's kernel as domain 0; its tools start a PVH domain, which needs the CPU's virtualization."""
    import xen
    made = os.environ.get('BERTH_GUEST_xen')
    guest.copy_disk(pathlib.Path(made) if made else xen.disk(), folder)
    vm = berthlib.Vm(folder, {}, name='small', console=True)
    inner.write_vmx(folder / 'small.vmx', **{'vhv.enable': 'TRUE', 'memsize': '1024', 'ide0:0.fileName': 'xen.vmdk', 'hpet0.present': 'TRUE'})
    with vm:
        vm.start()
        text = vm.expect(r'(?s).*dom0: the end', 200).group(0)
        assert vm.wait(60) == berthlib.OFF, vm.describe()
        assert re.search(r'virt_caps\s*:.*\bhvm\b', text), text
        assert 'dom0: xl create ended with 0' in text, text
        assert re.search(r'inner: kernel \d+\.\d+\S* is up', text) and 'inner: the end' in text, text


def test_nesting_off(folder):
    """kvm_amd.nested = 0: a start that needs nesting says why and what to do; one that only wishes for it runs without."""
    with kvm(nested=0):
        done = berthlib.berth('host', '--nested')
        assert done.returncode == berthlib.HOST
        assert 'kvm_amd.nested = 0' in done.stdout and '/etc/modprobe.d/berth.conf' in done.stdout, done.stdout
        with small_vm(folder, **{'vhv.enable': 'TRUE'}) as vm:
            vm.start()
            assert vm.wait(30) == berthlib.HOST, vm.describe()
            assert 'kvm_amd.nested = 0' in vm.stderr() and 'modprobe.d' in vm.stderr(), vm.stderr()
