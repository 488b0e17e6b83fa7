"""Routes as the Functions host matches them (ASP.NET Core's route templates)."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from local import Failure
from local.worker import Function

_CONSTRAINTS = {
    "alpha": r"[A-Za-z]+",
    "bool": r"true|false",
    "decimal": r"[+-]?[0-9]*\.?[0-9]+",
    "double": r"[+-]?[0-9]*\.?[0-9]+",
    "float": r"[+-]?[0-9]*\.?[0-9]+",
    "guid": r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}",
    "int": r"[+-]?[0-9]{1,10}",
    "long": r"[+-]?[0-9]{1,19}",
}

_PARAMETER = re.compile(r"\{(\*{0,2})([^{}:=?*]+)(?::([^{}?=]+))?(?:=([^{}]*))?(\??)\}")


class Route(NamedTuple):
    """A function's route template, compiled."""

    function: Function
    template: str
    """With the route prefix."""
    pattern: re.Pattern[str]
    parameters: tuple[str, ...]
    defaults: Mapping[str, str]
    precedence: tuple[int, ...]


class Match(NamedTuple):
    """The function that a request goes to, and what its route took from the path."""

    function: Function
    parameters: Mapping[str, str]


def compile_routes(functions: Iterable[Function], prefix: str) -> list[Route]:
    """The routes of the HTTP functions, the most specific first.

    Raises:
        Failure: a template uses a constraint that is not known here.
    """
    return sorted((_compile(function, prefix) for function in functions), key=lambda route: route.precedence)


def find(routes: Iterable[Route], method: str, path: str) -> Match | None:
    """Where `method` on the percent-encoded `path` goes: the first route that has both, or None."""
    for route in routes:
        match = route.pattern.fullmatch(path)
        if match and (not route.function.methods or method in route.function.methods):
            values = zip(route.parameters, match.groups(), strict=True)
            given = {name: unquote(value) for name, value in values if value}
            return Match(route.function, {**route.defaults, **given})
    return None


def _compile(function: Function, prefix: str) -> Route:
    pattern, parameters, defaults, precedence = "", [], {}, []
    segments = [segment for segment in f"{prefix}/{function.route}".split("/") if segment]
    for segment in segments:
        text, position, optional, rank = "", 0, False, 1
        for match in _PARAMETER.finditer(segment):
            catch_all, name, constraint, default, mark = match.groups()
            text += re.escape(segment[position : match.start()])
            text += f"({'.*' if catch_all else _constraint(constraint, function)})"
            position = match.end()
            parameters.append(name)
            if default is not None:
                defaults[name] = default
            optional = bool(catch_all or mark or default is not None)
            rank = (4 if catch_all else 2) + (constraint is None)
        text += re.escape(segment[position:])
        pattern += f"(?:/{text})?" if optional else f"/{text}"
        precedence.append(rank)
    return Route(
        function=function,
        template="/" + "/".join(segments),
        pattern=re.compile(pattern + "/?", re.IGNORECASE),
        parameters=tuple(parameters),
        defaults=defaults,
        precedence=tuple(precedence),
    )


def _constraint(constraint: str | None, function: Function) -> str:
    if constraint is None:
        return "[^/]+"
    if constraint not in _CONSTRAINTS:
        known = ", ".join(_CONSTRAINTS)
        raise Failure(f"The route of {function.name} has the constraint {constraint}; known here are {known}.")
    return _CONSTRAINTS[constraint]
