"""The two ends of the radio as Device resources: PhgDevice (the hub) and PhdDevice."""

import json
from dataclasses import dataclass
from typing import Any

from tools.backend.fut.phd.words import BLUETOOTH, ETHERNET, EUI64, MDC, PROFILE, concept, identifier, table
from tools.inspect.decode import answer

_VERSIONS = (("hardware", "531974"), ("software", "531975"), ("firmware", "531976"))
_TIME_SYNC = "68220"
# How the hub's clock was set: ntptime speaks SNTP; the platform's answer to a nonce is none of the guide's methods.
_SYNC = {"ntp": "532227", "none": "532224"}
_BLUETOOTH_LE = "1"


@dataclass(frozen=True)
class Gateway:
    """What the platform knows of a hub."""

    hub: str  # its name: the chip's EUI-48 as 12 hex digits
    firmware: str | None


def gateway(known: Gateway, hub_clock: str) -> dict[str, Any]:
    """PhgDevice. It says that it is not regulated (532354.0: set when it is not)."""
    mac = bytes.fromhex(known.hub)
    sync = concept(MDC, _SYNC[hub_clock]) if hub_clock in _SYNC else {"text": "the platform's answer to a nonce"}
    return {
        "resourceType": "Device",
        "meta": {"profile": [PROFILE + "PhgDevice"]},
        "identifier": [
            identifier("SYSID", EUI64, mac[:3] + b"\xff\xfe" + mac[3:]),  # IEEE: an EUI-48 within an EUI-64
            identifier("ETHMAC", ETHERNET, mac),
        ],
        "manufacturer": "telehub",
        "type": concept(MDC, "531981", "MDC_MOC_VMS_MDS_AHD"),
        "specialization": [{"systemType": concept(MDC, table()["generic_specialization"])}],
        "version": [{"type": concept(MDC, "531976", "MDC_ID_PROD_SPEC_FW"), "value": known.firmware or "unknown"}],
        "property": [
            {"type": concept(MDC, _TIME_SYNC, "MDC_TIME_SYNC_PROTOCOL"), "valueCode": [sync]},
            {
                "type": concept("http://hl7.org/fhir/uv/phd/CodeSystem/ASN1ToHL7", "532354.0", "regulation-status"),
                "valueCode": [concept("http://terminology.hl7.org/CodeSystem/v2-0136", "Y", "Device is NOT regulated")],
            },
        ],
    }


def device(reading: dict[str, Any], description: dict[str, Any]) -> dict[str, Any]:
    """PhdDevice: what the device told of itself, and nothing typed in. Without a system id its address names it."""
    kind = table()["specializations"].get(reading["kind"], table()["generic_specialization"])
    found: dict[str, Any] = {
        "resourceType": "Device",
        "meta": {"profile": [PROFILE + "PhdDevice"]},
        "identifier": [identifier("BTMAC", BLUETOOTH, bytes.fromhex(reading["device"].replace(":", "")))],
        "type": concept(MDC, "65573", "MDC_MOC_VMS_MDS_SIMP"),
        "specialization": [{"systemType": concept(MDC, kind), "version": _BLUETOOTH_LE}],
        "property": [{"type": concept(MDC, _TIME_SYNC), "valueCode": [concept(MDC, "532224", "MDC_TIME_SYNC_NONE")]}],
    }
    for name, element in (("manufacturer", "manufacturer"), ("model", "modelNumber"), ("serial", "serialNumber")):
        if isinstance(description.get(name), str) and description[name]:
            found[element] = description[name]
    if isinstance(description.get("udi"), bytes):
        found |= _udi_carrier(description["udi"])
    versions = [
        {"type": concept(MDC, code), "value": description[name]}
        for name, code in _VERSIONS
        if isinstance(description.get(name), str) and description[name]
    ]
    return found | {"version": versions} if versions else found


def _udi_carrier(octets: bytes) -> dict[str, Any]:
    """`udiCarrier` of UDI for Medical Devices (2BFF); nothing when the octets are none, or name no device.

    Organisations are named there by OID: the one that issued the identifier, the one whose rules it follows.
    """
    text, read = answer.answer({"characteristic": "2BFF", "hex": octets.hex()})
    told = json.loads(text)
    if not read or not told.get("device_identifier"):
        return {}
    carrier = {"deviceIdentifier": told["device_identifier"]}
    for key, element in (("issuer", "issuer"), ("authority", "jurisdiction")):
        if told.get(key):
            carrier[element] = f"urn:oid:{told[key]}"
    if told.get("label"):
        carrier["carrierHRF"] = told["label"]
    return {"udiCarrier": [carrier]}
