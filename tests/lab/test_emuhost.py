# test_emuhost.py: the emulated host that this tier runs in.
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import subprocess

import berthlib
import emuhost

# Sleeps until something comes over its console, as a host does that has lost its only timer.
ASLEEP = "[ $(head -c 1 | wc -c) = 1 ] && echo 'emulated host: job ended with 0'"


def test_sleeper_is_woken(folder, monkeypatch):
    monkeypatch.setattr(emuhost, '_command', lambda *words: ['sh', '-c', ASLEEP])
    assert emuhost.run(['true'], '/', folder, timeout=60) == 0


def test_ends_with_us(folder):
    """Who runs the emulated host is killed: the emulator ends as well."""
    script = ("import sys; sys.path.insert(0, sys.argv[1]); import emuhost; "
              "emuhost._command = lambda *words: ['sh', '-c', 'echo $$ > pid; mv pid there; exec sleep 600']; "
              "emuhost.run(['true'], '/', '.', timeout=500)")
    runner = subprocess.Popen(['/usr/bin/python3', '-B', '-c', script, emuhost.HERE], cwd=folder)
    berthlib.wait_for((folder / 'there').exists, 20, 'the emulator')
    emulator = pathlib.Path('/proc', (folder / 'there').read_text().strip())
    assert emulator.exists()
    runner.kill()
    runner.wait()
    berthlib.wait_for(lambda: not emulator.exists(), 20, 'the end of the emulator')
