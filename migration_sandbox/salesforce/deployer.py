"""Deployments as jobs: kept with their archive until they are done, so a restarted server finishes them.

All components or none, unless a sandbox org is told otherwise.
"""

import json
import logging
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from migration_sandbox.salesforce import destroy_apply, ids
from migration_sandbox.salesforce.deploy import Applying
from migration_sandbox.salesforce.errors import ApiError
from migration_sandbox.salesforce.manifest_rules import Component
from migration_sandbox.salesforce.metadata_files import BadPackage, read_package
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.user_permissions import bring_in_line
from migration_sandbox.serving.blame import blame

logger = logging.getLogger("migration_sandbox.salesforce")

DEPLOY_PREFIX = "0Af"


@dataclass
class Deployment:
    id: str
    created: float
    check_only: bool
    rollback: bool
    ignore_warnings: bool = False
    purge: bool = False
    status: str = "Pending"
    started: float | None = None
    completed: float | None = None
    message: str | None = None
    components: list[Component] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return self.completed is not None

    @property
    def failures(self) -> list[Component]:
        return [item for item in self.components if not self.fine(item)]

    def fine(self, item: Component) -> bool:
        """Whether a component counts as done; a warning does where the caller ignores warnings."""
        return item.problem is None or (item.warning and self.ignore_warnings)


class Deployer:
    """Takes deployments one after the other in a thread of its own."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name="deploy", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout=10)

    def submit(
        self,
        archive: bytes,
        check_only: bool,
        rollback: bool,
        ignore_warnings: bool = False,
        purge: bool = False,
    ) -> Deployment:
        """Raises INVALID_OPERATION where schema may only be deleted into the recycle bin."""
        if purge and not self.org.settings.purges_schema:
            refused = "purgeOnDelete option can only be used on a non-active org"
            raise ApiError(400, "INVALID_OPERATION", refused)
        number = self.org.next_number("deploy")
        # Only sandboxes may keep what succeeded when another component failed.
        rollback = rollback or not self.org.settings.sandbox_org
        key = ids.make_id(DEPLOY_PREFIX, number)
        made = Deployment(key, time.time(), check_only, rollback, ignore_warnings, purge)
        value = (made.id, json.dumps(asdict(made)), archive)
        self.org.transaction([("INSERT INTO deploys VALUES (?, ?, ?)", value)])
        self._wake.set()
        return made

    def get(self, deploy_id: str) -> Deployment | None:
        with self.org.lock:
            key = ids.expand(deploy_id) if len(deploy_id) == 15 and deploy_id.isalnum() else deploy_id
            found = self.org.db.execute("SELECT value FROM deploys WHERE id = ?", [key]).fetchone()
        return None if found is None else _deployment(json.loads(found[0]))

    def _waiting(self) -> tuple[Deployment, bytes] | None:
        with self.org.lock:
            found = self.org.db.execute(
                "SELECT value, archive FROM deploys WHERE archive IS NOT NULL ORDER BY rowid LIMIT 1"
            ).fetchone()
        return None if found is None else (_deployment(json.loads(found[0])), found[1])

    def _loop(self) -> None:
        while not self._stopping:
            found = self._waiting()
            if found is None:
                self._wake.wait(0.5)
                self._wake.clear()
                continue
            self._process(*found)

    def _save(self, item: Deployment, also: str = "") -> None:
        sql = f"UPDATE deploys SET value = ?{also} WHERE id = ?"
        self.org.transaction([(sql, (json.dumps(asdict(item)), item.id))])

    def _process(self, item: Deployment, archive: bytes) -> None:
        item.status, item.started = "InProgress", time.time()
        self._save(item)
        time.sleep(self.org.settings.deploy_pause_seconds)
        try:
            with self.org.lock:
                applying = Applying(self.org, read_package(archive), item.purge)
                item.components = applying.run()
                self._apply(item, applying)
        except BadPackage as bad:
            item.status, item.message = "Failed", bad.text
            item.components = [Component("", "package.xml", "package.xml", problem=bad.text)]
        except Exception as error:
            # A package that breaks the sandbox itself must not be taken again for ever.
            logger.error("deployment %s: %s", item.id, blame(error))
            item.status, item.message = "Failed", f"UNKNOWN_EXCEPTION: {type(error).__name__} in the sandbox"
        item.completed = time.time()
        self._save(item, ", archive = NULL")

    def _apply(self, item: Deployment, applying: Applying) -> None:
        if item.failures and item.rollback:
            item.status = "Failed"
            return
        fine = any(item.fine(component) for component in item.components)
        item.status = ("SucceededPartial" if fine else "Failed") if item.failures else "Succeeded"
        if item.check_only or item.status == "Failed":
            return
        destroy_apply.apply(self.org, applying.gone, item.purge)
        for name, (label, description) in applying.labels.items():
            if name not in self.org.permission_sets:
                self.org.create_permission_set(name, label, description)
        self.org.save_schema(applying.objects.values(), applying.grants, applying.statements())
        bring_in_line(self.org)


def _deployment(value: dict[str, Any]) -> Deployment:
    components = [Component(**item) for item in value.pop("components")]
    return Deployment(**value, components=components)
