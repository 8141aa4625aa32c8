# conftest.py: one line per scenario, skips with their reason, and the fixtures that all tiers share.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pathlib
import shutil
import signal
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
for folder in ('tests', 'tests/guest', 'tests/lab', 'tests/clients', 'scripts/lib'):
    if str(TOP / folder) not in sys.path:
        sys.path.insert(0, str(TOP / folder))

WORDS = {'passed': 'PASS', 'failed': 'FAIL', 'skipped': 'SKIP'}


def scenario(nodeid):
    """tests/guest/test_grub.py::test_boot[iso] -> guest/grub/boot[iso]"""
    path, _, name = nodeid.partition('::')
    parts = pathlib.Path(path).with_suffix('').parts
    return '/'.join([*parts[parts.index('tests') + 1:-1], parts[-1].removeprefix('test_'), name.removeprefix('test_')])


class Lines:
    """Prints `PASS name seconds` when a scenario has ended, whichever of its phases decided it."""

    def __init__(self):
        self.phases = {}

    def pytest_runtest_logreport(self, report):
        self.phases.setdefault(report.nodeid, []).append(report)
        if report.when != 'teardown':
            return
        reports = self.phases.pop(report.nodeid)
        seconds = sum(phase.duration for phase in reports)
        outcomes = [phase.outcome for phase in reports]
        outcome = next((word for word in ('failed', 'skipped') if word in outcomes), 'passed')
        reason = ''
        if outcome == 'skipped':
            phase = next(phase for phase in reports if phase.outcome == 'skipped')
            reason = ': ' + str(phase.longrepr[2]).removeprefix('Skipped: ')
        print(f'{WORDS[outcome]} {scenario(report.nodeid)} {seconds:.1f}s{reason}', flush=True)


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    # A time limit ends us with SIGTERM: leave as Ctrl-C does, so that no VM outlives the run.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config.pluginmanager.register(Lines(), 'berth-lines')


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report, config):
    # No dots: the lines above say it.
    if report.when == 'call' or report.outcome != 'passed':
        return report.outcome, '', ''
    return '', '', ''


def pytest_collection_modifyitems(config, items):
    wanted = os.environ.get('BERTH_TEST_ONLY')
    if wanted:
        items[:] = [item for item in items if wanted in scenario(item.nodeid)]
    shard = os.environ.get('BERTH_TEST_SHARD')
    if shard:
        index, count = map(int, shard.split('/'))
        items[:] = items[index::count]


def pytest_sessionfinish(session, exitstatus):
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:        # --only may leave a tier with nothing to do
        session.exitstatus = pytest.ExitCode.OK


@pytest.fixture(scope='session')
def berth_binary():
    import berthlib
    if not os.access(berthlib.berth_path(), os.X_OK):
        pytest.fail(f'{berthlib.berth_path()} is not there: build first (scripts/test does)')
    return berthlib.berth_path()


@pytest.fixture
def folder(tmp_path, request, berth_binary):
    """A folder for one VM; kept for diagnosis when the scenario fails and a place for it is named.

    Its console is there from the beginning, so that a run which is stopped from outside leaves it.
    """
    keep = os.environ.get('BERTH_TEST_KEEP')
    target = pathlib.Path(keep or tmp_path) / scenario(request.node.nodeid).replace('/', '_')
    if keep:
        target.mkdir(parents=True, exist_ok=True)
        (tmp_path / 'console.log').symlink_to(target / 'console.log')
    yield tmp_path
    if keep and getattr(request.node, 'failed', False):
        for path in tmp_path.rglob('*'):
            if path.is_file() and not path.is_symlink() and path.stat().st_size < 4 << 20 and path.suffix != '.vmdk':
                shutil.copy(path, target / path.name)
    elif keep:
        shutil.rmtree(target)
    shutil.rmtree(tmp_path, ignore_errors=True)         # images are big


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True
