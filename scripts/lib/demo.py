# demo.py: the demo once the packages are there; started again inside the emulated host where that is needed.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / 'tests'))
sys.path.insert(0, str(TOP / 'scripts/lib'))

import emuhost  # noqa: E402
import guest  # noqa: E402
import grubdisk  # noqa: E402
import ui  # noqa: E402

BUILD = TOP / 'build'
BERTH = BUILD / 'vmm/cli/berth'
LOGIN = 'berth-guest login:'
INSIDE = 'BERTH_DEMO_INSIDE'


def build():
    with ui.step('2/4 building'):
        if not (BUILD / 'build.ninja').exists():
            ui.run('meson', 'setup', BUILD, TOP)
        ui.run('ninja', '-C', BUILD, 'vmm/cli/berth', timeout=1800)


def vnc_changes(port):
    return {'RemoteDisplay.vnc.enabled': 'TRUE', 'RemoteDisplay.vnc.port': str(port)}


# A line that a menu paints one character at a time, and its frame, tell a reader nothing.
FRAME = re.compile(r'[-+| ]*|.')


class Console:
    """Prints the guest's console as it comes, line by line."""

    def __init__(self, vm):
        self.vm = vm
        self.shown = 0

    def show(self, last=False):
        text = ui.plain(self.vm.terminal.seen.decode(errors='replace'))
        end = len(text) if last else text.rfind('\n') + 1
        for line in text[self.shown:end].splitlines():
            if not FRAME.fullmatch(line.strip()):
                print('  | ' + line.rstrip(), flush=True)
        self.shown = max(self.shown, end)


def wait_for_login(vm, seconds):
    console, end = Console(vm), time.monotonic() + seconds
    while LOGIN not in vm.terminal.text():
        if vm.process.poll() is not None:
            raise ui.Failure(f'the VM ended with exit code {vm.process.returncode}\n{vm.stderr()}')
        if time.monotonic() > end:
            raise ui.Failure(f'no login prompt after {seconds} s\n{vm.describe()}')
        vm.terminal.fill(0.5)
        console.show()
    console.show(last=True)


def run_vm(folder, picture, port, keep):
    """Runs the VM to its login prompt, takes the picture, switches it off."""
    os.environ.setdefault('BERTH', str(BERTH))
    import berthlib
    import screen
    import vmxfile
    keys = vmxfile.parse((folder / 'debian.vmx').read_text())
    print(f'4/4 berth run {folder}/debian.vmx; the guest\'s serial console:', flush=True)
    with berthlib.Vm(folder, keys, name='debian', console=True) as vm:
        vm.start()
        wait_for_login(vm, 120 * berthlib.SLOW)
        text = vm.expect_screen(LOGIN, 60)
        shutil.copy(vm.screenshot(), picture)
        assert screen.read_text(picture)
        print('\nThe screen, read back from the picture:')
        print('\n'.join('  | ' + line for line in text.splitlines() if line.strip()))
        if keep:
            print(f'\nThe VM runs. VNC: vncviewer 127.0.0.1::{port}   (log in as root, no password; Ctrl-C ends the VM)', flush=True)
            try:
                while vm.running():
                    vm.terminal.fill(1)
            except KeyboardInterrupt:
                print('')
        if vm.running():
            print('\nPressing the power button (berth stop) ...', flush=True)
            berthlib.berth('stop', vm.vmx, timeout=120)
            code = vm.wait(60)
            if code != berthlib.OFF:
                raise ui.Failure(f'the VM ended with exit code {code}\n{vm.describe()}')


def inside():
    """The part that runs on the emulated host."""
    folder = pathlib.Path('/tmp/demo')
    shutil.copytree('/mnt/results/vm', folder)
    run_vm(folder, '/mnt/results/screen.png', 5901, keep=False)


def on_emulated_host(output):
    print('\nThis machine cannot run it directly: ' + emuhost.why_not_direct() + '.')
    print('The same VM runs inside an emulated host instead (QEMU TCG with AMD SVM, a Debian kernel, a true /dev/kvm): slower.', flush=True)
    with tempfile.TemporaryDirectory(prefix='berth-demo-lab-') as name:
        results = pathlib.Path(name)
        shutil.copytree(output, results / 'vm')
        status = emuhost.run(['/usr/bin/python3', '-B', TOP / 'scripts/lib/demo.py'], TOP, results,
                             {INSIDE: '1', 'BERTH_TEST_SLOW': '4', 'BERTH': str(BERTH)}, keep=[TOP], line=ui.say, timeout=900)
        if status == 0:
            shutil.copy(results / 'screen.png', output / 'screen.png')
        return status


def main():
    if INSIDE in os.environ:
        return inside()
    keep = '--keep' in sys.argv[1:]
    build()
    port = 5901
    output = pathlib.Path(os.environ.get('BERTH_DEMO_DIR') or tempfile.mkdtemp(prefix='berth-demo-'))
    print(f'3/4 a VM folder as Workstation leaves it: {output}', flush=True)
    guest.make_folder(output, grubdisk.SUBFORMATS[2], {'displayName': 'Berth demo', **vnc_changes(port)})
    if emuhost.direct():
        run_vm(output, output / 'screen.png', port, keep)
        status = 0
    else:
        status = on_emulated_host(output)
    if status != 0:
        raise ui.Failure(f'the demo did not get to the login prompt: exit status {status}')
    print(f'\nPicture of the screen:  {output}/screen.png')
    print(f'Run it yourself:        {BERTH} run {output}/debian.vmx --console')
    print(f'Watch it with VNC:      vncviewer 127.0.0.1::{port}      (while it runs)')
    return 0


sys.exit(ui.main(main))
