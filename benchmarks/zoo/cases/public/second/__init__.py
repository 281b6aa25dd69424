"""The second draw of public reports, the report half until it had been looked at.

It was chosen and written when the first draw had been looked at, again by somebody who
had not read the checks, and before the diagnosis was run on it.
"""

from __future__ import annotations

from benchmarks.zoo.cases.public.second import data, programs, sound

FAMILIES = (data, programs, sound)

__all__ = ["FAMILIES"]
