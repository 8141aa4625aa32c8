# test_memory.py: where the guest's memory comes from: the host's pool of huge pages, memory that stays. On a host of its own.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pathlib
import re

import pytest

import berthlib
import payload

POOL = pathlib.Path('/proc/sys/vm/nr_hugepages')
MIB = 64


def number(path, name):
    return int(re.search(rf'^{name}:\s+(\d+)', pathlib.Path(path).read_text(), re.M).group(1))


@pytest.fixture
def pool():
    """Huge pages for one guest and no more; the host is as before afterwards."""
    before = POOL.read_text()
    try:
        POOL.write_text(str(MIB // 2))
    except OSError as error:
        pytest.skip(f'the pool of huge pages cannot be set: {error}')
    if number('/proc/meminfo', 'HugePages_Free') < MIB // 2:
        POOL.write_text(before)
        pytest.skip('this host has no huge pages left')
    yield
    POOL.write_text(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root sets the host's pool of huge pages")
def test_huge_pages(folder, pool):
    """All of the guest's memory comes from the pool; a second VM is told what to do."""
    keys = {'memsize': str(MIB), 'berth.memory.backing': 'hugetlb'}
    (folder / 'second').mkdir()
    second = payload.machine(folder / 'second', 'hang', keys)
    with payload.machine(folder, 'hang', keys) as vm:
        vm.start()
        payload.wait_serial(vm, 'hanging')
        used = number(f'/proc/{vm.process.pid}/status', 'HugetlbPages')
        assert 0 < used <= MIB << 10
        assert vm.json('status', vm.vmx)['memory_resident'] >= used << 10
        done = berthlib.berth('run', second.vmx)
        assert done.returncode == berthlib.HOST and 'vm.nr_hugepages' in done.stderr, done.stderr
        berthlib.berth('stop', '--hard', vm.vmx, check=0)
        assert vm.wait() == berthlib.KILLED
    berthlib.wait_for(lambda: number('/proc/meminfo', 'HugePages_Free') == MIB // 2, 30, 'the pages to be back in the pool')


@pytest.mark.skipif(os.geteuid() != 0, reason='only root may lock this much')
def test_pinned(folder):
    """sched.mem.pin: all of it is in memory and stays there, from the start."""
    with payload.machine(folder, 'hang', {'memsize': str(MIB), 'sched.mem.pin': 'TRUE'}) as vm:
        vm.start()
        payload.wait_serial(vm, 'hanging')
        assert number(f'/proc/{vm.process.pid}/status', 'VmLck') >= MIB << 10
        assert vm.json('status', vm.vmx)['memory_resident'] >= MIB << 20
        berthlib.berth('stop', '--hard', vm.vmx, check=0)
        assert vm.wait() == berthlib.KILLED
