"""Record batches as bytes: split, patch, merge, re-encode, legacy formats, codecs."""
