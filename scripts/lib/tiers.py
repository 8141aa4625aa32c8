# tiers.py: what scripts/test does once the packages are there: builds, runs the tiers, counts.
# SPDX-License-Identifier: GPL-2.0-or-later
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import emuhost
import ui

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
TIERS = ('unit', 'fuzz', 'guest', 'lab', 'clients')
LINE = re.compile(r'^(PASS|FAIL|SKIP) (\S+) ')
BUILD, BUILD_SAN, BUILD_FUZZ = TOP / 'build', TOP / 'build-asan', TOP / 'build-fuzz'
SANITIZERS = ('-Db_sanitize=address,undefined', '-Db_lundef=false')
# For what hangs; a busy machine takes three times as long as an idle one.
LIMITS = {'guest': 2400, 'clients': 1500, 'lab': 7200 if os.environ.get('BERTH_LAB_LONG') else 2700}
FUZZ_SECONDS, FUZZ_TOTAL = 20, 180
SHARDS = min(2, os.cpu_count() or 1)         # of a tier, side by side


class Count:
    """Prints the line of each scenario and counts it."""

    def __init__(self):
        self.of = {'PASS': 0, 'FAIL': 0, 'SKIP': 0}
        self.lock = threading.Lock()        # emulated hosts speak side by side

    def line(self, word, name, seconds, reason='', output=''):
        with self.lock:
            self.of[word] += 1
            print(f'{word} {name} {seconds:.1f}s{": " + reason if reason else ""}', flush=True)
            if output:
                show(output)

    def copy(self, text):
        """A line of a test program: counted when it is a scenario's, printed in any case."""
        text = ui.plain(text).strip('\n')      # a firmware clears the screen before the first line
        found = LINE.match(text)
        with self.lock:
            if found:
                self.of[found.group(1)] += 1
            print(text, flush=True)

    def close(self):
        print(f'{self.of["PASS"]} passed, {self.of["FAIL"]} failed, {self.of["SKIP"]} skipped', flush=True)
        return 1 if self.of['FAIL'] else 0


def build(directory, *options, environment=None, targets=()):
    """Configures (once) and builds; a warning is an error."""
    with ui.step(f'building in {directory.name}'):
        # Meson has no option for the fuzzer's instrumentation and warns of the bare argument.
        fatal = [] if directory == BUILD_FUZZ else ['--fatal-meson-warnings']
        settings = [*fatal, '-Dwerror=true', *options]
        if not (directory / 'build.ninja').exists():
            ui.run('meson', 'setup', directory, TOP, *settings, env=environment)
        ui.run('ninja', '-C', directory, '-j', str(os.cpu_count() or 1), *targets, timeout=1800)


def unit_tests(directory):
    return [test for test in json.loads(ui.run('meson', 'introspect', '--tests', directory))
            if any(suite.endswith('unit') for suite in test['suite'])]


def show(output):
    print('\n'.join('    ' + line for line in output.strip().splitlines()[-30:]), flush=True)


def program(count, name, argv, timeout, environment=None):
    """Runs one program that says by its exit status whether it passed."""
    begin = time.monotonic()
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors='replace', timeout=timeout, env=dict(os.environ, **(environment or {})))
        good, output = done.returncode == 0, done.stdout
    except subprocess.TimeoutExpired as error:
        good, output = False, f'{(error.stdout or b"").decode(errors="replace")}\nstill running after {timeout} s'
    count.line('PASS' if good else 'FAIL', name, time.monotonic() - begin, output='' if good else output)


def run_unit(count, only):
    for directory, word in ((BUILD, 'unit'), (BUILD_SAN, 'unit-asan')):
        build(directory, *(SANITIZERS if directory == BUILD_SAN else ()))
        for test in unit_tests(directory):
            name = f'{word}/{test["name"]}'
            if only in name:
                program(count, name, test['cmd'], 300, {'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
                                                        'BERTH_TEST_OWN_ONLY': '1' if directory == BUILD_SAN else ''})


def fuzzers():
    text = (TOP / 'tests/fuzz/meson.build').read_text()
    return re.findall(r"^\s*\['(\w+)',", text, re.M)


