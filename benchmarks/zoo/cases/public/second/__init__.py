"""The second draw of public reports.

It was chosen and written when the first draw had been looked at, again by somebody who
had not read the checks. The diagnosis was run on it once as the report half; it has
been looked at since, and is for calibration now.
"""

from __future__ import annotations

from benchmarks.zoo.cases.public.second import data, programs, sound

FAMILIES = (data, programs, sound)

__all__ = ["FAMILIES"]
