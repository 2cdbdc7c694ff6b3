"""A person's word about a hub's keys: `python -m tools.backend.withdraw --keys DIR HUB` gives a lost hub up.

What comes in its name is kept whole and held from then on. `--kid KID` withdraws one signing key alone, such as the
one before a change. The broker must be told, too: for Mosquitto a `crl.pem` that `Authority.withdrawn` makes
(tools/technician/ca.py), for RabbitMQ `rabbitmqctl delete_user HUB`.
"""

import argparse
import sys
from pathlib import Path

from tools.backend.keys import KeyProblem, Keyring


def main(arguments: list[str]) -> int:
    """Exit 0 done, 2 when there is no such hub or key."""
    title = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m tools.backend.withdraw", description=title)
    parser.add_argument("hub")
    parser.add_argument("--keys", type=Path, required=True, help="the platform's key directory")
    parser.add_argument("--kid", default="", help="one signing key, by the hex of its kid")
    chosen = parser.parse_args(arguments)
    try:
        keyring = Keyring.open(chosen.keys)
        if chosen.kid:
            keyring.withdraw(chosen.hub, bytes.fromhex(chosen.kid))
        else:
            keyring.lose(chosen.hub)
    except (KeyProblem, ValueError) as error:
        print(f"telehub: {error}", file=sys.stderr)
        return 2
    print(f"{chosen.hub}: {'the key is withdrawn' if chosen.kid else 'given up as lost'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
