"""From the store into FUT, exactly once, whatever the road does."""

import json
import time

import httpx
import pytest

from tests.backend.fut import made
from tests.backend.fut.road import SECRET, keep, road
from tools.backend.fut import held
from tools.backend.fut.client import Client, Created, Unknown, Unsent
from tools.backend.fut.ledger import Ledger, OutOfTurn
from tools.backend.store import Store


def test_a_reading_goes_its_way(tmp_path, database):
    with road(tmp_path, database=database) as way:
        way.keep(1)
        way.settle()
        [row] = way.desk.kept.all()
        entry = way.ledger.get(made.reading(number=1)["reading"])
        assert (entry.state, entry.locations) == ("confirmed", (f"{way.server.url}/Observation/{row.id}/_history/1",))
        steps = [event for event, _, _ in way.ledger.events(entry.reading)]
        assert steps == ["mapped", "send", "created"]
        assert str(row.content["valueQuantity"]["value"]) == "82.40"  # no digit was lost on the way


@pytest.mark.promise("P4", "P5")
@pytest.mark.parametrize("keeps_identifiers", [True, False])
@pytest.mark.parametrize(
    "shares",
    [{"slow": 1.0}, {"fail": 0.7}, {"fail_after": 0.7}, {"lose": 0.7}, {"twice": 1.0},
     {"slow": 0.1, "fail": 0.2, "fail_after": 0.2, "lose": 0.2, "twice": 0.2}],
    ids="+".join,
)  # fmt: skip
def test_every_reading_arrives_once(tmp_path, shares, keeps_identifiers):
    with road(tmp_path, shares=shares, keeps_identifiers=keeps_identifiers, slow_s=0.05) as way:
        count = 10 * len(shares)
        way.keep(*range(1, count + 1))
        way.settle()
        assert way.ledger.counts() == {"confirmed": count}
        assert all(way.server.faults.happened.values())
        assert len(way.names()) == len(set(way.names())) == count


def test_an_answer_that_comes_too_late_is_not_a_second_measurement(tmp_path):
    with road(tmp_path, shares={"slow": 1.0}, slow_s=0.4, timeout=0.1) as way:
        way.keep(1)
        way.sender.round()
        assert way.state(1) == "submitted"
        way.sender.round()
        assert way.state(1) == "submitted"  # nobody asks before FUT can have made up its mind
        time.sleep(0.6)
        way.settle()
        assert way.state(1) == "confirmed"
        assert len(way.names()) == 1


@pytest.mark.promise("P4")
def test_after_a_kill_inside_of_a_call_fut_is_asked_first_and_not_too_soon(tmp_path, database):
    class Killed(BaseException):
        """As kill -9: nothing more of ours runs."""

    with road(tmp_path, database=database) as way:
        way.keep(1)
        submit = way.client.submit

        def arrives_and_then(body):
            submit(body)
            raise Killed

        way.client.submit = arrives_and_then
        with pytest.raises(Killed):
            way.sender.round()
        way.client.submit = lambda body: pytest.fail("sent again")
        assert way.state(1) == "submitted"
        way.now_s += 119
        assert not way.another().round()  # the call of the dead may still be under way
        way.now_s += 2
        assert way.another().round()
        assert way.state(1) == "confirmed"
        assert len(way.names()) == 1


@pytest.mark.parametrize(("change", "code"), [
    ("inactive", "MEASUREMENT_SUBMITMEASUREMENT_PROCEDURE_REQUEST_IS_NOT_ACTIVE"),
    ("code", "MEASUREMENT_SUBMITMEASUREMENT_INVALID_OBSERVATION_CODE"),
])  # fmt: skip
def test_what_fut_refuses_is_held_with_its_own_words(tmp_path, database, change, code):
    with road(tmp_path, database=database) as way:
        [request] = way.desk.known.requests.values()
        if change == "inactive":
            request.active = False
        else:
            request.code = (made.NPU, "NPU03011")
        way.keep(1, 2)
        way.settle()
        assert way.ledger.counts() == {"held": 2}  # a refusal of one keeps nobody waiting
        entry = way.ledger.get(made.reading(number=1)["reading"])
        assert entry.reason == "refused"
        assert code in entry.detail
        request.active, request.code = True, (made.NPU, "NPU03804")
        way.ledger.again(entry.reading, way.now_s, "admin")  # FUT was mended; a person says so
        way.settle()
        assert way.ledger.counts() == {"confirmed": 1, "held": 1}
        assert ("again", "received", "admin") in way.ledger.events(entry.reading)


def test_what_was_stored_before_there_was_a_ledger_goes_too(tmp_path, database):
    store = Store(database)
    keep(store, made.reading(number=7, at="2026-03-02T05:00:07Z"))
    store.close()
    with road(tmp_path, database=database) as way:
        way.keep(8)
        way.settle()
        assert way.ledger.counts() == {"confirmed": 2}


