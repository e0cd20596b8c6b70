"""The fence in etcd: a claim is one transaction, decided by the cluster's majority.

A share is a key, its owner the value, and its epoch etcd's own count of how often the key was
written (version). So a claim is one comparison and one put, and repeating it does no harm; this
allows every member to be asked without waiting for the silence of another.
"""

import asyncio
import os
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeAlias

from natgate.model.claim import NOBODY, Claim, check_claim, is_owner
from natgate.model.error import FenceAwayError, HostError, RefusedError
from natgate.model.steering import EtcdFence as Settings

PREFIX = "natgate/fence/"
Message: TypeAlias = Any
Channel: TypeAlias = Any
"""The client library has no types."""

PAUSE = 0.01
"""Seconds between attempts at a member that answers with a failure."""

_ENDED = "TSI_DATA_CORRUPTED"
"""How gRPC names an alert of TLS 1.3 that follows the handshake."""

_CHANNEL = {
    "grpc.enable_http_proxy": 0,  # a fence is reached directly, whatever the environment says
    "grpc.use_local_subchannel_pool": 1,  # a new channel is a new connection
    "grpc.enable_retries": 0,  # attempts are made here, within the bound
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 1000,  # else 20 s are spent on a member that accepts and is mute
    "grpc.max_reconnect_backoff_ms": 300,
    "grpc.dns_min_time_between_resolutions_ms": 1000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What lets a node in; nothing of it is shown."""

    authority: bytes | None = field(default=None, repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


class EtcdFence:
    """A `Fence` in etcd; needs the extra `etcd`, and belongs to the event loop that first uses it."""

    def __init__(self, settings: Settings, credentials: Credentials) -> None:
        self._settings = settings
        self._rpc, self._grpc = _load()
        self._secrets = credentials
        self._channels: dict[str, Channel] = {}
        self._order = list(settings.endpoints)
        self._token: str | None = None
        self._reasons: dict[str, str] = {}

    async def read(self, key: str) -> Claim | None:
        """The claim in force, as the majority knows it."""
        check_claim(key, "nobody", 0)
        held = await self._ask(key, self._rpc.TxnRequest(success=[self._get(key)]))
        return None if held == NOBODY else held

    async def claim(self, key: str, owner: str, expected: int) -> Claim:
        """Make `owner` the owner if the present epoch is `expected`."""
        check_claim(key, owner, expected)
        rpc, name = self._rpc, _name(key)
        compare = rpc.Compare(
            key=name, target=rpc.Compare.VERSION, result=rpc.Compare.EQUAL, version=expected
        )
        put = rpc.RequestOp(request_put=rpc.PutRequest(key=name, value=owner.encode()))
        request = rpc.TxnRequest(
            compare=[compare], success=[put, self._get(key)], failure=[self._get(key)]
        )
        return await self._ask(key, request)

    def close(self) -> None:
        """Let the connections go."""
        self._channels.clear()

    def _get(self, key: str) -> Message:
        return self._rpc.RequestOp(request_range=self._rpc.RangeRequest(key=_name(key)))

    async def _ask(self, key: str, request: Message) -> Claim:
        """The first answer of any member; each is asked a little later than the one before."""
        self._reasons.clear()
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        step = self._settings.timeout / (2 * len(self._order))
        try:
            async with asyncio.timeout(self._settings.timeout), asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._pursue(endpoint, number * step, request, answer))
                    for number, endpoint in enumerate(self._order)
                ]
                try:
                    response = await answer
                finally:
                    for task in tasks:
                        task.cancel()
        except TimeoutError:
            raise FenceAwayError(self._away()) from None
        return self._held(key, response)

    async def _pursue(
        self, endpoint: str, delay: float, request: Message, answer: asyncio.Future[Message]
    ) -> None:
        """Ask one member again and again, until somebody answers."""
        await asyncio.sleep(delay)
        while not answer.done():
            try:
                response = await self._call(endpoint, request)
            except self._grpc.aio.AioRpcError as error:
                self._failed(endpoint, error)
                await asyncio.sleep(PAUSE)
                continue
            except self._grpc.aio.BaseError as error:  # the client library's own state is broken
                self._reasons[endpoint] = repr(error)
                self._channels.pop(endpoint, None)
                await asyncio.sleep(PAUSE)
                continue
            if not answer.done():
                answer.set_result(response)
                self._order.remove(endpoint)
                self._order.insert(0, endpoint)

    async def _call(self, endpoint: str, request: Message) -> Message:
        channel = self._channels.get(endpoint)
        if channel is None:
            channel = self._channels[endpoint] = self._connect(endpoint)
        began = asyncio.get_running_loop().time()
        try:
            if self._settings.user and self._token is None:
                self._token = await self._authenticate(channel)
            metadata = (("token", self._token),) if self._token else None
            return await self._rpc.KVStub(channel).Txn(request, metadata=metadata)
        except asyncio.CancelledError:
            waited = asyncio.get_running_loop().time() - began
            ready = channel.get_state() == self._grpc.ChannelConnectivity.READY
            if ready and waited > self._settings.timeout / (2 * len(self._order)):
                # Connected, and mute: after a cut path TCP alone would try ever more seldom.
                self._channels.pop(endpoint, None)
            raise

    async def _authenticate(self, channel: Channel) -> str:
        request = self._rpc.AuthenticateRequest(
            name=self._settings.user, password=self._secrets.password
        )
        stub = self._rpc.AuthStub(channel)
        return str((await stub.Authenticate(request)).token)

    def _connect(self, endpoint: str) -> Channel:
        scheme, _, target = endpoint.partition("://")
        options = list(_CHANNEL.items())
        if scheme == "http":
            return self._grpc.aio.insecure_channel(target, options=options)
        secrets = self._secrets
        credentials = self._grpc.ssl_channel_credentials(
            root_certificates=secrets.authority,
            private_key=secrets.key,
            certificate_chain=secrets.certificate,
        )
        return self._grpc.aio.secure_channel(target, credentials, options=options)

    def _failed(self, endpoint: str, error: Message) -> None:
        reason = str(error.details()).rpartition("last error: ")[2]
        if _ENDED in reason:
            reason = "etcd ended the TLS session, as it does if it wants another cert_file"
        self._reasons[endpoint] = reason
        if error.code() != self._grpc.StatusCode.UNAVAILABLE:
            self._token = None  # it may have run out

    def _away(self) -> str:
        waited = f"{self._settings.timeout * 1000:g}ms"
        said = [f"{each}: {self._reasons.get(each, 'no answer')}" for each in self._order]
        return f"the fence is away: {'; '.join(said)} within {waited}"

    def _held(self, key: str, response: Message) -> Claim:
        found = response.responses[-1].response_range.kvs
        if not found:
            return NOBODY
        owner = found[0].value.decode(errors="replace")
        if not is_owner(owner):
            raise HostError(f"{PREFIX}{key} in etcd holds no name of a node: delete it, or put one")
        return Claim(owner=owner, epoch=found[0].version)


def _name(key: str) -> bytes:
    return f"{PREFIX}{key}".encode()


def _load() -> tuple[Any, Any]:
    """The client library, which only a spec with this fence needs."""
    # Each refused connection would be three lines on stderr; the errors raised here say it all.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        return import_module("aetcd.rpc"), import_module("grpc")
    except ImportError as error:
        raise RefusedError(
            f"fence.kind etcd needs natgate's extra etcd (no {error.name}): "
            "pip install 'natgate[etcd]'"
        ) from None
