"""Listings of an account, page by page: views of records, appointments, a record's notes and documents.

A call brings 100 records. What a view can't bring along (notes, a deal's contacts) takes a call for each
record, unless the account's views do (``notes_in_views``). Nothing here knows keys or types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from migration_assets.destinations.freshsales import values
from migration_assets.destinations.freshsales.api import Client, Json
from migration_assets.destinations.freshsales.errors_of_api import ApiRefused
from migration_assets.destinations.freshsales.shapes import Shape
from migration_assets.errors import DestinationError

PER_PAGE = 100
_PARTS_OF_ALL = frozenset({"open deals", "won deals", "lost deals"})
"""A recorded account had no view of all deals; these three have each once."""
_RECENT = ("recently modified", "recent deals")


@dataclass(frozen=True, slots=True)
class Latest:
    """The records that were changed last, newest first; ``pages`` is how many calls a listing of all takes,
    ``whole`` whether these are all of them."""

    records: list[Json]
    pages: int
    whole: bool

    @property
    def number(self) -> int:
        """Of all records, at most."""
        return len(self.records) if self.whole else self.pages * PER_PAGE


class Lists:
    """Reads one account's lists; remembers which views it has."""

    def __init__(self, client: Client, *, children_in_views: bool) -> None:
        self._client = client
        self.children_in_views = children_in_views
        self._views: dict[str, dict[str, int]] = {}

    def whole(self, shape: Shape, includes: Sequence[str] = ()) -> Iterator[list[Json]]:
        """Every live record once, oldest first within a view."""
        seen: set[int] = set()
        for view in self._of_all(shape):
            for answer in self._pages(f"{shape.path}/view/{view}", includes, ("created_at", "asc")):
                new = [each for each in answer[shape.plural] if each["id"] not in seen]
                seen.update(each["id"] for each in new)
                yield new

    def with_children(
        self, shape: Shape, children: str, wanted: Callable[[Json], bool], includes: Sequence[str] = ()
    ) -> Iterator[list[Json]]:
        """Every record once, the ``wanted`` ones with the list ``children`` (notes, contacts) in each.

        Calls: one for 100 records, and one a wanted record where views don't bring children along.
        """
        if self.children_in_views:
            seen: set[int] = set()
            for view in self._of_all(shape):
                path = f"{shape.path}/view/{view}"
                for answer in self._pages(path, [*includes, children], ("created_at", "asc")):
                    yield _attached(answer, shape, children, seen)
            return
        for page in self.whole(shape, includes):
            yield [
                {**record, **self._children(shape, record["id"], children)} if wanted(record) else record
                for record in page
            ]

    def children(self, shape: Shape, record_id: int, children: str) -> list[Json]:
        """The notes, or contacts, of one record; a call."""
        found: list[Json] = self._children(shape, record_id, children)[children]
        return found

    def _children(self, shape: Shape, record_id: int, children: str) -> Json:
        answer = self._client.get(f"{shape.path}/{record_id}", {"include": children})
        ids = f"{children.removesuffix('s')}_ids"
        return {
            children: answer.get(children) or [],
            ids: (answer.get(shape.root) or {}).get(ids) or [],
        }

    def changed_since(
        self, shape: Shape, since: datetime, includes: Sequence[str] = ()
    ) -> Iterator[list[Json]]:
        """Records changed at or after the account's time ``since``, newest first; a call for 100."""
        views = self.views(shape)
        view = next((views[name] for name in _RECENT if name in views), None)
        for at in [view] if view is not None else self._of_all(shape):
            for answer in self._pages(f"{shape.path}/view/{at}", includes, ("updated_at", "desc")):
                page = [each for each in answer[shape.plural] if values.utc(each["updated_at"]) >= since]
                yield page
                if len(page) < len(answer[shape.plural]):
                    break

    def newest(self, shape: Shape) -> list[Json]:
        """The 100 records that were made last; a call, or three where deals have no view of recent ones."""
        views = self.views(shape)
        view = next((views[name] for name in _RECENT if name in views), None)
        found: list[Json] = []
        for at in [view] if view is not None else self._of_all(shape):
            params: dict[str, str | int] = {"page": 1, "per_page": PER_PAGE}
            params |= {"sort": "created_at", "sort_type": "desc"}
            found += self._client.get(f"{shape.path}/view/{at}", params)[shape.plural]
        return found

    def latest(self, shape: Shape, includes: Sequence[str] = ()) -> Latest:
        """A call, or three where no view has all of the deals."""
        found: list[Json] = []
        pages = []
        for view in self._of_all(shape):
            answer = next(self._pages(f"{shape.path}/view/{view}", includes, ("updated_at", "desc")))
            found += answer[shape.plural]
            pages.append(_pages_of(answer))
        return Latest(found, sum(pages), max(pages) == 1)

    def one(self, shape: Shape, record_id: int | str, includes: Sequence[str] = ()) -> Json | None:
        """One live record; a call."""
        try:
            answer = self._client.get(
                f"{shape.path}/{record_id}", {"include": ",".join(includes)} if includes else None
            )
        except ApiRefused as error:
            if error.status == 404:
                return None
            raise
        found: Json = answer[shape.root]
        return None if found.get("is_deleted") else found

    def having(self, shape: Shape, field: str, value: str) -> list[Json]:
        """Live records whose field is that value, as the account's search knows them, which may be late; a
        call. Raises ApiRefused where it isn't served for the object (U)."""
        answer = self._client.get("lookup", {"q": value, "f": field, "entities": shape.root})
        found = (answer.get(shape.plural) or {}).get(shape.plural) or []
        return [each for each in found if not each.get("is_deleted")]

    def pages_of_appointments(self) -> int:
        """How many calls a listing of all appointments takes; two calls."""
        return sum(
            _pages_of(next(self._pages("appointments", [], None, filter=when)))
            for when in ("past", "upcoming")
        )

    def appointments(self) -> Iterator[list[Json]]:
        """Every appointment with its ``attendees``; two lists, past and upcoming, a call for 100."""
        seen: set[int] = set()
        for when in ("past", "upcoming"):
            for answer in self._pages("appointments", ["appointment_attendees"], None, filter=when):
                attendees: dict[int, list[Json]] = {}
                for each in answer.get("appointment_attendees") or []:
                    attendees.setdefault(each["appointment_id"], []).append(each)
                page = [
                    {**each, "attendees": attendees.get(each["id"], [])}
                    for each in answer["appointments"]
                    if each["id"] not in seen
                ]
                seen.update(each["id"] for each in page)
                yield page

    def documents(self, shape: Shape, record_id: int) -> Iterator[Json]:
        """The files of one record, newest first; a call for 100."""
        for answer in self._pages(f"{shape.path}/{record_id}/document_associations", [], None):
            yield from answer["documents"]

    def _pages(
        self, path: str, includes: Sequence[str], sort: tuple[str, str] | None, **more: str
    ) -> Iterator[Json]:
        page = 1
        while True:
            params: dict[str, str | int] = {"page": page, "per_page": PER_PAGE, **more}
            if includes:
                params["include"] = ",".join(includes)
            if sort is not None:
                params |= {"sort": sort[0], "sort_type": sort[1]}
            answer = self._client.get(path, params)
            yield answer
            if page >= _pages_of(answer):
                return
            page += 1

    def views(self, shape: Shape) -> dict[str, int]:
        """Views of the records by name in lower case."""
        if shape.path not in self._views:
            filters = self._client.get(f"{shape.path}/filters")["filters"]
            self._views[shape.path] = {str(each["name"]).lower(): int(each["id"]) for each in filters}
        return self._views[shape.path]

    def _of_all(self, shape: Shape) -> list[int]:
        """The views that together hold every live record once. Raises DestinationError."""
        views = self.views(shape)
        all_of_them = [number for name, number in views.items() if name.startswith("all ")]
        if all_of_them:
            return all_of_them[:1]
        if views.keys() >= _PARTS_OF_ALL:
            return [views[name] for name in sorted(_PARTS_OF_ALL)]
        raise DestinationError(
            f"Freshsales has no view of all {shape.plural} that the key's user sees; make one whose name "
            "begins with 'All ', share it with everybody, then run again"
        )


def _pages_of(answer: Json) -> int:
    return int((answer.get("meta") or {}).get("total_pages") or 1)


def _attached(answer: Json, shape: Shape, children: str, seen: set[int]) -> list[Json]:
    by_id = {each["id"]: each for each in answer.get(children) or []}
    ids = f"{children.removesuffix('s')}_ids"
    new = [each for each in answer[shape.plural] if each["id"] not in seen]
    seen.update(each["id"] for each in new)
    return [
        {**record, children: [by_id[each] for each in record.get(ids) or [] if each in by_id]}
        for record in new
    ]
