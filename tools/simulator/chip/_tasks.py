"""asyncio's TaskQueue and Task in Python, put in the place of the C ones, which stamp tasks with the real clock.

Tasks of one moment run in the order in which they were pushed.
"""

from time import ticks_diff, ticks_ms

alive = 0  # tasks that began and have not ended


class TaskQueue:
    """Tasks sorted by the tick at which they run."""

    def __init__(self):
        self._tasks = []

    def peek(self):
        """The next task, or None."""
        return self._tasks[0] if self._tasks else None

    def push(self, task, ticks=None):
        """Run `task` at `ticks` (now when None)."""
        task.data = None
        task.ph_key = key = ticks_ms() if ticks is None else ticks
        tasks = self._tasks
        at = len(tasks)
        while at and ticks_diff(tasks[at - 1].ph_key, key) > 0:
            at -= 1
        tasks.insert(at, task)

    def pop(self):
        """Take the next task."""
        return self._tasks.pop(0)

    def remove(self, task):
        """Take `task` out."""
        self._tasks.remove(task)


class Task:
    """A coroutine on its way. `state`: True while nobody waits for it, a queue of waiters, or falsy when done."""

    def __init__(self, coro, globals=None):
        global alive
        alive += 1
        self.coro = coro
        self.data = None
        self._state = True
        self.ph_key = 0
        self._globals = globals

    @property
    def state(self):
        """As above."""
        return self._state

    @state.setter
    def state(self, state):
        global alive
        if self._state and not state:
            alive -= 1
        self._state = state

    def __iter__(self):
        if not self.state:
            self.state = False  # its exception will be raised in the awaiting task
        elif self.state is True:
            self.state = TaskQueue()
        elif type(self.state) is not TaskQueue:
            raise RuntimeError("can't wait")
        return self

    def __next__(self):
        if not self.state:
            raise self.data
        waiting = self._globals["cur_task"]
        self.state.push(waiting)
        waiting.data = self

    def done(self):
        """Whether it has ended."""
        return not self.state

    def cancel(self):
        """Raise CancelledError in it; False when it has ended."""
        if not self.state:
            return False
        asyncio = self._globals
        if self is asyncio["cur_task"]:
            raise RuntimeError("can't cancel self")
        task = self
        while isinstance(task.data, Task):
            task = task.data
        queue = asyncio["_task_queue"]
        if hasattr(task.data, "remove"):
            task.data.remove(task)
            queue.push(task)
        elif ticks_diff(task.ph_key, ticks_ms()) > 0:
            queue.remove(task)
            queue.push(task)
        task.data = asyncio["CancelledError"]
        return True
