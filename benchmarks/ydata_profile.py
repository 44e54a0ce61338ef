"""What ydata-profiling takes for a folder of Parquet files, by its settings for large data.

It wants earlier releases of pandas, numpy and matplotlib than the notebook's, and so an environment
of its own: this file imports nothing of the project. Prints seconds and the peak of memory in MiB.

    /path/to/its/python benchmarks/ydata_profile.py FOLDER
"""

from __future__ import annotations

import resource
import sys
import time

import pyarrow.parquet as pq
from ydata_profiling import ProfileReport


def main() -> None:
    """Read all files of the folder, and profile them."""
    began = time.perf_counter()
    frame = pq.read_table(sys.argv[1]).to_pandas()
    ProfileReport(frame, minimal=True, progress_bar=False).get_description()
    seconds = time.perf_counter() - began
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
