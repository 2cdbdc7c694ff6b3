"""A verified reading becomes a measurement that FUT, Denmark's telemedicine infrastructure, takes.

tables       what one release of FUT's implementation guide allows (tables/ig/*.json), and whose unit is which
conversion   units in exact decimals
reasons      the one list of why FUT does not get a reading
context      whose device, which plan: the platform's side of a measurement, as people configured it
moment       when a reading was taken, and how surely
assignment   whose it was at that moment
plan         which of the plan's requests a value answers, and in which of its times
observation  the resources
mapping      reading + context → Parameters, or a reason: pure
questionnaire, phd   the other shapes: answers, and the HL7 Personal Health Device bundle
ledger       received → mapped → submitted → confirmed, or held; survives kill -9
call, token, client, sender   the road to FUT
command      `telehub fhir`
forward      the forwarder beside the receiver: `telehub backend --fut FILE`
standin      a FUT of our own that refuses as FUT refuses; kills: both killed at random moments

Source: the implementation guide's release that the table names, and HL7 PHD for its bundle.
"""
