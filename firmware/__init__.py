"""The hub's firmware, in the order in which a reading travels: ble, journal, measurement, seal, uplink."""
