"""One collector's link to a device: one indication at a time, confirmations noted as they arrive."""

import asyncio
from collections.abc import Callable

from bumble import att, hci

CONFIRMATION_S_MAX = 30.0  # Core 5.4, 3.F.3.3.3: an ATT transaction without its answer is dead

_ATT_HEADER_OCTETS = 3


class LinkGone(Exception):
    """The link ended."""


class CollectorLink:
    """What a device knows of the collector that is connected to it."""

    def __init__(self, device, connection):
        self.connection = connection
        self.gone = False
        self.encrypted = False
        self.requests = 0  # that the collector made
        self.sending: asyncio.Task | None = None
        self._gatt = device.gatt_server
        self._confirmed: asyncio.Future | None = None
        self._on_confirmed: Callable[[], None] | None = None

    @property
    def collector(self) -> str:
        """Who is at the other end."""
        return str(self.connection.peer_address)

    async def indicate(self, characteristic, octets: bytes, on_confirmed: Callable[[], None] | None = None):
        """Send one indication and wait for its confirmation. LinkGone when it did not come."""
        if self.gone:
            raise LinkGone
        assert self._confirmed is None
        self._confirmed = asyncio.get_running_loop().create_future()
        self._on_confirmed = on_confirmed
        self._gatt.send_gatt_pdu(
            self.connection,
            bytes(
                att.ATT_Handle_Value_Indication(
                    attribute_handle=characteristic.handle, attribute_value=self._fitting(octets)
                )
            ),
        )
        try:
            await asyncio.wait_for(self._confirmed, CONFIRMATION_S_MAX)
        except TimeoutError:
            raise LinkGone from None
        finally:
            self._confirmed = self._on_confirmed = None

    def notify(self, characteristic, octets: bytes) -> None:
        """Send one notification."""
        if not self.gone:
            pdu = att.ATT_Handle_Value_Notification(
                attribute_handle=characteristic.handle, attribute_value=self._fitting(octets)
            )
            self._gatt.send_gatt_pdu(self.connection, bytes(pdu))

    def _fitting(self, octets: bytes) -> bytes:
        return octets[: self.connection.att_mtu - _ATT_HEADER_OCTETS]

    def on_confirmation(self) -> None:
        """The collector has confirmed: what that means happens now, not when a task gets its turn."""
        waiting = self._confirmed
        if waiting is None or waiting.done():
            return
        if self._on_confirmed is not None:
            self._on_confirmed()
        waiting.set_result(None)

    def on_gone(self) -> None:
        """The link ended: whoever waits on it is told."""
        self.gone = True
        if self._confirmed is not None and not self._confirmed.done():
            self._confirmed.set_exception(LinkGone())

    async def hang_up(self) -> None:
        """End the link from the device's side."""
        if self.gone:
            return
        try:
            await self.connection.disconnect()
        except (hci.HCI_Error, asyncio.CancelledError):  # the other side was faster
            if not self.gone:
                raise
