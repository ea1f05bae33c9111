"""An independent check that a destination holds what a practice's database holds: every record, every cell.

What each field must hold is written down here a second time, on purpose, without the platform or its stand-
ins: nothing in this package imports either. ``__main__`` is the command, ``options`` what it is told,
``reading`` the two ends of the wire, ``compare`` and ``chart`` the comparison as pure functions, ``fields``
and ``records`` what each field must hold, ``derived``, ``referrers``, ``households``, ``files`` and
``owners`` what several rows say of one record, ``offices`` who is tied to several accounts, ``relations`` and
``contents`` what has no fields of its own, ``share`` the practice's image share, and ``words``, ``names``,
``file_names``, ``markup`` and ``teeth`` how one cell is read. What isn't an org's alone is the
package ``freshsales``' too.
"""
