"""The layout's rules, held against the code's own imports; each is shown to be able to fail."""

import ast
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = ("signing", "backends", "gateway", "workers", "certs", "deploy")

MAY_IMPORT: Final[Mapping[str, set[str]]] = {
    "signing": set(),
    "backends": {"signing"},
    "gateway": {"signing", "backends"},
    "workers": {"signing", "backends"},
    "certs": set(),
    "deploy": {"signing", "backends", "gateway", "workers", "certs"},
}
# What is not here may use any library.
LIBRARIES: Final[Mapping[str, set[str]]] = {
    "signing": {"cryptography", "http_message_signatures", "http_sf"},
    "certs": {"cryptography"},
}
# Ways out of the process, which the pure package does not take.
INPUT_AND_OUTPUT: Final = frozenset(
    {"asyncio", "http", "io", "logging", "os", "pathlib", "secrets", "select", "shutil", "socket"}
    | {"ssl", "subprocess", "tempfile", "threading", "time", "urllib"}
)
CALLS: Final = frozenset({"input", "open", "print"})
ENVIRONMENT: Final = frozenset({"environ", "environb", "getenv", "getenvb", "putenv"})
MAX_LINES: Final = 400
MAX_FUNCTION_P95: Final = 35


@dataclass(frozen=True)
class Source:
    """One module: its dotted name, its file and its syntax tree."""

    module: str
    path: Path
    tree: ast.Module
    lines: int

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]


