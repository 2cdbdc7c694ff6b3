"""P-256's field in machine code (viper): numbers in limbs of 14 bits, worked on by programs of four octets a step.

Imported only where the emitter is present (p256_native.py); `.mpy` files of it are compiled for one processor. On an
ESP32 machine code is never freed before the next start, so this file stays once it is loaded; it keeps no state.

The workspace is one bytearray: 192 octets for products and for inversion, then slots of 19 limbs, 16 bits each, lowest
first. Slot 0 is none. Products are Montgomery's (R = 2^266): since p is -1 modulo 2^96, the next quotient digit is the
lowest limb itself, and its multiple of p is three shifted sums and one difference. A slot holds less than 32 p, for
which nothing here overflows 32 bits, signed or not; nothing is ever reduced further, so no step depends on a number's
size.
The time of every function depends on its program alone: no branch and no address comes from a limb. (On the ESP32 a
multiplication takes one cycle whatever its operands.) The same lines run with 64-bit integers.

MicroPython 1.25 and older miscompile such long loops for Xtensa: it takes mpy-cross 1.26 or newer.
"""

import micropython


@micropython.viper
def run(T: ptr32, k: uint, program: ptr8, octets: int):
    """Do each step (d, a, b, c) of `program`: d = a b / R when c is 0, else d = a + b - c.

    In a difference b is a multiple of p whose limbs are too large to be borrowed from (p256_native.py makes them).
    T and k come first because viper keeps the first two names in registers.
    """
    slots = int(T) + 154  # 192 less one slot, since 0 is none
    end = int(program) + octets
    while int(program) < end:
        d = ptr16(slots + program[0] * 38)
        a = ptr16(slots + program[1] * 38)
        b = ptr16(slots + program[2] * 38)
        k = uint(0)
        if program[3]:
            c = ptr16(slots + program[3] * 38)
            k = k + a[0] + b[0] - c[0]
            d[0] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[1] + b[1] - c[1]
            d[1] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[2] + b[2] - c[2]
            d[2] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[3] + b[3] - c[3]
            d[3] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[4] + b[4] - c[4]
            d[4] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[5] + b[5] - c[5]
            d[5] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[6] + b[6] - c[6]
            d[6] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[7] + b[7] - c[7]
            d[7] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[8] + b[8] - c[8]
            d[8] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[9] + b[9] - c[9]
            d[9] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[10] + b[10] - c[10]
            d[10] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[11] + b[11] - c[11]
            d[11] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[12] + b[12] - c[12]
            d[12] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[13] + b[13] - c[13]
            d[13] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[14] + b[14] - c[14]
            d[14] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[15] + b[15] - c[15]
            d[15] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[16] + b[16] - c[16]
            d[16] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[17] + b[17] - c[17]
            d[17] = k & uint(0x3FFF)
            k = k >> 14
            k = k + a[18] + b[18] - c[18]
            d[18] = k & uint(0x3FFF)
            k = k >> 14
        else:
            # Columns 16 .. 36 get ahead what makes up for the differences below: in all 2^518, taken back at the end.
            T = ptr32(slots - 154)
            T[0] = 0
            T[1] = 0
            T[2] = 0
            T[3] = 0
            T[4] = 0
            T[5] = 0
            T[6] = 0
            T[7] = 0
            T[8] = 0
            T[9] = 0
            T[10] = 0
            T[11] = 0
            T[12] = 0
            T[13] = 0
            T[14] = 0
            T[15] = 0
            T[16] = 0x4000
            T[17] = 0x3FFF
            last = int(T) + 4 * 11
            while True:
                k = uint(a[0])
                T[0] = b[0] * k + T[0]
                T[1] = b[1] * k + T[1]
                T[2] = b[2] * k + T[2]
                T[3] = b[3] * k + T[3]
                T[4] = b[4] * k + T[4]
                T[5] = b[5] * k + T[5]
                T[6] = b[6] * k + T[6]
                T[7] = b[7] * k + T[7]
                T[8] = b[8] * k + T[8]
                T[9] = b[9] * k + T[9]
                T[10] = b[10] * k + T[10]
                T[11] = b[11] * k + T[11]
                T[12] = b[12] * k + T[12]
                T[13] = b[13] * k + T[13]
                T[14] = b[14] * k + T[14]
                T[15] = b[15] * k + T[15]
                T[16] = b[16] * k + T[16]
                T[17] = b[17] * k + T[17]
                T[18] = b[18] * k + 0x3FFF
                # Add k p, which makes the lowest column a multiple of 2^14: p = 2^256 - 2^224 + 2^192 + 2^96 - 1.
                k = uint(T[0]) & uint(0x3FFF)
                T[1] = (uint(T[0]) >> 14) + T[1]
                T[6] = (k << 12) + T[6]
                T[13] = (k << 10) + T[13]
                T[16] = uint(T[16]) - k
                T[18] = (k << 4) + T[18]
                T = ptr32(int(T) + 4)
                a = ptr16(int(a) + 2)
                if int(T) == last:
                    if last == slots - 154 + 4 * 19:
                        break
                    # After 11 rows the columns that will have had more than 15 products hand on what they have.
                    last += 4 * 8
                    i = 4
                    while i < 12:
                        k = uint(T[i])
                        T[i] = k & uint(0x3FFF)
                        i += 1
                        T[i] = (k >> 14) + T[i]
            k = uint(0)
            k = k + uint(T[0])
            d[0] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[1])
            d[1] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[2])
            d[2] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[3])
            d[3] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[4])
            d[4] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[5])
            d[5] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[6])
            d[6] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[7])
            d[7] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[8])
            d[8] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[9])
            d[9] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[10])
            d[10] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[11])
            d[11] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[12])
            d[12] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[13])
            d[13] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[14])
            d[14] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[15])
            d[15] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[16])
            d[16] = k & uint(0x3FFF)
            k = k >> 14
            k = k + uint(T[17])
            d[17] = k & uint(0x3FFF)
            k = k >> 14
            d[18] = k - 1
        program = ptr8(int(program) + 4)


