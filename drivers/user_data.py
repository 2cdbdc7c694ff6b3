"""User Data Service, as far as a scale asks for it: whose slot, and its consent code (2A9F). Codes come by order.

Layout: GATT Specification Supplement, User Control Point. Never registers, never deletes a user.
"""

from micropython import const

_CONSENT = const(0x02)
_RESPONSE = const(0x20)
_CODE_MAX = const(9999)

_ANSWERS = ("", "ok", "not supported", "wrong parameter", "failed", "not authorised")


def consent(user: int, code: int) -> bytes:
    """Write a consent; ValueError when no user or code can be this."""
    if not 0 <= user < 255 or not 0 <= code <= _CODE_MAX:
        raise ValueError
    return bytes((_CONSENT, user, code & 0xFF, code >> 8))


def answer(octets) -> str:
    """Read the answer to a consent: "ok", or why not."""
    if len(octets) < 3 or octets[0] != _RESPONSE or octets[1] != _CONSENT:
        return "other"
    return _ANSWERS[octets[2]] if 0 < octets[2] < len(_ANSWERS) else "failed"
