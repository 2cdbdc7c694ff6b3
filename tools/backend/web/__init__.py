"""The live page: what the store holds, for a person who asks "did it arrive, and is anything missing?"

Server-rendered, readable without JavaScript, live by server-sent events, offline (nothing is fetched from
elsewhere). Content Security Policy: only files of ours, no inline script or style. Looking only reads: it
has its own read-only connection and learns of news from the database's own count of commits, so it may run
beside the receiver or in another process.

`telehub backend --page` asks who is there (access, oidc, doors), lets operators decide what is held (decisions) and
logs both (audit); the demo's pages, on 127.0.0.1 and for one run, ask nobody and let nobody do anything. No name and
no civil registration number is on any page: hubs and patients are known by their references alone.

static/uplot-1.6.32.min.js and .css are uPlot 1.6.32, unchanged from its npm package (MIT licence, (c) Leon
Sorokin; static/uplot-LICENSE): small enough to ship, draws a year of readings without a pause.
"""
