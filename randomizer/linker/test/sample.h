// SPDX-License-Identifier: MIT
// A module that tries itself out: every kind of reference that the compiler makes between
// functions and data. The linker's tests link it at random places and call sample_check().
#pragma once
#include <stdint.h>

// 0 if every reference leads where it should, else the number of the check that failed.
int sample_check(void);

int sample_other(int x);            // in the second file, which has statics of the same names
extern const char *sample_words[4]; // pointers in data
extern uint8_t sample_big[1 << 20]; // zero-filled, gets its pages lazily
int sample_absent(void) __attribute__((weak)); // defined nowhere
extern int sample_absent_datum __attribute__((weak));

int sample_many(int x);      // reaches all of many.c
enum { SAMPLE_MANY = 256 };  // functions there
