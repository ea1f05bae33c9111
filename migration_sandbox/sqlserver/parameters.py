"""The parameters of sp_executesql and sp_prepexec: declared as text, given by name or by position."""

from __future__ import annotations

from .ddl import column_type
from .environment import ParameterValue
from .errors import SqlServerError, refused
from .lexer import Kind, TokenStream, tokenize
from .sqltypes import MAX, nvarchar, varbinary, varchar
from .wire import requests

# The older names under which drivers declare long parameters.
_LARGE_PARAMETERS = {"image": varbinary(MAX), "ntext": nvarchar(MAX), "text": varchar(MAX)}


def sql_text(argument: requests.Argument) -> str:
    value = argument.parameter.value
    if not isinstance(value, str):
        raise SqlServerError(
            214, "Procedure expects parameter '@statement' of type 'ntext/nchar/nvarchar'.", state=2
        )
    return value


def declared_parameters(arguments: tuple[requests.Argument, ...]) -> dict[str, ParameterValue]:
    """The names and types of '@P1 int,@P2 nvarchar(4000)', in order, without values."""
    text = arguments[0].parameter.value if arguments else None
    declared: dict[str, ParameterValue] = {}
    if not isinstance(text, str) or not text.strip():
        return declared
    stream = TokenStream(tokenize(text))
    while stream.current.kind is not Kind.END:
        name = stream.advance().text
        stream.accept("AS")
        large = _LARGE_PARAMETERS.get(stream.current.text.casefold())
        if large is not None:
            stream.advance()
        declared[name.casefold()] = ParameterValue(large or column_type(stream), None)
        if stream.accept("OUTPUT") or stream.accept("OUT"):
            raise refused("an output parameter")
        stream.accept_mark(",")
    return declared


def parameter_values(
    arguments: tuple[requests.Argument, ...], declared: dict[str, ParameterValue]
) -> dict[str, ParameterValue]:
    """Values by their declared names; an argument is given by name or by position."""
    names = list(declared)
    values: dict[str, ParameterValue] = {}
    for position, argument in enumerate(arguments):
        name = (
            argument.name.casefold() if argument.name else (names[position] if position < len(names) else "")
        )
        if name not in declared:
            raise SqlServerError(8144, "Procedure or function has too many arguments specified.", state=2)
        values[name] = ParameterValue(declared[name].type, argument.parameter.value)
    missing = [name for name in names if name not in values]
    if missing:
        raise SqlServerError(
            8178, f"The parameterized query expects the parameter '{missing[0]}', which was not supplied."
        )
    return values
