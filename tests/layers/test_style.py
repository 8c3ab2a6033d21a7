"""What every source file owes its reader: docstrings, and a length that can be read."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from source_files import name_of, sources, tree_of

MOST_LINES = 400

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public_definitions(
    parent: ast.AST, of: ast.ClassDef | None = None
) -> Iterator[tuple[Definition, ast.ClassDef | None]]:
    """Public functions, classes and methods below a node, with the class of each method."""
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node, of
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node, node)


def is_protocol(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).startswith("Protocol") for base in node.bases)


@cache
def inherited() -> dict[str, set[str]]:
    """Names of the methods that have a docstring, by class; of all protocols under ""."""
    found: dict[str, set[str]] = {"": set()}
    for path in sources("gsic", "kernels"):
        for node, of in public_definitions(tree_of(path)):
            if of is not None and ast.get_docstring(node):
                found.setdefault(of.name, set()).add(node.name)
                if is_protocol(of):
                    found[""].add(node.name)
    return found


def is_documented_elsewhere(node: Definition, of: ast.ClassDef | None) -> bool:
    """Whether the docstring is that of a base class, a protocol, or a getter.

    A method of a protocol that is only a signature is documented where it is implemented.
    """
    if of is None:
        return False
    if is_protocol(of) and ast.unparse(node.body) == "...":
        return True
    if any(ast.unparse(decorator).endswith(".setter") for decorator in node.decorator_list):
        return True
    bases = {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in of.bases}
    return any(node.name in inherited().get(base, set()) for base in {"", *bases})


def faults_of(path: Path) -> list[str]:
    """What has no docstring, or one whose first line is not the whole of its sentence."""
    tree = tree_of(path)
    faults = []
    if tree.body and not ast.get_docstring(tree):
        faults.append(f"{name_of(path)}: the module has no docstring")
    for node, of in public_definitions(tree):
        where = f"{name_of(path)}:{node.lineno}: {node.name}"
        docstring = ast.get_docstring(node)
        if docstring is None:
            if not is_documented_elsewhere(node, of):
                faults.append(f"{where} has no docstring")
        elif not docstring.splitlines()[0].endswith((".", ":")):
            faults.append(f"{where}: the first line ends neither with a period nor with a colon")
    return faults


@pytest.mark.parametrize("path", sources("gsic", "kernels"), ids=name_of)
def test_what_is_public_has_a_docstring(path: Path) -> None:
    assert faults_of(path) == []


@pytest.mark.parametrize("path", sources("gsic", "kernels"), ids=name_of)
def test_modules_are_short(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= MOST_LINES, f"{lines} lines, {MOST_LINES} are allowed"
