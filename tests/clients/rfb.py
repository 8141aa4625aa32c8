# rfb.py: a VNC client of a hundred lines, for what ready-made viewers do not show: sizes, silence.
# SPDX-License-Identifier: GPL-2.0-or-later
import socket
import time

RAW, DESKTOP_SIZE = 0, -223


class Client:
    """Connects without a password; encodings are raw and, if asked, DesktopSize."""

    def __init__(self, port, resizes=True):
        self.socket = socket.create_connection(('127.0.0.1', port), 10)
        self.take(12)
        self.socket.sendall(b'RFB 003.008\n')
        kinds = self.take(self.number(1))
        assert 1 in kinds, f'no security type None: {list(kinds)}'
        self.socket.sendall(b'\x01')
        assert self.number(4) == 0, 'security handshake failed'
        self.socket.sendall(b'\x01')
        self.width, self.height = self.number(2), self.number(2)
        self.pixel_bytes = self.take(16)[0] // 8
        self.take(self.number(4))
        encodings = [RAW] + ([DESKTOP_SIZE] if resizes else [])
        self.socket.sendall(b'\x02\0' + len(encodings).to_bytes(2, 'big') +
                            b''.join(code.to_bytes(4, 'big', signed=True) for code in encodings))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.socket.close()

    def take(self, count):
        data = b''
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            assert part, 'the server closed the connection'
            data += part
        return data

    def number(self, size):
        return int.from_bytes(self.take(size), 'big')

    def request(self, incremental):
        """FramebufferUpdateRequest for the whole screen."""
        self.socket.sendall(bytes([3, incremental, 0, 0, 0, 0]) + self.width.to_bytes(2, 'big') + self.height.to_bytes(2, 'big'))

    def update(self):
        """Reads one FramebufferUpdate; returns the pixels it had, or None when it was a new size."""
        assert self.take(1) == b'\0'
        self.take(1)
        pixels = 0
        for _ in range(self.number(2)):
            self.take(4)
            width, height = self.number(2), self.number(2)
            encoding = int.from_bytes(self.take(4), 'big', signed=True)
            if encoding == DESKTOP_SIZE:
                self.width, self.height = width, height
                return None
            assert encoding == RAW
            self.take(width * height * self.pixel_bytes)
            pixels += width * height
        return pixels

    def whole_screen(self):
        """Asks for everything until everything has come."""
        self.request(0)
        seen = 0
        while seen < self.width * self.height:
            pixels = self.update()
            if pixels is None:
                seen = 0
                self.request(0)
            else:
                seen += pixels

    def drain(self, seconds, limit=20):
        """Throws away what comes until nothing has come for so long; the stream is out of step afterwards."""
        end = time.monotonic() + limit
        while not self.silent(seconds):
            assert time.monotonic() < end, f'bytes came without end for {limit} s'

    def silent(self, seconds):
        """Whether nothing comes for so long."""
        self.socket.settimeout(seconds)
        try:
            return not self.socket.recv(65536)
        except TimeoutError:
            return True
