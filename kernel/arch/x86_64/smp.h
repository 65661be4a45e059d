// SPDX-License-Identifier: MIT
#pragma once

// Starts all other processors; those that do not answer are left out. Sets cpu_count.
void smp_start(void);
