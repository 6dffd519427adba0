/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The guest side of the bench: the kernels of the translator's design, each a loop that is repeated until 150 ms have
 * passed, the best of four slices counted. Prints "K name ns-per-unit checksum". As the first process of a guest it
 * mounts what it needs, runs all kernels when the kernel command line says bench.run, and powers off.
 */

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t seed = 88172645463325252u;

static uint64_t
rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static uint64_t
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

#define MIB (1u << 20)
static uint8_t buffer_a[4 * MIB], buffer_b[4 * MIB];

static uint64_t
k_integer(void)
{
    uint64_t a = 1, b = 2;

    for (int i = 0; i < 100000; i++) {
        a = a * 6364136223846793005u + b;
        b ^= a >> 29;
        b = (b << 7) + (a & 0xff);
    }
    return a ^ b;
}

static uint64_t
k_divide(void)
{
    uint64_t sum = 0, v = 0x123456789abcdefu;

    for (uint64_t i = 3; i < 20003; i++) {
        sum += v / i + v % (i + 7);
    }
    return sum;
}

static uint64_t
k_sha256(void)
{
    static uint32_t w[64];
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

#define ROR(x, n) ((x) >> (n) | (x) << (32 - (n)))
    for (int block = 0; block < 64; block++) {
        uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], k = h[7];

        for (int i = 0; i < 16; i++) {
            w[i] = (uint32_t)(block * 16 + i) * 2654435761u;
        }
        for (int i = 16; i < 64; i++) {
            uint32_t x = w[i - 15], y = w[i - 2];

            w[i] = w[i - 16] + w[i - 7] + (ROR(x, 7) ^ ROR(x, 18) ^ x >> 3) + (ROR(y, 17) ^ ROR(y, 19) ^ y >> 10);
        }
        for (int i = 0; i < 64; i++) {
            uint32_t t1 = k + (ROR(e, 6) ^ ROR(e, 11) ^ ROR(e, 25)) + ((e & f) ^ (~e & g)) + 0x428a2f98u + i + w[i];
            uint32_t t2 = (ROR(a, 2) ^ ROR(a, 13) ^ ROR(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));

            k = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += k;
    }
    return (uint64_t)h[0] << 32 | h[7];
}

static void
quick(int *v, int low, int high)
{
    while (low < high) {
        int pivot = v[(low + high) / 2], i = low, j = high;

        while (i <= j) {
            while (v[i] < pivot) {
                i++;
            }
            while (v[j] > pivot) {
                j--;
            }
            if (i <= j) {
                int t = v[i];

                v[i++] = v[j];
                v[j--] = t;
            }
        }
        quick(v, low, j);
        low = i;
    }
}

static uint64_t
k_quicksort(void)
{
    static int v[4096];

    for (int i = 0; i < 4096; i++) {
        v[i] = (i * 7919) ^ (i << 5) % 4093;
    }
    quick(v, 0, 4095);
    return v[100] * 31u + v[4000];
}

static uint64_t
k_sieve(void)
{
    unsigned count = 0, n = 100000;

    memset(buffer_a, 1, n);
    for (unsigned i = 2; i < n; i++) {
        if (buffer_a[i]) {
            count++;
            for (unsigned j = 2 * i; j < n; j += i) {
                buffer_a[j] = 0;
            }
        }
    }
    return count;
}

static uint64_t
k_stream(void)
{
    const uint64_t *p = (const uint64_t *)buffer_b;
    uint64_t sum = 0;

    for (unsigned i = 0; i < sizeof(buffer_b) / 8; i++) {
        sum += p[i];
    }
    return sum;
}

static void **chase_small, **chase_large;

static uint64_t
chase(void **p)
{
    for (int i = 0; i < 50000; i++) {
        p = *p;
    }
    return p != NULL;
}

