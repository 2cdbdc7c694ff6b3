"""Reading what apt says. The records are shortened from Debian's own (package micropython, 1.26.1+ds-1)."""

from tools.host.apt import _reason, depends

RECORD = """Package: micropython
Version: 1.26.1+ds-1
Depends: libc6 (>= 2.38), libffi8 (>= 3.4), libmbedcrypto16 (>= 3.6.4) | other, libmbedtls21:any
Pre-Depends: dpkg
Recommends: nothing
Description: Implementation of Python 3
 Depends: on nothing here
"""

BROKEN = """E: Failed to fetch http://mirror.example/dists/x/main/binary-i386/Packages.xz  File has unexpected size (9436656 != 9437612). Mirror sync in progress? [IP: 203.0.113.80 80]
E: Some index files failed to download. They have been ignored, or old ones used instead.
"""  # noqa: E501


def test_names_are_taken_from_the_record_without_versions_and_alternatives():
    assert depends(RECORD) == ["libc6", "libffi8", "libmbedcrypto16", "libmbedtls21", "dpkg"]


def test_a_reason_names_no_host():
    assert _reason(BROKEN) == "File has unexpected size (9436656 != 9437612). Mirror sync in progress?"
