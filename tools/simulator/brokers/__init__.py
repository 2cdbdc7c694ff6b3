"""Brokers for the hub to meet, all under one table of who may do what (access.py).

- `embedded.EmbeddedBroker`: amqtt in the air's virtual time, TLS ended by the air; every fault on demand.
- `mosquitto.Mosquitto`: the real one on loopback, the same rules as an ACL file.
- `bridge.bridge`: carries a hub's virtual connection to a real socket, the world paced by the real clock.

Whatever the broker, the hub meets it at the same virtual address and ends TLS with it itself.
"""
