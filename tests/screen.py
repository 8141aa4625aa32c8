# screen.py: pictures of the screen: comparison by pixels, and reading text modes back through the font of the VGA BIOS.
# SPDX-License-Identifier: GPL-2.0-or-later
import functools
import os
import pathlib

from PIL import Image, ImageChops

FONT_HEIGHT = 16
GLYPHS = 256
# "A" of every VGA's 8x16 font: finds the table in the BIOS image.
LETTER_A = bytes.fromhex('000010386cc6c6fec6c6c6c600000000')
BIOSES = ('/usr/share/seabios/vgabios-vmware.bin', '/usr/share/seabios/vgabios-stdvga.bin')


@functools.lru_cache
def font():
    """Maps the 16 bytes of a glyph to its character (code page 437)."""
    for name in BIOSES:
        if os.path.exists(name):
            data = pathlib.Path(name).read_bytes()
            table = data.find(LETTER_A) - 65 * FONT_HEIGHT
            if table >= 0:
                break
    else:
        raise AssertionError('no VGA BIOS with an 8x16 font found: install seabios')
    glyphs = {}
    for code in range(GLYPHS - 1, -1, -1):
        shape = data[table + code * FONT_HEIGHT:table + (code + 1) * FONT_HEIGHT]
        glyphs[shape] = ' ' if code in (0, 32, 255) else bytes([code]).decode('cp437')
    glyphs[bytes(FONT_HEIGHT)] = ' '
    return glyphs


def _shape(cell, stride):
    """The glyph of a cell: 16 bytes, one bit a pixel that differs from the cell's background. CELL: RGB, row by row."""
    rows = [[cell[row + 3 * x:row + 3 * x + 3] for x in range(8)] for row in range(0, len(cell), stride)]
    flat = [pixel for row in rows for pixel in row]
    background = max(set(flat), key=flat.count)
    return bytes(sum((pixel != background) << (7 - x) for x, pixel in enumerate(row)) for row in rows)


def _character(shape):
    known = font()
    if shape in known:
        return known[shape]
    inverted = bytes(byte ^ 0xff for byte in shape)     # a glyph that fills more than half of its cell
    if inverted in known:
        return known[inverted]
    # The cursor: an underline in the last rows of an otherwise known glyph.
    for first in range(12, FONT_HEIGHT):
        plain = shape[:first] + bytes(FONT_HEIGHT - first)
        if plain in known:
            return known[plain]
    return '\ufffd'


def read_text(path):
    """Lines of text that the picture of a text mode shows (cells of 8 or 9 by 16 pixels)."""
    image = Image.open(path).convert('RGB')
    step = 3 * (9 if image.width % 9 == 0 and image.width != 640 else 8)
    data, pitch = image.tobytes(), 3 * image.width
    known, lines = {}, []       # most cells are the same few: on the emulated host that is what counts
    for top in range(0, image.height - FONT_HEIGHT + 1, FONT_HEIGHT):
        rows = [data[(top + y) * pitch:(top + y + 1) * pitch] for y in range(FONT_HEIGHT)]
        line = []
        for left in range(0, pitch - step + 1, step):
            cell = b''.join([row[left:left + 24] for row in rows])
            if cell not in known:
                known[cell] = _character(_shape(cell, 24))
            line.append(known[cell])
        lines.append(''.join(line).rstrip())
    return lines


def difference(one, other, ignore=()):
    """None when two pictures are equal outside the boxes IGNORE (left, top, right, bottom); else what differs."""
    first, second = (Image.open(path).convert('RGB') for path in (one, other))
    if first.size != second.size:
        return f'sizes {first.size} and {second.size}'
    for box in ignore:
        black = Image.new('RGB', (box[2] - box[0], box[3] - box[1]))
        first.paste(black, box[:2])
        second.paste(black, box[:2])
    box = ImageChops.difference(first, second).getbbox()
    return None if box is None else f'pixels differ within {box}'
