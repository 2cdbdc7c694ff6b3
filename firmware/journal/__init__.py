"""Stage 2: octets kept through power cuts until a receipt says that they are delivered (FORMAT.md)."""
