"""Pages: they load nothing, whatever stands in them; data inside them can't end its element."""

from __future__ import annotations

import json

import pytest
from jinja2 import UndefinedError

from migration_assets.migration.decisions import Head
from migration_assets.reports.page import json_block, render, render_pdf
from migration_assets_tests.reports.diffs import NASTY


def test_data_in_a_page_reads_back_as_it_was_and_holds_no_markup() -> None:
    block = json_block({"note": NASTY, "other": ["<!--", None, 1]})

    assert json.loads(block) == {"note": NASTY, "other": ["<!--", None, 1]}
    assert not set("<>&") & set(block)


def test_a_page_escapes_its_title_names_the_audit_log_and_forbids_all_addresses() -> None:
    made = render("base.html.j2", title=NASTY, head=Head(7, "ab12"))

    assert "<img" not in made
    assert "entry 7, ab12" in made
    assert "default-src 'none'; base-uri 'none'; form-action 'none'" in made


def test_a_page_that_is_not_given_what_it_names_is_no_page() -> None:
    with pytest.raises(UndefinedError):
        render("base.html.j2", head=None)


def test_a_page_on_paper_follows_no_address() -> None:
    text = (
        '<p>there</p><img src="file:///etc/hostname"><link rel="stylesheet" href="http://127.0.0.1:9/x.css">'
    )

    assert render_pdf(text).startswith(b"%PDF-")
    assert b"/Subtype /Image" not in render_pdf(text)
