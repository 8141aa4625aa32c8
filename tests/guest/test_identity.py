# test_identity.py: who a VM is: moved and copied folders, what survives power-off, the least memory.
# SPDX-License-Identifier: GPL-2.0-or-later
import hashlib
import shutil

import berthlib
import payload
import ui
import vmxfile


def files(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def keys(vmx):
    return vmxfile.parse(vmx.read_text())


def run(vmx):
    return berthlib.berth('run', vmx, timeout=60)


def small(folder, **changes):
    """A VM that has run once: it switches itself off after a few instructions."""
    vm = payload.machine(folder, 'cmos', {'ethernet0.present': 'TRUE', 'ethernet0.virtualDev': 'e1000', 'vmci0.present': 'TRUE',
                                          **changes}, {'BYTE': 0})
    assert run(vm.vmx).returncode == berthlib.OFF
    return vm.vmx


def copy(vmx, folder):
    shutil.copytree(vmx.parent, folder)
    return folder / vmx.name


def test_copied(folder):
    """A copy is refused until somebody says what it is; then it is somebody else, and the original who it was."""
    (folder / 'a').mkdir()
    original = small(folder / 'a')
    before = keys(original)
    assert before['ethernet0.generatedAddress'] == '00:0c:29:' + ':'.join(before['uuid.bios'].split()[-3:])
    twin = copy(original, folder / 'b')
    there = files(twin.parent)
    done = run(twin)
    assert done.returncode == berthlib.CONFIG and 'berth answer' in done.stderr, done.stderr
    assert files(twin.parent) == there
    assert 'another place' in berthlib.berth('check', twin, check=berthlib.CONFIG).stdout
    assert berthlib.berth('answer', twin, 'perhaps').returncode == berthlib.CONFIG       # a question of a running VM, and none runs
    berthlib.berth('answer', twin, 'copied', check=0)
    assert run(twin).returncode == berthlib.OFF
    after = keys(twin)
    changed = {key for key in after if after[key] != before.get(key)} | {key for key in before if key not in after}
    assert changed - {'cleanShutdown', 'softPowerOff'} == {'uuid.bios', 'uuid.location', 'ethernet0.generatedAddress', 'vmci0.id',
                                                           'vm.genid', 'vm.genidX', 'berth.location'}
    assert after['ethernet0.generatedAddress'] == '00:0c:29:' + ':'.join(after['uuid.bios'].split()[-3:])
    assert run(twin).returncode == berthlib.OFF and run(original).returncode == berthlib.OFF
    assert keys(original) == before and keys(twin) == after


def test_moved(folder):
    (folder / 'a').mkdir()
    vmx = small(folder / 'a')
    before = keys(vmx)
    vmx.parent.rename(folder / 'b')
    vmx = folder / 'b' / vmx.name
    assert run(vmx).returncode == berthlib.CONFIG
    berthlib.berth('answer', vmx, 'moved', check=0)
    assert run(vmx).returncode == berthlib.OFF
    after = keys(vmx)
    assert {key for key in after if after[key] != before.get(key)} == {'uuid.location', 'berth.location'}


def test_asked_on_a_terminal(folder):
    """The question, until it is answered; before that, what the file itself says."""
    (folder / 'a').mkdir()
    first = copy(small(folder / 'a', **{'uuid.action': 'create'}), folder / 'c')
    before = keys(first)
    assert run(first).returncode == berthlib.OFF
    assert keys(first)['uuid.bios'] != before['uuid.bios']
    first.write_text(first.read_text().replace('uuid.action', 'annotation'))
    twin = copy(first, folder / 'b')
    before = keys(twin)
    terminal = berthlib.Terminal(folder / 'terminal.log')
    process = berthlib.subprocess.Popen([berthlib.berth_path(), 'run', str(twin)], stdin=terminal.slave, stdout=terminal.slave,
                                        stderr=terminal.slave, env=berthlib.environment(), start_new_session=True)
    berthlib.wait_for(lambda: terminal.fill(0.1) and 'moved or copied?' in terminal.text(), 30, 'the question')
    terminal.send('who knows\n')
    berthlib.wait_for(lambda: terminal.fill(0.1) and 'Type moved or copied' in terminal.text(), 30, 'the question again')
    terminal.send('copied\n')
    berthlib.wait_for(lambda: terminal.fill(0.1) is not None and process.poll() is not None, 60, 'the end')
    assert process.returncode == berthlib.OFF, terminal.text()
    terminal.close()
    assert keys(twin)['uuid.bios'] != before['uuid.bios']


def test_firmware_settings(folder):
    """CMOS and a clock that the guest set are there at the next start; a damaged file is no reason not to start."""
    vm = payload.machine(folder, 'cmos', {'nvram': 'vm.nvram'}, {'BYTE': 0})
    (folder / 'vm.nvram').write_bytes(b'MRVN of somebody else')
    payload.run_to_end(vm)
    payload.assemble(folder, 'cmos', BYTE='0a5h', YEAR='31h')
    (folder / 'serial.log').unlink()
    payload.run_to_end(vm)
    assert (folder / 'vm.nvram').read_bytes() == b'MRVN of somebody else'
    (folder / 'vm.berth-nvram').write_bytes(b'garbage')
    payload.assemble(folder, 'cmos', BYTE='0')
    (folder / 'serial.log').unlink()
    payload.run_to_end(vm)
    assert 'starts with its defaults' in vm.stderr()


def assembled(folder):
    try:
        payload.assemble(folder, 'cmos', BYTE='0a5h', YEAR='31h')
        return True
    except ui.Failure:
        return False


def test_firmware_settings_of_a_killed_process(folder):
    """What the guest wrote is in the file a little later, without an end."""
    vm = payload.machine(folder, 'cmos', {'nvram': 'vm.nvram'}, {'BYTE': 0, 'STAY': 1})
    with vm:
        vm.start()
        payload.wait_serial(vm, 'written')
        berthlib.wait_for((folder / 'vm.berth-nvram').exists, 30, 'the settings to be written')
    assert not [path for path in folder.iterdir() if 'berth-nvram.' in path.name]
    # The kernel lets go of the files of a killed process a little after its end.
    berthlib.wait_for(lambda: assembled(folder), 30, 'the disk to be free')
    (folder / 'serial.log').unlink()
    payload.run_to_end(vm)


def test_four_megabytes(folder):
    """The least that SeaBIOS and VMware take."""
    payload.run_to_end(payload.machine(folder, 'ports', {'memsize': '4', 'berth.memory.backing': 'normal'}))
