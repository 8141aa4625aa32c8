# cache.py: things that are made once and kept outside the tree: kernels, initramfs, guest disks.
# SPDX-License-Identifier: GPL-2.0-or-later
import hashlib
import os
import pathlib
import shutil
import tempfile


def root():
    base = os.environ.get('XDG_CACHE_HOME') or os.path.join(os.path.expanduser('~'), '.cache')
    return pathlib.Path(base) / 'berth'


def checksum(*parts):
    """Short checksum over texts, bytes and the contents of files (pathlib.Path)."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, pathlib.Path):
            part = part.read_bytes()
        elif isinstance(part, str):
            part = part.encode()
        digest.update(len(part).to_bytes(8, 'little') + part)
    return digest.hexdigest()[:12]


def make(kind, key, builder):
    """Returns the directory KIND-KEY of the cache; BUILDER(directory) fills it when it is not there yet.

    It is built beside its place and renamed, so that an interrupted or a second build never leaves half of one.
    """
    place = root() / f'{kind}-{key}'
    if place.is_dir():
        os.utime(place)
        return place
    root().mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix=f'.{kind}-', dir=root()))
    os.chmod(work, 0o755)   # the emulated host may look at it as another user
    try:
        builder(work)
        try:
            work.rename(place)
        except OSError:
            if not place.is_dir():      # lost the race against another build of the same thing: theirs is as good
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    prune(kind, keep=8)
    return place


def prune(kind, keep):
    old = sorted(root().glob(f'{kind}-*'), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in old[keep:]:
        shutil.rmtree(path, ignore_errors=True)
