"""libpostern-mailauth as others get it: installed somewhere, found by pkg-config alone."""
import fcntl
import os
import re
import shutil
import subprocess

import pytest

from harness import ROOT, dns, sign

PREFIX = "/opt/postern"
# Declared in dns.h, not there yet.
NEEDED = {"libcrypto.so.3", "libpsl.so.5", "libidn2.so.0", "libresolv.so.2", "libc.so.6"}
MESSAGE = b"""From: Alice <alice@example.org>\r
To: bob@example.net\r
Subject: a test\r
\r
Hello.\r
"""
ZONE = {
    ("example.org", "TXT"): ["v=spf1 ip4:192.0.2.0/24 -all"],
    ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=reject"],
}


def run(*words, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=600, **more)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """DESTDIR, after `make install-library`."""
    directory = tmp_path_factory.mktemp("destdir")
    with open(ROOT / "Makefile") as lock:  # one build at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        run("make", "-C", ROOT, "install-library", f"DESTDIR={directory}", f"PREFIX={PREFIX}")
    return directory


@pytest.fixture
def flags(installed):
    def ask(*words):
        env = os.environ | {"PKG_CONFIG_PATH": f"{installed}{PREFIX}/lib/pkgconfig"}
        # PKG_CONFIG_SYSROOT_DIR would also move the other packages.
        return run("pkg-config", f"--define-variable=prefix={installed}{PREFIX}", *words, "postern-mailauth",
                   env=env).split()
    return ask


@pytest.fixture
def library(installed):
    return installed / PREFIX.lstrip("/") / "lib"


@pytest.fixture
def headers(installed):
    return installed / PREFIX.lstrip("/") / "include/postern"


@pytest.fixture
def verify(flags, tmp_path):
    def build(*extra):
        program = tmp_path / "verify"
        run("cc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", ROOT / "examples/verify.c", *flags("--cflags", "--libs"),
            *extra, "-o", program)
        return program
    return build


def check_messages(program, tmp_path, env=None):
    key = sign.Key(tmp_path)
    path = tmp_path / "message"
    path.write_bytes(sign.dkim(MESSAGE, key, "example.org", "s1"))

    def one(client, code):
        done = subprocess.run([program, path, client, "mail.example.org", "alice@example.org", server.address],
                              capture_output=True, text=True, env=env, timeout=60)
        assert done.returncode == code, done
        return done.stdout

    with dns.Dns(ZONE | {("s1._domainkey.example.org", "TXT"): [key.record]}) as server:
        out = one("192.0.2.1", 0)
        assert "spf=pass" in out and "smtp.mailfrom=alice@example.org" in out and "dmarc=pass" in out
        assert "dkim=pass" in out and "dmarc=pass" in one("198.51.100.1", 0)
        path.write_bytes(path.read_bytes().replace(b"Hello", b"Hallo"))
        out = one("198.51.100.1", 1)
        assert "spf=fail" in out and "dmarc=fail" in out and "dkim=pass" not in out


def test_example(verify, library, tmp_path):
    check_messages(verify(), tmp_path, {"LD_LIBRARY_PATH": str(library)})


def test_example_static(flags, library, tmp_path):
    program = tmp_path / "verify"
    # Not --static: that asks for the static forms of what others need in turn.
    others = [word for word in flags("--print-requires-private") if word.startswith("lib")]
    assert others == ["libcrypto", "libpsl", "libidn2"]
    run("cc", ROOT / "examples/verify.c", *flags("--cflags"), library / "libpostern-mailauth.a",
        *run("pkg-config", "--libs", *others).split(), "-lresolv", "-o", program)
    assert "libpostern" not in run("ldd", program)
    check_messages(program, tmp_path)


def test_what_it_needs(library):
    dynamic = run("readelf", "-dW", library / "libpostern-mailauth.so")
    assert set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)) <= NEEDED
    assert re.findall(r"\(SONAME\).*\[(.*)\]", dynamic) == ["libpostern-mailauth.so.0"]
    assert "not found" not in run("ldd", "-r", library / "libpostern-mailauth.so")
    assert "undefined symbol" not in run("ldd", "-r", library / "libpostern-mailauth.so")


