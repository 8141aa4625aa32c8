# kernel.py: the distribution's kernel, unpacked (not installed) in the cache, and subsets of its modules.
# SPDX-License-Identifier: GPL-2.0-or-later
import gzip
import lzma
import os
import pathlib
import re
import subprocess

import cache
from ui import Failure, run, step

# Tried in this order: Debian's generic kernel, Ubuntu's.
META_PACKAGES = ('linux-image-amd64', 'linux-image-generic')


class Kernel:
    """An unpacked kernel: its version, vmlinuz, and the tree with lib/modules/VERSION."""

    def __init__(self, place):
        self.place = place
        self.vmlinuz = place / 'vmlinuz'
        self.tree = place / 'tree'
        self.version = (place / 'version').read_text().strip()
        self.modules = self.tree / 'lib/modules' / self.version

    def closure(self, names, optional=()):
        """Files (relative to lib/modules/VERSION) of NAMES and of all they depend on, dependencies first."""
        depends, built_in = self._depends(), self._built_in()
        found, todo = [], [(name, name in optional) for name in list(names) + list(optional)]

        def add(path):
            for needed in depends[path]:
                add(needed)
            if path not in found:
                found.append(path)

        by_name = {module_name(path): path for path in depends}
        for name, may_miss in todo:
            name = name.replace('-', '_')
            if name in by_name:
                add(by_name[name])
            elif name not in built_in and not may_miss:
                raise Failure(f'kernel {self.version} has no module {name}')
        return found

    def copy_modules(self, names, destination, optional=()):
        """Copies modules and dependencies, unpacked, into DESTINATION/lib/modules/VERSION and runs depmod."""
        target = pathlib.Path(destination) / 'lib/modules' / self.version
        for path in self.closure(names, optional):
            plain = re.sub(r'\.(xz|gz|zst)$', '', path)
            out = target / plain
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes(unpacked(self.modules / path))
        target.mkdir(parents=True, exist_ok=True)
        for name in ('modules.builtin', 'modules.builtin.modinfo', 'modules.order'):
            if (self.modules / name).is_file():
                (target / name).write_bytes((self.modules / name).read_bytes())
        run('depmod', '-b', destination, self.version)

    def _depends(self):
        table = {}
        for line in (self.modules / 'modules.dep').read_text().splitlines():
            path, _, needed = line.partition(':')
            table[path] = needed.split()
        return table

    def _built_in(self):
        return {module_name(line) for line in (self.modules / 'modules.builtin').read_text().split()}


def module_name(path):
    return os.path.basename(path).split('.ko')[0].replace('-', '_')


def unpacked(path):
    data = path.read_bytes()
    if path.suffix == '.xz':
        return lzma.decompress(data)
    if path.suffix == '.gz':
        return gzip.decompress(data)
    if path.suffix == '.zst':
        return subprocess.run(['zstd', '-dc'], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def _apt_cache(*words):
    environment = dict(os.environ, LC_ALL='C')
    done = subprocess.run(['apt-cache', *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          env=environment)
    return done.stdout if done.returncode == 0 else ''


def _candidate(package):
    found = re.search(r'Candidate: (\S+)', _apt_cache('policy', package))
    return found.group(1) if found and found.group(1) != '(none)' else None


def _packages():
    """The packages that hold today's kernel of this distribution, as [(name, version)]."""
    for meta in META_PACKAGES:
        found = re.search(r'Depends: (linux-image-\d\S+)', _apt_cache('depends', meta))
        if not found:
            continue
        image = found.group(1)
        names = [image, image.replace('linux-image-', 'linux-modules-'),
                 image.replace('linux-image-', 'linux-modules-extra-')]
        versions = [(name, _candidate(name)) for name in names]
        return [(name, version) for name, version in versions if version]
    return []


def unpack(packages, work, environment=None):
    """Fills WORK for a Kernel from PACKAGES (`name` or `name=version`), which the apt of ENVIRONMENT downloads."""
    tree = work / 'tree'
    tree.mkdir()
    for package in packages:
        run('apt-get', '-q', 'download', package, cwd=work, timeout=900, env=environment)
    for deb in sorted(work.glob('*.deb')):
        run('dpkg', '-x', deb, tree)
        deb.unlink()
    if not (tree / 'lib').exists():         # packages of a merged-/usr distribution hold usr/lib alone
        (tree / 'lib').symlink_to('usr/lib')
    version = next((tree / 'lib/modules').iterdir()).name
    (work / 'vmlinuz').write_bytes((tree / 'boot' / f'vmlinuz-{version}').read_bytes())
    (work / 'version').write_text(version + '\n')
    run('depmod', '-b', tree, version)


def get():
    """The kernel for guests and for the emulated host: downloaded once a version; offline, the newest one in the cache."""
    packages = _packages()
    if packages:
        key = cache.checksum('1', *(f'{name}={version}' for name, version in packages))
        place = cache.root() / f'kernel-{key}'
        try:
            with step(f'fetching {packages[0][0]} (not installed, only unpacked)', quiet=place.is_dir()):
                return Kernel(cache.make('kernel', key, lambda work: unpack([f'{name}={version}' for name, version in packages], work)))
        except Failure as failure:
            reason = str(failure)
    else:
        reason = 'the package lists know no ' + ' or '.join(META_PACKAGES) + ' (apt-get update?)'
    kept = sorted(cache.root().glob('kernel-*'), key=lambda path: path.stat().st_mtime)
    if not kept:
        raise Failure(f'no kernel for the guest: {reason}')
    return Kernel(kept[-1])
