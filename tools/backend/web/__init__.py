"""The live page: what the store holds, for a person who asks "did it arrive, and is anything missing?"

Server-rendered, readable without JavaScript, live by server-sent events, offline (nothing is fetched from
elsewhere). Content Security Policy: only files of ours, no inline script or style. The page only reads: it
has its own read-only connection and learns of news from the database's own count of commits, so it may run
beside the receiver or in another process.

It asks for no login and shows measurements (no names, no civil registration numbers): it is meant for
127.0.0.1, or behind a proxy that knows who is asking.

static/uplot-1.6.32.min.js and .css are uPlot 1.6.32, unchanged from its npm package (MIT licence, (c) Leon
Sorokin; static/uplot-LICENSE): small enough to ship, draws a year of readings without a pause.
"""
