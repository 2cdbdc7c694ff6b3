"""What FUT's other services know of the patients: episodes, requests with their versions and times, devices."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from tools.backend.fut.tables import SystemCode, Tables


@dataclass
class ServiceRequest:
    """One activity of a care plan."""

    reference: str
    episode: str
    code: SystemCode
    version: str
    active: bool = True
    timing: tuple[dict[str, Any], ...] = ()


@dataclass
class Known:
    """Everything that a submission may refer to."""

    tables: Tables
    episodes: dict[str, str] = field(default_factory=dict)  # EpisodeOfCare → Patient
    requests: dict[str, ServiceRequest] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)
    questionnaires: dict[str, str] = field(default_factory=dict)  # ServiceRequest → its Questionnaire

    @property
    def patients(self) -> set[str]:
        """All that have an episode."""
        return set(self.episodes.values())


def of_context(content: dict[str, Any], tables: Tables, inactive: Collection[str] = ()) -> Known:
    """What FUT would have to know for a context (its JSON, checked) to be true of it, less what has ended."""
    known = Known(tables)
    for assignment in content["assignments"]:
        known.episodes[assignment["episode_of_care"]] = assignment["patient"]
        if assignment["device_reference"]:
            known.devices.add(assignment["device_reference"])
        for request in assignment.get("questionnaires", ()):
            reference = request["service_request"]
            known.questionnaires[reference] = request["questionnaire"]
            known.requests[reference] = ServiceRequest(
                reference, assignment["episode_of_care"], ("", ""), request["version"], reference not in inactive
            )
        for request in assignment["requests"]:
            reference = request["service_request"]
            known.requests[reference] = ServiceRequest(
                reference=reference,
                episode=assignment["episode_of_care"],
                code=(request["code"]["system"], request["code"]["code"]),
                version=request["version"],
                active=reference not in inactive,
                timing=tuple(request["timing"]),
            )
    return known
