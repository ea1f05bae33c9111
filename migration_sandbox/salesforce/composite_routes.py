"""Calls that hold calls: composite, composite/graph, composite/batch.

Each inner call goes through the handler that serves it alone, so both refuse the same things. `@{ref.id}` is
replaced by the answer of an earlier inner call. Numbers after "REST API Developer Guide": 25 subrequests (of
which 5 queries or collections), 75 graphs with 500 nodes, 25 batch requests.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from starlette.responses import Response
from starlette.routing import Match, Route

from migration_sandbox.salesforce.errors import ApiError
from migration_sandbox.salesforce.unit import Undo, all_or_nothing
from migration_sandbox.salesforce.web import Call, Handler, Site, answer, check_version, endpoint, refusal

MAX_CALLS, MAX_HEAVY, MAX_BATCH, MAX_GRAPHS, MAX_NODES = 25, 5, 25, 75, 500
_REFERENCE = re.compile(r"@\{([A-Za-z_]\w*)((?:\.\w+|\[\d+\])*)\}")
_NAME = re.compile(r"^[A-Za-z0-9_]+$")
_HEAVY = re.compile(r"/(?:query|queryAll|composite/sobjects)(?:/|\?|$)")
_ROOT = "/services/data/"
HALTED = "The transaction was rolled back since another operation in the same transaction failed."


class Composite:
    """Serves the calls over the routes that may stand inside them."""

    def __init__(self, site: Site, inner: Sequence[Route]) -> None:
        self.site = site
        self.inner = inner

    def routes(self) -> list[Route]:
        root = "/services/data/v{version}/composite"
        made = []
        for slash in ("", "/"):
            for path, handler in (("", self.composite), ("/graph", self.graph), ("/batch", self.batch)):
                made.append(Route(root + path + slash, endpoint(self.site, handler), methods=["POST"]))
        return made

    def composite(self, call: Call) -> Response:
        body = call.json_object()
        calls = _calls(body)
        if len(calls) > MAX_CALLS:
            raise ApiError(400, "INVALID_REQUEST", f"Limit exceeded: {MAX_CALLS} subrequests at most")
        if sum(bool(_HEAVY.search(str(item["url"]))) for item in calls) > MAX_HEAVY:
            message = f"Limit exceeded: {MAX_HEAVY} subrequests may be queries or collections"
            raise ApiError(400, "INVALID_REQUEST", message)
        if not body.get("allOrNone", False):
            return answer({"compositeResponse": self._run(call, calls)[0]})
        return answer({"compositeResponse": self._together(call, calls)[0]})

    def graph(self, call: Call) -> Response:
        graphs = call.json_object().get("graphs")
        if not isinstance(graphs, list) or not graphs or not all(isinstance(one, dict) for one in graphs):
            raise ApiError(400, "JSON_PARSER_ERROR", "The property 'graphs' must be a list of objects")
        parsed = [(str(one.get("graphId") or ""), _calls(one)) for one in graphs]
        names = [name for name, _ in parsed]
        if not all(_NAME.match(name) for name in names) or len(set(names)) != len(names):
            raise ApiError(400, "INVALID_REQUEST", "Every graph needs a graphId of its own")
        if len(parsed) > MAX_GRAPHS:
            raise ApiError(400, "INVALID_REQUEST", f"Limit exceeded: {MAX_GRAPHS} graphs at most")
        if sum(len(calls) for _, calls in parsed) > MAX_NODES:
            raise ApiError(400, "INVALID_REQUEST", f"Limit exceeded: {MAX_NODES} nodes at most")
        shown = []
        for name, calls in parsed:
            answers, fine = self._together(call, calls)
            shown.append(
                {"graphId": name, "graphResponse": {"compositeResponse": answers}, "isSuccessful": fine}
            )
        return answer({"graphs": shown})

    def batch(self, call: Call) -> Response:
        body = call.json_object()
        calls = body.get("batchRequests")
        if not isinstance(calls, list) or not 0 < len(calls) <= MAX_BATCH:
            raise ApiError(400, "INVALID_REQUEST", f"batchRequests takes 1 to {MAX_BATCH} subrequests")
        results: list[dict[str, Any]] = []
        failed = False
        for item in calls:
            if not isinstance(item, dict) or not {"method", "url"} <= set(item):
                raise ApiError(400, "JSON_PARSER_ERROR", "A subrequest needs method and url")
            if failed and body.get("haltOnError"):
                halted = {"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted"}
                results.append({"statusCode": 412, "result": [halted]})
                continue
            url = str(item["url"])
            path = url if url.startswith(_ROOT) else _ROOT + url.lstrip("/")
            response = self._one(call, str(item["method"]), path, item.get("richInput"))
            failed = failed or response.status_code >= 400
            results.append({"statusCode": response.status_code, "result": _content(response)})
        return answer({"hasErrors": failed, "results": results})

    def _together(self, call: Call, calls: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool]:
        answers: list[dict[str, Any]] = []
        fine = False
        with all_or_nothing(self.site.org):
            answers, fine = self._run(call, calls)
            if not fine:
                raise Undo
        if not fine:
            for one in answers:
                if one["httpStatusCode"] < 400:
                    one["httpHeaders"], one["httpStatusCode"] = {}, 400
                    one["body"] = [{"errorCode": "PROCESSING_HALTED", "message": HALTED}]
        return answers, fine

    def _run(self, call: Call, calls: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool]:
        results: dict[str, Any] = {}
        answers: list[dict[str, Any]] = []
        for item in calls:
            try:
                url, body = _substitute(str(item["url"]), results), _substitute(item.get("body"), results)
                response = self._one(call, str(item["method"]), url, body)
            except ApiError as error:
                response = refusal(error)
            content = _content(response)
            if response.status_code < 300:
                results[item["referenceId"]] = content
            headers = {"Location": response.headers["location"]} if "location" in response.headers else {}
            answers.append(
                {
                    "body": content,
                    "httpHeaders": headers,
                    "httpStatusCode": response.status_code,
                    "referenceId": item["referenceId"],
                }
            )
        return answers, all(one["httpStatusCode"] < 400 for one in answers)

    def _one(self, call: Call, method: str, url: str, body: Any) -> Response:
        """One inner call, by the handler that serves it alone."""
        try:
            parts = urlsplit(url)
            content = b"" if body is None else json.dumps(body).encode()
            for route in self.inner:
                scope = {"type": "http", "path": parts.path, "method": method.upper()}
                match, child = route.matches(scope)
                if match is not Match.FULL:
                    continue
                handler: Handler = getattr(route.endpoint, "handler", _never)
                path = {key: unquote(str(value)) for key, value in child["path_params"].items()}
                version = check_version(path["version"])
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                response = handler(replace(call, version=version, path=path, query=query, body=content))
                return response if hasattr(response, "body") else _never(call)
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        except ApiError as error:
            return refusal(error)


def _never(_call: Call) -> Response:
    raise ApiError(400, "INVALID_REQUEST", "This resource can't stand inside another call")


def _calls(body: dict[str, Any]) -> list[dict[str, Any]]:
    calls = body.get("compositeRequest")
    if not isinstance(calls, list) or not calls:
        raise ApiError(400, "INVALID_REQUEST", "compositeRequest takes a list of subrequests")
    for item in calls:
        if not isinstance(item, dict) or not {"method", "url", "referenceId"} <= set(item):
            raise ApiError(400, "JSON_PARSER_ERROR", "A subrequest needs method, url and referenceId")
    names = [str(item["referenceId"]) for item in calls]
    if not all(_NAME.match(name) for name in names) or len(set(names)) != len(names):
        raise ApiError(400, "INVALID_REQUEST", "Every subrequest needs a referenceId of its own")
    return calls


def _content(response: Response) -> Any:
    return json.loads(bytes(response.body)) if response.body else None


def _lookup(results: dict[str, Any], name: str, path: str) -> Any:
    value: Any = results.get(name)
    for part in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        try:
            value = value[part[0]] if part[0] else value[int(part[1])]
        except (KeyError, IndexError, TypeError):
            value = None
    if value is None:
        message = f"Invalid reference specified. No value for {name}{path} found"
        raise ApiError(400, "PROCESSING_HALTED", message)
    return value


def _substitute(value: Any, results: dict[str, Any]) -> Any:
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: str(_lookup(results, found.group(1), found.group(2))), value)
    if isinstance(value, dict):
        return {key: _substitute(inner, results) for key, inner in value.items()}
    if isinstance(value, list):
        return [_substitute(inner, results) for inner in value]
    return value
