"""Keys with characters that paths, URLs, globs and listings each treat in a way of their own."""

from __future__ import annotations

AWKWARD_KEYS = [
    "raw/a b.json",
    "raw/a+b.json",
    "raw/a%20b%.json",
    "raw/dt=1/a.json",
    "raw/a#b.json",
    "raw/a?b=c.json",
    "raw/라디오 é 🎵.json",
    "raw/[a]{b,c}*^.json",
    'raw/it\'s "quoted".json',
    "raw/back\\slash.json",
]
