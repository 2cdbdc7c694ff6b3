# Everything is set up by the first target that needs it; what is there already is left alone.
# Works with GNU make 3.81. Options of a command: make demo ARGS="--seed 7".

ARGS =

# The first Python that is new enough (macOS's own is not); PYTHON=… names another.
SET_UP = for python in "$(PYTHON)" python3 python3.14 python3.13 python3.12 python3.11; do \
	if [ -n "$$python" ] && "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		exec "$$python" -m tools.host.deps $(1); fi; done; \
	echo "telehub: Python 3.11 or newer is missing. To get it:" >&2; \
	echo "  sudo apt-get install python3 python3-venv   (macOS: brew install python)" >&2; exit 3

help: ## show this help
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

deps: ## set up everything, and ask again for what was missing
	@$(call SET_UP,--again)

demo: set-up ## the main job: readings from virtual devices to verified receipts
	@.venv/bin/telehub demo --once $(ARGS)

picture: set-up ## the pictures in the README, from runs
	@.venv/bin/telehub demo --once --seed 3 --picture tools/simulator/demo/picture.svg
	@.venv/bin/python -m tools.simulator.board.picture tools/technician/picture.svg

test: set-up ## the tests, on CPython and on MicroPython
	@.venv/bin/python -m pytest -q -n 2 $(ARGS)

check: set-up ## idiom, types, the chip's compiler, secrets, licences
	@.venv/bin/python -m ruff check .
	@.venv/bin/python -m mypy
	@.venv/bin/python -m tools.host.compile
	@.venv/bin/python -m tools.host.licences
	@.venv/bin/python -m tools.host.leaks

audit: set-up ## advisories against the locked packages; exit 3 when their source does not answer
	@.venv/bin/python -m tools.host.audit

campaign: set-up ## a thousand months at home with everything going wrong (ARGS="--seeds 5001-6000")
	@.venv/bin/telehub campaign --seeds 1-1000 $(ARGS)

mutants: set-up ## break each protective line, and see which tests say so (ARGS="journal --survivors")
	@.venv/bin/python -m tools.host.mutants $(ARGS)

fuzz: set-up ## octets led by coverage, through whatever reads a stranger's (ARGS="--target mqtt --runs 1000000")
	@.venv/bin/python -m tools.host.fuzz $(ARGS)

updates: set-up ## an update cut at every KiB and inside every erase (ARGS="--every 4")
	@.venv/bin/python -m tools.simulator.updates $(ARGS)

kills: set-up ## kill -9 on the road to FUT, then of everything before it too, 500 times each (ARGS="--kills 50 --seed 7")
	@.venv/bin/python -m tools.backend.fut.kills $(ARGS)
	@.venv/bin/python -m tools.simulator.fleet.kills $(ARGS)

size: set-up ## octets of flash, per room
	@.venv/bin/telehub size $(ARGS)

bench: set-up ## what the hub costs: heap, flash, envelopes, wall time, against their targets
	@.venv/bin/telehub bench $(ARGS)

soak: set-up ## 10 000 visits: free heap stays, no task is left over
	@.venv/bin/telehub bench soak $(ARGS)

bench-xtensa: set-up ## Xtensa instructions of a signature, counted in QEMU
	@.venv/bin/python -m tools.host.xtensa.bench $(ARGS)

set-up:
	@$(call SET_UP)

.PHONY: help deps demo picture test check campaign mutants audit fuzz updates kills size bench soak bench-xtensa set-up
