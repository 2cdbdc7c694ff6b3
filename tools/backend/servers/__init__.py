"""Throw-away servers of the real kind, each in a folder of its own and reached from this machine alone.

For tests, `telehub fleet` and `make kills`; what a lasting installation needs stands in compose.yaml and README.
"""
