# distro.py: programs and kernels of other Debians (another release, another architecture), unpacked, never installed.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each comes through an apt of its own, with its own lists and an empty status file, from the archive that this machine
# has in its sources. What the cache holds stays as it was when it was made.
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import cache
import kernel as kernels
from ui import Failure, run, step

HERE = pathlib.Path(__file__).resolve().parent
KEYRING = pathlib.Path('/usr/share/keyrings/debian-archive-keyring.gpg')
FOLDERS = ('etc/apt.conf.d', 'etc/preferences.d', 'state/lists/partial', 'cache/archives/partial')
CONFIG = """\
Dir "{0}";
Dir::Etc "{0}/etc";
Dir::Etc::sourceparts "-";
Dir::State "{0}/state";
Dir::State::status "{0}/status";
Dir::Cache "{0}/cache";
APT::Architecture "{1}";
APT::Architectures {{ "{1}"; }};
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
"""
# Where programs and libraries are, in packages of every age.
PROGRAM_FOLDERS = ('usr/bin', 'usr/sbin', 'bin', 'sbin')
LIBRARY_FOLDERS = ('usr/lib/{0}', 'lib/{0}', 'usr/lib/systemd', 'lib/systemd', 'usr/lib/{0}/systemd', 'usr/lib', 'lib', 'usr/lib64', 'lib64',
                   'usr/lib/{0}/fwts')
TRIPLETS = {'amd64': 'x86_64-linux-gnu', 'i386': 'i386-linux-gnu'}

# Systems that guests run: (release, architecture, package that depends on the kernel).
SYSTEMS = {
    'i386': ('bookworm', 'i386', 'linux-image-686-pae'),
    'bullseye': ('bullseye', 'amd64', 'linux-image-amd64'),
}
PACKAGES = ('busybox-static', 'dmidecode', 'pciutils', 'udev')
PROGRAMS = ('dmidecode', 'lspci', 'udevadm')


def site():
    """The address of the Debian archive that this machine uses."""
    listed = run('apt-get', 'indextargets', '--format', '$(SITE)', 'Created-By: Packages', 'Label: Debian')
    if not listed.strip():
        raise Failure('no package list of Debian is here (apt-get update?)')
    return listed.split()[0]


class Archive:
    """One release and architecture of Debian; WORK is an empty folder for apt's files."""

    def __init__(self, suite, architecture, work):
        self.architecture = architecture
        self.place = pathlib.Path(work)
        for folder in FOLDERS:
            (self.place / folder).mkdir(parents=True)
        (self.place / 'status').touch()
        (self.place / 'etc/sources.list').write_text(f'deb [signed-by={KEYRING}] {site()} {suite} main\n')
        (self.place / 'apt.conf').write_text(CONFIG.format(self.place, architecture))
        self.environment = dict(os.environ, APT_CONFIG=str(self.place / 'apt.conf'), LC_ALL='C')
        self.get('update')

    def get(self, *words, **kwargs):
        return run('apt-get', '-q', '-y', *words, env=self.environment, timeout=900, **kwargs)

    def depends(self, package, pattern):
        """The first package that PACKAGE depends on and whose name PATTERN matches."""
        done = run('apt-cache', 'depends', package, env=self.environment)
        found = re.search(rf'Depends: ({pattern})$', done, re.M)
        if not found:
            raise Failure(f'{package} of this Debian depends on no {pattern}')
        return found.group(1)

    def unpack(self, packages, tree):
        """PACKAGES and all they depend on, in TREE."""
        self.get('--download-only', '--no-install-recommends', 'install', *packages)
        for deb in sorted((self.place / 'cache/archives').glob('*.deb')):
            run('dpkg', '-x', deb, tree)


