"""`telehub ca init`: keys that their owner alone can read and a passphrase opens; nothing is replaced."""

import json
import stat
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.technician.made import PASSPHRASE, programme
from tools import cli
from tools.host.output import CommandError, WrongUse
from tools.technician import programme as programmes


@pytest.mark.promise("P10")
def test_private_keys_are_encrypted_and_their_owners_alone(tmp_path):
    made = programme(tmp_path / "p")
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700
    for name in ("ca.key", "operator.key"):
        path = made.folder / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")  # PKCS #8
        # Another program's word for it.
        openssl = ["openssl", "pkey", "-in", path, "-noout", "-passin"]
        codes = [subprocess.run([*openssl, f"pass:{word}"], check=False).returncode for word in (PASSPHRASE, "wrong")]
        assert codes == [0, 1]
    assert stat.S_IMODE((made.folder / "settings.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((made.folder / "platform-receipt.jwk").stat().st_mode) == 0o600


def test_the_operators_public_key_belongs_to_the_private_one(tmp_path):
    made = programme(tmp_path / "p")
    key = programmes.operator_key(made.folder, PASSPHRASE)
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    assert point == made.operator_point
    with pytest.raises(CommandError, match="does not open"):
        programmes.operator_key(made.folder, "another passphrase")


@pytest.mark.promise("P10")
def test_a_wrong_passphrase_opens_nothing_and_loose_keys_are_refused(tmp_path):
    folder = programme(tmp_path / "p").folder
    with pytest.raises(CommandError, match="does not open"):
        programmes.open_folder(folder, "another passphrase")
    (folder / "ca.key").chmod(0o640)
    with pytest.raises(CommandError, match="others may read"):
        programmes.open_folder(folder, PASSPHRASE)


def test_nothing_is_replaced_and_a_short_passphrase_is_refused(tmp_path):
    folder = programme(tmp_path / "p").folder
    before = (folder / "ca.key").read_bytes()
    with pytest.raises(WrongUse, match="there already"):
        programmes.create(folder, "Other", PASSPHRASE)
    assert (folder / "ca.key").read_bytes() == before
    with pytest.raises(WrongUse, match="12 letters"):
        programmes.create(tmp_path / "q", "Other", "short")
    assert not (tmp_path / "q").exists()


@pytest.mark.parametrize(
    ("gtin", "good"),
    [
        ("04012345123456", True),  # GS1's own example 4012345123456, with a leading zero
        ("04012345123457", False),
        ("4012345123456", False),
        ("0401234512345x", False),
    ],
)
def test_a_gtin_is_checked_by_its_last_digit(tmp_path, gtin, good):
    if good:
        assert programme(tmp_path / "p", gtin=gtin).about.gtin == gtin
    else:
        with pytest.raises(WrongUse, match="gtin"):
            programme(tmp_path / "p", gtin=gtin)
        assert not (tmp_path / "p").exists()


def test_the_command_asks_nobody_who_is_not_there(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv(programmes.PASSPHRASE, raising=False)
    monkeypatch.setattr("sys.stdin", open("/dev/null"))
    assert cli.run(["ca", "init", str(tmp_path / "p"), "--json"]) == 2
    assert programmes.PASSPHRASE in json.loads(capsys.readouterr().out)["hint"]
    monkeypatch.setenv(programmes.PASSPHRASE, PASSPHRASE)
    assert cli.run(["ca", "init", str(tmp_path / "p"), "--name", "TeleKOL", "--json"]) == 0
    out = capsys.readouterr().out
    assert PASSPHRASE not in out
    told = json.loads(out)
    certificate = x509.load_pem_x509_certificate((tmp_path / "p" / "ca.pem").read_bytes())
    assert told["ok"] and told["authority"] == certificate.fingerprint(hashes.SHA256()).hex()
    assert certificate.subject.rfc4514_string() == "CN=TeleKOL CA"


def test_requests_from_another_computer_are_signed(tmp_path, capsys, monkeypatch):
    folder = programme(tmp_path / "p").folder
    monkeypatch.setenv(programmes.PASSPHRASE, PASSPHRASE)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "24d7eb0a1000")])
    request = x509.CertificateSigningRequestBuilder(name).sign(key, hashes.SHA256())
    path = tmp_path / "24d7eb0a1000.pem"
    path.write_bytes(request.public_bytes(serialization.Encoding.PEM))
    assert cli.run(["ca", "sign", str(folder), str(path)]) == 0
    signed = x509.load_pem_x509_certificate((folder / "certificates" / "24d7eb0a1000.pem").read_bytes())
    assert signed.public_key() == key.public_key()
    signed.verify_directly_issued_by(x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes()))
    path.write_text("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n")
    assert cli.run(["ca", "sign", str(folder), str(path)]) == 1
