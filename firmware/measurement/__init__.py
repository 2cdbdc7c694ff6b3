"""Octets become a fact: what was measured, in which code and unit, exactly, when by the device's clock.

Imports nothing else of ours, so that hub, backend and inspection tools read the same tables. No number here
is ever a float: a value is (mantissa, exponent), a time is a tuple of integers.
"""
