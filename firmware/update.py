"""An update of the application: a signed manifest, then an index and the files that it names, into the spare slot.

The octets of an update are its index and then its files, one after the other (seal/FORMAT.md, section 7). They come in
pieces, in order, over the cable or from the broker; each file is checked as soon as it is whole. What is there stays
through a reboot: whoever begins the same update again goes on where it was. The slot can be started only when all of it
is there: main.py gets its name last.
"""

import binascii
import hashlib
import os

from micropython import const

from firmware.contracts import PeerError
from firmware.seal.reader import Reader
from firmware.seal.verify1 import open_sign1

MANIFEST = const(65006)  # its content type
BOARD = "esp32s3"
MANIFEST_OCTETS_MAX = const(256)
FOLDER = "/new"  # where the spare slot is mounted meanwhile
_VERSION = const(1)
_SIGN1_TAG = const(18)
_TEXT_OCTETS_MAX = const(32)
_UPDATE_OCTETS_MAX = const(786_432)  # three quarters of a slot: LittleFS gives each file whole sectors
_INDEX_OCTETS_MAX = const(32_768)
_LINE_OCTETS_MAX = const(160)  # digest, octets, path
_PATH_OCTETS_MAX = const(64)
_PIECE_OCTETS = const(512)
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/"
_MAIN = "main.py"
_NOT_YET = ".part"
_INDEX, _KEPT_MANIFEST = FOLDER + "/index", FOLDER + "/manifest"


class Manifest:
    """What the release key signed. `sequence` rises with each release; `journal` are the formats that it reads."""

    def __init__(self, version: str, sequence: int, journal: tuple, octets: int, index_octets: int, index: bytes):
        self.version = version
        self.sequence = sequence
        self.journal = journal
        self.octets = octets
        self.index_octets = index_octets
        self.index = index  # its SHA-256


def open_manifest(octets, release: bytes, board: str, sequence: int, journal: int) -> Manifest:
    """The manifest, when it is for this board, newer than `sequence`, and reads this journal's format.

    PeerError("update: <reason>"): signature, foreign key, malformed, oversize, board, older, journal.
    """
    try:
        reader = Reader(open_sign1(octets, release, MANIFEST, MANIFEST_OCTETS_MAX))
        found = _manifest(reader, board)
        if found.sequence <= sequence:
            raise PeerError("older")
        if not found.journal[0] <= journal <= found.journal[1]:
            raise PeerError("journal")
    except PeerError as error:
        reason = error.args[0]
        raise PeerError("update: " + ("malformed" if reason == "cbor" else reason))
    return found


def _manifest(reader, board: str) -> Manifest:
    if reader.array(8) != 8 or reader.uint() != _VERSION:
        raise PeerError("malformed")
    if reader.text(_TEXT_OCTETS_MAX) != board:
        raise PeerError("board")
    version = reader.text(_TEXT_OCTETS_MAX)
    sequence = reader.uint(0x3FFFFFFF)
    if reader.array(2) != 2:
        raise PeerError("malformed")
    journal = (reader.uint(0xFFFF), reader.uint(0xFFFF))
    octets = reader.uint(_UPDATE_OCTETS_MAX)
    index_octets = reader.uint(_INDEX_OCTETS_MAX)
    index = bytes(reader.bytes(32, 32))
    reader.end()
    return Manifest(version, sequence, journal, octets, index_octets, index)


def kept_manifest(path: str = _KEPT_MANIFEST) -> bytes:
    """The manifest of what lies in a mounted slot; b"" when there is none."""
    try:
        with open(path, "rb") as file:
            return file.read(MANIFEST_OCTETS_MAX + 1)
    except OSError:
        return b""


def running_sequence() -> int:
    """The sequence of the release that runs; 0 for one that came over a cable without a manifest.

    It was checked before it could be started.
    """
    reader = Reader(kept_manifest("/app/manifest"))
    try:
        reader.tag(_SIGN1_TAG)
        reader.array(4)
        reader.bytes(1, MANIFEST_OCTETS_MAX)
        reader.map(0)
        return _manifest(Reader(reader.bytes(1, MANIFEST_OCTETS_MAX)), BOARD).sequence
    except PeerError:
        return 0


def begin(spare, label: str, manifest: Manifest, octets: bytes) -> "Update":
    """Mount the spare slot (`spare`: board/spare.py) and go on with this update there; another one's beginning goes."""
    spare.mount(label, False)
    if kept_manifest() != octets:
        spare.unmount()
        spare.mount(label, True)
    return Update(manifest, octets)


