"""A slice of the figures of `seal`, and that each of them can be missed."""

import json

import pytest
from fhir.resources.R4B.observation import Observation

from tools.host.bench import jws, seal
from tools.inspect.cose import BadMessage

pytestmark = pytest.mark.needs("micropython32", "library")
VISITS = 6


@pytest.fixture(scope="module")
def seen():
    return seal.letters(5, VISITS)


@pytest.mark.promise("P5", "P6", "P10")
def test_no_changed_bit_of_an_envelope_or_a_receipt_is_believed(seen):
    figures = list(seal.flipped(seen, 3))
    assert [figure.figure.rpartition(".")[2] for figure in figures] == ["envelopes", "receipts"]
    assert all(figure.value == 0 and figure.runs > 2000 for figure in figures)


def test_a_reader_that_believes_too_much_is_seen(seen):
    def careless(octets):
        if octets[:8] != seen.receipts[0][:8]:
            raise BadMessage("cose")

    assert seal.accepted_bits(seen.receipts[0], careless) == (len(seen.receipts[0]) - 8) * 8
    with pytest.raises(BadMessage):
        seal.accepted_bits(b"no receipt", careless)


def test_the_peers_say_the_same_and_are_larger(seen):
    figures = {figure.figure: figure for figure in seal.smaller(seen)}
    assert all(figure.ok for figure in figures.values())
    envelope = seen.opened[2]
    told = jws.plain(envelope)
    [reading] = envelope.readings
    assert told["raw"] == reading["source"][0]["hex"] and told["prev"] == seen.opened[1].hash[:16].hex()
    assert [told["sys"], told["dia"]] == [int(one["value"]) for one in reading["quantities"][:2]]
    resource = Observation.model_validate_json(json.dumps(jws.fhir(envelope)))
    assert [part.valueQuantity.value for part in resource.component][:2] == [told["sys"], told["dia"]]
    header, payload, signature = jws.compact(told).split(b".")
    assert (len(header), len(signature)) == (20, 86)
    assert len(payload) * 3 // 4 == len(json.dumps(told, separators=(",", ":")))


@pytest.mark.promise("P6")
def test_a_checked_receipt_leaves_little_garbage(seen):
    assert len(seen.receipts) >= VISITS
    figure = seal.garbage(seen)
    assert figure.ok and 200 < figure.value
