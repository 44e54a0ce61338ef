"""What IPython has of the lake: `%%sql` cells, and errors as sentences instead of stack traces."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from resources.explore_errors import KNOWN
from spark.errors import LakeError

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell


def have_cells(
    shell: InteractiveShell,
    run_sql: Callable[[str, str], pd.DataFrame],
    explain: Callable[[BaseException], LakeError | None],
) -> None:
    """Register `%%sql` and `%%sql athena`, and show as a sentence what can be explained."""
    shell.register_magic_function(run_sql, "cell", "sql")

    def show(
        shell: Any,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType | None,
        tb_offset: int | None = None,
    ) -> list[str]:
        found = explain(error)
        if found is None:
            lines = shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset)
            shell._showtraceback(kind, error, lines)  # noqa: SLF001 IPython's documented example
            return lines  # type: ignore[no-any-return]
        lines = [f"{type(found).__name__}: {found}"]
        shell._showtraceback(type(found), found, lines)  # noqa: SLF001
        return lines

    shell.set_custom_exc(KNOWN, show)
