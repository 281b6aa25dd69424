"""The third draw of public reports: the report half.

It was chosen and written when the first two draws had been looked at, again by somebody
who had not read the checks, and the diagnosis was not run on it.
"""

from __future__ import annotations

from benchmarks.zoo.cases.public.third import evaluation, programs, sound, splits

FAMILIES = (splits, evaluation, programs, sound)

__all__ = ["FAMILIES"]
