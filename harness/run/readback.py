"""Reading the survivors back: once, after the load has ended, page by page, from the endpoint the experiment names."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import requests
from urllib3.exceptions import HTTPError

from harness.clock import Clock
from harness.documents import filled
from harness.errors import NotAvailableError
from harness.plan import Plan

TIMEOUT_S = 10.0
DEADLINE_S = 60.0
PAGES_MAX = 10_000
PAGE_BYTES_MAX = 64 << 20


def read_survivors(plan: Plan, run_dir: Path, *, clock: Clock) -> int:
    """Write survivors.txt, an id a line as JSON text, and return how many. Raises NotAvailableError if cut short."""
    assert plan.ledger is not None
    deadline_ns = clock.monotonic_ns() + round(DEADLINE_S * 1e9)
    count = 0
    with (run_dir / "survivors.txt").open("w", encoding="utf-8") as file:
        for ids in _pages(plan, clock, deadline_ns):
            count += len(ids)
            file.writelines(json.dumps(one) + "\n" for one in ids)
    return count


def _pages(plan: Plan, clock: Clock, deadline_ns: int) -> Iterator[list[str]]:
    assert plan.ledger is not None
    path = plan.ledger.survivors.removeprefix("GET ")
    after = ""
    with requests.Session() as session:
        session.headers.update(filled(plan.ledger.headers, os.environ))
        session.trust_env = False  # a proxy of the environment is not part of the system under test
        for _ in range(PAGES_MAX):
            url = plan.profile.base_url + path.replace(
                "{prefix}", quote(f"{plan.profile.id_prefix}-", safe="")
            ).replace("{after}", quote(after, safe=""))
            ids = _page(session, url, plan.ledger.ids, clock, deadline_ns)
            if not ids:
                return
            if ids[-1] == after or "{after}" not in path:
                yield ids if ids[-1] != after else []
                return
            yield ids
            after = ids[-1]
    raise NotAvailableError(f"reading survivors: more than {PAGES_MAX} pages")


def _page(session: requests.Session, url: str, pointer: str, clock: Clock, deadline_ns: int) -> list[str]:
    """One page; a read is repeated until the deadline, since reading twice changes nothing."""
    while True:
        try:
            with session.get(url, timeout=TIMEOUT_S, allow_redirects=False, stream=True) as answer:
                if answer.status_code == 200:
                    body = answer.raw.read(PAGE_BYTES_MAX + 1, decode_content=True)
                    if len(body) > PAGE_BYTES_MAX:
                        raise NotAvailableError(f"reading survivors: {url}: a page of more than {PAGE_BYTES_MAX} bytes")
                    return _ids(json.loads(body), pointer, url)
                problem = f"status {answer.status_code}"
        except (requests.RequestException, HTTPError, ValueError, RecursionError) as error:
            problem = type(error).__name__
        if clock.monotonic_ns() > deadline_ns:
            raise NotAvailableError(f"reading survivors: {url}: {problem}")
        clock.sleep(0.25)


def _ids(body: object, pointer: str, url: str) -> list[str]:
    found = body
    for part in pointer.strip("/").split("/") if pointer else []:
        found = found.get(part) if isinstance(found, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, str | int) for one in found):
        raise NotAvailableError(f"reading survivors: {url}: no list of ids at {pointer or 'the top'}")
    ids = [str(one) for one in found]
    if not all(one.isprintable() for one in ids):  # a lone surrogate, a line break: no id that could be asked for
        raise NotAvailableError(f"reading survivors: {url}: ids that are no text")
    return ids
