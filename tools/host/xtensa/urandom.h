// os.urandom of a machine without a source: the same octets in every run, so that counts repeat.
static mp_obj_t mp_os_urandom(mp_obj_t count_in) {
    static uint32_t state = 2463534242u;
    vstr_t octets;
    vstr_init_len(&octets, mp_obj_get_int(count_in));
    for (size_t i = 0; i < octets.len; ++i) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        octets.buf[i] = state >> 24;
    }
    return mp_obj_new_bytes_from_vstr(&octets);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);
