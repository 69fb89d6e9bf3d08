"""Organizational domains against the checks of the public-suffix list, by the library in build/.

The list is the one that libpsl was built with. IDNs are compared as A-labels, as everywhere in
DMARC; a public suffix is its own organizational domain there."""
import ctypes
import re
import subprocess

import pytest

from harness import ROOT

LIBRARY = ROOT / "build/library/libpostern-mailauth.so"
CHECK = re.compile(r"^checkPublicSuffix\((null|'[^']*'), (null|'[^']*')\);", re.M)

# No names, and so no result: an empty first label, no input.
NO_NAMES = {"null", ".com", ".example", ".example.com", ".example.example"}
# Where the list that libpsl was built with is older than the checks.
OLDER = set()


class Str(ctypes.Structure):
    _fields_ = [("p", ctypes.c_void_p), ("n", ctypes.c_size_t)]


class Arena(ctypes.Structure):
    _fields_ = [("chunks", ctypes.c_void_p), ("used", ctypes.c_size_t), ("max", ctypes.c_size_t)]


@pytest.fixture(scope="module")
def library():
    if not LIBRARY.exists():
        subprocess.run(["make", "-C", ROOT, "build"], check=True, capture_output=True)
    library = ctypes.CDLL(LIBRARY)
    library.dmarc_organization_psl.argtypes = [Str]
    library.dmarc_organization_psl.restype = Str
    library.domain_ascii.argtypes = [Str, ctypes.POINTER(Arena), ctypes.POINTER(Str)]
    library.domain_ascii.restype = ctypes.c_bool
    return library


def ascii_name(library, name):
    """As bytes; None where it is no name."""
    data, arena, out = name.encode(), Arena(max=1 << 16), Str()
    try:
        if not library.domain_ascii(Str(ctypes.cast(data, ctypes.c_void_p), len(data)), ctypes.byref(arena),
                                    ctypes.byref(out)):
            return None
        return ctypes.string_at(out.p, out.n)
    finally:
        library.arena_done(ctypes.byref(arena))


def organization(library, name):
    data = ctypes.create_string_buffer(name)
    found = library.dmarc_organization_psl(Str(ctypes.cast(data, ctypes.c_void_p), len(name)))
    return ctypes.string_at(found.p, found.n)


def test_public_suffixes(library, material):
    checks = [tuple(word.strip("'") for word in match.groups())
              for match in CHECK.finditer((material / "lists/publicsuffix/tests/test_psl.txt").read_text())]
    assert len(checks) > 70
    wrong, seen = [], set()
    for name, expected in checks:
        if name in NO_NAMES:
            seen.add(name)
            assert name == "null" or ascii_name(library, name) is None
            continue
        if name in OLDER:
            seen.add(name)
        ours = organization(library, ascii_name(library, name))
        theirs = ascii_name(library, name if expected == "null" else expected)
        if (ours != theirs) != (name in OLDER):
            wrong.append((name, expected, ours))
    assert wrong == []
    assert seen == NO_NAMES | OLDER, "an exclusion that excludes nothing"
