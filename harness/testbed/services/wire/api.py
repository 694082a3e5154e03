"""The bed's wires: TCP proxies that can be cut and slowed.

Its API is the part of Toxiproxy's (https://github.com/Shopify/toxiproxy, version 2) that faults need, so that the same
actions work against a real one:

    GET    /version /proxies /proxies/{name} /proxies/{name}/toxics
    PATCH  /proxies/{name}                  {"enabled": false} cuts: connections end, new ones are refused
    POST   /proxies/{name}/toxics           {"name", "type", "stream", "attributes"}
    PATCH  /proxies/{name}/toxics/{toxic}   {"attributes"}
    DELETE /proxies/{name}/toxics/{toxic}
    POST   /reset                           all wires whole, no toxics

POST does what PATCH does, as in Toxiproxy. Types: latency {latency, jitter} in ms, bandwidth {rate} in KB/s. Stream
downstream (from the server to the client, the default) or upstream. What is no GET needs the header
`Authorization: Bearer KEY`; a Toxiproxy has no keys, and takes it as well.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .guard import denied

CHUNK_BYTES = 65_536
# What is under way at once on a slowed wire; beyond that the sender has to wait, as on a real one.
UNDER_WAY_CHUNKS_MAX = 1_024
STREAMS = ("downstream", "upstream")
ATTRIBUTES = {"latency": ("latency", "jitter"), "bandwidth": ("rate",)}


class Refusal(Exception):  # noqa: N818  # an answer, not an error of ours
    """An answer other than success."""

    def __init__(self, status: int, because: str) -> None:
        self.status = status
        self.because = because


@dataclass(slots=True)
class Toxic:
    """What is wrong with one direction of a wire."""

    name: str
    type: str
    stream: str
    attributes: dict[str, float]

    def words(self) -> dict[str, Any]:
        """As the API says it."""
        return {
            "name": self.name,
            "type": self.type,
            "stream": self.stream,
            "toxicity": 1.0,
            "attributes": {name: round(value) for name, value in self.attributes.items()},
        }


@dataclass(slots=True)
class Wire:
    """One proxy: a port that leads to another."""

    name: str
    listen_port: int
    upstream_port: int
    enabled: bool = True
    toxics: dict[str, Toxic] = field(default_factory=dict)
    _server: asyncio.Server | None = None
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        """Take connections."""
        self.enabled = True
        if self._server is None:
            self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.listen_port)

    async def cut(self) -> None:
        """End every connection and refuse new ones."""
        self.enabled = False
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def words(self) -> dict[str, Any]:
        """As the API says it."""
        return {
            "name": self.name,
            "listen": f"127.0.0.1:{self.listen_port}",
            "upstream": f"127.0.0.1:{self.upstream_port}",
            "enabled": self.enabled,
            "toxics": [toxic.words() for toxic in self.toxics.values()],
        }

    def delay_s(self, stream: str) -> float:
        """How long the next chunk is held back."""
        found = (toxic for toxic in self.toxics.values() if toxic.stream == stream and toxic.type == "latency")
        return sum(
            max(0.0, one.attributes.get("latency", 0) + random.uniform(-1, 1) * one.attributes.get("jitter", 0)) / 1e3
            for one in found
        )

    def bytes_per_s(self, stream: str) -> float | None:
        """How much goes through at most; None without a limit."""
        found = [
            toxic.attributes.get("rate", 0) * 1e3
            for toxic in self.toxics.values()
            if toxic.stream == stream and toxic.type == "bandwidth"
        ]
        return min(found, default=None)

    async def _carry(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            server_in, server_out = await asyncio.open_connection("127.0.0.1", self.upstream_port)
            try:
                await self._both_ways(client_in, client_out, server_in, server_out)
            finally:
                _end(server_out)
        except (OSError, asyncio.CancelledError):
            pass  # refused, reset or cut: the client sees its connection end
        finally:
            self._connections.discard(task)
            _end(client_out)

    async def _both_ways(
        self,
        client_in: asyncio.StreamReader,
        client_out: asyncio.StreamWriter,
        server_in: asyncio.StreamReader,
        server_out: asyncio.StreamWriter,
    ) -> None:
        """Until one side ends; what is under way to the other is still brought there."""
        ways = {
            asyncio.create_task(self._one_way("upstream", client_in, server_out)),
            asyncio.create_task(self._one_way("downstream", server_in, client_out)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _one_way(self, stream: str, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(UNDER_WAY_CHUNKS_MAX)
        bringing = asyncio.create_task(self._bring(stream, under_way, sink))
        loop = asyncio.get_running_loop()
        try:
            while chunk := await source.read(CHUNK_BYTES):
                await under_way.put((loop.time() + self.delay_s(stream), chunk))
            await under_way.put((loop.time() + self.delay_s(stream), b""))
            await bringing
        except OSError:
            pass  # the other side is gone
        finally:
            bringing.cancel()
            await asyncio.gather(bringing, return_exceptions=True)

    async def _bring(self, stream: str, under_way: "asyncio.Queue[tuple[float, bytes]]", sink: Any) -> None:
        """Hand over each chunk when its time has come, in order."""
        loop = asyncio.get_running_loop()
        while True:
            due_s, chunk = await under_way.get()
            if (early_s := due_s - loop.time()) > 0:
                await asyncio.sleep(early_s)
            if not chunk:
                return
            limit = self.bytes_per_s(stream)
            if limit is not None:
                await asyncio.sleep(len(chunk) / max(limit, 1.0))
            sink.write(chunk)
            await sink.drain()


def _end(stream: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, RuntimeError):
        stream.close()


class Api:
    """What may be asked of the wires."""

    def __init__(self, wires: Iterable[Wire]) -> None:
        self._wires = {wire.name: wire for wire in wires}

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """All wires are open as long as the API is there."""
        for wire in self._wires.values():
            await wire.open()
        yield
        for wire in self._wires.values():
            await wire.cut()

    async def version(self, _: Request) -> Response:
        """Which API this is."""
        return JSONResponse({"version": "2.0.0-wire"})

    async def get_all(self, _: Request) -> Response:
        """Every wire, by name."""
        return JSONResponse({name: wire.words() for name, wire in self._wires.items()})

    async def reset(self, _: Request) -> Response:
        """All wires whole."""
        for wire in self._wires.values():
            wire.toxics.clear()
            await wire.open()
        return Response(status_code=204)

    async def get_one(self, request: Request) -> Response:
        """One wire."""
        return JSONResponse(self._wire(request).words())

    async def change_one(self, request: Request) -> Response:
        """Cut it, or make it whole."""
        wire, words = self._wire(request), await _words(request)
        enabled = words.get("enabled", wire.enabled)
        if not isinstance(enabled, bool):
            raise Refusal(400, "enabled: true or false")
        await (wire.open() if enabled else wire.cut())
        return JSONResponse(wire.words())

    async def get_toxics(self, request: Request) -> Response:
        """What is wrong with a wire."""
        return JSONResponse([toxic.words() for toxic in self._wire(request).toxics.values()])

    async def add_toxic(self, request: Request) -> Response:
        """Make something wrong with it."""
        wire, words = self._wire(request), await _words(request)
        kind, stream = words.get("type"), words.get("stream", "downstream")
        if kind not in ATTRIBUTES or stream not in STREAMS:
            raise Refusal(400, f"type: one of {', '.join(ATTRIBUTES)}; stream: one of {', '.join(STREAMS)}")
        toxic = Toxic(str(words.get("name") or f"{kind}_{stream}"), kind, stream, {})
        toxic.attributes = _attributes(kind, words)
        if toxic.name in wire.toxics:
            raise Refusal(409, "toxic already exists")
        wire.toxics[toxic.name] = toxic
        return JSONResponse(toxic.words())

    async def change_toxic(self, request: Request) -> Response:
        """Another dose."""
        toxic = self._toxic(request)
        toxic.attributes |= _attributes(toxic.type, await _words(request))
        return JSONResponse(toxic.words())

    async def remove_toxic(self, request: Request) -> Response:
        """Nothing wrong any more."""
        del self._wire(request).toxics[self._toxic(request).name]
        return Response(status_code=204)

    def _wire(self, request: Request) -> Wire:
        wire = self._wires.get(request.path_params["name"])
        if wire is None:
            raise Refusal(404, "proxy not found")
        return wire

    def _toxic(self, request: Request) -> Toxic:
        toxic = self._wire(request).toxics.get(request.path_params["toxic"])
        if toxic is None:
            raise Refusal(404, "toxic not found")
        return toxic


def _attributes(kind: str, words: dict[str, Any]) -> dict[str, float]:
    given = words.get("attributes", {})
    if not isinstance(given, dict) or not all(type(value) in (int, float) and value >= 0 for value in given.values()):
        raise Refusal(400, f"attributes: numbers for {', '.join(ATTRIBUTES[kind])}")
    return {name: given[name] for name in ATTRIBUTES[kind] if name in given}


async def _words(request: Request) -> dict[str, Any]:
    try:
        words = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise Refusal(400, "body: no JSON") from error
    if not isinstance(words, dict):
        raise Refusal(400, "body: a JSON object")
    return words


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return JSONResponse({"error": error.because, "status": error.status}, status_code=error.status)


def build(wires: Iterable[Wire], key: str) -> ASGIApp:
    """The wires and their API; whoever changes something names the key."""
    api = Api(wires)
    get, change = partial(Route, methods=["GET"]), partial(Route, methods=["POST", "PATCH"])
    app = Starlette(
        lifespan=api.lifespan,
        exception_handlers={Refusal: _refused},
        routes=[
            get("/version", api.version),
            get("/proxies", api.get_all),
            Route("/reset", api.reset, methods=["POST"]),
            get("/proxies/{name}", api.get_one),
            change("/proxies/{name}", api.change_one),
            get("/proxies/{name}/toxics", api.get_toxics),
            Route("/proxies/{name}/toxics", api.add_toxic, methods=["POST"]),
            change("/proxies/{name}/toxics/{toxic}", api.change_toxic),
            Route("/proxies/{name}/toxics/{toxic}", api.remove_toxic, methods=["DELETE"]),
        ],
    )

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            authorization = request.headers.get("authorization", "")
            no = denied(key, request.method, request.headers.get("host", ""), authorization)
            if no is not None:
                headers = {"www-authenticate": "Bearer"} if no.status == 401 else None
                answer = JSONResponse({"error": no.because, "status": no.status}, no.status, headers)
                return await answer(scope, receive, send)
        return await app(scope, receive, send)

    return guarded
