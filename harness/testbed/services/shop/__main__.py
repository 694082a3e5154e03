"""`python -P -m shop --help`, with this folder's parent on PYTHONPATH."""

import argparse
import json

import uvicorn

from .caution import Caution
from .service import build


def _main() -> None:
    parser = argparse.ArgumentParser(
        description="The shop of one zone. The passwords are read from PGPASSWORD and CACHE_PASSWORD."
    )
    parser.add_argument("--zone", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", required=True, help="libpq connection string naming all nodes")
    parser.add_argument("--pricing", required=True, help="URL of the pricing service")
    parser.add_argument("--cache", required=True, help="redis://HOST:PORT")
    parser.add_argument("--events", help="file that breaker transitions are also appended to")
    parser.add_argument("--caution", default="{}", help="JSON: what this shop is built without, see Caution")
    words = parser.parse_args()
    app = build(
        words.zone, words.database, words.pricing, words.cache, words.events, Caution(**json.loads(words.caution))
    )
    uvicorn.run(app, host="127.0.0.1", port=words.port, http="httptools", access_log=False, log_level="warning")


if __name__ == "__main__":
    _main()
