"""`telehub verify`: are these envelopes signed by the hub, in an unbroken row, and answered by the platform?

Shares no code with the hub's own (firmware/seal): signatures by `cryptography`, CBOR by `cbor2`, formats as
in firmware/seal/FORMAT.md. An envelope's receipt lies beside it: 000001.cose and 000001.receipt.cose.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from tools.host.output import Output, WrongUse
from tools.inspect import chain, cose, keyfiles
from tools.inspect.chain import Chain, Kept
from tools.inspect.cose import BadMessage
from tools.inspect.envelope import HELD, authenticate, decode_payload, decode_receipt, peek

_SUFFIX = ".cose"
_RECEIPT_SUFFIX = ".receipt.cose"
_UNRECEIPTED = ("absent", "unchecked")


def command(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", help="envelopes (.cose), or directories of them")
    ],
    keys: Annotated[
        Path, typer.Option(metavar="DIR", help="directory with hub.jwk, platform.jwk and receipt.jwk")
    ],
    allow_unreceipted: Annotated[
        bool, typer.Option("--allow-unreceipted", help="an absent or unchecked receipt is no fault")
    ] = False,
    start: Annotated[
        int, typer.Option("--from", min=1, metavar="N", help="the first sequence number expected")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> int:
    """Check signature, chain and receipts of kept envelopes. A held envelope needs a person and is not ok."""
    known = keyfiles.load(keys)
    files, orphans = find(paths)
    kept = [check(file, known) for file in files]
    chains = chain.judge(kept, start, [answered for file in orphans if (answered := _answered(file, known))])
    output = Output(as_json)
    for one in kept:
        output.line(_line(one))
    summary = summarise(kept, chains, orphans, allow_unreceipted)
    if not as_json:
        _table(kept)
    return output.summary("verify", summary.pop("ok"), _sentence(summary), **summary)


def find(paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """Return the envelopes among files and directories, and receipts that have no envelope beside them."""
    envelopes: dict[Path, None] = {}
    orphans: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(path.glob("*" + _SUFFIX))
        elif path.is_file():
            inside = [path]
        else:
            raise WrongUse(f"{path} does not exist")
        for file in inside:
            if not file.name.endswith(_RECEIPT_SUFFIX):
                envelopes[file] = None
            elif not file.with_name(file.name.removesuffix(_RECEIPT_SUFFIX) + _SUFFIX).exists():
                orphans[file] = None
    if not envelopes and not orphans:
        raise WrongUse("no envelopes there", "PATH is a .cose file or a directory of them")
    return list(envelopes), list(orphans)


def check(file: Path, keys: keyfiles.Keys) -> Kept:
    """Check one envelope and its receipt by themselves."""
    kept = Kept(file)
    try:
        message = cose.sign1(_read(file))
    except BadMessage as error:
        kept.errors.append(str(error))
        return kept
    kept.hash = message.hash
    claimed = peek(message)
    if claimed is not None:
        kept.hub, kept.chain, kept.sequence = claimed.hub, claimed.chain, claimed.sequence
    try:
        authenticate(message, lambda kid: keys.hub.key if kid == keys.hub.kid else None)
        kept.authentic = True
    except BadMessage as error:
        kept.errors.append(str(error))
    try:
        kept.envelope = decode_payload(message)
    except BadMessage as error:
        kept.errors.append(str(error))
    kept.receipt, error_text = _receipt(kept, keys)
    if error_text:
        kept.errors.append(error_text)
    return kept


def _read(file: Path) -> bytes:
    """Read no more than an envelope can have, and one octet to tell that there was more."""
    try:
        with file.open("rb") as stream:
            return stream.read(cose.ENVELOPE_OCTETS_MAX + 1)
    except OSError as error:
        raise WrongUse(f"{file} cannot be read", error.strerror or "") from error


def _receipt(kept: Kept, keys: keyfiles.Keys) -> tuple[str, str]:
    """Return what the receipt is, and why it is bad."""
    file = kept.file.with_name(kept.file.name.removesuffix(_SUFFIX) + _RECEIPT_SUFFIX)
    if not file.exists():
        return "absent", ""
    if keys.receipt is None:
        return "unchecked", ""
    try:
        receipt = decode_receipt(_read(file), keys.receipt)
    except BadMessage as error:
        return "bad", f"receipt: {error}"
    if keys.platform is not None and receipt.kid != keys.platform.kid:
        return "bad", "receipt: kid is not the platform's"
    if (receipt.hub, receipt.chain, receipt.sequence) != (kept.hub, kept.chain, kept.sequence):
        return "bad", "receipt: of another envelope"
    if receipt.hash != kept.hash:
        return "bad", "receipt: of other octets under this number"
    return ("held", f"held: {receipt.reason_name}") if receipt.status == HELD else ("stored", "")


def _answered(file: Path, keys: keyfiles.Keys) -> "tuple[str, str, int] | None":
    """Return what a receipt without an envelope proves to have existed; None when it proves nothing."""
    try:
        receipt = decode_receipt(_read(file), keys.receipt) if keys.receipt else None
    except BadMessage:
        return None
    return (receipt.hub, receipt.chain, receipt.sequence) if receipt else None


def summarise(
    kept: list[Kept], chains: list[Chain], orphans: list[Path], allow_unreceipted: bool
) -> dict[str, Any]:
    """The summary's fields. Numbers of several chains are told apart by `chain:number`."""

    def numbers(name: str) -> list[Any]:
        several = len(chains) > 1
        return [f"{one.chain}:{at}" if several else at for one in chains for at in getattr(one, name)]

    several = len(chains) > 1
    bad: list[Any] = []
    for one in kept:
        faults = [error for error in one.errors if not error.startswith("held: ")]
        if not one.authentic or one.envelope is None or faults:
            label: Any = one.file.name
            if one.sequence is not None:
                label = f"{one.chain}:{one.sequence}" if several else one.sequence
            bad.append(label)
    counted = {one.hash: len(one.envelope.readings) for one in kept if one.authentic and one.envelope}
    receipts = ("stored", *_UNRECEIPTED) if allow_unreceipted else ("stored",)
    in_place = all(one.chained == chain.OK and one.receipt in receipts for one in kept)
    missing, forked = numbers("missing"), numbers("forked")
    return {
        "ok": bool(kept) and in_place and not (missing or forked or bad or orphans),
        "first": min((one.first for one in chains), default=None),
        "last": max((one.last for one in chains), default=None),
        "envelopes": len(kept),
        "readings": sum(counted.values()),
        "missing": missing,
        "forked": forked,
        "bad": bad,
        "held": [one.sequence for one in kept if one.receipt == "held"],
        "replaced": numbers("replaced"),
        "receipts_alone": [file.name for file in orphans],
        "captures_missing": [list(gap) for one in chains for gap in one.captures_missing],
    }


