"""The parser of column types.

Here lives the reading of a type's text, and only that: the words it may hold live in
`spark/type_words.py`, what follows from a type in `spark/types.py`. Nothing here needs Spark.
"""

from __future__ import annotations

from dataclasses import dataclass

from spark.errors import ContractError
from spark.type_words import ALIASES, ALLOWED, INSTEAD, NESTED_TYPES, SIMPLE_TYPES, nearest

MAX_PRECISION = 38
#: Deeper than any table in use; keeps a hostile declaration from exhausting the stack.
MAX_DEPTH = 64
#: Longer numbers are wrong for certain, and slow to read.
_MAX_DIGITS = 3
_FIELD_NAMES = "Hive takes only letters, digits, `_` and `$` in the names of a struct's fields"


@dataclass(frozen=True)
class ColumnType:
    """A parsed type; `str()` of it is the canonical spelling.

    `fields` holds what a nested type is made of: the element of an array, key and value of a map,
    the named fields of a struct.
    """

    name: str
    precision: int = 0
    scale: int = 0
    fields: tuple[tuple[str, ColumnType], ...] = ()

    def __str__(self) -> str:
        if self.name == "decimal":
            return f"decimal({self.precision},{self.scale})"
        if self.name == "struct":
            return "struct<" + ",".join(f"{name}:{kind}" for name, kind in self.fields) + ">"
        if self.fields:
            return f"{self.name}<" + ",".join(str(kind) for _, kind in self.fields) + ">"
        return self.name


def parse_type(text: str) -> ColumnType:
    """Read a type, in any spelling that Spark or Hive accepts for it.

    Raises `ContractError` for what is not a type, or not one that the catalog has.
    """
    return _Parser(text).whole()


def _is_word(char: str) -> bool:
    """Whether Hive's own reader of type strings takes the character as part of a name."""
    return char.isalpha() or char.isdecimal() or (char != "" and char in "_$")


def _found(token: str) -> str:
    return f"`{token}`" if token else "the end"


