"""The chip's `socket` (ports/esp32/modsocket.c over lwIP), on the air's network.

As there: a timeout is counted in steps of 100 ms, a name blocks for as long as lwIP asks for it, an address
in figures answers at once, and a socket that nobody refers to any more is closed by a collection. No
listening: a hub serves nobody.
"""

import gc

import _seam
import vfs
from micropython import const

AF_INET = 2
AF_INET6 = 10
SOCK_STREAM = 1
SOCK_DGRAM = 2
SOCK_RAW = 3
IPPROTO_IP = 0
IPPROTO_TCP = 6
IPPROTO_UDP = 17
SOL_SOCKET = 0xFFF
SO_REUSEADDR = 4
SO_BROADCAST = 0x20
IP_ADD_MEMBERSHIP = 3
TCP_NODELAY = 1
MSG_PEEK = 1
MSG_DONTWAIT = 8

_OPEN = const(50)
_WRITE = const(51)
_READ = const(52)
_POLL = const(53)
_CLOSE = const(54)
_RESOLVE = const(55)
_RESOLVED = const(56)
_NO_DELAY = const(57)
_DATAGRAMS = const(70)
_SEND_TO = const(71)
_RECEIVE_FROM = const(72)

_EBADF = const(9)
_EAGAIN = const(11)
_EINVAL = const(22)
_ENFILE = const(23)
_ETIMEDOUT = const(116)
_EINPROGRESS = const(119)
_ENOTCONN = const(128)

_STEP_MS = const(100)  # SOCKET_POLL_US
_FRAME_OCTETS = const(512)  # of one read or write; the seam's buffers have 640
_POLL_WRITABLE = const(4)
_POLL_ERROR = const(8)
_POLL_HANG_UP = const(16)
_POLL_INVALID = const(32)
_IOCTL_POLL = const(3)
_IOCTL_CLOSE = const(4)

# Python objects have no finaliser here, files have: each socket holds an open /dev/null, whose descriptor
# comes free when the socket was collected. So the twin, like the chip, lives with sockets that were only
# forgotten.
_dev = vfs.VfsPosix("/dev")
_tokens = {}


def _token(number):
    token = _dev.open("/null", "rb")
    descriptor = token.fileno()
    _release(descriptor)
    _tokens[descriptor] = number
    return token


def _release(descriptor):
    number = _tokens.pop(descriptor, None)
    if number is not None:
        _seam.call(_CLOSE, number)


def _release_collected():
    """Close the air's side of all sockets that a collection has freed."""
    gc.collect()
    highest = max(_tokens) if _tokens else -1
    held = []
    while True:
        token = _dev.open("/null", "rb")
        held.append(token)
        if token.fileno() > highest:
            break
        _release(token.fileno())
    for token in held:
        token.close()


def _new(op, payload):
    """Make a socket in the air; when there is no more, first collect (socket_make_new does so)."""
    try:
        return _seam.call(op, payload)
    except OSError as error:
        if error.args[0] != _ENFILE:
            raise
    _release_collected()
    return _seam.call(op, payload)


def _packed(address):
    """Four octets of an address in figures, or None."""
    parts = address.split(".")
    if len(parts) != 4:
        return None
    try:
        return bytes([int(part) for part in parts])
    except ValueError:
        return None


def getaddrinfo(host, port, af=0, type=0, proto=0, flags=0):
    """[(family, type, proto, name, (address, port))]; blocks while a name is looked up."""
    name = host or "0.0.0.0"
    if _packed(name) is None:
        number = _seam.call(_RESOLVE, name.encode())
        while True:
            try:
                address = _seam.call(_RESOLVED, number).decode()
                break
            except OSError as error:
                if error.args[0] != _EAGAIN:
                    raise
            _seam.wait(-1)
    else:
        _seam.point()
        address = name
    return [(AF_INET, type or SOCK_STREAM, proto, host, (address, int(port)))]