class Update:
    """What lies in the mounted slot of one update. `at`: how many of its octets are there and checked, or written."""

    def __init__(self, manifest, octets):
        """Begin, or go on with what is there: the slot is blank, or holds the beginning of this very update."""
        self._manifest = manifest
        self.at = 0
        self._index = None  # read up to the line of the present file
        self._file = None  # what is being written
        self._path = ""
        self._left = manifest.index_octets
        self._digest = hashlib.sha256()
        self._expected = manifest.index
        if kept_manifest() == octets:
            self._go_on()
        else:
            with open(_KEPT_MANIFEST, "wb") as file:
                file.write(octets)

    @property
    def whole(self) -> bool:
        """Whether all of it is there."""
        return self.at == self._manifest.octets and self._left == 0 and self._file is None

    def take(self, offset: int, octets) -> int:
        """Write the next piece; return how many octets are there now. A piece that is not the next one is passed over.

        PeerError("update: <reason>"): digest, index, path, too long. Then nothing of it will ever be whole.
        """
        if offset != self.at or self.whole:
            return self.at
        view = memoryview(octets)
        while view:
            file = self._file or self._open()
            taken = view[: self._left]
            file.write(taken)
            self._digest.update(taken)
            self._left -= len(taken)
            self.at += len(taken)
            view = view[len(taken) :]
            if not self._left:
                self._close(file)
                if len(view) and self.whole:
                    raise PeerError("update: too long")
        return self.at

    def finish(self) -> None:
        """Give main.py its name: from now on the slot can be started."""
        self.close()
        os.rename(FOLDER + "/" + _MAIN + _NOT_YET, FOLDER + "/" + _MAIN)

    def close(self):
        """Let go of the files."""
        for file in (self._file, self._index):
            if file is not None:
                file.close()
        self._file = self._index = None

    # -- one file after the other

    def _open(self):
        """The file that comes now, open for its first octet."""
        if self._index is None:
            path = _INDEX
        else:
            _make_folders(self._path)
            path = FOLDER + "/" + _name(self._path)
        file = self._file = open(path, "wb")
        return file

    def _close(self, file):
        """A file is whole: check it, and read which one is next."""
        file.close()
        self._file = None
        if self._digest.digest() != self._expected:
            raise PeerError("update: digest")
        self._next()

    def _next(self):
        """Read the index's next line; files without octets are made at once."""
        index = self._index = self._index or open(_INDEX, "rb")
        while True:
            line = index.readline(_LINE_OCTETS_MAX)
            self._digest = hashlib.sha256()
            self._left = 0
            if not line:
                if self.at != self._manifest.octets:
                    raise PeerError("update: index")
                return
            try:
                digest, octets, path = line.decode().split(" ")
                self._expected = binascii.unhexlify(digest)
                self._left = int(octets)
            except (ValueError, UnicodeError):
                raise PeerError("update: index")
            self._path = _checked(path)
            if self._left < 0 or self._left > self._manifest.octets - self.at:
                raise PeerError("update: index")
            if self._left:
                return
            self._open().close()
            self._file = None

    def _go_on(self) -> None:
        """Pass over what is there and whole."""
        if not self._is_whole(_INDEX):
            return
        self.at += self._left
        self._next()
        while self._left and self._is_whole(FOLDER + "/" + _name(self._path)):
            self.at += self._left
            self._next()
        self._digest = hashlib.sha256()

    def _is_whole(self, path: str) -> bool:
        digest = hashlib.sha256()
        octets = bytearray(_PIECE_OCTETS)
        try:
            if os.stat(path)[6] != self._left:
                return False
            with open(path, "rb") as file:
                while True:
                    count = file.readinto(octets)
                    if not count:
                        return digest.digest() == self._expected
                    digest.update(memoryview(octets)[:count])
        except OSError:
            return False


def _name(path: str) -> str:
    return path + _NOT_YET if path == _MAIN else path


def _checked(path: str) -> str:
    """A path within the slot, without its line's end."""
    path = path.rstrip("\n")
    if not 0 < len(path) <= _PATH_OCTETS_MAX or path[0] == "/" or ".." in path or "//" in path:
        raise PeerError("update: path")
    if path in ("index", "manifest") or not all([letter in _LETTERS for letter in path]):
        raise PeerError("update: path")
    return path


def _make_folders(path: str) -> None:
    folder = FOLDER
    for part in path.split("/")[:-1]:
        folder += "/" + part
        try:
            os.mkdir(folder)
        except OSError:
            pass  # it is there
