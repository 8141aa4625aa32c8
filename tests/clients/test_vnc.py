# test_vnc.py: VNC programs that nobody here wrote look at the screen and type.
# SPDX-License-Identifier: GPL-2.0-or-later
import contextlib
import os
import re
import shutil
import socket
import subprocess
import time

import pytest
from PIL import Image

import berthlib
import grubdisk
import payload
import rfb
import screen
import vmxfile

PROMPT = """\
serial --unit=0 --speed=115200
terminal_input console
terminal_output console serial
normal
"""


def with_vnc(port, **changes):
    return {'RemoteDisplay.vnc.enabled': 'TRUE', 'RemoteDisplay.vnc.port': str(port), **changes}


def needs(*programs):
    for name in programs:
        if not shutil.which(name):
            pytest.skip(f'{name} is not installed')


def display(port):
    return f'127.0.0.1:{port - 5900}'


@contextlib.contextmanager
def x_server(folder):
    """Xvfb on a display of its own choice; gives the environment for its clients."""
    read, write = os.pipe()
    with open(folder / 'xvfb.log', 'wb') as log:
        process = subprocess.Popen(['Xvfb', '-displayfd', str(write), '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'],
                                   pass_fds=[write], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    os.close(write)
    try:
        with open(read, encoding='ascii') as line:
            number = line.readline().strip()
        assert number, (folder / 'xvfb.log').read_text()
        yield dict(os.environ, DISPLAY=f':{number}', HOME=str(folder))
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def viewer(folder, port, environment):
    """TigerVNC's viewer; yields the number of its window."""
    with open(folder / 'viewer.log', 'wb') as log:
        process = subprocess.Popen(['xtigervncviewer', '-SecurityTypes=None', '-AlertOnFatalError=0', '-ReconnectOnError=0',
                                    f'127.0.0.1::{port}'], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def window():
        assert process.poll() is None, (folder / 'viewer.log').read_text()
        found = subprocess.run(['xdotool', 'search', '--onlyvisible', '--name', 'TigerVNC'], env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.split()
        return found and found[-1]

    try:
        yield berthlib.wait_for(window, 30, "the viewer's window")
    finally:
        process.terminate()
        process.wait(10)


def test_gvnccapture(folder):
    """The picture that gvnccapture takes is the one that `berth screenshot` takes."""
    needs('gvnccapture')
    port = berthlib.vnc_port()
    with payload.machine(folder, 'picture', with_vnc(port)) as vm:
        vm.start()
        payload.wait_serial(vm, 'drawn')
        ours = vm.screenshot()
        time.sleep(1)
        subprocess.run(['gvnccapture', '-q', display(port), str(folder / 'theirs.png')], check=True, timeout=60,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert screen.difference(ours, folder / 'theirs.png') is None


def test_tigervnc_keys(folder):
    """Keys typed into TigerVNC's window arrive as scan codes, shifted ones too; the cursor keys and Escape as well."""
    needs('xtigervncviewer', 'Xvfb', 'xdotool')
    port = berthlib.vnc_port()
    text = 'Berth VNC 1-2+3'
    with payload.machine(folder, 'keys', with_vnc(port)) as vm, x_server(folder) as environment:
        vm.start()
        payload.wait_serial(vm, 'waiting for keys')
        with viewer(folder, port, environment) as window:
            time.sleep(2)
            subprocess.run(['xdotool', 'windowfocus', window], env=environment, check=False, timeout=20)
            subprocess.run(['xdotool', 'type', '--delay', '120', text], env=environment, check=True, timeout=60)
            payload.wait_keys(vm, len(text))
            subprocess.run(['xdotool', 'key', 'Up', 'Escape'], env=environment, check=True, timeout=20)
            assert vm.wait(30) == berthlib.OFF, vm.describe()
    keys = [line.split()[1] for line in payload.serial(vm).splitlines() if line.startswith('key ')]
    assert ''.join(chr(int(key[-2:], 16)) for key in keys[:len(text)]) == text
    assert keys[len(text)][-4:] in ('4800', '48e0')


def test_tigervnc_grub(folder):
    """The viewer types at GRUB's prompt; GRUB's answer is on the screen, and on a picture taken by a second program."""
    needs('xtigervncviewer', 'Xvfb', 'xdotool', 'gvnccapture')
    port = berthlib.vnc_port()
    grubdisk.grub_only_iso(folder / 'grub.iso', PROMPT)
    keys = vmxfile.minimal(**with_vnc(port, **{
        'ide1:0.present': 'TRUE', 'ide1:0.deviceType': 'cdrom-image', 'ide1:0.fileName': 'grub.iso', 'memsize': '128',
        'serial0.present': 'TRUE', 'serial0.fileType': 'file', 'serial0.fileName': 'serial.log'}))
    with berthlib.Vm(folder, keys) as vm, x_server(folder) as environment:
        vm.start()
        payload.wait_serial(vm, 'grub>', 240)
        with viewer(folder, port, environment) as window:
            time.sleep(2)
            subprocess.run(['xdotool', 'windowfocus', window], env=environment, check=False, timeout=20)
            subprocess.run(['xdotool', 'type', '--delay', '500', 'echo V9'], env=environment, check=True, timeout=60)
            subprocess.run(['xdotool', 'key', 'Return'], env=environment, check=True, timeout=20)
            # Few keys: where KVM emulates guest kernel code, GRUB takes seconds for each on a busy machine.
            berthlib.wait_for(lambda: 'V9' in vm.screen(), 300, "GRUB's answer; " + payload.serial(vm))
        subprocess.run(['gvnccapture', '-q', display(port), str(folder / 'grub.png')], check=True, timeout=60,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert 'V9' in screen.read_text(folder / 'grub.png')
        berthlib.berth('stop', '--hard', vm.vmx, check=0)
        assert vm.wait(20) == berthlib.KILLED, vm.describe()


def test_answers_before_the_guest(folder):
    """VNC greets as soon as the process runs; a client that says nonsense or nothing harms nobody."""
    port = berthlib.vnc_port()
    with payload.machine(folder, 'keys', with_vnc(port)) as vm:
        vm.start()

        def greeting():
            with socket.socket() as client:
                client.settimeout(2)
                try:
                    client.connect(('127.0.0.1', port))
                    return client.recv(12)
                except OSError:
                    return b''

        hello = berthlib.wait_for(greeting, 10, 'the VNC server')
        assert re.fullmatch(rb'RFB 003\.00[378]\n', hello), hello
        for nonsense in (b'\xff' * 4096, b'RFB 999.999\n' + bytes(64), b'RFB 003.008\n\x01\x01' + b'\x06\0\0\0\xff\xff\xff\xff' * 8):
            with socket.socket() as client:
                client.connect(('127.0.0.1', port))
                client.sendall(nonsense)
        payload.wait_serial(vm, 'waiting for keys')
        assert greeting() == hello
        vm.last_key()
        assert vm.wait(20) == berthlib.OFF, vm.describe()


def test_idle_screen_sends_nothing(folder):
    """An idle screen costs no bytes: a client that has asked for changes hears nothing while nothing changes."""
    port = berthlib.vnc_port()
    with payload.machine(folder, 'picture', with_vnc(port)) as vm:
        vm.start()
        payload.wait_serial(vm, 'drawn')
        with rfb.Client(port) as client:
            client.whole_screen()
            client.request(1)
            client.drain(2)                     # what the guest drew last may be under way
            client.request(1)
            assert client.silent(4), 'bytes for a screen that did not change'


def test_size_at_connect(folder):
    """A client that cannot follow changes of size is told the size of the mode that is shown now."""
    port = berthlib.vnc_port()
    with payload.machine(folder, 'picture', with_vnc(port)) as vm:
        vm.start()
        payload.wait_serial(vm, 'drawn')
        size = Image.open(vm.screenshot()).size
        with rfb.Client(port, resizes=False) as client:
            assert (client.width, client.height) == size