def test_pkg_config_knows_where(library):
    env = os.environ | {"PKG_CONFIG_PATH": str(library / "pkgconfig")}
    assert run("pkg-config", "--variable=prefix", "postern-mailauth", env=env).strip() == PREFIX
    assert f"-I{PREFIX}/include/postern" in run("pkg-config", "--cflags", "postern-mailauth", env=env).split()


def declared(headers):
    """The functions that the headers declare, without the inline ones."""
    names = set()
    for path in headers.rglob("*.h"):
        text = re.sub(r"/\*.*?\*/", " ", path.read_text(), flags=re.S)
        text = re.sub(r"^#(?:.*\\\n)*.*$", "", text, flags=re.M)
        for statement in strip_braces(text).split(";"):
            statement = re.sub(r"__attribute__\(\(.*\)\)", "", statement, flags=re.S)
            match = re.match(r"\s*(?!static|typedef)[\w\s*]*?\b(\w+)\(", statement)
            if match and match.group(1) not in ("PRINTF", "MUST_USE"):
                names.add(match.group(1))
    return names


def strip_braces(text):
    """Without bodies of functions and structs; each ends a statement."""
    out, depth = [], 0
    for at, char in enumerate(text):
        if char == "{":
            depth += 1
        if depth == 0:
            out.append(char)
        if char == "}":
            depth -= 1
            if depth == 0:
                out.append(";")
    # What came before a body is no declaration.
    return re.sub(r"static inline[^;]*;", ";", "".join(out))


def exported(path, *words):
    lines = run("nm", *words, "--defined-only", "--extern-only", path).splitlines()
    return {line.split()[2] for line in lines if len(line.split()) == 3}


def test_only_what_is_declared_is_exported(library, headers):
    expected = declared(headers)
    assert {"spf_check", "dmarc_check", "buf_printf", "err_set", "arena_try", "xmalloc"} <= expected
    assert exported(library / "libpostern-mailauth.so", "-D") == expected
    assert exported(library / "libpostern-mailauth.a") == expected


def test_every_function_is_in_the_manual(headers, installed):
    page = (installed / PREFIX.lstrip("/") / "share/man/man3/postern-mailauth.3").read_text()
    assert [name for name in sorted(declared(headers)) if not re.search(rf"\b{name}\b", page)] == []


def test_headers_stand_alone(headers, flags, tmp_path):
    for path in sorted(headers.rglob("*.h")):
        name = path.relative_to(headers)
        source = tmp_path / "one.c"
        source.write_text(f"#include <{name}>\n#include <{name}>\n")
        run("cc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-fsyntax-only",
            *flags("--cflags"), source)


def test_the_example_of_the_manual_compiles(installed, flags, tmp_path):
    page = (installed / PREFIX.lstrip("/") / "share/man/man3/postern-mailauth.3").read_text()
    code = page.split(".SH EXAMPLE\n.nf\n")[1].split(".fi")[0].replace("\\e", "\\")
    source = tmp_path / "example.c"
    source.write_text("#include <mailauth/dns_system.h>\n#include <mailauth/spf.h>\n#include <stdio.h>\n"
                      "#include <time.h>\nint main(void)\n{\n" + code + "}\n")
    run("cc", "-Wall", "-Wextra", "-Werror", source, *flags("--cflags", "--libs"), "-o", tmp_path / "example")


@pytest.mark.needs("man")
def test_manual_page_is_clean(installed):
    page = installed / PREFIX.lstrip("/") / "share/man/man3/postern-mailauth.3"
    done = subprocess.run(["man", "-l", "--warnings", page], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr.strip(), done.stderr


def test_nothing_of_the_house_is_in_it(library):
    assert shutil.which("strings"), "binutils"
    text = run("strings", library / "libpostern-mailauth.so")
    assert not re.search(r"config_lookup|uv_run|u_charsToUChars|ucnv_", text)
