"""Facts become signed octets: `batch` writes, `cose` signs, `p256` is the curve; see FORMAT.md."""