def test_looking_for_new_readings_costs_the_same_with_a_full_store(tmp_path):
    with road(tmp_path) as way:

        def steps():
            count = 0

            def tick():
                nonlocal count
                count += 1

            way.store.connection.connection.dbapi_connection.set_progress_handler(tick, 1)
            found = way.ledger.received(200)
            way.store.connection.connection.dbapi_connection.set_progress_handler(None, 1)
            assert len(found) == 1
            return count

        way.keep(1)
        few = steps()
        way.store.rows("DELETE FROM fut_received")
        way.keep(*range(2, 1500))
        way.store.rows("DELETE FROM fut_received WHERE sequence <> 900")
        assert steps() <= few * 1.1


def test_only_what_is_held_can_be_tried_again(tmp_path, database):
    with road(tmp_path, database=database) as way:
        way.keep(1)
        way.settle()
        with pytest.raises(OutOfTurn):
            way.ledger.again(made.reading(number=1)["reading"], way.now_s, "admin")


def test_what_must_not_go_is_held_and_nothing_is_sent(tmp_path, database):
    with road(tmp_path, database=database) as way:
        way.keep(1, test=True)
        keep(way.store, made.reading(number=2), held="bond")
        way.settle()
        reasons = [way.ledger.get(made.reading(number=number)["reading"]).reason for number in (1, 2)]
        assert reasons == ["test_data", "bond_changed"]
        assert way.names() == []


def test_nobody_home_is_waited_for(tmp_path, database):
    with road(tmp_path, database=database) as way:
        way.keep(1)
        way.client._base = "http://127.0.0.1:9"  # discard: nobody listens
        for _ in range(12):
            way.sender.round()
            way.now_s = way.ledger.next_due_s()
        assert way.state(1) == "mapped"  # never sent, so never looked up
        assert way.now_s < 1000 + 12 * 30
        assert len(way.ledger.events(made.reading(number=1)["reading"])) < 30
        way.client._base = way.server.url
        way.settle()
        assert way.state(1) == "confirmed"


def test_two_workers_never_send_one_reading_twice(tmp_path, database):
    with road(tmp_path, database=database, shares={"lose": 0.4}) as way:
        way.keep(*range(1, 21))
        other = way.another()
        for _ in range(400):
            way.sender.take_in()
            for entry in way.ledger.due("mapped", way.now_s, 3):
                way.sender._send(entry)
                other._send(entry)  # with what it saw before
            for entry in way.ledger.due("submitted", way.now_s, 3):
                way.sender._look_up(entry)
                other._look_up(entry)
            way.now_s += 10
        assert way.ledger.counts() == {"confirmed": 20}
        assert len(way.names()) == len(set(way.names())) == 20


def test_blood_pressure_and_pulse_are_one_call(tmp_path):
    content = made.content(made.assignment(made.PANEL_REQUEST, made.PULSE_REQUEST))
    with road(tmp_path, content, shares={"lose": 0.5}, keeps_identifiers=False) as way:
        way.keep(*range(1, 9), quantities=made.BLOOD_PRESSURE, kind="blood_pressure")
        way.settle()
        rows = way.desk.kept.all()
        assert len(rows) == 16
        assert len({row.submission for row in rows}) == 8


def test_a_token_is_asked_for_once_and_again_when_it_is_not_taken(tmp_path):
    with road(tmp_path) as way:
        way.keep(1, 2, 3)
        way.settle()
        assert way.provided.asked == 2  # the client's own, and the patient's
        way.provided._given.clear()  # the provider restarted
        way.keep(4)
        way.settle()
        assert way.state(4) == "confirmed"
        assert way.provided.asked == 4


def test_a_token_is_renewed_before_it_ends(tmp_path):
    with road(tmp_path, life_s=100.0) as way:
        clock = [0.0]
        way.tokens._clock = lambda: clock[0]
        first = way.tokens.bearer(made.PATIENT, made.EPISODE)
        clock[0] = 49.0
        assert way.tokens.bearer(made.PATIENT, made.EPISODE) == first
        clock[0] = 51.0
        assert way.tokens.bearer(made.PATIENT, made.EPISODE) != first


def test_a_token_of_one_patient_is_not_used_for_another(tmp_path):
    other = "https://patient.fut.example.test/fhir/Patient/5002"
    with road(tmp_path) as way:
        assert way.tokens.bearer(made.PATIENT, made.EPISODE) != way.tokens.bearer(other, made.EPISODE)


def test_secrets_and_tokens_are_in_no_log_and_no_ledger(tmp_path, caplog):
    caplog.set_level("DEBUG")
    with road(tmp_path) as way:
        way.keep(1)
        way.settle()
        token = way.tokens.bearer(made.PATIENT, made.EPISODE).removeprefix("Bearer ")
        texts = caplog.text + repr(way.tokens) + repr(vars(way.tokens)) + str(vars(way.tokens))
        way.store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        texts += (tmp_path / "store.db").read_bytes().decode("latin-1")
    assert SECRET not in texts
    assert token not in texts


