"""Run by a MicroPython: does the named tests of one module and prints a JSON line for each."""

import gc
import io
import json
import sys

folder, module_name = sys.argv[1], sys.argv[2]
names = sys.argv[3:]


def told(error):
    """The traceback as text."""
    text = io.StringIO()
    sys.print_exception(error, text)
    return text.getvalue()


def attempt(function, *arguments):
    """What the call raised, as text, or nothing. A test may fail in any way at all, so every way is caught."""
    try:
        return function(*arguments), ""
    except MemoryError as error:
        return None, "out of memory: " + told(error)
    except Exception as error:  # noqa: BLE001
        return None, told(error)


sys.path.insert(0, folder)
module, trouble = attempt(__import__, module_name)
sys.path.pop(0)
if trouble:
    print(json.dumps({"test": "import", "trouble": trouble}))
else:
    gc.collect()
    print(json.dumps({"test": "import", "trouble": "", "octets": gc.mem_alloc()}))
    for name in names:
        _, trouble = attempt(getattr(module, name))
        gc.collect()
        print(json.dumps({"test": name, "trouble": trouble, "octets": gc.mem_alloc()}))
