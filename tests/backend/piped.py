"""A backend on a pipe, to be killed: envelopes in on stdin, receipts out on stdout, each after its length."""

import sys
from pathlib import Path

from tests.backend.envelopes import HUB, MORNING_S, keyring_with
from tools.backend.receiver import Receiver
from tools.backend.store import Store


def main() -> None:
    receiver = Receiver(Store(Path(sys.argv[1])), keyring_with(HUB))
    give(b"")  # ready
    while length := sys.stdin.buffer.read(4):
        give(receiver.handle(HUB, sys.stdin.buffer.read(int.from_bytes(length, "big")), MORNING_S) or b"")


def give(octets: bytes) -> None:
    sys.stdout.buffer.write(len(octets).to_bytes(4, "big") + octets)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
