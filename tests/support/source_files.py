"""The source files of the project, and what each of them imports, read by `ast` alone."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Folder in the checkout -> the package that it is imported as.
PACKAGES = {"gsic": "gsic", "kernels": "gsic_kernels"}


@dataclass(frozen=True)
class Import:
    """One imported name: `from a import b` is the module `a.b`."""

    module: str
    line: int
    inside_function: bool
    for_types_only: bool


def sources(*folders: str) -> list[Path]:
    """Every Python file below folders of the checkout, sorted."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found
    return found


def name_of(path: Path) -> str:
    """The path of a file from the root of the checkout, for messages and test names."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file, parsed once."""
    return ast.parse(path.read_text(), str(path))


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """Every import of a file, anywhere in it."""
    return tuple(_imports_below(path, tree_of(path), False, False))


def _imports_below(
    path: Path, parent: ast.AST, inside_function: bool, for_types_only: bool
) -> Iterator[Import]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for module in _modules_of(path, node):
                yield Import(module, node.lineno, inside_function, for_types_only)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for part in node.body:
                yield from _imports_below(path, ast.Module([part], []), inside_function, True)
            for part in node.orelse:
                yield from _imports_below(
                    path, ast.Module([part], []), inside_function, for_types_only
                )
        else:
            deeper = inside_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from _imports_below(path, node, deeper, for_types_only)


def _modules_of(path: Path, node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    package = path.relative_to(ROOT).parent.parts
    assert node.level <= len(package), f"{path}:{node.lineno}"
    start = package[: len(package) - node.level + 1] if node.level else ()
    base = ".".join((*start, *([node.module] if node.module else [])))
    return [f"{base}.{alias.name}" for alias in node.names]


@cache
def modules() -> dict[str, Path]:
    """Every module of gsic and its kernels by its full name."""
    found = {}
    for folder, package in PACKAGES.items():
        for path in sources(folder):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            found[".".join((package, *parts))] = path
    return found
