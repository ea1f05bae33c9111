from migration_assets_tests.integration.deletions.conftest import *
from migration_assets_tests.integration import deleting
from migration_assets_tests.integration.worker import DieAt
import os
def test_it(loaded, monkeypatch):
    from migration_assets.migration import deleting as d
    class Dead(BaseException): pass
    real = d.DeletedImages.keep
    def keep(self, schema, records, run_id):
        records = list(records); print("KEEP", schema.name, len(records))
        real(self, schema, records, run_id)
        print(loaded.installation.query_ledger("select count(*) from deleted_images"))
    monkeypatch.setattr(d.DeletedImages, "keep", keep)
    real2 = d.Deleting._taken_back
    def tb(self, schema, keys):
        print("TB", schema.name, len(keys))
        if keys: raise Dead
    monkeypatch.setattr(d.Deleting, "_taken_back", tb)
    try:
        deleting.delete(loaded.installation, loaded.patients, "delete")
    except Dead: print("dead")
    print(loaded.installation.query_ledger("select count(*) from deleted_images"))
