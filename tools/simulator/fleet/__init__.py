"""`telehub fleet`: thousands of hubs upon a real broker and the real backend.

sealed      envelopes beforehand, by the hub's own batch writer, each hub with keys and a chain of its own
wire        so much of MQTT 3.1.1 as a hub speaks, light enough for 500 hubs in one process
load        the phases: days, the morning's peak, all hubs again after an outage
stage       the servers and workers that it runs upon
usage       what processes have used: processor time, memory
command     the command and its figures
"""
