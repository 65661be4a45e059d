// SPDX-License-Identifier: MIT
// The groups of measurements; each is one file.
#pragma once

void bench_messages(void); // system calls, IPC, notifications, grants
void bench_memory(void);   // map, unmap, protect, page supply
void bench_tasks(void);    // threads, tasks, faults
void bench_interrupt(void);
void bench_files(void);
void bench_recovery(void);
void bench_move(void); // planned moves; rebirths of services with much state
void bench_kill(void); // files while their driver dies
void bench_block(void); // the disk driver alone
void bench_moving(void); // files while every service is moved all the time

struct subject;
// Deaths of a service and what they cost; figures are named WHO_recovery_….
void recovery_of(struct subject *s, const char *who);