static void **
make_chase(unsigned nodes, unsigned stride)
{
    char *memory = mmap(NULL, (size_t)nodes * stride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned *order = malloc(nodes * sizeof(*order));

    for (unsigned i = 0; i < nodes; i++) {
        order[i] = i;
    }
    for (unsigned i = nodes - 1; i > 0; i--) {
        unsigned j = rnd() % (i + 1), t = order[i];

        order[i] = order[j];
        order[j] = t;
    }
    for (unsigned i = 0; i < nodes; i++) {
        *(void **)(memory + (size_t)order[i] * stride) = memory + (size_t)order[(i + 1) % nodes] * stride;
    }
    free(order);
    return (void **)memory;
}

static uint64_t
k_chase_l1(void)
{
    return chase(chase_small);
}

static uint64_t
k_chase_pages(void)
{
    return chase(chase_large);
}

static uint64_t
k_bytes(void)
{
    char *s = (char *)buffer_a;
    uint64_t sum = 0;

    for (int i = 0; i < 20000; i++) {
        s[i] = 'a' + i % 23;
    }
    s[20000] = 0;
    for (char *p = s; *p; p++) {
        sum = sum * 31 + (unsigned char)(*p ^ (*p == 'e' ? 0x20 : 0));
    }
    return sum;
}

static unsigned __attribute__((noinline))
fib(unsigned n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t
k_fib(void)
{
    return fib(20);
}

static int
compare(const void *a, const void *b)
{
    return *(const int *)a < *(const int *)b ? -1 : *(const int *)a > *(const int *)b;
}

static uint64_t
k_qsort(void)
{
    static int v[2000];

    for (int i = 0; i < 2000; i++) {
        v[i] = (i * 7919) ^ (i << 5) % 4093;
    }
    qsort(v, 2000, sizeof(v[0]), compare);
    return v[50] * 31u + v[1900];
}

static uint64_t op_sum;
#define OP(n, e)                                                                                   \
    static void __attribute__((noinline)) op##n(unsigned x) { op_sum = (e) + x; }
OP(0, op_sum * 3)
OP(1, op_sum ^ 0x55)
OP(2, op_sum + 17)
OP(3, op_sum >> 1)

static uint64_t
k_table(void)
{
    static void (*const volatile ops[4])(unsigned) = {op0, op1, op2, op3};

    op_sum = 1;
    for (unsigned i = 0; i < 20000; i++) {
        ops[(i * 7 + (i >> 3)) & 3](i);
    }
    return op_sum;
}

static uint64_t
k_goto(void)
{
    static const void *const labels[] = {&&add, &&xor, &&shift, &&jump, &&done};
    static const uint8_t program[] = {0, 1, 2, 0, 1, 0, 2, 3};
    uint64_t acc = 1;
    unsigned pc = 0, left = 4000;

#define NEXT goto *labels[program[pc++]]
    NEXT;
add:
    acc += 12345;
    NEXT;
xor:
    acc ^= acc << 3;
    NEXT;
shift:
    acc = acc >> 1 | acc << 63;
    NEXT;
jump:
    pc = 0;
    if (--left) {
        NEXT;
    }
done:
    return acc;
}

static uint64_t
k_matmul(void)
{
    static double a[48][48], b[48][48], c[48][48];
    double trace = 0;

    for (int i = 0; i < 48; i++) {
        for (int j = 0; j < 48; j++) {
            a[i][j] = i + j * 0.5;
            b[i][j] = i - j * 0.25;
        }
    }
    for (int i = 0; i < 48; i++) {
        for (int j = 0; j < 48; j++) {
            double sum = 0;

            for (int k = 0; k < 48; k++) {
                sum += a[i][k] * b[k][j];
            }
            c[i][j] = sum;
        }
    }
    for (int i = 0; i < 48; i++) {
        trace += c[i][i];
    }
    return (uint64_t)trace;
}

static uint64_t
k_mandelbrot(void)
{
    unsigned inside = 0;

    for (int y = 0; y < 40; y++) {
        for (int x = 0; x < 40; x++) {
            double cr = x / 20.0 - 1.5, ci = y / 20.0 - 1, zr = 0, zi = 0;
            int i = 0;

            while (i < 60 && zr * zr + zi * zi < 4) {
                double t = zr * zr - zi * zi + cr;

                zi = 2 * zr * zi + ci;
                zr = t;
                i++;
            }
            inside += i == 60;
        }
    }
    return inside;
}

typedef float V4 __attribute__((vector_size(16)));

static uint64_t
k_saxpy(void)
{
    V4 *x = (V4 *)buffer_a, *y = (V4 *)buffer_b, s = {0, 0, 0, 0};
    const V4 k = {1.5f, 1.25f, 0.5f, 2.0f};

    for (int i = 0; i < 4096; i++) {
        x[i] = (V4){i, i + 1, i + 2, i + 3};
        y[i] = k * x[i] + (V4){1, 1, 1, 1};
    }
    for (int i = 0; i < 4096; i++) {
        s += y[i] * k;
    }
    memset(buffer_b, 3, sizeof(buffer_b));
    return (uint64_t)(s[0] + s[3]);
}

static uint64_t
k_x87(void)
{
    volatile long double start = 1.000001L;
    long double x = start, sum = 0;

    for (int i = 0; i < 5000; i++) {
        x = x * 1.0000003L + 1.0L / (i + 1);
        sum += sqrtl(x);
    }
    return (uint64_t)sum;
}

static uint64_t
k_memcpy_1m(void)
{
    memcpy(buffer_a, buffer_b, MIB);
    return buffer_a[777];
}

static uint64_t
k_memcpy_72(void)
{
    for (unsigned i = 0; i < 2000; i++) {
        memcpy(buffer_a + (i & 63) * 80, buffer_b + (i & 31) * 96, 64 + (i & 15));
    }
    return buffer_a[100];
}

static uint64_t
k_rep_movsb(void)
{
    void *d = buffer_a;
    const void *s = buffer_b;
    size_t n = 65536;

    __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
    return buffer_a[65535];
}

static uint64_t
k_syscall(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < 500; i++) {
        sum += syscall(SYS_getppid) >= 0;
    }
    return sum;
}

static uint64_t
k_page_fault(void)
{
    char *p = mmap(NULL, 256 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t sum = 0;

    for (int i = 0; i < 256; i++) {
        p[i * 4096] = i;
        sum += p[i * 4096];
    }
    munmap(p, 256 * 4096);
    return sum;
}

static uint64_t
k_fork(void)
{
    pid_t child = fork();

    if (child == 0) {
        _exit(3);
    }
    waitpid(child, NULL, 0);
    return 3;
}

static uint64_t
k_self_modifying(void)
{
    static uint8_t *code;
    uint64_t sum = 0;

    if (!code) {
        code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memcpy(code, "\xb8\0\0\0\0\xc3", 6); /* mov eax, imm32; ret */
    }
    for (uint32_t i = 0; i < 200; i++) {
        memcpy(code + 1, &i, 4);
        sum += ((uint32_t(*)(void))(void *)code)();
    }
    return sum;
}

static const struct {
    const char *name;
    uint64_t (*run)(void);
} kernels[] = {
    {"integer", k_integer},     {"divide", k_divide},         {"sha256", k_sha256},       {"quicksort", k_quicksort},
    {"sieve", k_sieve},         {"stream-sum", k_stream},     {"chase-l1", k_chase_l1},   {"chase-2048-pages", k_chase_pages},
    {"bytes", k_bytes},         {"fib", k_fib},               {"qsort-callback", k_qsort}, {"function-table", k_table},
    {"computed-goto", k_goto},  {"fp-matmul", k_matmul},      {"fp-mandelbrot", k_mandelbrot}, {"fp-saxpy-sse", k_saxpy},
    {"fp-x87", k_x87},          {"memcpy-1m", k_memcpy_1m},   {"memcpy-72", k_memcpy_72}, {"rep-movsb-64k", k_rep_movsb},
    {"null-syscall", k_syscall}, {"page-fault", k_page_fault}, {"fork", k_fork},          {"self-modifying", k_self_modifying},
};

static void
run_all(void)
{
    memset(buffer_b, 3, sizeof(buffer_b));
    chase_small = make_chase(256, 64);
    chase_large = make_chase(2048, 4096);
    for (unsigned i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
        double best = INFINITY;
        uint64_t check = kernels[i].run();

        for (int slice = 0; slice < 4; slice++) {
            uint64_t start = now(), end, n = 0;

            do {
                if (kernels[i].run() != check) {
                    printf("K %s wrong 0\n", kernels[i].name);
                    goto next;
                }
                n++;
                end = now();
            } while (end - start < 150000000);
            best = fmin(best, (double)(end - start) / n);
        }
        printf("K %s %.0f %016" PRIx64 "\n", kernels[i].name, best, check);
        fflush(stdout);
    next:;
    }
}

int
main(void)
{
    static char line[4096];
    FILE *f;

    if (getpid() != 1) {
        run_all();
        return 0;
    }
    mkdir("/proc", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    printf("\nREADY\n");
    fflush(stdout);
    f = fopen("/proc/cmdline", "r");
    if (f && fgets(line, sizeof(line), f) && strstr(line, "bench.run")) {
        run_all();
        printf("END\n");
        fflush(stdout);
    }
    reboot(RB_POWER_OFF);
    return 0;
}
