"""The board's error numbers: newlib's (and lwIP takes them too), where they differ from the host's."""

from uerrno import *  # noqa: F403

EAGAIN = 11
EOPNOTSUPP = 95
ECONNRESET = 104
ENOBUFS = 105
ECONNREFUSED = 111
EADDRINUSE = 112
ECONNABORTED = 113
ETIMEDOUT = 116
EHOSTUNREACH = 118
EINPROGRESS = 119
EALREADY = 120
EISCONN = 127
ENOTCONN = 128
EOVERFLOW = 139
EILSEQ = 138
ECANCELED = 140
EWOULDBLOCK = 11

errorcode = {
    number: name for name, number in globals().items() if name[0] == "E" and name[1].isupper() and number is not None
}
