// SPDX-License-Identifier: MIT
// 256 functions, each with data of its own and eight references to others: a module about as big
// as a driver with its libraries, for measuring what a birth costs.
#include "randomizer/linker/test/sample.h"

#define FOUR(M, x)    M(x##0) M(x##1) M(x##2) M(x##3)
#define SIXTEEN(M, x) FOUR(M, x##0) FOUR(M, x##1) FOUR(M, x##2) FOUR(M, x##3)
#define ALL(M)        SIXTEEN(M, 0) SIXTEEN(M, 1) SIXTEEN(M, 2) SIXTEEN(M, 3) \
                      SIXTEEN(M, 4) SIXTEEN(M, 5) SIXTEEN(M, 6) SIXTEEN(M, 7) \
                      SIXTEEN(M, 8) SIXTEEN(M, 9) SIXTEEN(M, a) SIXTEEN(M, b) \
                      SIXTEEN(M, c) SIXTEEN(M, d) SIXTEEN(M, e) SIXTEEN(M, f)

static volatile int shared_one, shared_two, shared_three, shared_four;

// Named by one hexadecimal and two base-4 digits: many_000 .. many_f33.
#define FUNCTION(x) \
    [[gnu::noinline]] static int many_##x(int n) \
    { \
        shared_one += n; \
        shared_two = shared_three; \
        shared_four -= shared_one; \
        if (n > 1000000) { \
            shared_three = shared_one + shared_two; \
        } \
        return (0x##x >> 8) * 16 + (0x##x >> 4 & 3) * 4 + (0x##x & 3) + n; /* 0..255, plus n */ \
    }
ALL(FUNCTION)

int sample_many(int x)
{
    int sum = 0;
#define CALL(x_) sum += many_##x_(x);
    ALL(CALL)
    return sum;
}