def run_fuzz(count, only):
    names = [name for name in fuzzers() if only in f'fuzz/{name}']
    if not names:
        return
    build(BUILD_FUZZ, '-Dfuzz=true', *SANITIZERS, environment=dict(os.environ, CC='clang'),
          targets=[f'tests/fuzz/fuzz_{name}' for name in names])
    seconds = max(3, min(FUZZ_SECONDS, FUZZ_TOTAL // len(names)))
    with tempfile.TemporaryDirectory() as work, concurrent.futures.ThreadPoolExecutor(SHARDS) as pool:
        running = []
        for name in names:
            corpus = pathlib.Path(work) / name
            corpus.mkdir()
            seeds = TOP / 'tests/fuzz/corpus' / name
            argv = [BUILD_FUZZ / f'tests/fuzz/fuzz_{name}', f'-max_total_time={seconds}', '-timeout=20', '-rss_limit_mb=2048',
                    '-verbosity=0', f'-artifact_prefix={work}/', corpus, *([seeds] if seeds.is_dir() else [])]
            running.append(pool.submit(program, count, f'fuzz/{name}', argv, seconds + 120))
        for future in running:
            future.result()


def pytest_words(tier):
    return ['/usr/bin/python3', '-B', '-m', 'pytest', '-c', TOP / 'pytest.ini', f'tests/{tier}']


def scenario_environment(only, results, binary):
    return {'BERTH': binary, 'BERTH_TEST_ONLY': only, 'BERTH_TEST_KEEP': f'{results}/failed', 'PYTHONDONTWRITEBYTECODE': '1'}


def run_shard_here(count, tier, environment, index):
    """Runs every SHARDS-th scenario of a tier, from INDEX on, on this machine; the output is shown as it comes."""
    environment = dict(os.environ, **environment, BERTH_TEST_SHARD=f'{index}/{SHARDS}')
    process = subprocess.Popen([str(word) for word in pytest_words(tier)], cwd=TOP, env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace')
    end = time.monotonic() + LIMITS[tier]
    timer = subprocess.Popen(['sh', '-c', f'sleep {LIMITS[tier]}; kill {process.pid}'], start_new_session=True)
    try:
        for text in process.stdout:
            count.copy(text.rstrip())
        status = process.wait()
    finally:
        os.killpg(timer.pid, 15)
        timer.wait()
    if time.monotonic() >= end:
        count.line('FAIL', f'{tier}/time-limit{index}', LIMITS[tier], f'not finished after {LIMITS[tier]} s')
    elif status not in (0, 1):
        count.line('FAIL', f'{tier}/pytest{index}', 0, f'pytest ended with {status}')


def side_by_side(function, calls):
    """Calls FUNCTION with each tuple of CALLS, in a thread each, and waits for all."""
    threads = [threading.Thread(target=function, args=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_pytest(count, tier, only, results, binary):
    environment = scenario_environment(only, results, str(binary))
    side_by_side(run_shard_here, [(count, tier, environment, index) for index in range(SHARDS)])


def other_debians():
    """What makes guests and tools of other releases: {name: function that returns a folder}."""
    import distro
    import guest
    made = {name: lambda name=name: guest.vmdk('monolithicSparse', distro.System(name)) for name in distro.SYSTEMS}
    return {**made, 'tools': distro.tools}


def there(makers):
    """The folders that MAKERS make, for the scenarios; what cannot be had (no network, no such package) is said and left out."""
    made = {}
    for name, make in makers.items():
        try:
            made['BERTH_GUEST_' + name] = str(make())
        except ui.Failure as failure:
            print(f'lab: without {name}: {failure}', flush=True)
    return made


def lab_environment():
    """Makes what the scenarios need, here, where it is fast; the emulated host only uses it."""
    import guest
    import inner
    import xen
    subformat = 'twoGbMaxExtentSparse'
    more, peers = {name: value for name, value in os.environ.items() if name.startswith('BERTH_LAB_')}, ()
    fetched = {'xen': lambda: xen.iso().parent}
    if os.environ.get('BERTH_LAB_LONG'):        # scenarios that CI has no time for
        fetched, peers = {**fetched, **other_debians()}, (inner.QEMU,)
    return {**more, **there(fetched), 'BERTH_GUEST_inner': str(inner.iso(BUILD / 'vmm/cli/berth', peers).parent),
            'BERTH_GUEST_' + subformat: str(guest.vmdk(subformat)), 'BERTH_TEST_SLOW': '4', 'BERTH_LAB': '1'}


def lab_shards():
    """How many emulated hosts may run side by side here: each has one CPU and this much memory."""
    available = int(re.search(r'MemAvailable:\s+(\d+)', pathlib.Path('/proc/meminfo').read_text()).group(1)) >> 10
    return max(1, min(2, os.cpu_count() or 1, available // (emuhost.MEMORY_MB + 1024)))


def run_shard(count, index, shards, results, environment):
    """One emulated host runs every SHARDS-th scenario, from INDEX on."""
    keep = [path for name, path in environment.items() if name.startswith('BERTH_GUEST_')]
    environment = dict(environment, BERTH_TEST_SHARD=f'{index}/{shards}')
    begin = time.monotonic()
    try:
        status = emuhost.run(pytest_words('lab'), TOP, results / f'lab{index}', environment, keep=keep, line=count.copy,
                             timeout=LIMITS['lab'])
        if status not in (0, 1):
            count.line('FAIL', f'lab/pytest{index}', time.monotonic() - begin, f'pytest ended with {status}')
    except ui.Failure as failure:
        count.line('FAIL', f'lab/emulated-host{index}', time.monotonic() - begin, str(failure))


def run_lab(count, only, results):
    if emuhost.direct():
        print('lab: on this machine: its KVM runs unmodified kernels', flush=True)
        run_pytest(count, 'lab', only, results, BUILD / 'vmm/cli/berth')
        return
    shards = lab_shards()
    print(f'lab: inside an emulated host (QEMU TCG with SVM), {shards} at a time, since {emuhost.why_not_direct()}', flush=True)
    environment = lab_environment()
    emuhost.image()             # once, before two want it
    environment.update(scenario_environment(only, '/mnt/results', str(BUILD / 'vmm/cli/berth')))
    side_by_side(run_shard, [(count, index, shards, results, environment) for index in range(shards)])


def kvm_missing():
    if os.access('/dev/kvm', os.R_OK | os.W_OK):
        return None
    return 'no /dev/kvm' if not os.path.exists('/dev/kvm') else 'this user may not open /dev/kvm (group kvm)'


def run_here(count, tier, only, results):
    reason = kvm_missing()
    if reason:
        count.line('SKIP', f'{tier}/all', 0, reason)
        return
    if tier == 'guest':
        build(BUILD_SAN, *SANITIZERS)
        print("guest: on this machine's /dev/kvm, with AddressSanitizer and UBSan", flush=True)
        run_pytest(count, tier, only, results, BUILD_SAN / 'vmm/cli/berth')
    else:
        print(f"{tier}: on this machine's /dev/kvm", flush=True)
        run_pytest(count, tier, only, results, BUILD / 'vmm/cli/berth')


def list_scenarios(tiers, only):
    for tier in tiers:
        if tier == 'unit':
            names = [f'unit/{name}' for name in re.findall(r"^\s*\['(\w+)',", (TOP / 'tests/unit/meson.build').read_text(), re.M)]
        elif tier == 'fuzz':
            names = [f'fuzz/{name}' for name in fuzzers()]
        else:
            sys.path.insert(0, str(TOP / 'tests'))
            from conftest import scenario
            text = subprocess.run([*map(str, pytest_words(tier)), '--collect-only'], cwd=TOP, stdout=subprocess.PIPE, text=True).stdout
            names = [scenario(line) for line in text.splitlines() if '::' in line]
        for name in names:
            if only in name:
                print(name)


def main():
    parser = argparse.ArgumentParser(prog='scripts/test')
    parser.add_argument('--tier', action='append', choices=TIERS)
    parser.add_argument('--only', default='', metavar='PATTERN')
    parser.add_argument('--list', action='store_true')
    words = parser.parse_args()
    tiers = words.tier or TIERS
    if words.list:
        list_scenarios(tiers, words.only)
        return 0
    count = Count()
    results = TOP / 'build/test-results'
    shutil.rmtree(results, ignore_errors=True)
    build(BUILD)
    results.mkdir(parents=True)
    for tier in tiers:
        if tier == 'unit':
            run_unit(count, words.only)
        elif tier == 'fuzz':
            run_fuzz(count, words.only)
        elif tier == 'lab':
            run_lab(count, words.only, results)
        else:
            run_here(count, tier, words.only, results)
    return count.close()


if __name__ == '__main__':
    sys.exit(ui.main(main))