def read_sources(root: Path) -> list[Source]:
    found = []
    for path in sorted(file for name in PACKAGES for file in (root / name).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        found.append(Source(module, path, ast.parse(text), len(text.splitlines())))
    return found


def imports(source: Source, modules: set[str], *, at_run_time: bool = False) -> set[str]:
    """Give the modules a source imports; `from package import name` counts as the nearest one."""
    skipped = _only_for_types(source.tree) if at_run_time else set()
    found = set()
    for node in ast.walk(source.tree):
        if node in skipped:
            continue
        for name in _names(source, node):
            parent = name.rpartition(".")[0]
            found.add(parent if name not in modules and parent in modules else name)
    return found - {source.module}


def _names(source: Source, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            inside = source.module.split(".")
            drop = node.level - (source.path.name == "__init__.py")
            base = ".".join([*inside[: len(inside) - drop], *filter(None, [base])])
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and node.args:
        called = ast.unparse(node.func).rpartition(".")[2]
        target = node.args[0]
        by_name = called in {"import_module", "__import__"} and isinstance(target, ast.Constant)
        if by_name and isinstance(target, ast.Constant):
            yield str(target.value)


def _only_for_types(tree: ast.Module) -> set[ast.AST]:
    guards = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    )
    return {inner for guard in guards for part in guard.body for inner in ast.walk(part)}


def wrong_directions(sources: list[Source]) -> list[str]:
    modules = {source.module for source in sources}
    found = []
    for source in sources:
        allowed = MAY_IMPORT[source.package] | {source.package}
        libraries = LIBRARIES.get(source.package)
        for name in sorted(imports(source, modules)):
            top = name.partition(".")[0]
            of_the_project = top in PACKAGES or top == "tests"
            if of_the_project:
                wrong = top not in allowed
            else:
                wrong = libraries is not None and top not in libraries | sys.stdlib_module_names
            if wrong:
                found.append(f"{source.module} imports {name}")
    return found


def impurities(sources: list[Source]) -> list[str]:
    found = []
    for source in sources:
        if source.package == "signing":
            tops = {name.partition(".")[0] for name in imports(source, set())}
            found += [f"{source.module} imports {top}" for top in sorted(tops & INPUT_AND_OUTPUT)]
            calls = (node for node in ast.walk(source.tree) if isinstance(node, ast.Call))
            called = [ast.unparse(call.func) for call in calls]
            found += [f"{source.module} calls {name}" for name in called if name in CALLS]
    return found


def environment_readers(sources: list[Source]) -> list[str]:
    found = []
    for source in sources:
        if source.path.name == "settings.py":
            continue
        for node in ast.walk(source.tree):
            by_attribute = isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT
            by_import = isinstance(node, ast.ImportFrom) and node.module == "os"
            names = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else {}
            if by_attribute or (by_import and ENVIRONMENT.intersection(names)):
                found.append(f"{source.module} reads the environment")
    return found


def cycles(sources: list[Source]) -> list[str]:
    """Name the modules of each import cycle; what is imported for types alone makes none."""
    modules = {source.module for source in sources}
    graph = {source.module: imports(source, modules, at_run_time=True) for source in sources}
    reached = {module: _reachable(module, graph) for module in graph}
    tied = {
        frozenset(other for other in reached[module] if module in reached[other])
        for module in graph
        if module in reached[module]
    }
    return sorted(" <-> ".join(sorted(group)) for group in tied)


def _reachable(start: str, graph: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        for module in graph[waiting.pop()]:
            if module in graph and module not in reached:
                reached.add(module)
                waiting.append(module)
    return reached


def long_files(sources: list[Source]) -> list[str]:
    return [f"{s.module}: {s.lines} lines" for s in sources if s.lines > MAX_LINES]


def long_functions(sources: list[Source]) -> list[str]:
    """Name the longest functions where the 95th percentile (nearest rank) is above the bound."""
    lengths = sorted(
        (node.end_lineno - node.lineno + 1, f"{source.module}.{node.name}")
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
    )
    rank = math.ceil(0.95 * len(lengths)) - 1
    if not lengths or lengths[rank][0] <= MAX_FUNCTION_P95:
        return []
    return [f"{name}: {length} lines" for length, name in lengths[rank:]]


Rule = Callable[[list[Source]], list[str]]
RULES: Final[list[Rule]] = [
    wrong_directions,
    impurities,
    environment_readers,
    cycles,
    long_files,
    long_functions,
]

LONG: Final = "\n".join(["def f() -> None:", *["    g()"] * MAX_FUNCTION_P95])

# Rule, files of a tree that breaks it, what it has to say of them.
BROKEN: Final[dict[str, tuple[Rule, dict[str, str], list[str]]]] = {
    "signing imports a package above it": (
        wrong_directions,
        {"signing/a.py": "import gateway.b", "gateway/b.py": ""},
        ["signing.a imports gateway.b"],
    ),
    "signing imports another library": (
        wrong_directions,
        {"signing/a.py": "import json\nimport cryptography.x509\nfrom redis import Redis"},
        ["signing.a imports redis.Redis"],
    ),
    "backends imports gateway": (
        wrong_directions,
        {"backends/a.py": "from gateway import b", "gateway/b.py": ""},
        ["backends.a imports gateway.b"],
    ),
    "gateway imports workers inside of a function": (
        wrong_directions,
        {"gateway/a.py": "def f():\n    from workers.secret import Secret"},
        ["gateway.a imports workers.secret.Secret"],
    ),
    "workers imports gateway by its name": (
        wrong_directions,
        {"workers/a.py": "import importlib\nimportlib.import_module('gateway.app')"},
        ["workers.a imports gateway.app"],
    ),
    "workers imports gateway for a type": (
        wrong_directions,
        {"workers/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import gateway"},
        ["workers.a imports gateway"],
    ),
    "workers imports deploy": (
        wrong_directions,
        {"workers/sub/a.py": "import deploy"},
        ["workers.sub.a imports deploy"],
    ),
    "certs imports signing": (
        wrong_directions,
        {"certs/a.py": "from signing.errors import KeyInvalid", "signing/errors.py": ""},
        ["certs.a imports signing.errors"],
    ),
    "certs imports a library": (
        wrong_directions,
        {"certs/a.py": "import click"},
        ["certs.a imports click"],
    ),
    "a package imports tests": (
        wrong_directions,
        {"deploy/a.py": "import tests.signing"},
        ["deploy.a imports tests.signing"],
    ),
    "signing opens a file": (
        impurities,
        {
            "signing/a.py": "import os.path\nfrom pathlib import Path\nopen('x')",
            "gateway/b.py": "import os",
        },
        ["signing.a imports os", "signing.a imports pathlib", "signing.a calls open"],
    ),
    "os.environ": (
        environment_readers,
        {
            "gateway/a.py": "import os\nos.environ['A']",
            "gateway/settings.py": "import os\nos.environ",
        },
        ["gateway.a reads the environment"],
    ),
    "os.getenv under another name": (
        environment_readers,
        {"deploy/a.py": "import os as o\no.getenv('A')"},
        ["deploy.a reads the environment"],
    ),
    "from os import environ": (
        environment_readers,
        {"workers/a.py": "from os import environ as e, sep"},
        ["workers.a reads the environment"],
    ),
    "two modules import each other": (
        cycles,
        {
            "gateway/a.py": "from gateway.b import x",
            "gateway/b.py": "def f():\n    from . import a",
        },
        ["gateway.a <-> gateway.b"],
    ),
    "a cycle of three through a package's own module": (
        cycles,
        {
            "workers/__init__.py": "from .a import x",
            "workers/a.py": "import workers.sub.b",
            "workers/sub/b.py": "from workers import x",
        },
        ["workers <-> workers.a <-> workers.sub.b"],
    ),
    "a file with a line too many": (
        long_files,
        {"certs/a.py": "x = 1\n" * (MAX_LINES + 1), "certs/b.py": "x = 1\n" * MAX_LINES},
        ["certs.a: 401 lines"],
    ),
    "long functions": (long_functions, {"certs/a.py": LONG}, ["certs.a.f: 36 lines"]),
}

CLEAN: Final[dict[str, str]] = {
    "signing/__init__.py": "",
    "signing/a.py": "import json\nimport http_sf\nfrom cryptography import x509\nfrom . import b",
    "signing/b.py": "import typing\nif typing.TYPE_CHECKING:\n    from signing import a",
    "backends/a.py": "import redis\nfrom signing.a import x",
    "gateway/settings.py": "import os\nfrom os import environ\nos.getenv('A')",
    "gateway/a.py": "import backends.a\nimport signing.a\nimport aiohttp",
    "workers/a.py": "import backends.a\nimport importlib\nimportlib.import_module(name)",
    "certs/a.py": "import ssl\nimport cryptography.x509",
    "deploy/a.py": "import gateway.a, workers.a, certs.a, click\nf(environment=1)",
    "deploy/short.py": "\n".join(f"def f{n}(): ..." for n in range(30)) + "\n" + LONG,
}


def _tree(root: Path, files: Mapping[str, str]) -> list[Source]:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return read_sources(root)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    assert rule(read_sources(ROOT)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_clean_tree_keeps_the_rule(rule: Rule, tmp_path: Path) -> None:
    assert rule(_tree(tmp_path, CLEAN)) == []


@pytest.mark.parametrize(("rule", "files", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_the_rule_can_fail(
    rule: Rule, files: dict[str, str], said: list[str], tmp_path: Path
) -> None:
    assert rule(_tree(tmp_path, files)) == said


def test_every_rule_is_shown_to_fail() -> None:
    assert {rule.__name__ for rule, _, _ in BROKEN.values()} == {rule.__name__ for rule in RULES}


def test_no_file_of_the_tests_and_benches_is_too_long() -> None:
    lengths = {
        path.relative_to(ROOT): len(path.read_text("utf-8").splitlines())
        for place in ("tests", "bench")
        for path in (ROOT / place).rglob("*.py")
    }
    assert len(lengths) > 100
    assert {path: length for path, length in lengths.items() if length > MAX_LINES} == {}


def test_every_package_is_read() -> None:
    sources = read_sources(ROOT)
    assert {source.package for source in sources} == set(PACKAGES)
    assert "signing.dsse" in {source.module for source in sources}
