"""What our pages share: templates, style sheets, and a policy that lets nothing be fetched.

Everything from outside is escaped: text by jinja2, JSON by leaving no `<`, `>` or `&` in it. Should that ever fail, a
page's own policy still lets only our scripts run, named by their hashes, and no request leave.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.report import words


def render(template: str, styles: Sequence[str], scripts: Sequence[str], **values: Any) -> str:
    """A page from its template, its style sheets, and the text of the only scripts that may run in it."""
    hashes = " ".join(f"'{_hash(one)}'" for one in scripts)
    return (
        _environment()
        .get_template(template)
        .render(
            words=words,
            style="".join(own(name) for name in styles),
            script_policy=f"script-src {hashes}; " if hashes else "",
            **values,
        )
    )


def json_in_html(text: str) -> str:
    """JSON that can stand in a script element as it is: the characters HTML reads are written as JSON escapes."""
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    assert text.isascii()
    return text


def compact(value: Any) -> str:
    """JSON in as few characters as it takes."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=True)


def own(name: str) -> str:
    """A file of ours, out of the package."""
    return files("harness.report").joinpath("page", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("harness.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
