# golden_fields.py: what a guest reports, field by field, against what is published of VMware guests.
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import re

GOLDEN = pathlib.Path(__file__).parent / 'golden'
UUID = '56 4d fd 28 89 33 f8 e2-64 74 3b 92 92 3b 58 0e'
# Fields of the golden file that are the unit test's: they depend on the host, or Debian shows them in another form.
NOT_HERE = ('Part Number: VMW', '40000010.eax')


def golden(hw):
    """(section, field, reason or None) of what a VMware guest of this hardware version shows."""
    section = ''
    for line in (GOLDEN / f'hw{hw:02}.txt').read_text().splitlines():
        if line.startswith('['):
            section = line.strip('[]')
        elif line and not line.startswith('#'):
            differs = line.startswith('! ')
            field, _, reason = line.removeprefix('! ').partition(' | ')
            yield section, field, reason if differs else None


def dmi_blocks(text):
    """{(type, index): [lines]}, and how many of each type."""
    blocks, counts = {}, {}
    for block in re.split(r'^(?=Handle 0x)', text, flags=re.M)[1:]:
        kind, size = map(int, re.match(r'Handle 0x\w+, DMI type (\d+), (\d+) bytes', block).groups())
        index = counts.get(kind, 0)
        counts[kind] = index + 1
        blocks[kind, index] = [f'Length: {size}'] + [line.strip() for line in block.splitlines()[1:]]
    return blocks, counts


def compare(hw, seen_dmi, seen_cpuid):
    """The number of fields compared (SEEN_CPUID None: without CPUID); fails with a list of those that are not as they should be."""
    blocks, counts = dmi_blocks(seen_dmi)
    wrong, compared = [], 0
    for section, field, reason in golden(hw):
        words = section.split()
        if field.startswith(NOT_HERE) or words[0] == 'e820':
            continue
        if words[0] == 'cpuid' and seen_cpuid is None:
            continue
        if words[0] == 'cpuid':
            equal = field in seen_cpuid
        elif len(words) == 1:
            equal = field in seen_dmi
        elif field.startswith('Count: '):
            equal = counts.get(int(words[1]), 0) == int(field.split()[1])
        else:
            equal = field in blocks.get((int(words[1]), int(words[2]) if len(words) > 2 else 0), [])
        compared += 1
        if equal == (reason is not None):
            wrong.append(f'[{section}] {field}' + (' is no difference any more' if equal else ''))
    assert not wrong, '\n'.join(wrong)
    return compared
