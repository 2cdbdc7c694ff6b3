"""kill -9 of everything between a hub and FUT, at random moments: is each reading in FUT once? Part of `make kills`.

Hubs send sealed envelopes to RabbitMQ; two workers store them in PostgreSQL; a sender takes them on to a stand-in for
FUT, which fails, loses answers and answers twice besides. All five are processes of their own and are killed inside
whatever they do; a killed one is started again at once. Then nobody is killed any more, everything has its receipt and
its place in FUT, and the stand-in's database is held against ours and against what the hubs sealed.

campaign    the killing, and what came of it; python -m tools.simulator.fleet.kills
victims     what the killed processes do
"""
