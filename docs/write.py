"""python -m docs.write: write problems.md anew, out of the problems and the rules that the endpoint itself goes by."""

from pathlib import Path

from events_publish import problem, problem_page

PROBLEMS = Path(__file__).with_name("problems.md")


def problems() -> str:
    """The page of all problems, as Markdown."""
    return "\n".join([_HEAD, *(_problem(kind) for kind in problem.kinds().values()), _rules()])


_HEAD = f"""# Problems

<!-- Made by `make docs` from events_publish/problem.py and events_publish/rules.py. -->

Every refusal of the endpoint is a problem (RFC 9457): `application/problem+json` with `type`, `title`, `status`, `detail` and `traceId`, under which the endpoint's log has it. Its `type`, `{problem.TYPE_PREFIX}KIND`, is a path on the endpoint, which serves there what this page says of the kind. A refused value is never repeated; it may be personal. The host in front answers by itself, without a body, where the path is unknown (404) or the headers are too large (431, 414).
"""


def _problem(kind: type[problem.Problem]) -> str:
    example = problem_page.EXAMPLES[kind.kind]
    headers = [f"{name}: {value}" for name, value in example.headers.items() if name != "Retry-After"]
    headers += ["Retry-After: 3"] if "Retry-After" in example.headers else []  # it is jittered
    head = "\n".join([f"HTTP/1.1 {kind.status}", f"Content-Type: {problem.CONTENT_TYPE}", *headers])
    body = example.body(problem_page.EXAMPLE_TRACE_ID).decode()
    return (
        f"## {kind.kind}\n\n**{kind.status}: {kind.title}.** {kind.meaning}\n\n{kind.remedy}\n\n"
        f"```http\n{head}\n\n{body}```\n"
    )


def _rules() -> str:
    rows = [f"| {what} | {must_be} | [{source.name}]({source.url}) |" for what, must_be, source in problem_page.table()]
    return "\n".join(["## The rules of an event", "", "| member | must be | written in |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    PROBLEMS.write_text(problems())