@micropython.viper
def split(octets: ptr8, workspace: ptr8, slot: int):
    """Put a number of 34 octets, lowest first, into a slot (its lowest 266 bits)."""
    limbs = ptr16(int(workspace) + 154 + slot * 38)
    i = 0
    while i < 19:
        at = 14 * i
        bits = octets[at >> 3] | octets[(at >> 3) + 1] << 8
        if i < 18:
            bits |= octets[(at >> 3) + 2] << 16
        limbs[i] = (bits >> (at & 7)) & 0x3FFF
        i += 1


@micropython.viper
def join(workspace: ptr8, slot: int, octets: ptr8):
    """Write a slot as 34 octets, lowest first."""
    limbs = ptr16(int(workspace) + 154 + slot * 38)
    kept = 0
    bits = 0
    i = 0
    at = 0
    while i < 19:
        kept |= limbs[i] << bits
        bits += 14
        while bits >= 8:
            octets[at] = kept
            kept = kept >> 8
            bits -= 8
            at += 1
        i += 1
    octets[at] = kept


@micropython.viper
def entry(digits: ptr8, column: int, program: ptr8, y: int, minus: int) -> int:
    """Return which point of a column is to be read from the table.

    Bits `column`, `column` + 32 … `column` + 224 of the digits (32 octets, lowest first) say which; the highest says
    whether it is added or its negative, noted in the program: the octet `y` becomes `minus`, less one to add.
    """
    digits = ptr8(int(digits) + (column >> 3))
    column &= 7
    bits = (digits[0] >> column) & 1
    bits |= ((digits[4] >> column) & 1) << 1
    bits |= ((digits[8] >> column) & 1) << 2
    bits |= ((digits[12] >> column) & 1) << 3
    bits |= ((digits[16] >> column) & 1) << 4
    bits |= ((digits[20] >> column) & 1) << 5
    bits |= ((digits[24] >> column) & 1) << 6
    positive = (digits[28] >> column) & 1
    program[y] = minus - positive
    return (bits ^ (positive - 1)) & 127


