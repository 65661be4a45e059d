// SPDX-License-Identifier: MIT
/*
 * lxbench: small static measuring program for a Linux guest under QEMU TCG.
 *
 * Every result line is
 *     B <name> n=<ops per batch> min=<ticks/op> med=<ticks/op> ns=<ns/op of the median batch>
 * where a tick is one TSC count.  Under "-icount shift=0" a tick is exactly one
 * executed guest instruction; without -icount it is one host TSC count.
 * Bulk transfers add  MBs=<MiB/s by CLOCK_MONOTONIC>.
 *
 * usage: lxbench cpu | fs DIR TAG [MIB] | lo | http N PATH | net | tsc
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 7
typedef uint64_t u64;

static inline u64 tsc(void)
{
    uint32_t l, h;
    __asm__ volatile("lfence; rdtsc" : "=a"(l), "=d"(h) :: "memory");
    return ((u64)h << 32) | l;
}
static u64 now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000000000ull + (u64)t.tv_nsec;
}
static void die(const char *m) { perror(m); exit(1); }
static int cmp(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return x < y ? -1 : x > y;
}

/* Run fn(n, arg) BATCHES times (after one warm-up) and report ticks per op. */
static void bench(const char *name, long n, void (*fn)(long, void *), void *arg)
{
    u64 v[BATCHES], w[BATCHES];
    fn(n, arg);
    for (int i = 0; i < BATCHES; i++) {
        u64 a = now_ns(), t = tsc();
        fn(n, arg);
        v[i] = tsc() - t;
        w[i] = now_ns() - a;
    }
    qsort(v, BATCHES, sizeof v[0], cmp);
    qsort(w, BATCHES, sizeof w[0], cmp);
    printf("B %-34s n=%ld min=%.1f med=%.1f ns=%.1f\n", name, n, (double)v[0] / n,
           (double)v[BATCHES / 2] / n, (double)w[BATCHES / 2] / n);
    fflush(stdout);
}
static void bulk(const char *name, u64 bytes, u64 ticks, u64 ns)
{
    printf("B %-34s bytes=%lu ticks_per_KiB=%.1f MBs=%.2f\n", name, bytes,
           (double)ticks / ((double)bytes / 1024), (double)bytes / 1048576 / ((double)ns / 1e9));
    fflush(stdout);
}

