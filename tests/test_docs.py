"""Documentation is kept by tests: commands exist, verbs and settings are documented, links lead somewhere."""

import re
import tomllib
from pathlib import Path

import pytest

from harness.cli import VERBS, make_parser
from harness.plan import TESTBED

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / name
    for name in (
        "README.md",
        "CHANGELOG.md",
        "harness/README.md",
        "experiments/README.md",
        "docs/evidence.md",
        "docs/review.md",
    )
]
README = (ROOT / "README.md").read_text()


def commands(page: Path) -> list[str]:
    """Commands a page shows: `$ ...` lines of its console blocks, and lines of its sh blocks."""
    found = []
    for kind, block in re.findall(r"```(console|sh)\n(.*?)```", page.read_text(), re.DOTALL):
        lines = [line for line in block.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        found += [line.removeprefix("$ ") for line in lines if kind == "sh" or line.startswith("$ ")]
    return [command.split("#")[0].strip() for command in found]


def test_the_two_set_up_commands_come_first() -> None:
    """README's first commands are `make drill` and `make test`, and both are make targets."""
    assert commands(ROOT / "README.md")[:2] == ["make drill", "make test"]
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^drill:", makefile, re.MULTILINE)
    assert re.search(r"^test:", makefile, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_wellproven_command_of_a_page_is_understood(page: Path) -> None:
    """A documented command line parses; none of them has gone stale."""
    parser = make_parser()
    for command in commands(page):
        words = command.removeprefix(".venv/bin/").split()
        if words[0] == "wellproven" and "--version" not in words:
            parser.parse_args([word for word in words[1:] if word not in {">", "verdicts.json"}])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_command_of_a_page_is_a_target(page: Path) -> None:
    """`make x` on a page is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"`make ([a-z]+)", page.read_text()):
        assert target in targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    """No page points at a file that is not there."""
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


def test_every_verb_is_in_the_readme() -> None:
    """A verb nobody can find is not there."""
    for verb in VERBS:
        assert f"wellproven {verb.__name__.rsplit('.', 1)[-1]}" in README


def test_every_field_of_the_extension_and_of_a_target_is_documented() -> None:
    """What a user may write stands in experiments/README.md."""
    from harness.plan import allow, experiment, guard, target

    page = (ROOT / "experiments/README.md").read_text()
    models = [experiment.Extension, target.WrittenTarget, allow.Allow, allow.MaintenanceWindow]
    models += [guard.WrittenGuard, guard.WrittenBurn, guard.WrittenLatency]
    models += [guard.WrittenGuardMetric, guard.WrittenPrometheus]
    for field in (field for model in models for field in model.model_fields.values()):
        assert field.alias is not None
        assert re.search(rf"[`\s{{]{re.escape(field.alias)}\b", page), field.alias
    assert TESTBED in page


def test_every_stage_is_on_the_map() -> None:
    """Each folder of the package has its line in harness/README.md."""
    page = (ROOT / "harness/README.md").read_text()
    for folder in (ROOT / "harness").iterdir():
        if folder.is_dir() and (folder / "__init__.py").exists():
            assert f"`{folder.name}/`" in page


def test_the_changelog_knows_this_version() -> None:
    """The version in pyproject.toml is the changelog's newest."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == version


def test_the_lock_pins_every_dependency_and_names_no_registry() -> None:
    """Set-up installs the same versions everywhere, from wherever the user's index is."""
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lock.splitlines() if "==" in line}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.split(r"[\[>=<~ ]", one)[0].lower().replace("_", "-") for one in wanted}
    assert names <= pinned


def test_every_field_of_the_answers_is_documented() -> None:
    """What a team may write in slos/review.yaml stands in docs/review.md."""
    from harness.documents import FileModel
    from harness.review import reading

    page = (ROOT / "docs/review.md").read_text()
    models = [one for one in vars(reading).values() if isinstance(one, type) and issubclass(one, FileModel)]
    fields = {name: field for model in models for name, field in model.model_fields.items()}
    assert {"lens", "questions", "not_applicable", "at_most", "less_by"} <= set(fields)
    for name, field in fields.items():
        alias = field.alias or name
        assert re.search(rf"`(?:scope\.)?{re.escape(alias)}`", page), alias
