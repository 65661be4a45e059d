// SPDX-License-Identifier: MIT
// What all generated dispatchers share: refusing a request and filling in its answer.
// A refused request leaves nothing behind: all words of the answer are 0.
#pragma once
#include "lib/rt/rt.h"
#include "lib/rt/sys.h"
#include "lib/rt/undo_log.h"

enum { ERRNO_IO = 5 }; // Linux number of EIO

// An error without a number is a mistake of the handler; the caller must not take it for success.
[[maybe_unused]] static inline uint64_t errno_word(int err)
{
    return err > 0 ? (uint64_t)err : ERRNO_IO;
}

// The request is the event loop's own and dies with it. A request that is given up for now has to be found as it came,
// but here the handler has returned and cannot give it up any more: nothing for the undo log.
static inline void answer_words(struct request *rq, const uint64_t words[IPC_WORDS])
{
    UNDO_DEVICE uint64_t *answer = UNDO_DEVICE_AT(rq->m.w);
    for (int i = 0; i < IPC_WORDS; i++) {
        answer[i] = words[i];
    }
}

// The words of an error are 0: what stood there is the caller's own, or the handler's half-made result.
// A request that was parked is no longer ours.
static inline enum status answer_error(struct request *rq, enum status status)
{
    if (status != STATUS_PENDING) {
        answer_words(rq, (uint64_t[IPC_WORDS]){0});
    }
    return status;
}

[[maybe_unused]] static inline enum status answer_errno(struct request *rq, enum status status,
                                                        int err)
{
    if (status == ERR_ERRNO) {
        answer_words(rq, (uint64_t[IPC_WORDS]){errno_word(err)});
        return status;
    }
    return answer_error(rq, status);
}

// The cold path of every check. A handle that came along stays in rq->m, where the event loop closes it.
__attribute__((noinline, cold, unused)) static enum status refuse(struct request *rq,
                                                                  enum status status)
{
    return answer_error(rq, status);
}

// While a handler runs, the handle that came with the request is the handler's.
[[maybe_unused]] static inline handle_t take_over(struct request *rq)
{
    handle_t handle = rq->m.handle;
    rq->m.handle = HANDLE_NONE;
    return handle;
}

// A handler that failed did not take it: back to the event loop, which closes it.
[[maybe_unused]] static inline void give_back(struct request *rq, enum status status,
                                              handle_t handle)
{
    if (status != OK && status != STATUS_PENDING) {
        rq->m.handle = handle;
    }
}

// The handle is there; is it of the right type, with all of these rights?
[[maybe_unused]] static enum status check_handle(const struct request *rq, uint32_t type,
                                                 uint32_t rights)
{
    struct handle_info info;
    enum status status = sys_handle_info(rq->m.handle, &info);
    if (status != OK) {
        return status;
    }
    if (info.type != type) {
        return ERR_TYPE;
    }
    return (info.rights & rights) == rights ? OK : ERR_RIGHTS;
}
