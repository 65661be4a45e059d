// SPDX-License-Identifier: MIT
// One look at each part of the C library that services use. What it prints is made by itself.
#include "lib/libc/libc.h"
#include "lib/rt/assert.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <search.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

extern char host_log[];

static void check_text(const char *expected, const char *got)
{
    if (strcmp(expected, got) != 0) {
        printf("expected \"%s\", got \"%s\"\n", expected, got);
        rt_assert(false);
    }
}

static void printing(void)
{
    char out[100];
    int length = snprintf(out, sizeof(out), "%d %5s|%-5s|%05u %#x %c %%", -7, "ab", "cd", 42u,
                          255, 'z');
    rt_assert(length == 29);
    check_text("-7    ab|cd   |00042 0xff z %", out);
    snprintf(out, sizeof(out), "%" PRIu64 " %lld %zu %p", UINT64_MAX, -1ll, sizeof(int),
             (void *)0x1234);
    check_text("18446744073709551615 -1 4 0x1234", out);
    snprintf(out, sizeof(out), "%.3f %g %e %.0f", 3.14159, 1e100, 0.00123, 2.5);
    check_text("3.142 1e+100 1.230000e-03 2", out);
    rt_assert(snprintf(out, 5, "too long") == 8);
    check_text("too ", out);
    char *made;
    rt_assert(asprintf(&made, "%s-%d", "made", 1) == 6);
    check_text("made-1", made);
    free(made);
}

static void scanning(void)
{
    int a;
    char word[10];
    double d;
    rt_assert(sscanf("12 hello 2.5e3", "%d %9s %lf", &a, word, &d) == 3);
    rt_assert(a == 12 && d == 2500.0);
    check_text("hello", word);
    char *end;
    rt_assert(strtol("-0x1fz", &end, 0) == -31 && *end == 'z');
    rt_assert(strtoull("18446744073709551615", nullptr, 10) == UINT64_MAX);
    errno = 0;
    rt_assert(strtol("99999999999999999999", nullptr, 10) == LONG_MAX && errno == ERANGE);
    rt_assert(strtod("0.1", nullptr) == 0.1 && atoi("77") == 77);
}

static int by_value(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void sorting(void)
{
    enum { MANY = 1000 };
    static int v[MANY];
    srand(3);
    for (int i = 0; i < MANY; i++) {
        v[i] = rand();
    }
    int wanted = v[500];
    qsort(v, MANY, sizeof(v[0]), by_value);
    for (int i = 1; i < MANY; i++) {
        rt_assert(v[i - 1] <= v[i]);
    }
    rt_assert(*(int *)bsearch(&wanted, v, MANY, sizeof(v[0]), by_value) == wanted);
    void *root = nullptr;
    for (int i = 0; i < MANY; i++) {
        rt_assert(tsearch(&v[i], &root, by_value));
    }
    rt_assert(**(int **)tfind(&wanted, &root, by_value) == wanted);
}

static void strings(void)
{
    char text[50] = "one,two,,three", *rest = text;
    check_text("one", strtok_r(rest, ",", &rest));
    check_text("two", strtok_r(nullptr, ",", &rest));
    check_text("three", strtok_r(nullptr, ",", &rest));
    rt_assert(strstr("haystack", "st") && !strchr("haystack", 'z') && memchr("abc", 'c', 3));
    rt_assert(strcmp("a", "b") < 0 && strncmp("abc", "abd", 2) == 0 && memcmp("abc", "abd", 3) < 0);
    rt_assert(strlen("12345") == 5 && strnlen("12345", 3) == 3 && strspn("aab", "a") == 2);
    rt_assert(isalpha('x') && !isalpha('1') && isspace('\t') && isxdigit('F'));
    rt_assert(toupper('q') == 'Q');
    check_text("No such file or directory", strerror(ENOENT));
    char *copy = strdup("copied");
    check_text("copied", copy);
    free(copy);
}

static void dates(void)
{
    struct tm tm;
    char out[40];
    time_t at = 951782400; // a leap day
    rt_assert(gmtime_r(&at, &tm) && tm.tm_mday == 29 && tm.tm_mon == 1);
    strftime(out, sizeof(out), "%Y-%m-%d %H:%M:%S %a", &tm);
    check_text("2000-02-29 00:00:00 Tue", out);
    rt_assert(mktime(&tm) == at && timegm(&tm) == at);
    libc_set_epoch(1700000000);
    rt_assert(time(nullptr) == 1700000001);
    struct timespec now;
    rt_assert(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    rt_assert(now.tv_sec == 1 && now.tv_nsec == 500000000);
}

static jmp_buf back;

// To nine digits: the last ones are the library's affair.
static void computing(void)
{
    char out[120];
    snprintf(out, sizeof(out), "%.9f %.9f %.9f %.9f", sin(1e6), cos(2), tan(1), atan2(-1, 2));
    check_text("-0.349993502 -0.416146837 1.557407725 -0.463647609", out);
    snprintf(out, sizeof(out), "%.9f %.9f %.9f %g", exp(1), log(10), asin(0.5) + acos(0.25), pow(2, 0.5));
    check_text("2.718281828 2.302585093 1.841714847 1.41421", out);
    rt_assert(pow(3, 20) == 3486784401 && isinf(exp(1000)) && exp(-1000) == 0 && isnan(log(-1)));
    rt_assert(floor(-2.5) == -3 && ceil(2.1) == 3 && fmod(7.5, 2) == 1.5 && sqrt(2) * sqrt(2) > 2);
}

static void jumping(void)
{
    static volatile int rounds;
    int came = setjmp(back);
    if (came < 3) {
        rounds++;
        longjmp(back, came + 1);
    }
    rt_assert(rounds == 3);
}

// What there is no operating system for fails in the ordinary way.
static void refusals(void)
{
    struct stat st;
    errno = 0;
    rt_assert(!fopen("/etc/passwd", "r") && errno == ENOSYS);
    rt_assert(open("/dev/null", O_RDWR) == -1 && stat("/", &st) == -1 && read(0, &st, 1) == -1);
    rt_assert(write(7, "x", 1) == -1 && errno == EBADF);
    rt_assert(!getenv("HOME") && getpid() == 1 && getuid() == 0);
}

static void output(void)
{
    printf("first ");
    printf("line %d\nnext", 1);
    fflush(stdout);
    check_text("first line 1", host_log);
    fprintf(stderr, " one\n");
    check_text("next one", host_log);
    puts("put");
    fflush(stdout);
    check_text("put", host_log);
}

static void options(void)
{
    char *argv[] = {"prog", "-a", "-b", "value", "rest", nullptr};
    optind = 1;
    rt_assert(getopt(5, argv, "ab:") == 'a');
    rt_assert(getopt(5, argv, "ab:") == 'b');
    check_text("value", optarg);
    rt_assert(getopt(5, argv, "ab:") == -1 && optind == 4);
    wchar_t wide;
    rt_assert(mbtowc(&wide, "A", 1) == 1 && wide == L'A' && MB_CUR_MAX == 1);
}

void smoke(void)
{
    printing();
    scanning();
    sorting();
    strings();
    dates();
    computing();
    jumping();
    refusals();
    output();
    options();
    printf("C library: PASSED\n");
    fflush(stdout);
}
