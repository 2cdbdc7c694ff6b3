"""`telehub ca`: a programme's authority and keys, and certificates for requests that came from elsewhere."""

from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from firmware.contracts import PeerError
from tools.host.output import CommandError, Output, WrongUse
from tools.technician import ca
from tools.technician import programme as programmes

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Make a programme's authority and keys.")
_Json = Annotated[bool, typer.Option("--json", help="one object a line")]


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="the programme's folder; it is made")],
    name: Annotated[str, typer.Option("--name", help="the programme's name, in its certificates")] = "telehub",
    gtin: Annotated[str | None, typer.Option("--gtin", help="14 digits for the label's UDI, if there are any")] = None,
    as_json: _Json = False,
) -> int:
    """Make an authority, an operator's key for orders and a receipt key, locked with a passphrase."""
    output = Output(as_json)
    passphrase = programmes.ask_passphrase(folder, new=True)
    programmes.create(folder, name, passphrase, gtin)
    made = programmes.fingerprint(programmes.open_folder(folder, passphrase))
    text = f"{folder}: made. Keep ca.key and operator.key apart, then fill in {folder / 'settings.json'}."
    return output.summary("ca init", True, text, folder=str(folder), **made)


@app.command()
def sign(
    folder: Annotated[Path, typer.Argument(help="the programme's folder, with its ca.key")],
    requests: Annotated[list[Path], typer.Argument(help="hubs' certificate requests (PEM), each named by its hub")],
    as_json: _Json = False,
) -> int:
    """Sign requests that another computer's `telehub provision` wrote, into certificates/."""
    output = Output(as_json)
    programme = programmes.open_folder(folder)
    if programme.authority is None:
        raise WrongUse(f"{folder}: there is no ca.key here", "another authority signs for this programme")
    into = folder / "certificates"
    into.mkdir(exist_ok=True)
    for path in requests:
        hub, certificate = _signed(programme.authority, path)
        (into / f"{hub}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        output.line({"hub": hub, "certificate": str(into / f"{hub}.pem")}, f"{hub}: {into / f'{hub}.pem'}")
    return output.summary("ca sign", True, f"{len(requests)} signed", signed=len(requests))


def _signed(authority: ca.Authority, path: Path) -> tuple[str, x509.Certificate]:
    try:
        request = x509.load_pem_x509_csr(path.read_bytes())
        hub = str(request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        der = authority.sign_request(request.public_bytes(serialization.Encoding.DER), hub)
    except OSError as error:
        raise WrongUse(f"{path}: {error.strerror}") from None
    except (ValueError, IndexError, PeerError) as error:
        raise CommandError(f"{path}: {error}") from None
    return hub, x509.load_der_x509_certificate(der)


command = app
