"""Facts become signed octets: `batch` writes them, `cose` hashes and signs, `p256` is the curve. FORMAT.md says how."""
