"""The verbs as an administrator meets them who makes mistakes."""
import fcntl
import os
import subprocess
import termios

import pytest

from harness import ALICE


@pytest.fixture(scope="module")
def made():
    from harness import postern
    instance = postern.Postern()
    yield instance
    instance.remove()


@pytest.mark.parametrize("words", [
    ["domain", "list"], ["account", "show", ALICE], ["check"], ["help"], ["version"], ["check", "--defaults"],
    ["scan", "--no-dns", "MESSAGE"], ["message", "show", "MESSAGE"], ["dns", "lookup", "A", "x.test"]])
def test_output_that_cannot_be_written(made, words):
    """Half of it must not pass for all."""
    path = made.directory / "message.eml"
    path.write_bytes(b"Subject: x\r\n\r\nbody\r\n")
    words = [str(path) if word == "MESSAGE" else word for word in words]
    if words[0] not in ("help", "version", "message"):
        words[1:1] = ["-c", str(made.config)]
    with open("/dev/full", "wb") as full:
        done = subprocess.run([made.binary, *words], stdout=full, stderr=subprocess.PIPE, text=True, env=made.env,
                              timeout=120)
    assert done.returncode == 2 and done.stderr.count("cannot write") == 1, done


@pytest.mark.parametrize("password", ["secret\0more", "\0", "secret\x01", "x" * 512])
def test_passwords_that_are_refused(made, password):
    """Least of all, one that is not kept as it was given."""
    done = made.verb("account", "passwd", ALICE, "--password-stdin", text=password + "\n", check=False)
    assert done.returncode == 2 and "secret" not in done.stderr
    assert "control character" in done.stderr or "longer than 511 bytes" in done.stderr, done


def test_the_longest_password(made):
    made.verb("account", "passwd", ALICE, "--password-stdin", text="x" * 511 + "\n")


def test_an_option_before_the_verb(made):
    done = made.command("-c", made.config, "check", check=False)
    assert done.returncode == 2 and "the verb comes first" in done.stderr


def test_a_key_with_a_password(made):
    """Nobody is asked for it, not even where there is a terminal."""
    key = made.data / "tls" / "key.pem"
    plain = key.read_bytes()
    encrypted = subprocess.run(["openssl", "pkey", "-aes256", "-passout", "pass:secret"], input=plain, check=True,
                               capture_output=True).stdout
    key.write_bytes(encrypted)
    try:
        for words, said in ((["check"], "key.pem is encrypted; without its password: openssl pkey"),
                            (["serve"], "the private key in the key file is encrypted")):
            terminal, end = os.openpty()
            done = subprocess.run([made.binary, *words, "-c", made.config], stdin=end, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, env=made.env, timeout=60,
                                  start_new_session=True,
                                  preexec_fn=lambda: fcntl.ioctl(end, termios.TIOCSCTTY, 0))
            os.close(end)
            os.close(terminal)
            assert done.returncode == 1 and said in done.stdout, done
    finally:
        key.write_bytes(plain)
