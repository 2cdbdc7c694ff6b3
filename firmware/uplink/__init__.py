"""Envelopes go to the broker and receipts come back: session, packets, backoff, deliveries, receipt."""
