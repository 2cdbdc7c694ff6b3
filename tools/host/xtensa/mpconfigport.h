// MicroPython for QEMU's Xtensa "sim" machine: the language of the chip's builds, and a ROMFS to run from.
#include <alloca.h>
#include <stddef.h>
#include <stdint.h>

#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)
#define MICROPY_ENABLE_COMPILER (1)
#define MICROPY_ENABLE_GC (1)
#define MICROPY_ERROR_REPORTING (MICROPY_ERROR_REPORTING_DETAILED)
#define MICROPY_ALLOC_PATH_MAX (128)
#define MICROPY_LONGINT_IMPL (MICROPY_LONGINT_IMPL_MPZ)
#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_NONE)
#define MICROPY_HELPER_REPL (0)
#define MICROPY_KBD_EXCEPTION (0)
#define MICROPY_ENABLE_SCHEDULER (0)

// Debian's compiler is for the LX106 and its call0 convention; the ESP32-S3 has register windows.
#define MICROPY_EMIT_XTENSA (1)
#define MICROPY_PERSISTENT_CODE_LOAD (1)
void *exec_commit(void *octets, size_t length, void *relocate);
#define MP_PLAT_COMMIT_EXEC(octets, length, relocate) exec_commit(octets, length, relocate)

#define MICROPY_VFS (1)
#define MICROPY_VFS_ROM (1)
#define MICROPY_VFS_ROM_IOCTL (0)
#define MICROPY_READER_VFS (1)
#define MICROPY_PY_OS (1)
#define MICROPY_PY_OS_DUPTERM (0)
#define MICROPY_PY_OS_UNAME (0)
#define MICROPY_PY_OS_SYNC (0)
#define MICROPY_PY_OS_URANDOM (1)
#define MICROPY_PY_OS_INCLUDEFILE "urandom.h"
#define MICROPY_PY_HASHLIB (1)
#define MICROPY_PY_HASHLIB_SHA256 (1)
#define MICROPY_PY_BINASCII (1)
#define MICROPY_PY_DEFLATE (0)
#define MICROPY_PY_SYS_PLATFORM "qemu-xtensa"
#define MICROPY_PY_SYS_STDFILES (0)
#define MICROPY_PY_ASYNCIO (0)
#define MICROPY_PY_BUILTINS_HELP (0)
#define MICROPY_PY_BUILTINS_INPUT (0)
#define MICROPY_PY_FRAMEBUF (0)
#define MICROPY_PY_HEAPQ (0)
#define MICROPY_PY_JSON (1)
#define MICROPY_PY_MACHINE (0)
#define MICROPY_PY_RANDOM (0)
#define MICROPY_PY_RE (0)
#define MICROPY_PY_SELECT (0)
#define MICROPY_PY_SSL (0)
#define MICROPY_PY_TIME (0)
#define MICROPY_PY_UCTYPES (0)

#define MICROPY_HW_BOARD_NAME "sim"
#define MICROPY_HW_MCU_NAME "xtensa"
#define MP_STATE_PORT MP_STATE_VM
#define MP_SSIZE_MAX (0x7fffffff)
typedef int32_t mp_int_t;
typedef uint32_t mp_uint_t;
typedef long mp_off_t;
