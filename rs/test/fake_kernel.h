// SPDX-License-Identifier: MIT
// What the played kernel (fake_kernel.c) has for the played runtime (fake.c).
#pragma once
#include "rs/test/fake.h"

void *fake_kept(void *memory); // from malloc; freed by fake_kernel_end. Returns it
void fake_kernel_end(void);    // forgets all handles
enum status fake_close(uint64_t handle); // ends the test if it is not open
uint64_t fake_badge_of(handle_t port);
extern handle_t fake_to_write; // the checkpoint's memory that was installed last
