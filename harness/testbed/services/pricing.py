"""The pricing service of one zone, a program of its own: `python -P -m pricing --zone Z --port P`."""

import argparse
import zlib

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def price_cents(sku: str) -> int:
    """Today's price of an article: stable, so that an answer can be checked."""
    return 100 + zlib.crc32(sku.encode()) % 9_900


def build(zone: str) -> Starlette:
    """The service."""
    headers = {"x-zone": zone}

    async def price(request: Request) -> JSONResponse:
        sku = request.path_params["sku"]
        return JSONResponse({"sku": sku, "price_cents": price_cents(sku)}, headers=headers)

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"}, headers=headers)

    return Starlette(routes=[Route("/price/{sku}", price), Route("/healthz", healthz)])


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zone", required=True)
    parser.add_argument("--port", type=int, required=True)
    words = parser.parse_args()
    uvicorn.run(
        build(words.zone), host="127.0.0.1", port=words.port, http="httptools", access_log=False, log_level="warning"
    )


if __name__ == "__main__":
    _main()
