"""The digital twin: the other ends of the hub's world, around the very firmware files that go on the chip."""
