"""A platform, and what a test asks of it."""

from tests.backend.envelopes import HUB, MORNING_S, keyring_with
from tools.backend import completeness, exports
from tools.backend.receipt import receipt_key
from tools.backend.receiver import Receiver
from tools.backend.store import Store
from tools.inspect.envelope import decode_receipt

OTHER = "240ac4aabbcc"
STRANGER = "240ac4ffffff"


class Platform:
    """A receiver on a store, and what a test asks it."""

    def __init__(self, database=":memory:"):
        self.keyring = keyring_with(HUB, OTHER)
        self.store = Store(database)
        self.receiver = Receiver(self.store, self.keyring)

    def take(self, octets, hub=HUB):
        return self.receiver.handle(hub, octets, MORNING_S)

    def answer(self, octets, hub=HUB):
        """("stored", None) or ("held", reason), read with the hub's key; None when nothing came back."""
        octets = self.take(octets, hub)
        if octets is None:
            return None
        receipt = decode_receipt(octets, receipt_key(self.keyring, self.keyring.hub(hub)))
        return ("held", receipt.reason_name) if receipt.status else ("stored", None)

    def readings(self):
        return list(exports.readings(self.store))

    def systolic(self):
        return [reading["quantities"][0]["value"] for reading in self.readings()]

    def chain(self, hub=HUB):
        (state,) = completeness.chains(self.store, hub)
        return state

    def kept(self):
        return [
            (row["status"], row["reason"], row["octets"]) for row in self.store.rows("SELECT * FROM envelope")
        ]
