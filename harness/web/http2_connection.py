"""The `h2` library's connection as a server wants it: our limits, and open until we close it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from h2.config import H2Configuration
from h2.connection import ConnectionInputs, H2Connection, H2ConnectionStateMachine
from h2.settings import SettingCodes, Settings

if TYPE_CHECKING:
    from h2 import events as h2_events

CONCURRENT_STREAMS_MAX = 1000
STREAM_WINDOW_BYTES = 1024 * 1024
HEADER_BYTES_MAX = 64 * 1024


def open_connection() -> H2Connection:
    """The state of one accepted connection, before its first byte."""
    connection = _Connection(H2Configuration(client_side=False, header_encoding="latin-1"))
    connection.local_settings = Settings(
        client=False,
        initial_values={
            SettingCodes.MAX_CONCURRENT_STREAMS: CONCURRENT_STREAMS_MAX,
            SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW_BYTES,
            SettingCodes.MAX_HEADER_LIST_SIZE: HEADER_BYTES_MAX,
            SettingCodes.ENABLE_PUSH: 0,
        },
    )
    return connection


class _StateMachine(H2ConnectionStateMachine):
    """Open until we close it.

    A client that says GOAWAY wants no new streams; those it has go on (RFC 9113 §6.8). The library
    would end them, yet AWS's JavaScript client says GOAWAY right after asking for a subscription.
    """

    def process_input(self, input_: ConnectionInputs) -> list[h2_events.Event]:
        """Take one step, except for the last one."""
        if input_ is ConnectionInputs.RECV_GOAWAY:
            return []
        return super().process_input(input_)


class _Connection(H2Connection):
    """A connection that outlives the client's GOAWAY."""

    def __init__(self, config: H2Configuration) -> None:
        super().__init__(config)
        self.state_machine = _StateMachine()

    def clear_outbound_data_buffer(self) -> None:
        """What has been promised to streams that go on is still sent."""
