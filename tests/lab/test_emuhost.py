# test_emuhost.py: the emulated host that this tier runs in.
# SPDX-License-Identifier: GPL-2.0-or-later
import emuhost

# Sleeps until something comes over its console, as a host does that has lost its only timer.
ASLEEP = "[ $(head -c 1 | wc -c) = 1 ] && echo 'emulated host: job ended with 0'"


def test_sleeper_is_woken(folder, monkeypatch):
    monkeypatch.setattr(emuhost, '_command', lambda *words: ['sh', '-c', ASLEEP])
    assert emuhost.run(['true'], '/', folder, timeout=60) == 0
