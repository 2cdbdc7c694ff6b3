"""Whatever order things come in, and wherever the plug is pulled: what was promised is there."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.journal.owner import Owner
from tools.simulator.nor import PowerCut


class AnyOrder(RuleBasedStateMachine):
    """Rules are what a hub does; the model is what was confirmed."""

    @initialize(erased=st.sampled_from(["ff", "noise"]), sectors=st.integers(6, 9), seed=st.integers(0, 1000))
    def begin(self, erased, sectors, seed):
        self.owner = Owner(sectors, erased, seed)
        self.owner.start()

    def _do(self, act):
        """Run; after a cut give power, with another cut perhaps waiting for the recovery."""
        owner = self.owner
        try:
            act()
            return
        except PowerCut:
            pass
        while True:
            owner.flash.power_on()
            if owner.chance.random() < 0.3:
                owner.flash.cut_at(octet=owner.chance.randrange(120), tear="half_cleared")
            try:
                owner.boots()
                return
            except PowerCut:
                pass

    @rule(count=st.integers(1, 40), octets=st.sampled_from([1, 3, 19, 19, 60, 244, 512]))
    def visit(self, count, octets):
        def act():
            owner = self.owner
            if owner.journal.room() < owner.journal.needed(count, octets):
                return  # the hub does not connect
            owner.session()
            for _value in range(count):
                assert owner.capture(octets), "no room though room was told"
            assert owner.journal.captures.spare() >= 1, "the reserve sector is for failures"

        self._do(act)

    @rule(count=st.integers(1, 20))
    def captures_without_asking(self, count):
        self._do(lambda: [self.owner.capture() for _value in range(count)])

    @rule(early=st.sampled_from([0, 0, 1, 3]))
    def session(self, early):
        self._do(lambda: self.owner.session(early))

    @rule(limit=st.integers(1, 32), skip=st.sampled_from([0, 0, 0, 1, 5]))
    def plan(self, limit, skip):
        self._do(lambda: self.owner.plan(limit, skip))

    @rule(index=st.integers(0, 30))
    def receipt(self, index):
        self._do(lambda: self.owner.receipt(index))

    @rule()
    def all_is_delivered(self):
        def act():
            owner = self.owner
            for _turn in range(60):
                before = (len(owner.plans), len(owner.done))
                owner.plan(32)
                owner.receipt()
                owner.tidy(3)
                if before == (len(owner.plans), len(owner.done)):
                    break

        self._do(act)

    @rule()
    def fix(self):
        self._do(self.owner.fix)

    @rule()
    def describe(self):
        self._do(self.owner.describe)

    @rule(limit=st.integers(1, 8))
    def tidy(self, limit):
        self._do(lambda: self.owner.tidy(limit))

    @rule()
    def idle(self):
        self._do(self.owner.tidy)

    @rule()
    def reboot(self):
        self._do(self.owner.start)

    @rule(octet=st.integers(0, 600), tear=st.sampled_from(["prefix", "half_cleared", "page"]))
    def cut_soon(self, octet, tear):
        self.owner.flash.cut_at(octet=octet, tear=tear)

    @rule(erase=st.integers(0, 2), tear=st.sampled_from(["prefix", "half_cleared"]))
    def cut_in_an_erase_soon(self, erase, tear):
        self.owner.flash.cut_at(erase=erase, tear=tear)

    @invariant()
    def promises_hold(self):
        if hasattr(self, "owner"):
            self.owner.check()


AnyOrder.TestCase.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestAnyOrder = pytest.mark.promise("P2")(pytest.mark.promise("P4")(AnyOrder.TestCase))
