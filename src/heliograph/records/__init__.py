"""Record batches as bytes: split, patch, merge, re-encode, legacy formats, codecs.

:mod:`model` has the words, :mod:`parcels` what can be done; the loops over bytes stand in the kernel (compiled) and its
twin, behind :mod:`kernel`. This room knows neither topics nor sockets.
"""

from heliograph.records.kernel import kernel_name
from heliograph.records.model import (
    HEADER_BYTES,
    LIMIT_BYTES,
    SMALL_BYTES,
    Buffer,
    Codec,
    Kind,
    Parcel,
    Record,
    Run,
    Scan,
)
from heliograph.records.parcels import allocate, encode, forward, part, rewrite, scan, split, stamp, verify
from heliograph.records.reading import Canonical, canonical, decode

__all__ = [
    "HEADER_BYTES",
    "LIMIT_BYTES",
    "SMALL_BYTES",
    "Buffer",
    "Canonical",
    "Codec",
    "Kind",
    "Parcel",
    "Record",
    "Run",
    "Scan",
    "allocate",
    "canonical",
    "decode",
    "encode",
    "forward",
    "kernel_name",
    "part",
    "rewrite",
    "scan",
    "split",
    "stamp",
    "verify",
]
