"""Signs a message with DKIM (relaxed/relaxed, rsa-sha256) by OpenSSL's command line."""
import base64
import hashlib
import re
import subprocess


class Key:
    def __init__(self, directory, bits=2048):
        self.path = directory / "dkim.pem"
        subprocess.run(["openssl", "genrsa", "-out", self.path, str(bits)], check=True, capture_output=True)
        public = subprocess.run(["openssl", "rsa", "-in", self.path, "-pubout", "-outform", "DER"], check=True,
                                capture_output=True).stdout
        self.record = "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()

    def sign(self, data):
        return subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.path], input=data, check=True,
                              capture_output=True).stdout


def relaxed_field(name, value):
    return name.lower().strip() + b":" + re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip()


def relaxed_body(body):
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


def dkim(message, key, domain, selector, fields=(b"from", b"to", b"subject"), more=b""):
    """The message (CRLF, no folded fields) with a signature in front. more: names that are signed as absent."""
    header, body = message.split(b"\r\n\r\n", 1)
    present = dict(reversed([(line.split(b":", 1)[0].lower(), line) for line in header.split(b"\r\n")]))
    signed = [name for name in fields if name in present]
    digest = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest())
    value = b" v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=%s; h=%s; bh=%s; b=" % (
        domain.encode(), selector.encode(), b":".join([*signed, more] if more else signed), digest)
    lines = [relaxed_field(*present[name].split(b":", 1)) + b"\r\n" for name in signed]
    signature = key.sign(b"".join(lines) + relaxed_field(b"dkim-signature", value))
    return b"DKIM-Signature:" + value + base64.b64encode(signature) + b"\r\n" + message
