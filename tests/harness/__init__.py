"""What the tests, the torture and the benchmarks share: a private Postern instance, its peers,
clients that speak SMTP and IMAP byte by byte, the corpus, and a look into /proc."""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("POSTERN_SHARED", ROOT.parent / "shared"))
DOMAIN = "example.test"
ALICE, PASSWORD = "alice@example.test", "alice"
