"""Records of contacts, sales accounts, deals and custom modules: create, read, change, upsert, delete."""

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from migration_sandbox.freshsales import jobs, render
from migration_sandbox.freshsales.account import Row
from migration_sandbox.freshsales.entities import STANDARD, Entity
from migration_sandbox.freshsales.errors import bad, not_found
from migration_sandbox.freshsales.removal import empty_bin, forget, soft_delete
from migration_sandbox.freshsales.web import API, Call, Site, answer, created, endpoint
from migration_sandbox.freshsales.write import save

MODULE = "/custom_module"


def _shown(call: Call, entity: Entity, row: Row) -> dict[str, Any]:
    asked = render.includes(call.account, entity, call.query.get("include"), of_view=False)
    told, beside = render.record(call.account, entity, row, asked)
    return {entity.root: told, **beside, "meta": None}


def create(call: Call) -> Response:
    entity = call.entity()
    row = save(call.account, entity, call.record(entity.root), None, call.user.id)
    return created(call, _shown(call, entity, row))


def read(call: Call) -> Response:
    entity = call.entity()
    return answer(_shown(call, entity, call.row(entity.name)))


def update(call: Call) -> Response:
    entity = call.entity()
    row = call.row(entity.name)
    return answer(
        _shown(call, entity, save(call.account, entity, call.record(entity.root), row, call.user.id))
    )


def upsert(call: Call) -> Response:
    entity = call.entity()
    given = call.json()
    identifier, data = given.get("unique_identifier"), given.get(entity.root, {})
    keys = jobs.keys_of(call.account, entity, bulk=False)
    if not isinstance(identifier, dict) or len(identifier) != 1 or next(iter(identifier)) not in keys:
        raise bad(f"unique_identifier is one of {', '.join(keys) or 'nothing'} with its value")
    if not isinstance(data, dict):
        raise bad(f"{entity.root} is not a JSON object")
    row = jobs.upserted(call.account, entity, identifier, data, call.user.id)
    call.account.commit([(entity.name, row)])
    return answer(_shown(call, entity, row))


def bulk_upsert(call: Call) -> Response:
    entity = call.entity()
    job = jobs.create_job(call.account, entity, call.json().get(entity.name), call.user.id)
    call.site.worker.wake()
    url = f"{call.base}/crm/sales/api/job_statuses/{job.id}"
    return answer({"message": "Your request is being processed", "job_status_url": url})


def job_status(call: Call) -> Response:
    return answer(jobs.shown(call.account, call.row("job")))


def delete(call: Call) -> Response:
    """Into the recycle bin; a bare `true` comes back, as recorded."""
    entity = call.entity()
    soft_delete(call.account, entity.name, call.row(entity.name), call.user.id)
    return answer(True)


def forget_record(call: Call) -> Response:
    entity = call.entity()
    empty_bin(call.account, entity.name)
    forget(call.account, entity.name, call.row(entity.name, binned=True))
    return answer(True)


def bulk_destroy(call: Call) -> Response:
    """Into the recycle bin, all or (where one isn't there) none; done before the answer."""
    entity = call.entity()
    selected = call.json().get("selected_ids")
    if not isinstance(selected, list) or not selected or not all(isinstance(item, int) for item in selected):
        raise bad("selected_ids is not a list of ids")
    rows = [call.account.copy(entity.name, number) for number in dict.fromkeys(selected)]
    live = [row for row in rows if row is not None and row.live]
    if len(live) != len(rows):
        raise not_found()
    for row in live:
        soft_delete(call.account, entity.name, row, call.user.id)
    return answer({"message": f"{len(live)} records were deleted"})


def routes(site: Site) -> list[Route]:
    made = [Route(f"{API}/job_statuses/{{id:int}}", endpoint(site, job_status), methods=["GET"])]
    for name in STANDARD:
        path = f"{API}/{name}"
        made += [
            Route(f"{path}/upsert", endpoint(site, upsert, name), methods=["POST"]),
            Route(f"{path}/bulk_upsert", endpoint(site, bulk_upsert, name), methods=["POST"]),
            *_common(site, path, name),
        ]
    return [*made, *_common(site, f"{API}{MODULE}/{{entity}}", None)]


def _common(site: Site, path: str, name: str | None) -> list[Route]:
    one = f"{path}/{{id:int}}"
    return [
        Route(path, endpoint(site, create, name), methods=["POST"]),
        Route(f"{path}/bulk_destroy", endpoint(site, bulk_destroy, name), methods=["POST"]),
        Route(one, endpoint(site, read, name), methods=["GET"]),
        Route(one, endpoint(site, update, name), methods=["PUT"]),
        Route(one, endpoint(site, delete, name), methods=["DELETE"]),
        Route(f"{one}/forget", endpoint(site, forget_record, name), methods=["DELETE"]),
    ]
