"""A partition whose blocks are kept near: LittleFS asks for 32 octets at a time, and each asking is a trip to the air.

For a board on a cable only, where files are copied by the hundred; what is programmed goes through at once.
"""

_BLOCKS = 4
_FILE_SYSTEMS = ("vfs", "app_a", "app_b")
_known = {}


def stand_before(partitions):
    """Have `Partition.find` give those that hold file systems with their blocks kept near, one for all who ask."""
    find = partitions.find

    def found(*args, **kwargs):
        return [near(one) for one in find(*args, **kwargs)]

    partitions.find = found


def near(partition):
    """One partition, kept near when it holds a file system."""
    label = partition.info()[4]
    if label not in _FILE_SYSTEMS:
        return partition
    if label not in _known:
        _known[label] = Cached(partition)
    return _known[label]


class Cached:
    """A block device in front of another."""

    def __init__(self, partition):
        self._partition = partition
        self._size = partition.ioctl(5, 0)
        self.info = partition.info
        self._kept = []  # [number, octets], the latest last

    def _block(self, number):
        for at in range(len(self._kept)):
            if self._kept[at][0] == number:
                entry = self._kept.pop(at)
                self._kept.append(entry)
                return entry[1]
        octets = self._kept.pop(0)[1] if len(self._kept) == _BLOCKS else bytearray(self._size)
        self._partition.readblocks(number, octets)
        self._kept.append([number, octets])
        return octets

    def readblocks(self, number, into, offset=0):
        """Fill `into`."""
        view = memoryview(into)
        at = 0
        while at < len(into):
            count = min(len(into) - at, self._size - offset)
            view[at : at + count] = memoryview(self._block(number))[offset : offset + count]
            at += count
            number, offset = number + 1, 0

    def writeblocks(self, number, octets, offset=None):
        """Program through, and forget what was read."""
        self._forget(number)
        if offset is None:
            self._partition.writeblocks(number, octets)
        else:
            self._partition.writeblocks(number, octets, offset)

    def ioctl(self, command, argument):
        """The block device protocol."""
        if command == 6:
            self._forget(argument)
        return self._partition.ioctl(command, argument)

    def _forget(self, number):
        for at in range(len(self._kept)):
            if self._kept[at][0] == number:
                self._kept.pop(at)
                return
