"""The chip. Only this folder and boot.py may import machine, esp32, bluetooth, network, sockets, TLS, aioble, umqtt.

Each file fulfils one contract of firmware/contracts.py, so that everything else runs on any interpreter.
"""
