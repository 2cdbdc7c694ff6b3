"""Stored records on demand: the device's side of a Record Access Control Point (2A52).

From the GATT Specification Supplement's Record Access Control Point and the services that have one. Nothing is deleted
on request: whatever a hub is told to do, that is no business of its.
"""

import asyncio
import struct

from bumble import att

from tools.simulator.devices import database
from tools.simulator.devices.base import Held, MedicalDevice
from tools.simulator.devices.link import CollectorLink, LinkGone

RACP = 0x2A52
REPORT, DELETE, ABORT, COUNT, COUNT_RESPONSE, RESPONSE = range(1, 7)
NULL, ALL, LESS_OR_EQUAL, GREATER_OR_EQUAL, WITHIN, FIRST, LAST = range(7)
_BY_NUMBER = 1
_SUCCESS, _OPCODE_UNSUPPORTED, _OPERATOR_INVALID, _OPERATOR_UNSUPPORTED, _OPERAND_INVALID, _NO_RECORDS = range(1, 7)
_CCCD_IMPROPERLY_CONFIGURED, _PROCEDURE_IN_PROGRESS = 0xFD, 0xFE  # common profile error codes

_ANSWER_DELAY_S = 0.08  # between a request and the first record
_NEXT_DELAY_S = 0.02


class RecordServer(MedicalDevice):
    """A device that gives its memory to RACP. A model says which operators it knows and how a record travels."""

    OPERATORS: tuple[int, ...] = (ALL,)
    NUMBER_OCTETS = 2
    LINGER_S = 5.0  # without a request for so long a device thinks that it was all

    def record_access_point(self):
        """The control point, to be put into a service."""
        self.racp = database.characteristic(
            RACP, database.WRITE | database.INDICATE, (lambda _: b"", self._on_request), encrypted=self.BONDS
        )
        if self.BONDS:
            database.guard_subscription(self._server, self.racp)
        return self.racp

    def record_carriers(self) -> list:
        """The characteristics that must be subscribed to before a request."""
        raise NotImplementedError

    async def send_record(self, link: CollectorLink, held: Held) -> None:
        """Let one record travel; LinkGone when it could not."""
        raise NotImplementedError

    def _begin(self, link: CollectorLink, coroutine) -> None:
        link.sending = self._run(coroutine)

    async def part(self, link: CollectorLink) -> None:
        """Hang up when nothing is asked for any more."""
        await asyncio.sleep(self.LINGER_S)
        if not link.gone and self._heard_at + self.LINGER_S <= self.world.loop.time() + 0.001:
            self.note("hang up")
            if not self.has_more():
                self._window_until = 0.0
            await link.hang_up()

    def _on_request(self, _connection, octets: bytes) -> None:
        link = self.link
        assert link is not None  # it has just asked
        if not all(self.subscribed(one) for one in (self.racp, *self.record_carriers())):
            raise att.ATT_Error(_CCCD_IMPROPERLY_CONFIGURED)
        if self.is_sending():
            raise att.ATT_Error(_PROCEDURE_IN_PROGRESS)
        self.note("racp", octets.hex())
        self._begin(link, self._procedure(link, octets))

    async def _procedure(self, link: CollectorLink, octets: bytes) -> None:
        def over() -> None:
            link.sending = None  # with the confirmation, and not a moment later: the next request may follow it

        await asyncio.sleep(_ANSWER_DELAY_S)
        try:
            await link.indicate(self.racp, await self._carry_out(link, octets), over)
        except LinkGone:
            return
        self._run(self.part(link))

    async def _carry_out(self, link: CollectorLink, octets: bytes) -> bytes:
        opcode, operator = (*octets[:2], NULL, NULL)[:2]
        if opcode not in (REPORT, COUNT):
            return bytes((RESPONSE, NULL, opcode, _OPCODE_UNSUPPORTED))
        if operator not in self.OPERATORS:
            why = _OPERATOR_INVALID if operator == NULL else _OPERATOR_UNSUPPORTED
            return bytes((RESPONSE, NULL, opcode, why))
        found = self._found(operator, octets[2:])
        if found is None:
            return bytes((RESPONSE, NULL, opcode, _OPERAND_INVALID))
        if opcode == COUNT:
            return bytes((COUNT_RESPONSE, NULL)) + len(found).to_bytes(self.NUMBER_OCTETS, "little")
        if not found:
            return bytes((RESPONSE, NULL, opcode, _NO_RECORDS))
        done: list[Held] = []
        while left := [held for held in self._found(operator, octets[2:]) or () if held not in done]:
            if link.gone:  # what was measured meanwhile is sent too
                raise LinkGone
            done.append(left[0])
            await self.send_record(link, left[0])
            await asyncio.sleep(_NEXT_DELAY_S)
            left[0].sent = left[0].sent or not link.gone
        return bytes((RESPONSE, NULL, opcode, _SUCCESS))

    def _found(self, operator: int, operand: bytes) -> list[Held] | None:
        """The records that are meant, oldest first; None when the operand is none."""
        if operator in (ALL, FIRST, LAST):
            chosen = slice(None) if operator == ALL else slice(0, 1) if operator == FIRST else slice(-1, None)
            return list(self.memory[chosen])
        numbers = 2 if operator == WITHIN else 1
        if len(operand) != 1 + numbers * self.NUMBER_OCTETS or operand[0] != _BY_NUMBER:
            return None
        low, high = 0, 256**self.NUMBER_OCTETS - 1
        given = struct.unpack("<" + "HI"[self.NUMBER_OCTETS == 4] * numbers, operand[1:])
        low = low if operator == LESS_OR_EQUAL else given[0]
        high = high if operator == GREATER_OR_EQUAL else given[-1]
        return [held for held in self.memory if low <= held.number <= high]
