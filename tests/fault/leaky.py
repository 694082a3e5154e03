"""Activities that do with a secret what they should not: return it, raise it, print it, log it."""

import base64
import json
import logging
import subprocess
import sys
from urllib.parse import quote

import requests
from chaoslib.exceptions import ActivityFailed

__all__ = ["ask", "echo", "fail", "steady", "tell"]


def steady() -> bool:
    """The steady state, always there."""
    return True


def _all(secrets) -> dict[str, str]:
    return dict(secrets or {})


def echo(secrets=None, configuration=None) -> dict:
    """Return everything, in every form."""
    found = {**_all(secrets), "db": (configuration or {}).get("db_password", "")}
    return {
        "plain": found,
        "said": [f"the token is {value}, you know" for value in found.values()],
        "url": [f"https://shop:{quote(value, safe='')}@shop.example/x" for value in found.values()],
        "coded": [base64.b64encode(value.encode()).decode() for value in found.values()],
        "json": json.dumps(found),
        "json in json": json.dumps(json.dumps(found)),
        "repr": repr(found),
        **dict.fromkeys(found.values(), "as a key"),
    }


def fail(secrets=None, configuration=None) -> None:
    """Raise it."""
    raise ActivityFailed(f"refused for {_all(secrets)!r} with {(configuration or {}).get('db_password')}")


def tell(secrets=None) -> str:
    """Print and log it, also from a process that inherits our output."""
    for value in _all(secrets).values():
        print(value, flush=True)
        print(value, file=sys.stderr, flush=True)
        logging.getLogger("chaostoolkit").warning("using %s", value)
        subprocess.run([sys.executable, "-c", "print(input())"], input=value.splitlines()[0], text=True, check=True)
    return "told"


def ask(url: str, secrets=None) -> dict:
    """What a server answers that sends every header back."""
    token = _all(secrets)["token"]
    answer = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=5)
    try:
        requests.get(f"http://user:{quote(token, safe='')}@127.0.0.1:1/", timeout=5)
    except requests.RequestException as error:
        return {"answer": answer.text, "error": repr(error)}
    return {"answer": answer.text}