def needed(path):
    """Names of the libraries that an ELF file asks for, and of its loader."""
    text = subprocess.run(['readelf', '-W', '-l', '-d', path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
    loader = re.findall(r'program interpreter: (\S+)\]', text)
    return re.findall(r'\(NEEDED\).*\[(\S+)\]', text) + [os.path.basename(name) for name in loader], loader


def find(tree, folders, name):
    for folder in folders:
        path = tree / folder / name
        if path.exists():
            return path
    raise Failure(f'{name} is in none of the packages')


def copy_programs(tree, architecture, programs, target, more=()):
    """PROGRAMS of TREE with the libraries they ask for, and the libraries MORE, into TARGET."""
    folders = [folder.format(TRIPLETS[architecture]) for folder in LIBRARY_FOLDERS]
    libraries = target / 'usr/lib' / TRIPLETS[architecture]
    libraries.mkdir(parents=True, exist_ok=True)
    (target / 'usr/bin').mkdir(parents=True, exist_ok=True)
    todo, done = [(name, find(tree, PROGRAM_FOLDERS, name)) for name in programs], set()
    todo += [(None, find(tree, folders, name)) for name in more]
    while todo:
        program, path = todo.pop()
        place = target / 'usr/bin' / program if program else libraries / path.name
        shutil.copyfile(os.path.realpath(path), place)
        place.chmod(0o755)
        names, loaders = needed(path)
        for loader in loaders:
            (target / loader.lstrip('/')).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(os.path.realpath(find(tree, folders, os.path.basename(loader))), target / loader.lstrip('/'))
            (target / loader.lstrip('/')).chmod(0o755)
        todo += [(None, find(tree, folders, name)) for name in names if name not in done]
        done.update(names)


class System:
    """A kernel and a userland for a guest."""

    def __init__(self, name):
        self.name = name
        self.suite, self.architecture, self.kernel_package = SYSTEMS[name]
        self.place = self._get()
        self.kernel = kernels.Kernel(self.place)
        self.busybox = find(self.place / 'userland', PROGRAM_FOLDERS, 'busybox')

    def _get(self):
        key = cache.checksum('1', HERE / 'distro.py', self.name)
        with step(f'fetching Debian {self.suite} {self.architecture}', quiet=(cache.root() / f'system-{key}').is_dir()):
            return cache.make('system', key, self._build)

    def _build(self, work):
        with tempfile.TemporaryDirectory(dir=work) as name:
            archive = Archive(self.suite, self.architecture, pathlib.Path(name))
            archive.unpack(PACKAGES, work / 'userland')
            image = archive.depends(self.kernel_package, r'linux-image-\d\S+')
            kernels.unpack([image], work, archive.environment)

    def copy_programs(self, target):
        copy_programs(self.place / 'userland', self.architecture, PROGRAMS, target)


def tools_tree(work):
    with tempfile.TemporaryDirectory(dir=work) as name:
        archive = Archive('sid', 'amd64', pathlib.Path(name) / 'apt')
        archive.unpack(('fwts', 'udev', 'pciutils', 'dmidecode', 'libkmod2'), pathlib.Path(name) / 'tree')
        tree = pathlib.Path(name) / 'tree'
        target = pathlib.Path(name) / 'tools'
        for folder in ('proc', 'sys', 'dev', 'tmp', 'run', 'etc', 'usr/share'):
            (target / folder).mkdir(parents=True)
        copy_programs(tree, 'amd64', ('fwts', 'udevadm', 'lspci', 'dmidecode'), target, ('libkmod.so.2',))
        shutil.copytree(tree / 'usr/share/fwts', target / 'usr/share/fwts')
        (target / 'etc/ld.so.conf').write_text(f'/usr/lib/{TRIPLETS["amd64"]}\n')
        run('/sbin/ldconfig', '-r', target)
        run('xorriso', '-as', 'mkisofs', '-quiet', '-R', '-V', 'TOOLS', '-o', work / 'tools.iso', target)


def tools():
    """The folder of the cache with tools.iso: a small root to change into, with fwts and udevadm of the newest Debian."""
    key = cache.checksum('1', HERE / 'distro.py')
    with step('fetching fwts and the newest udevadm', quiet=(cache.root() / f'tools-{key}').is_dir()):
        return cache.make('tools', key, tools_tree)
