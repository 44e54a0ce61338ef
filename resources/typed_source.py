"""Completes a function's source by what every function of the project has: types, a docstring."""

from __future__ import annotations

import ast
import io
import tokenize

_TYPE = "DataFrame"


def with_frame_types(source: str) -> str:
    """The function with its first parameter and its result typed as frames, where they are not."""
    node = _function(source)
    first = [*node.args.posonlyargs, *node.args.args][0]
    # From behind, so that places before stay what they are.
    if node.returns is None:
        line, column = _end_of_header(source, node)
        source = _inserted(source, line, column, f" -> {_TYPE}")
    if first.annotation is None:
        line, column = first.end_lineno or 0, first.end_col_offset or 0
        text = source.split("\n")[line - 1].encode()[:column].decode()
        source = _inserted(source, line, len(text), f": {_TYPE}")
    return source


def with_docstring(source: str, docstring: str) -> str:
    """The function with a docstring, where it has none and its body begins on a line of its own."""
    node = _function(source)
    line, _ = _end_of_header(source, node)
    if ast.get_docstring(node) is not None or node.body[0].lineno == line:
        return source
    lines = source.split("\n")
    indent = " " * node.body[0].col_offset
    return "\n".join([*lines[:line], f'{indent}"""{docstring}"""', *lines[line:]])


def _function(source: str) -> ast.FunctionDef:
    return next(each for each in ast.parse(source).body if isinstance(each, ast.FunctionDef))


def _end_of_header(source: str, node: ast.FunctionDef) -> tuple[int, int]:
    """Line and column (in characters) of the colon that the body follows."""
    depth = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.start[0] < node.lineno or token.type != tokenize.OP:
            continue
        depth += (token.string in "([{") - (token.string in ")]}")
        if token.string == ":" and depth == 0:
            return token.start
    raise ValueError(f"expected a function's source, found {source!r}")


def _inserted(source: str, line: int, column: int, text: str) -> str:
    lines = source.split("\n")
    lines[line - 1] = lines[line - 1][:column] + text + lines[line - 1][column:]
    return "\n".join(lines)