def _line(one: Kept) -> dict[str, Any]:
    return {
        "file": str(one.file),
        "hub": one.hub,
        "chain": one.chain,
        "sequence": one.sequence,
        "signature": "ok" if one.authentic else "bad",
        "chained": one.chained,
        "receipt": one.receipt,
        "readings": len(one.envelope.readings) if one.envelope and one.authentic else 0,
        "error": "; ".join(one.errors) or None,
    }


def _table(kept: list[Kept]) -> None:
    """Show the lines to people."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for row in dict.fromkeys((one.hub, one.chain) for one in kept):
        title = f"hub {row[0]}, chain {row[1]}" if row[0] else "hub unknown"
        table = Table("number", "file", "signature", "chained", "receipt", "readings", "error", title=title)
        for one in (one for one in kept if (one.hub, one.chain) == row):
            line = _line(one)
            good = one.authentic and one.chained == chain.OK and one.receipt != "bad" and not one.errors
            cells = [line["sequence"], one.file.name, line["signature"], line["chained"], line["receipt"]]
            cells += [line["readings"], line["error"]]
            style = "" if good else "red"
            table.add_row(*(Text("" if cell is None else str(cell)) for cell in cells), style=style)
        console.print(table)


def _sentence(summary: dict[str, Any]) -> str:
    first, last = summary["first"], summary["last"]
    text = f"{summary['envelopes']} envelopes"
    if first is not None:
        text += f", numbers {first} to {last}"
    text += f", {summary['readings']} readings"
    faults = [
        f"{name.replace('_', ' ')}: {', '.join(map(str, summary[name]))}"
        for name in ("missing", "forked", "bad", "held", "receipts_alone")
        if summary[name]
    ]
    # Not a fault of this row: such captures may still be on the hub, or in an envelope that lies elsewhere.
    elsewhere = sum(count for _, count in summary["captures_missing"])
    if elsewhere:
        text += f" ({elsewhere} captures between them are not in these envelopes)"
    return f"{text}: {'; '.join(faults) if faults else 'no envelope is missing in this row'}"
