"""The composition root: the only place that puts rooms together. Commands call it; nothing below knows it.

`connecting` makes clock, gate, gateway and run from settings; `resolving` finds instruments; `ordering` turns what a
person typed into orders; `preview` prices them; `wishing` does both for a job file; `standing` says how the ledger
stands and proves it; `examination` is what `doctor` checks.
"""
