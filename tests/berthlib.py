# berthlib.py: what the tests of the tiers guest, lab and clients share: a VM that runs, its serial port, its screen.
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
import tty

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / 'scripts/lib'))
import vmxfile  # noqa: E402

# How much slower than a real machine this one is: the emulated host sets it.
SLOW = float(os.environ.get('BERTH_TEST_SLOW', '1'))

OFF, USAGE, CONFIG, HOST, DISK, CRASH, KILLED, BUSY = 0, 2, 3, 4, 5, 6, 7, 8
SANITIZER = re.compile(r'runtime error:|AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer')


def berth_path():
    return os.environ.get('BERTH') or str(TOP / 'build/vmm/cli/berth')


def environment():
    # Exit code 99 is none of ours: a report of a sanitizer can not be mistaken for a documented end.
    return dict(os.environ, ASAN_OPTIONS='exitcode=99:detect_leaks=1', UBSAN_OPTIONS='halt_on_error=1:print_stacktrace=1:exitcode=99')


def berth(*words, timeout=30, check=None, **kwargs):
    """Runs a berth command to its end. CHECK: the exit status it must have."""
    done = subprocess.run([berth_path(), *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors='replace', timeout=timeout * SLOW, env=environment(), **kwargs)
    assert not SANITIZER.search(done.stderr), done.stderr
    if check is not None:
        assert done.returncode == check, f'berth {" ".join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}'
    return done


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def vnc_port():
    """A free port that VNC programs can also name as a display number."""
    shard = int(os.environ.get('BERTH_TEST_SHARD', '0').split('/')[0])
    for port in range(5910 + 40 * shard, 5950 + 40 * shard):       # scenarios run side by side
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(('127.0.0.1', port))
                return port
            except OSError:
                continue
    raise AssertionError('no free port for VNC')


def wait_for(condition, timeout, what):
    """Waits until CONDITION() is true; returns its value."""
    end = time.monotonic() + timeout * SLOW
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f'waited {timeout * SLOW:.0f} s for {what}'
        time.sleep(0.1)


class Terminal:
    """Our end of a pseudo terminal, everything that came through it (but carriage returns), and where the reader is."""

    def __init__(self, log):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.log = open(log, 'wb')
        self.seen = b''
        self.position = 0

    def fill(self, seconds):
        """Reads what is there; returns False at the end of the line."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:         # Linux says EIO when the other end is gone
            return False
        self.log.write(data)
        self.log.flush()
        self.seen += data.replace(b'\r', b'')
        return bool(data)

    def text(self):
        """All output since the last match."""
        return self.seen[self.position:].decode(errors='replace')

    def send(self, text):
        data = text.encode()
        while data:
            data = data[os.write(self.master, data[:64]):]

    def close(self):
        for descriptor in (self.master, self.slave):
            if descriptor >= 0:
                os.close(descriptor)
        self.master = self.slave = -1
        self.log.close()


class Vm:
    """A VM folder and the `berth run` that runs it. Use as a context manager: it never outlives the block."""

    def __init__(self, folder, keys, name='vm', console=False, options=()):
        self.folder = pathlib.Path(folder)
        self.vmx = self.folder / f'{name}.vmx'
        self.options = list(options)
        self.console = console
        self.process = None
        self.terminal = None
        vmxfile.write(self.vmx, keys)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.end()

    def start(self):
        """Starts the VM; with a console, its first serial port is self.terminal."""
        words = [berth_path(), 'run', str(self.vmx), *self.options]
        streams = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.DEVNULL}
        if self.console:
            words.append('--console')
            self.terminal = Terminal(self.folder / 'console.log')
            streams = {'stdin': self.terminal.slave, 'stdout': self.terminal.slave}
        self.errors = open(self.folder / 'stderr.txt', 'ab')
        self.process = subprocess.Popen(words, stderr=self.errors, env=environment(), start_new_session=True, **streams)
        if self.console:
            os.close(self.terminal.slave)
            self.terminal.slave = -1
        return self

    def stderr(self):
        path = self.folder / 'stderr.txt'
        return path.read_text(errors='replace') if path.exists() else ''

    def running(self):
        return self.process is not None and self.process.poll() is None

    def wait(self, timeout=60):
        """Waits for the end of the process; returns its exit code."""
        end = time.monotonic() + timeout * SLOW
        while self.process.poll() is None:
            assert time.monotonic() < end, f'berth run was still there after {timeout * SLOW:.0f} s\n{self.describe()}'
            if self.terminal:
                self.terminal.fill(0.1)         # a full terminal would stop the guest
            else:
                time.sleep(0.05)
        if self.terminal:
            while self.terminal.fill(0):
                if not select.select([self.terminal.master], [], [], 0)[0]:
                    break
        self.no_reports()
        return self.process.returncode

    def no_reports(self):
        assert not SANITIZER.search(self.stderr()), self.stderr()

    def end(self):
        if self.running():
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self.process:
            self.errors.close()
        if self.terminal:
            self.terminal.close()

    def describe(self):
        lines = [f'exit code: {self.process.poll() if self.process else None}', f'stderr: {self.stderr()[-2000:]}']
        if self.terminal:
            lines.append(f'console: {self.terminal.seen.decode(errors="replace")[-2000:]}')
        return '\n'.join(lines)

    def expect(self, pattern, timeout=60):
        """Waits until the console shows PATTERN (a regular expression); returns the match."""
        end = time.monotonic() + timeout * SLOW
        while True:
            text = self.terminal.text()
            found = re.search(pattern, text, re.M)
            if found:
                self.terminal.position += len(text[:found.end()].encode())
                return found
            left = end - time.monotonic()
            assert left > 0, f'waited {timeout * SLOW:.0f} s for {pattern!r}\n{self.describe()}'
            if not self.terminal.fill(min(left, 0.5)) and self.process.poll() is not None:
                raise AssertionError(f'the VM ended before {pattern!r} came\n{self.describe()}')

    def login(self, timeout=120):
        """Waits for the guest's login prompt and logs in as root."""
        self.expect(r'berth-guest login: ?$', timeout)
        self.terminal.send('root\r')
        self.expect(r'# \S*$', 30)
        # No echo and no line editor: what comes back is the output of the commands and nothing else.
        self.terminal.send("stty -echo; dmesg -n 1; exec sh -c 'while echo READY; read -r line; do eval \"$line\"; echo \"STATUS $?\"; done'\r")
        self.expect(r'^READY$', 30)

    def command(self, line, timeout=60, check=True):
        """Runs a shell command in the guest after login(); returns its output."""
        self.terminal.send(line + '\r')
        # The pattern has no beginning to try at every place: much output would take for ever, and the line would choke.
        found = self.expect(r'^STATUS (\d+)\nREADY$', timeout)
        output = found.string[:found.start()].strip()
        if check:
            assert found.group(1) == '0', f'{line}: status {found.group(1)}\n{output}'
        return output

    def screenshot(self, name='screen.png'):
        path = self.folder / name
        berth('screenshot', self.vmx, path, check=0)
        return path

    def screen(self):
        """The text on the screen, as lines (text modes only)."""
        import screen
        return screen.read_text(self.screenshot())

    def expect_screen(self, pattern, timeout=60):
        """Waits until the screen shows PATTERN; returns the whole text."""
        def look():
            text = '\n'.join(self.screen())
            return text if re.search(pattern, text) else None
        return wait_for(look, timeout, f'{pattern!r} on the screen')

    def last_key(self, name='esc'):
        """Presses the key that ends the guest: it may be gone before the command has its answer."""
        berth('sendkey', self.vmx, name)

    def json(self, *words):
        return json.loads(berth(words[0], '--json', *words[1:], check=0).stdout)
