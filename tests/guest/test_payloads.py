# test_payloads.py: real-mode programs of our own that look at the machine from inside.
# SPDX-License-Identifier: GPL-2.0-or-later
import re
import struct
import time

import pytest
from PIL import Image

import berthlib
import payload
import screen
import vmxfile


@pytest.mark.parametrize('name', ['ports', 'mmio', 'dma'])
def test_payload(folder, name):
    lines = payload.run_to_end(payload.machine(folder, name, {'hpet0.present': 'TRUE'}), 90)
    assert sum(line.startswith('ok ') for line in lines) >= 10


def test_string_io(folder):
    lines = payload.run_to_end(payload.machine(folder, 'string'))
    assert 'rep outsb says hello' in lines
    assert sum(line.startswith('ok ') for line in lines) >= 15


def test_backdoor(folder):
    vm = payload.machine(folder, 'backdoor')
    lines = payload.run_to_end(vm)
    value = {word: int(number, 16) for word, number in (line.split() for line in lines if re.fullmatch(r'\w+ [0-9a-f]{8}', line))}
    uuid = bytes.fromhex(vmxfile.parse(vm.vmx.read_text())['uuid.bios'].replace(' ', '').replace('-', ''))
    assert struct.pack('<4I', *(value[f'uuid{index}'] for index in range(4))) == uuid
    assert abs(value['time'] - time.time()) < 60
    assert value['hz'] > 10_000_000
    assert value['vcpu'] & 0x80000000 == 0 or value['vcpu'] == 0xffffffff


@pytest.mark.parametrize('path', ['i8042', 'port92', 'cf9', 'cf9-full', 'vector', 'acpi', 'ctrl-alt-delete', 'i8042-output-port'])
def test_reset(folder, path):
    number = ['i8042', 'port92', 'cf9', 'cf9-full', 'vector', 'acpi', 'ctrl-alt-delete', 'i8042-output-port'].index(path) + 1
    vm = payload.machine(folder, 'reset', defines={'RESET': number})
    if path != 'ctrl-alt-delete':
        lines = payload.run_to_end(vm)
    else:
        with vm:
            vm.start()
            payload.wait_serial(vm, 'first boot')
            berthlib.berth('sendkey', vm.vmx, 'ctrl-alt-delete', check=0)
            assert vm.wait(30) == berthlib.OFF, vm.describe()
        lines = payload.serial(vm).splitlines()
    assert [line for line in lines if 'boot' in line] == ['first boot', 'second boot']


def test_reset_command(folder):
    with payload.machine(folder, 'reset', defines={'RESET': 7}) as vm:
        vm.start()
        payload.wait_serial(vm, 'first boot')
        berthlib.berth('reset', vm.vmx, check=0)
        assert vm.wait(30) == berthlib.OFF, vm.describe()
        assert 'second boot' in payload.serial(vm)


def test_triple_fault(folder):
    with payload.machine(folder, 'triple') as vm:
        vm.start()
        code = vm.wait(30)
        assert 'about to triple fault' in payload.serial(vm), vm.describe()
        assert 'still here' not in payload.serial(vm)
        assert code == berthlib.CRASH, vm.describe()
        assert re.search('triple fault', vm.stderr(), re.I), vm.stderr()


def test_storm(folder):
    """While the guest does nothing but exits, the control socket answers promptly."""
    with payload.machine(folder, 'storm', defines={'ROUNDS': 20}) as vm:
        vm.start()
        payload.wait_serial(vm, 'storm begins')
        slowest = 0.0
        while vm.running() and 'ok storm' not in payload.serial(vm):
            begin = time.monotonic()
            berthlib.berth('status', vm.vmx, timeout=10)
            slowest = max(slowest, time.monotonic() - begin)
            time.sleep(0.2)
        assert vm.wait(120) == berthlib.OFF, vm.describe()
        assert 'ok storm' in payload.serial(vm)
        assert slowest < 10 * berthlib.SLOW


def test_graphics_mode(folder):
    """Mode 13h, pixel by pixel, against a picture computed here."""
    with payload.machine(folder, 'picture') as vm:
        vm.start()
        payload.wait_serial(vm, 'drawn')
        picture = vm.screenshot()
        vm.last_key('x')
        assert vm.wait(20) == berthlib.OFF, vm.describe()
    got = Image.open(picture)
    assert got.size in ((320, 200), (320, 400), (640, 400)), got.size
    wide, high = got.size[0] // 320, got.size[1] // 200
    expected = Image.new('RGB', got.size)

    def six_to_eight(value):
        return value << 2 | value >> 4

    pixels = expected.load()
    for y in range(got.size[1]):
        for x in range(got.size[0]):
            index = ((x // wide) ^ (y // high)) & 0xff
            pixels[x, y] = tuple(map(six_to_eight, (index >> 2, (~index & 0xff) >> 2, index & 0x3f)))
    expected.save(folder / 'expected.png')
    assert screen.difference(picture, folder / 'expected.png') is None
