"""No module imports itself in a roundabout way, read from the source files alone."""

from collections.abc import Iterator

import pytest
from source_files import imports, modules

Graph = dict[str, set[str]]


def graph(inside_functions: bool) -> Graph:
    """The modules that each module imports when it runs.

    Args:
        inside_functions: follow the imports that are made when a function is called, too.

    Returns:
        Names of modules by the name of the module that imports them. Imports under TYPE_CHECKING
        never run and are left out.
    """
    known = modules()
    answer: Graph = {name: set() for name in known}
    for name, path in known.items():
        for imported in imports(path):
            if imported.for_types_only or (imported.inside_function and not inside_functions):
                continue
            # `from a import b` imports the module a.b where there is one, and otherwise a.
            for target in (imported.module, imported.module.rpartition(".")[0]):
                if target in known:
                    answer[name].add(target)
                    break
    return answer


def cycles(graph: Graph) -> Iterator[list[str]]:
    """Paths that lead from a module back to itself, by a search in depth."""
    done: set[str] = set()

    def search(path: list[str]) -> Iterator[list[str]]:
        for target in sorted(graph[path[-1]]):
            if target in path:
                yield [*path[path.index(target) :], target]
            elif target not in done:
                yield from search([*path, target])
        done.add(path[-1])

    for start in sorted(graph):
        if start not in done:
            yield from search([start])


def test_the_search_finds_cycles() -> None:
    acyclic: Graph = {"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}
    assert list(cycles(acyclic)) == []
    assert list(cycles(acyclic | {"d": {"b"}})) == [["b", "d", "b"]]
    assert list(cycles({"a": {"a"}})) == [["a", "a"]]


def test_the_graph_is_that_of_the_source() -> None:
    late, early = graph(inside_functions=True), graph(inside_functions=False)
    assert "gsic.decoding" in early["gsic.api"]
    assert all(early[name] <= late[name] for name in early)
    assert early != late


@pytest.mark.parametrize("inside_functions", [False, True], ids=["modules", "functions"])
def test_nothing_imports_itself(inside_functions: bool) -> None:
    found = [" -> ".join(cycle) for cycle in cycles(graph(inside_functions))]
    assert found == []
