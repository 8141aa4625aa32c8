# lab.py: the Debian guest for the scenarios of this tier.
# SPDX-License-Identifier: GPL-2.0-or-later
import base64
import gzip
import os
import pathlib
import re

import pytest

import berthlib
import guest
import vmxfile
from ui import run

SUBFORMAT = 'twoGbMaxExtentSparse'
LOGIN = 'berth-guest login:'


def made(name):
    """The folder of something that is made before this tier begins; skips the scenario without it."""
    path = os.environ.get('BERTH_GUEST_' + name)
    if not path:
        pytest.skip(f'{name} was not made: see the beginning of the run; BERTH_LAB_LONG=1 makes more')
    return pathlib.Path(path)


def debian(folder, system=None, **changes):
    """A Vm with the Debian guest (or SYSTEM of scripts/lib/distro.py) on a sparse disk; its console is ours. Not started."""
    guest.copy_disk(made(system) if system else guest.vmdk(SUBFORMAT), folder)
    return berthlib.Vm(folder, vmxfile.workstation(**changes), name='debian', console=True)


def power_off(vm, timeout=60):
    """Switches off from inside, checks the end and the disk."""
    vm.terminal.send('poweroff\r')
    assert vm.wait(timeout) == berthlib.OFF, vm.describe()
    check_disk(vm.folder / 'debian.vmdk')


def check_disk(path):
    text = run('qemu-img', 'check', '-f', 'vmdk', path)
    assert 'No errors' in text, text


def fields(text):
    """Lines `name: value` as a dictionary."""
    return {name.strip(): value.strip() for name, _, value in (line.partition(':') for line in text.splitlines())}


def packed(vm, line, timeout=60):
    """What a command in the guest prints, much of it: each character on the console takes the emulated host its time."""
    # Not base64: the busybox of older systems has none.
    text = vm.command(f"{line} | gzip -9 | busybox uuencode -m x | sed '1d;$d'", timeout)
    return gzip.decompress(base64.b64decode(text)).decode(errors='replace').strip()


# --- what the kernel says ------------------------------------------------------------------------------------

# Lines of the kernel's log at warning or worse that may be there, with the reason. docs/fidelity.md lists them, too.
USUAL_WARNINGS = (
    (r'pnp 00:00: disabling \[io  0x56\w\w(-0x5659)?\] because it overlaps 0000:00:16\.0', "VMware's root port has the same window"),
    (r'hrtimer: interrupt took \d+ ns', 'the emulated host is slow'),
    (r'(clocksource|sched|rcu|perf|workqueue): .*(took too long|too long|stall|unstable|skew)', 'the emulated host is slow'),
    (r'\[Firmware Bug\]: TSC doesn.t count with P0 frequency', "the emulated host's CPU"),
    (r'(Speculative|Spectre|MDS|TAA|MMIO Stale|RETBleed|SRSO|Transient|L1TF|Register File|GDS|mitigations)', "the host's CPU and its mitigations"),
)


def without_xsave_trace(lines):
    """The emulated host does not stop a guest's XSETBV, so its KVM counts the XSAVE area wrong, under any monitor."""
    first = next((i for i, line in enumerate(lines) if 'XSAVE consistency problem' in line), None)
    if first is None:
        return lines
    last = max(i for i, line in enumerate(lines) if 'CPUID[0d, ' in line or 'end trace' in line)
    begin = first - 1 if first and 'cut here' in lines[first - 1] else first
    return lines[:begin] + lines[last + 1:]


def warnings(vm):
    """The lines at warning or worse that no VMware guest shows, nor the emulated host explains."""
    # The level is what is left of the number without the facility.
    text = vm.command("dmesg -r | sed -n 's/^<\\([0-9]*\\)>/\\1 /p' | while read -r n rest; do "
                      '[ $((n & 7)) -le 4 ] && printf "%s\\n" "$rest"; done; true', 120)
    lines = without_xsave_trace([re.sub(r'^\[ *\d+\.\d+\] ?', '', line) for line in text.splitlines()])
    return [line for line in lines if not any(re.search(pattern, line) for pattern, _ in USUAL_WARNINGS)]


def lspci_complaints(vm):
    """What lspci could not read or make sense of. It reads every byte; only its complaints cross the slow console."""
    return vm.command("lspci -vvv >/tmp/lspci 2>&1; "
                      "grep -nE '!!!|pcilib|lspci:|<access denied>|[Uu]nknown header|<chain|<unreadable>|invalid' /tmp/lspci || true", 300)