class socket:
    """A socket of lwIP. What it raises are OSErrors with newlib's numbers."""

    def __init__(self, af=AF_INET, type=SOCK_STREAM, proto=0):
        self._datagrams = type == SOCK_DGRAM
        self._number = None
        self._asked_in = None  # the seam's generation in which `_flags` were asked
        self._flags = 0
        self._hold = None
        self._timeout_ms = -1
        self._to = None
        self._no_delay = False
        self._closed = False
        if self._datagrams:
            self._adopt(_new(_DATAGRAMS, b""))

    def _adopt(self, number):
        self._number = number
        self._hold = _token(number)

    def _attempt(self, op, payload):
        """One try: the answer, or None for "not yet"."""
        if self._number is None:
            raise OSError(_EBADF if self._closed else _ENOTCONN)
        try:
            return _seam.call(op, self._number + payload)
        except OSError as error:
            if error.args[0] != _EAGAIN:
                raise
            return None

    def _within_timeout(self, op, payload):
        """Try until the timeout, which modsocket.c counts in whole steps."""
        timeout = self._timeout_ms
        steps = timeout // _STEP_MS
        end = _seam.now + (steps + 1) * _STEP_MS
        while True:
            answer = self._attempt(op, payload)
            if answer is not None:
                return answer
            if timeout == 0 or (timeout > 0 and _seam.now >= end):
                raise OSError(_EAGAIN if steps == 0 else _ETIMEDOUT)
            _seam.wait(-1 if timeout < 0 else end - _seam.now)

    # -- set up

    def settimeout(self, seconds):
        """None: wait for ever; 0: never wait."""
        self._timeout_ms = -1 if seconds is None else int(seconds * 1000)

    def setblocking(self, blocking):
        """As settimeout(None) or settimeout(0)."""
        self._timeout_ms = -1 if blocking else 0

    def setsockopt(self, level, option, value):
        """Nagle's algorithm; the rest changes nothing here."""
        if level == IPPROTO_TCP and option == TCP_NODELAY:
            self._no_delay = bool(value)
            if self._number is not None:
                _seam.call(_NO_DELAY, self._number + bytes([self._no_delay]))
        elif option not in (SO_REUSEADDR, SO_BROADCAST):
            print("Warning: lwip.setsockopt() option not implemented")

    def bind(self, address):
        """A hub's own port matters to nobody in the air."""
        getaddrinfo(address[0], address[1])

    def connect(self, address):
        """Connect, waiting as long as the timeout allows; EINPROGRESS when it allows nothing."""
        host, port = getaddrinfo(address[0], address[1])[0][4]
        if self._datagrams:
            self._to = (host, port)
            return
        if self._closed:
            raise OSError(_EBADF)
        self._adopt(_new(_OPEN, _packed(host) + port.to_bytes(2, "little")))
        if self._no_delay:
            _seam.call(_NO_DELAY, self._number + b"\x01")
        if self._timeout_ms == 0:
            raise OSError(_EINPROGRESS)
        end = _seam.now + (self._timeout_ms // _STEP_MS + 1) * _STEP_MS
        while True:
            flags = _seam.call(_POLL, self._number)[0]
            if flags & _POLL_ERROR:
                self._attempt(_READ, b"\x01\x00")  # raises what went wrong
            if flags & _POLL_WRITABLE:
                return
            if self._timeout_ms > 0 and _seam.now >= end:
                raise OSError(_ETIMEDOUT)
            _seam.wait(-1 if self._timeout_ms < 0 else end - _seam.now)

    def close(self):
        """Free it; a second time does nothing."""
        self._closed = True
        if self._number is not None:
            number, self._number = self._number, None
            _tokens.pop(self._hold.fileno(), None)
            self._hold.close()
            _seam.call(_CLOSE, number)

    # -- receive

    def recv(self, count, flags=0):
        """Up to `count` octets, as soon as there are any; empty at the end."""
        if self._datagrams:
            return self.recvfrom(count)[0]
        if flags & MSG_DONTWAIT:
            answer = self._attempt(_READ, min(count, _FRAME_OCTETS).to_bytes(2, "little"))
            if answer is None:
                raise OSError(_EAGAIN)
            return answer
        return self._within_timeout(_READ, min(count, _FRAME_OCTETS).to_bytes(2, "little"))

    def recvfrom(self, count, flags=0):
        """(octets, (address, port)): one datagram, cut at `count`."""
        octets = self._within_timeout(_RECEIVE_FROM, b"")
        source = "%d.%d.%d.%d" % tuple(octets[:4])
        return octets[6 : 6 + count], (source, octets[4] | octets[5] << 8)

    def _receive(self, count):
        """recv for the stream calls: None when it would have to wait and may not."""
        try:
            return self.recv(count)
        except OSError as error:
            if error.args[0] != _EAGAIN:
                raise
            return None

    def read(self, count=-1):
        """Exactly `count` octets unless it ends or may not wait; all until the end without `count`."""
        octets = b""
        while count < 0 or len(octets) < count:
            more = self._receive(_FRAME_OCTETS if count < 0 else count - len(octets))
            if more is None:
                return octets or None
            if not more:
                break
            octets += more
        return octets

    def readinto(self, buffer, count=-1):
        """As read, into `buffer`; returns how many."""
        octets = self.read(len(buffer) if count < 0 else count)
        if octets is None:
            return None
        buffer[: len(octets)] = octets
        return len(octets)

    def readline(self):
        """Until the end of a line; None when it would have to wait and may not."""
        line = b""
        while not line.endswith(b"\n"):
            more = self._receive(1)
            if more is None:
                return line or None
            if not more:
                break
            line += more
        return line

    # -- send

    def send(self, octets):
        """Send what TCP takes within the timeout; how many octets that were."""
        if self._datagrams:
            return self.sendto(octets, self._to)
        view = memoryview(octets)
        sent = 0
        while sent < len(view):
            try:
                taken = self._within_timeout(_WRITE, bytes(view[sent : sent + _FRAME_OCTETS]))
            except OSError as error:
                if not sent or error.args[0] not in (_EAGAIN, _ETIMEDOUT):
                    raise
                break
            sent += taken[0] | taken[1] << 8
        return sent

    def sendall(self, octets):
        """Send all, or ETIMEDOUT."""
        if self.send(octets) < len(octets):
            raise OSError(_ETIMEDOUT)

    def sendto(self, octets, address):
        """Send one datagram to an address in figures."""
        packed = _packed(address[0])
        if packed is None:
            raise ValueError("invalid arguments")
        if self._number is None:
            raise OSError(_EBADF)
        _seam.call(_SEND_TO, self._number + packed + address[1].to_bytes(2, "little") + bytes(octets))
        return len(octets)

    def write(self, octets, count=None):
        """As send; None when nothing was taken and it may not wait."""
        try:
            return self.send(octets if count is None else memoryview(octets)[:count])
        except OSError as error:
            if error.args[0] != _EAGAIN:
                raise
            return None

    # -- poll

    def ioctl(self, request, argument):
        """What select asks (MP_STREAM_POLL), and close."""
        if request == _IOCTL_POLL:
            if self._closed:
                return _POLL_INVALID
            if self._number is None:
                return argument & _POLL_WRITABLE | _POLL_HANG_UP
            if self._asked_in != _seam.generation:
                self._flags = _seam.call(_POLL, self._number)[0]
                self._asked_in = _seam.generation
            return self._flags & argument
        if request == _IOCTL_CLOSE:
            self.close()
            return 0
        return -_EINVAL

    def makefile(self, mode="", buffering=0):
        """The socket itself, as the chip has it."""
        return self

    def fileno(self):
        """lwIP's descriptor."""
        return -1 if self._number is None else self._number[0]
