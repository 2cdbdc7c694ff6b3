"""Stage 2: octets kept through power cuts until a receipt says that they are delivered.

`Journal` is the whole of it for the others. Below it: `capture_lane` is what the callback appends to,
`main_lane` what the main loop appends to, `finder` reads, `index` is what is known without reading, `frame`
are sectors and frames, `records` what they say. Loaded for moments only: `mount` begins a boot with what
`recovery` and `ends` find, `upkeep` erases and copies ahead of both lanes, `heads` are what both need of a
sector's head. FORMAT.md has the octets.

Why it is so: the callback must put a value on flash before the device hears that it was taken, and it may
come between any two bytecodes of the main loop. So each lane has one writer and each shared number too; no
lock. A torn unit cannot be told from an erased one when flash is encrypted, so a sector's head holds
fingerprints of its erased segments, and a boot goes on where they still fit. Each sector of the main lane
begins with a snapshot of the index, so recovery reads one sector of records, and a receipt need not outlive
its sector.
"""