class _Parser:
    """Recursive descent over a type's text; one instance reads one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._token = 0  # where the token looked at last starts

    def whole(self) -> ColumnType:
        kind = self._type(1)
        if self._peek():
            raise self._unexpected("the end of the type")
        return kind

    def _type(self, depth: int) -> ColumnType:
        if depth > MAX_DEPTH:
            raise ContractError(
                f"Type `{self._text[:60]}...` is nested deeper than {MAX_DEPTH} levels;"
                " flatten it, or keep that part as a string"
            )
        start = self._peek()
        word = self._word()
        if not word:
            raise self._error(f"expected a type, found {_found(start)}")
        name = ALIASES.get(word.lower(), word.lower())
        if name == "decimal":
            return self._decimal()
        if name in NESTED_TYPES:
            return self._nested(name, depth)
        if name not in SIMPLE_TYPES:
            raise self._unknown(word)
        if name == "double":
            self._take_word("precision")
        if self._peek() in ("(", "<"):
            raise self._error(f"expected `{name}` without parameters, found `{self._peek()}`")
        return ColumnType(name)

    def _decimal(self) -> ColumnType:
        precision, scale = 10, 0
        if self._take("("):
            precision = self._number("precision")
            if self._take(","):
                scale = self._number("scale")
            self._expect(")")
        if not 1 <= precision <= MAX_PRECISION or scale > precision:
            raise self._error(
                f"expected a precision of 1 to {MAX_PRECISION} and a scale not above it,"
                f" found decimal({precision},{scale})"
            )
        return ColumnType("decimal", precision, scale)

    def _nested(self, name: str, depth: int) -> ColumnType:
        self._expect("<")
        if name == "array":
            fields = [("element", self._type(depth + 1))]
        elif name == "map":
            fields = [("key", self._map_key(depth))]
            self._expect(",")
            fields.append(("value", self._type(depth + 1)))
        else:
            fields = self._struct_fields(depth)
        self._expect(">")
        return ColumnType(name, fields=tuple(fields))

    def _map_key(self, depth: int) -> ColumnType:
        key = self._type(depth + 1)
        if key.fields:
            raise self._error(f"expected a map key that is not nested, as Hive does, found `{key}`")
        return key

    def _struct_fields(self, depth: int) -> list[tuple[str, ColumnType]]:
        fields: list[tuple[str, ColumnType]] = []
        folded: dict[str, str] = {}
        while not fields or self._take(","):
            name = self._field_name()
            if name.lower() in folded:
                raise self._error(
                    f"found the fields `{folded[name.lower()]}` and `{name}`, but the catalog"
                    " folds names to lower case; rename one of them"
                )
            folded[name.lower()] = name
            if not self._take(":") and not _is_word(self._peek()):
                raise self._error(
                    f"expected `:` and a type after the field name `{name}`, found"
                    f" {_found(self._peek())}; {_FIELD_NAMES}"
                )
            fields.append((name, self._type(depth + 1)))
        return fields

    def _field_name(self) -> str:
        start = self._peek()
        name = self._quoted() if start == "`" else self._word()
        if not name:
            raise self._error(f"expected a field's name, found {_found(start)}")
        wrong = sorted({char for char in name if not _is_word(char)})
        if wrong:
            raise self._error(
                f"found {' '.join(repr(char) for char in wrong)} in the field name `{name}`;"
                f" {_FIELD_NAMES}"
            )
        return name

    def _quoted(self) -> str:
        self._at += 1
        name = ""
        while True:
            end = self._text.find("`", self._at)
            if end < 0:
                raise self._error("expected a closing backquote, found the end")
            name += self._text[self._at : end]
            self._at = end + 1
            if self._text[self._at : self._at + 1] != "`":
                return name
            name += "`"
            self._at += 1

    def _number(self, what: str) -> int:
        word = self._word()
        if not (word.isascii() and word.isdigit() and len(word) <= _MAX_DIGITS):
            raise self._error(
                f"expected a {what}, a whole number, found {_found(word or self._peek())}"
            )
        return int(word)

    def _peek(self) -> str:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        self._token = self._at
        return self._text[self._at : self._at + 1]

    def _word(self) -> str:
        self._peek()
        start = self._at
        while self._at < len(self._text) and _is_word(self._text[self._at]):
            self._at += 1
        return self._text[start : self._at]

    def _take(self, char: str) -> bool:
        found = self._peek() == char
        self._at += found
        return found

    def _take_word(self, wanted: str) -> None:
        start = self._at
        if self._word().lower() != wanted:
            self._at = start

    def _expect(self, char: str) -> None:
        if not self._take(char):
            raise self._unexpected(f"`{char}`")

    def _unexpected(self, wanted: str) -> ContractError:
        char = self._peek()
        word = self._word()
        if word.lower() == "unsigned":
            return self._unknown(word)
        if word.lower() == "not":
            return self._error(
                "found `not null` inside a type; nested values are always nullable,"
                " say it of the column"
            )
        if word.lower() in ("with", "without"):
            return self._error(
                "found words after the type; write `timestamp`, which is an instant in UTC"
            )
        return self._error(f"expected {wanted}, found {_found(word or char)}")

    def _unknown(self, word: str) -> ContractError:
        name = word.lower()
        if name in INSTEAD:
            return self._error(
                f"`{name}` is not a type that Spark, Hive and Parquet share;"
                f" use {INSTEAD[name]}. Allowed: {ALLOWED}"
            )
        hint = nearest(name, [*SIMPLE_TYPES, *NESTED_TYPES, *ALIASES, "decimal"])
        return self._error(f"there is no type `{word}`.{hint} Allowed: {ALLOWED}")

    def _error(self, what: str) -> ContractError:
        return ContractError(f"Type `{self._text}`, character {self._token + 1}: {what}")
