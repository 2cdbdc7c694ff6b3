// Mounts the ROMFS that is linked in at /rom and runs /rom/program.mpy. Console and end go by semihosting.
#include <string.h>

#include "py/builtin.h"
#include "py/compile.h"
#include "py/gc.h"
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/persistentcode.h"
#include "py/runtime.h"
#include "py/stackctrl.h"
#include "extmod/vfs.h"
#include "extmod/vfs_rom.h"

#define STACK_TOP (0x63fff000)
#define STACK_OCTETS (200000)

extern char _bss_start[], _bss_end[];
extern const unsigned char rom_start[], rom_end[];

static char heap[HEAP_OCTETS];
static char exec_area[64 * 1024];
static size_t exec_used;

static const char start[] =
    "import sys\n"
    "sys.path[:] = ['/rom']\n"
    "import program\n";

// The simulator's call: SIMCALL, number in a2, arguments in a3 to a5 (binutils for the LX106 do not know its name).
static int simcall(int number, int one, int two, int three) {
    register int a2 __asm__ ("a2") = number;
    register int a3 __asm__ ("a3") = one;
    register int a4 __asm__ ("a4") = two;
    register int a5 __asm__ ("a5") = three;
    __asm__ volatile (".byte 0x00, 0x51, 0x00" : "+r" (a2), "+r" (a3) : "r" (a4), "r" (a5) : "memory");
    return a2;
}

mp_uint_t mp_hal_stdout_tx_strn(const char *text, size_t length) {
    simcall(4, 1, (int)text, length);
    return length;
}

void mp_hal_stdout_tx_str(const char *text) {
    mp_hal_stdout_tx_strn(text, strlen(text));
}

void mp_hal_stdout_tx_strn_cooked(const char *text, size_t length) {
    mp_hal_stdout_tx_strn(text, length);
}

int mp_hal_stdin_rx_chr(void) {
    return 0;
}

static MP_NORETURN void end(int code) {
    simcall(1, code, 0, 0);
    for (;;) {
    }
}

// As on the ESP32, machine code lies outside the heap and is never freed.
void *exec_commit(void *octets, size_t length, void *relocate) {
    length = (length + 3) & ~3;
    if (exec_used + length > sizeof(exec_area)) {
        m_malloc_fail(length);
    }
    char *to = exec_area + exec_used;
    exec_used += length;
    if (relocate) {
        mp_native_relocate(relocate, octets, (uintptr_t)to);
    }
    memcpy(to, octets, length);
    return to;
}

// Ticks of the cycle counter, modulo 2^29, so that they are no objects on the heap: with -icount shift=0 one instruction
// takes 1 ns, one tick 25 ns.
static mp_obj_t xt_ticks(void) {
    uint32_t ticks;
    __asm__ volatile ("rsr %0, ccount" : "=r" (ticks));
    return MP_OBJ_NEW_SMALL_INT(ticks & 0x1fffffff);
}
static MP_DEFINE_CONST_FUN_OBJ_0(xt_ticks_obj, xt_ticks);

// A loop of three instructions, to tell what a tick is.
static mp_obj_t xt_loop(mp_obj_t count_in) {
    int count = mp_obj_get_int(count_in);
    __asm__ volatile ("1: addi %0, %0, -1\n nop\n bnez %0, 1b" : "+r" (count));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(xt_loop_obj, xt_loop);

static mp_obj_t xt_code_octets(void) {
    return mp_obj_new_int(exec_used);
}
static MP_DEFINE_CONST_FUN_OBJ_0(xt_code_octets_obj, xt_code_octets);

static const mp_rom_map_elem_t xt_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_xt) },
    { MP_ROM_QSTR(MP_QSTR_ticks), MP_ROM_PTR(&xt_ticks_obj) },
    { MP_ROM_QSTR(MP_QSTR_loop), MP_ROM_PTR(&xt_loop_obj) },
    { MP_ROM_QSTR(MP_QSTR_code_octets), MP_ROM_PTR(&xt_code_octets_obj) },
};
static MP_DEFINE_CONST_DICT(xt_globals, xt_globals_table);
const mp_obj_module_t xt_module = { .base = { &mp_type_module }, .globals = (mp_obj_dict_t *)&xt_globals };
MP_REGISTER_MODULE(MP_QSTR_xt, xt_module);

static void mount_rom(void) {
    mp_obj_t image = mp_obj_new_memoryview('B', rom_end - rom_start, (void *)rom_start);
    mp_obj_t arguments[2] = {
        mp_call_function_1(MP_OBJ_FROM_PTR(&mp_type_vfs_rom), image),
        mp_obj_new_str("/rom", 4),
    };
    mp_map_t none;
    mp_map_init(&none, 0);
    mp_vfs_mount(2, arguments, &none);
}

int main(void) {
    memset(_bss_start, 0, _bss_end - _bss_start);
    mp_stack_ctrl_init();
    mp_stack_set_limit(STACK_OCTETS);
    gc_init(heap, heap + sizeof(heap));
    mp_init();
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mount_rom();
        mp_lexer_t *lexer = mp_lexer_new_from_str_len(MP_QSTR__lt_stdin_gt_, start, sizeof(start) - 1, 0);
        mp_parse_tree_t tree = mp_parse(lexer, MP_PARSE_FILE_INPUT);
        mp_call_function_0(mp_compile(&tree, MP_QSTR__lt_stdin_gt_, false));
        nlr_pop();
        end(0);
    }
    mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(nlr.ret_val));
    end(1);
}

void gc_collect(void) {
    __builtin_unwind_init(); // every register onto the stack
    uint32_t top;
    __asm__ volatile ("mov %0, a1" : "=r" (top));
    gc_collect_start();
    gc_collect_root((void **)top, (STACK_TOP - top) / sizeof(void *));
    gc_collect_end();
}

void nlr_jump_fail(void *value) {
    mp_hal_stdout_tx_str("an exception that nobody catches\n");
    end(1);
}

void __assert_func(const char *file, int line, const char *function, const char *expression) {
    mp_hal_stdout_tx_str(expression);
    end(1);
}
