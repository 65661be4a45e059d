// SPDX-License-Identifier: MIT
// The groups of measurements; each is one file.
#pragma once

void bench_messages(void); // system calls, IPC, notifications, grants
void bench_memory(void);   // map, unmap, protect, page supply
void bench_tasks(void);    // threads, tasks, faults
void bench_interrupt(void);
void bench_files(void);
void bench_recovery(void);
