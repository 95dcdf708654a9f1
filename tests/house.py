"""The rules of the house that no linter knows. Each takes the top of a tree and returns one sentence a fault."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.source import at, calls, imports, modules, name_of, python, tracked, tree

Rule = Callable[[Path], list[str]]

ROOT = Path(__file__).resolve().parent.parent
LONGEST_MODULE = 300
LONGEST_FUNCTION = 40  # without its docstring

# What may be longer, and why: "path" or "path:function".
MAY_BE_LONG: dict[str, str] = {}

# Who may import what, where an import contract (pyproject.toml) sees too little: it knows packages, not their parts,
# and refuses to name one that nobody imports yet.
IMPORTERS: dict[str, tuple[str, ...]] = {
    "neonize": ("whatsapp/", "sandbox/"),
    "magic": ("whatsapp/",),
    "aiosqlite": ("store/",),
    "engineio": ("realtime/",),
    "quart_schema": ("web/", "sandbox/"),
    "hypercorn": ("bootstrap.py", "sandbox/"),
}
# What whoever loads it has: pytest itself asks for its plugins.
BROUGHT = {"testing/plugin.py": "pytest"}
SANDBOX_MAY_IMPORT = ("neonize.proto", "neonize._binder")

HOLDERS = {
    *("AsyncClient", "AsyncServer", "ASGIApp", "Client", "NewAClient", "NewClient", "Quart", "create_app"),
    *("AsyncExitStack", "Condition", "Event", "Lock", "Queue", "Semaphore", "SimpleQueue", "TaskGroup", "Thread"),
    *("ThreadPoolExecutor", "Settings"),
}
VAGUE_NAMES = {"base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}

# Written with groups, so that this file passes its own rule.
_MACHINE_PATH = re.compile(r"(?<![\w.<-])/(?:work|farm|root|tmp/w|home/\w+|Users/\w+)(?:/)")
_REGISTRY_HOST = re.compile(
    r"(?:pypi|pythonhosted|deb\.debian)(?:\.)org|registry(?:\.)(?:npmjs|yarnpkg)|proxy(?:\.)golang"
)
_REMOTE_ASSET = re.compile(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//|(?:from|import|url)\s*\(?\s*["'](?:https?:)?//""")


# ── the size of things ──


def oversized(root: Path) -> list[str]:
    """Modules and functions over budget, and allowances that nothing needs any more."""
    over = {name: lines for name, lines in _sizes(root) if lines > _limit(name)}
    return [
        f"{name}: {lines} lines, {_limit(name)} at most" for name, lines in over.items() if name not in MAY_BE_LONG
    ] + [f"{name}: is allowed to be long and isn't" for name in MAY_BE_LONG if name not in over and root == ROOT]


def _limit(name: str) -> int:
    return LONGEST_FUNCTION if ":" in name else LONGEST_MODULE


def _sizes(root: Path) -> Iterator[tuple[str, int]]:
    for path in [*modules(root), *(p for p in (root / "static").rglob("*.js") if "vendor" not in p.parts)]:
        yield str(path.relative_to(root)), len(path.read_text().splitlines())
    for path in modules(root):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(root)}:{node.name}", _lines(node)


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


# ── who may do what ──


def imports_out_of_place(root: Path) -> list[str]:
    faults = []
    for path, line, module in imports(root):
        place = str(path.relative_to(root / "talkabiz"))
        importers = IMPORTERS.get(module.partition(".")[0])
        if importers and not place.startswith(importers):
            faults.append(f"{at(root, path, line)} imports {module}")
        elif importers and place.startswith("sandbox/") and _beyond_the_sandbox(module):
            faults.append(f"{at(root, path, line)} imports {module}: the sandbox may know {SANDBOX_MAY_IMPORT}")
    return faults


def _beyond_the_sandbox(module: str) -> bool:
    return module.partition(".")[0] == "neonize" and not module.startswith(SANDBOX_MAY_IMPORT)


def imports_that_no_contract_sees(root: Path) -> list[str]:
    """Dynamic ones. The whatsapp room needs them, to load a library with care."""
    return [
        f"{at(root, path, call.lineno)} imports dynamically"
        for path, call in calls(root)
        if name_of(call) in {"import_module", "__import__"} and (root / "talkabiz" / "whatsapp") not in path.parents
    ]


