"""A reading as HL7's Personal Health Device guide has it: all that the device told, nothing converted.

words         codes and identifiers
devices       the gateway (the hub) and the device
observations  values, status bits, the coincident time stamp
bundle        the transaction

Source: HL7/phd 2.0.0-ballot2, in FHIR R4's form (Device.specialization, property.valueCode). Nothing is held
here: what FUT must not get stands in this bundle with the guide's own marks (HTEST, entered-in-error, data
absent).
"""

from tools.backend.fut.phd.bundle import bundle
from tools.backend.fut.phd.devices import Gateway

__all__ = ["Gateway", "bundle"]
