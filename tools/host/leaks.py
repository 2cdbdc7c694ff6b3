"""`make check`: no key, token, password or CPR number lies in the repository.

The detectors are detect-secrets' (those that know a form: what is only random-looking is all over a repository of test
vectors); the one for CPR numbers is ours. A line that must hold what looks like a secret says so: `pragma: allowlist
secret`, with its reason beside it.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_DETECTORS = (
    "ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "CloudantDetector",
    "DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector", "IbmCloudIamDetector", "JwtTokenDetector",
    "MailchimpDetector", "NpmDetector", "OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector",
    "SendGridDetector", "SlackDetector", "SquareOAuthDetector", "StripeDetector", "TelegramBotTokenDetector",
    "TwilioKeyDetector", "KeywordDetector",
)  # fmt: skip
_ALLOWED = "pragma: allowlist secret"
# A Danish personal number: a date, four digits. Without the dash any ten digits would be one.
_CPR = re.compile(r"(?<![\d.-])(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d\d-\d{4}(?![\d-])")
# A setting that names the place of a secret holds none.
_NAME_OF = re.compile(r"secret_(file|variable)")
_NO_TEXT = {".png", ".ico", ".bin", ".mpy"}
_WORKERS = 2
_HASHED = {"requirements.lock"}


def files() -> list[Path]:
    """What is in the repository, or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    named = (ROOT / name for name in listed.split("\0") if name)
    return [path for path in named if path.is_file() and path.suffix not in _NO_TEXT and path.name not in _HASHED]


def found(paths: Iterable[Path]) -> Iterator[tuple[Path, int, str]]:
    """(file, line, what it looks like)."""
    from detect_secrets.core.scan import scan_file
    from detect_secrets.settings import transient_settings

    with transient_settings({"plugins_used": [{"name": name} for name in _DETECTORS]}):
        for path in paths:
            lines = path.read_text(errors="replace").splitlines()
            for secret in scan_file(str(path)):
                if not _NAME_OF.search(lines[secret.line_number - 1]):
                    yield path, secret.line_number, secret.type
            for number, line in enumerate(lines, 1):
                if _CPR.search(line) and _ALLOWED not in line:
                    yield path, number, "CPR number"


def _found(paths: list[Path]) -> list[tuple[Path, int, str]]:
    return list(found(paths))


def main(names: list[str]) -> int:
    """Look through the repository, or the files named."""
    paths = [Path(name) for name in names] or files()
    with ProcessPoolExecutor(_WORKERS) as pool:
        told = [one for some in pool.map(_found, (paths[at::_WORKERS] for at in range(_WORKERS))) for one in some]
    for path, number, what in told:
        print(f"{path}:{number}: looks like a secret: {what}", file=sys.stderr)
    if not told:
        print("No secrets found!")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