def undeclared_imports(root: Path) -> list[str]:
    """A library that only happens to be there, because another one needs it today."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    declared = {_distribution(wish) for wish in project["dependencies"]}
    brought_by = packages_distributions()
    faults = []
    for path, line, module in imports(root):
        package = module.partition(".")[0]
        place = str(path.relative_to(root / "talkabiz"))
        known = package in sys.stdlib_module_names or package in {"talkabiz", BROUGHT.get(place)}
        if not known and not declared & {_distribution(name) for name in brought_by.get(package, [])}:
            faults.append(f"{at(root, path, line)} imports {package}, which pyproject.toml doesn't ask for")
    return faults


def emits_outside_the_relay(root: Path) -> list[str]:
    """Whatever reaches a browser passes one place."""
    return [
        f"{at(root, path, call.lineno)} emits"
        for path, call in calls(root)
        if name_of(call) == "emit" and path != root / "talkabiz" / "realtime" / "relay.py"
    ]


def clocks_in_the_domain(root: Path) -> list[str]:
    """Time is an argument there."""
    return [
        f"{at(root, path, call.lineno)} asks for the time"
        for path, call in calls(root)
        if name_of(call) in {"now", "today", "utcnow"} and (root / "talkabiz" / "domain") in path.parents
    ]


def uses_of_the_default_executor(root: Path) -> list[str]:
    """Six threads on two cores, and the library's calls would take them all."""
    return [
        f"{at(root, path, call.lineno)} uses the loop's default executor"
        for path, call in calls(root)
        if name_of(call) == "to_thread"
        or (
            name_of(call) == "run_in_executor" and isinstance(call.args[0], ast.Constant) and call.args[0].value is None
        )
    ]


def objects_made_by_an_import(root: Path) -> list[str]:
    """No application, server, client, queue or settings at module level: bootstrap makes them, each with an owner."""
    faults = []
    for path in modules(root):
        for statement in tree(path).body:
            if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr):
                made = [call for call in ast.walk(statement) if isinstance(call, ast.Call) and name_of(call) in HOLDERS]
                faults += [f"{at(root, path, call.lineno)} makes a {name_of(call)} when imported" for call in made]
    return faults


def vague_names(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)} says nothing" for path in modules(root) if VAGUE_NAMES & set(path.stem.split("_"))
    ]


def broken_import_contracts(root: Path) -> list[str]:
    """What import-linter says of the tree at `root` by the contracts of this project; nothing if all are kept."""
    program = (
        "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(sys.argv[1], cache_dir=None))"
    )
    done = python(root, program, str(ROOT / "pyproject.toml"))
    return [] if done.returncode == 0 else (done.stdout + done.stderr).splitlines()


def go_library_loaded_by(module: str, root: Path) -> list[str]:
    """The command line answers at once, and the supervisor stays small: neither loads 64 MB of library."""
    program = "import importlib, sys; importlib.import_module(sys.argv[1]); print(*sys.modules, sep='\\n')"
    done = python(root, program, module)
    if done.returncode != 0:
        return [done.stderr]
    return [f"importing {module} loads {name}" for name in ("neonize", "magic") if name in done.stdout.split()]


# ── what stands in the files ──


def traces_of_a_machine(root: Path) -> list[str]:
    """Paths of a machine, and hosts of package registries: both belong to whoever runs it, not to the project."""
    faults = []
    for path in tracked(root):
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if found := _MACHINE_PATH.search(line) or _REGISTRY_HOST.search(line):
                faults.append(f"{at(root, path, number)} names {found[0]}")
    return faults


def remote_assets(root: Path) -> list[str]:
    """The pages load nothing from elsewhere."""
    folders = (root / "templates", root / "static")
    pages = [p for folder in folders for p in folder.rglob("*.*") if p.suffix in {".css", ".html", ".js", ".svg"}]
    return [
        f"{at(root, path, number)} loads from elsewhere"
        for path in pages
        if "vendor" not in path.parts
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if _REMOTE_ASSET.search(line)
    ]


def skipped_tests(root: Path) -> list[str]:
    skips = {"importorskip", "skip", "skipif", "xfail"}
    return [
        f"{at(root, path, node.lineno)} skips"
        for path in sorted((root / "tests").rglob("*.py"))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in skips
    ]


def ignores_without_a_reason(root: Path) -> list[str]:
    lint = (
        (root / "pyproject.toml").read_text().partition("[tool.ruff.lint]")[2].partition("\n[tool.ruff.lint.isort]")[0]
    )
    return [f"pyproject.toml ignores{line}" for line in lint.splitlines() if re.match(r' +"[A-Z]+\d*",(?! #)', line)]


def gaps_in_the_locks(root: Path) -> list[str]:
    """Every version pinned and hashed; everything that pyproject.toml asks for is there."""
    faults, locked = [], set()
    for path in (root / "requirements.lock", root / ".ci" / "test.lock", root / ".ci" / "node.lock"):
        for entry in re.split(r"\n(?=\S)", path.read_text().strip()):
            name, pinned = re.match(r"([\w.-]+)(==)?", entry).groups()  # type: ignore[union-attr] # every entry has a name
            locked.add(name)
            if not pinned or "--hash=sha256:" not in entry:
                faults.append(f"{path.name}: {name} isn't pinned by version and hash")
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    names = {_distribution(wish) for wish in wanted}
    return faults + [f"{name} is asked for and not locked: make lock" for name in sorted(names - locked)]


def _distribution(wish: str) -> str:
    """The package of a requirement: `python-socketio` of `python-socketio[asyncio-client]>=5.18`."""
    return re.split(r"[\[<>=!~ ;]", wish)[0].lower().replace("_", "-")