/* ---- cpu ------------------------------------------------------------- */
static void f_empty(long n, void *a) { (void)a; for (long i = 0; i < n; i++) __asm__ volatile(""); }
static void f_getpid(long n, void *a) { (void)a; for (long i = 0; i < n; i++) syscall(SYS_getpid); }
static void f_yield(long n, void *a) { (void)a; for (long i = 0; i < n; i++) syscall(SYS_sched_yield); }
static void f_read0(long n, void *a)
{
    char c;
    for (long i = 0; i < n; i++) if (read(*(int *)a, &c, 1) != 1) die("read zero");
}
static void f_selfpipe(long n, void *a)
{
    int *p = a; char c = 1;
    for (long i = 0; i < n; i++) if (write(p[1], &c, 1) != 1 || read(p[0], &c, 1) != 1) die("selfpipe");
}
struct pp { int rd, wr; size_t len; };
static void xfer(int fd, char *b, size_t len, int wr)
{
    while (len) {
        ssize_t r = wr ? write(fd, b, len) : read(fd, b, len);
        if (r <= 0) exit(0);
        b += r; len -= (size_t)r;
    }
}
static void f_rt(long n, void *a)
{
    struct pp *p = a; static char b[65536];
    for (long i = 0; i < n; i++) { xfer(p->wr, b, p->len, 1); xfer(p->rd, b, p->len, 0); }
}
static void roundtrip(const char *name, int sock, int type, size_t len, long n)
{
    int a[2], b[2]; struct pp p;
    if (sock) {
        if (socketpair(AF_UNIX, type, 0, a)) die("socketpair");
        b[0] = a[0]; b[1] = a[1];
    } else if (pipe(a) || pipe(b)) die("pipe");
    pid_t k = fork();
    if (k < 0) die("fork");
    if (!k) {
        static char buf[65536];
        int in = sock ? a[1] : a[0], out = sock ? a[1] : b[1];
        if (sock) close(a[0]); else { close(a[1]); close(b[0]); }
        for (;;) { xfer(in, buf, len, 0); xfer(out, buf, len, 1); }
    }
    p.wr = sock ? a[0] : a[1]; p.rd = sock ? a[0] : b[0]; p.len = len;
    if (sock) close(a[1]); else { close(a[0]); close(b[1]); }
    bench(name, n, f_rt, &p);
    close(p.wr); if (!sock) close(p.rd);
    waitpid(k, 0, 0);
}
static _Atomic int turn;
static void fwait(int v) { syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, v, 0, 0, 0); }
static void fwake(void) { syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0); }
static void *futex_peer(void *a)
{
    (void)a;
    for (;;) {
        while (turn == 0) fwait(0);
        if (turn == 2) return 0;
        turn = 0; fwake();
    }
}
static void f_futex(long n, void *a)
{
    (void)a;
    for (long i = 0; i < n; i++) { turn = 1; fwake(); while (turn == 1) fwait(1); }
}
static void f_fork(long n, void *a)
{
    (void)a;
    for (long i = 0; i < n; i++) {
        pid_t k = fork();
        if (k < 0) die("fork");
        if (!k) _exit(0);
        waitpid(k, 0, 0);
    }
}
static void f_forkexec(long n, void *a)
{
    char *av[] = { a, 0 }, *ev[] = { 0 };
    for (long i = 0; i < n; i++) {
        pid_t k = fork();
        if (k < 0) die("fork");
        if (!k) { execve(a, av, ev); _exit(127); }
        int st; waitpid(k, &st, 0);
        if (!WIFEXITED(st) || WEXITSTATUS(st)) { fprintf(stderr, "exec %s failed\n", (char *)a); exit(1); }
    }
}
static void f_vforkexec(long n, void *a)
{
    char *av[] = { a, 0 }, *ev[] = { 0 };
    for (long i = 0; i < n; i++) {
        pid_t k = vfork();
        if (k < 0) die("vfork");
        if (!k) { execve(a, av, ev); _exit(127); }
        waitpid(k, 0, 0);
    }
}
static void *thr(void *a) { return a; }
static void f_thread(long n, void *a)
{
    for (long i = 0; i < n; i++) {
        pthread_t t;
        if (pthread_create(&t, 0, thr, a)) die("pthread");
        pthread_join(t, 0);
    }
}
static void f_mmap(long n, void *a)
{
    (void)a;
    for (long i = 0; i < n; i++) {
        void *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) die("mmap");
        munmap(p, 4096);
    }
}
static void f_mmaptouch(long n, void *a)
{
    (void)a;
    for (long i = 0; i < n; i++) {
        volatile char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *p = 1; munmap((void *)p, 4096);
    }
}
static void f_fault(long n, void *a)      /* mmap once, touch n pages, munmap: per page */
{
    (void)a;
    volatile char *p = mmap(0, (size_t)n * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise((void *)p, (size_t)n * 4096, MADV_NOHUGEPAGE);
    for (long i = 0; i < n; i++) p[i * 4096] = 1;
    munmap((void *)p, (size_t)n * 4096);
}
static void f_touch(long n, void *a)
{
    volatile char *p = a;
    madvise(a, (size_t)n * 4096, MADV_DONTNEED);
    for (long i = 0; i < n; i++) p[i * 4096] = 1;
}
static void on_sig(int s) { (void)s; }
static void f_sig(long n, void *a) { (void)a; for (long i = 0; i < n; i++) syscall(SYS_kill, getpid(), SIGUSR1); }
static void f_protsig(long n, void *a) { (void)a; for (long i = 0; i < n; i++) { mprotect(a, 4096, PROT_READ); mprotect(a, 4096, PROT_READ | PROT_WRITE); } }

static void cpu(void)
{
    int z = open("/dev/zero", O_RDONLY), p[2]; pthread_t t;
    if (z < 0 || pipe(p)) die("setup");
    bench("empty_loop", 10000, f_empty, 0);
    bench("getpid", 10000, f_getpid, 0);
    bench("read_dev_zero_1B", 5000, f_read0, &z);
    bench("sched_yield_alone", 5000, f_yield, 0);
    bench("pipe_self_write+read_1B", 3000, f_selfpipe, p);
    roundtrip("pipe_roundtrip_1B", 0, 0, 1, 2000);
    roundtrip("pipe_roundtrip_32B", 0, 0, 32, 2000);
    roundtrip("pipe_roundtrip_4096B", 0, 0, 4096, 1000);
    roundtrip("unix_stream_roundtrip_1B", 1, SOCK_STREAM, 1, 2000);
    roundtrip("unix_stream_roundtrip_4096B", 1, SOCK_STREAM, 4096, 1000);
    roundtrip("unix_seqpacket_roundtrip_32B", 1, SOCK_SEQPACKET, 32, 2000);
    if (pthread_create(&t, 0, futex_peer, 0)) die("pthread");
    bench("futex_roundtrip_threads", 2000, f_futex, 0);
    turn = 2; fwake(); pthread_join(t, 0);
    struct sigaction sa; memset(&sa, 0, sizeof sa); sa.sa_handler = on_sig; sigaction(SIGUSR1, &sa, 0);
    bench("signal_self_handler", 2000, f_sig, 0);
    bench("thread_create+join", 200, f_thread, 0);
    bench("fork+exit+wait", 50, f_fork, 0);
    bench("fork+exec_tiny_static+wait", 50, f_forkexec, "/bin/tiny");
    bench("vfork+exec_tiny_static+wait", 50, f_vforkexec, "/bin/tiny");
    bench("fork+exec_busybox_true+wait", 30, f_forkexec, "/bin/true");
    bench("mmap+munmap_4K", 2000, f_mmap, 0);
    bench("mmap+touch+munmap_4K", 2000, f_mmaptouch, 0);
    bench("anon_fault_in_4MiB_map(per page)", 1024, f_fault, 0);
    void *m = mmap(0, 1024 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(m, 1024 * 4096, MADV_NOHUGEPAGE);
    bench("madv_dontneed+fault(per page)", 1024, f_touch, m);
    bench("mprotect_ro+rw_4K", 2000, f_protsig, m);
}

/* ---- fs -------------------------------------------------------------- */
static char fbuf[65536];
static void drop(void)
{
    sync();
    int f = open("/proc/sys/vm/drop_caches", O_WRONLY);
    if (f >= 0) { if (write(f, "3\n", 2) != 2) perror("drop_caches"); close(f); }
}
static void step(const char *tag, const char *what, long n, u64 t, u64 ns)
{
    char nm[64]; snprintf(nm, sizeof nm, "%s_%s", tag, what);
    printf("B %-34s n=%ld ticks=%.1f ns=%.1f per_s=%.0f\n", nm, n, (double)t / n, (double)ns / n, n / ((double)ns / 1e9));
    fflush(stdout);
}
static void fs(const char *dir, const char *tag, long mib)
{
    char p[256], nm[64]; u64 t, a; int f; long n = 1000; struct stat st;
    u64 bytes = (u64)mib << 20;
    memset(fbuf, 'x', sizeof fbuf);
    snprintf(p, sizeof p, "%s/big", dir);
    for (int round = 0; round < 2; round++) {       /* round 0 creates, round 1 overwrites */
        a = now_ns(); t = tsc();
        f = open(p, O_RDWR | O_CREAT, 0644); if (f < 0) die(p);
        for (u64 i = 0; i < bytes; i += sizeof fbuf) if (write(f, fbuf, sizeof fbuf) != sizeof fbuf) die("write");
        u64 t1 = tsc(), a1 = now_ns();
        snprintf(nm, sizeof nm, "%s_write64K_%s_nosync", tag, round ? "overwrite" : "new"); bulk(nm, bytes, t1 - t, a1 - a);
        fsync(f);
        snprintf(nm, sizeof nm, "%s_write64K_%s_fsync", tag, round ? "overwrite" : "new"); bulk(nm, bytes, tsc() - t, now_ns() - a);
        close(f);
    }
    drop();
    for (int round = 0; round < 3; round++) {
        f = open(p, O_RDONLY); a = now_ns(); t = tsc();
        for (u64 i = 0; i < bytes; i += sizeof fbuf) if (read(f, fbuf, sizeof fbuf) != sizeof fbuf) die("read");
        snprintf(nm, sizeof nm, "%s_read64K_%s", tag, round ? "cached" : "cold"); bulk(nm, bytes, tsc() - t, now_ns() - a);
        close(f);
    }
    f = open(p, O_RDWR); a = now_ns(); t = tsc(); unsigned s = 1;
    for (long i = 0; i < 5000; i++) { s = s * 1103515245u + 12345u; if (pread(f, fbuf, 4096, (off_t)((s >> 8) % (bytes / 4096)) * 4096) != 4096) die("pread"); }
    step(tag, "pread4K_random_cached", 5000, tsc() - t, now_ns() - a);
    a = now_ns(); t = tsc();
    for (long i = 0; i < 100; i++) { if (pwrite(f, fbuf, 4096, i * 4096) != 4096) die("pwrite"); fsync(f); }
    step(tag, "pwrite4K+fsync", 100, tsc() - t, now_ns() - a);
    close(f); unlink(p); sync();
    snprintf(p, sizeof p, "%s/d", dir); mkdir(p, 0755);
    for (int round = 0; round < 2; round++) {
        size_t sz = round ? 1024 : 0;
        a = now_ns(); t = tsc();
        for (long i = 0; i < n; i++) {
            snprintf(p, sizeof p, "%s/d/f%ld", dir, i);
            f = open(p, O_WRONLY | O_CREAT | O_EXCL, 0644); if (f < 0) die(p);
            if (sz && write(f, fbuf, sz) != (ssize_t)sz) die("write");
            close(f);
        }
        step(tag, round ? "create+write1K+close" : "create_empty+close", n, tsc() - t, now_ns() - a);
        a = now_ns(); t = tsc();
        for (long i = 0; i < n; i++) { snprintf(p, sizeof p, "%s/d/f%ld", dir, i); if (stat(p, &st)) die("stat"); }
        step(tag, "stat", n, tsc() - t, now_ns() - a);
        if (round) {
            for (int c = 0; c < 2; c++) {
                if (!c) drop();
                a = now_ns(); t = tsc();
                for (long i = 0; i < n; i++) { snprintf(p, sizeof p, "%s/d/f%ld", dir, i); f = open(p, O_RDONLY); if (f < 0 || read(f, fbuf, 4096) != 1024) die("or"); close(f); }
                step(tag, c ? "open+read1K+close_cached" : "open+read1K+close_cold", n, tsc() - t, now_ns() - a);
            }
            snprintf(p, sizeof p, "%s/d/f0", dir); a = now_ns(); t = tsc();
            for (long i = 0; i < n; i++) { f = open(p, O_RDONLY); if (f < 0 || read(f, fbuf, 4096) != 1024) die("or"); close(f); }
            step(tag, "open+read1K+close_samefile", n, tsc() - t, now_ns() - a);
        }
        a = now_ns(); t = tsc();
        for (long i = 0; i < n; i++) { snprintf(p, sizeof p, "%s/d/f%ld", dir, i); if (unlink(p)) die("unlink"); }
        step(tag, "unlink", n, tsc() - t, now_ns() - a);
    }
}

/* ---- tcp ------------------------------------------------------------- */
static int listen_on(int port)
{
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = INADDR_ANY };
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, (struct sockaddr *)&sa, sizeof sa) || listen(s, 64)) die("listen");
    return s;
}
static int dial(int port)
{
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (connect(s, (struct sockaddr *)&sa, sizeof sa)) die("connect");
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return s;
}
static void f_conn(long n, void *a) { (void)a; char c; for (long i = 0; i < n; i++) { int s = dial(5002); shutdown(s, SHUT_WR); while (read(s, &c, 1) > 0) {} close(s); } }
static void serve(int l, int until_q)
{
    static char b[65536]; int one = 1;
    for (;;) {
        int c = accept(l, 0, 0); char op; uint64_t n;
        if (c < 0) continue;
        setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (read(c, &op, 1) != 1) { close(c); continue; }
        if (op == 'S') { xfer(c, (char *)&n, 8, 0); while (n) { size_t k = n < sizeof b ? n : sizeof b; xfer(c, b, k, 1); n -= k; } }
        else if (op == 'D') { xfer(c, (char *)&n, 8, 0); while (n) { ssize_t r = read(c, b, sizeof b); if (r <= 0) break; n -= (size_t)r; } xfer(c, "k", 1, 1); }
        else if (op == 'P') { char x; while (read(c, &x, 1) == 1) if (write(c, &x, 1) != 1) break; }
        else if (op == 'Q' && until_q) { close(c); return; }
        close(c);
    }
}
static void lo(void)
{
    int l = listen_on(5002); pid_t k = fork();
    if (!k) { serve(l, 1); _exit(0); }
    close(l);
    u64 n = 64ull << 20; char c;
    for (int r = 0; r < 3; r++) {
        int s = dial(5002); xfer(s, "D", 1, 1); u64 a = now_ns(), t = tsc(); xfer(s, (char *)&n, 8, 1);
        for (u64 i = 0; i < n; i += sizeof fbuf) xfer(s, fbuf, sizeof fbuf, 1);
        xfer(s, &c, 1, 0); bulk("tcp_loopback_64K_writes", n, tsc() - t, now_ns() - a); close(s);
    }
    int s = dial(5002); xfer(s, "P", 1, 1); struct pp p = { s, s, 1 };
    bench("tcp_loopback_roundtrip_1B", 500, f_rt, &p); close(s);
    bench("tcp_loopback_connect+close", 100, f_conn, 0);
    s = dial(5002); xfer(s, "Q", 1, 1); close(s); waitpid(k, 0, 0);
}
static const char *hpath;
static void f_http(long n, void *a)
{
    (void)a; static char b[65536]; char rq[256];
    int m = snprintf(rq, sizeof rq, "GET %s HTTP/1.0\r\nHost: x\r\n\r\n", hpath);
    for (long i = 0; i < n; i++) {
        int s = dial(80); size_t got = 0; ssize_t r;
        xfer(s, rq, (size_t)m, 1);
        while ((r = read(s, b, sizeof b)) > 0) got += (size_t)r;
        if (got < 100) { fprintf(stderr, "short reply %zu\n", got); exit(1); }
        close(s);
    }
}

int main(int c, char **v)
{
    if (c < 2) return 2;
    signal(SIGPIPE, SIG_IGN);
    if (!strcmp(v[1], "cpu")) cpu();
    else if (!strcmp(v[1], "fs") && c >= 4) fs(v[2], v[3], c > 4 ? atol(v[4]) : 64);
    else if (!strcmp(v[1], "lo")) lo();
    else if (!strcmp(v[1], "http") && c >= 4) { hpath = v[3]; bench("http_get_in_guest_loopback", atol(v[2]), f_http, 0); }
    else if (!strcmp(v[1], "net")) { int l = listen_on(5001); printf("NETREADY\n"); fflush(stdout); serve(l, 1); }
    else if (!strcmp(v[1], "tsc")) printf("TSC %lu\n", tsc());
    else return 2;
    return 0;
}
