"""Who may import whom (harness/README.md, "Layers")."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HARNESS = ROOT / "harness"
BASE = {"birth", "errors", "units", "clock", "model", "documents", "exposition", "aws", "files", "redaction", "text"}
# The stages each stage may import, besides BASE; anything further is a mistake.
MAY_IMPORT = {
    "slo": set(),
    "plan": {"slo"},
    "record": {"plan", "slo"},
    "judge": {"record", "plan", "slo"},
    "report": {"review", "judge", "record", "plan", "slo"},
    "review": {"judge", "record", "plan", "slo"},
    "load": {"record", "plan"},
    "fault": {"record", "plan"},
    "run": {"load", "fault", "record", "plan", "slo"},
    "testbed": set(),
}
AWS_USERS = {"fault", "review"}  # of the stages; in review only its door to the Well-Architected Tool
REVIEW_DOOR = "review/tool/door.py"
NO_CLOCK = {"slo", "plan", "judge", "report", "review"}
TOP = {"cli", "verbs"}
SERVICES = Path("testbed/services")


def modules() -> Iterator[tuple[str, str, ast.Module]]:
    """(stage, file, parsed) of every module of the package."""
    for path in sorted(HARNESS.rglob("*.py")):
        relative = path.relative_to(HARNESS)
        stage = relative.parts[0].removesuffix(".py")
        yield stage, str(relative), parsed(relative, path.read_text())


def parsed(relative: Path, text: str) -> ast.Module:
    """A module; a program of the test bed imports its own neighbours relatively, everything else absolutely."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 1 and relative.is_relative_to(SERVICES):
            node.level, node.module = 0, ".".join(("harness", *relative.parent.parts, node.module or ""))
    return tree


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def imports(tree: ast.Module) -> Iterator[str]:
    """Every absolute module name imported anywhere in a module, `from a import b` as a.b where b is a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            module = node.module or ""
            inside = {alias.name for alias in node.names if is_module(f"{module}.{alias.name}")}
            yield from (f"{module}.{name}" for name in inside)
            if len(inside) < len(node.names):
                yield module


def stages_imported(tree: ast.Module) -> set[str]:
    return {name.split(".")[1] for name in imports(tree) if name.startswith("harness.")}


@pytest.mark.parametrize("stage", sorted(MAY_IMPORT))
def test_a_stage_imports_only_what_its_layer_allows(stage: str) -> None:
    """A stage imports the stages below it and the base, nothing else."""
    allowed = MAY_IMPORT[stage] | {stage} | BASE
    if stage in NO_CLOCK:
        allowed -= {"clock"}
    if stage not in AWS_USERS:
        allowed -= {"aws"}
    found = {file: stages_imported(tree) - allowed for of, file, tree in modules() if of == stage}
    assert {file: extra for file, extra in found.items() if extra} == {}


def test_a_review_touches_aws_through_one_door() -> None:
    """Everything else of it is pure: a stored run can be reviewed again anywhere."""
    users = {file for of, file, tree in modules() if of == "review" and "aws" in stages_imported(tree)}
    assert users <= {REVIEW_DOOR}


def test_no_supervisor_imports_boto3() -> None:
    """The command line is loaded without it: before Locust in one process it breaks TLS, and few verbs need it."""
    program = "import sys, harness.cli, harness.aws; print(sorted({'boto3', 'botocore'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_every_stage_has_a_place_in_the_layers() -> None:
    """A new folder says where it belongs, or this fails."""
    stages = {stage for stage, _, _ in modules()} - {"__init__"}
    assert stages == set(MAY_IMPORT) | BASE | TOP


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("locust", {"load"}),
        ("gevent", {"load"}),
        ("chaoslib", {"fault"}),
        ("chaostoolkit", {"fault"}),
        ("chaosaws", {"fault"}),
        ("moto", {"testbed"}),
        ("boto3", {"aws", "testbed"}),
        ("botocore", {"aws", "fault"}),
        ("plotly", {"report"}),
        ("polars", {"record"}),
        ("rich", {"report", "verbs"}),
        ("yaml", {"documents"}),
        ("prometheus_client", {"exposition", "testbed"}),
    ],
)
def test_a_foreign_library_stays_behind_its_door(library: str, allowed: set[str]) -> None:
    """Only the stage that stands for a library imports it."""
    users = {stage for stage, _, tree in modules() if any(name.split(".")[0] == library for name in imports(tree))}
    assert users <= allowed


def test_other_stages_import_the_stage_and_never_its_modules() -> None:
    """What a stage offers is what its package exports; loadtests may name harness.load.users, its public interface."""
    inner = {
        (file, name)
        for stage, file, tree in modules()
        for name in imports(tree)
        if name.startswith("harness.")
        and len(name.split(".")) > 2
        and file != "__init__.py"  # `discover`, which Chaos Toolkit calls there
        and name.split(".")[1] not in {stage, "verbs"}
        and (HARNESS / name.split(".")[1]).is_dir()
        and (HARNESS / "/".join(name.split(".")[1:])).with_suffix(".py").exists()
    }
    assert inner == set()


def test_the_test_beds_programs_know_nothing_of_the_harness() -> None:
    """What is drilled is a service as anybody would write it: no line of it imports the harness."""
    for path in sorted((HARNESS / SERVICES).rglob("*.py")):
        assert not {name for name in imports_as_written(path) if name.split(".")[0] == "harness"}, path


def imports_as_written(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return named | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0}


def test_there_is_no_import_cycle_between_modules() -> None:
    """No module of the package imports itself by any way round."""
    graph: dict[str, set[str]] = {}
    known = {
        ".".join(("harness", *Path(file).with_suffix("").parts)).removesuffix(".__init__") for _, file, _ in modules()
    }
    for _, file, tree in modules():
        name = ".".join(("harness", *Path(file).with_suffix("").parts)).removesuffix(".__init__")
        graph[name] = {imported for imported in imports(tree) if imported in known} - {name}
    done: set[str] = set()
    for start in graph:
        _visit(start, graph, (), done)


def _visit(name: str, graph: dict[str, set[str]], way: tuple[str, ...], done: set[str]) -> None:
    assert name not in way, f"import cycle: {' -> '.join((*way, name))}"
    if name in done:
        return
    for imported in graph[name]:
        _visit(imported, graph, (*way, name), done)
    done.add(name)


def test_no_module_is_too_long_for_a_sitting() -> None:
    """A module of more than 500 lines wants a better cut."""
    long = {file for _, file, _ in modules() if len((HARNESS / file).read_text().splitlines()) > 500}
    assert long == set()