def answered(tmp_path, handler):
    """A client whose FUT answers as `handler` does."""
    with road(tmp_path) as way:
        way.keep(1)
        way.sender.take_in()
        body = way.ledger.get(made.reading(number=1)["reading"]).body
        way.tokens._ask = lambda: pytest.fail("asked")
        way.tokens.bearer = lambda patient, episode: "Bearer x"
        http = httpx.Client(transport=httpx.MockTransport(handler))
        return Client(http, "https://fut.example.test", way.tokens), body


def entry(status):
    return {"entry": [{"response": {"status": status, "location": "Observation/1/_history/1"}}]}


@pytest.mark.parametrize(("answer", "kind"), [
    (httpx.Response(200, text="<html>"), Unknown), (httpx.Response(200, json={"entry": []}), Unknown),
    (httpx.Response(200, json=[1]), Unknown), (httpx.Response(302, headers={"location": "/login"}), Unknown),
    (httpx.Response(500), Unknown), (httpx.Response(503), Unknown), (httpx.Response(408), Unknown),
    (httpx.Response(429, headers={"retry-after": "77"}), Unsent), (httpx.Response(401), Unsent),
    (httpx.Response(404), Unsent),
    (httpx.Response(201, json=entry("201 Created")), Created), (httpx.Response(200, json=entry("400 Bad")), Unknown),
])  # fmt: skip
def test_every_answer_is_one_of_four_facts(tmp_path, answer, kind):
    client, body = answered(tmp_path, lambda request: answer)
    outcome = client.submit(body)
    assert isinstance(outcome, kind)
    if answer.status_code == 429:
        assert outcome.wait_s == 77


@pytest.mark.parametrize("error", [httpx.ConnectError("x"), httpx.ConnectTimeout("x")])
def test_without_a_connection_nothing_was_sent(tmp_path, error):
    def handler(request):
        raise error

    client, body = answered(tmp_path, handler)
    assert isinstance(client.submit(body), Unsent)


@pytest.mark.parametrize("error", [httpx.ReadTimeout("x"), httpx.WriteError("x"), httpx.RemoteProtocolError("x")])
def test_a_broken_call_may_have_arrived(tmp_path, error):
    def handler(request):
        raise error

    client, body = answered(tmp_path, handler)
    assert isinstance(client.submit(body), Unknown)


def test_an_answer_without_an_end_is_no_answer(tmp_path):
    client, body = answered(tmp_path, lambda request: httpx.Response(200, content=b"[" * (9 << 20)))
    assert isinstance(client.submit(body), Unknown)
    assert isinstance(client.find(body), Unknown)


def test_an_answer_that_comes_after_another_worker_found_it_changes_nothing(tmp_path, database):
    with road(tmp_path, database=database) as way:
        way.keep(1)
        submit, other = way.client.submit, way.another()

        def slowly(body):
            outcome = submit(body)
            way.now_s += 200
            other._look_up(way.ledger.due("submitted", way.now_s, 1)[0])
            return outcome

        way.client.submit = slowly
        way.sender.round()
        assert [event for event, _, _ in way.ledger.events(made.reading(number=1)["reading"])][-1] == "found"
        assert way.state(1) == "confirmed"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"entry": [{"resource": 1}]}', "[" * 100_000])
def test_a_search_that_cannot_be_read_proves_no_absence(tmp_path, text):
    client, body = answered(tmp_path, lambda request: httpx.Response(200, text=text))
    assert isinstance(client.find(body), Unknown)


def test_a_ledger_is_made_once(tmp_path, database):
    with road(tmp_path, database=database) as way:
        way.keep(1)
        way.settle()
        assert Ledger(way.store).counts() == {"confirmed": 1}
        assert json.loads(json.dumps(way.ledger.counts())) == {"confirmed": 1}


def test_a_person_sees_what_is_held_and_lets_it_go_on(tmp_path, database, capsys):
    with road(tmp_path, database=database) as way:
        way.keep(1, test=True)
        way.settle()
        name, database = made.reading(number=1)["reading"], ["--database", database]
        assert held.main(database) == 0
        [line] = capsys.readouterr().out.splitlines()
        assert json.loads(line) == {
            "reading": name, "reason": "test_data", "detail": "", "words": "test or demonstration data",
        }  # fmt: skip
        with pytest.raises(SystemExit):
            held.main([*database, "--again", name])  # nobody said so
        assert held.main([*database, "--again", name, "--by", "nurse 7"]) == 0
        assert ("again", "received", "nurse 7") in way.ledger.events(name)
        way.settle()
        assert way.state(1) == "held"  # it is still test data
        assert held.main([*database, "--again", "nothing:x:1:0", "--by", "nurse 7"]) == 1
