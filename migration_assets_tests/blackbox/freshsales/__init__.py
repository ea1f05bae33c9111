"""The check's Freshsales half: that an account holds what a practice's database holds.

``api`` and ``reading`` are the account's end of the wire, ``marks`` how keys and parts stand in texts. What
must be there is in ``fields`` (records), ``notes`` and ``texts`` (what is written), ``exams`` (charts in
words and in figures), ``drawings`` and ``files``; ``derived`` puts beside a row what other rows say of it.
``compare`` is the comparison, ``check`` all of it together. How one cell of the source is
read is told in the package above, as are households, offices, referrers and owners.
"""
