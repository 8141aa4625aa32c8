# test_systemd.py: drop-ins of `berth enable`, the units that are installed, what the VM's process calls, manual pages, completion.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest

import berthlib
import payload

TOP = berthlib.TOP
UNITS = {'system': TOP / 'scripts/systemd/berth@.service', 'user': TOP / 'scripts/systemd/user/berth@.service'}


def need(program):
    if not shutil.which(program):
        pytest.skip(f'{program} is not installed')


def call(*words, check=True, **environment):
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=60, env={**os.environ, **{key: str(value) for key, value in environment.items()}})
    assert not check or done.returncode == 0, done.stdout
    return done.stdout


def berth(*words, check=0, **environment):
    done = subprocess.run([berthlib.berth_path(), *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=30, env={**os.environ, **{k: str(v) for k, v in environment.items()}})
    assert done.returncode == check, done
    return done


def enable(folder, vmx, name='web-1'):
    """Enables VMX for the user, with its configuration in FOLDER; returns the drop-in."""
    config = folder / 'config'
    berth('enable', '--user', name, vmx, XDG_CONFIG_HOME=config)
    return config / f'systemd/user/berth@{name}.service.d/vm.conf'


@pytest.mark.parametrize('name', ['plain', 'with space', 'per%cent', 'quo"te', 'back\\slash', 'dollar$x', 'ümläut'])
def test_drop_in_is_read_back(folder, name):
    """systemd reads from the drop-in the very path that was given, whatever characters it has."""
    need('systemd-analyze')
    vm = folder / name
    vm.mkdir()
    vmx = vm / f'{name}.vmx'
    vmx.write_text('config.version = "8"\n')
    conf = enable(folder, vmx)
    value = re.search(r'^Environment="BERTH_VMX=(.*)"$', conf.read_text(), re.M).group(1)
    assert re.sub(r'\\(.)', r'\1', value.replace('%%', '%')) == str(vmx)
    units = folder / 'units'
    units.mkdir()
    program = pathlib.Path(berthlib.berth_path()).resolve()
    (units / 'berth@.service').write_text(UNITS['system'].read_text().replace('/usr/bin/berth', str(program)))
    shutil.copytree(conf.parent, units / 'berth@web-1.service.d')
    with open(units / 'berth@web-1.service.d/vm.conf', 'a') as file:
        file.write(f'ReadWritePaths="{value.rsplit("/", 1)[0]}"\n')
    said = call('systemd-analyze', 'verify', '--man=no', 'berth@web-1.service', SYSTEMD_UNIT_PATH=f'{units}:')
    assert 'berth' not in said, said


def test_enable_refuses(folder):
    vmx = folder / 'vm.vmx'
    vmx.write_text('')
    for name in ('', 'a/b', '../x', '-x', '.x', 'a b', 'a@b', 'ü', 'x' * 65):
        berth('enable', '--user', '--', name, vmx, check=berthlib.USAGE, XDG_CONFIG_HOME=folder / 'config')
    berth('enable', '--user', 'vm', folder / 'none.vmx', check=berthlib.CONFIG, XDG_CONFIG_HOME=folder / 'config')
    berth('enable', '--user', 'vm', folder, check=berthlib.CONFIG, XDG_CONFIG_HOME=folder / 'config')
    berth('disable', '--user', 'vm', check=berthlib.CONFIG, XDG_CONFIG_HOME=folder / 'config')
    assert not (folder / 'config').exists()


def test_disable_removes_what_enable_made(folder):
    vmx = folder / 'vm.vmx'
    vmx.write_text('')
    conf = enable(folder, vmx)
    assert conf.exists()
    berth('disable', '--user', 'web-1', XDG_CONFIG_HOME=folder / 'config')
    assert not conf.parent.exists() and vmx.exists()


def test_user_unit_verifies(folder):
    need('systemd-analyze')
    copy = folder / 'berth@vm.service'
    copy.write_text(UNITS['user'].read_text().replace('/usr/bin/berth', str(pathlib.Path(berthlib.berth_path()).resolve())))
    said = call('systemd-analyze', '--user', 'verify', '--man=no', copy, XDG_RUNTIME_DIR=folder)
    assert 'berth' not in said, said


def directives(path, key):
    return [line.split('=', 1)[1] for line in path.read_text().splitlines() if line.startswith(key + '=')]


def test_units_agree():
    """What both units say, they say alike."""
    for key in ('ExecStart', 'SuccessExitStatus', 'RestartPreventExitStatus', 'SystemCallFilter', 'TimeoutStopSec', 'RuntimeDirectory'):
        assert directives(UNITS['system'], key) == directives(UNITS['user'], key), key


def calls_of(name, known):
    """All system calls in a filter's group NAME."""
    if name not in known:
        known[name] = set()
        for line in call('systemd-analyze', 'syscall-filter', name).splitlines()[1:]:
            word = line.strip()
            if word and not word.startswith('#'):
                known[name] |= calls_of(word, known) if word.startswith('@') else {word}
    return known[name]


def allowed_calls():
    known, allowed = {}, set(calls_of('@default', {}))
    for words in directives(UNITS['system'], 'SystemCallFilter'):
        away = words.startswith('~')
        for word in words.lstrip('~').split():
            group = calls_of(word, known) if word.startswith('@') else {word}
            allowed = allowed - group if away else allowed | group
    return allowed


def test_filter_lets_through_what_a_run_calls(folder):
    """A VM that starts, draws, types, pauses and ends makes no system call that the unit forbids."""
    need('systemd-analyze')
    need('strace')
    vm = payload.machine(folder, 'keys')
    log = folder / 'strace'
    with open(folder / 'out', 'w') as out:
        process = subprocess.Popen(['strace', '-f', '-qq', '-o', str(log), berthlib.berth_path(), 'run', str(vm.vmx)],
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=berthlib.environment())
        try:
            for _ in range(100):
                if berthlib.berth('status', vm.vmx).returncode == 0:
                    break
                time.sleep(0.2)
            berthlib.berth('screenshot', vm.vmx, folder / 'x.png', check=0)
            berthlib.berth('type', vm.vmx, 'a', check=0)
            berthlib.berth('pause', vm.vmx, check=0)
            berthlib.berth('resume', vm.vmx, check=0)
            berthlib.berth('stop', '--hard', vm.vmx, check=0)
            process.wait(30)
        finally:
            process.kill()
            process.wait()
    made = set(re.findall(r'^\d+ +(\w+)\(', log.read_text(), re.M))
    assert 'io_uring_setup' in made and len(made) > 20, made
    assert not made - allowed_calls(), made - allowed_calls()


def test_manual_pages(folder):
    need('groff')
    page = folder / 'berth.vmx.5'
    page.write_text(call(TOP / 'scripts/man-keys', berthlib.berth_path(), TOP / 'docs/man/berth.vmx.5.in'))
    assert '@KEYS@' not in page.read_text() and 'RemoteDisplay' in page.read_text()
    for path in (TOP / 'docs/man/berth.1', TOP / 'docs/man/berth@.service.8', page):
        done = subprocess.run(['groff', '-man', '-Tutf8', '-ww', str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0 and not done.stderr, done.stderr


def commands():
    return re.findall(r'^  (\w+) +\S', berthlib.berth('--help', check=0).stdout, re.M)


def test_manual_names_every_command_and_option():
    page = (TOP / 'docs/man/berth.1').read_text().replace('\\-', '-')
    for name in commands():
        assert f'berth {name}' in page, name
        for option in re.findall(r'^ +(?:-\w, )?(--[\w-]+)', berthlib.berth(name, '--help', check=0).stdout, re.M):
            assert option in page or option == '--help', f'{name} {option}'


def complete(*words, **environment):
    script = ('source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _berth; printf "%s\\n" "${COMPREPLY[@]}"')
    return call('bash', '-c', script, TOP / 'scripts/completions/berth', *words, **environment).split('\n')[:-1]


def test_completion(folder):
    assert set(commands()) <= set(complete('berth', ''))
    assert complete('berth', 'scr') == ['screenshot']
    for name in commands():
        for option in re.findall(r'^ +(?:-\w, )?(--[\w-]+)', berthlib.berth(name, '--help', check=0).stdout, re.M):
            assert option in complete('berth', name, '--'), f'{name} {option}'
    (folder / 'my vm.vmx').write_text('')
    (folder / 'other.txt').write_text('')
    assert complete('berth', 'run', f'{folder}/') == [f'{folder}/my vm.vmx']
    enable(folder, folder / 'my vm.vmx')
    assert complete('berth', 'disable', '--user', 'w', XDG_CONFIG_HOME=folder / 'config') == ['web-1']
