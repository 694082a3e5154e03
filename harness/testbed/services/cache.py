"""The cache that all zones share, a program of its own: `python -P -m cache --port P`. Speaks Redis's protocol."""

import argparse

from fakeredis import TcpFakeServer


class Cache(TcpFakeServer):
    """Holds what it is given, in memory alone: whatever ends it empties it."""

    daemon_threads = True


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    Cache(("127.0.0.1", parser.parse_args().port)).serve_forever()


if __name__ == "__main__":
    _main()