@micropython.viper
def invert(T: ptr16, k: int, slot: int, modulus: int, inverse: int):
    """Put 1 / slot modulo the (odd, 256-bit) number in slot `modulus` in place of it, plus up to two moduli.

    `inverse` is 1 / modulus modulo 2^14. 602 division steps in batches of 14, always the same ones (Bernstein and Yang,
    "Fast constant-time gcd computation and modular inversion", with delta in halves: 590 are enough for 256 bits).
    In the workspace, limb after limb: the modulus, f, g, d, e; their highest limbs have a sign and are kept + 2^14.
    """
    workspace = int(T)
    x = ptr16(workspace + 154 + slot * 38)
    m = ptr16(workspace + 154 + modulus * 38)
    i = 0
    while i < 19:
        T[0] = m[i]
        T[19] = m[i]
        T[38] = x[i]
        T[57] = 0
        T[76] = 0
        T = ptr16(int(T) + 2)
        i += 1
    T = ptr16(workspace)
    T[37] = T[37] + 0x4000
    T[56] = T[56] + 0x4000
    T[75] = 0x4000
    T[94] = 0x4000
    T[76] = 1
    zeta = -1
    batch = 0
    while batch < 43:
        # 14 steps need the lowest 14 bits of f and g alone; they add up to a matrix (u v; q r) / 2^14.
        u = 1
        v = 0
        q = 0
        r = 1
        f = int(T[19])
        k = int(T[38])
        i = 0
        while i < 14:
            c = zeta >> 31
            odd = 0 - (k & 1)
            k += ((f ^ c) - c) & odd
            q += ((u ^ c) - c) & odd
            r += ((v ^ c) - c) & odd
            c &= odd
            zeta = (zeta ^ c) - 1
            f += k & c
            u = (u + (q & c)) << 1
            v = (v + (r & c)) << 1
            k = k >> 1
            i += 1
        # f and g times the matrix: the lowest 14 bits become 0 and fall away.
        f = int(T[19])
        k = int(T[38])
        c = (u * f + v * k) >> 14
        d = (q * f + r * k) >> 14
        i = 1
        while i < 19:
            T = ptr16(int(T) + 2)
            f = int(T[19])
            k = int(T[38])
            if i == 18:
                f -= 0x4000
                k -= 0x4000
            c += u * f + v * k
            d += q * f + r * k
            T[18] = c & 0x3FFF
            T[37] = d & 0x3FFF
            c = c >> 14
            d = d >> 14
            i += 1
        T[19] = c + 0x4000
        T[38] = d + 0x4000
        T = ptr16(workspace)
        # d and e likewise, with the multiple of the modulus that makes the lowest bits 0; -2 m < d, e < m.
        f = (int(T[75]) - 0x4000) >> 31
        g = (int(T[94]) - 0x4000) >> 31
        a = (u & f) + (v & g)
        b = (q & f) + (r & g)
        f = int(T[57])
        g = int(T[76])
        c = u * f + v * g
        d = q * f + r * g
        a -= (inverse * c + a) & 0x3FFF
        b -= (inverse * d + b) & 0x3FFF
        k = int(T[0])
        c = (c + k * a) >> 14
        d = (d + k * b) >> 14
        i = 1
        while i < 19:
            T = ptr16(int(T) + 2)
            f = int(T[57])
            g = int(T[76])
            k = int(T[0])
            if i == 18:
                f -= 0x4000
                g -= 0x4000
            c += u * f + v * g + k * a
            d += q * f + r * g + k * b
            T[56] = c & 0x3FFF
            T[75] = d & 0x3FFF
            c = c >> 14
            d = d >> 14
            i += 1
        T[57] = c + 0x4000
        T[76] = d + 0x4000
        T = ptr16(workspace)
        batch += 1
    # f is 1 or -1, and the inverse is f d; 2 m makes it positive.
    f = (int(T[37]) - 0x4000) >> 31
    T[75] = T[75] - 0x4000
    c = 0
    i = 0
    while i < 19:
        c += ((int(T[57]) ^ f) - f) + (int(T[0]) << 1)
        x[i] = c & 0x3FFF
        c = c >> 14
        T = ptr16(int(T) + 2)
        i += 1
