"""Every document of the given files by kind and name, each checked by itself; references between them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.documents import Document, FileModel, Mistakes, Where, nearest, one_of, read_documents, validate
from harness.errors import FileError, Mistake
from harness.slo import openslo, ours

REVIEW_FILE = "review.yaml"
REVIEW_FOLDERS = {"evidence", "lenses", "milestones", "reviews"}  # what a review reads, keeps and pulls
FILES_MAX = 1000
SUFFIXES = (".yaml", ".yml", ".json")

_OPENSLO: dict[str, type[FileModel]] = {
    "AlertCondition": openslo.AlertCondition,
    "AlertNotificationTarget": openslo.AlertNotificationTarget,
    "AlertPolicy": openslo.AlertPolicy,
    "DataSource": openslo.DataSource,
    "Service": openslo.Service,
    "SLI": openslo.Sli,
    "SLO": openslo.SloDocument,
}
_OURS: dict[str, type[FileModel]] = {"RecoveryObjective": ours.RecoveryObjectiveDocument}
_KINDS = {"openslo/v1": _OPENSLO, ours.API_VERSION: _OURS}
_ANNOTATIONS: dict[str, type[ours.Annotations]] = {
    "AlertCondition": ours.ConditionAnnotations,
    "SLO": ours.SloAnnotations,
}
# Kinds of ours that other readers read.
_NOT_HERE = [(ours.API_VERSION, "ReviewAnswers")]


@dataclass(frozen=True)
class Found[T]:
    """A checked document, or one that stands inline in another: `at` is where its metadata and spec begin."""

    document: Document
    at: Where
    value: T

    def annotations[A: ours.Annotations](self, model: type[A]) -> A:
        """Ours among its annotations. Raises FileError."""
        at = (*self.at, "metadata", "annotations")
        return validate(model, self.document, at) if self.document.at(at) else model()


class Catalogue:
    """What stands in the files. A name that is there but wrong is known, yet has no value."""

    def __init__(self, paths: Iterable[Path], mistakes: Mistakes) -> None:
        self._mistakes = mistakes
        self._declared: dict[tuple[str, str], Document] = {}
        self._values: dict[tuple[str, str], Found[Any]] = {}
        for path in _files(paths, mistakes):
            for document in mistakes.attempt(read_documents, path) or []:
                self._take(document)

    def all[T: FileModel](self, kind: str, _model: type[T]) -> Iterator[tuple[str, Found[T]]]:
        """Every checked document of a kind, by name, in the order of the files."""
        yield from ((name, found) for (of, name), found in self._values.items() if of == kind)

    def find[T: FileModel](
        self, kind: str, model: type[T], name: str, document: Document, path: Where
    ) -> Found[T] | None:
        """The document that is referred to at a place; None (and a mistake, where it is not there at all) if not."""
        if (kind, name) not in self._declared:
            names = [known for of, known in self._declared if of == kind]
            near = nearest(name, names)
            way_out = f"did you mean {near}?" if near else f"add a document of kind {kind}"
            self._mistakes.add(document.mistake(path, f"the name of a document of kind {kind}", way_out))
        found = self._values.get((kind, name))
        assert found is None or isinstance(found.value, model)
        return found

    def _take(self, document: Document) -> None:
        self._check_annotations(document, (), document.value)
        model = self._model_of(document)
        if model is None:
            return
        kind, name = document.value["kind"], document.at(("metadata", "name"))
        if isinstance(name, str):
            self._declare(document, (kind, name))
        value = self._mistakes.attempt(validate, model, document)
        if value is not None and self._declared[kind, name] is document:
            self._values[kind, name] = Found(document, (), value)

    def _declare(self, document: Document, key: tuple[str, str]) -> None:
        first = self._declared.setdefault(key, document)
        if first is not document:
            path = ("metadata", "name")
            way_out = f"it stands at {first.where(path)}"
            expected = f"each {key[0]} once"
            self._mistakes.add(document.mistake(path, expected, way_out, f"{key[1]} a second time"))

    def _model_of(self, document: Document) -> type[FileModel] | None:
        value = document.value
        if not isinstance(value, dict):
            self._mistakes.add(document.mistake((), "a mapping with apiVersion, kind, metadata and spec"))
            return None
        version, kind = value.get("apiVersion"), value.get("kind")
        if (version, kind) in _NOT_HERE:
            return None
        if not isinstance(version, str) or version not in _KINDS:
            self._unknown(document, "apiVersion", list(_KINDS))
        elif not isinstance(kind, str) or kind not in _KINDS[version]:
            self._unknown(document, "kind", list(_KINDS[version]))
        else:
            return _KINDS[version][kind]
        return None

    def _unknown(self, document: Document, field: str, known: list[str]) -> None:
        value = document.value.get(field)
        near = nearest(value, known) if value is not None else None
        self._mistakes.add(document.mistake((field,), one_of(known), f"write {near}" if near else ""))

    def _check_annotations(self, document: Document, at: Where, value: Any) -> None:
        """Check every annotation of ours, inline documents included; the kind beside the metadata says which fit."""
        if isinstance(value, list):
            for index, item in enumerate(value):
                self._check_annotations(document, (*at, index), item)
        if not isinstance(value, dict):
            return
        metadata = value.get("metadata")
        kind = value.get("kind")
        known = kind is None or any(str(kind) in kinds for kinds in _KINDS.values())  # an inline SLI has no kind
        if known and isinstance(metadata, dict) and isinstance(metadata.get("annotations"), dict):
            model = _ANNOTATIONS.get(str(kind), ours.Annotations)
            self._mistakes.attempt(validate, model, document, (*at, "metadata", "annotations"))
        for key, inner in value.items():
            if key not in ("metadata", "metricSource", "connectionDetails"):
                self._check_annotations(document, (*at, key), inner)


def _files(paths: Iterable[Path], mistakes: Mistakes) -> list[Path]:
    """The files, and what lies in the folders, each once."""
    files: dict[Path, Path] = {}
    for path in paths:
        try:
            found = _inside(path) if path.is_dir() else [path]
            files |= {file.resolve(): file for file in found if file.resolve() not in files}
        except (OSError, RuntimeError, ValueError) as error:  # a folder closed to us, links in a circle
            mistakes.add(Mistake(str(path), 1, "", f"'{error}'", "a file or a folder that can be read"))
            continue
        if not found:
            expected = f"at least one of {', '.join('*' + suffix for suffix in SUFFIXES)}"
            mistakes.add(Mistake(str(path), 1, "", "a folder without such files", expected))
        if len(files) > FILES_MAX:
            got, way_out = f"more than {FILES_MAX} files", "name a smaller folder"
            raise FileError.single(path, got, f"at most {FILES_MAX}", way_out)
    return list(files.values())


def _inside(folder: Path) -> list[Path]:
    """What lies in a folder; the answers of a review, its evidence and milestones lie beside the SLOs, and are none."""
    found = (path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.name != REVIEW_FILE)
    return sorted(
        path for path in found if path.is_file() and REVIEW_FOLDERS.isdisjoint(path.relative_to(folder).parts[:-1])
    )
