"""Advertisement to octets, without a radio: what an advert says, and the steps of one visit.

`advert` is pure. `visit` is a generator that asks for steps and is told their answers; board/radio.py does
them.
"""
