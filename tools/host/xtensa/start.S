// Reset, stack, and the divisions that the LX106's library would do in software: the chip has instructions for them.
    .section .reset, "ax"
    .align 4
    j 1f
    .align 4
2:  .word _start
    .align 4
1:  l32r a0, 2b
    jx a0

    .section .text.start, "ax"
    .align 4
    .literal_position
    .global _start
_start:
    movi a1, 0x63fff000
    movi a2, 0x20          // no windows, no exception mode
    wsr a2, ps
    rsync
    movi a0, 0
    call0 main

    // quou, quos, remu, rems a2, a2, a3 (the assembler for the LX106 does not know them)
    .align 4
    .global __udivsi3, __divsi3, __umodsi3, __modsi3
__udivsi3:
    .byte 0x30, 0x22, 0xc2
    ret
    .align 4
__divsi3:
    .byte 0x30, 0x22, 0xd2
    ret
    .align 4
__umodsi3:
    .byte 0x30, 0x22, 0xe2
    ret
    .align 4
__modsi3:
    .byte 0x30, 0x22, 0xf2
    ret

    .section .rodata
    .align 4
    .global rom_start, rom_end
rom_start:
    .incbin "rom.img"
rom_end:
