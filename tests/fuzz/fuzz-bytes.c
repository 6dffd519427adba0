/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Entry for fuzzers that choose the bytes: EMU_FUZZ_DEVICE names the type.
 *
 * libFuzzer calls LLVMFuzzerTestOneInput (link with clang -fsanitize=fuzzer); without it main() runs the files given, which is
 * what AFL wants (afl-fuzz -i in -o out -- fuzz-bytes @@) and how a find is replayed.
 */

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static Fuzz *fuzz;
    const char *type = g_getenv("EMU_FUZZ_DEVICE");
    g_autoptr(GError) error = NULL;
    FuzzInput in;

    fuzz_input_init_bytes(&in, data, len);
    if (!fuzz) {
        fuzz = fuzz_new(type ? type : "isa-fdc", &in, &error);
        if (!fuzz) {
            g_error("%s", error->message);
        }
    }
    fuzz->in = in;
    while (!fuzz_input_ended(&fuzz->in)) {
        fuzz_step(fuzz);
    }
    fuzz_settle(fuzz);
    return 0;
}

#ifndef EMU_LIBFUZZER
int
main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        g_autofree char *data = NULL;
        g_autoptr(GError) error = NULL;
        gsize len;

        if (!g_file_get_contents(argv[i], &data, &len, &error)) {
            g_printerr("%s\n", error->message);
            return 1;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)data, len);
    }
    return 0;
}
#endif
