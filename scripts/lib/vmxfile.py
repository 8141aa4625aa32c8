# vmxfile.py: .vmx files for the demo and the tests, as Workstation 17 writes them.
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import secrets

# What a Workstation 17 user has after "New virtual machine", IDE disk chosen. The order is Workstation's; keys that
# Berth does not act on are here because real files have them.
WORKSTATION = """
.encoding = "UTF-8"
config.version = "8"
virtualHW.version = "20"
mks.enable3d = "TRUE"
pciBridge0.present = "TRUE"
pciBridge4.present = "TRUE"
pciBridge4.virtualDev = "pcieRootPort"
pciBridge4.functions = "8"
pciBridge5.present = "TRUE"
pciBridge5.virtualDev = "pcieRootPort"
pciBridge5.functions = "8"
pciBridge6.present = "TRUE"
pciBridge6.virtualDev = "pcieRootPort"
pciBridge6.functions = "8"
pciBridge7.present = "TRUE"
pciBridge7.virtualDev = "pcieRootPort"
pciBridge7.functions = "8"
vmci0.present = "TRUE"
hpet0.present = "TRUE"
nvram = "debian.nvram"
virtualHW.productCompatibility = "hosted"
powerType.powerOff = "soft"
powerType.powerOn = "soft"
powerType.suspend = "soft"
powerType.reset = "soft"
displayName = "Debian demo"
guestOS = "debian12-64"
tools.syncTime = "FALSE"
sound.autoDetect = "TRUE"
sound.virtualDev = "hdaudio"
sound.fileName = "-1"
sound.present = "FALSE"
numvcpus = "1"
cpuid.coresPerSocket = "1"
memsize = "512"
mem.hotadd = "TRUE"
ide0:0.present = "TRUE"
ide0:0.fileName = "debian.vmdk"
ide0:0.redo = ""
ide1:0.present = "FALSE"
ide1:0.deviceType = "cdrom-image"
ide1:0.fileName = "auto detect"
ide1:0.startConnected = "TRUE"
usb.present = "TRUE"
ehci.present = "TRUE"
svga.graphicsMemoryKB = "8388608"
svga.vramSize = "16777216"
ethernet0.present = "FALSE"
ethernet0.connectionType = "nat"
ethernet0.addressType = "generated"
ethernet0.virtualDev = "e1000"
ethernet0.pciSlotNumber = "33"
ethernet0.generatedAddressOffset = "0"
serial0.present = "FALSE"
serial0.fileType = "file"
serial0.fileName = "serial0.log"
serial0.tryNoRxLoss = "FALSE"
extendedConfigFile = "debian.vmxf"
floppy0.present = "FALSE"
vmxstats.filename = "debian.scoreboard"
numa.autosize.cookie = "10012"
numa.autosize.vcpu.maxPerVirtualNode = "1"
pciBridge0.pciSlotNumber = "17"
pciBridge4.pciSlotNumber = "21"
pciBridge5.pciSlotNumber = "22"
pciBridge6.pciSlotNumber = "23"
pciBridge7.pciSlotNumber = "24"
usb.pciSlotNumber = "32"
ehci.pciSlotNumber = "35"
vmci0.pciSlotNumber = "36"
vmotion.checkpointFBSize = "4194304"
vmotion.checkpointSVGAPrimarySize = "268435456"
vmotion.svga.mobMaxSize = "268435456"
vmotion.svga.graphicsMemoryKB = "262144"
monitor.phys_bits_used = "45"
cleanShutdown = "TRUE"
softPowerOff = "FALSE"
usb:1.speed = "2"
usb:1.present = "TRUE"
usb:1.deviceType = "hub"
usb:1.port = "1"
usb:1.parent = "-1"
svga.guestBackedPrimaryAware = "TRUE"
tools.remindInstall = "TRUE"
toolsInstallManager.updateCounter = "1"
checkpoint.vmState = ""
gui.lastPoweredViewMode = "fullscreen"
uuid.location = "56 4d 3a 52 0c 07 7f 31-8b 6f 21 f0 95 0d 6c 11"
"""


def new_uuid():
    raw = [0x56, 0x4d] + list(secrets.token_bytes(14))
    text = ' '.join(f'{byte:02x}' for byte in raw)
    return text[:23] + '-' + text[24:]


def escape(value):
    """A value as VMware writes it: quotes, bars and control characters as |XX."""
    return ''.join(f'|{ord(char):02X}' if char in '"|\x7f' or (char < ' ' and char != '\t') else char for char in value)


def parse(text):
    """Lines `key = "value"` as a dictionary, in the file's order. For files that this module wrote."""
    pairs = (line.split(' = ', 1) for line in text.splitlines() if ' = ' in line)
    return {key.strip(): value.strip().strip('"') for key, value in pairs}


def text_of(keys):
    return ''.join(f'{key} = "{escape(value)}"\n' for key, value in keys.items() if value is not None)


def workstation(**changes):
    """The keys of a Workstation 17 file, changed by a dictionary; None removes a key."""
    keys = parse(WORKSTATION)
    keys['uuid.bios'] = new_uuid()
    keys.update(changes)
    return keys


def minimal(**changes):
    """The least VM that has a screen and a clock: what the payload tests need and nothing more."""
    keys = {'.encoding': 'UTF-8', 'config.version': '8', 'virtualHW.version': '20', 'guestOS': 'other',
            'displayName': 'payload', 'memsize': '64', 'numvcpus': '1', 'floppy0.present': 'FALSE',
            'uuid.bios': new_uuid()}
    keys.update(changes)
    return keys


def write(path, keys):
    pathlib.Path(path).write_text(text_of(keys))
