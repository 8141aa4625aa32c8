# ui.py: progress lines and sub-processes for the scripts.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import re
import subprocess
import sys
import time


class Failure(Exception):
    """Something the user can act on; printed as one sentence, no trace."""


_MOVE = re.compile(r'\x1b\[[0-9;]*H')
_ESCAPE = re.compile(r'\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|c)|\0')


def plain(text):
    """Terminal output without what paints and clears; a jump of the cursor becomes the end of a line."""
    return _ESCAPE.sub('', _MOVE.sub('\n', text))


def say(text):
    print(text, flush=True)


class step:
    """`with step('building'):` prints the line, then how long it took."""

    def __init__(self, what, quiet=False):
        self.what = what
        self.quiet = quiet

    def __enter__(self):
        self.start = time.monotonic()
        if not self.quiet:
            print(f'{self.what} ...', end='', file=sys.stderr, flush=True)
        return self

    def __exit__(self, kind, value, trace):
        if not self.quiet:
            word = 'failed' if kind else 'done'
            print(f' {word}, {time.monotonic() - self.start:.1f} s', file=sys.stderr, flush=True)
        return False


def run(*argv, timeout=600, **kwargs):
    """Runs a program quietly; its output is part of the Failure when it does not end with 0. Returns stdout."""
    argv = [os.fspath(word) for word in argv]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, errors='replace', timeout=timeout, **kwargs)
    except FileNotFoundError as error:
        raise Failure(f'{argv[0]} is not installed') from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f'{argv[0]} took longer than {timeout} s') from error
    if done.returncode != 0:
        tail = '\n'.join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise Failure(f'{" ".join(argv)}: exit status {done.returncode}\n{tail}')
    return done.stdout


def with_us(argv):
    """The command line that runs ARGV, and ends it when we end, whatever ended us: an emulator would go on for ever."""
    return ['setpriv', '--pdeathsig', 'KILL', *argv]


def main(function):
    """Calls FUNCTION; prints a Failure as a sentence. The exit status is for sys.exit."""
    try:
        return function() or 0
    except Failure as failure:
        print(f'{os.path.basename(sys.argv[0])}: {failure}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
