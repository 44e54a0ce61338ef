"""Finds what a cluster could not run in the code that is shipped to it.

The oldest runtime has Python 3.9 with Spark and nothing of ours but what the job brings along; the
newest has Python 3.13. Only what can be told from the source is looked for; the rest is found by
running it (`make spark-versions`). Syntax inside f-strings is left to ruff.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OLDEST = (3, 9)

#: What a cluster has, or the job brings along, beside the standard library.
#: py4j is pyspark's own way to the JVM and lies beside it everywhere: failures come as its error.
PACKAGES = frozenset({"py4j", "pyspark", "spark"})

#: What single modules may import beside that: engines have boto3, and its types are not looked at
#: where the code runs.
BESIDE = {
    "spark/aws.py": frozenset({"boto3", "types_boto3_s3"}),
    "spark/job.py": frozenset({"types_boto3_s3"}),
    "spark/job_watch.py": frozenset({"types_boto3_s3"}),
    "spark/pipes.py": frozenset({"types_boto3_s3"}),
}

#: Modules of this Python's standard library that either the oldest or the newest runtime lacks.
NOT_EVERYWHERE = frozenset(
    "aifc asynchat asyncore audioop cgi cgitb chunk compression concurrent.interpreters crypt "
    "distutils imghdr imp lib2to3 mailcap msilib nis nntplib ossaudiodev pipes smtpd sndhdr spwd "
    "sunau telnetlib tomllib uu xdrlib".split()
)

#: Names that came to the standard library after the oldest runtime.
TOO_NEW = {
    "builtins": frozenset(
        "BaseExceptionGroup EncodingWarning ExceptionGroup PythonFinalizationError aiter anext".split()
    ),
    "collections.abc": frozenset({"Buffer"}),
    "contextlib": frozenset({"aclosing", "chdir"}),
    "copy": frozenset({"replace"}),
    "dataclasses": frozenset({"KW_ONLY"}),
    "datetime": frozenset({"UTC"}),
    "enum": frozenset({"EnumCheck", "ReprEnum", "StrEnum", "member", "nonmember", "verify"}),
    "hashlib": frozenset({"file_digest"}),
    "inspect": frozenset({"get_annotations", "getmembers_static"}),
    "itertools": frozenset({"batched", "pairwise"}),
    "math": frozenset({"cbrt", "exp2", "fma", "sumprod"}),
    "operator": frozenset({"call", "is_none", "is_not_none"}),
    "statistics": frozenset({"correlation", "covariance", "linear_regression"}),
    "sys": frozenset({"exception", "orig_argv", "stdlib_module_names"}),
    "types": frozenset({"EllipsisType", "NoneType", "NotImplementedType", "UnionType"}),
    "typing": frozenset(
        "Concatenate LiteralString Never NotRequired ParamSpec ReadOnly Required Self TypeAlias "
        "TypeAliasType TypeGuard TypeIs TypeVarTuple Unpack assert_never assert_type "
        "dataclass_transform get_overloads is_typeddict override reveal_type".split()
    ),
    "warnings": frozenset({"deprecated"}),
}

#: Arguments that functions took on after the oldest runtime.
TOO_NEW_ARGUMENTS = {
    "TemporaryDirectory": frozenset({"delete", "ignore_cleanup_errors"}),
    "bisect_left": frozenset({"key"}),
    "bisect_right": frozenset({"key"}),
    "dataclass": frozenset({"kw_only", "match_args", "slots", "weakref_slot"}),
    "field": frozenset({"kw_only"}),
    "insort": frozenset({"key"}),
    "map": frozenset({"strict"}),
    "rmtree": frozenset({"onexc"}),
    "stat": frozenset({"follow_symlinks"}),
    "zip": frozenset({"strict"}),
}

#: Methods that came later, of names that nothing else is likely to have.
TOO_NEW_METHODS = frozenset({"add_note", "bit_count", "hardlink_to"})

BUILTIN_TYPES = frozenset(
    "bool bytearray bytes complex dict float frozenset int list object set str tuple type".split()
)


@dataclass(frozen=True, order=True)
class Offence:
    """A place in the source, what is wrong there, and what to write instead."""

    path: str
    line: int
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.problem}; {self.remedy}"


def offences(path: str, source: str, packages: frozenset[str] = PACKAGES) -> list[Offence]:
    """Everything in one module that not every cluster can run, in the order of its lines."""
    try:
        tree = ast.parse(source, path, feature_version=OLDEST)
    except SyntaxError as error:
        problem = f"syntax that Python 3.9 does not have ({error.msg})"
        return [Offence(path, error.lineno or 0, problem, "write it as Python 3.9 would")]
    type_only = _nodes_for_type_checkers(tree)
    annotations = _nodes_of_annotations(tree)
    allowed = packages | BESIDE.get(path, frozenset())
    found = [Offence(path, *each) for each in _imports(tree, allowed)]
    if annotations and not _has_postponed_annotations(tree):
        remedy = "begin the module with `from __future__ import annotations`"
        found.append(Offence(path, 1, "annotations that Python 3.9 would evaluate", remedy))
    for node in ast.walk(tree):
        if node not in type_only and node not in annotations:
            found += [Offence(path, *each) for each in _node_problems(node)]
    return sorted(found)


def offences_below(
    folder: Path, root: Path, packages: frozenset[str] = PACKAGES
) -> Iterator[Offence]:
    """The offences of every module below a folder, with paths as seen from the root."""
    for path in sorted(folder.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        yield from offences(path.relative_to(root).as_posix(), source, packages)


_Problem = tuple[int, str, str]


def _imports(tree: ast.Module, packages: frozenset[str]) -> Iterator[_Problem]:
    remedy = "shipped code may import pyspark and the standard library only"
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        else:
            continue
        for name in names:
            package = name.split(".")[0]
            if package in NOT_EVERYWHERE or name in NOT_EVERYWHERE:
                problem = f"imports {name}, which Python 3.9 or 3.13 does not have"
                yield node.lineno, problem, "do without it"
            elif package not in packages and package not in sys.stdlib_module_names:
                yield node.lineno, f"imports {name}", remedy


def _node_problems(node: ast.AST) -> Iterator[_Problem]:
    if isinstance(node, ast.ImportFrom) and node.module in TOO_NEW:
        for alias in node.names:
            if alias.name in TOO_NEW[node.module]:
                yield _too_new(node.lineno, f"{node.module}.{alias.name}")
    elif isinstance(node, ast.Attribute):
        if isinstance(node.value, ast.Name) and node.attr in TOO_NEW.get(node.value.id, ()):
            yield _too_new(node.lineno, f"{node.value.id}.{node.attr}")
        elif node.attr in TOO_NEW_METHODS:
            yield _too_new(node.lineno, f".{node.attr}()")
    elif isinstance(node, ast.Name) and node.id in TOO_NEW["builtins"]:
        yield _too_new(node.lineno, node.id)
    elif isinstance(node, ast.Call):
        name = _name_of(node.func)
        for keyword in node.keywords:
            if keyword.arg in TOO_NEW_ARGUMENTS.get(name, ()):
                yield _too_new(node.lineno, f"{name}({keyword.arg}=...)")
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and _is_union(node):
        remedy = "outside annotations write Optional[...], Union[...] or a tuple of types"
        yield node.lineno, f"`{ast.unparse(node)}` is evaluated", remedy


def _too_new(line: int, name: str) -> _Problem:
    return line, f"{name} came after Python 3.9", "do without it"


def _name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _is_union(node: ast.BinOp) -> bool:
    """Whether `a | b` joins types; Spark's columns, sets and flags may be joined that way."""
    sides = (node.left, node.right)
    if any(isinstance(side, ast.Constant) and side.value is None for side in sides):
        return True
    return any(_is_builtin_type(side) for side in sides)


def _is_builtin_type(node: ast.expr) -> bool:
    if isinstance(node, ast.Subscript):
        node = node.value
    return isinstance(node, ast.Name) and node.id in BUILTIN_TYPES


def _nodes_for_type_checkers(tree: ast.Module) -> set[ast.AST]:
    blocks = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and _name_of(node.test) == "TYPE_CHECKING"
    ]
    return {node for block in blocks for part in block.body for node in ast.walk(part)}


def _nodes_of_annotations(tree: ast.Module) -> set[ast.AST]:
    roots: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            roots.append(node.returns)
        elif isinstance(node, (ast.AnnAssign, ast.arg)):
            roots.append(node.annotation)
    return {node for root in roots if root is not None for node in ast.walk(root)}


def _has_postponed_annotations(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
        for node in tree.body
    )
