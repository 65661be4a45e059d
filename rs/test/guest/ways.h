// SPDX-License-Identifier: MIT
// How the victim can be asked to die; 0 is not to die at all.
#pragma once

enum way {
    WAY_NONE,
    WAY_NULL,
    WAY_JUMP_TO_DATA,
    WAY_WRITE_CODE,
    WAY_DEEP,
    WAY_DIVIDE,
    WAY_PRIVILEGED,
    WAY_LOST_FRAME,
    WAY_ASSERT,
    WAY_EXIT,
    WAY_LOOP,
    WAY_WAIT,
    WAY_POISON, // at every delivery
    WAY_PARKED, // when it has parked the request
    WAY_READ_BEFORE_WRITE, // three mistakes with memory, each fatal in the usual environment only
    WAY_WRITE_BEYOND,
    WAY_USE_AFTER_FREE,
    WAY_STARTING, // when it has given the request up for now, and begins to fetch what is missing
};
