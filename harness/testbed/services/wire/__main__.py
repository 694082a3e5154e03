"""`python -P -m wire --help`, with this folder's parent on PYTHONPATH. The key is read from WIRE_KEY."""

import argparse
import os

import uvicorn

from .api import Wire, build


def _main() -> None:
    parser = argparse.ArgumentParser(description="TCP wires that can be cut and slowed. Reads the key from WIRE_KEY.")
    parser.add_argument("--port", type=int, required=True, help="of the API")
    parser.add_argument("--wire", action="append", default=[], metavar="NAME:LISTEN:UPSTREAM", help="ports of loopback")
    words = parser.parse_args()
    key = os.environ.get("WIRE_KEY")
    if not key:
        parser.error("WIRE_KEY: set it to the key that whoever changes something must name")
    wires = [(name, int(listen), int(upstream)) for name, listen, upstream in (one.split(":") for one in words.wire)]
    app = build([Wire(*one) for one in wires], key)
    uvicorn.run(app, host="127.0.0.1", port=words.port, access_log=False, log_level="warning")


if __name__ == "__main__":
    _main()
